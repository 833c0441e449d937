"""Exports: packages of invoices, made for whoever asked, to be fetched for seven days.

    RUNNING --its wait is over, and its package is made--> SUCCESS --7 days--> gone
           `--its wait is over--> KEY, BEYOND_AVAILABLE_DATA, or what a fault has planned

A package holds what was stored when the export was ordered. It is made when somebody first asks for the
status after the wait, outside of that request; if the process ends in the middle, by whoever asks next. So
two processes may make it at once: the first to finish counts, and what the other has made is removed.
"""

from __future__ import annotations

import asyncio
import contextlib
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextvars import Context
from dataclasses import dataclass
from functools import partial

import msgspec

from ksef_mock.clock import SECOND, Clock, Instant
from ksef_mock.core.codes import ExportStatus
from ksef_mock.core.environment import DAY
from ksef_mock.core.errors import Gone
from ksef_mock.core.exchange import Exchange
from ksef_mock.core.fault import EXPORT
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.references import Kind, issued_at, new_reference
from ksef_mock.core.threads import begun, outcome
from ksef_mock.core.waiting import Delay, Wait
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.invoices import export_rules as rules
from ksef_mock.ksef.invoices.bodies import InvoiceMetadata
from ksef_mock.ksef.invoices.export_limits import ExportLimits
from ksef_mock.ksef.invoices.invoices import Invoices, Query
from ksef_mock.ksef.invoices.metadata import Invoice
from ksef_mock.ksef.invoices.packing import Compression, Packer, Sealed, Step
from ksef_mock.state.blobs import Blob, Blobs
from ksef_mock.state.paging import Page, page
from ksef_mock.state.store import Index, Insert, Store, Table, Write
from ksef_mock.state.update import committed, placed, update
from ksef_mock.trail.faults import Faults

#: Seconds for which a status poll waits for a package that is being made: most are made by then.
_PATIENCE = 0.5
#: Files that are read at once; octets and invoices after which they are packed.
_READ = 8
_BATCH = 131_072
_MOST = 64


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A part of a package."""

    #: Octets before its encryption, and their SHA-256 in Base64.
    size: int
    hash: str
    #: The ciphertext.
    sealed: Blob

    @property
    def sealed_hash(self) -> str:
        """SHA-256 of the ciphertext, in Base64."""
        return b64encode(self.sealed.digest).decode()


class Package(msgspec.Struct, frozen=True):
    """What an export came to."""

    count: int
    #: Octets of the archive before it was cut and encrypted.
    size: int
    parts: tuple[Part, ...]
    #: The date of the last invoice if not all had room, of the type that the query is about.
    truncated_at: Instant | None = None


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """An export that was ordered."""

    reference: str
    context: Identifier
    ordered_by: Identifier
    ordered_at: Instant
    query: Query
    #: Up to when KSeF's data was complete.
    hwm: Instant
    only_metadata: bool
    compression: Compression
    #: None: what the client sent could not be decrypted.
    key: bytes | None
    iv: bytes
    #: What it comes to.
    outcome: ExportStatus
    wait: Wait
    package: Package | None = None

    def status(self, now: Instant) -> ExportStatus:
        """What shows of it."""
        unmade = self.outcome is ExportStatus.SUCCESS and self.package is None
        return ExportStatus.RUNNING if unmade or not self.wait.is_over(now) else self.outcome

    @property
    def completed_at(self) -> Instant:
        return self.wait.ends_at

    @property
    def expires_at(self) -> Instant:
        """When its package and its status are gone."""
        return self.completed_at + rules.LIFETIME_DAYS * DAY * SECOND

    def part_name(self, number: int) -> str:
        """The file name of a part; the first has the number 1."""
        return f"{self.reference}-{number:03}.{rules.SUFFIXES[self.compression]}.aes"


class Running(msgspec.Struct, frozen=True):
    """The exports that somebody may have running in a context."""

    references: tuple[str, ...]


EXPORTS: Table[Export] = Table("export", Export)
RUNNING: Table[Running] = Table("exports-running", Running)
#: Index of all exports.
_ALL = "exports"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a client orders."""

    query: Query
    #: Up to when KSeF's data is complete.
    hwm: Instant
    #: The query is about nothing that is complete.
    is_beyond: bool
    only_metadata: bool
    compression: Compression
    #: AES-256; None: what was sent could not be decrypted.
    key: bytes | None
    iv: bytes


class Exports:
    """Takes orders, makes the packages, tells of them and gives them out. Used from one event loop."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        invoices: Invoices,
        delay: Delay,
        limits: ExportLimits,
        faults: Faults,
    ) -> None:
        """`delay`: how long an export is processed."""
        self._store = store
        self._clock = clock
        self._invoices = invoices
        self._delay = delay
        self._limits = limits
        self._faults = faults
        self._blobs = Blobs(store)
        #: By reference number, the packages that this process makes at present.
        self._making: dict[str, asyncio.Task[Export | None]] = {}

    async def order(self, actor: Actor, order: Order, exchange: Exchange) -> Export:
        """Begin an export.

        Raises:
            BadRequest: 21181, the context never plays that part in an invoice; 21182, too many are running.
        """
        rules.require_part(order.query.subject_type, actor.context)
        whose = f"{actor.context}|{actor.subject}"
        rules.require_room(len(await self._running(await self._store.get(RUNNING, whose))))
        ends, hold = await self._faults.on_start(EXPORT, exchange)
        now = self._clock.now()
        outcome = ExportStatus.SUCCESS
        if order.key is None:
            outcome = ExportStatus.KEY
        elif order.is_beyond:
            outcome = ExportStatus.BEYOND_AVAILABLE_DATA
        if ends is not None:
            outcome = ExportStatus(ends.status)
        export = Export(
            reference=new_reference(Kind.EXPORT, now),
            context=actor.context,
            ordered_by=actor.subject,
            ordered_at=now,
            query=order.query,
            hwm=order.hwm,
            only_metadata=order.only_metadata,
            compression=order.compression,
            key=order.key,
            iv=order.iv,
            outcome=outcome,
            wait=self._delay.begin(now).held(hold.polls, hold.seconds),
        )

        async def attempt() -> tuple[Export, Sequence[Write]]:
            known = await self._store.get(RUNNING, whose)
            running = await self._running(known)
            rules.require_room(len(running))
            following = Running((*running, export.reference))
            return export, (
                placed(RUNNING, whose, known, following, None),
                Insert(EXPORTS, export.reference, export, export.expires_at),
                Index(_ALL, export.reference, now, export.expires_at),
            )

        return await committed(self._store, attempt)

    async def find(self, reference: str, context: Identifier) -> Export:
        """
        Raises:
            BadRequest: 21175, the context has no such export.
            Gone: it has expired.
        """
        found = await self._store.get(EXPORTS, reference)
        if found is None:
            # The record is gone by then; the number itself tells when it was issued.
            issued = issued_at(reference, Kind.EXPORT)
            if issued is not None and issued + rules.LIFETIME_DAYS * DAY * SECOND <= self._clock.now():
                raise Gone(reason=f"the export {reference} is older than {rules.LIFETIME_DAYS} days")
            raise rules.no_export("there is none with this reference number")
        if found.context != context:
            raise rules.no_export(f"it is one of {found.context}, the login is of {context}")
        return found

    async def of_anybody(self, size: int, continuation: str | None) -> Page[Export]:
        """A page of all exports, newest first; for people, not for clients.

        Raises:
            BadRequest: 21418, the continuation token is not one of ours.
        """

        async def shown(reference: str) -> Export | None:
            return await self._store.get(EXPORTS, reference)

        return await page(self._store, _ALL, size, continuation, shown)

    async def poll(self, reference: str, context: Identifier) -> Export:
        """The export as a status poll sees it, which uses up a poll of the delay.

        Raises:
            BadRequest: 21175, the context has no such export.
            Gone: it has expired.
        """
        export = await self.find(reference, context)
        now = self._clock.now()
        if not export.wait.is_over(now):
            await self._polled(export, now)
            return export
        if export.status(now) is ExportStatus.RUNNING:
            return await self._made(export)
        return export

    async def part(self, reference: str, name: str) -> tuple[Export, Part] | None:
        """The part with this file name; None if there is none (any more)."""
        export = await self._store.get(EXPORTS, reference)
        if export is None or export.package is None:
            return None
        for number, part in enumerate(export.package.parts, 1):
            if export.part_name(number) == name:
                return export, part
        return None

    def octets(self, part: Part) -> AsyncIterator[bytes]:
        """The ciphertext of a part, piece by piece.

        Raises:
            BlobGone: it is not there any more.
        """
        return self._blobs.read(part.sealed)

    async def close(self) -> None:
        """Stop making packages; whoever asks for them again has them made."""
        tasks = list(self._making.values())
        for task in tasks:
            task.cancel()
        # What they let go of they let go of in the store, which must still be there.
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _polled(self, export: Export, now: Instant) -> None:
        def step(found: Export) -> Export:
            polled = found.wait.polled(now)
            return found if polled is found.wait else msgspec.structs.replace(found, wait=polled)

        await update(self._store, EXPORTS, export.reference, step, known=export, expires_at=_expiry)

    async def _running(self, known: Running | None) -> list[str]:
        return [each for each in known.references if await self._is_running(each)] if known else []

    async def _is_running(self, reference: str) -> bool:
        # One whose package nobody has asked for yet is over all the same.
        export = await self._store.get(EXPORTS, reference)
        return export is not None and not export.wait.is_over(self._clock.now())

    # -- making a package -------------------------------------------------------------------------------

    async def _made(self, export: Export) -> Export:
        """The export with its package; as it was if that takes longer than a poll may."""
        task = self._making.get(export.reference)
        if task is None:
            # In a context of its own: nothing of the request that happens to begin it.
            task = asyncio.create_task(self._make(export), context=Context())
            self._making[export.reference] = task
            task.add_done_callback(lambda _: self._making.pop(export.reference, None))
        await asyncio.wait((task,), timeout=_PATIENCE)
        return (task.result() or export) if task.done() and not task.cancelled() else export

    async def _make(self, export: Export) -> Export | None:
        """The export with its package; None if it was forgotten meanwhile.

        Raises:
            StoreUnavailable: a remote store cannot be reached.
            OSError: the disk is full.
        """
        chosen, more = await self._invoices.oldest(
            export.context, export.query, self._limits.invoices, at=export.ordered_at
        )
        packer = self._packer(export)
        parts: list[Part] = []
        kept = False
        try:
            async with contextlib.aclosing(
                self._steps(packer, chosen, only_metadata=export.only_metadata)
            ) as steps:
                while True:
                    sealed: list[Sealed] = []
                    blob = await self._blobs.write(_until_sealed(steps, sealed), export.expires_at)
                    if not sealed:
                        break
                    parts.append(Part(sealed[0].size, sealed[0].hash, blob))
            truncated = more or packer.count < len(chosen)
            last = chosen[packer.count - 1].dated(export.query.date_type) if truncated else None
            package = Package(packer.count, packer.size, tuple(parts), last)

            def step(found: Export) -> Export:
                return found if found.package else msgspec.structs.replace(found, package=package)

            done = await update(self._store, EXPORTS, export.reference, step, expires_at=_expiry)
            kept = done is not None and done.package == package
            return done
        finally:
            packer.close()
            if not kept:
                for part in parts:
                    await self._blobs.remove(part.sealed)

    def _packer(self, export: Export) -> Packer:
        assert export.key is not None
        return Packer(
            export.compression,
            export.key,
            export.iv,
            export.ordered_at,
            most_octets=self._limits.octets,
            part_size=self._limits.part_octets,
        )

    async def _steps(
        self, packer: Packer, chosen: Sequence[Invoice], *, only_metadata: bool
    ) -> AsyncGenerator[Step]:
        packing = begun(partial(_pack, packer, ()))
        try:
            # While one batch is packed the next is read, and what the one before has come to is kept.
            async for batch in self._batches(chosen, only_metadata=only_metadata):
                steps = await outcome(packing)
                if packer.full:
                    break
                packing = begun(partial(_pack, packer, batch))
                for step in steps:
                    yield step
            for step in await outcome(packing):
                yield step
            packing = begun(lambda: list(packer.finish()))
            for step in await outcome(packing):
                yield step
        finally:
            with contextlib.suppress(Exception):
                await outcome(packing)

    async def _batches(
        self, chosen: Sequence[Invoice], *, only_metadata: bool
    ) -> AsyncIterator[list[tuple[Invoice, bytes | None]]]:
        """Invoices and their files, as many as are packed at once."""
        batch: list[tuple[Invoice, bytes | None]] = []
        size = 0
        for begin in range(0, len(chosen), _READ):
            some = chosen[begin : begin + _READ]
            files = [None] * len(some) if only_metadata else await self._files(some)
            batch += zip(some, files, strict=True)
            size += sum(len(file or b"") for file in files)
            if size >= _BATCH or len(batch) >= _MOST:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    async def _files(self, invoices: Sequence[Invoice]) -> list[bytes | None]:
        reading = [self._invoices.file(invoice.content.ksef_number) for invoice in invoices]
        if self._store.is_local:
            return [await each for each in reading]
        return await asyncio.gather(*reading)


def _pack(packer: Packer, batch: Sequence[tuple[Invoice, bytes | None]]) -> list[Step]:
    return packer.add(
        (f"{invoice.content.ksef_number}.xml", file, InvoiceMetadata.encoded(invoice))
        for invoice, file in batch
    )


async def _until_sealed(steps: AsyncIterator[Step], sealed: list[Sealed]) -> AsyncIterator[bytes]:
    """The ciphertext of one part; what it was before goes to `sealed`."""
    async for step in steps:
        if isinstance(step, Sealed):
            sealed.append(step)
            return
        yield step


def _expiry(export: Export) -> Instant:
    return export.expires_at
