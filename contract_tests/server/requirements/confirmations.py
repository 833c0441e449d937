"""The UPO of invoices and sessions, the file of an invoice, and its metadata."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal, matches, one_of
from contract_tests.server.probe import Probe
from contract_tests.server.reply import Reply
from contract_tests.server.sending import (
    BUYER,
    FA3,
    Sending,
    close,
    comes_to,
    document,
    ends,
    judged,
    opened,
    sent,
    sha256,
)

_OWN = {Capability.SELF_SIGNED}
_UPO = "OpenAPI GET /sessions/{referenceNumber}/invoices/{invoiceReferenceNumber}/upo"
_FILE = "OpenAPI GET /invoices/ksef/{ksefNumber}"
_QUERY = "OpenAPI POST /invoices/query/metadata: InvoiceMetadata"
_NAMESPACE = "http://upo.schematy.mf.gov.pl/KSeF/v4-3"


def _accepted(ctx: Probe, octets: bytes | None = None) -> tuple[Sending, Reply]:
    sending = opened(ctx)
    return sending, comes_to(ctx, sending, octets or document(sending.login.nip), 200)


def _document(reply: Reply) -> str:
    """The text of an XML answer whose hash is right."""
    reply.answers(200)
    equal("content type", reply.content_type, "application/xml")
    digest = base64.b64encode(hashlib.sha256(reply.text.encode()).digest()).decode()
    equal("x-ms-meta-hash", reply.headers.get("x-ms-meta-hash"), digest)
    return reply.text


def _by_reference(sending: Sending, invoice: Reply) -> str:
    return f"{sending.path}/invoices/{invoice.at('referenceNumber')}/upo"


def _by_number(sending: Sending, invoice: Reply) -> str:
    return f"{sending.path}/invoices/ksef/{invoice.at('ksefNumber')}/upo"


def _link(ctx: Probe, invoice: Reply) -> str:
    """The link to the UPO of an invoice, below the target's address."""
    link: str = invoice.at("upoDownloadUrl")
    if not link.startswith(ctx.target.url):
        ctx.skip("the links lead to another host")
    return link.removeprefix(ctx.target.url)


_WAYS: dict[str, Callable[[Sending, Reply], str]] = {
    "its reference number": _by_reference,
    "its KSeF number": _by_number,
}


@family(
    {f"KSEF-UPO-{1 + place:03}": name for place, name in enumerate(_WAYS)},
    "The UPO of an accepted invoice is there by {}, before the session is closed, with its hash.",
    source=f"{_UPO}; asserted by the official clients",
)
def upo_of_an_invoice(ctx: Probe, way: str) -> None:
    sending, invoice = _accepted(ctx)
    text = _document(ctx.get(_WAYS[way](sending, invoice), bearer=sending.login.access_token))
    if _NAMESPACE not in text:
        matches("namespace of the UPO", text[:200], f".*{re.escape(_NAMESPACE)}.*")
    equal("one invoice", text.count("<Dokument>"), 1)


#: Element of a UPO -> where its text comes from.
_SAID: dict[str, Callable[[Sending, Reply], str]] = {
    "NumerReferencyjnySesji": lambda sending, _: sending.reference,
    "NumerKSeFDokumentu": lambda _, invoice: invoice.at("ksefNumber"),
    "NumerFaktury": lambda _, invoice: invoice.at("invoiceNumber"),
    "SkrotDokumentu": lambda _, invoice: invoice.at("invoiceHash"),
    "NipSprzedawcy": lambda sending, _: sending.login.nip,
    "TrybWysylki": lambda _, invoice: invoice.at("invoicingMode"),
    "DataWystawieniaFaktury": lambda *_: "2026-02-02",
    "KodFormularza": lambda *_: FA3["systemCode"],
    "NazwaStrukturyLogicznej": lambda *_: "Schemat_FA(3)_v1-0E.xsd",
}


@family(
    {f"KSEF-UPO-{3 + place:03}": name for place, name in enumerate(_SAID)},
    "{} of a UPO says what the invoice's status and the session say.",
    source="XSD upo-v4-3 and its examples; the document is the ministry's",
)
def upo_says(ctx: Probe, element: str) -> None:
    sending, invoice = _accepted(ctx)
    text = _document(ctx.get(_by_number(sending, invoice), bearer=sending.login.access_token))
    equal(element, re.findall(f"<{element}>([^<]*)</{element}>", text), [_SAID[element](sending, invoice)])


@requirement(
    "KSEF-UPO-012",
    "A UPO is signed, and one document by all ways.",
    source=f"{_UPO}; documented: XAdES; asserted by the official C# client",
)
def upo_is_one_document(ctx: Probe) -> None:
    sending, invoice = _accepted(ctx)
    bearer = sending.login.access_token
    first, second = (_document(ctx.get(way(sending, invoice), bearer=bearer)) for way in _WAYS.values())
    equal("the UPO by both ways", first == second, True)
    equal("signatures", len(re.findall(r"<(?:\w+:)?Signature[ >]", first)), 1)


@requirement(
    "KSEF-UPO-013",
    "The UPO of a session lists its accepted invoices.",
    source="OpenAPI GET /sessions/{referenceNumber}/upo/{upoReferenceNumber}",
)
def upo_of_a_session(ctx: Probe) -> None:
    sending = opened(ctx)
    numbers = [comes_to(ctx, sending, document(sending.login.nip), 200).at("ksefNumber") for _ in range(2)]
    judged(ctx, sending, sent(ctx, sending, b"no XML"))
    close(ctx, sending).answers(204)
    reference = ends(ctx, sending, 200).at("upo", "pages", 0, "referenceNumber")
    text = _document(ctx.get(f"{sending.path}/upo/{reference}", bearer=sending.login.access_token))
    equal("its invoices", re.findall("<NumerKSeFDokumentu>([^<]*)<", text), numbers)
    equal("how many", re.findall("<CalkowitaLiczbaDokumentow>([^<]*)<", text), ["2"])


@requirement(
    "KSEF-UPO-014",
    "The link to a UPO opens it without a token.",
    source=f"{_UPO}: upoDownloadUrl; asserted by the official C# client",
)
def link_opens(ctx: Probe) -> None:
    sending, invoice = _accepted(ctx)
    direct = _document(ctx.get(_by_number(sending, invoice), bearer=sending.login.access_token))
    linked = _document(ctx.get(_link(ctx, invoice), prefix=""))
    equal("the linked UPO", linked == direct, True)


@requirement(
    "KSEF-UPO-015",
    "A link that was changed opens nothing.",
    source=f"{_UPO}: upoDownloadUrl; recorded",
)
def changed_link_opens_nothing(ctx: Probe) -> None:
    _, invoice = _accepted(ctx)
    changed = re.sub("sig=.", "sig=~", _link(ctx, invoice))
    one_of("status", ctx.get(changed, prefix="").status, (401, 403))


@requirement(
    "KSEF-UPO-016",
    "A link to a UPO ends after three days.",
    source=f"{_UPO}: upoDownloadUrlExpirationDate",
    needs={Capability.MOVABLE_CLOCK},
)
def link_expires(ctx: Probe) -> None:
    _, invoice = _accepted(ctx)
    link = _link(ctx, invoice)
    ctx.advance(3 * 86_400 + 1)
    equal("status", ctx.get(link, prefix="").status, 403)


@family(
    {
        "KSEF-UPO-017": "invoices/ksef/5265877635-20250826-0100001AF629-AF/upo",
        "KSEF-UPO-018": "upo/20250101-EU-0000000000-0000000000-00",
    },
    "What has no UPO is refused with 21178: {}.",
    source="OpenAPI GET /sessions/{referenceNumber}/upo/{upoReferenceNumber}: 21178",
)
def nothing_confirmed(ctx: Probe, path: str) -> None:
    sending = opened(ctx)
    ctx.get(f"{sending.path}/{path}", bearer=sending.login.access_token).refused(21178, None)


# -- the file ---------------------------------------------------------------------------------------------


def _file(ctx: Probe, number: str, bearer: str) -> Reply:
    return ctx.get(f"/invoices/ksef/{number}", bearer=bearer)


def _stored(ctx: Probe, number: str, bearer: str) -> None:
    ctx.until(lambda: _file(ctx, number, bearer).status == 200, "the stored invoice")


@requirement("KSEF-INV-001", "An invoice is given back as it was sent, with its hash.", source=_FILE)
def file_is_given_back(ctx: Probe) -> None:
    octets = document(ctx.owner.session.nip)
    sending, invoice = _accepted(ctx, octets)
    bearer = sending.login.access_token
    _stored(ctx, invoice.at("ksefNumber"), bearer)
    text = _document(_file(ctx, invoice.at("ksefNumber"), bearer))
    equal("SHA-256 of the file", sha256(text.encode()), sha256(octets))


@requirement(
    "KSEF-INV-002", "An invoice that does not exist is refused with 21164.", source=f"{_FILE}: 21164"
)
def unknown_file(ctx: Probe) -> None:
    number = "5265877635-20250826-0100001AF629-AF"
    _file(ctx, number, ctx.owner.session.access_token).refused(
        21164, f"Faktura o numerze KSeF {number} nie została znaleziona."
    )


@requirement(
    "KSEF-INV-003",
    "An invoice is refused with 21164 to whom it does not name.",
    source=f"{_FILE}: 21164",
    needs=_OWN,
    severity="should",
)
def foreign_file(ctx: Probe) -> None:
    sending, invoice = _accepted(ctx)
    _stored(ctx, invoice.at("ksefNumber"), sending.login.access_token)
    _file(ctx, invoice.at("ksefNumber"), ctx.new_session().access_token).refused(21164, None)


# -- metadata ---------------------------------------------------------------------------------------------


def _found(ctx: Probe, sending: Sending, number: str) -> dict[str, Any]:
    start = (ctx.challenge().moment - timedelta(days=1)).isoformat()
    dates = {"dateType": "PermanentStorage", "from": start}
    filters = {"subjectType": "Subject1", "dateRange": dates, "ksefNumber": number}
    found: list[dict[str, Any]] = []

    def there() -> bool:
        reply = ctx.post("/invoices/query/metadata", json=filters, bearer=sending.login.access_token).answers(
            200
        )
        found[:] = [each for each in reply.at("invoices") if each.get("ksefNumber") == number]
        return bool(found)

    ctx.until(there, "the metadata of the invoice")
    return found[0]


_MEMBERS: dict[str, Callable[[Sending, Reply], Any]] = {
    "invoiceNumber": lambda _, invoice: invoice.at("invoiceNumber"),
    "issueDate": lambda *_: "2026-02-02",
    "invoicingDate": lambda _, invoice: invoice.at("invoicingDate"),
    "acquisitionDate": lambda _, invoice: invoice.at("acquisitionDate"),
    "seller": lambda sending, _: {"nip": sending.login.nip, "name": "Sprzedawca"},
    "buyer": lambda *_: {"identifier": {"type": "Nip", "value": BUYER}, "name": "Nabywca"},
    "netAmount": lambda *_: 100.0,
    "vatAmount": lambda *_: 23.0,
    "grossAmount": lambda *_: 123.0,
    "currency": lambda *_: "PLN",
    "invoicingMode": lambda *_: "Offline",
    "invoiceType": lambda *_: "Vat",
    "formCode": lambda *_: FA3,
    "isSelfInvoicing": lambda *_: False,
    "hasAttachment": lambda *_: False,
    "invoiceHash": lambda _, invoice: invoice.at("invoiceHash"),
}


@family(
    {f"KSEF-INV-{4 + place:03}": name for place, name in enumerate(_MEMBERS)},
    "{} of an invoice's metadata says what the document and its status say.",
    source=_QUERY,
)
def metadata_say(ctx: Probe, member: str) -> None:
    sending, invoice = _accepted(ctx)
    found = _found(ctx, sending, invoice.at("ksefNumber"))
    received, expected = found.get(member), _MEMBERS[member](sending, invoice)
    if isinstance(expected, float) and isinstance(received, int):
        received = float(received)
    equal(member, received, expected)
