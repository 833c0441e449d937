"""Certificates as KSeF issues them, and Java before 21: taken wherever a stranger's certificate is read."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ksef_client_min import BrokenCredentials, load_pem, load_pkcs12
from ksef_client_min.cli import main as ksef
from ksef_mock.cli import main as ksef_mock_command
from ksef_mock.clock import Clock
from ksef_mock.crypto.authority import UNBOUNDED, Authority, authentication_usage, fingerprint_of
from ksef_mock.crypto.certificate import (
    Certificate,
    load_der_certificate,
    load_pem_certificates,
    require_issued_by,
)
from ksef_mock.crypto.chain import BrokenChain, build_chain
from ksef_mock.crypto.pki import Credential, Pki, Role, person
from ksef_mock.seed.files import load_seed
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from ksef_mock.xades.report import Check
from tests.auth.test_xades_login import failed, submit
from tests.certificates.test_certificates import enroll, log_in, subject
from tests.crypto.genuine import SHA512_WITH_NULL, as_ksef_issues, csr_with_null
from tests.support import NIP, Api, b64, error
from tests.xades.signer import Credentials, Signer, request_xml

OWNER = person("Jan", "Kowalski", nip=NIP)
PASSWORD = "sekret"
OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="the program openssl is not installed")


def issue(pki: Pki) -> tuple[Credential, bytes]:
    """A key with its certificate as our CA writes it, and the same certificate as KSeF would."""
    credential = pki.ksef(OWNER, key="ec")
    return credential, as_ksef_issues(credential.certificate, pki.authority(Role.KSEF))


def pem(der: bytes) -> bytes:
    lines = base64.encodebytes(der)
    return b"-----BEGIN CERTIFICATE-----\n" + lines + b"-----END CERTIFICATE-----\n"


def signed(mock: MockServer, api: Api, credentials: Credentials, **changes: Any) -> bytes:
    now = datetime.fromtimestamp(mock.clock.now() / 1e9, UTC).isoformat(timespec="seconds")
    request = request_xml(challenge=api.challenge()["challenge"], context=f"<Nip>{NIP}</Nip>")
    return Signer(credentials=credentials, request=request, signing_time=now, **changes).sign()


# -- reading ----------------------------------------------------------------------------------------------


def test_it_is_what_was_issued_that_counts(pki: Pki) -> None:
    credential, der = issue(pki)
    with pytest.raises(ValueError, match="signature_alg"):
        x509.load_der_x509_certificate(der)
    read = load_der_certificate(der)
    assert read.public_bytes(Encoding.DER) == der
    assert load_pem_certificates(read.public_bytes(Encoding.PEM)) == [read]
    assert fingerprint_of(read) == hashlib.sha256(der).hexdigest().upper()
    assert read.subject == credential.certificate.subject
    assert read.public_key() == credential.key.public_key()
    assert read.serial_number == credential.certificate.serial_number
    assert read.tbs_certificate_bytes in der
    assert read.tbs_certificate_bytes.count(SHA512_WITH_NULL) == 1


def test_ordinary_certificates_stay_of_the_library_s_class(pki: Pki) -> None:
    certificate = pki.ksef(OWNER, key="ec").certificate
    assert type(load_der_certificate(certificate.public_bytes(Encoding.DER))) is x509.Certificate


@pytest.mark.parametrize(
    "spoil",
    [
        lambda der: der[:-1],
        lambda der: der + b"\0",
        lambda der: der.replace(SHA512_WITH_NULL, SHA512_WITH_NULL[:-2] + b"\x04\x00"),
        lambda der: der.replace(SHA512_WITH_NULL, SHA512_WITH_NULL[:-3] + b"\x03\x05\x00", 1),
    ],
    ids=["cut", "more after it", "other parameters", "two algorithms"],
)
def test_what_is_otherwise_wrong_is_refused(pki: Pki, spoil: object) -> None:
    _, der = issue(pki)
    assert callable(spoil)
    with pytest.raises(ValueError, match="pars"):
        load_der_certificate(spoil(der))


def test_the_issuer_s_signature_is_checked_over_the_octets_as_issued(pki: Pki) -> None:
    _, der = issue(pki)
    authority = pki.authority(Role.KSEF).certificate
    require_issued_by(load_der_certificate(der), authority)
    # The octets that parse are not those that were signed.
    name = b"Kowalski"
    with pytest.raises(InvalidSignature):
        require_issued_by(load_der_certificate(der.replace(name, b"Kowalsky", 1)), authority)
    with pytest.raises(InvalidSignature):
        require_issued_by(load_der_certificate(der[:-1] + bytes((der[-1] ^ 1,))), authority)
    with pytest.raises(ValueError, match="issuer"):
        require_issued_by(load_der_certificate(der), pki.authority(Role.QUALIFIED).certificate)
    rsa = pki.self_signed(pki.authority(Role.KSEF).certificate.subject, key="rsa").certificate
    with pytest.raises(InvalidSignature):
        require_issued_by(load_der_certificate(der), rsa)


@needs_openssl
def test_openssl_takes_them(pki: Pki, tmp_path: Path) -> None:
    assert OPENSSL is not None
    _, der = issue(pki)
    (tmp_path / "own.pem").write_bytes(pem(der))
    (tmp_path / "ca.pem").write_bytes(pki.authority(Role.KSEF).certificate.public_bytes(Encoding.PEM))
    done = subprocess.run(
        [OPENSSL, "verify", "-CAfile", "ca.pem", "own.pem"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_chains_may_have_them_at_every_place(pki: Pki) -> None:
    root = Authority.create("Root", validity=UNBOUNDED)
    middle = root.subordinate("Middle", validity=UNBOUNDED)
    leaf = pki.issue(middle, OWNER, authentication_usage(), key="ec", validity=UNBOUNDED).certificate
    forms: list[tuple[Certificate, Certificate, Certificate]] = [
        (
            load_der_certificate(as_ksef_issues(leaf, middle)),
            load_der_certificate(as_ksef_issues(middle.certificate, root)),
            load_der_certificate(as_ksef_issues(root.certificate, root)),
        ),
        (leaf, load_der_certificate(as_ksef_issues(middle.certificate, root)), root.certificate),
        (load_der_certificate(as_ksef_issues(leaf, middle)), middle.certificate, root.certificate),
    ]
    now = Clock().now()
    for chain in forms:
        assert build_chain(chain[0], [chain[1]], [chain[2]], now).certificates == chain
    impostor = Authority(ec.generate_private_key(ec.SECP256R1()), middle.certificate)
    forged = load_der_certificate(as_ksef_issues(leaf, impostor))
    with pytest.raises(BrokenChain, match="signature is wrong"):
        build_chain(forged, [middle.certificate], [root.certificate], now)


# -- over HTTP and by the commands ------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["test", "prod"])
def test_login_over_http(serve: Callable[..., tuple[MockServer, Api]], profile: str) -> None:
    mock, api = serve(profile=profile)
    credential, der = issue(mock.pki)
    good = signed(mock, api, Credentials(credential.key, load_der_certificate(der)))
    assert b64(der).encode() in good
    submitted = submit(api, good)
    assert api.status(submitted)["code"] == 200
    tokens = api.redeem(submitted.json()["authenticationToken"]["token"]).json()
    assert api.limits(tokens["accessToken"]["token"]).status_code == 200


def test_signing_certificate_has_the_digest_of_the_octets_as_issued(ksef_mock: MockServer, api: Api) -> None:
    credential, der = issue(ksef_mock.pki)
    own = load_der_certificate(der)
    digest = b64(credential.certificate.fingerprint(hashes.SHA256()))  # of octets that parse
    document = signed(ksef_mock, api, Credentials(credential.key, own), certificate_digest=digest)
    assert submit(api, document).status_code == 400
    assert list(failed(ksef_mock)) == [Check.SIGNING_CERTIFICATE]


def test_an_authority_s_certificate_may_be_one_too(pki: Pki, tmp_path: Path) -> None:
    authority = pki.authority(Role.KSEF)
    (tmp_path / "ca.pem").write_bytes(pem(as_ksef_issues(authority.certificate, authority)))
    credential, der = issue(pki)
    with MockServer(Settings(profile="prod", trusted_cas=(tmp_path / "ca.pem",))) as mock:
        api = Api(mock.url)
        document = signed(mock, api, Credentials(credential.key, load_der_certificate(der)))
        assert api.status(submit(api, document))["code"] == 200
        api.close()


def test_revocation_goes_by_the_fingerprint_as_issued(ksef_mock: MockServer, api: Api) -> None:
    credential, der = issue(ksef_mock.pki)
    with httpx.Client(base_url=f"{ksef_mock.url}/_mock") as control:
        for text in (pem(der).decode(), b64(der)):
            revoked = control.post("/certificates/revoke", json={"certificate": text})
            assert revoked.json() == {
                "fingerprint": hashlib.sha256(der).hexdigest().upper(),
                "status": "revoked",
            }
    submitted = submit(api, signed(ksef_mock, api, Credentials(credential.key, load_der_certificate(der))))
    status = api.status(submitted)
    assert (status["code"], status["details"]) == (460, ["Certyfikat odwołany"])


def test_seed_files_may_name_them(tmp_path: Path) -> None:
    clock = Clock()
    _, der = issue(Pki(clock))
    (tmp_path / "own.pem").write_bytes(pem(der))
    (tmp_path / "seed.json").write_text('{"certificates": [{"file": "own.pem", "status": "revoked"}]}')
    (entry,) = load_seed(tmp_path / "seed.json").certificates
    assert entry.fingerprint == hashlib.sha256(der).hexdigest().upper()


def test_certificate_requests_may_be_written_so_too(ksef_mock: MockServer, api: Api) -> None:
    owner = log_in(ksef_mock, api, ksef_mock.pki.qualified(OWNER, key="ec"))
    data = api.call("GET", "/certificates/enrollments/data", bearer=owner).json()
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(subject(data)).sign(key, hashes.SHA256())
    written = csr_with_null(request)
    with pytest.raises(ValueError, match="signature_alg"):
        x509.load_der_x509_csr(written)
    spoilt = written[:-1] + bytes((written[-1] ^ 1,))
    assert error(enroll(api, owner, csr=b64(spoilt)))[0] == 25004
    assert enroll(api, owner, csr=b64(written)).status_code == 202


def test_ksef_mock_verify_takes_them(pki: Pki, tmp_path: Path) -> None:
    credential, der = issue(pki)
    read = load_der_certificate(der)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    document = Signer(credentials=Credentials(credential.key, read), signing_time=now).sign()
    (tmp_path / "signed.xml").write_bytes(document)
    authority = load_der_certificate(
        as_ksef_issues(pki.authority(Role.KSEF).certificate, pki.authority(Role.KSEF))
    )
    (tmp_path / "ca.pem").write_bytes(authority.public_bytes(Encoding.PEM))
    options = ["--profile", "prod", "--trust", str(tmp_path / "ca.pem"), "--at", now, "--json"]
    done = CliRunner().invoke(ksef_mock_command, ["verify", str(tmp_path / "signed.xml"), *options])
    report = json.loads(done.stdout)
    assert report["certificate"]["fingerprint"] == fingerprint_of(read)
    assert (done.exit_code, report["failure"]) == (0, None)


@pytest.fixture
def client(tmp_path: Path, ksef_mock: MockServer) -> Callable[..., Result]:
    """`ksef`, and the files own.pem, own.der, own.key of a certificate of KSeF's kind."""
    credential, der = issue(ksef_mock.pki)
    (tmp_path / "own.pem").write_bytes(pem(der))
    (tmp_path / "own.der").write_bytes(der)
    (tmp_path / "own.key").write_bytes(credential.key_pem)

    def run(*arguments: str) -> Result:
        environment = {"KSEF_HOME": str(tmp_path / "home"), "KSEF_TOKEN": None, "KSEF_KEY_PASSWORD": None}
        given = [str(tmp_path / each) if each.startswith("own.") else each for each in arguments]
        return CliRunner(env=environment).invoke(ksef, given)

    assert run("config", "set", "--nip", NIP, "--env", ksef_mock.url).exit_code == 0
    return run


@pytest.mark.parametrize("file", ["own.pem", "own.der"])
def test_ksef_auth_login_takes_them(client: Callable[..., Result], file: str) -> None:
    done = client("auth", "login", "--cert", file, "--key", "own.key")
    assert done.exit_code == 0, done.stderr


@needs_openssl
@pytest.mark.parametrize(
    "encryption",
    [
        (),
        ("-keypbe", "AES-128-CBC", "-certpbe", "AES-192-CBC", "-iter", "1"),
        ("-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"),
        ("-keypbe", "NONE", "-certpbe", "NONE"),
        ("-certpbe", "NONE"),
    ],
    ids=["today's", "other sizes", "Windows", "not encrypted", "certificate not encrypted"],
)
def test_ksef_auth_login_takes_them_in_pkcs12(
    client: Callable[..., Result], tmp_path: Path, encryption: tuple[str, ...]
) -> None:
    assert OPENSSL is not None
    authority, other = Pki(Clock()), Authority.create("Other", validity=UNBOUNDED)
    (tmp_path / "more.pem").write_bytes(
        pem(as_ksef_issues(other.certificate, other)) + authority.ksef(OWNER, key="rsa").certificate_pem
    )
    files = ["-inkey", "own.key", "-in", "own.pem", "-certfile", "more.pem", "-out", "own.p12"]
    subprocess.run(
        [OPENSSL, "pkcs12", "-export", *files, "-passout", f"pass:{PASSWORD}", *encryption],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    done = client("auth", "login", "--p12", "own.p12", "--key-password", PASSWORD)
    assert done.exit_code == 0, done.stderr
    loaded = load_pkcs12(tmp_path / "own.p12", PASSWORD)
    assert loaded.certificate.public_bytes(Encoding.DER) == (tmp_path / "own.der").read_bytes()
    assert len(loaded.chain) == 2
    if encryption != ("-keypbe", "NONE", "-certpbe", "NONE"):
        with pytest.raises(BrokenCredentials, match="password is wrong"):
            load_pkcs12(tmp_path / "own.p12", "other")


def test_ksef_cert_get_writes_what_was_issued(
    client: Callable[..., Result], ksef_mock: MockServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pki, issue_ordinary = ksef_mock.pki, ksef_mock.pki.ksef_certificate
    made: list[bytes] = []

    def issue_genuine(*arguments: Any, **options: Any) -> Certificate:
        ordinary = issue_ordinary(*arguments, **options)
        made.append(as_ksef_issues(ordinary, pki.authority(Role.KSEF)))
        return load_der_certificate(made[-1])

    monkeypatch.setattr(pki, "ksef_certificate", issue_genuine)
    owner = pki.qualified(OWNER, key="ec")
    (tmp_path / "own.pem").write_bytes(owner.certificate_pem)
    (tmp_path / "own.key").write_bytes(owner.key_pem)
    assert client("auth", "login", "--cert", "own.pem", "--key", "own.key").exit_code == 0
    requested = json.loads(client("cert", "enroll", "--name", "robot", "--json").stdout)
    got = client("cert", "get", requested["referenceNumber"])
    assert got.exit_code == 0, got.stderr
    written = load_pem(tmp_path / "ksef-cert.pem", tmp_path / "ksef-key.pem")
    assert [written.certificate.public_bytes(Encoding.DER)] == made
    logged_in = client("auth", "login", "--cert", "ksef-cert.pem", "--key", "ksef-key.pem")
    assert logged_in.exit_code == 0, logged_in.stderr
    (row,) = json.loads(client("cert", "list", "--json").stdout)["certificates"]
    assert row["status"] == "Active"
    assert client("cert", "revoke", row["serialNumber"]).exit_code == 0
    assert "odwołany" in client("auth", "login", "--cert", "ksef-cert.pem", "--key", "ksef-key.pem").stderr
