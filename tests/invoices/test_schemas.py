"""The schema of FA(3) that is written here is the ministry's: the same structure, verdicts and sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
from lxml import etree

from ksef_mock.core.xsd import Schema
from ksef_mock.core.xsd.grammar import Any, Element, Grammar, Group, Part, Particle
from ksef_mock.ksef.invoices.forms import FA3, FORMS, Form
from ksef_mock.ksef.invoices.schemas import Schemas
from ksef_mock.ksef.invoices.schemas.notation import schemas
from tests.invoices.mutations import VALUES, mutations
from tests.third_party.dotnet_validator import needs_dotnet, sentences

OFFICIAL = Path(__file__).resolve().parents[3] / "shared" / "ksef"

needs_official = pytest.mark.skipif(
    not OFFICIAL.is_dir(), reason=f"the ministry's schemas are not in {OFFICIAL}"
)
SAMPLES = (
    "fa-3.xml",
    "fa-3-with-attachment.xml",
    "fa-3-with-custom-Subject2.xml",
    "fa-3-with-custom-Subject3.xml",
)
#: What stands for placeholders; a NIP where nothing does.
FILLED = {
    "buyer_reference": "ref",
    "compliant": "urn:cen.eu:en16931:2017#compliant#",
    "due_date": "2026-02-01",
    "extended": "",
    "iban": "PL61109010140000071219812874",
    "invoice_number": "1",
    "issue_date": "2026-01-02",
    "ksef_number": "5265877635-20250826-0100001AF629-AF",
}


@cache
def official(form: Form = FA3) -> Schema:
    schema = Schemas(OFFICIAL / "schemas").of(form)
    assert schema is not None
    return schema


@cache
def ours() -> Schema:
    schema = Schemas().of(FA3)
    assert schema is not None
    return schema


def sample(name: str) -> bytes:
    """One of the ministry's invoices, its placeholders filled in."""
    text = (OFFICIAL / "invoices" / name).read_text("utf-8")
    return re.sub("#([a-zA-Z_]+)#", lambda match: FILLED.get(match[1], "5265877635"), text).encode()


def judged(schema: Schema, document: bytes) -> list[str]:
    return [fault.message for fault in schema.faults(etree.fromstring(document))]


def described(grammar: Grammar, particle: Particle) -> object:
    """A content model as data, single sequences in one another dissolved."""
    if isinstance(particle, Any):
        return particle.namespaces, particle.least, particle.most
    if isinstance(particle, Element):
        return particle.qname, particle.least, particle.most, value_of(grammar, particle.declaration)
    parts = list(flattened(particle))
    if len(parts) == 1 and (particle.least, particle.most) == (1, 1):
        return described(grammar, parts[0])
    return particle.kind, particle.least, particle.most, [described(grammar, part) for part in parts]


def flattened(group: Group) -> Iterator[Particle]:
    for part in group.particles:
        plain = isinstance(part, Group) and (part.least, part.most, part.kind) == (1, 1, group.kind)
        yield from flattened(part) if plain and isinstance(part, Group) else (part,)


def value_of(grammar: Grammar, declaration: Part) -> object:
    simple = grammar.simple_type(declaration)
    steps = [sorted(step) for step in simple.steps]
    attributes = [
        (name, part.node.get("use"), value_of(grammar, part))
        for name, part in grammar.attributes(declaration).items()
    ]
    name = None if simple.builtin == "anyType" else simple.name  # .NET never names a type of content
    return name, simple.builtin, steps, declaration.node.get("fixed"), attributes


def walked(schema: Schema, root: str) -> dict[str, object]:
    """Every element of a schema by its path, with its content model and type."""
    grammar = schema.grammar
    found: dict[str, object] = {}
    declaration = grammar.root(root)
    assert declaration is not None
    pending = [(root, declaration)]
    while pending:
        path, part = pending.pop()
        model = grammar.content(part)
        found[path] = described(grammar, model), value_of(grammar, part)
        for leaf in leaves(model):
            if isinstance(leaf, Element):
                pending.append((f"{path}/{leaf.qname.rpartition('}')[2]}", leaf.declaration))
    return found


def leaves(particle: Particle) -> Iterator[Particle]:
    if isinstance(particle, Group):
        for part in particle.particles:
            yield from leaves(part)
    else:
        yield particle


@needs_official
def test_the_structure_is_the_ministrys() -> None:
    expected = walked(official(), FA3.tag)
    assert walked(ours(), FA3.tag) == expected
    assert len(expected) > 400


@needs_official
@pytest.mark.parametrize("name", SAMPLES)
def test_verdicts_and_sentences_are_those_of_the_ministrys_schema(name: str) -> None:
    verdicts = []
    values = VALUES[SAMPLES.index(name) :: 16]
    for document in islice(mutations(sample(name), values), 0, None, 1 + 2 * ("attachment" in name)):
        expected = judged(official(), document)
        assert judged(ours(), document) == expected, document.decode()
        verdicts.append(not expected)
    assert len(verdicts) > 500
    assert verdicts[0]
    assert 50 < sum(verdicts) < len(verdicts) - 500  # each verdict was seen


@needs_official
@needs_dotnet
def test_the_sentences_are_dotnets(tmp_path: Path) -> None:
    documents = list(mutations(sample("fa-3.xml")))[::11]
    told = sentences(
        OFFICIAL / "schemas" / FA3.schema, documents, tmp_path, OFFICIAL / "schemas" / "FA" / "bazowe"
    )
    for document, expected in zip(documents, told, strict=True):
        escaped = [text.replace("\\", "\\\\").replace("\n", "\\n") for text in judged(ours(), document)]
        assert escaped == expected, document.decode()


@needs_official
@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("FA2", "fa-2.xml"),
        ("FA_RR", "fa-rr-1.xml"),
        ("PEF", "fa-3-pef.xml"),
        ("PEF", "fa-3-pef-with-attachment.xml"),
        ("PEF_KOR", "fa-3-pef-correction.xml"),
    ],
)
def test_the_ministrys_folder_brings_the_other_forms(form: str, name: str) -> None:
    (chosen,) = (each for each in FORMS if each.name == form)
    document = sample(name)
    assert judged(official(chosen), document) == []
    assert judged(official(chosen), document.replace(b"</", b"<Other/></", 1))


def test_forms_without_a_schema_have_none() -> None:
    assert [form.name for form in FORMS if Schemas().of(form) is not None] == ["FA3"]


def test_a_folder_without_schemas_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds none of the ministry's schemas"):
        Schemas(tmp_path)


@pytest.mark.parametrize(
    "line",
    ["something urn:x", "element Root\n      Far xs:string", "simple A xs:string !", "element Root\n  ???"],
)
def test_what_is_not_in_the_notation_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match="not understood"):
        schemas(f"namespace urn:x\n{line}")
