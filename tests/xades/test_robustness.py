"""Whatever the bytes: no exception, and no change of what was signed goes unnoticed."""

from __future__ import annotations

import codecs
import random
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from ksef_mock.xades import Cause, Check, Outcome, Report, read, verify
from ksef_mock.xades.parsing import MAX_NAMESPACES
from tests.xades.signer import (
    C14N,
    ENVELOPED,
    EXC,
    NOW,
    POLICY,
    Signer,
    Transform,
    canonical,
    enveloped_reference,
    properties_reference,
    request_xml,
    without_signature,
)

FORMS = ("enveloped", "enveloping")


@cache
def signed(form: str = "enveloped") -> bytes:
    return Signer(form=form, request=request_xml(policy=POLICY)).sign()


def signed_parts(document: bytes) -> tuple[bytes, ...]:
    """What the signature protects: the request, the signed properties and SignedInfo, canonicalised."""
    root = etree.fromstring(document)
    names = {"ds": "http://www.w3.org/2000/09/xmldsig#", "x": "http://uri.etsi.org/01903/v1.3.2#"}
    (properties,) = root.iterfind(".//x:SignedProperties", names)
    (info,) = root.iterfind(
        "ds:SignedInfo" if root.tag.endswith("}Signature") else "ds:Signature/ds:SignedInfo", names
    )
    content = root.find("ds:Object", names) if root.tag.endswith("}Signature") else without_signature(root)
    assert content is not None
    return tuple(canonical(part, EXC) for part in (content, properties, info))


@settings(max_examples=400)
@given(st.sampled_from(FORMS), st.data())
def test_any_changed_byte_is_noticed_or_changes_nothing_that_is_signed(
    form: str, data: st.DataObject
) -> None:
    document = bytearray(signed(form))
    position = data.draw(st.integers(0, len(document) - 1))
    document[position] = data.draw(st.integers(0, 255))
    report = verify(bytes(document), at=NOW)
    if report.ok:
        assert signed_parts(bytes(document)) == signed_parts(signed(form))


@settings(max_examples=300)
@given(st.sampled_from(FORMS), st.data())
def test_bytes_taken_out_or_put_in_are_noticed_or_change_nothing(form: str, data: st.DataObject) -> None:
    document = signed(form)
    start = data.draw(st.integers(0, len(document)))
    end = data.draw(st.integers(start, min(len(document), start + 200)))
    inserted = data.draw(
        st.sampled_from(
            [b"", b" ", b"\n", b"<!---->", b"<?p?>", b"&#32;", b"</", b'"', b"\xff", b"<a/>", b"0"]
        )
    )
    altered = document[:start] + inserted + document[end:]
    report = verify(altered, at=NOW)
    if report.ok:
        assert signed_parts(altered) == signed_parts(document)


def test_a_transform_that_stands_twice_gets_a_report() -> None:
    transforms = (Transform(ENVELOPED), Transform(ENVELOPED), Transform(EXC))
    document = Signer(references=(enveloped_reference(*transforms), properties_reference())).sign()
    assert verify(document, at=NOW).ok
    report = verify(document.replace(b"Nip>5", b"Nip>6"), at=NOW)
    assert report.failure is not None
    assert report.failure.cause is Cause.WRONG_DIGEST


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_any_bytes_get_a_report(octets: bytes) -> None:
    report = verify(octets, at=NOW)
    assert not report.ok
    assert report.to_dict()["ok"] is False
    assert read(octets).request is None


@settings(max_examples=200)
@given(st.sampled_from(FORMS), st.integers(0, 2**32))
def test_shuffled_elements_get_a_report(form: str, seed: int) -> None:
    """Well-formed documents with elements changed, doubled and dropped; the signature stays what it was."""
    chance = random.Random(seed)
    root = etree.fromstring(signed(form))
    for _ in range(chance.randint(1, 4)):
        elements = list(root.iter("*"))[1:]
        if not elements:
            break
        element = chance.choice(elements)
        kind = chance.randint(0, 3)
        if kind == 0:
            parent = element.getparent()
            assert parent is not None
            parent.remove(element)
        elif kind == 1:
            element.addnext(etree.fromstring(etree.tostring(element, with_tail=False)))
        elif kind == 2:
            element.text = chance.choice(["", "x", "2026-03-01T12:00:00Z", "AAAA", "1"])
        else:
            element.attrib.clear()
    altered = etree.tostring(root)
    report = verify(altered, at=NOW)
    assert report.to_dict()
    if report.ok:
        assert signed_parts(altered) == signed_parts(signed(form))


@settings(max_examples=60)
@given(
    st.sampled_from(["X509Certificate", "SignatureValue", "DigestValue", "SigningTime"]),
    st.binary(max_size=60),
    st.data(),
)
def test_any_content_of_binary_values_gets_a_report(name: str, octets: bytes, data: st.DataObject) -> None:
    root = etree.fromstring(signed())
    element = data.draw(st.sampled_from([each for each in root.iter("*") if str(each.tag).endswith(name)]))
    old = codecs.decode((element.text or "").encode(), "base64") if name != "SigningTime" else b""
    position = data.draw(st.integers(0, len(old)))
    mixed = old[:position] + octets + old[position + len(octets) :]
    element.text = codecs.encode(mixed, "base64").decode()
    verify(etree.tostring(root), at=NOW).to_dict()


def test_a_large_document_gets_its_report() -> None:
    """Nearly a megabyte of elements with Ids, none of them allowed; mistakes are not searched for in it."""
    padding = "".join(f'<a{number} Id="i{number}"/>' for number in range(30_000))
    document = Signer(request=request_xml(policy=padding)).sign()
    report = verify(document, at=NOW)
    assert report.failure is not None
    assert report.facts.references[0].octets is not None
    assert len(report.facts.references[0].octets) > 700_000


@pytest.mark.parametrize("c14n", [C14N, EXC])
def test_many_namespaces_are_no_burden(c14n: str) -> None:
    def report(count: int) -> Report:
        declarations = "".join(f' xmlns:n{number}="urn:{number}"' for number in range(count))
        return verify(Signer(request=request_xml(attributes=declarations), c14n=c14n).sign(), at=NOW)

    assert report(MAX_NAMESPACES - 10).ok
    refused = report(MAX_NAMESPACES + 1).failure
    assert refused is not None
    assert refused.check is Check.WELL_FORMEDNESS


def test_the_outcome_is_never_a_pass_without_a_signature() -> None:
    for document in (request_xml().encode(), b"<a/>", b""):
        outcomes = {result.check: result.outcome for result in verify(document, at=NOW).results}
        assert Outcome.FAILED in outcomes.values()
