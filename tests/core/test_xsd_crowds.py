"""A document that is faulty in thousands of places is judged as exactly as others, in bounded work."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lxml import etree

from ksef_mock.core.xsd import Fault, crowds
from ksef_mock.core.xsd.schema import MOST_FAULTS
from ksef_mock.ksef.invoices.forms import FA3
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.ksef.invoices.schemas import Schemas

LINES = 3_000
SCHEMA = Schemas().of(FA3)


def judged(document: bytes) -> tuple[list[Fault], etree._Element]:
    assert SCHEMA is not None
    root = etree.fromstring(document)
    return SCHEMA.faults(root), root


def broken(document: bytes, times: int) -> bytes:
    """The last `times` lines with a wrong rate of VAT."""
    parts = document.rsplit(b"<P_12>23<", times)
    return b"<P_12>x<".join(parts)


@pytest.fixture
def judged_lines(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many lines the judged copy of a document had, where it was cut."""
    counted: list[int] = []
    cut: Callable[[etree._Element, int], etree._Element] = crowds._cut

    def counting(element: etree._Element, count: int) -> etree._Element:
        copy = cut(element, count)
        counted.append(sum(1 for _ in copy.iter("{*}FaWiersz")))
        return copy

    monkeypatch.setattr(crowds, "_cut", counting)
    return counted


def test_a_crowd_without_faults_is_valid(judged_lines: list[int]) -> None:
    faults, _ = judged(invoice("5265877635", lines=LINES))
    assert (faults, judged_lines) == ([], [])


def test_the_first_faults_of_very_many_are_told(judged_lines: list[int]) -> None:
    document = broken(invoice("5265877635", lines=LINES), LINES)
    faults, root = judged(document)
    assert [fault.path for fault in faults] == [
        f"/Faktura/Fa/FaWiersz[{place}]/P_12" for place in range(1, MOST_FAULTS + 1)
    ]
    assert {fault.line for fault in faults} == {2}
    (lines,) = judged_lines
    assert MOST_FAULTS <= lines < LINES / 2
    # The caller's document is as it was.
    assert sum(1 for _ in root.iter("{*}FaWiersz")) == LINES


@pytest.mark.parametrize("wrong", [1, 99])
def test_few_faults_are_told_wherever_they_are(wrong: int) -> None:
    faults, _ = judged(broken(invoice("5265877635", lines=LINES), wrong))
    assert [fault.path for fault in faults] == [
        f"/Faktura/Fa/FaWiersz[{place}]/P_12" for place in range(LINES - wrong + 1, LINES + 1)
    ]


def test_faults_after_the_crowd_are_told() -> None:
    document = invoice("5265877635", lines=LINES).replace(b"</Fa>", b"<Nonsense/></Fa>")
    (fault,), _ = judged(document)
    assert "invalid child element 'Nonsense'" in fault.message
