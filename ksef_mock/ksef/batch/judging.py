"""Invoices of a package, verified in groups: what runs in a thread, without a store."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from ksef_mock.clock import Instant
from ksef_mock.ksef.batch.archive import Archive, Entry
from ksef_mock.ksef.invoices import rules as invoice_rules
from ksef_mock.ksef.invoices.report import Cause, Check, Report
from ksef_mock.ksef.invoices.rules import InvoiceStatus, Rights
from ksef_mock.ksef.invoices.verification import Rules, verify

#: Invoices of a group, and octets of their files: what is in memory at a time is two of these.
_GROUP = 16
_GROUP_OCTETS = 4_000_000


@dataclass(frozen=True, slots=True)
class Judged:
    """An invoice of the package, and what was found of its file."""

    ordinal: int
    name: str
    #: Base64 SHA-256 of the file.
    hash: str
    report: Report


def judged(archive: Archive, skip: int, rules: Rules, at: Instant, rights: Rights) -> Iterator[list[Judged]]:
    """The invoices of a package but for the first `skip`, in groups.

    Raises:
        BadArchive: it is damaged.
    """
    judge = partial(verify, rules_=rules, at=at, rights=rights)
    most = max(rules.max_size, rules.max_size_with_attachment)
    group: list[Judged] = []
    octets = 0
    for ordinal, entry in enumerate(archive.entries(skip, most), skip + 1):
        report = judge(entry.octets) if not entry.fault and entry.size <= most else _refused(entry, most)
        group.append(Judged(ordinal, entry.name, b64encode(entry.digest).decode(), report))
        octets += len(entry.octets)
        if len(group) >= _GROUP or octets >= _GROUP_OCTETS:
            yield group
            group, octets = [], 0
    if group:
        yield group


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
