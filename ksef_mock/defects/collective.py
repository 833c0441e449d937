"""Defects of collective identifiers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ksef_mock.defects.catalogue import defect, table
from ksef_mock.defects.mock import Mock
from ksef_mock.ksef.collective.collective import CollectiveIdentifier, CollectiveIdentifiers, Named, Shown

_MAKE = "/collective-identifiers"
_LIST = "/collective-identifiers/query"
_INVOICES = "/collective-identifiers/invoices"
_NAMING = "/collective-identifiers/ksef/[^/]+"

_Break = Callable[[Mock], None]


def _in_number(start: int, end: int, text: str) -> _Break:
    """Put something else into the numbers that are answered, at this place."""

    def change(body: Any) -> None:
        number = body["collectiveIdentifierNumber"]
        body["collectiveIdentifierNumber"] = number[:start] + text + number[end:]

    return lambda mock: mock.edit_json(change, method="POST", path=_MAKE, status=201)


def _seen_without(*names: str, path: str = _LIST) -> _Break:
    """Read bodies as if they did not have these members."""

    def change(body: dict[str, Any]) -> None:
        for name in names:
            body.pop(name, None)

    return lambda mock: mock.edit_body(change, method="POST", path=path)


def _of_each(name: str, change: Callable[[dict[str, Any]], object], path: str) -> _Break:
    def edit(body: Any) -> None:
        for each in body[name]:
            change(each)

    return lambda mock: mock.edit_json(edit, path=path, status=200)


def _reversed(name: str, path: str) -> _Break:
    return lambda mock: mock.edit_json(lambda body: body[name].reverse(), path=path, status=200)


def _once(body: dict[str, Any]) -> None:
    """Of invoices that are named twice the first counts."""
    entries = body.get("invoices") or []
    if isinstance(entries, list) and all(isinstance(each, dict) for each in entries):
        body["invoices"] = list({each.get("ksefNumber"): each for each in entries}.values())


def _cut_descriptions(body: dict[str, Any]) -> None:
    for each in body.get("invoices") or []:
        if isinstance(each, dict) and isinstance(each.get("description"), str):
            each["description"] = each["description"][:512]


def _first_ten(body: dict[str, Any]) -> None:
    numbers = body.get("collectiveIdentifierNumbers")
    if isinstance(numbers, list):
        del numbers[10:]


ANSWERS = table(
    "collective",
    (
        (
            "collective-number-with-another-checksum",
            "A number ends in 00.",
            "A number ends in its CRC-8.",
            _in_number(33, 35, "00"),
        ),
        (
            "collective-number-of-another-month",
            "A number is of January 2020.",
            "A number tells the month.",
            _in_number(13, 19, "202001"),
        ),
        (
            "collective-number-of-another-seller",
            "A number begins with a NIP of nobody.",
            "A number begins with the seller's NIP.",
            _in_number(0, 10, "1111111111"),
        ),
        (
            "collective-named-twice-counts-once",
            "An invoice may be named twice.",
            "71005 where an invoice is named twice.",
            lambda mock: mock.edit_body(_once, method="POST", path=_MAKE),
        ),
        (
            "collective-description-is-cut",
            "A description of more than 512 characters is cut.",
            "A description has 512 characters at most.",
            lambda mock: mock.edit_body(_cut_descriptions, method="POST", path=_MAKE),
        ),
        (
            "collective-unknown-invoice-is-21164",
            "An invoice that there is not is refused with 21164.",
            "An invoice that there is not is refused with 71001.",
            lambda mock: mock.recode(71001, to=21164),
        ),
        (
            "collective-two-sellers-are-71003",
            "Invoices of two sellers are refused with 71003.",
            "Invoices of two sellers are refused with 71004.",
            lambda mock: mock.recode(71004, to=71003),
        ),
        (
            "collective-refusal-names-no-invoice",
            "71001 says nothing of which invoice.",
            "71001 names the invoice.",
            lambda mock: mock.redetail(71001),
        ),
        (
            "collective-counts-are-one",
            "Every collective identifier has one invoice.",
            "invoiceCount is the number of invoices.",
            _of_each("collectiveIdentifiers", lambda each: each.update(invoiceCount=1), _LIST),
        ),
        (
            "collective-is-never-made-here",
            "createdInCurrentContext is false.",
            "createdInCurrentContext tells where it was made.",
            _of_each("collectiveIdentifiers", lambda each: each.update(createdInCurrentContext=False), _LIST),
        ),
        (
            "collective-of-an-invoice-is-made-here",
            "By a KSeF number all seem to be made here.",
            "createdInCurrentContext tells where it was made.",
            _of_each(
                "collectiveIdentifiers", lambda each: each.update(createdInCurrentContext=True), _NAMING
            ),
        ),
        (
            "collective-list-is-upside-down",
            "The oldest come first on a page.",
            "The newest come first.",
            _reversed("collectiveIdentifiers", _LIST),
        ),
        (
            "collective-invoices-are-upside-down",
            "Invoices are listed by number, ascending.",
            "Invoices are listed by number, descending.",
            _reversed("invoices", _INVOICES),
        ),
        (
            "collective-count-from-is-ignored",
            "invoiceCountFrom is ignored.",
            "invoiceCountFrom narrows the list.",
            _seen_without("invoiceCountFrom"),
        ),
        (
            "collective-count-to-is-ignored",
            "invoiceCountTo is ignored.",
            "invoiceCountTo narrows the list.",
            _seen_without("invoiceCountTo"),
        ),
        (
            "collective-maker-filter-is-ignored",
            "createdInCurrentContext is ignored as a filter.",
            "createdInCurrentContext narrows the list.",
            _seen_without("createdInCurrentContext"),
        ),
        (
            "collective-number-filter-is-ignored",
            "collectiveIdentifierNumber is ignored as a filter.",
            "collectiveIdentifierNumber narrows the list.",
            _seen_without("collectiveIdentifierNumber"),
        ),
        (
            "collective-eleven-are-resolved",
            "Of more than ten numbers the first ten are resolved.",
            "More than ten numbers are refused.",
            lambda mock: mock.edit_body(_first_ten, method="POST", path=_INVOICES),
        ),
    ),
)


@defect("An invoice belongs to 132 collective identifiers of a context at most.")
def collective_identifiers_of_an_invoice_have_no_limit(mock: Mock) -> None:
    """An invoice may belong to any number of collective identifiers."""
    identifiers: CollectiveIdentifiers = mock.system.collective_identifiers
    mock.replace(identifiers, "_most_of_an_invoice", lambda _: 1_000)


@defect("The limit of a context is that of GET /limits/context.")
def collective_limit_of_a_context_is_ignored(mock: Mock) -> None:
    """A collective identifier may have 500 invoices whatever the limits of the context."""
    identifiers: CollectiveIdentifiers = mock.system.collective_identifiers

    def make(create: Any) -> Any:
        return lambda context, named, _: create(context, named, 500)

    mock.replace(identifiers, "create", make)


@defect("Details are hidden from whoever is neither the maker nor a party.")
def collective_details_show_to_everybody(mock: Mock) -> None:
    """Details of payments show to everybody who knows the number."""
    _shown(mock, lambda found, named, _: Shown(found.number, named, are_details_hidden=False))


@defect("Details show to the parties of the invoice.")
def collective_details_hide_from_parties(mock: Mock) -> None:
    """Details of payments show to the maker alone."""

    def shown(found: CollectiveIdentifier, named: Named, context: Any) -> Shown:
        hides = found.context != context and named.has_details
        return Shown(found.number, Named(named.ksef_number) if hides else named, are_details_hidden=hides)

    _shown(mock, shown)


def _shown(mock: Mock, judge: Callable[..., Shown]) -> None:
    identifiers: CollectiveIdentifiers = mock.system.collective_identifiers

    async def shown(*arguments: Any) -> Shown:
        return judge(*arguments)

    mock.replace(identifiers, "_shown", lambda _: shown)


@defect("21418 is worded otherwise at these operations than elsewhere.")
def collective_continuation_is_worded_as_elsewhere(mock: Mock) -> None:
    """A wrong continuation token is refused in the words of all other operations."""

    def change(error: dict[str, Any]) -> None:
        if error["code"] == 21418:
            error["description"] = "Przekazany token kontynuacji ma nieprawidłowy format."

    mock.edit_errors(change)


@defect("A seller finds what others made of its invoices.")
def collective_identifiers_are_their_makers_alone(mock: Mock) -> None:
    """The list has what was made in the context, and nothing else."""
    mock.edit_json(
        lambda body: body.update(
            collectiveIdentifiers=[
                each for each in body["collectiveIdentifiers"] if each["createdInCurrentContext"]
            ]
        ),
        path=_LIST,
        status=200,
    )
