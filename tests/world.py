"""Parties and calls that the tests of /permissions and the scenarios share: nothing here but HTTP."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Name
from cryptography.x509.oid import NameOID

from ksef_mock.clock import to_datetime
from ksef_mock.crypto.pki import Credential
from ksef_mock.testing import MockServer
from tests.support import Api, b64
from tests.xades.signer import Credentials, Signer, request_xml

#: Members of GET /certificates/enrollments/data -> the attributes of a subject that they are.
OIDS = {
    "commonName": NameOID.COMMON_NAME,
    "countryName": NameOID.COUNTRY_NAME,
    "givenName": NameOID.GIVEN_NAME,
    "surname": NameOID.SURNAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "organizationName": NameOID.ORGANIZATION_NAME,
    "organizationIdentifier": NameOID.ORGANIZATION_IDENTIFIER,
    "uniqueIdentifier": NameOID.X500_UNIQUE_IDENTIFIER,
}

#: A typed identifier as the API writes it.
Id = tuple[str, str]

JAN = {"subjectDetailsType": "PersonByIdentifier", "personById": {"firstName": "Jan", "lastName": "Nowak"}}
HANS = {
    "subjectDetailsType": "PersonByFingerprintWithoutIdentifier",
    "personByFpNoId": {
        "firstName": "Hans",
        "lastName": "Schmidt",
        "birthDate": "1980-02-29",
        "idDocument": {"type": "Passport", "number": "C01X00T47", "country": "DE"},
    },
}
FIRM = {"fullName": "Firma sp. z o.o."}


def typed(identifier: Id) -> dict[str, str]:
    return {"type": identifier[0], "value": identifier[1]}


def claims(token: str) -> dict[str, Any]:
    """What a JWT says, unverified, with the lists inside of it decoded."""
    payload = token.split(".")[1]
    body: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return body | {name: json.loads(body[name]) for name in ("per", "pec", "rol", "pep")}


class World:
    """One mock, and who does what with it."""

    def __init__(self, mock: MockServer, api: Api) -> None:
        self.mock = mock
        self.api = api
        #: Reference numbers of the operations that granted or revoked, the latest last.
        self.operations: list[str] = []

    def certificate(self, who: Name) -> Credential:
        """A certificate of somebody, self-signed as TEST allows."""
        return self.mock.pki.self_signed(who, key="ec")

    def submit(
        self, certificate: Credential, context: Id, *, by: str = "certificateSubject"
    ) -> httpx.Response:
        """POST /auth/xades-signature."""
        document = Signer(
            credentials=Credentials(certificate.key, certificate.certificate),
            request=request_xml(
                challenge=self.api.challenge()["challenge"],
                context=f"<{context[0]}>{context[1]}</{context[0]}>",
                subject=by,
            ),
            signing_time=to_datetime(self.mock.clock.now()).isoformat(timespec="seconds"),
        ).sign()
        return self.api.call(
            "POST", "/auth/xades-signature", content=document, headers={"Content-Type": "application/xml"}
        )

    def status(self, certificate: Credential, context: Id, *, by: str = "certificateSubject") -> int:
        """The status code in which a login with a certificate ends."""
        code: int = self.api.status(self.submit(certificate, context, by=by))["code"]
        return code

    def token_status(self, token: str, context: Id) -> int:
        """The status code in which a login with a KSeF token ends."""
        request = self.api.token_request(token, contextIdentifier=typed(context))
        code: int = self.api.status(self.api.submit(request))["code"]
        return code

    def log_in(self, certificate: Credential, context: Id, *, by: str = "certificateSubject") -> str:
        """The access token of a login with a certificate."""
        submitted = self.submit(certificate, context, by=by)
        status = self.api.status(submitted)
        assert status["code"] == 200, status
        redeemed = self.api.redeem(submitted.json()["authenticationToken"]["token"])
        assert redeemed.status_code == 200, redeemed.text
        token: str = redeemed.json()["accessToken"]["token"]
        return token

    def post(self, path: str, bearer: str | None, body: Any, **params: Any) -> httpx.Response:
        return self.api.call("POST", path, bearer=bearer, json=body, params=params)

    def outcome(self, bearer: str, started: httpx.Response) -> int:
        """The status code of an operation that grants or revokes."""
        assert started.status_code == 202, started.text
        self.operations.append(started.json()["referenceNumber"])
        path = f"/permissions/operations/{self.operations[-1]}"
        answer = self.api.call("GET", path, bearer=bearer)
        assert answer.status_code == 200, answer.text
        code: int = answer.json()["status"]["code"]
        return code

    def generate_token(self, bearer: str, *permissions: str) -> tuple[str, str]:
        """The reference number and the text of a new KSeF token."""
        body = {"permissions": list(permissions), "description": "token testowy"}
        generated = self.post("/tokens", bearer, body)
        assert generated.status_code == 202, generated.text
        return generated.json()["referenceNumber"], generated.json()["token"]

    def enroll(self, bearer: str, *, name: str = "certyfikat testowy") -> tuple[Credential, str]:
        """A KSeF certificate with its key, and its serial number."""
        data = self.api.call("GET", "/certificates/enrollments/data", bearer=bearer).json()
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(OIDS[name], value) for name, value in data.items()])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        order = {
            "certificateName": name,
            "certificateType": "Authentication",
            "csr": b64(request.public_bytes(Encoding.DER)),
        }
        taken = self.post("/certificates/enrollments", bearer, order)
        assert taken.status_code == 202, taken.text
        path = f"/certificates/enrollments/{taken.json()['referenceNumber']}"
        serial: str = self.api.call("GET", path, bearer=bearer).json()["certificateSerialNumber"]
        (issued,) = self.post(
            "/certificates/retrieve", bearer, {"certificateSerialNumbers": [serial]}
        ).json()["certificates"]
        certificate = x509.load_der_x509_certificate(base64.b64decode(issued["certificate"]))
        return Credential(certificate, key), serial

    # -- grants: each returns the status code of its operation ---------------------------------------------

    def grant_person(self, bearer: str, to: Id, *permissions: str, details: Any = JAN) -> int:
        body = {
            "subjectIdentifier": typed(to),
            "permissions": list(permissions),
            "description": "uprawnienia osoby",
            "subjectDetails": details,
        }
        return self.outcome(bearer, self.post("/permissions/persons/grants", bearer, body))

    def grant_entity(self, bearer: str, to: str, *permissions: str, can_delegate: bool = False) -> int:
        body = {
            "subjectIdentifier": typed(("Nip", to)),
            "permissions": [{"type": name, "canDelegate": can_delegate} for name in permissions],
            "description": "uprawnienia podmiotu",
            "subjectDetails": FIRM,
        }
        return self.outcome(bearer, self.post("/permissions/entities/grants", bearer, body))

    def grant_authorization(self, bearer: str, to: Id, permission: str) -> int:
        body = {
            "subjectIdentifier": typed(to),
            "permission": permission,
            "description": "uprawnienie podmiotowe",
            "subjectDetails": FIRM,
        }
        return self.outcome(bearer, self.post("/permissions/authorizations/grants", bearer, body))

    def grant_indirect(self, bearer: str, to: Id, *permissions: str, target: Id | str | None = None) -> int:
        """`target`: a client, "AllPartners", or None for all of them too."""
        body = {
            "subjectIdentifier": typed(to),
            "permissions": list(permissions),
            "description": "praca dla klienta",
            "subjectDetails": JAN,
        }
        if target is not None:
            body["targetIdentifier"] = {"type": target} if isinstance(target, str) else typed(target)
        return self.outcome(bearer, self.post("/permissions/indirect/grants", bearer, body))

    def grant_subunit(self, bearer: str, to: Id, unit: Id, *, name: str | None = "Jednostka 014") -> int:
        body = {
            "subjectIdentifier": typed(to),
            "contextIdentifier": typed(unit),
            "description": "administrator jednostki",
            "subjectDetails": JAN,
        }
        if name is not None:
            body["subunitName"] = name
        return self.outcome(bearer, self.post("/permissions/subunits/grants", bearer, body))

    def grant_eu_administration(self, bearer: str, fingerprint: str, context: str) -> int:
        body = {
            "subjectIdentifier": typed(("Fingerprint", fingerprint)),
            "contextIdentifier": typed(("NipVatUe", context)),
            "description": "administrator podmiotu unijnego",
            "euEntityName": "Firma G.m.b.H.",
            "subjectDetails": HANS,
            "euEntityDetails": {"fullName": "Firma G.m.b.H.", "address": "Berlin"},
        }
        path = "/permissions/eu-entities/administration/grants"
        return self.outcome(bearer, self.post(path, bearer, body))

    def grant_eu(self, bearer: str, fingerprint: str, *permissions: str) -> int:
        body = {
            "subjectIdentifier": typed(("Fingerprint", fingerprint)),
            "permissions": list(permissions),
            "description": "reprezentant podmiotu unijnego",
            "subjectDetails": HANS,
        }
        return self.outcome(bearer, self.post("/permissions/eu-entities/grants", bearer, body))

    # -- revocation and lists ------------------------------------------------------------------------------

    def revoke(self, bearer: str, permission_id: str, *, kind: str = "common") -> int:
        path = f"/permissions/{kind}/grants/{permission_id}"
        return self.outcome(bearer, self.api.call("DELETE", path, bearer=bearer))

    def query(self, bearer: str, kind: str, **filters: Any) -> list[dict[str, Any]]:
        """The first page of /permissions/query/{kind}/grants."""
        answer = self.post(f"/permissions/query/{kind}/grants", bearer, filters, pageSize=100)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()[
            "authorizationGrants" if kind == "authorizations" else "permissions"
        ]
        return found

    def persons(self, bearer: str, **filters: Any) -> list[dict[str, Any]]:
        """All permissions in force in the context of the login, unless `queryType` says otherwise."""
        return self.query(bearer, "persons", **({"queryType": "PermissionsInCurrentContext"} | filters))

    # -- test data -----------------------------------------------------------------------------------------

    def test_data(self, path: str, **body: Any) -> None:
        answer = self.post(f"/testdata/{path}", None, body)
        assert answer.status_code == 200, answer.text

    def person(self, nip: str, pesel: str, **facts: bool) -> None:
        """Make NIP and PESEL the identifiers of one person."""
        known = {"isBailiff": False} | facts
        self.test_data("person", nip=nip, pesel=pesel, description="osoba testowa", **known)

    def organisation(self, nip: str, kind: str, *units: str) -> None:
        subunits = [{"subjectNip": unit, "description": f"jednostka {unit}"} for unit in units]
        self.test_data(
            "subject", subjectNip=nip, subjectType=kind, description="podmiot testowy", subunits=subunits
        )
