"""Requests made from the official document: no 5xx, nothing undocumented, no body off its schema.

KSEF_MOCK_EXAMPLES sets how many requests are made for each operation. They come from several logins in turn
(owner by certificate, owner by KSeF token, administrator of a unit, of an EU entity), and every other one
names what exists, so that answers have something in them.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ksef_mock.clock import SECOND, to_datetime
from ksef_mock.crypto.pki import person, seal
from ksef_mock.testing import MockServer
from tests import openapi
from tests.batch.sender import Sender, invoices, zipped
from tests.invoices.exporting import filters, ordered
from tests.invoices.test_metadata import seed
from tests.sending.erp import Erp
from tests.sending.test_online import good
from tests.support import NIP, OTHER_NIP, Api
from tests.world import World

EXAMPLES = int(os.environ.get("KSEF_MOCK_EXAMPLES", "5"))

if not openapi.available():
    pytest.skip(openapi.MISSING, allow_module_level=True)

DOCUMENT = json.loads(openapi.DOCUMENT.read_text())
SIMULATED = schemathesis.openapi.from_dict(DOCUMENT)

PESEL = "90010112349"
BUYER = {"type": "Nip", "value": NIP}
#: A right value of each type of identifier; the document's schemas give only their lengths.
IDENTIFIERS = {
    "Nip": OTHER_NIP,
    "Pesel": PESEL,
    "Fingerprint": "AB" * 32,
    "InternalId": f"{NIP}-12346",
    "NipVatUe": f"{NIP}-DE123456789",
    "PeppolId": "PPL123456",
}


@dataclass(frozen=True)
class Inhabited:
    """A mock in which something has happened."""

    url: str
    #: Access tokens; where an operation takes another kind of token, those.
    bearers: tuple[str, ...]
    others: dict[str, str]
    #: Path parameter of an operation -> what it can name.
    known: dict[tuple[str, str], str]
    #: Member of a body -> what it can name.
    members: dict[str, str]

    def fill(self, case: schemathesis.Case[Any]) -> str:
        """Make every other request name what exists; the access token to send it with."""
        # What is no HTTP any more, the server refuses by itself.
        for name in [name for name in case.headers or {} if name.lower() == "transfer-encoding"]:
            del case.headers[name]
        # By its content: hypothesis repeats a request and must see the same.
        dice = zlib.crc32(repr((case.path_parameters, case.query, case.body)).encode())
        if dice & 1:
            case.body = _with_right_identifiers(case.body, self.members)
            for name in case.path_parameters or {}:
                known = self.known.get((case.operation.path, name))
                if known is not None:
                    case.path_parameters[name] = known
        other = self.others.get(case.operation.path)
        return other or self.bearers[(dice >> 1) % len(self.bearers)]


def _with_right_identifiers(body: Any, members: Mapping[str, str]) -> Any:
    if isinstance(body, list):
        return [_with_right_identifiers(item, members) for item in body]
    if not isinstance(body, dict):
        return body
    filled = {
        name: members.get(name) or _with_right_identifiers(value, members) for name, value in body.items()
    }
    kind = filled.get("type")
    if isinstance(kind, str) and kind in IDENTIFIERS and "value" in filled:
        filled["value"] = IDENTIFIERS[kind]
    return filled


@pytest.fixture
def inhabited(ksef_mock: MockServer) -> Inhabited:
    """Each operation begins with a fresh mock; its requests follow one another in it."""
    api = Api(ksef_mock.url)
    world = World(ksef_mock, api)
    unit, compound = ("InternalId", IDENTIFIERS["InternalId"]), ("NipVatUe", IDENTIFIERS["NipVatUe"])
    anna = world.certificate(person("Anna", "Nowak", pesel=PESEL))
    owner = world.log_in(world.certificate(seal("Firma", nip=NIP)), ("Nip", NIP))
    client = world.log_in(world.certificate(seal("Klient", nip=OTHER_NIP)), ("Nip", OTHER_NIP))
    assert world.grant_entity(client, NIP, "InvoiceRead", can_delegate=True) == 200
    assert world.grant_authorization(client, ("Nip", NIP), "SelfInvoicing") == 200
    assert world.grant_person(owner, ("Pesel", PESEL), "InvoiceRead", "CredentialsRead") == 200
    assert world.grant_indirect(owner, ("Pesel", PESEL), "InvoiceRead") == 200
    assert world.grant_authorization(owner, ("PeppolId", "PPL123456"), "PefInvoicing") == 200
    assert world.grant_subunit(owner, ("Pesel", PESEL), unit) == 200
    assert world.grant_eu_administration(owner, anna.fingerprint, compound[1]) == 200
    reference, token = world.generate_token(owner, "InvoiceRead", "CredentialsManage", "SubunitManage")
    _, serial = world.enroll(owner)
    known, members = _sent(Erp(api, owner), ksef_mock)
    login = api.login(token, nip=NIP)
    waiting = world.submit(anna, ("Nip", NIP)).json()["authenticationToken"]["token"]
    bearers = (
        owner,
        login.access_token,
        world.log_in(anna, unit),
        world.log_in(anna, compound, by="certificateFingerprint"),
    )
    permission = next(iter(world.persons(owner)))["id"]
    authorization = next(iter(world.query(owner, "authorizations", queryType="Granted")))["id"]
    api.close()
    return Inhabited(
        ksef_mock.url,
        bearers,
        {"/auth/token/redeem": waiting, "/auth/token/refresh": login.refresh_token},
        {
            ("/auth/{referenceNumber}", "referenceNumber"): login.reference,
            ("/auth/sessions/{referenceNumber}", "referenceNumber"): login.reference,
            ("/tokens/{referenceNumber}", "referenceNumber"): reference,
            ("/certificates/{certificateSerialNumber}/revoke", "certificateSerialNumber"): serial,
            ("/permissions/common/grants/{permissionId}", "permissionId"): permission,
            ("/permissions/authorizations/grants/{permissionId}", "permissionId"): authorization,
            ("/permissions/operations/{referenceNumber}", "referenceNumber"): world.operations[-1],
            ("/testdata/certificates/{serialNumber}", "serialNumber"): serial,
        }
        | known,
        members,
    )


def _sent(erp: Erp, mock: MockServer) -> tuple[dict[tuple[str, str], str], dict[str, str]]:
    """Sessions, a package, an export, a collective identifier: what names them in paths, and in bodies."""
    session, other, failing = erp.open(), erp.open(), erp.open()
    invoice = erp.sent(session, good())
    number, sent = invoice["ksefNumber"], invoice["referenceNumber"]
    erp.sent(failing, b"no invoice")
    page = erp.closed(session)["upo"]["pages"][0]["referenceNumber"]
    erp.closed(failing)
    batch = Sender(erp).open(zipped(invoices(1)))
    mock.clock.advance(60)
    since = to_datetime(mock.clock.now() - 3_600 * SECOND).isoformat()
    export = ordered(erp, filters(start=since)).reference
    bought = seed(mock, *[{"seller": {"nip": OTHER_NIP}, "buyer": {"identifier": BUYER}}] * 2)
    body = {"invoices": [{"ksefNumber": each} for each in bought]}
    made = erp.call("POST", "/collective-identifiers", json=body)
    assert made.is_success, made.text
    of = "/sessions/{referenceNumber}"
    return {
        (path, "referenceNumber"): session.reference
        for path in (
            of,
            f"{of}/invoices",
            f"{of}/invoices/{{invoiceReferenceNumber}}",
            f"{of}/invoices/{{invoiceReferenceNumber}}/upo",
            f"{of}/invoices/ksef/{{ksefNumber}}/upo",
            f"{of}/upo/{{upoReferenceNumber}}",
        )
    } | {
        (f"{of}/invoices/failed", "referenceNumber"): failing.reference,
        ("/sessions/online/{referenceNumber}/invoices", "referenceNumber"): other.reference,
        ("/sessions/online/{referenceNumber}/close", "referenceNumber"): other.reference,
        ("/sessions/batch/{referenceNumber}/close", "referenceNumber"): batch.reference,
        (f"{of}/invoices/{{invoiceReferenceNumber}}", "invoiceReferenceNumber"): sent,
        (f"{of}/invoices/{{invoiceReferenceNumber}}/upo", "invoiceReferenceNumber"): sent,
        (f"{of}/invoices/ksef/{{ksefNumber}}/upo", "ksefNumber"): number,
        (f"{of}/upo/{{upoReferenceNumber}}", "upoReferenceNumber"): page,
        ("/invoices/ksef/{ksefNumber}", "ksefNumber"): number,
        ("/invoices/exports/{referenceNumber}", "referenceNumber"): export,
        ("/collective-identifiers/ksef/{ksefNumber}", "ksefNumber"): bought[0],
    }, {"ksefNumber": bought[1]}


@SIMULATED.parametrize()
@settings(max_examples=EXAMPLES)
def test_operation(case: schemathesis.Case[Any], inhabited: Inhabited) -> None:
    bearer = inhabited.fill(case)
    response = case.call(base_url=f"{inhabited.url}/v2", headers={"Authorization": f"Bearer {bearer}"})
    if response.status_code == 501:
        return
    case.validate_response(
        response,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
        ],
    )
