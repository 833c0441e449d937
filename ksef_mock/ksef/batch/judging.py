"""Invoices of a package, verified in groups: what runs in a thread or in another process, without a store."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO

from ksef_mock.clock import Instant
from ksef_mock.ksef.batch.archive import Archive, Entry, open_archive
from ksef_mock.ksef.invoices import rules as invoice_rules
from ksef_mock.ksef.invoices.report import Cause, Check, Report
from ksef_mock.ksef.invoices.rules import InvoiceStatus, Rights
from ksef_mock.ksef.invoices.verification import Rules, verify

#: Invoices of a group, and octets of their files: what is in memory at a time is two of these.
GROUP = 32
_GROUP_OCTETS = 4_000_000


@dataclass(frozen=True, slots=True)
class Order:
    """What a package is judged by: data alone, so that any process can do it."""

    is_tar: bool
    #: Of a package with more files only their number is asked for.
    most_files: int
    rules: Rules
    at: Instant
    rights: Rights
    #: Invoices that have been judged before.
    done: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """Every so many groups of a package is somebody's."""

    number: int = 0
    of: int = 1

    def includes(self, ordinal: int) -> bool:
        """Whether an invoice is in it."""
        return (ordinal - 1) // GROUP % self.of == self.number


@dataclass(frozen=True, slots=True)
class Judged:
    """An invoice of the package, and what was found of its file."""

    ordinal: int
    name: str
    #: Base64 SHA-256 of the file.
    hash: str
    report: Report


class Judges:
    """Judges the package in `file`, in whichever thread asks. For one package."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self._archive: Archive | None = None

    def open(self, order: Order) -> int:
        """How many invoices the package has.

        Raises:
            BadArchive: it is none, is damaged, or unpacks to too much.
        """
        self._archive = open_archive(self.file, is_tar=order.is_tar, most_files=order.most_files)
        return self._archive.count

    def judged(self, order: Order) -> Iterator[list[Judged]]:
        """The invoices of the opened package that are not done, in order and in groups.

        Raises:
            BadArchive: it is damaged.
        """
        if self._archive is None:
            self.open(order)
        assert self._archive is not None
        return judged(self._archive, order)


def judged(archive: Archive, order: Order, share: Share = Share()) -> Iterator[list[Judged]]:
    """A share of the invoices of a package that are not done, in groups.

    Raises:
        BadArchive: it is damaged.
    """
    rules = order.rules
    judge = partial(verify, rules_=rules, at=order.at, rights=order.rights)
    most = max(rules.max_size, rules.max_size_with_attachment)

    def wanted(ordinal: int) -> bool:
        return ordinal > order.done and share.includes(ordinal)

    def found(ordinal: int, entry: Entry) -> Judged:
        report = judge(entry.octets) if not entry.fault and entry.size <= most else _refused(entry, most)
        return Judged(ordinal, entry.name, b64encode(entry.digest).decode(), report)

    # To unpack a group, then to judge it, takes a tenth less time than to do it by turns: caches are small.
    group: list[tuple[int, Entry]] = []
    octets = 0
    for ordinal, entry in archive.entries(wanted, most):
        group.append((ordinal, entry))
        octets += len(entry.octets)
        if ordinal % GROUP == 0 or octets >= _GROUP_OCTETS:
            yield [found(*each) for each in group]
            group, octets = [], 0
    if group:
        yield [found(*each) for each in group]


def _refused(entry: Entry, most: int) -> Report:
    """What is refused without being read: folders, links, damaged files, and what is too large for any."""
    report = Report()
    if entry.fault:
        report.failed(
            Check.WELL_FORMEDNESS,
            Cause.NOT_WELL_FORMED,
            entry.fault,
            InvoiceStatus.INVALID,
            invoice_rules.NOT_XML,
        )
    else:
        report.failed(
            Check.SIZE,
            Cause.TOO_LARGE,
            f"the file has {entry.size} octets, at most {most} are allowed",
            InvoiceStatus.FILE_ERROR,
            invoice_rules.too_large(most),
            evidence={"found": str(entry.size), "limit": str(most)},
        )
    report.skip_missing("the file was not read")
    return report
