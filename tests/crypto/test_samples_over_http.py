"""The README of the samples, taken at its word: each signs a login, and the mock answers as it says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ksef_mock.core.identifiers import Identifier
from ksef_mock.crypto.authority import fingerprint_of
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.crypto.test_certs_command import ANSWERS, BY_FINGERPRINT, COMMITTED
from tests.support import NIP, Api, error
from tests.xades.signer import Credentials, Signer, request_xml

CONTEXT = Identifier("Nip", NIP)


@pytest.fixture(scope="module", params=["test", "prod"])
def mock(request: pytest.FixtureRequest) -> Iterator[MockServer]:
    authorities = tuple(sorted((COMMITTED / "ca").glob("*.pem")))
    with MockServer(Settings(profile=request.param, trusted_cas=authorities)) as running:
        running.clock.set("2027-01-15T12:00:00Z")  # a day at which those are valid that are meant to be
        yield running


@pytest.fixture
def client(mock: MockServer) -> Iterator[Api]:
    api = Api(mock.url)
    yield api
    api.close()


def load(folder: Path, name: str) -> Credentials:
    key = load_pem_private_key((folder / f"{name}.key").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return Credentials(key, x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes()))


def answer(mock: MockServer, api: Api, credentials: Credentials, subject: str) -> str:
    """What becomes of a login, in the words of the README."""
    signer = Signer(
        credentials=credentials,
        request=request_xml(
            challenge=api.challenge()["challenge"], context=f"<Nip>{NIP}</Nip>", subject=subject
        ),
        signing_time=datetime.fromtimestamp(mock.clock.now() / 1e9, UTC).isoformat(timespec="seconds"),
    )
    submitted = api.call(
        "POST",
        "/auth/xades-signature",
        content=signer.sign(),
        headers={"Content-Type": "application/xml"},
    )
    if submitted.status_code != 202:
        return f"400, {error(submitted)[0]}"
    mock.clock.advance(seconds=60)  # a qualified certificate's issuer takes its time
    started = submitted.json()
    body = api.call(
        "GET", f"/auth/{started['referenceNumber']}", bearer=started["authenticationToken"]["token"]
    ).json()
    status = body["status"]
    if status["code"] == 200:
        method: str = body["authenticationMethod"]
        return method
    return f"{status['code']}, {', '.join(status['details'])}"


@pytest.mark.parametrize("name", ANSWERS)
def test_the_mock_answers_to_a_sample_as_its_readme_says(mock: MockServer, client: Api, name: str) -> None:
    names, lenient, strict = ANSWERS[name]
    expected = lenient if mock.settings.profile == "test" else strict
    credentials = load(COMMITTED, name)
    fingerprint = Identifier("Fingerprint", fingerprint_of(credentials.certificate))
    kind, _, value = names.partition(" ")
    for identifier in (fingerprint, Identifier(kind, value)):
        mock._call(mock._running.permissions.grant(CONTEXT, identifier, "InvoiceRead", description="sample"))
    by_subject = answer(mock, client, credentials, "certificateSubject")
    if expected == BY_FINGERPRINT:
        assert by_subject == "400, 21115"
        assert answer(mock, client, credentials, "certificateFingerprint") == "QualifiedSignature"
    else:
        assert by_subject == expected
