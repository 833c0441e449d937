"""A planned stop of processing: KSeF takes work, and finishes none of it until the stop ends or is cancelled.

How long work waits is written down when it is taken (`ksef_mock.core.waiting`), so whoever plans, prolongs or
cancels a stop has to write it down anew for whatever is unfinished.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from ksef_mock.clock import Instant
from ksef_mock.core.waiting import Stop
from ksef_mock.ksef.auth.operation import OPERATIONS
from ksef_mock.ksef.certificates.certificates import ENROLLMENTS
from ksef_mock.ksef.invoices.exports import EXPORTS
from ksef_mock.ksef.permissions.changes import CHANGES
from ksef_mock.ksef.sending.session import SENT, SESSIONS, SentInvoice, Session
from ksef_mock.ksef.tokens.tokens import TOKENS
from ksef_mock.state.store import Row, Swap, Table, Write
from ksef_mock.state.update import committed, update
from ksef_mock.system.system import System

#: Whatever waits: records with a `wait`. Invoices come before their sessions, which end after them.
WAITING: tuple[Table[Any], ...] = (OPERATIONS, TOKENS, ENROLLMENTS, CHANGES, SENT, SESSIONS, EXPORTS)


async def stop(system: System, since: Instant, until: Instant) -> None:
    """Let KSeF take work and finish none between two moments, in place of a stop that was planned before.

    Raises:
        ValueError: it ends before it begins.
        StoreUnavailable: a remote store cannot be reached.
    """
    if until <= since:
        raise ValueError("until: must come after since")
    await _replan(system, Stop(since, until))


async def resume(system: System) -> None:
    """No stop any more: what was kept waiting by it is finished now, or when it would have been without.

    KSeF numbers given meanwhile keep the second that was planned, nobody having seen them.

    Raises:
        StoreUnavailable: a remote store cannot be reached.
    """
    await _replan(system, None)


async def _replan(system: System, stop: Stop | None) -> None:
    # First for what is taken from now on, then for what there is.
    await system.controls.change(lambda shared: msgspec.structs.replace(shared, stop=stop))
    rows: dict[str, list[Row]] = {table.name: [] for table in WAITING}
    for row in (await system.store.dump()).rows:
        if row.table in rows:
            rows[row.table].append(row)
    now = system.clock.now()
    settled: dict[str, tuple[Instant, Instant]] = {}
    for table in WAITING:
        for row in rows[table.name]:
            if table is SENT:
                await _replan_invoice(system, row, now, stop, settled)
            else:
                step = partial(_replanned, now=now, stop=stop, settled=settled)
                await update(system.store, table, row.key, step, expires_at=partial(_expiry, row))


def _expiry(row: Row, _: object) -> Instant | None:
    return row.expires_at


def _replanned(
    record: Any, now: Instant, stop: Stop | None, settled: dict[str, tuple[Instant, Instant]]
) -> Any:
    changes: dict[str, Any] = {}
    if record.wait is not None:
        wait = record.wait.replanned(now, stop)
        if wait is not record.wait:
            changes["wait"] = wait
    if isinstance(record, Session):
        before, after = settled.get(record.reference, (0, 0))
        # Another one: an invoice has come meanwhile, which is planned as it should be.
        if before != after and record.settles_at == before:
            changes["settles_at"] = after
    return msgspec.structs.replace(record, **changes) if changes else record


async def _replan_invoice(
    system: System, row: Row, now: Instant, stop: Stop | None, settled: dict[str, tuple[Instant, Instant]]
) -> None:
    async def attempt() -> tuple[tuple[SentInvoice, SentInvoice] | None, Sequence[Write]]:
        found = await system.store.get(SENT, row.key)
        if found is None:
            return None, ()
        wait = found.wait.replanned(now, stop)
        if wait is found.wait:
            return (found, found), ()
        later = wait.ends_at - found.wait.ends_at
        stored_at = None if found.stored_at is None else found.stored_at + later
        following = msgspec.structs.replace(found, wait=wait, stored_at=stored_at)
        moved: Sequence[Write] = ()
        if found.ksef_number is not None:
            moved = await system.invoices.moved(found.ksef_number, later)
        return (found, following), (Swap(SENT, row.key, found, following, row.expires_at), *moved)

    was_and_is = await committed(system.store, attempt)
    if was_and_is is not None:
        was, now_is = was_and_is
        before, after = settled.get(was.session, (0, 0))
        settled[was.session] = max(before, was.wait.ends_at), max(after, now_is.wait.ends_at)
