"""Certificates over HTTP: to log in with, and their revocation."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs12

from ksef_mock.crypto.pki import Credential, person
from ksef_mock.testing import MockServer
from tests.auth.test_xades_login import outcome, signed, submit
from tests.support import NIP, Api, error

PESEL = "90010112349"


@pytest.fixture
def control(ksef_mock: MockServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{ksef_mock.url}/_mock", timeout=60) as http:
        yield http


def issued(control: httpx.Client, **order: Any) -> tuple[Credential, dict[str, Any]]:
    response = control.post("/certificates", json=order)
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    certificate = x509.load_pem_x509_certificate(body["certificatePem"].encode())
    key = load_pem_private_key(body["privateKeyPem"].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return Credential(certificate, key), body


@pytest.mark.parametrize("kind", ["qualified", "trusted-profile", "ksef", "self-signed"])
@pytest.mark.parametrize("key", ["rsa", "ec"])
def test_each_kind_logs_in(
    ksef_mock: MockServer, control: httpx.Client, api: Api, kind: str, key: str
) -> None:
    credential, body = issued(control, kind=kind, key=key, nip=NIP)
    assert outcome(ksef_mock, api, credential)["code"] == 200
    assert (body["chainPem"] == "") is (kind == "self-signed")
    if body["chainPem"]:
        authority = x509.load_pem_x509_certificate(body["chainPem"].encode())
        credential.certificate.verify_directly_issued_by(authority)
    assert "pkcs12" not in body


def test_a_seal(ksef_mock: MockServer, control: httpx.Client, api: Api) -> None:
    credential, body = issued(control, organization="Firma sp. z o.o.", nip=NIP, key="ec")
    assert f"VATPL-{NIP}" in body["subject"]
    assert outcome(ksef_mock, api, credential)["code"] == 200


def test_names_identifiers_and_validity(control: httpx.Client) -> None:
    credential, body = issued(
        control,
        givenName="Anna",
        surname="Nowak",
        pesel=PESEL,
        key="ec",
        validFrom="2020-01-01T00:00:00Z",
        validTo="2022-01-01T01:00:00+01:00",
        pkcs12Password="zażółć",
    )
    certificate = credential.certificate
    assert "Anna Nowak" in certificate.subject.rfc4514_string()
    assert f"PNOPL-{PESEL}" in body["subject"]
    assert (body["validFrom"][:10], body["validTo"][:19]) == ("2020-01-01", "2022-01-01T00:00:00")
    assert body["fingerprint"] == credential.fingerprint
    assert int(body["serialNumber"], 16) == certificate.serial_number
    packed = pkcs12.load_pkcs12(base64.b64decode(body["pkcs12"]), "zażółć".encode())
    assert packed.cert is not None
    assert packed.cert.certificate == certificate


@pytest.mark.parametrize(
    ("order", "begin", "end"),
    [
        ({"validFrom": "2000-01-01T00:00:00Z"}, "2000-01-01", None),
        ({"validTo": "2000-01-01T00:00:00Z"}, "1998-01-01", "2000-01-01"),
        ({"validFrom": "2098-01-01T00:00:00Z"}, "2098-01-01", "2100-01-01"),
    ],
)
def test_one_end_of_the_validity_is_enough(
    control: httpx.Client, order: dict[str, str], begin: str, end: str | None
) -> None:
    _, body = issued(control, key="ec", **order)
    assert body["validFrom"][:10] == begin
    assert end is None or body["validTo"][:10] == end


def test_a_person_without_identifier_has_a_fingerprint(control: httpx.Client) -> None:
    credential, _ = issued(control, key="ec", givenName="Erika", surname="Mustermann")
    assert "2.5.4.5" not in credential.certificate.subject.rfc4514_string()


def test_certificate_for_offline_cannot_log_in(
    ksef_mock: MockServer, control: httpx.Client, api: Api
) -> None:
    credential, _ = issued(control, kind="ksef", purpose="Offline", nip=NIP)
    assert outcome(ksef_mock, api, credential)["details"] == ["Niepoprawny certyfikat"]


def test_keys_too_small_can_be_had_to_be_refused(
    ksef_mock: MockServer, control: httpx.Client, api: Api
) -> None:
    credential, _ = issued(control, key="rsa-1024", nip=NIP)
    assert error(submit(api, signed(ksef_mock, api, credential)))[0] == 21115


@pytest.mark.parametrize(
    ("order", "named"),
    [
        ({"kind": "magic"}, "kind: expected "),
        ({"key": "dsa"}, "key: expected "),
        ({"nip": "123"}, "nip"),
        ({"pesel": "123"}, "pesel"),
        ({"nip": NIP, "pesel": PESEL}, "nip, pesel"),
        ({"organization": "Firma"}, "nip"),
        ({"organization": "Firma", "nip": NIP, "surname": "Nowak"}, "surname"),
        ({"organization": "Firma", "nip": NIP, "pesel": PESEL}, "pesel"),
        ({"organization": "F" * 65, "nip": NIP}, "organization: expected "),
        ({"givenName": ""}, "givenName: expected "),
        ({"surname": "x" * 40}, "surname: expected "),
        ({"purpose": "Offline"}, "purpose"),
        ({"purpose": "Fun", "kind": "ksef"}, "purpose: expected "),
        ({"validFrom": "soon"}, "validFrom: expected "),
        ({"validFrom": "2026-01-01T00:00:00Z", "validTo": "2025-01-01T00:00:00Z"}, "validTo"),
        ({"validTo": "0001-01-01T00:00:00+14:00"}, "validTo"),
        ({"validFrom": "9999-12-31T23:59:59Z"}, "validFrom"),
        ({"pkcs12Password": ""}, "pkcs12Password: expected "),
        ({"colour": "red"}, "colour"),
    ],
)
def test_orders_that_make_no_sense_are_refused_by_name(
    control: httpx.Client, order: dict[str, str], named: str
) -> None:
    code, _, details = error(control.post("/certificates", json=order))
    assert code == 21405
    assert named in details[0]


def test_revoke_suspend_reinstate(ksef_mock: MockServer, control: httpx.Client, api: Api) -> None:
    credential, body = issued(control, key="ec", nip=NIP)

    def change(action: str, **choice: str) -> str:
        response = control.post(f"/certificates/{action}", json=choice)
        assert response.status_code == 200, response.text
        status: str = response.json()["status"]
        return status

    assert change("suspend", certificate=body["certificatePem"]) == "suspended"
    assert outcome(ksef_mock, api, credential)["details"] == ["Certyfikat zawieszony"]
    assert change("reinstate", serialNumber=body["serialNumber"].lower()) == "good"
    assert outcome(ksef_mock, api, credential)["code"] == 200
    assert change("revoke", fingerprint=credential.certificate.fingerprint(SHA256()).hex(":")) == "revoked"
    assert change("suspend", fingerprint=credential.fingerprint) == "revoked"
    assert outcome(ksef_mock, api, credential)["details"] == ["Certyfikat odwołany"]
    response = control.post("/certificates/reinstate", json={"fingerprint": credential.fingerprint})
    assert response.status_code == 404


def test_a_certificate_of_anybody_can_be_revoked(
    ksef_mock: MockServer, control: httpx.Client, api: Api
) -> None:
    owner = ksef_mock.pki.self_signed(person("Jan", "Obcy", nip=NIP), key="ec")
    der = base64.b64encode(owner.certificate.public_bytes(Encoding.DER)).decode()
    assert control.post("/certificates/revoke", json={"certificate": der}).status_code == 200
    assert outcome(ksef_mock, api, owner)["details"] == ["Certyfikat odwołany"]


@pytest.mark.parametrize(
    ("choice", "status"),
    [
        ({}, 400),
        ({"certificate": "x", "fingerprint": "A" * 64}, 400),
        ({"certificate": "no certificate"}, 400),
        ({"certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"}, 400),
        ({"fingerprint": "AB"}, 400),
        ({"serialNumber": "AB"}, 404),
        ({"serialNumber": "A" * 10_000}, 404),
        ({"name": "x"}, 400),
    ],
)
@pytest.mark.parametrize("action", ["revoke", "suspend", "reinstate"])
def test_choices_that_choose_nothing(
    control: httpx.Client, action: str, choice: dict[str, str], status: int
) -> None:
    assert control.post(f"/certificates/{action}", json=choice).status_code == status
