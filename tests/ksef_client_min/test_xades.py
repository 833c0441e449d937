"""The signer, the logins with certificates, the two-phase login with other people's signers in between."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.xades.xades import XAdESDataObjectFormat, XAdESSigner, XAdESVerifier

from ksef_client_min import (
    AsyncKsefClient,
    BrokenCredentials,
    Credentials,
    KsefApiError,
    KsefAuthenticationError,
    KsefClient,
    load_pem,
    load_pkcs12,
)
from ksef_client_min.cli import main
from ksef_client_min.operations import auth
from ksef_client_min.xades import build_auth_token_request, sign
from ksef_mock.crypto.pki import Credential, person, seal
from ksef_mock.testing import MockServer
from ksef_mock.xades import read, verify
from tests.support import NIP, OTHER_NIP
from tests.xades.xmlsec1 import needs_xmlsec1, xmlsec1_accepts

OWNER = person("Jan", "Kowalski", nip=NIP)
CHALLENGE = "20260301-CR-0123456789-ABCDEF0123-4F"


def credentials_of(credential: Credential) -> Credentials:
    return Credentials(credential.certificate, credential.key, credential.chain)


@pytest.fixture(params=["rsa", "ec"])
def owner(ksef_mock: MockServer, request: pytest.FixtureRequest) -> Credential:
    return ksef_mock.pki.self_signed(OWNER, key=request.param)


def signed(credential: Credential, **options: Any) -> bytes:
    xml = build_auth_token_request(CHALLENGE, ("Nip", NIP))
    return sign(xml, credential.certificate, credential.key, **options)


# -- the signer -------------------------------------------------------------------------------------------


def test_signature_is_accepted_by_the_verifier(owner: Credential) -> None:
    report = verify(signed(owner), at=datetime.now(UTC))
    assert report.ok, report.failure


def test_signature_is_accepted_by_signxml(owner: Credential) -> None:
    results = XAdESVerifier().verify(
        signed(owner), x509_cert=owner.certificate_pem.decode(), expect_references=2
    )
    assert results[0].signed_xml is not None
    assert results[0].signed_xml.tag.endswith("}AuthTokenRequest")


@needs_xmlsec1
def test_signature_is_accepted_by_xmlsec1_and_a_change_is_not(owner: Credential, tmp_path: Path) -> None:
    document = signed(owner)
    assert xmlsec1_accepts(document, tmp_path)
    assert not xmlsec1_accepts(document.replace(NIP.encode(), OTHER_NIP.encode()), tmp_path)


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1()])
def test_larger_curves_sign_with_their_hash(ksef_mock: MockServer, curve: ec.EllipticCurve) -> None:
    from tests.xades.signer import certify

    key = ec.generate_private_key(curve)
    xml = build_auth_token_request(CHALLENGE, ("Nip", NIP))
    when = datetime(2026, 3, 1, tzinfo=UTC)
    assert verify(sign(xml, certify(key), key, signing_time=when), at=when).ok


def test_white_space_and_comments_of_the_document_survive(owner: Credential) -> None:
    xml = build_auth_token_request(CHALLENGE, ("Nip", NIP))
    root = etree.fromstring(xml)
    etree.indent(root)
    pretty = b"<?xml version='1.0'?>\n<!-- before -->\n" + etree.tostring(root) + b"\n<!-- after -->\n"
    document = sign(pretty, owner.certificate, owner.key)
    assert b"<!-- before -->" in document
    assert verify(document, at=datetime.now(UTC)).ok


def test_certificates_of_issuers_go_into_key_info(ksef_mock: MockServer) -> None:
    credential = ksef_mock.pki.self_signed(OWNER, key="ec")
    issuer = ksef_mock.pki.self_signed(seal("Wystawca", nip=NIP), key="ec").certificate
    report = verify(signed(credential, chain=[issuer]), at=datetime.now(UTC))
    assert report.ok
    assert report.certificate == credential.certificate
    assert report.other_certificates == (issuer,)


@pytest.mark.parametrize("xml", [b"", b"{}", b"<a>", b"<!DOCTYPE a><a/>"])
def test_what_is_no_plain_xml_is_not_signed(ksef_mock: MockServer, xml: bytes) -> None:
    credential = ksef_mock.pki.self_signed(OWNER, key="ec")
    with pytest.raises(ValueError, match="not"):
        sign(xml, credential.certificate, credential.key)


def test_key_of_another_certificate_is_refused(ksef_mock: MockServer) -> None:
    one, other = (ksef_mock.pki.self_signed(OWNER, key="ec") for _ in range(2))
    with pytest.raises(BrokenCredentials, match="not that of the certificate"):
        sign(b"<a/>", one.certificate, other.key)


@pytest.mark.parametrize("version", ["2.0", "2.1"])
@pytest.mark.parametrize(
    "context",
    [
        ("Nip", NIP),
        ("InternalId", f"{NIP}-12345"),
        ("NipVatUe", f"{NIP}-DE123456789"),
        ("PeppolId", "PPL123456"),
    ],
)
@pytest.mark.parametrize("subject", ["certificateSubject", "certificateFingerprint"])
def test_request_is_read_as_it_was_built(
    ksef_mock: MockServer, version: str, context: tuple[str, str], subject: str
) -> None:
    credential = ksef_mock.pki.self_signed(OWNER, key="ec")
    allowed = {
        "ip4Addresses": ["192.0.2.1"],
        "ip4Ranges": ["10.0.0.1-10.0.0.9"],
        "ip4Masks": ["172.16.0.0/12"],
    }
    xml = build_auth_token_request(
        CHALLENGE, context, subject_identifier_type=subject, allowed_ips=allowed, version=version
    )
    request = read(sign(xml, credential.certificate, credential.key)).request
    assert request is not None
    assert (request.version, request.challenge, request.subject_identifier_type) == (
        version,
        CHALLENGE,
        subject,
    )
    assert (request.context.type, request.context.value) == context
    assert request.allowed_ips is not None
    assert request.allowed_ips.addresses == ("192.0.2.1",)
    assert request.allowed_ips.masks == ("172.16.0.0/12",)


# -- logins -----------------------------------------------------------------------------------------------


def test_synchronous_login_with_a_certificate(ksef_mock: MockServer, owner: Credential) -> None:
    with KsefClient(ksef_mock.url) as ksef:
        reference = ksef.login_with_certificate(credentials_of(owner), NIP)
        assert [item.reference_number for item in ksef.sessions().items] == [reference]
        ksef_mock.clock.advance(seconds=16 * 60)
        assert ksef.context_limits()


def test_asynchronous_login_with_a_certificate(ksef_mock: MockServer, owner: Credential) -> None:
    async def scenario() -> None:
        async with AsyncKsefClient(ksef_mock.url) as ksef:
            reference = await ksef.login_with_certificate(credentials_of(owner), NIP)
            assert (await ksef.call(auth.status(reference))).authentication_method == "QualifiedSignature"

    asyncio.run(scenario())


def test_login_with_a_function_that_signs(ksef_mock: MockServer, owner: Credential) -> None:
    with KsefClient(ksef_mock.url) as ksef:
        assert ksef.login_with_external_signature(
            lambda xml: sign(xml, owner.certificate, owner.key), context=("Nip", NIP)
        )


@pytest.mark.parametrize("coroutine", [False, True])
def test_login_with_a_coroutine_that_signs(ksef_mock: MockServer, coroutine: bool) -> None:
    owner = ksef_mock.pki.self_signed(OWNER, key="ec")

    async def sign_later(xml: bytes) -> bytes:
        await asyncio.sleep(0)
        return sign(xml, owner.certificate, owner.key)

    async def scenario() -> None:
        async with AsyncKsefClient(ksef_mock.url) as ksef:
            await ksef.login_with_external_signature(
                sign_later if coroutine else lambda xml: sign(xml, owner.certificate, owner.key), NIP
            )
            pending = await ksef.begin_external_login(NIP)
            await ksef.complete_external_login(await sign_later(pending.xml))

    asyncio.run(scenario())


def test_refused_signer_is_an_authentication_error(ksef_mock: MockServer, owner: Credential) -> None:
    with KsefClient(ksef_mock.url) as ksef, pytest.raises(KsefAuthenticationError) as caught:
        ksef.login_with_certificate(credentials_of(owner), OTHER_NIP)
    assert caught.value.code == 415


def test_chain_verification_can_be_asked_for(ksef_mock: MockServer, owner: Credential) -> None:
    with KsefClient(ksef_mock.url) as ksef, pytest.raises(KsefAuthenticationError) as caught:
        ksef.login_with_certificate(credentials_of(owner), NIP, verify_certificate_chain=True)
    assert caught.value.code == 460


def test_spoiled_signature_is_an_api_error(ksef_mock: MockServer, owner: Credential) -> None:
    with KsefClient(ksef_mock.url) as ksef, pytest.raises(KsefApiError) as caught:
        ksef.login_with_external_signature(
            lambda xml: sign(xml, owner.certificate, owner.key).replace(NIP.encode(), OTHER_NIP.encode()), NIP
        )
    assert caught.value.code == 9105


# -- files ------------------------------------------------------------------------------------------------


def encrypted_key(credential: Credential, password: str) -> bytes:
    return credential.key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode())
    )


def test_pem_files_with_and_without_a_password(owner: Credential, tmp_path: Path) -> None:
    certificate, key, locked = tmp_path / "c.pem", tmp_path / "k.pem", tmp_path / "locked.pem"
    certificate.write_bytes(owner.certificate_pem)
    key.write_bytes(owner.key_pem)
    locked.write_bytes(encrypted_key(owner, "sekret"))
    assert load_pem(certificate, key).certificate == owner.certificate
    assert load_pem(certificate, locked, "sekret").key.public_key() == owner.certificate.public_key()
    der = owner.certificate.public_bytes(Encoding.DER)
    assert load_pem(der, owner.key_pem).certificate == owner.certificate


def test_pkcs12_file(owner: Credential) -> None:
    assert load_pkcs12(owner.pkcs12("sekret"), "sekret").certificate == owner.certificate
    with pytest.raises(BrokenCredentials, match="password is wrong"):
        load_pkcs12(owner.pkcs12("sekret"), "other")


@pytest.mark.parametrize(
    ("locked", "password", "message"),
    [
        (True, None, "password is needed"),
        (True, "wrong", "password is wrong"),
        (False, "superfluous", "not encrypted"),
    ],
)
def test_wrong_passwords_are_told_apart(
    ksef_mock: MockServer, locked: bool, password: str | None, message: str
) -> None:
    owner = ksef_mock.pki.self_signed(OWNER, key="ec")
    key = encrypted_key(owner, "sekret") if locked else owner.key_pem
    with pytest.raises(BrokenCredentials, match=message):
        load_pem(owner.certificate_pem, key, password)


@pytest.mark.parametrize("content", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nx\n"])
def test_files_with_something_else(ksef_mock: MockServer, content: bytes) -> None:
    owner = ksef_mock.pki.self_signed(OWNER, key="ec")
    with pytest.raises(BrokenCredentials):
        load_pem(content, owner.key_pem)
    with pytest.raises(BrokenCredentials):
        load_pem(owner.certificate_pem, content)
    with pytest.raises(BrokenCredentials):
        load_pkcs12(content)


# -- the command ------------------------------------------------------------------------------------------


@pytest.fixture
def ksef(tmp_path: Path, ksef_mock: MockServer) -> Callable[..., Result]:
    def run(*arguments: object, stdin: str | None = None) -> Result:
        environment = {"KSEF_HOME": str(tmp_path / "home"), "KSEF_TOKEN": None, "KSEF_KEY_PASSWORD": None}
        command = ["auth", *map(str, arguments), "--nip", NIP, "--env", ksef_mock.url]
        return CliRunner(env=environment).invoke(main, command, input=stdin)

    return run


def test_command_logs_in_with_pem_files(
    ksef: Callable[..., Result],
    owner: Credential,
    tmp_path: Path,
    ksef_mock: MockServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificate, key = tmp_path / "ksef-cert.pem", tmp_path / "ksef-key.pem"
    certificate.write_bytes(owner.certificate_pem)
    key.write_bytes(encrypted_key(owner, "my_passphrase"))
    options = ["login", "--cert", certificate, "--key", key]
    result = ksef(*options, "--key-password", "my_passphrase", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["status"] == "ok"
    refused = ksef(*options, stdin="my_passphrase\n")
    assert refused.exit_code == 2
    assert "KSEF_KEY_PASSWORD" in refused.stderr
    monkeypatch.setattr("ksef_client_min.commands.auth.no_prompt", str)  # as at a terminal
    prompted = ksef(*options, stdin="my_passphrase\n")
    assert prompted.exit_code == 0
    assert "my_passphrase" not in prompted.output
    assert ksef("login", "--cert", certificate).exit_code == 2


def test_command_logs_in_with_a_pkcs12_file(
    ksef: Callable[..., Result], owner: Credential, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ksef_client_min.commands.auth.no_prompt", str)  # as at a terminal
    file = tmp_path / "login.p12"
    file.write_bytes(owner.pkcs12("sekret"))
    assert ksef("login", "--p12", file, "--key-password", "sekret").exit_code == 0
    assert ksef("login", "--p12", file, stdin="sekret\n").exit_code == 0
    assert ksef("login", "--p12", file, stdin="other\n").exit_code == 1


def by_signxml(xml: bytes, owner: Credential, folder: Path) -> bytes:
    del folder
    is_rsa = not isinstance(owner.key, ec.EllipticCurvePrivateKey)
    signer = XAdESSigner(
        signature_algorithm=SignatureMethod.RSA_SHA256 if is_rsa else SignatureMethod.ECDSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod.CANONICAL_XML_1_1,
        data_object_format=XAdESDataObjectFormat(Description="login", MimeType="text/xml"),
    )
    root = signer.sign(etree.fromstring(xml), key=owner.key, cert=[owner.certificate])
    document: bytes = etree.tostring(root)
    return document


def by_xmlsec1(xml: bytes, owner: Credential, folder: Path) -> bytes:
    """The client's own document with digests and value thrown away, and computed again by xmlsec1."""
    root = etree.fromstring(sign(xml, owner.certificate, owner.key))
    for name in ("DigestValue", "SignatureValue"):
        for element in root.iter(f"{{http://www.w3.org/2000/09/xmldsig#}}{name}"):
            if element.getparent().tag.endswith(("}Reference", "}Signature")):  # type: ignore[union-attr]
                element.text = None
    template, key, done = folder / "template.xml", folder / "key.pem", folder / "done.xml"
    template.write_bytes(etree.tostring(root))
    key.write_bytes(owner.key_pem)
    command = [
        "xmlsec1",
        "--sign",
        "--id-attr:Id",
        "SignedProperties",
        "--privkey-pem",
        key,
        "--output",
        done,
    ]
    subprocess.run([*map(str, command), str(template)], check=True, capture_output=True, timeout=60)
    return done.read_bytes()


@pytest.mark.parametrize("tool", [by_signxml, pytest.param(by_xmlsec1, marks=needs_xmlsec1)])
def test_command_logs_in_in_two_phases_with_another_tools_signature(
    ksef: Callable[..., Result],
    owner: Credential,
    tmp_path: Path,
    tool: Callable[[bytes, Credential, Path], bytes],
) -> None:
    unsigned, file = tmp_path / "unsigned.xml", tmp_path / "signed.xml"
    result = ksef("login-external", "--generate", "--output", unsigned)
    assert result.exit_code == 0, result.output
    pending = tmp_path / "home" / "pending-challenge.json"
    assert pending.stat().st_mode & 0o777 == 0o600
    file.write_bytes(tool(unsigned.read_bytes(), owner, tmp_path))
    result = ksef("login-external", "--submit", "--input", file)
    assert result.exit_code == 0, result.output
    assert not pending.exists()
    assert ksef("login-external", "--submit", "--input", file).exit_code == 4


def test_command_notices_a_document_of_another_login(
    ksef: Callable[..., Result], owner: Credential, tmp_path: Path
) -> None:
    ksef("login-external", "--generate", "--output", tmp_path / "unsigned.xml")
    other = tmp_path / "other.xml"
    other.write_bytes(signed(owner))
    result = ksef("login-external", "--submit", "--input", other)
    assert result.exit_code == 2
    assert "does not contain the challenge" in result.stderr


@pytest.mark.parametrize("options", [[], ["--generate"], ["--submit"]])
def test_command_says_what_is_missing(ksef: Callable[..., Result], options: list[str]) -> None:
    result = ksef("login-external", *options)
    assert result.exit_code == 2
    assert "--" in result.stderr
