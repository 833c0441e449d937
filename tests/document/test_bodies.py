"""Every JSON body of every simulated operation: names and enumerations in any case, unreadable, empty."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from typing import Any

import httpx
import pytest

from ksef_mock.crypto.pki import person
from ksef_mock.testing import MockServer
from tests import openapi
from tests.spelling import Respelling, pascal
from tests.support import NIP, OTHER_NIP, Api, error
from tests.world import FIRM, HANS, JAN, World, typed

pytestmark = pytest.mark.skipif(not openapi.available(), reason=openapi.MISSING)

PESEL = ("Pesel", "90010112349")
FINGERPRINT = ("Fingerprint", "AB" * 32)
COMPOUND = ("NipVatUe", f"{NIP}-DE123456789")
TEXT = "opis na potrzeby testu"
RATE = {"perSecond": 1, "perMinute": 2, "perHour": 3}
SESSION = {"maxInvoiceSizeInMB": 1, "maxInvoiceWithAttachmentSizeInMB": 2, "maxInvoices": 3}
CLIENT = typed(("Nip", OTHER_NIP))
UNITS = [{"subjectNip": OTHER_NIP, "description": TEXT}]
PERSON = {"subjectIdentifier": typed(PESEL), "description": TEXT, "subjectDetails": JAN}
EU = {"subjectIdentifier": typed(FINGERPRINT), "description": TEXT, "subjectDetails": HANS}
GROUPS = (
    *("onlineSession", "batchSession", "invoiceSend", "invoiceStatus", "sessionList", "sessionInvoiceList"),
    *("sessionMisc", "invoiceMetadata", "invoiceExport", "invoiceExportStatus", "invoiceDownload"),
    *("collectiveIdentifier", "other"),
)

FILTERS = {
    "subjectType": "Subject1",
    "dateRange": {"dateType": "Issue", "from": "2026-01-01", "to": "2026-01-02"},
    "amount": {"type": "Brutto", "from": 1, "to": 2},
    "buyerIdentifier": typed(("Nip", NIP)),
    "currencyCodes": ["PLN", "EUR"],
    "invoicingMode": "Online",
    "formType": "FA",
    "invoiceTypes": ["Vat", "KorRoz"],
}
ENCRYPTION = {"encryptedSymmetricKey": "AAAA", "initializationVector": "A" * 22 + "=="}

#: A body for each operation, every enumeration among its members. None: made for each call.
BODIES: dict[str, dict[str, Any] | None] = {
    "POST /auth/ksef-token": None,
    "POST /certificates/enrollments": {
        "certificateName": "certyfikat",
        "certificateType": "Authentication",
        "csr": "AAAA",
        "validFrom": "2030-01-01T00:00:00Z",
    },
    "POST /certificates/retrieve": {"certificateSerialNumbers": ["0" * 16]},
    "POST /certificates/{certificateSerialNumber}/revoke": {"revocationReason": "Superseded"},
    "POST /certificates/query": {"type": "Offline", "status": "Active", "name": "x"},
    "PUT /testdata/certificates/{serialNumber}": {"validTo": "2030-01-01T00:00:00Z"},
    "POST /testdata/subject": {
        "subjectNip": NIP,
        "subjectType": "VatGroup",
        "description": TEXT,
        "subunits": UNITS,
    },
    "POST /testdata/subject/remove": {"subjectNip": NIP},
    "POST /testdata/person": {"nip": NIP, "pesel": PESEL[1], "isBailiff": True, "description": TEXT},
    "POST /testdata/person/remove": {"nip": NIP},
    "POST /testdata/permissions": {
        "contextIdentifier": typed(("Nip", NIP)),
        "authorizedIdentifier": typed(PESEL),
        "permissions": [{"permissionType": "InvoiceRead", "description": TEXT}],
    },
    "POST /testdata/permissions/revoke": {
        "contextIdentifier": typed(("Nip", NIP)),
        "authorizedIdentifier": typed(PESEL),
    },
    "POST /testdata/attachment": {"nip": NIP},
    "POST /testdata/attachment/revoke": {"nip": NIP, "expectedEndDate": "2040-01-01"},
    "POST /testdata/context/block": {"contextIdentifier": CLIENT},
    "POST /testdata/context/unblock": {"contextIdentifier": CLIENT},
    "POST /testdata/limits/context/session": {
        "onlineSession": SESSION,
        "batchSession": SESSION,
        "collectiveIdentifier": {"maxInvoices": 100},
    },
    "POST /testdata/limits/subject/certificate": {
        "subjectIdentifierType": "Pesel",
        "enrollment": {"maxEnrollments": 1},
        "certificate": {"maxCertificates": 2},
    },
    "POST /testdata/rate-limits": {"rateLimits": dict.fromkeys(GROUPS, RATE)},
    "POST /permissions/persons/grants": PERSON | {"permissions": ["InvoiceRead", "InvoiceWrite"]},
    "POST /permissions/entities/grants": {
        "subjectIdentifier": CLIENT,
        "permissions": [{"type": "InvoiceRead", "canDelegate": True}],
        "description": TEXT,
        "subjectDetails": FIRM,
    },
    "POST /permissions/authorizations/grants": {
        "subjectIdentifier": CLIENT,
        "permission": "SelfInvoicing",
        "description": TEXT,
        "subjectDetails": FIRM,
    },
    "POST /permissions/indirect/grants": PERSON
    | {"permissions": ["InvoiceRead"], "targetIdentifier": {"type": "AllPartners"}},
    "POST /permissions/subunits/grants": PERSON | {"contextIdentifier": typed(("Nip", NIP))},
    "POST /permissions/eu-entities/administration/grants": EU
    | {
        "contextIdentifier": typed(COMPOUND),
        "euEntityName": TEXT,
        "euEntityDetails": {"fullName": "Firma", "address": "Berlin"},
    },
    "POST /permissions/eu-entities/grants": EU | {"permissions": ["InvoiceRead"]},
    "POST /invoices/query/metadata": FILTERS,
    "POST /invoices/exports": {
        "encryption": ENCRYPTION,
        "onlyMetadata": True,
        "filters": FILTERS,
        "compressionType": "TarGz",
    },
    "POST /collective-identifiers": {
        "invoices": [
            {
                "ksefNumber": f"{NIP}-20260612-6310EC800000-28",
                "payment": {"amount": 1, "currency": "PLN"},
                "description": TEXT,
            },
            {"ksefNumber": f"{NIP}-20260612-62EAFD400000-41"},
        ]
    },
    "POST /collective-identifiers/query": {
        "dateCreatedFrom": "2026-01-01T00:00:00Z",
        "dateCreatedTo": "2026-01-02T00:00:00Z",
        "collectiveIdentifierNumber": "x",
        "invoiceCountFrom": 1,
        "invoiceCountTo": 2,
        "createdInCurrentContext": True,
    },
    "POST /collective-identifiers/invoices": {"collectiveIdentifierNumbers": ["x"]},
    "POST /sessions/online": {
        "formCode": {"systemCode": "FA (3)", "schemaVersion": "1-0E", "value": "FA"},
        "encryption": ENCRYPTION,
    },
    "POST /sessions/batch": {
        "formCode": {"systemCode": "FA (3)", "schemaVersion": "1-0E", "value": "FA"},
        "encryption": ENCRYPTION,
        "batchFile": {
            "fileSize": 1,
            "fileHash": "A" * 43 + "=",
            "compressionType": "TarGz",
            "fileParts": [{"ordinalNumber": 1, "fileSize": 16, "fileHash": "A" * 43 + "="}],
        },
        "offlineMode": True,
    },
    "POST /sessions/online/{referenceNumber}/invoices": {
        "invoiceHash": "A" * 43 + "=",
        "invoiceSize": 1,
        "encryptedInvoiceHash": "A" * 43 + "=",
        "encryptedInvoiceSize": 3,
        "encryptedInvoiceContent": "AAAA",
        "offlineMode": True,
    },
    "POST /tokens": {"permissions": ["InvoiceRead"], "description": TEXT},
    "POST /permissions/query/personal/grants": {
        "contextIdentifier": CLIENT,
        "targetIdentifier": CLIENT,
        "permissionTypes": ["InvoiceRead"],
        "permissionState": "Active",
    },
    "POST /permissions/query/persons/grants": {
        "queryType": "PermissionsInCurrentContext",
        "authorIdentifier": typed(PESEL),
        "authorizedIdentifier": typed(FINGERPRINT),
        "permissionTypes": ["InvoiceRead"],
        "permissionState": "Inactive",
    },
    "POST /permissions/query/subunits/grants": {"subunitIdentifier": CLIENT},
    "POST /permissions/query/entities/grants": {"contextIdentifier": CLIENT},
    "POST /permissions/query/subordinate-entities/roles": {"subordinateEntityIdentifier": CLIENT},
    "POST /permissions/query/authorizations/grants": {
        "queryType": "Granted",
        "authorizedIdentifier": CLIENT,
        "permissionTypes": ["SelfInvoicing"],
    },
    "POST /permissions/query/eu-entities/grants": {
        "vatUeIdentifier": "DE123456789",
        "authorizedFingerprintIdentifier": "AB",
        "permissionTypes": ["VatUeManage"],
    },
}

#: Where the server's own path to a member is longer than the body's.
PREFIXES = {"POST /invoices/query/metadata": "filters."}
#: What an empty body lacks although the document lets it be absent.
NEEDED = {
    "POST /testdata/context/block": ["contextIdentifier"],
    "POST /testdata/context/unblock": ["contextIdentifier"],
}


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(openapi.DOCUMENT.read_text())
    return found


def required(operation: str) -> list[str]:
    """The required members of a body, in the document's order of members."""
    method, path = operation.split()
    schema = document()["paths"][path][method.lower()]["requestBody"]["content"]["application/json"]["schema"]
    name = schema["allOf"][0]["$ref"].rpartition("/")[2]
    members = document()["components"]["schemas"][name]
    return [member for member in members["properties"] if member in members.get("required", ())]


WORDS = frozenset(
    word
    for schema in (document()["components"]["schemas"].values() if openapi.available() else ())
    for word in schema.get("enum", ())
)


@pytest.fixture(scope="module")
def server() -> Iterator[MockServer]:
    with MockServer() as mock:
        yield mock


class Caller:
    """An owner logged in with a certificate, who sends bodies in one spelling or another."""

    def __init__(self, mock: MockServer) -> None:
        self.mock = mock
        self.api = Api(mock.url)
        world = self.world = World(mock, self.api)
        self.bearer = world.log_in(world.certificate(person("Jan", "Nowak", nip=NIP)), ("Nip", NIP))

    def close(self) -> None:
        self.api.close()

    def call(self, operation: str, content: bytes) -> httpx.Response:
        method, path = operation.split()
        headers = {"Content-Type": "application/json"}
        path = re.sub(r"\{[^}]*\}", "0" * 16, path)
        bearer = self.bearer if operation != "POST /permissions/eu-entities/grants" else self.eu_bearer()
        answer = self.api.http.request(
            method, path, headers=headers | {"Authorization": f"Bearer {bearer}"}, content=content
        )
        if answer.status_code == 501:
            pytest.skip("not simulated")
        openapi.check(answer)
        return answer

    def eu_bearer(self) -> str:
        """The access token of an EU entity's administrator, in the compound context of owner and entity."""
        certificate = self.world.certificate(person("Hans", "Schmidt"))
        granted = self.world.grant_eu_administration(self.bearer, certificate.fingerprint, COMPOUND[1])
        assert granted == 200
        return self.world.log_in(certificate, COMPOUND, by="certificateFingerprint")

    def body(self, operation: str) -> dict[str, Any]:
        known = BODIES[operation]
        return self.api.token_request(self.mock.issue_token(NIP)) if known is None else known

    def spelled(self, operation: str, **spelling: Any) -> tuple[int, str]:
        """Status and body of the answer, without what differs from call to call."""
        body = self.body(operation)
        if spelling:
            self.api.http._transport = Respelling(self.api.http._transport, **spelling)
        response = self.call(operation, json.dumps(body).encode())
        text = re.sub(r'"url":"[^"]+"', '"url":"…"', response.text)
        text = re.sub(r"[0-9T:.-]{19,}(?:\+00:00|Z)|[0-9A-Fa-f-]{20,}|eyJ[\w.-]+", "…", text)
        text = re.sub(r"\d{8}-\w\w-…|…[^\"]*\|[^\"]+", "…", text)
        return response.status_code, text


@pytest.fixture
def caller(server: MockServer) -> Iterator[Caller]:
    server.reset()
    with closing(Caller(server)) as caller:
        yield caller


def test_every_simulated_operation_with_a_body_is_walked(server: MockServer) -> None:
    covered = httpx.get(f"{server.url}/_mock/coverage").json()["operations"]
    with_body = {
        f"{each['method']} {each['path']}"
        for each in covered
        if each["simulated"]
        and "application/json"
        in document()["paths"][each["path"]][each["method"].lower()].get("requestBody", {}).get("content", {})
    }
    assert with_body <= set(BODIES)


@pytest.mark.parametrize(
    "spelling",
    [
        {"name": pascal},
        {"name": str.upper},
        {"name": str.swapcase, "word": str.lower, "words": WORDS},
        {"word": str.upper, "words": WORDS},
    ],
    ids=["pascal", "upper", "lower-enums", "upper-enums"],
)
@pytest.mark.parametrize("operation", BODIES)
def test_other_spellings_get_the_same_answer(
    server: MockServer, operation: str, spelling: dict[str, Any]
) -> None:
    if "word" in spelling and operation in ("POST /sessions/online", "POST /sessions/batch"):
        # Form codes are texts, though one of them is a word of an enumeration too.
        spelling = spelling | {"words": WORDS - {"FA"}}
    server.reset()
    with closing(Caller(server)) as caller:
        documented = caller.spelled(operation)
    server.reset()
    with closing(Caller(server)) as caller:
        assert caller.spelled(operation, **spelling) == documented
    assert documented[0] in (200, 201, 202, 204) or operation.startswith(
        (
            "POST /certificates/e",
            "POST /certificates/{",
            "PUT /testdata/certificates",
            "POST /sessions/online/{",
            "POST /collective-identifiers",
        )
    )


@pytest.mark.parametrize("operation", BODIES)
def test_an_unreadable_body_is_21001(caller: Caller, operation: str) -> None:
    code, description, (detail,) = error(caller.call(operation, b'{\n "x": bad}'))
    assert (code, description) == (21001, "Nieczytelna treść.")
    place = "Path: $.x | LineNumber: 1 | BytePositionInLine: 6."
    assert detail == f"'b' is an invalid start of a value. {place}"


@pytest.mark.parametrize("operation", BODIES)
def test_a_member_of_another_type_is_21001_and_says_where(caller: Caller, operation: str) -> None:
    member = next(iter(caller.body(operation)))
    wrong = {"no": 1} if isinstance(caller.body(operation)[member], list) else [1]
    code, _, (detail,) = error(caller.call(operation, json.dumps({member: wrong}).encode()))
    column = len(member) + 6
    assert code == 21001
    assert detail.startswith("The JSON value could not be converted to ")
    assert detail.endswith(f". Path: $.{member} | LineNumber: 0 | BytePositionInLine: {column}.")


@pytest.mark.parametrize("operation", BODIES)
def test_an_empty_object_is_told_all_that_it_lacks(caller: Caller, operation: str) -> None:
    response = caller.call(operation, b"{}")
    lacking = [PREFIXES.get(operation, "") + name for name in NEEDED.get(operation) or required(operation)]
    if not lacking:
        assert response.status_code in (200, 204) or error(response)[0] != 21405
        return
    code, description, details = error(response)
    assert (code, description) == (21405, "Błąd walidacji danych wejściowych.")
    assert sorted(details) == sorted(f"'{name}' must not be empty." for name in lacking)


def moments(schema: dict[str, Any], at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of a body's members that are dates with a time."""
    while "$ref" in schema or "allOf" in schema:
        reference = schema.get("$ref") or schema["allOf"][0]["$ref"]
        schema = document()["components"]["schemas"][reference.rpartition("/")[2]]
    if schema.get("format") == "date-time":
        yield at
    for name, member in schema.get("properties", {}).items():
        yield from moments(member, (*at, name))


DATED = [
    (operation, path)
    for operation in (BODIES if openapi.available() else ())
    for path in moments(
        document()["paths"][operation.split()[1]][operation.split()[0].lower()]["requestBody"]["content"][
            "application/json"
        ]["schema"]
    )
]


@pytest.mark.parametrize(("operation", "path"), DATED, ids=[f"{op} {'.'.join(at)}" for op, at in DATED])
def test_dates_are_read_as_dotnet_reads_them(caller: Caller, operation: str, path: tuple[str, ...]) -> None:
    def is_readable(date: str) -> bool:
        body: dict[str, Any] = json.loads(json.dumps(caller.body(operation)))
        inner = body
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = date
        answer = caller.call(operation, json.dumps(body).encode())
        return answer.status_code != 400 or error(answer)[0] != 21001

    for date in (
        *("2026-08-25", "2026-08-25T14:15", "2026-08-25T14:15Z", "2026-08-25T14:15:22"),
        *("2026-08-25T14:15:22.1234567+02:00", "2026-08-25T14:15:22.123456789012Z"),
        *("2026-08-25T14:15:22+02", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999+00:00"),
    ):
        assert is_readable(date), date
    for date in (
        *("", "2026-08-25 14:15:22", "2026-08-25t14:15:22z", "2026-08-25T14:15:22+0200", "25.08.2025"),
        *("2026-08-25T14:15:22+15:00", "2026-02-30T00:00:00Z", "2026-08-25T24:00:00Z"),
    ):
        assert not is_readable(date), date
