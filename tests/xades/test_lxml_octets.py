"""Signatures over what lxml makes of SignedInfo where it stands: KSeF refuses them, and the mock tells."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from ksef_mock.clock import Clock
from ksef_mock.crypto.pki import Credential, Pki, person
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from ksef_mock.xades import Check, verify
from tests.support import NIP, Api, error
from tests.xades.signer import C14N, DS, EXC, request_xml

Serve = Callable[..., tuple[MockServer, Api]]
_XADES = "http://uri.etsi.org/01903/v1.3.2#"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_RSA = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"


def _digest(element: etree._Element) -> str:
    octets = etree.tostring(element, method="c14n", exclusive=True)
    return base64.b64encode(hashlib.sha256(octets).digest()).decode()


def signed(challenge: str, credential: Credential, *, spoilt: bool = False) -> bytes:
    """As a program in Python signs that canonicalises SignedInfo in the document."""
    root = etree.fromstring(request_xml(context=f"<Nip>{NIP}</Nip>", challenge=challenge))
    der = credential.certificate.public_bytes(Encoding.DER)
    of_certificate = base64.b64encode(hashlib.sha256(der).digest()).decode()
    signature = etree.fromstring(
        f'<Signature xmlns="{DS}" Id="S"><SignedInfo><CanonicalizationMethod Algorithm="{C14N}"/>'
        f'<SignatureMethod Algorithm="{_RSA}"/>'
        f'<Reference URI=""><Transforms><Transform Algorithm="{DS}enveloped-signature"/>'
        f'<Transform Algorithm="{EXC}"/></Transforms><DigestMethod Algorithm="{_SHA256}"/>'
        f"<DigestValue>{_digest(root)}</DigestValue></Reference>"
        f'<Reference URI="#P" Type="http://uri.etsi.org/01903#SignedProperties"><Transforms>'
        f'<Transform Algorithm="{EXC}"/></Transforms><DigestMethod Algorithm="{_SHA256}"/><DigestValue/>'
        f"</Reference></SignedInfo><SignatureValue/><KeyInfo><X509Data><X509Certificate>"
        f"{base64.b64encode(der).decode()}</X509Certificate></X509Data></KeyInfo><Object>"
        f'<QualifyingProperties xmlns="{_XADES}" Target="#S"><SignedProperties Id="P">'
        f"<SignedSignatureProperties><SigningTime>{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}</SigningTime>"
        f'<SigningCertificate><Cert><CertDigest><DigestMethod xmlns="{DS}" Algorithm="{_SHA256}"/>'
        f'<DigestValue xmlns="{DS}">{of_certificate}</DigestValue></CertDigest><IssuerSerial>'
        f'<X509IssuerName xmlns="{DS}">CN=x</X509IssuerName><X509SerialNumber xmlns="{DS}">1'
        "</X509SerialNumber></IssuerSerial></Cert></SigningCertificate></SignedSignatureProperties>"
        "</SignedProperties></QualifyingProperties></Object></Signature>"
    )
    root.append(signature)
    names = {"d": DS, "x": _XADES}
    properties = signature.find(".//x:SignedProperties", names)
    info = signature.find("d:SignedInfo", names)
    assert properties is not None
    assert info is not None
    info.findall("d:Reference/d:DigestValue", names)[1].text = _digest(properties)
    octets = etree.tostring(info, method="c14n")
    assert b'xmlns=""' in octets, "lxml has changed: nothing to tolerate any more"
    assert isinstance(credential.key, rsa.RSAPrivateKey)
    value = credential.key.sign(octets + b" " * spoilt, padding.PKCS1v15(), hashes.SHA256())
    element = signature.find("d:SignatureValue", names)
    assert element is not None
    element.text = base64.b64encode(value).decode()
    return etree.tostring(root)


@pytest.fixture(scope="module")
def credential() -> Credential:
    return Pki(Clock()).self_signed(person("Jan", "Nowak", nip=NIP))


def submitted(api: Api, credential: Credential, *, spoilt: bool = False) -> httpx.Response:
    document = signed(api.challenge()["challenge"], credential, spoilt=spoilt)
    headers = {"Content-Type": "application/xml"}
    return api.call("POST", "/auth/xades-signature", content=document, headers=headers)


def test_test_takes_them_and_tells_client_and_journal(
    ksef_mock: MockServer, api: Api, credential: Credential
) -> None:
    answer = submitted(api, credential)
    assert answer.status_code == 202, answer.text
    assert "KSeF answers 9105" in answer.headers["x-system-warning"]
    failed = [
        each for each in ksef_mock.journal.last("/xades-signature").decisions if each.outcome == "failed"
    ]
    assert [each.check for each in failed] == [Check.SIGNATURE_VALUE]


def test_any_other_wrong_value_is_refused(api: Api, credential: Credential) -> None:
    assert error(submitted(api, credential, spoilt=True))[0] == 9105


@pytest.mark.parametrize(
    "settings",
    [Settings(strict_signatures=True), Settings(profile="demo"), Settings(profile="prod")],
    ids=["strict", "demo", "prod"],
)
def test_elsewhere_they_are_refused(serve: Serve, settings: Settings, credential: Credential) -> None:
    _, api = serve(settings=settings)
    assert error(submitted(api, credential))[0] in (9105, 21115)


def test_the_verifier_says_what_is_wrong(credential: Credential) -> None:
    report = verify(signed("20260101-CR-0000000000-0000000000-00", credential), at=datetime.now(UTC))
    assert not report.ok
    assert report.failure is not None
    assert "lxml canonicalised the SignedInfo where it stands" in (report.failure.explanation or "")
