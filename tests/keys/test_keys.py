"""The published keys and their three rotations, over HTTP."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from ksef_mock.clock import to_datetime
from ksef_mock.ksef.keys.keys import PublishedKey, Usage
from ksef_mock.testing import MockServer
from tests.support import NIP, Api, certificate_of, error

Serve = Callable[..., tuple[MockServer, Api]]

TOKEN, SYMMETRIC = "KsefTokenEncryption", "SymmetricKeyEncryption"


def published(api: Api) -> list[dict[str, Any]]:
    body: list[dict[str, Any]] = api.call("GET", "/security/public-key-certificates").json()
    return body


def kind(key: dict[str, Any]) -> str:
    public_key = certificate_of(key).public_key()
    if isinstance(public_key, rsa.RSAPublicKey):
        return f"RSA-{public_key.key_size}"
    assert isinstance(public_key, ec.EllipticCurvePublicKey)
    return public_key.curve.name


@pytest.mark.parametrize(
    ("token_key", "expected"),
    [
        ("rsa", [(TOKEN, "RSA-2048"), (SYMMETRIC, "RSA-2048")]),
        ("ec", [(TOKEN, "secp256r1"), (SYMMETRIC, "RSA-2048")]),
        (
            "both",
            [
                (TOKEN, "RSA-2048"),
                (TOKEN, "secp256r1"),
                (SYMMETRIC, "RSA-2048"),
                (SYMMETRIC, "secp256r1"),
            ],
        ),
    ],
)
def test_what_is_published(serve: Serve, token_key: str, expected: list[tuple[str, str]]) -> None:
    _, api = serve(token_key=token_key)
    assert [(*key["usage"], kind(key)) for key in published(api)] == expected


def test_certificates_say_of_themselves_what_the_answer_says(api: Api, ksef_mock: MockServer) -> None:
    for key in published(api):
        der = base64.b64decode(key["certificate"])
        certificate = certificate_of(key)
        spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert key["certificateId"] == base64.b64encode(hashlib.sha256(der).digest()).decode()
        assert key["publicKeyId"] == base64.b64encode(hashlib.sha256(spki).digest()).decode()
        assert datetime.fromisoformat(key["validFrom"]) == certificate.not_valid_before_utc
        assert datetime.fromisoformat(key["validTo"]) == certificate.not_valid_after_utc
        (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert name.value == "Ministerstwo Finansów"
        certificate.verify_directly_issued_by(ksef_mock.keys.authority.certificate)
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        assert usage.key_encipherment
        assert not usage.digital_signature
        assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_recertification_keeps_the_key(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    (before,) = api.public_keys()
    request = api.token_request(ksef_token, key=before)
    ksef_mock.keys.recertify()
    (after,) = api.public_keys()
    assert after["publicKeyId"] == before["publicKeyId"]
    assert after["certificateId"] != before["certificateId"]
    assert api.status(api.submit(request))["code"] == 200


def test_planned_rotation_accepts_both_until_the_old_key_is_withdrawn(
    ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    (old,) = api.public_keys()
    (new,) = ksef_mock.keys.rotate()
    assert [key["publicKeyId"] for key in api.public_keys()] == [new.public_key_id, old["publicKeyId"]]
    for key in api.public_keys():
        assert api.status(api.submit(api.token_request(ksef_token, key=key)))["code"] == 200
    assert ksef_mock.keys.withdraw(old["publicKeyId"])
    assert not ksef_mock.keys.withdraw(old["publicKeyId"])
    assert [key["publicKeyId"] for key in api.public_keys()] == [new.public_key_id]
    assert error(api.submit(api.token_request(ksef_token, key=old)))[0] == 21470


def test_emergency_rotation_withdraws_the_old_key_at_once(
    ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    (old,) = api.public_keys()
    ksef_mock.keys.rotate(emergency=True)
    (new,) = api.public_keys()
    assert new["publicKeyId"] != old["publicKeyId"]
    assert error(api.submit(api.token_request(ksef_token, key=old)))[0] == 21470
    status = api.status(api.submit(api.token_request(ksef_token, key=old, publicKeyId=None)))
    assert (status["code"], status["details"]) == (450, ["Nieprawidłowe szyfrowanie tokena"])
    assert api.status(api.submit(api.token_request(ksef_token, key=new)))["code"] == 200


def test_rotation_of_one_usage_leaves_the_other_alone(ksef_mock: MockServer, api: Api) -> None:
    before = api.public_keys(SYMMETRIC), api.public_keys(TOKEN)
    ksef_mock.keys.rotate(Usage.SYMMETRIC_KEY, emergency=True)
    assert api.public_keys(TOKEN) == before[1]
    assert api.public_keys(SYMMETRIC) != before[0]


def test_rotation_after_everything_was_withdrawn_publishes_again(ksef_mock: MockServer, api: Api) -> None:
    for key in api.public_keys():
        ksef_mock.keys.withdraw(key["publicKeyId"])
    assert api.public_keys() == []
    ksef_mock.keys.rotate()
    assert [kind(key) for key in api.public_keys()] == ["RSA-2048"]


def test_reset_brings_the_first_keys_back(ksef_mock: MockServer, api: Api) -> None:
    before = published(api)
    ksef_mock.keys.rotate(emergency=True)
    ksef_mock.keys.recertify(Usage.SYMMETRIC_KEY)
    ksef_mock.reset()
    assert published(api) == before


def test_rotated_ec_keys_stay_ec(serve: Serve) -> None:
    mock, api = serve(token_key="both")
    mock.keys.rotate(emergency=True)
    assert [kind(key) for key in api.public_keys()] == ["RSA-2048", "secp256r1"]
    token = mock.issue_token(NIP)
    for key in api.public_keys():
        assert api.status(api.submit(api.token_request(token, key=key)))["code"] == 200


def test_moving_the_clock_while_the_first_keys_are_made_does_not_move_them(serve: Serve) -> None:
    mock, api = serve()
    mock.clock.advance(seconds=3_600)
    mock.reset()
    now = to_datetime(mock.clock.now())
    assert all(datetime.fromisoformat(key["validFrom"]) <= now for key in published(api))


def certificates(keys: dict[str, PublishedKey]) -> set[str]:
    return {key.certificate_id for key in keys.values()}


def test_a_certificate_is_renewed_in_time_and_the_key_stays(ksef_mock: MockServer) -> None:
    before = {key.public_key_id: key for key in ksef_mock.keys.current()}
    ksef_mock.clock.advance(days=701)
    after = {key.public_key_id: key for key in ksef_mock.keys.current()}
    assert after.keys() == before.keys()
    now = ksef_mock.clock.now()
    assert all(key.valid_from <= now < key.valid_to for key in after.values())
    assert not certificates(after) & certificates(before)


def test_an_old_key_goes_when_it_expires_and_is_refused_then(ksef_mock: MockServer, api: Api) -> None:
    (old,) = (key for key in ksef_mock.keys.current() if key.usage is Usage.TOKEN)
    ksef_mock.clock.advance(days=100)
    (new,) = ksef_mock.keys.rotate(Usage.TOKEN)
    token = ksef_mock.issue_token(NIP)
    for days, known in ((600, True), (40, False)):
        ksef_mock.clock.advance(days=days)
        published = {key.public_key_id for key in ksef_mock.keys.current()}
        assert new.public_key_id in published
        assert (old.public_key_id in published) is known
    refused = api.submit(api.token_request(token, publicKeyId=old.public_key_id))
    assert error(refused)[0] == 21470
