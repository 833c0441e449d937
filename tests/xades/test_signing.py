"""The signer: accepted by our verifier and by xmlsec1, in every style; refused once changed."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest
from lxml import etree

from ksef_mock.clock import Clock
from ksef_mock.crypto.pki import Pki, person
from ksef_mock.xades import Check, verify
from ksef_mock.xades.algorithms import DIGESTS, SIGNATURES, Ecdsa, Forbidden
from ksef_mock.xades.canonical import METHODS
from ksef_mock.xades.parsing import NotWellFormed
from ksef_mock.xades.signing import SHA1, Style, sign
from tests.xades import signer
from tests.xades.test_oracles import tampered
from tests.xades.xmlsec1 import needs_xmlsec1, xmlsec1_accepts

PKI = Pki(Clock())
KEYS = {kind: PKI.self_signed(person("Jan", "Nowak", nip=signer.NIP), key=kind) for kind in ("rsa", "ec")}
NOW = datetime.now(UTC)
CONTEXT = f"<ContextIdentifier><Nip>{signer.NIP}</Nip></ContextIdentifier>"
#: With the prefix on the root, and with white space that must survive.
DOCUMENTS = {
    "default namespace": signer.request_xml(),
    "prefix": signer.request_xml().replace("<", "<a:").replace("<a:/", "</a:").replace("xmlns=", "xmlns:a="),
    "indented": signer.request_xml().replace("><", ">\n  <"),
}


def signed(kind: str = "rsa", document: str = "default namespace", style: Style | None = None) -> bytes:
    credential = KEYS[kind]
    return sign(DOCUMENTS[document].encode(), credential.certificate, credential.key, style, at=NOW)


@pytest.mark.parametrize(
    ("kind", "form", "c14n", "document"), list(product(KEYS, ("enveloped", "enveloping"), METHODS, DOCUMENTS))
)
def test_what_it_signs_is_accepted(kind: str, form: str, c14n: str, document: str) -> None:
    made = signed(kind, document, Style(form=form, canonicalization=c14n))  # type: ignore[arg-type]
    report = verify(made, at=NOW)
    assert report.ok, report.failure


@needs_xmlsec1
@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("form", ["enveloped", "enveloping"])
@pytest.mark.parametrize("c14n", [signer.C14N, signer.C14N11, signer.EXC])
def test_xmlsec1_accepts_it_and_refuses_it_changed(kind: str, form: str, c14n: str, tmp_path: Path) -> None:
    made = signed(kind, style=Style(form=form, canonicalization=c14n))  # type: ignore[arg-type]
    assert xmlsec1_accepts(made, tmp_path)
    changed = made.replace(signer.NIP.encode(), b"5265877636")
    assert changed in tampered(made)
    assert not xmlsec1_accepts(changed, tmp_path)


@pytest.mark.parametrize("method", SIGNATURES)
def test_every_method_that_is_allowed(method: str) -> None:
    kind = "ec" if isinstance(SIGNATURES[method], Ecdsa) else "rsa"
    assert verify(signed(kind, style=Style(signature_method=method)), at=NOW).ok
    with pytest.raises(Forbidden):
        signed({"ec": "rsa", "rsa": "ec"}[kind], style=Style(signature_method=method))


@pytest.mark.parametrize("digest", DIGESTS)
def test_every_digest_that_is_allowed(digest: str) -> None:
    assert verify(signed(style=Style(digest=digest)), at=NOW).ok


@pytest.mark.parametrize(
    "style",
    [Style(digest="urn:x"), Style(canonicalization="urn:x"), Style(signature_method=f"{signer.DS}hmac-sha1")],
)
def test_what_is_not_allowed_is_refused(style: Style) -> None:
    with pytest.raises(Forbidden):
        signed(style=style)


def test_a_document_with_a_document_type_is_not_signed() -> None:
    credential = KEYS["ec"]
    with pytest.raises(NotWellFormed):
        sign(b"<!DOCTYPE a><a/>", credential.certificate, credential.key)


def test_without_xades_it_is_a_plain_signature() -> None:
    report = verify(signed(style=Style(xades=False)), at=NOW)
    assert report.passed(Check.SIGNATURE_VALUE)
    assert not report.ok


def test_another_certificate_may_be_attested_and_is_then_refused() -> None:
    rsa, ec = KEYS["rsa"], KEYS["ec"]
    made = sign(
        DOCUMENTS["indented"].encode(), rsa.certificate, rsa.key, Style(digest=SHA1), attested=ec.certificate
    )
    assert not verify(made, at=NOW).ok


def test_what_was_signed_can_be_read_back() -> None:
    made = signed(document="indented", style=Style(form="enveloping"))
    inner = etree.fromstring(made).find(".//{*}AuthTokenRequest")
    assert inner is not None
    assert inner.find("{*}Challenge") is not None
