"""What the mock lacks or has too many of, compared with an OpenAPI document: `python -m tests.api_diff FILE`.

Compared are operations (who may call them, how often), members and bounds of the bodies, enumerations, and
the codes and texts in the tables of the document. The mock's side is read from its code: the table of
operations, the models of bodies, which name their schema ("OpenAPI: …"), and the texts in its modules. What
concerns only operations that the mock does not simulate is left out, but for the operations themselves.

Exit code 0: nothing but what is `KNOWN`; 1: differences, a line each; 2: no document.
"""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

import ksef_mock
from ksef_mock.app import create_app
from ksef_mock.core.bodies import Body
from ksef_mock.core.codes import DESCRIPTIONS
from ksef_mock.gateway.endpoints import simulated
from ksef_mock.gateway.operations import API_VERSION, OPERATIONS
from ksef_mock.ksef.limits.limits import RATE_LIMITS, UNLIMITED, Rate

Document = Mapping[str, Any]
Schema = Mapping[str, Any]

_NUMBERS = {"min_length": "minLength", "max_length": "maxLength", "ge": "minimum", "le": "maximum"}
_OF_LISTS = {"min_length": "minItems", "max_length": "maxItems"}


@dataclass(frozen=True, order=True)
class Difference:
    """One point in which mock and document differ."""

    area: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.area}: {self.where}: {self.what}"


#: Differences that are meant: what begins so, and why.
KNOWN = {
    "enum: AuthenticationMethodCategory: the mock lacks NationalNode": "no foreign node is simulated",
    "bound: BatchFileInfo.fileSize: maximum": "a rule of the whole request, which names it without its path",
    "text: 400 21161: the mock has 'Przekroczono dozwoloną liczbę części pakietów.'": "an official client's",
}


def differences(document: Document) -> list[Difference]:
    """All differences, known or not, in order."""
    found = {*_versions(document), *_operations(document), *_bodies(document), *_enums(document)}
    return sorted({*found, *_codes(document), *_texts(document)})


def _simulated(document: Document) -> Iterator[Schema]:
    """The document's word on the operations that the mock simulates, and on those it knows nothing of."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if (method.upper(), path) not in _unsimulated():
                yield operation


@cache
def _unsimulated() -> Collection[tuple[str, str]]:
    covered = simulated(create_app().routes)
    return {(operation.method, operation.path) for operation in OPERATIONS if operation not in covered}


def _schemas(document: Document) -> dict[str, Schema]:
    """The schemas to which these operations lead."""
    found: dict[str, Schema] = {}
    waiting: list[Any] = list(_simulated(document))
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            waiting += node.values()
            name = str(node.get("$ref", "")).rpartition("/")[2]
            if name and name not in found:
                found[name] = document["components"]["schemas"][name]
                waiting.append(found[name])
    return found


def known(difference: Difference) -> str | None:
    """Why a difference is meant; None: it is not."""
    return next((why for start, why in KNOWN.items() if str(difference).startswith(start)), None)


# ---- operations


def _versions(document: Document) -> Iterator[Difference]:
    found = re.search(r"\*\*Wersja API:\*\* (\S+)", document["info"].get("description", ""))
    if found is not None and found[1] != API_VERSION:
        yield Difference("version", "API", f"the document has {found[1]}, the mock {API_VERSION}")


def _operations(document: Document) -> Iterator[Difference]:
    documented = {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    ours = {(operation.method, operation.path): operation for operation in OPERATIONS}
    yield from _names("operation", "API", map(" ".join, ours), map(" ".join, documented))
    for key in ours.keys() & documented.keys():
        operation, described = ours[key], documented[key]
        sides = {
            "permissions": (operation.any_of, tuple(described.get("x-required-permissions", ()))),
            "bearer token": (operation.bearer, "security" in described),
            "rate limit": (
                getattr(RATE_LIMITS, operation.group),
                _rate(described.get("x-rate-limits", {})),
            ),
        }
        for name, (mine, its) in sides.items():
            if mine != its:
                yield Difference(
                    "operation", str(operation), f"{name}: the mock has {mine}, the document {its}"
                )


def _rate(limits: Mapping[str, int]) -> Rate:
    return Rate(*(limits.get(name, UNLIMITED) for name in ("perSecond", "perMinute", "perHour")))


# ---- bodies and enumerations


@cache
def models() -> Mapping[str, type[msgspec.Struct]]:
    """The models of bodies by the names of their schemas."""
    _import_all()
    found: dict[str, type[msgspec.Struct]] = {}
    waiting: list[type[msgspec.Struct]] = [*Body.__subclasses__()]
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        named = re.match(r"OpenAPI: ([A-Z]\w+(?:, [A-Z]\w+)*)\b", model.__doc__ or "")
        if named is not None and model.__module__.startswith("ksef_mock."):
            found |= dict.fromkeys(named[1].split(", "), model)
    return found


def _import_all() -> None:
    """Modules that say what the API has; not those of the command line, which start what they import."""
    for module in pkgutil.walk_packages(ksef_mock.__path__, "ksef_mock."):
        if module.name.startswith(("ksef_mock.ksef.", "ksef_mock.core.", "ksef_mock.api.")):
            importlib.import_module(module.name)


def _bodies(document: Document) -> Iterator[Difference]:
    schemas = document["components"]["schemas"]
    for name, model in models().items():
        if name not in schemas:
            yield Difference("schema", name, "the mock has a model of it, the document does not")
            continue
        documented = _properties(schemas[name], schemas)
        described_by_us = inspect.type_info(model)
        assert isinstance(described_by_us, inspect.StructType)
        fields = {field.encode_name: field for field in described_by_us.fields}
        yield from _names("member", name, fields, documented)
        for member in fields.keys() & documented.keys():
            field, described = fields[member], documented[member]
            yield from _bounds(f"{name}.{member}", field.type, _whole(described, schemas))


def _bounds(where: str, kind: inspect.Type, described: Schema) -> Iterator[Difference]:
    """Bounds that both sides state; what only the document states may be a rule of the mock's elsewhere."""
    if isinstance(kind, inspect.Metadata):
        kind = kind.type
    of_list = isinstance(kind, inspect.ListType)
    for attribute, keyword in (_OF_LISTS if of_list else _NUMBERS).items():
        mine, its = getattr(kind, attribute, None), described.get(keyword)
        if mine is not None and its is not None and mine != its:
            yield Difference("bound", where, f"{keyword}: the mock has {mine}, the document {its}")


def _properties(schema: Schema, schemas: Mapping[str, Schema]) -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    for part in schema.get("allOf", ()):
        found |= _properties(_whole(part, schemas), schemas)
    return {**found, **schema.get("properties", {})}


def _whole(schema: Schema, schemas: Mapping[str, Schema]) -> Schema:
    """A schema with what it refers to."""
    merged: dict[str, Any] = {}
    for part in (schema, *schema.get("allOf", ())):
        if "$ref" in part:
            merged |= _whole(schemas[part["$ref"].rpartition("/")[2]], schemas)
        merged |= {key: value for key, value in part.items() if key != "$ref"}
    return merged


def _enums(document: Document) -> Iterator[Difference]:
    schemas = _schemas(document)
    chosen: dict[str, tuple[str, ...]] = {}
    for model in models().values():
        for extra in _extras(inspect.type_info(model)):
            chosen |= {extra["dotnet"]: extra["values"]} if "values" in extra else {}
            chosen |= {member["dotnet"]: member["values"] for member in extra.get("members", {}).values()}
    for name, values in chosen.items():
        if name in schemas and "enum" in schemas[name]:
            yield from _names("enum", name, values, schemas[name]["enum"])
    for name, schema in schemas.items():
        if name not in chosen:
            for value in schema.get("enum", ()):
                if str(value) not in _strings():
                    yield Difference("enum", name, f"the mock lacks {value}")


def _extras(kind: Any) -> Iterator[Mapping[str, Any]]:
    """What the annotations of a model say of its members."""
    if isinstance(kind, inspect.Metadata):
        yield kind.extra or {}
        yield from _extras(kind.type)
    elif isinstance(kind, inspect.StructType):
        for field in kind.fields:
            yield from _extras(field.type)
    elif isinstance(kind, inspect.CollectionType):
        yield from _extras(kind.item_type)
    elif isinstance(kind, inspect.UnionType):
        for part in kind.types:
            yield from _extras(part)


# ---- codes and texts


def _codes(document: Document) -> Iterator[Difference]:
    """Exception codes: the tables of all 400 answers."""
    documented: dict[int, set[str]] = {}
    for operation in _simulated(document):
        for code, description, _ in _rows(operation["responses"].get("400", {}).get("description", "")):
            documented.setdefault(int(code), set()).add(description)
    ours = {int(code): description for code, description in DESCRIPTIONS.items()}
    yield from _names("code", "400", ours, documented)
    for number in ours.keys() & documented.keys():
        if ours[number] not in documented[number]:
            its = " or ".join(sorted(documented[number]))
            yield Difference("text", f"400 {number}", f"the mock has {ours[number]!r}, the document {its!r}")


def _texts(document: Document) -> Iterator[Difference]:
    """Descriptions and details of statuses, and reasons: the tables at members of schemas."""
    for name, schema in _schemas(document).items():
        for member, described in schema.get("properties", {}).items():
            for code, *texts in _rows(described.get("description", "")):
                for text in texts:
                    if not _is_said(text):
                        yield Difference("text", f"{name}.{member} {code}", f"the mock lacks {text!r}")


def _rows(text: str) -> Iterator[tuple[str, str, str]]:
    """Code, description and details of each row of the tables of codes in a description."""
    of_codes = False
    for line in text.splitlines():
        cells = [*(cell.strip() for cell in line.strip().strip("|").split("|")), "", ""]
        if cells[0] in ("Code", "ExceptionCode"):
            of_codes = cells[1] in ("Description", "ExceptionDescription", "Opis")
        elif not line.strip().startswith("|"):
            of_codes = False
        elif of_codes and re.fullmatch(r"\d+|[a-z-]*[a-z][a-z-]*", cells[0]):
            yield cells[0], cells[1], cells[2]


def _is_said(text: str) -> bool:
    """Whether the mock has a text; what is between braces may be anything, and parts may be put together."""
    parts = [part.strip(" .()'`") for part in re.split(r"\{[^}]*\}|<br ?/?>", text)]
    return all(part in ("", "-") or part in _all_strings() for part in parts)


@cache
def _strings() -> Collection[str]:
    """The texts in the mock's modules."""
    found: set[str] = set()
    for path in Path(ksef_mock.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


@cache
def _all_strings() -> str:
    return "\n".join(_strings())


def _names(
    area: str, where: str, ours: Iterable[object], documented: Iterable[object]
) -> Iterator[Difference]:
    mine, its = set(ours), set(documented)
    for name in its - mine:
        yield Difference(area, where, f"the mock lacks {name}")
    for name in mine - its:
        yield Difference(area, where, f"the mock has {name} too many")


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not Path(arguments[0]).is_file():
        sys.stderr.write("usage: python -m tests.api_diff OPENAPI.json\n")
        return 2
    found = differences(json.loads(Path(arguments[0]).read_text()))
    new = [difference for difference in found if known(difference) is None]
    sys.stdout.writelines(f"{difference}\n" for difference in new)
    needless = [
        start for start in KNOWN if not any(str(difference).startswith(start) for difference in found)
    ]
    sys.stdout.writelines(f"no longer so: {start}\n" for start in needless)
    sys.stdout.write(f"{len(new)} differences, and {len(found) - len(new)} that are meant\n")
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
