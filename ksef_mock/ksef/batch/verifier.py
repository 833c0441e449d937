"""A process that judges a share of a package, started by `ksef_mock.ksef.batch.crew`.

It reads from stdin the path of a package, says `None`, reads an `Order` and a `Share`, and answers with
groups of what was `Found`, then with `None` once the file is closed. Who has the first share says before that
how many invoices are in the package. Of a bad package it says so, by the exception.

Messages are pickled: they are between a mock and its own child, and what a refused document says must arrive
as it is, however it breaks the patterns of what is accepted. The end of stdin ends the process: so it never
outlives the mock, however that ends.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from ksef_mock.ksef.batch.archive import BadArchive, open_archive
from ksef_mock.ksef.batch.judging import Judged, Order, Share, judged
from ksef_mock.ksef.invoices.documents import Document
from ksef_mock.ksef.invoices.report import CheckResult, Report
from ksef_mock.ksef.invoices.rules import Ground
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.ksef.invoices.schemas import Schemas
from ksef_mock.ksef.invoices.verification import Rules, verify

#: Requests to the mock come first where there are fewer cores than processes that want one.
_NICE = 5
_NIP = "5265877635"
#: Octets of the length before a message.
_LENGTH = 4


class Found(NamedTuple):
    """What is told of an invoice that was judged: the checks that failed, or the octets, to be kept."""

    ordinal: int
    name: str
    hash: str
    octets: bytes | None
    digest: str | None
    document: Document | None
    ground: Ground | None
    failures: list[CheckResult]

    @classmethod
    def of(cls, each: Judged) -> Found:
        report = each.report
        return cls(
            each.ordinal,
            each.name,
            each.hash,
            report.octets if report.ok else None,
            report.digest,
            report.document,
            report.ground,
            report.failures,
        )

    def judged(self) -> Judged:
        report = Report()
        report.octets = self.octets
        report.digest = self.digest
        report.document = self.document
        report.ground = self.ground
        for failure in self.failures:
            report.record(failure)
        return Judged(self.ordinal, self.name, self.hash, report)


def tell(stream: IO[bytes], message: object) -> None:
    """
    Raises:
        OSError: nobody listens any more.
    """
    octets = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    stream.write(len(octets).to_bytes(_LENGTH, "big") + octets)
    stream.flush()


def hear(stream: IO[bytes]) -> Any:
    """
    Raises:
        EOFError, OSError: nobody speaks any more.
    """
    # In one piece: a pickle that is loaded from a pipe is read in many.
    length = int.from_bytes(_exactly(stream, _LENGTH), "big")
    return pickle.loads(_exactly(stream, length))  # noqa: S301 - the other end is the mock, or its child


def _exactly(stream: IO[bytes], length: int) -> bytes:
    octets = stream.read(length)
    if len(octets) < length:
        raise EOFError
    return octets


def main() -> None:
    """Do as is told until nobody tells anything any more."""
    if hasattr(os, "nice"):
        os.nice(_NICE)
    source, target = sys.stdin.buffer, sys.stdout.buffer
    # What the first package needs is there when it comes: modules, and the schema, compiled.
    verify(invoice(_NIP), Rules(schemas=Schemas()), at=0)
    try:
        while True:
            with open(hear(source), "rb") as file:
                tell(target, None)
                order, share = hear(source)
                for message in _answers(file, order, share):
                    tell(target, message)
            tell(target, None)
    except (EOFError, BrokenPipeError):
        pass


def _answers(file: IO[bytes], order: Order, share: Share) -> Iterator[int | BadArchive | list[Found]]:
    try:
        archive = open_archive(file, is_tar=order.is_tar, most_files=order.most_files)
        if share.number == 0:
            yield archive.count
        for group in judged(archive, order, share):
            yield [Found.of(each) for each in group]
    except BadArchive as error:
        yield error
