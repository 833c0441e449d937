"""Who issues whose invoices, who finds them as what, and what is told of each kind."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from contract_tests.server import documents
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.documents import FA3, FA_RR, PEF, PEF_KOR, fa, fa_rr, nip, pef
from contract_tests.server.expect import equal
from contract_tests.server.granting import found as permissions_found
from contract_tests.server.granting import granted, only, outcome
from contract_tests.server.identity import (
    Credentials,
    organization,
    person,
    random_nip,
    random_pesel,
    self_signed,
)
from contract_tests.server.orders import identifier
from contract_tests.server.probe import Probe
from contract_tests.server.reply import Reply
from contract_tests.server.sending import comes_to, judged, open_, opened, order, sent
from contract_tests.server.workspace import Session

_OWN = {Capability.SELF_SIGNED}
_TEST_DATA = {Capability.SELF_SIGNED, Capability.TEST_DATA}
_RIGHTS = "documented: kody-qr.md, uprawnienia.md"
_GRANT = "OpenAPI POST /permissions/authorizations/grants"
_QUERY = "OpenAPI POST /invoices/query/metadata"
_VAT_UE = "123456789"
_ABROAD = f"<KodUE>DE</KodUE><NrVatUE>{_VAT_UE}</NrVatUE>"
_SUBJECTS = ("Subject1", "Subject2", "Subject3", "SubjectAuthorized")


def _login(
    ctx: Probe, credentials: Credentials, context: str, by: str = "certificateSubject", number: str = ""
) -> Session:
    """A login in any context; `context`: as it stands in an AuthTokenRequest."""
    started = ctx.started(ctx.submit(credentials, request={"context": context, "subject": by}))
    return ctx.finish(started, nip=number or None)


def _provider(ctx: Probe) -> tuple[Session, str]:
    """A Peppol provider that has logged in with its seal, and its identifier."""
    peppol = f"PPL{secrets.randbelow(10**6):06}"
    seal = self_signed(organization(identifier=peppol, common_name=peppol))
    return _login(ctx, seal, f"<PeppolId>{peppol}</PeppolId>", number=peppol), peppol


# -- who issues whose invoices ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Proxy:
    """An authorization, and the invoice that it is for."""

    permission: str
    form: dict[str, str]
    #: Of the seller and of whom the seller has authorized.
    document: Callable[[str, str], bytes]
    is_provider: bool = False


_PROXIES = {
    "a buyer in self-invoicing": _Proxy(
        "SelfInvoicing", FA3, lambda seller, other: fa(seller, buyer=nip(other), self_invoicing=True)
    ),
    "a tax representative": _Proxy(
        "TaxRepresentative", FA3, lambda seller, other: fa(seller, authorized=(other, 3))
    ),
    "a buyer of a farmer": _Proxy("RRInvoicing", FA_RR, fa_rr),
    "a Peppol provider of PEF": _Proxy(
        "PefInvoicing", PEF, lambda seller, _: pef(seller, documents.BUYER), is_provider=True
    ),
    "a Peppol provider of PEF_KOR": _Proxy(
        "PefInvoicing",
        PEF_KOR,
        lambda seller, _: pef(seller, documents.BUYER, is_correction=True),
        is_provider=True,
    ),
}


@family(
    {f"KSEF-PARTY-{1 + place:03}": name for place, name in enumerate(_PROXIES)},
    lambda name: f"{_PROXIES[name].permission} lets {name} issue; before it and after it that is 410.",
    source=f"{_GRANT}; asserted by the official clients",
    needs=_OWN,
)
def authorization_lets_issue(ctx: Probe, name: str) -> None:
    proxy, seller = _PROXIES[name], ctx.new_session()
    if proxy.is_provider:
        issuer, number = _provider(ctx)
        subject = identifier("PeppolId", number)
    else:
        issuer = ctx.new_session()
        subject = identifier("Nip", issuer.nip)
    sending = opened(ctx, issuer, proxy.form)
    document = proxy.document(seller.nip, issuer.nip)
    comes_to(ctx, sending, document, 410)
    granted(ctx, seller, "authorization", subjectIdentifier=subject, permission=proxy.permission)
    comes_to(ctx, sending, document, 200)
    grant = only(permissions_found(ctx, seller, "authorization query", queryType="Granted"))
    path = f"/permissions/authorizations/grants/{grant['id']}"
    equal("revocation", outcome(ctx, seller, ctx.delete(path, bearer=seller.access_token)), 200)
    comes_to(ctx, sending, proxy.document(seller.nip, issuer.nip), 410)


#: What a granted permission is not for -> the permission, and the invoice.
_STRAYS: dict[str, tuple[str, Callable[[str, str], bytes]]] = {
    "SelfInvoicing without P_17": ("SelfInvoicing", lambda seller, other: fa(seller, buyer=nip(other))),
    "SelfInvoicing for another buyer": ("SelfInvoicing", lambda seller, _: fa(seller, self_invoicing=True)),
    "RRInvoicing of a FA": (
        "RRInvoicing",
        lambda seller, other: fa(seller, buyer=nip(other), self_invoicing=True),
    ),
}


@family(
    {f"KSEF-PARTY-{6 + place:03}": name for place, name in enumerate(_STRAYS)},
    "{} is 410.",
    source=f"{_GRANT}; {_RIGHTS}",
    needs=_OWN,
)
def authorization_is_for_one_thing(ctx: Probe, name: str) -> None:
    permission, document = _STRAYS[name]
    seller, issuer = ctx.new_session(), ctx.new_session()
    subject = identifier("Nip", issuer.nip)
    granted(ctx, seller, "authorization", subjectIdentifier=subject, permission=permission)
    comes_to(ctx, opened(ctx, issuer), document(seller.nip, issuer.nip), 410)


@family(
    {"KSEF-PARTY-009": "PEF", "KSEF-PARTY-010": "PEF_KOR"},
    "A session of {} opens in the context of a Peppol provider alone: elsewhere 21405.",
    source="ministry's statement of 2026-02-03; OpenAPI POST /sessions/online: 21405",
    needs=_OWN,
)
def pef_opens_for_providers(ctx: Probe, name: str) -> None:
    form = {"PEF": PEF, "PEF_KOR": PEF_KOR}[name]
    provider, _ = _provider(ctx)
    opened(ctx, provider, form)
    open_(ctx, order(ctx, form)[0]).refused(21405, "Wskazany kod formularza nie jest wspierany.")


@family(
    {"KSEF-PARTY-011": "VatGroup", "KSEF-PARTY-012": "JST"},
    "A member issues the invoices of its organisation, {}, and 410 before it is one.",
    source=f"{_RIGHTS}; OpenAPI POST /testdata/subject",
    needs=_TEST_DATA,
)
def member_issues_for_the_whole(ctx: Probe, kind: str) -> None:
    whole, member = random_nip(), ctx.new_session()
    sending = opened(ctx, member)
    role = 9 if kind == "VatGroup" else 7
    document = fa(whole, third=(nip(member.nip), role))
    comes_to(ctx, sending, document, 410)
    units = [{"subjectNip": member.nip, "description": "ksef-conformance"}]
    body = {"subjectNip": whole, "subjectType": kind, "description": "ksef-conformance", "subunits": units}
    ctx.post("/testdata/subject", json=body).answers(200)
    comes_to(ctx, sending, document, 200)


@family(
    {"KSEF-PARTY-013": 1, "KSEF-PARTY-014": 2, "KSEF-PARTY-015": 3},
    lambda role: (
        f"A bailiff who is the authorized subject in the role {role} "
        + ("issues the debtor's invoice." if role != 3 else "issues no invoice of others: 410.")
    ),
    source=f"{_RIGHTS}; OpenAPI InvoiceMetadataAuthorizedSubject",
    needs=_TEST_DATA,
)
def bailiff_issues_for_the_debtor(ctx: Probe, role: int) -> None:
    number, pesel = random_nip(), random_pesel()
    body = {"nip": number, "pesel": pesel, "isBailiff": True, "description": "ksef-conformance"}
    ctx.post("/testdata/person", json=body).answers(200)
    bailiff = _login(ctx, self_signed(person(pesel=pesel)), f"<Nip>{number}</Nip>", number=number)
    document = fa(random_nip(), authorized=(number, role))
    comes_to(ctx, opened(ctx, bailiff), document, 410 if role == 3 else 200)


def _eu_entity(ctx: Probe, firm: Session) -> Session:
    """The administrator of an EU entity, by the fingerprint of his certificate, in its context."""
    credentials = self_signed(person(pesel=random_pesel()))
    subject = identifier("Fingerprint", credentials.fingerprint)
    granted(ctx, firm, "EU administration grant", subjectIdentifier=subject)
    context = f"{firm.nip}-DE{_VAT_UE}"
    by = "certificateFingerprint"
    return _login(ctx, credentials, f"<NipVatUe>{context}</NipVatUe>", by, number=context)


@requirement(
    "KSEF-PARTY-016",
    "An EU entity issues to itself in its own context, with P_17 and its VAT number: anything else is 410.",
    source=f"{_RIGHTS}; OpenAPI POST /permissions/eu-entities/administration/grants",
    needs=_OWN,
)
def eu_entity_invoices_itself(ctx: Probe) -> None:
    firm = ctx.new_session()
    sending = opened(ctx, _eu_entity(ctx, firm))
    comes_to(ctx, sending, fa(firm.nip, buyer=_ABROAD), 410)
    comes_to(ctx, sending, fa(firm.nip, buyer=_ABROAD.replace("DE", "AT"), self_invoicing=True), 410)
    comes_to(ctx, sending, fa(random_nip(), buyer=_ABROAD, self_invoicing=True), 410)
    comes_to(ctx, sending, fa(firm.nip, buyer=_ABROAD, self_invoicing=True), 200)


# -- who finds them ---------------------------------------------------------------------------------------


def _query(ctx: Probe, login: Session, subject: str, **filters: Any) -> list[dict[str, Any]]:
    start = (ctx.challenge().moment - timedelta(days=1)).isoformat()
    body = {"subjectType": subject, "dateRange": {"dateType": "Invoicing", "from": start}} | filters
    reply = ctx.post("/invoices/query/metadata", json=body, bearer=login.access_token).answers(200)
    found: list[dict[str, Any]] = reply.at("invoices")
    return found


def _found(ctx: Probe, login: Session, subject: str, number: str) -> dict[str, Any]:
    """The metadata of an invoice, once somebody finds it in this part."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        found[:] = _query(ctx, login, subject, ksefNumber=number)
        return bool(found)

    ctx.until(there, f"the invoice as {subject}")
    return found[0]


def _accepted(ctx: Probe, login: Session, octets: bytes, form: dict[str, str] = FA3) -> str:
    return str(comes_to(ctx, opened(ctx, login, form), octets, 200).at("ksefNumber"))


#: As what -> the invoice of the seller that names somebody so.
_NAMED: dict[str, Callable[[str, str], bytes]] = {
    "Subject2": lambda seller, other: fa(seller, buyer=nip(other)),
    "Subject3": lambda seller, other: fa(seller, third=(nip(other), 4)),
    "SubjectAuthorized": lambda seller, other: fa(seller, authorized=(other, 3)),
}


@family(
    {f"KSEF-PARTY-{17 + place:03}": subject for place, subject in enumerate(_NAMED)},
    "Whom an invoice names as {} finds it so and not otherwise, and gets its file.",
    source=f"{_QUERY}: InvoiceQuerySubjectType; asserted by the official clients",
    needs=_OWN,
)
def party_finds_it(ctx: Probe, subject: str) -> None:
    seller, other = ctx.new_session(), ctx.new_session()
    number = _accepted(ctx, seller, _NAMED[subject](seller.nip, other.nip))
    _found(ctx, other, subject, number)
    for part in _SUBJECTS:
        if part != subject:
            equal(part, _query(ctx, other, part, ksefNumber=number), [])
    ctx.get(f"/invoices/ksef/{number}", bearer=other.access_token).answers(200)


@requirement(
    "KSEF-PARTY-020",
    "Nobody else finds an invoice, as whatever he asks.",
    source=f"{_QUERY}: InvoiceQuerySubjectType",
    needs=_OWN,
)
def strangers_find_nothing(ctx: Probe) -> None:
    seller, stranger = ctx.new_session(), ctx.new_session()
    number = _accepted(ctx, seller, fa(seller.nip))
    _found(ctx, seller, "Subject1", number)
    for part in _SUBJECTS:
        equal(part, _query(ctx, stranger, part, ksefNumber=number), [])


@requirement(
    "KSEF-PARTY-021",
    "An EU entity finds in its own context, as Subject2, what names it as the buyer.",
    source=f"{_RIGHTS}: the context binds the firm and the entity",
    needs=_OWN,
    severity="should",
)
def eu_entity_finds_it(ctx: Probe) -> None:
    firm = ctx.new_session()
    entity = _eu_entity(ctx, firm)
    own = _accepted(ctx, entity, fa(firm.nip, buyer=_ABROAD, self_invoicing=True))
    other = _accepted(ctx, firm, fa(firm.nip))
    _found(ctx, entity, "Subject2", own)
    equal("of somebody else", _query(ctx, entity, "Subject2", ksefNumber=other), [])


# -- what is told of each kind ----------------------------------------------------------------------------


def _is_told(ctx: Probe, login: Session, number: str, told: dict[str, Any]) -> None:
    """Expect these members in what a seller finds."""
    found = _found(ctx, login, "Subject1", number)
    received = {name: found.get(name) for name in told}
    equal("metadata", _as_decimals(received), _as_decimals(told))


def _as_decimals(value: Any) -> Any:
    """Numbers that stand for amounts are the same with and without a fraction."""
    if isinstance(value, dict):
        return {name: _as_decimals(each) for name, each in value.items()}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _kind(form: dict[str, str], name: str, net: float, vat: float, gross: float) -> dict[str, Any]:
    amounts = {"netAmount": net, "vatAmount": vat, "grossAmount": gross}
    return {"formCode": form, "invoiceType": name, "currency": "PLN", "issueDate": documents.DAY} | amounts


@requirement(
    "KSEF-PARTY-022",
    "Of a FA_RR number, date, amounts and kind are told: the refund as VAT.",
    source=f"{_QUERY}: InvoiceMetadata, InvoiceType",
    needs=_OWN,
)
def fa_rr_is_told(ctx: Probe) -> None:
    farmer = ctx.new_session()
    number = _accepted(ctx, farmer, fa_rr(farmer.nip, random_nip()), FA_RR)
    _is_told(ctx, farmer, number, _kind(FA_RR, "VatRr", 100.0, 7.0, 107.0))


_PEF_KINDS: dict[str, tuple[dict[str, str], dict[str, bool]]] = {
    "VatPef": (PEF, {}),
    "VatPefSp": (PEF, {"is_special": True}),
    "KorPef": (PEF_KOR, {"is_correction": True}),
}


@family(
    {f"KSEF-PARTY-{23 + place:03}": name for place, name in enumerate(_PEF_KINDS)},
    "Of a PEF of the kind {} parties, amounts, kind and form are told.",
    source=f"{_QUERY}: InvoiceMetadata, InvoiceType",
    needs=_OWN,
)
def pef_is_told(ctx: Probe, name: str) -> None:
    form, how = _PEF_KINDS[name]
    firm, buyer = ctx.new_session(), random_nip()
    provider, peppol = _provider(ctx)
    subject = identifier("PeppolId", peppol)
    granted(ctx, firm, "authorization", subjectIdentifier=subject, permission="PefInvoicing")
    number = _accepted(ctx, provider, pef(firm.nip, buyer, **how), form)
    parties = {
        "seller": {"nip": firm.nip, "name": documents.SELLER_NAME},
        "buyer": {"identifier": identifier("Nip", buyer), "name": documents.BUYER_NAME},
        "hasAttachment": False,
    }
    _is_told(ctx, firm, number, _kind(form, name, 100.0, 23.0, 123.0) | parties)


_BUYERS = {
    "VatUe": (_ABROAD, {"type": "VatUe", "value": f"DE{_VAT_UE}"}),
    "Other": ("<KodKraju>US</KodKraju><NrID>A-1</NrID>", {"type": "Other", "value": "A-1"}),
    "None": ("<BrakID>1</BrakID>", {"type": "None"}),
}


@family(
    {f"KSEF-PARTY-{26 + place:03}": name for place, name in enumerate(_BUYERS)},
    "A buyer known as {} is told so, and found by that.",
    source=f"{_QUERY}: InvoiceMetadataBuyerIdentifier, buyerIdentifier",
    needs=_OWN,
)
def buyer_is_told(ctx: Probe, name: str) -> None:
    written, told = _BUYERS[name]
    seller = ctx.new_session()
    number = _accepted(ctx, seller, fa(seller.nip, buyer=written))
    _is_told(ctx, seller, number, {"buyer": {"identifier": told, "name": documents.BUYER_NAME}})
    equal("found", len(_query(ctx, seller, "Subject1", buyerIdentifier=told)), 1)
    other = identifier("VatUe", "DE999999999")
    equal("found by another", _query(ctx, seller, "Subject1", buyerIdentifier=other), [])


_THIRDS: dict[str, tuple[str, dict[str, str]]] = {
    "Nip": (nip(documents.BUYER), identifier("Nip", documents.BUYER)),
    "InternalId": (
        f"<IDWew>{documents.BUYER}-12346</IDWew>",
        identifier("InternalId", f"{documents.BUYER}-12346"),
    ),
    "VatUe": (_ABROAD, identifier("VatUe", f"DE{_VAT_UE}")),
    "Other": ("<NrID>A-1</NrID>", identifier("Other", "A-1")),
    "None": ("<BrakID>1</BrakID>", {"type": "None"}),
}


@family(
    {f"KSEF-PARTY-{29 + place:03}": name for place, name in enumerate(_THIRDS)},
    "A third subject known as {} is told with its role.",
    source=f"{_QUERY}: InvoiceMetadataThirdSubjectIdentifier",
    needs=_OWN,
)
def third_subject_is_told(ctx: Probe, name: str) -> None:
    written, told = _THIRDS[name]
    role = 1 + list(_THIRDS).index(name)
    seller = ctx.new_session()
    number = _accepted(ctx, seller, fa(seller.nip, third=(written, role)))
    third = _found(ctx, seller, "Subject1", number).get("thirdSubjects")
    equal("thirdSubjects", third, [{"identifier": told, "name": documents.THIRD_NAME, "role": role}])


@requirement(
    "KSEF-PARTY-034",
    "The authorized subject is told with its role, and there is no third subject where there is none.",
    source=f"{_QUERY}: InvoiceMetadataAuthorizedSubject, the example of thirdSubjects",
    needs=_OWN,
)
def authorized_subject_is_told(ctx: Probe) -> None:
    seller, other = ctx.new_session(), random_nip()
    number = _accepted(ctx, seller, fa(seller.nip, authorized=(other, 3)))
    told = {"nip": other, "name": documents.AUTHORIZED_NAME, "role": 3}
    found = _found(ctx, seller, "Subject1", number)
    equal("authorizedSubject", found.get("authorizedSubject"), told)
    equal("thirdSubjects", found.get("thirdSubjects"), [])


@requirement(
    "KSEF-PARTY-035",
    "Of an invoice in a foreign currency the VAT alone is told in PLN.",
    source=f"{_QUERY}: vatAmount; recorded",
    needs=_OWN,
)
def vat_is_in_zloty(ctx: Probe) -> None:
    seller = ctx.new_session()
    number = _accepted(ctx, seller, fa(seller.nip, currency="EUR"))
    amounts = {"netAmount": 100.0, "vatAmount": 98.4, "grossAmount": 123.0, "currency": "EUR"}
    _is_told(ctx, seller, number, amounts)


#: Filter -> a value that fits the invoice, and one that does not.
_FILTERS: dict[str, tuple[Any, Any]] = {
    "formType": ("FA", "PEF"),
    "invoiceTypes": (["Kor", "Vat"], ["Kor", "VatRr"]),
    "isSelfInvoicing": (False, True),
    "hasAttachment": (False, True),
    "invoicingMode": ("Offline", "Online"),
    "currencyCodes": (["EUR", "PLN"], ["EUR"]),
    "amount": ({"type": "Brutto", "from": 123, "to": 123}, {"type": "Netto", "from": 100.01}),
    "buyerIdentifier": (identifier("Nip", documents.BUYER), identifier("Nip", "5265877635")),
    "invoiceNumber": (None, "another"),
    "sellerNip": (None, "5265877635"),
}


@family(
    {f"KSEF-PARTY-{36 + place:03}": name for place, name in enumerate(_FILTERS)},
    "{} narrows a query for metadata.",
    source=f"{_QUERY}: InvoiceQueryFilters",
    needs=_OWN,
)
def filters_narrow(ctx: Probe, name: str) -> None:
    seller = ctx.new_session()
    sending = opened(ctx, seller)
    reply: Reply = judged(ctx, sending, sent(ctx, sending, fa(seller.nip)))
    _found(ctx, seller, "Subject1", reply.at("ksefNumber"))
    fits, other = _FILTERS[name]
    own = {"invoiceNumber": reply.at("invoiceNumber"), "sellerNip": seller.nip}
    equal("found", len(_query(ctx, seller, "Subject1", **{name: own.get(name, fits)})), 1)
    equal("found by another", _query(ctx, seller, "Subject1", **{name: other}), [])
