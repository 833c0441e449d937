"""No invoice takes more than a moment to be judged, however it is made, and none breaks the judge."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ksef_mock.ksef.invoices.report import Cause, Report
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.ksef.invoices.schemas import Schemas
from ksef_mock.ksef.invoices.verification import Rules, verify
from tests.invoices.test_verification import NOW as AT
from tests.support import NIP
from tests.xades.test_budget import cost, ordinary

#: In ordinary verifications of signed documents, three times what those may take: so much larger are
#: invoices. The dearest takes a third of it; what is searched in quadratic time takes ten times as much.
_AT_MOST = 8_700
_LARGEST = 2_900_000
_RULES = Rules(schemas=Schemas(), max_size=3_000_000)
_INVOICE = invoice(NIP).decode()


def filled(piece: str) -> str:
    return piece * (_LARGEST // len(piece))


def saying(element: str, text: str) -> str:
    """The invoice with another text in the first element of that name."""
    begin = _INVOICE.index(f"<{element}>") + len(element) + 2
    return _INVOICE[:begin] + text + _INVOICE[_INVOICE.index(f"</{element}>") :]


def ending(text: str) -> str:
    """The invoice with `text` at its end."""
    return _INVOICE.removesuffix("</Faktura>") + text + "</Faktura>"


def declaring(count: int, each: str = "") -> str:
    """The invoice with so many namespaces on its root, and in it as many of `each` as fit."""
    declared = " ".join(f'xmlns:n{number}="urn:n"' for number in range(count))
    room = _LARGEST - len(declared) - len(_INVOICE)
    content = each * (room // len(each)) if each else ""
    return _INVOICE.replace("<Faktura ", f"<Faktura {declared} ").replace("<P_2>", f"{content}<P_2>")


def lines(line: str) -> str:
    """The invoice with as many of these lines as fit."""
    return _INVOICE.replace("<FaWiersz>", filled(f"<FaWiersz>{line}</FaWiersz>") + "<FaWiersz>", 1)


HINT = "<x xmlns:x='http://www.w3.org/2001/XMLSchema-instance' x:schemaLocation='a b'/>"
#: How an invoice is made, and why it is refused; None: it is not.
INVOICES: dict[str, tuple[Callable[[], str], Cause | None]] = {
    "processing instructions": (lambda: ending(filled("<?x y?>")), Cause.PROCESSING_INSTRUCTION),
    "an instruction in each line": (lambda: lines("<?x?>"), Cause.PROCESSING_INSTRUCTION),
    "hints of schemas": (lambda: ending(filled(HINT)), Cause.SCHEMA),
    "namespaces": (lambda: declaring(100_000), Cause.NOT_WELL_FORMED),
    "namespaces that are used": (lambda: declaring(50_000, "<n49999:x/>"), Cause.NOT_WELL_FORMED),
    "as many namespaces as are accepted": (lambda: declaring(99, "<n98:x/>"), Cause.SCHEMA),
    "a namespace in each line": (lambda: lines('<P_7 xmlns="urn:x"/>'), Cause.SCHEMA),
    "attributes": (
        lambda: ending("<x " + " ".join(f"a{number}=''" for number in range(200_000)) + "/>"),
        Cause.NOT_WELL_FORMED,
    ),
    "comments": (lambda: ending(filled("<!--x-->")), None),
    "a long number": (lambda: saying("P_2", filled("x")), Cause.SCHEMA),
    "a number of blanks": (lambda: saying("P_2", filled(" ")), Cause.SCHEMA),
    "an amount of a million digits": (lambda: saying("P_15", filled("1")), Cause.SCHEMA),
    "a line's number of 5000 digits": (lambda: saying("NrWierszaFa", "1" * 5_000), Cause.SCHEMA),
    "a negative one": (lambda: saying("NrWierszaFa", "-" + "1" * 5_000), Cause.SCHEMA),
    "references to characters": (lambda: saying("P_7", filled("&#65;")), Cause.SCHEMA),
    "wrong lines": (lambda: lines("<P_7/>"), Cause.SCHEMA),
    "wrong values": (lambda: lines("<NrWierszaFa>x</NrWierszaFa>"), Cause.SCHEMA),
    "third subjects": (
        lambda: _INVOICE.replace("<Fa>", "<Podmiot3/>" * 200_000 + "<Fa>"),
        Cause.SCHEMA,
    ),
    "elements within elements": (lambda: ending("<a>" * 240 + "<b/>" * 600_000 + "</a>" * 240), Cause.SCHEMA),
    "groups of elements": (lambda: ending(f"<c>{'<b/>' * 990}</c>" * 600), Cause.SCHEMA),
}


@pytest.mark.parametrize("name", INVOICES)
def test_no_invoice_takes_more_than_a_moment(name: str) -> None:
    make, cause = INVOICES[name]
    octets = make().encode()
    verify(_INVOICE.encode(), _RULES, at=AT)  # the schema is compiled by whoever comes first
    reports: list[Report] = []
    taken = cost(lambda: reports.append(verify(octets, _RULES, at=AT)))
    failure = reports[0].failure
    if failure is not None and failure.cause is Cause.TOO_LARGE:
        pytest.fail(f"{len(octets)} octets are not looked at")
    assert (failure and failure.cause) == cause
    assert taken < _AT_MOST * ordinary()


@pytest.mark.parametrize(
    ("number", "told"), [("-" + "1" * 5_000, "-" + "1" * 5_000), ("-007", "-7"), ("-01", "-1")]
)
def test_a_number_below_its_type_is_told_as_dotnet_counts_it(number: str, told: str) -> None:
    failure = verify(saying("NrWierszaFa", number).encode(), _RULES, at=AT).failure
    assert failure is not None
    assert f"Value '{told}' was either too large or too small for NonNegativeInteger." in failure.details[0]
