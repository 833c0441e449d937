"""KSeF certificates over HTTP: who may enrol, what a CSR must be, what a certificate is good for."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ksef_mock.clock import to_datetime
from ksef_mock.core.waiting import Delay
from ksef_mock.crypto.der import SEQUENCE, tlv
from ksef_mock.crypto.pki import Credential, person, seal
from ksef_mock.testing import MockServer
from tests.auth.test_xades_login import outcome, signed, submit
from tests.support import NIP, OTHER_NIP, Api, b64, complaint, error
from tests.world import OIDS

Serve = Callable[..., tuple[MockServer, Api]]

OWNER = person("Jan", "Kowalski", nip=NIP)
OTHER = person("Anna", "Nowak", nip=NIP)
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
PESEL = "90010112349"


def log_in(mock: MockServer, api: Api, credential: Credential, **options: Any) -> str:
    """The access token of a login with a certificate."""
    submitted = submit(api, signed(mock, api, credential, **options))
    assert api.status(submitted)["code"] == 200
    redeemed = api.redeem(submitted.json()["authenticationToken"]["token"])
    token: str = redeemed.json()["accessToken"]["token"]
    return token


@pytest.fixture
def owner(ksef_mock: MockServer, api: Api) -> str:
    """An access token of the owner of NIP, logged in with a certificate."""
    return log_in(ksef_mock, api, ksef_mock.pki.qualified(OWNER, key="ec"))


def subject(data: dict[str, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(OIDS[name], value) for name, value in data.items()])


def csr(name: x509.Name, key: Any = None, algorithm: Any = None, **options: Any) -> bytes:
    request = x509.CertificateSigningRequestBuilder().subject_name(name)
    signed_request = request.sign(
        key or ec.generate_private_key(ec.SECP256R1()), algorithm or hashes.SHA256(), **options
    )
    return signed_request.public_bytes(Encoding.DER)


def sha1_csr(name: x509.Name, kind: str) -> bytes:
    """A CSR signed with SHA-1, which the library does not make."""
    key: Any
    if kind == "ec":
        key = ec.generate_private_key(ec.SECP256R1())
        body = x509.load_der_x509_csr(csr(name, key)).tbs_certrequest_bytes
        algorithm, signature = "300906072a8648ce3d0401", key.sign(body, ec.ECDSA(hashes.SHA1()))
    else:
        key = rsa.generate_private_key(65_537, 2_048)
        body = x509.load_der_x509_csr(csr(name, key)).tbs_certrequest_bytes
        algorithm = "300d06092a864886f70d0101050500"
        signature = key.sign(body, padding.PKCS1v15(), hashes.SHA1())
    return tlv(SEQUENCE, body + bytes.fromhex(algorithm) + tlv(0x03, b"\0" + signature))


def spoiled(request: bytes) -> bytes:
    return request[:-1] + bytes([request[-1] ^ 1])


def order(api: Api, bearer: str, **changes: Any) -> dict[str, Any]:
    """The body of a right enrolment, but for `changes`."""
    if "csr" not in changes:
        data = api.call("GET", "/certificates/enrollments/data", bearer=bearer).json()
        changes["csr"] = b64(csr(subject(data)))
    return {"certificateName": "Moj certyfikat", "certificateType": "Authentication"} | changes


def enroll(api: Api, bearer: str, **changes: Any) -> Any:
    return api.call("POST", "/certificates/enrollments", bearer=bearer, json=order(api, bearer, **changes))


def issued(api: Api, bearer: str, **changes: Any) -> tuple[Credential, str]:
    """A certificate with its key, and its serial number."""
    key = ec.generate_private_key(ec.SECP256R1())
    data = api.call("GET", "/certificates/enrollments/data", bearer=bearer).json()
    response = enroll(api, bearer, csr=b64(csr(subject(data), key)), **changes)
    assert response.status_code == 202, response.text
    path = f"/certificates/enrollments/{response.json()['referenceNumber']}"
    status = api.call("GET", path, bearer=bearer).json()
    assert status["status"]["code"] == 200
    serial = status["certificateSerialNumber"]
    body = {"certificateSerialNumbers": [serial]}
    (found,) = api.call("POST", "/certificates/retrieve", bearer=bearer, json=body).json()["certificates"]
    certificate = x509.load_der_x509_certificate(base64.b64decode(found["certificate"]))
    assert f"{certificate.serial_number:016X}" == serial
    return Credential(certificate, key), serial


def listed(
    api: Api, bearer: str, params: dict[str, Any] | None = None, **filters: Any
) -> list[dict[str, Any]]:
    response = api.call("POST", "/certificates/query", bearer=bearer, json=filters, params=params)
    assert response.status_code == 200, response.text
    certificates: list[dict[str, Any]] = response.json()["certificates"]
    return certificates


# -- enrolment --------------------------------------------------------------------------------------------


def test_enrolled_certificate_logs_in_at_once_and_everywhere(serve: Serve) -> None:
    mock, api = serve(profile="demo")
    mock.clock.freeze()
    submitted = submit(api, signed(mock, api, mock.pki.qualified(OWNER, key="ec")))
    mock.clock.advance(seconds=3)
    assert api.status(submitted)["code"] == 200
    redeemed = api.redeem(submitted.json()["authenticationToken"]["token"])
    credential, serial = issued(api, redeemed.json()["accessToken"]["token"])
    bearer = log_in(mock, api, credential)
    (item,) = listed(api, bearer)
    assert (item["certificateSerialNumber"], item["status"], item["type"]) == (
        serial,
        "Active",
        "Authentication",
    )
    assert item["subjectIdentifier"] == {"type": "Nip", "value": NIP}
    assert item["lastUseDate"] == item["requestDate"]  # the clock stands


@pytest.mark.parametrize("named_by", ["certificateSubject", "certificateFingerprint"])
def test_certificate_that_a_fingerprint_enrolled_logs_in_as_that_fingerprint(
    ksef_mock: MockServer, api: Api, named_by: str
) -> None:
    """The ministry's documentation of KSeF certificates: it carries the identity it was enrolled with."""
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "Jan Kowalski"),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "PL"),
        ]
    )
    own = ksef_mock.pki.self_signed(name, key="ec")
    fingerprint = own.certificate.fingerprint(hashes.SHA256()).hex().upper()
    granted = {
        "contextIdentifier": {"type": "Nip", "value": NIP},
        "authorizedIdentifier": {"type": "Fingerprint", "value": fingerprint},
        "permissions": [{"description": "odczyt", "permissionType": "InvoiceRead"}],
    }
    assert api.call("POST", "/testdata/permissions", json=granted).status_code == 200
    submitted = submit(api, signed(ksef_mock, api, own, subject="certificateFingerprint"))
    assert api.status(submitted)["code"] == 200
    redeemed = api.redeem(submitted.json()["authenticationToken"]["token"])
    credential, _ = issued(api, redeemed.json()["accessToken"]["token"])
    again = submit(api, signed(ksef_mock, api, credential, subject=named_by))
    assert api.status(again)["code"] == 200
    claims = jwt.decode(
        api.redeem(again.json()["authenticationToken"]["token"]).json()["accessToken"]["token"],
        options={"verify_signature": False},
    )
    assert json.loads(claims["asi"]) == {"type": "Fingerprint", "value": fingerprint}


@pytest.mark.parametrize("name", [OWNER, seal("Firma sp. z o.o.", nip=NIP)])
def test_subject_is_that_of_the_certificate_logged_in_with(
    ksef_mock: MockServer, api: Api, name: x509.Name
) -> None:
    bearer = log_in(ksef_mock, api, ksef_mock.pki.qualified(name, key="ec"))
    data = api.call("GET", "/certificates/enrollments/data", bearer=bearer).json()
    assert {OIDS[member]: value for member, value in data.items()} == {
        attribute.oid: attribute.value for attribute in name
    }
    credential, _ = issued(api, bearer)
    assert set(credential.certificate.subject) == set(name)


def test_offline_certificate_cannot_log_in(ksef_mock: MockServer, api: Api, owner: str) -> None:
    credential, _ = issued(api, owner, certificateType="Offline")
    status = outcome(ksef_mock, api, credential)
    assert (status["code"], status["details"]) == (460, ["Niepoprawny certyfikat"])


def test_certificate_can_begin_later(ksef_mock: MockServer, api: Api, owner: str) -> None:
    later = datetime.now(UTC) + timedelta(days=2)
    credential, _ = issued(api, owner, validFrom=later.isoformat())
    assert outcome(ksef_mock, api, credential)["details"] == ["Nieważny certyfikat"]
    ksef_mock.clock.advance(seconds=2 * 86_400)
    assert outcome(ksef_mock, api, credential)["code"] == 200


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda _: b"", 21405),
        (lambda _: b"no CSR", 25004),
        (lambda name: csr(name)[:-1], 25004),
        (lambda name: spoiled(csr(name)), 25004),
        (lambda _: csr(OTHER), 25003),
        (lambda name: csr(x509.Name(list(name)[:-1])), 25003),
        (lambda name: csr(x509.Name([*name, x509.NameAttribute(NameOID.TITLE, "dr")])), 25003),
        (lambda name: csr(x509.Name([*name, *name])), 25003),
        (lambda name: csr(name, rsa.generate_private_key(65_537, 2_048)), None),
        (lambda name: csr(name, rsa.generate_private_key(65_537, 3_072)), 25010),
        (lambda name: csr(name, rsa.generate_private_key(65_537, 1_024)), 25010),
        (lambda name: csr(name, ec.generate_private_key(ec.SECP384R1())), 25010),
        (lambda name: csr(name, algorithm=hashes.SHA512()), None),
        (lambda name: csr(name, algorithm=hashes.SHA224()), 25011),
        (lambda name: sha1_csr(name, "ec"), None),
        (lambda name: sha1_csr(name, "rsa"), None),
        (lambda name: spoiled(sha1_csr(name, "ec")), 25004),
        (lambda name: spoiled(sha1_csr(name, "rsa")), 25004),
        (lambda name: spoiled(csr(name, rsa.generate_private_key(65_537, 2_048), rsa_padding=PSS)), 25004),
        (lambda name: csr(name, rsa.generate_private_key(65_537, 2_048), rsa_padding=PSS), None),
    ],
)
def test_what_a_request_must_be(
    api: Api, owner: str, make: Callable[[x509.Name], bytes], code: int | None
) -> None:
    data = api.call("GET", "/certificates/enrollments/data", bearer=owner).json()
    response = enroll(api, owner, csr=b64(make(subject(data))))
    if code is None:
        assert response.status_code == 202
    else:
        assert error(response)[0] == code


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"certificateName": "abcd"}, "certificateName"),
        ({"certificateName": "a" * 101}, "certificateName"),
        ({"certificateName": "no/slash"}, "certificateName"),
        ({"certificateType": "Everything"}, "$.certificateType"),
        ({"csr": "%%%"}, "csr"),
        ({"validFrom": "tomorrow"}, "$.validFrom"),
    ],
)
def test_body_is_checked(api: Api, owner: str, change: dict[str, str], field: str) -> None:
    assert complaint(enroll(api, owner, **change)) == field


def test_login_with_a_token_cannot_enrol(api: Api, ksef_token: str) -> None:
    bearer = api.login(ksef_token).access_token
    assert error(api.call("GET", "/certificates/enrollments/data", bearer=bearer))[0] == 25001
    assert error(enroll(api, bearer, csr=b64(csr(OWNER))))[0] == 25002
    assert api.call("GET", "/certificates/limits", bearer=bearer).json()["canRequest"] is False


@pytest.mark.filterwarnings("ignore:Attribute's length")
def test_subject_that_no_certificate_may_have_cannot_enrol(ksef_mock: MockServer, api: Api) -> None:
    attributes = [each for each in OWNER if each.oid != NameOID.COUNTRY_NAME]
    country = x509.NameAttribute(NameOID.COUNTRY_NAME, "POL", _validate=False)
    bearer = log_in(ksef_mock, api, ksef_mock.pki.self_signed(x509.Name([country, *attributes]), key="ec"))
    assert error(api.call("GET", "/certificates/enrollments/data", bearer=bearer))[0] == 25001


def test_enrolment_takes_its_time(serve: Serve) -> None:
    mock, api = serve(delay=Delay(polls=1))
    submitted = submit(api, signed(mock, api, mock.pki.self_signed(OWNER, key="ec")))
    api.status(submitted)
    redeemed = api.redeem(submitted.json()["authenticationToken"]["token"])
    if redeemed.status_code != 200:
        api.status(submitted)
        redeemed = api.redeem(submitted.json()["authenticationToken"]["token"])
    bearer = redeemed.json()["accessToken"]["token"]
    path = f"/certificates/enrollments/{enroll(api, bearer).json()['referenceNumber']}"
    assert listed(api, bearer) == []
    first, second = (api.call("GET", path, bearer=bearer).json() for _ in range(2))
    assert first["status"] == {"code": 100, "description": "Wniosek przyjęty do realizacji"}
    assert "certificateSerialNumber" not in first
    assert second["status"]["code"] == 200
    assert len(listed(api, bearer)) == 1


def test_concurrent_polls_issue_one_certificate(ksef_mock: MockServer, api: Api, owner: str) -> None:
    path = f"/certificates/enrollments/{enroll(api, owner).json()['referenceNumber']}"
    with ThreadPoolExecutor(6) as pool:
        polls = list(pool.map(lambda _: api.call("GET", path, bearer=owner).json(), range(6)))
    assert len({poll["certificateSerialNumber"] for poll in polls}) == 1
    assert len(listed(api, owner)) == 1


def test_key_of_somebody_else_is_rejected(ksef_mock: MockServer, api: Api, owner: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    assert enroll(api, owner, csr=b64(csr(OWNER, key))).status_code == 202
    stranger = person("Anna", "Nowak", nip=OTHER_NIP)
    credential = ksef_mock.pki.qualified(stranger, key="ec")
    other = log_in(ksef_mock, api, credential, context=f"<Nip>{OTHER_NIP}</Nip>")
    reference = enroll(api, other, csr=b64(csr(stranger, key))).json()["referenceNumber"]
    status = api.call("GET", f"/certificates/enrollments/{reference}", bearer=other).json()
    assert status["status"] == {
        "code": 400,
        "description": "Wniosek odrzucony",
        "details": ["Klucz publiczny został już certyfikowany przez inny podmiot."],
    }


def test_limits_count_down_and_are_enforced(ksef_mock: MockServer, api: Api, owner: str) -> None:
    def left() -> tuple[bool, int, int]:
        body = api.call("GET", "/certificates/limits", bearer=owner).json()
        return body["canRequest"], body["enrollment"]["remaining"], body["certificate"]["remaining"]

    assert left() == (True, 300, 100)
    order = {"enrollment": {"maxEnrollments": 12}, "certificate": {"maxCertificates": 6}}
    assert (
        api.call("POST", "/testdata/limits/subject/certificate", bearer=owner, json=order).status_code == 200
    )
    assert left() == (True, 12, 6)
    serials = [issued(api, owner)[1] for _ in range(6)]
    assert left() == (False, 6, 0)
    assert error(enroll(api, owner))[0] == 25007
    for serial in serials:
        assert api.call("POST", f"/certificates/{serial}/revoke", bearer=owner, json={}).status_code == 204
    for _ in range(6):
        issued(api, owner)
    assert left()[:2] == (False, 0)
    (latest, *_) = listed(api, owner, status="Active")
    api.call("POST", f"/certificates/{latest['certificateSerialNumber']}/revoke", bearer=owner, json={})
    assert error(enroll(api, owner))[0] == 25006


# -- after that -------------------------------------------------------------------------------------------


def test_unknown_and_foreign_enrolments(ksef_mock: MockServer, api: Api, owner: str) -> None:
    reference = enroll(api, owner).json()["referenceNumber"]
    unknown = "20250514-EH-2DFC46C000-3AC6D5877F-D4"
    assert error(api.call("GET", f"/certificates/enrollments/{unknown}", bearer=owner))[0] == 25005
    stranger = ksef_mock.pki.qualified(person("Anna", "Nowak", nip=OTHER_NIP), key="ec")
    other = log_in(ksef_mock, api, stranger, context=f"<Nip>{OTHER_NIP}</Nip>")
    response = api.call("GET", f"/certificates/enrollments/{reference}", bearer=other)
    assert (response.status_code, response.json()["reasonCode"]) == (403, "insufficient-resource-access")


def test_revoked_certificate_cannot_log_in(ksef_mock: MockServer, api: Api, owner: str) -> None:
    credential, serial = issued(api, owner)
    path = f"/certificates/{serial}/revoke"
    assert api.call("POST", path, bearer=owner, json={"revocationReason": "Superseded"}).status_code == 204
    status = outcome(ksef_mock, api, credential)
    assert (status["code"], status["details"]) == (460, ["Certyfikat odwołany"])
    assert [item["status"] for item in listed(api, owner)] == ["Revoked"]
    assert error(api.call("POST", path, bearer=owner, json={}))[0] == 25009


def test_who_may_not_revoke(ksef_mock: MockServer, api: Api, owner: str, ksef_token: str) -> None:
    _, serial = issued(api, owner)
    path = f"/certificates/{serial}/revoke"
    by_token = api.login(ksef_token).access_token
    response = api.call("POST", path, bearer=by_token, json={})
    assert (response.status_code, response.json()["reasonCode"]) == (403, "auth-method-not-allowed")
    assert response.json()["security"] == {"authenticationMethodCategory": "Token"}
    stranger = ksef_mock.pki.qualified(person("Anna", "Nowak", nip=OTHER_NIP), key="ec")
    other = log_in(ksef_mock, api, stranger, context=f"<Nip>{OTHER_NIP}</Nip>")
    response = api.call("POST", path, bearer=other, json={})
    assert (response.status_code, response.json()["reasonCode"]) == (403, "insufficient-resource-access")
    assert error(api.call("POST", "/certificates/0000000000000000/revoke", bearer=owner, json={}))[0] == 25008
    assert error(api.call("POST", "/certificates/xyz/revoke", bearer=owner, json={}))[0] == 25008
    assert error(api.call("POST", path, bearer=owner, json={"revocationReason": "Whim"}))[0] == 21001


def test_nip_and_pesel_of_one_person_share_their_certificates(ksef_mock: MockServer, api: Api) -> None:
    body = {"nip": NIP, "pesel": PESEL, "isBailiff": False, "description": "sole proprietor"}
    assert api.call("POST", "/testdata/person", json=body).status_code == 200
    by_nip = log_in(ksef_mock, api, ksef_mock.pki.qualified(OWNER, key="ec"))
    _, serial = issued(api, by_nip)
    by_pesel = log_in(
        ksef_mock, api, ksef_mock.pki.qualified(person("Jan", "Kowalski", pesel=PESEL), key="ec")
    )
    assert [item["certificateSerialNumber"] for item in listed(api, by_pesel)] == [serial]
    assert api.call("POST", f"/certificates/{serial}/revoke", bearer=by_pesel, json={}).status_code == 204


def test_list_is_filtered_and_paged(ksef_mock: MockServer, api: Api, owner: str) -> None:
    names = ["Pierwszy", "Drugi - offline", "Trzeci"]
    kinds = ["Authentication", "Offline", "Authentication"]
    serials = []
    for name, kind in zip(names, kinds, strict=True):
        ksef_mock.clock.advance(seconds=1)
        serials.append(issued(api, owner, certificateName=name, certificateType=kind)[1])

    def found(params: dict[str, Any] | None = None, **filters: Any) -> list[str]:
        return [item["certificateSerialNumber"] for item in listed(api, owner, params, **filters)]

    assert found() == serials[::-1]
    assert found(type="Offline") == [serials[1]]
    assert found(name="zec") == [serials[2]]
    assert found(certificateSerialNumber=serials[0]) == [serials[0]]
    assert found(status="Revoked") == []
    in_three_years = (datetime.now(UTC) + timedelta(days=3 * 365)).isoformat()
    assert found(expiresAfter=in_three_years) == []
    assert found({"pageOffset": 1}) == []
    ksef_mock.clock.advance(seconds=740 * 86_400)
    bearer = log_in(ksef_mock, api, ksef_mock.pki.qualified(OWNER, key="ec"))
    assert {item["status"] for item in listed(api, bearer)} == {"Expired"}
    path = f"/certificates/{serials[0]}/revoke"
    assert error(api.call("POST", path, bearer=bearer, json={}))[0] == 25009


@pytest.mark.parametrize(
    ("params", "filters", "field"),
    [
        ({"pageSize": 9}, {}, "pageSize"),
        ({"pageSize": 51}, {}, "pageSize"),
        ({"pageOffset": -1}, {}, "pageOffset"),
        ({}, {"type": "Everything"}, "$.type"),
        ({}, {"status": "Lost"}, "$.status"),
        ({}, {"expiresAfter": "tomorrow"}, "$.expiresAfter"),
    ],
)
def test_filters_are_checked(
    api: Api, owner: str, params: dict[str, Any], filters: dict[str, Any], field: str
) -> None:
    response = api.call("POST", "/certificates/query", bearer=owner, json=filters, params=params)
    assert complaint(response) == field


@pytest.mark.parametrize("numbers", [[], ["0" * 16] * 11])
def test_serial_numbers_are_counted(api: Api, owner: str, numbers: list[str]) -> None:
    body = {"certificateSerialNumbers": numbers}
    response = api.call("POST", "/certificates/retrieve", bearer=owner, json=body)
    assert complaint(response) == "certificateSerialNumbers"


def test_a_serial_number_that_is_none_names_no_certificate(api: Api, owner: str) -> None:
    body = {"certificateSerialNumbers": ["xyz", "0" * 15]}
    response = api.call("POST", "/certificates/retrieve", bearer=owner, json=body)
    assert response.json() == {"certificates": []}
    response = api.call("POST", "/certificates/query", bearer=owner, json={"certificateSerialNumber": "xyz"})
    assert response.json() == {"certificates": [], "hasMore": False}


def test_certificates_of_others_are_not_retrieved(ksef_mock: MockServer, api: Api, owner: str) -> None:
    _, serial = issued(api, owner)
    stranger = ksef_mock.pki.qualified(person("Anna", "Nowak", nip=OTHER_NIP), key="ec")
    other = log_in(ksef_mock, api, stranger, context=f"<Nip>{OTHER_NIP}</Nip>")
    body = {"certificateSerialNumbers": [serial, "0" * 16]}
    assert api.call("POST", "/certificates/retrieve", bearer=other, json=body).json() == {"certificates": []}


def test_bodies_without_a_required_member_can_be_left_out(api: Api, owner: str) -> None:
    _, serial = issued(api, owner)
    listed = api.call("POST", "/certificates/query", bearer=owner)
    assert [item["certificateSerialNumber"] for item in listed.json()["certificates"]] == [serial]
    revoked = api.call("POST", f"/certificates/{serial}/revoke", bearer=owner)
    assert revoked.status_code == 204


# -- what /testdata changes, and what time does -------------------------------------------------------------


def shorten(api: Api, bearer: str | None, serial: str, valid_to: Any) -> Any:
    return api.call("PUT", f"/testdata/certificates/{serial}", bearer=bearer, json={"validTo": valid_to})


def test_shortened_certificate_expires_earlier(ksef_mock: MockServer, api: Api, owner: str) -> None:
    credential, serial = issued(api, owner)
    before = listed(api, owner)[0]
    ends_at = to_datetime(ksef_mock.clock.now()) + timedelta(hours=1)
    response = shorten(api, owner, serial, ends_at.isoformat())
    assert (response.status_code, response.content) == (200, b"")
    (item,) = listed(api, owner)
    assert datetime.fromisoformat(item["validTo"]) == ends_at
    assert item == before | {"validTo": item["validTo"]}
    assert log_in(ksef_mock, api, credential)
    ksef_mock.clock.advance(7_200)
    status = api.status(submit(api, signed(ksef_mock, api, credential)))
    assert (status["code"], status["details"]) == (460, ["Nieważny certyfikat"])
    other = log_in(ksef_mock, api, ksef_mock.pki.qualified(OWNER, key="ec"))
    assert [each["status"] for each in listed(api, other)] == ["Expired"]


def test_certificate_may_be_made_to_have_expired(ksef_mock: MockServer, api: Api, owner: str) -> None:
    credential, serial = issued(api, owner)
    assert shorten(api, owner, serial, "2020-01-01T00:00:00Z").status_code == 200
    assert api.status(submit(api, signed(ksef_mock, api, credential)))["code"] == 460
    assert api.call("GET", "/certificates/limits", bearer=owner).json()["certificate"]["remaining"] == 100


def test_validity_is_never_prolonged(api: Api, owner: str) -> None:
    _, serial = issued(api, owner)
    present = listed(api, owner)[0]["validTo"]
    assert shorten(api, owner, serial, present).status_code == 200
    later = (datetime.fromisoformat(present) + timedelta(seconds=1)).isoformat()
    assert error(shorten(api, owner, serial, later))[0] == 21405
    assert error(shorten(api, owner, serial, None))[0] == 21405
    assert listed(api, owner)[0]["validTo"] == present


def test_certificates_of_others_cannot_be_shortened(ksef_mock: MockServer, api: Api, owner: str) -> None:
    _, serial = issued(api, owner)
    stranger = log_in(
        ksef_mock,
        api,
        ksef_mock.pki.qualified(seal("Inna", nip=OTHER_NIP), key="ec"),
        context=f"<Nip>{OTHER_NIP}</Nip>",
    )
    for number in (serial, "0" * 16, "x"):
        assert error(shorten(api, stranger, number, "2020-01-01T00:00:00Z"))[:2] == (
            25008,
            "Certyfikat o podanym numerze seryjnym nie istnieje.",
        )
    assert shorten(api, None, serial, "2020-01-01T00:00:00Z").status_code == 401


def test_status_of_an_enrolment_is_kept_for_30_days(ksef_mock: MockServer, api: Api, owner: str) -> None:
    path = f"/certificates/enrollments/{enroll(api, owner).json()['referenceNumber']}"
    ksef_mock.clock.advance(29 * 86_400)
    later = log_in(ksef_mock, api, ksef_mock.pki.qualified(OWNER, key="ec"))
    assert api.call("GET", path, bearer=later).status_code == 200
    ksef_mock.clock.advance(2 * 86_400)
    later = log_in(ksef_mock, api, ksef_mock.pki.qualified(OWNER, key="ec"))
    response = api.call("GET", path, bearer=later)
    assert (response.status_code, response.json()["detail"]) == (
        410,
        "Operacja wygasła i nie jest już dostępna.",
    )
    assert len(listed(api, later)) == 1  # the certificate stays


def test_a_nip_in_a_serial_number_comes_back_as_tinpl(ksef_mock: MockServer, api: Api) -> None:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.GIVEN_NAME, "Jan"),
            x509.NameAttribute(NameOID.SURNAME, "Nowak"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, f"NIP-{NIP}"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Jan Nowak"),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "PL"),
            x509.NameAttribute(NameOID.X500_UNIQUE_IDENTIFIER, "d9c1a4d2"),
        ]
    )
    bearer = log_in(ksef_mock, api, ksef_mock.pki.self_signed(name, key="ec"))
    data = api.call("GET", "/certificates/enrollments/data", bearer=bearer).json()
    assert (data["serialNumber"], data["uniqueIdentifier"]) == (f"TINPL-{NIP}", "d9c1a4d2")
    credential, _ = issued(api, bearer)
    assert credential.certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)[0].value == (
        f"TINPL-{NIP}"
    )


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        (OWNER, (300, 100)),
        (seal("Firma sp. z o.o.", nip=NIP), (300, 100)),
    ],
)
def test_limits_of_entities(
    ksef_mock: MockServer, api: Api, name: x509.Name, limits: tuple[int, int]
) -> None:
    bearer = log_in(ksef_mock, api, ksef_mock.pki.qualified(name, key="ec"))
    found = api.call("GET", "/certificates/limits", bearer=bearer).json()
    assert (found["enrollment"]["limit"], found["certificate"]["limit"]) == limits
