"""A mock with something for every page of the dashboard to show, names of ill will included."""

from __future__ import annotations

import httpx

from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.ksef.keys.keys import Usage
from ksef_mock.testing import MockServer
from tests.auth.test_xades_login import signed, submit
from tests.batch.sender import Sender, invoices, zipped
from tests.dashboard.support import HOSTILE, OWNER, refused_signature
from tests.invoices.exporting import finished, ordered
from tests.sending.erp import Erp
from tests.support import NIP, OTHER_NIP, Api, altered, b64


def settle(mock: MockServer, api: Api) -> None:
    """Let everything happen that the dashboard has a page for."""
    token = mock.issue_token(NIP)
    _log_in(mock, api, token)
    _send(mock, api, api.login(token).access_token)
    _keep_an_old_key(mock, api, token)
    _visit_the_portal(mock, api)
    grant(api, HOSTILE * 3, "InvoiceRead", "InvoiceWrite")
    suspended = order(mock, nip=NIP, surname="<b>&")
    httpx.post(f"{mock.url}/_mock/certificates/suspend", json={"serialNumber": suspended})
    order(mock, organization=HOSTILE, nip=NIP, key="ec")
    mock.faults.add(path="/permissions/*", status=503)
    mock.faults.add(path="/auth/challenge", delay_seconds=0.001, times=1)
    api.http.post(f"{mock.url}/_mock/lighthouse/messages", json={"category": "FAILURE", "text": HOSTILE})
    api.http.get("/nothing-of-ksef")


def _keep_an_old_key(mock: MockServer, api: Api, token: str) -> None:
    """A client of ill will that goes on with a key that was withdrawn."""
    request = api.token_request(token)
    for usage in Usage:
        mock.keys.rotate(usage, emergency=True)
    api.call("POST", "/auth/ksef-token", json=request, headers={"User-Agent": HOSTILE})


def _send(mock: MockServer, api: Api, access: str) -> None:
    """Sessions of every state, with invoices that are accepted, refused, and of ill will."""
    erp = Erp(api, access)
    erp.open(encryptedSymmetricKey=b64(bytes(256)))
    erp.close(erp.open())
    refused = erp.open()
    erp.send(refused, b"<no>invoice")
    erp.close(refused)
    session = erp.open()
    good = [invoice(NIP, number=HOSTILE, seller_name=HOSTILE, buyer_name=HOSTILE, lines=120)]
    good += [invoice(NIP, number=f"FA/{number}") for number in range(3)]
    for document in (*good, good[0], b"<Faktura>\x1b[2J</Faktura>", invoice("1111111111", number="FA/9")):
        erp.send(session, document)
    erp.send(session, good[0], invoiceHash=b64(bytes(32)))
    erp.close(session)
    _order_packages(mock, api, erp)
    mock_invoice = {"documents": [invoice("1111111111", NIP, HOSTILE).decode()]}
    assert api.http.post(f"{mock.url}/_mock/invoices", json=mock_invoice).status_code == 201


def _order_packages(mock: MockServer, api: Api, erp: Erp) -> None:
    """Packages in both directions, and a number for several invoices."""
    sender = Sender(erp)
    files = invoices(2) | {f"{HOSTILE}.xml".replace("/", ""): b"<no>", "again.xml": b"<no>"}
    sender.sent(zipped(files), 2)
    sender.open(zipped(files), 2)
    sender.upload(sender.open(zipped(files), 2), [1])
    spoiled = sender.open(b"no package at all")
    sender.upload(spoiled)
    sender.closed(spoiled)
    finished(erp, ordered(erp))
    ordered(erp, encryption={"encryptedSymmetricKey": b64(bytes(256)), "publicKeyId": None})
    sent = erp.open()
    numbers = [erp.sent(sent, invoice(NIP, number=f"FA/C{each}"))["ksefNumber"] for each in range(2)]
    named = [{"ksefNumber": each, "description": HOSTILE} for each in numbers]
    named[0]["payment"] = {"amount": 12.3, "currency": "EUR"}
    made = erp.call("POST", "/collective-identifiers", json={"invoices": named})
    assert made.status_code == 201, made.text


def grant(api: Api, description: str, *permissions: str, to: str = OTHER_NIP, context: str = NIP) -> None:
    """Let somebody do something in a context, as test data."""
    body = {
        "contextIdentifier": {"type": "Nip", "value": context},
        "authorizedIdentifier": {"type": "Nip", "value": to},
        "permissions": [{"permissionType": name, "description": description} for name in permissions],
    }
    assert api.http.post("/testdata/permissions", json=body).status_code == 200


def order(mock: MockServer, **wanted: str) -> str:
    """The serial number of a certificate for tests."""
    answer = httpx.post(f"{mock.url}/_mock/certificates", json=wanted)
    assert answer.status_code == 201, answer.text
    serial: str = answer.json()["serialNumber"]
    return serial


def _visit_the_portal(mock: MockServer, api: Api) -> None:
    """A person's certificate."""
    wanted = {"kind": "nip", "identifier": NIP, "type": "Authentication", "key": "ec", "name": HOSTILE}
    answer = api.http.post(
        f"{mock.url}/_mock/ui/portal/certificate",
        data=wanted | {"password": "tajne-haslo"},
        headers={"Origin": mock.url},
    )
    assert answer.status_code == 201, answer.text


def _log_in(mock: MockServer, api: Api, token: str) -> None:
    login = api.login(token)
    api.redeem(login.authentication_token)
    submit(api, signed(mock, api, mock.pki.qualified(OWNER)))
    refused_signature(mock, api)
    api.submit(api.token_request(altered(token)))
    api.submit(api.token_request(token, publicKeyId="x" * 44))
    api.submit(api.token_request(token) | {"challenge": HOSTILE})
    api.challenge()
