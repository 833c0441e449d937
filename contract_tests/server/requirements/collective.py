"""Collective identifiers: one number for several invoices of one seller."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from contract_tests.server import shapes
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import different, equal, matches
from contract_tests.server.probe import Probe
from contract_tests.server.reply import Reply
from contract_tests.server.sending import comes_to, document, opened
from contract_tests.server.workspace import Session

_MAKE = "OpenAPI POST /collective-identifiers"
_LIST = "OpenAPI POST /collective-identifiers/query"
_INVOICES = "OpenAPI POST /collective-identifiers/invoices"
_NAMING = "OpenAPI GET /collective-identifiers/ksef/{ksefNumber}"
_OWN = {Capability.SELF_SIGNED}
_NUMBER = shapes.pattern("[0-9]{10}-IZ[0-9]{6}-[0-9A-F]{12}-[0-9A-F]{2}")
_MADE = shapes.obj(collectiveIdentifierNumber=_NUMBER)
_ITEM: dict[str, shapes.Shape] = {
    "collectiveIdentifierNumber": _NUMBER,
    "dateCreated": shapes.timestamp,
    "createdInCurrentContext": shapes.boolean,
}
_LISTED = shapes.obj(
    {"continuationToken": shapes.text},
    collectiveIdentifiers=shapes.array(shapes.obj(**_ITEM, invoiceCount=shapes.integer)),
)
_NAMED = shapes.obj(
    {"continuationToken": shapes.text}, collectiveIdentifiers=shapes.array(shapes.obj(**_ITEM))
)
_CONTENTS = shapes.obj(
    {"continuationToken": shapes.text},
    invoices=shapes.array(
        shapes.obj(
            {
                "payment": shapes.obj(amount=shapes.anything, currency=shapes.pattern("[A-Z]{3}")),
                "description": shapes.text,
            },
            ksefNumber=shapes.text,
            collectiveIdentifierNumber=_NUMBER,
            detailsHidden=shapes.boolean,
        )
    ),
)
#: No invoice's, with a right checksum.
_UNKNOWN = ("5265877635-20260612-6310EC800000-28", "5265877635-20260612-62EAFD400000-41")
_PAYMENT = {"amount": 45.5, "currency": "PLN"}


def _invoices(ctx: Probe, login: Session, count: int = 2) -> list[str]:
    """KSeF numbers of new invoices of a seller, stored for good."""
    sending = opened(ctx, login)
    numbers = [comes_to(ctx, sending, document(login.nip), 200).at("ksefNumber") for _ in range(count)]

    def stored() -> bool:
        last = ctx.get(f"/invoices/ksef/{numbers[-1]}", bearer=login.access_token)
        return last.status == 200

    ctx.until(stored, "the stored invoice")
    return numbers


def _entry(number: str, **details: Any) -> dict[str, Any]:
    return {"ksefNumber": number, **details}


def _make(ctx: Probe, login: Session, *entries: Any) -> Reply:
    return ctx.post("/collective-identifiers", bearer=login.access_token, json={"invoices": list(entries)})


def _made(ctx: Probe, login: Session, *entries: Any) -> str:
    return str(_make(ctx, login, *entries).answers(201, _MADE).at("collectiveIdentifierNumber"))


def _dates(ctx: Probe) -> dict[str, str]:
    now = ctx.challenge().moment
    return {
        "dateCreatedFrom": (now - timedelta(days=1)).isoformat(),
        "dateCreatedTo": (now + timedelta(hours=1)).isoformat(),
    }


def _query(ctx: Probe, login: Session, **filters: Any) -> Reply:
    body = {name: value for name, value in (_dates(ctx) | filters).items() if value is not None}
    return ctx.post("/collective-identifiers/query", bearer=login.access_token, json=body)


def _listed(ctx: Probe, login: Session, **filters: Any) -> dict[str, dict[str, Any]]:
    found = _query(ctx, login, **filters).answers(200, _LISTED).at("collectiveIdentifiers")
    return {each["collectiveIdentifierNumber"]: each for each in found}


def _contents(ctx: Probe, login: Session, *numbers: str, **options: Any) -> Reply:
    body = {"collectiveIdentifierNumbers": list(numbers)}
    path = "/collective-identifiers/invoices"
    return ctx.post(path, bearer=login.access_token, json=body, **options)


def _naming(ctx: Probe, login: Session, number: str, **options: Any) -> Reply:
    path = f"/collective-identifiers/ksef/{number}"
    return ctx.get(path, bearer=login.access_token, **options)


def _crc8(text: str) -> int:
    crc = 0
    for octet in text.encode():
        crc ^= octet
        for _ in range(8):
            crc = (crc << 1 ^ (0x07 if crc & 0x80 else 0)) & 0xFF
    return crc


# -- making one -------------------------------------------------------------------------------------------


@requirement(
    "KSEF-COLL-001",
    "A collective identifier names the seller and the month of its making, and ends in its checksum.",
    source=f"{_MAKE}: GenerateCollectiveIdentifierResponse; since API 2.7.0",
)
def number_is_well_formed(ctx: Probe) -> None:
    login = ctx.owner.session
    months = [ctx.challenge().moment.strftime("%Y%m")]
    number = _made(ctx, login, *map(_entry, _invoices(ctx, login)))
    months.append((ctx.challenge().moment + timedelta(hours=2)).strftime("%Y%m"))
    matches("number", number, rf"{login.nip}-IZ({'|'.join(months)})-[0-9A-F]{{12}}-[0-9A-F]{{2}}")
    equal("checksum", number[-2:], f"{_crc8(number[:-3]):02X}")


@requirement(
    "KSEF-COLL-002",
    "The same invoices make another collective identifier each time.",
    source=f"{_MAKE}: an invoice may belong to 132; since API 2.7.0",
)
def same_invoices_again(ctx: Probe) -> None:
    login = ctx.owner.session
    entries = list(map(_entry, _invoices(ctx, login)))
    different("number", _made(ctx, login, *entries), _made(ctx, login, *entries))


#: What a body lacks or has too much of -> the entries.
_WRONG: dict[str, list[dict[str, Any]]] = {
    "no invoice": [],
    "one invoice": [_entry(_UNKNOWN[0])],
    "an invoice without a number": [_entry(_UNKNOWN[0]), {}],
    "a malformed number": [_entry(_UNKNOWN[0]), _entry("1-2-3")],
    "a description of 513 characters": [_entry(_UNKNOWN[0]), _entry(_UNKNOWN[1], description="x" * 513)],
    "a payment without an amount": [_entry(_UNKNOWN[0]), _entry(_UNKNOWN[1], payment={"currency": "PLN"})],
    "a payment without a currency": [_entry(_UNKNOWN[0]), _entry(_UNKNOWN[1], payment={"amount": 1})],
}


@family(
    {f"KSEF-COLL-{3 + place:03}": name for place, name in enumerate(_WRONG)},
    "Nothing is made of {}: 21405.",
    source=f"{_MAKE}: 21405; since API 2.7.1",
)
def wrong_body_makes_nothing(ctx: Probe, name: str) -> None:
    _make(ctx, ctx.owner.session, *_WRONG[name]).refused(21405, None)


@requirement(
    "KSEF-COLL-010",
    "A currency that there is not is unreadable: 21001 names the place.",
    source="recorded on TEST",
)
def unknown_currency(ctx: Probe) -> None:
    entries = [_entry(number, payment={"amount": 1, "currency": "ZZZ"}) for number in _UNKNOWN]
    _, _, details = _make(ctx, ctx.owner.session, *entries).refused(21001, None).error()
    matches("detail", details[0], r".*Path: \$\.invoices\[0\]\.payment\.currency \| LineNumber: 0 .*")


@requirement(
    "KSEF-COLL-011",
    "An invoice that does not exist is refused with 71001, which names it.",
    source=f"{_MAKE}: 71001; since API 2.8.1",
)
def unknown_invoice(ctx: Probe) -> None:
    login = ctx.owner.session
    [known] = _invoices(ctx, login, 1)
    _make(ctx, login, _entry(known), _entry(_UNKNOWN[0])).refused(
        71001, f"Faktura o numerze KSeF {_UNKNOWN[0]} nie została znaleziona."
    )


@requirement(
    "KSEF-COLL-012",
    "Invoices of two sellers are refused with 71004, which names the one of another seller.",
    source=f"{_MAKE}: 71004; since API 2.8.1",
    needs=_OWN,
)
def two_sellers(ctx: Probe) -> None:
    login, other = ctx.owner.session, ctx.new_session()
    [ours], [theirs] = _invoices(ctx, login, 1), _invoices(ctx, other, 1)
    _make(ctx, login, _entry(ours), _entry(theirs)).refused(
        71004, f"Faktura o numerze KSeF {theirs} ma innego sprzedawcę."
    )


@requirement(
    "KSEF-COLL-013",
    "An invoice that is named twice is refused with 71005, which names it.",
    source=f"{_MAKE}: 71005; since API 2.8.1",
)
def named_twice(ctx: Probe) -> None:
    login = ctx.owner.session
    first, second = _invoices(ctx, login)
    entries = map(_entry, (first, second, first))
    _make(ctx, login, *entries).refused(71005, f"Powtórzony numer KSeF {first}.")


@requirement(
    "KSEF-COLL-014",
    "An invoice that belongs to 132 of one context is refused with 71002, which names it; not elsewhere.",
    source=f"{_MAKE}: 71002, CollectiveIdentifierInvoice; since API 2.7.0",
    needs=_OWN,
)
def too_many_of_an_invoice(ctx: Probe) -> None:
    if ctx.target.shared and not ctx.target.is_local:
        ctx.skip("its 135 requests would use up the rate limit of an hour")
    login, other = ctx.owner.session, ctx.new_session()
    full, *others = _invoices(ctx, login, 3)
    for _ in range(132):
        _made(ctx, login, _entry(full), _entry(others[0]))
    entries = [_entry(full), _entry(others[1])]
    _make(ctx, login, *entries).refused(
        71002,
        f"Faktura o numerze KSeF {full} jest już przypisana"
        " do maksymalnej liczby Identyfikatorów Zbiorczych.",
    )
    _made(ctx, other, *entries)


@requirement(
    "KSEF-COLL-015",
    "The limit of the context counts: one invoice more is refused with 21405.",
    source="OpenAPI GET /limits/context: collectiveIdentifier.maxInvoices; since API 2.7.1",
    needs={Capability.TEST_DATA, Capability.SELF_SIGNED},
)
def limit_of_the_context(ctx: Probe) -> None:
    login = ctx.new_session()
    sessions = {"maxInvoiceSizeInMB": 1, "maxInvoiceWithAttachmentSizeInMB": 3, "maxInvoices": 10}
    limits = {"onlineSession": sessions, "batchSession": sessions, "collectiveIdentifier": {"maxInvoices": 2}}
    ctx.post("/testdata/limits/context/session", bearer=login.access_token, json=limits).answers(200)
    entries = list(map(_entry, _invoices(ctx, login, 3)))
    _make(ctx, login, *entries).refused(21405, None)
    _made(ctx, login, *entries[:2])


# -- who may ----------------------------------------------------------------------------------------------

_PERMISSIONS = ("InvoiceRead", "InvoiceWrite", "CollectiveIdentifierManage")


@family(
    {f"KSEF-COLL-{16 + place:03}": name for place, name in enumerate(_PERMISSIONS)},
    "{} alone is enough to make and to list collective identifiers.",
    source=f"{_MAKE}: required permissions; since API 2.7.0",
    needs=_OWN,
)
def one_permission_is_enough(ctx: Probe, permission: str) -> None:
    owner = ctx.new_session()
    numbers = _invoices(ctx, owner)
    token, _ = ctx.new_token(owner, [permission])
    login = ctx.login_with_token(token, nip=owner.nip)
    made = _made(ctx, login, *map(_entry, numbers))
    equal("listed", list(_listed(ctx, login)), [made])


_ASKED = ("make", "list", "invoices", "of an invoice")


def _ask(ctx: Probe, what: str, login: Session, **options: Any) -> Reply:
    if what == "make":
        return _make(ctx, login, *map(_entry, _UNKNOWN))
    if what == "list":
        body, path = _dates(ctx), "/collective-identifiers/query"
        return ctx.post(path, bearer=login.access_token, json=body, **options)
    if what == "invoices":
        return _contents(ctx, login, "x", **options)
    return _naming(ctx, login, _UNKNOWN[0], **options)


@family(
    {f"KSEF-COLL-{19 + place:03}": name for place, name in enumerate(_ASKED)},
    "Without any of the three permissions nobody gets anything, 403 names them: {}.",
    source=f"{_MAKE}: required permissions, 403; since API 2.7.0",
)
def permission_is_required(ctx: Probe, what: str) -> None:
    owner = ctx.owner.session
    token, _ = ctx.new_token(owner, ["CredentialsRead"])
    login = ctx.login_with_token(token, nip=owner.nip)
    reply = _ask(ctx, what, login).problem(403, reason="missing-permissions")
    equal("permissions", sorted(reply.at("security", "requiredAnyOfPermissions")), sorted(_PERMISSIONS))


# -- lists ------------------------------------------------------------------------------------------------


@requirement(
    "KSEF-COLL-023",
    "The list tells number, date, count and that it was made in this context.",
    source=f"{_LIST}; since API 2.7.0",
    needs=_OWN,
)
def list_tells(ctx: Probe) -> None:
    login = ctx.new_session()
    made = _made(ctx, login, *map(_entry, _invoices(ctx, login, 3)))
    listed = _listed(ctx, login)
    equal("listed", list(listed), [made])
    told = [listed[made][name] for name in ("invoiceCount", "createdInCurrentContext")]
    equal("invoiceCount, createdInCurrentContext", told, [3, True])


@requirement(
    "KSEF-COLL-024",
    "A seller finds what others made of its invoices, and which it made itself.",
    source=f"{_LIST}: Podmiot 1, createdInCurrentContext; since API 2.7.0",
    needs=_OWN,
)
def seller_finds_others(ctx: Probe) -> None:
    seller, payer = ctx.new_session(), ctx.new_session()
    entries = list(map(_entry, _invoices(ctx, seller)))
    theirs, own = _made(ctx, payer, *entries), _made(ctx, seller, *entries)
    here = {number: each["createdInCurrentContext"] for number, each in _listed(ctx, seller).items()}
    equal("found by the seller", here, {theirs: False, own: True})
    equal("found by the payer", list(_listed(ctx, payer)), [theirs])


_FILTERS: dict[str, tuple[dict[str, Any], list[int]]] = {
    "invoiceCountFrom": ({"invoiceCountFrom": 3}, [3]),
    "invoiceCountTo": ({"invoiceCountTo": 2}, [2]),
    "createdInCurrentContext": ({"createdInCurrentContext": False}, []),
    "collectiveIdentifierNumber": ({"collectiveIdentifierNumber": "x"}, []),
    "dateCreatedTo": (
        {"dateCreatedFrom": "2025-01-01T00:00:00Z", "dateCreatedTo": "2025-02-01T00:00:00Z"},
        [],
    ),
}


@family(
    {f"KSEF-COLL-{25 + place:03}": name for place, name in enumerate(_FILTERS)},
    "{} narrows the list.",
    source=f"{_LIST}: CollectiveIdentifiersQueryRequest; since API 2.7.0",
    needs=_OWN,
)
def filters_narrow(ctx: Probe, name: str) -> None:
    login = ctx.new_session()
    entries = list(map(_entry, _invoices(ctx, login, 3)))
    _made(ctx, login, *entries)
    _made(ctx, login, *entries[:2])
    equal("all", sorted(each["invoiceCount"] for each in _listed(ctx, login).values()), [2, 3])
    filters, expected = _FILTERS[name]
    equal("found", [each["invoiceCount"] for each in _listed(ctx, login, **filters).values()], expected)


_DATES: dict[str, dict[str, str | None]] = {
    "without dateCreatedFrom": {"dateCreatedFrom": None},
    "without dateCreatedTo": {"dateCreatedTo": None},
    "of 101 days": {"dateCreatedFrom": "2026-01-01T00:00:00Z", "dateCreatedTo": "2026-04-12T00:00:00Z"},
    "that ends before it begins": {
        "dateCreatedFrom": "2026-01-02T00:00:00Z",
        "dateCreatedTo": "2026-01-01T00:00:00Z",
    },
}


@family(
    {f"KSEF-COLL-{30 + place:03}": name for place, name in enumerate(_DATES)},
    "A list {} is refused: 21405.",
    source=f"{_LIST}: 100 days at most, 21405; since API 2.7.0",
)
def wrong_dates(ctx: Probe, name: str) -> None:
    _query(ctx, ctx.owner.session, **_DATES[name]).refused(21405, None)


@requirement(
    "KSEF-COLL-034",
    "Pages of the list are complete and sorted by date and number, the newest first.",
    source=f"{_LIST}: sorting, x-continuation-token; since API 2.7.0",
    needs=_OWN,
)
def pages_of_the_list(ctx: Probe) -> None:
    login = ctx.new_session()
    entries = list(map(_entry, _invoices(ctx, login)))
    made = [_made(ctx, login, *entries) for _ in range(12)]
    dates = _dates(ctx)
    headers: dict[str, str] = {}
    keys: list[tuple[str, str]] = []
    for size in (10, 2):
        path = "/collective-identifiers/query?pageSize=10"
        reply = ctx.post(path, bearer=login.access_token, json=dates, headers=headers).answers(200, _LISTED)
        page = reply.at("collectiveIdentifiers")
        equal("length of the page", len(page), size)
        keys += [(each["dateCreated"], each["collectiveIdentifierNumber"]) for each in page]
        token = reply.json().get("continuationToken")
        equal("there are more", token is not None, size == 10)
        headers = {"x-continuation-token": str(token)}
    equal("order", keys, sorted(keys, reverse=True))
    equal("numbers", {number for _, number in keys}, set(made))


_PAGED = _ASKED[1:]


@family(
    {f"KSEF-COLL-{35 + place:03}": name for place, name in enumerate(_PAGED)},
    "A continuation token that is none is refused with 21418, in words of these operations: {}.",
    source=f"{_LIST}: 21418; since API 2.8.1",
)
def wrong_continuation(ctx: Probe, what: str) -> None:
    reply = _ask(ctx, what, ctx.owner.session, headers={"x-continuation-token": "x"})
    code, description, _ = reply.error()
    equal("code", code, 21418)
    equal("description", description, "Przesłany token kontynuacji jest nieprawidłowy.")


@family(
    {
        f"KSEF-COLL-{38 + place:03}": case
        for place, case in enumerate([(name, size) for name in _PAGED for size in (9, 501)])
    },
    lambda case: f"A page of {case[1]} is refused with 21405: {case[0]}.",
    source=f"{_LIST}, {_INVOICES}, {_NAMING}: pageSize; since API 2.7.1",
)
def page_sizes(ctx: Probe, case: tuple[str, int]) -> None:
    what, size = case
    most = 500 if what == "invoices" else 200
    _ask(ctx, what, ctx.owner.session, params={"pageSize": str(size)}).refused(
        21405, f"'pageSize' must be between 10 and {most}. You entered {size}."
    )


# -- invoices of one --------------------------------------------------------------------------------------


@requirement(
    "KSEF-COLL-044",
    "The invoices of collective identifiers are listed by KSeF number, descending, with their details.",
    source=f"{_INVOICES}; since API 2.7.1",
)
def invoices_are_listed(ctx: Probe) -> None:
    login = ctx.owner.session
    first, second, third = _invoices(ctx, login, 3)
    detailed = _entry(first, payment=_PAYMENT, description="opis")
    one, two = _made(ctx, login, detailed, _entry(second)), _made(ctx, login, _entry(first), _entry(third))
    found = _contents(ctx, login, one, two).answers(200, _CONTENTS).at("invoices")
    numbers = [each["ksefNumber"] for each in found]
    equal("numbers", numbers, sorted([first, first, second, third], reverse=True))
    told = [each for each in found if each["ksefNumber"] == first]
    details = {each["collectiveIdentifierNumber"]: each.get("description") for each in told}
    equal("descriptions", details, {one: "opis", two: None})
    equal("hidden", [each["detailsHidden"] for each in found], [False] * 4)


_WATCHERS = {"the maker": False, "the seller": False, "a stranger": True}


@family(
    {f"KSEF-COLL-{45 + place:03}": name for place, name in enumerate(_WATCHERS)},
    lambda name: f"Details {'hide from' if _WATCHERS[name] else 'show to'} {name}.",
    source=f"{_INVOICES}: detailsHidden; since API 2.8.0",
    needs=_OWN,
)
def details_are_for_some(ctx: Probe, name: str) -> None:
    seller, maker = ctx.new_session(), ctx.new_session()
    detailed, plain = _invoices(ctx, seller)
    number = _made(ctx, maker, _entry(detailed, payment=_PAYMENT, description="opis"), _entry(plain))
    watcher = {"the maker": maker, "the seller": seller}.get(name) or ctx.new_session()
    found = _contents(ctx, watcher, number).answers(200, _CONTENTS).at("invoices")
    hidden = {each["ksefNumber"]: each["detailsHidden"] for each in found}
    equal("detailsHidden", hidden, {detailed: _WATCHERS[name], plain: False})
    shown = next(each for each in found if each["ksefNumber"] == detailed)
    details = (shown.get("payment"), shown.get("description"))
    equal("details", details, (None, None) if _WATCHERS[name] else (_PAYMENT, "opis"))


@requirement(
    "KSEF-COLL-048",
    "At most ten collective identifiers are resolved at once: 21405.",
    source=f"{_INVOICES}: CollectiveIdentifierInvoicesQueryRequest; since API 2.7.1",
)
def ten_at_once(ctx: Probe) -> None:
    login = ctx.owner.session
    numbers = [f"5265877635-IZ202607-{place:012X}-00" for place in range(11)]
    _contents(ctx, login, *numbers).refused(21405, None)
    _contents(ctx, login, *numbers[:10]).answers(200, _CONTENTS)


@requirement(
    "KSEF-COLL-049",
    "By a KSeF number all of its collective identifiers are found, and which were made here.",
    source=f"{_NAMING}; since API 2.7.0",
    needs=_OWN,
)
def found_by_ksef_number(ctx: Probe) -> None:
    login, payer = ctx.new_session(), ctx.new_session()
    first, second, third = _invoices(ctx, login, 3)
    own, theirs = (
        _made(ctx, who, _entry(first), _entry(other)) for who, other in ((login, second), (payer, third))
    )
    found = _naming(ctx, login, first).answers(200, _NAMED).at("collectiveIdentifiers")
    here = {each["collectiveIdentifierNumber"]: each["createdInCurrentContext"] for each in found}
    equal("found", here, {own: True, theirs: False})
    only = _naming(ctx, login, third).answers(200, _NAMED).at("collectiveIdentifiers")
    equal("of the third", [each["collectiveIdentifierNumber"] for each in only], [theirs])
