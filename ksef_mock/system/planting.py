"""Puts a seed into the parts of a system."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ksef_mock.clock import Instant, from_datetime, iso
from ksef_mock.core.identifiers import Identifier
from ksef_mock.ksef.limits.bodies import (
    SetRateLimitsRequest,
)
from ksef_mock.ksef.limits.limits import PRODUCTION_RATE_LIMITS
from ksef_mock.ksef.subjects.subjects import SubUnit
from ksef_mock.state.store import Table

if TYPE_CHECKING:
    from ksef_mock.system.parts import Parts
from ksef_mock.seed.invoice_folder import Folder
from ksef_mock.seed.model import Seed, SeedError, _at, _placed


class Planted(msgspec.Struct, frozen=True):
    """The mark of a store that has been seeded, or is being."""

    at: int
    #: False: somebody is at it, or ended in the middle.
    complete: bool = True


PLANTED: Table[Planted] = Table("planted-seed", Planted)
_KEY = "seed"
#: Seconds: how long to wait for another process that seeds the same store, and how often to look.
_PATIENCE, _PAUSE = 10.0, 0.05


async def plant(system: Parts, seed: Seed, *, patience: float = _PATIENCE) -> bool:
    """Set everything up, in the order of the members; False if the mock's store has been seeded before.

    If another process is at it, its end is waited for, `patience` seconds at most.

    Raises:
        SeedError: two entries contradict each other, or an earlier process has ended in the middle of it.
        StoreUnavailable: a remote store cannot be reached.
    """
    begun = Planted(system.clock.now(), complete=False)
    if not await system.store.insert(PLANTED, _KEY, begun, None):
        await _wait_for_another(system, patience)
        return False
    await _plant(system, seed)
    await system.store.swap(PLANTED, _KEY, begun, Planted(begun.at), None)
    return True


async def _wait_for_another(system: Parts, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        mark = await system.store.get(PLANTED, _KEY)
        if mark is None or mark.complete:  # None: the store was emptied meanwhile, by a reset that seeds it
            return
        if time.monotonic() >= deadline:
            raise SeedError(
                f"the store was seeded only in part: whoever began at {iso(mark.at)} has not finished."
                " Empty the store (remove the file, or reset the mock that uses it)"
            )
        await asyncio.sleep(_PAUSE)


async def import_folder(system: Parts, path: Path) -> int:
    """Import the invoices in a folder (`seed.invoice_folder`): all of them, or none; how many were not known.

    Raises:
        ValueError: files fail; the message names each, with the reason.
        OSError: there is no such folder.
    """
    # Imported here: few mocks do it.
    from ksef_mock.ksef.invoices.portable import Importer

    importer = Importer(system.invoices, system.schemas)
    imported = 0
    for dry_run in (True, False):
        failed: list[str] = []
        for name, invoice in Folder(path).read():
            if isinstance(invoice, str):
                failed.append(f"{path / name}: {invoice}")
                continue
            result = await importer.import_all([invoice], dry_run=dry_run)
            failed += (f"{path / name}: {each.reason}" for each in result.failed)
            imported += 0 if dry_run else result.imported
        if failed:
            raise ValueError("\n".join(failed))
    return imported


async def _plant(system: Parts, seed: Seed) -> None:
    controls, subjects, limits = system.controls, system.subjects, system.limits
    if seed.clock.frozen:
        await controls.freeze()
    if seed.clock.time is not None:
        await controls.set_clock(seed.clock.time)
    if seed.warning is not None:
        await controls.warn(seed.warning)
    for place, person in _placed("persons", seed.persons):
        with _at(place):
            await subjects.create_person(
                person.nip,
                person.pesel,
                description=person.description,
                is_bailiff=person.is_bailiff,
                is_deceased=person.is_deceased,
                created_at=_instant(person.created_date),
            )
    for place, subject in _placed("subjects", seed.subjects):
        with _at(place):
            await subjects.create_subject(
                subject.nip,
                subject.type,
                description=subject.description,
                subunits=[SubUnit(unit.nip, unit.description) for unit in subject.subunits],
                created_at=_instant(subject.created_date),
            )
    for place, token in _placed("tokens", seed.tokens):
        with _at(place):
            await system.tokens.issue(
                token.owner(),
                token.permissions,
                description=token.description,
                text=token.token,
                status=token.status,
            )
    for place, grant in _placed("permissions", seed.permissions):
        for permission in grant.permissions:
            with _at(place):
                await system.permissions.grant(
                    Identifier("Nip", grant.nip),
                    grant.holder(),
                    permission,
                    description=grant.description,
                )
    for nip in seed.blocked:
        await system.permissions.block(Identifier("Nip", nip))
    for nip in seed.attachments:
        await system.attachments.allow(nip)
    for certificate in seed.certificates:
        assert certificate.fingerprint is not None  # `read_seed` has found it out
        if certificate.status == "revoked":
            await system.revocations.revoke_by(certificate.fingerprint)
        else:
            await system.revocations.suspend_by(certificate.fingerprint)
    for entry in seed.limits:
        context = Identifier("Nip", entry.nip)
        if entry.session is not None:
            await limits.set_context(context, entry.session.limits())
        if entry.rate_limits == "production":
            await limits.set_rates(context, PRODUCTION_RATE_LIMITS)
        elif entry.rate_limits is not None:
            await limits.set_rates(context, SetRateLimitsRequest(entry.rate_limits).limits())
        if entry.certificates is not None:
            await limits.set_subject(context, entry.certificates.limits(context))
    for place, invoice in _placed("invoices", seed.invoices):
        with _at(place):
            if not await system.invoices.add(invoice.invoice(system.clock.now())):
                raise SeedError(f"there are two with the number {invoice.ksef_number}")
    for place, document in _placed("documents", seed.documents):
        # Imported here: few seeds have any.
        from ksef_mock.ksef.invoices.seeding import add_document

        with _at(place):
            await add_document(system.invoices, system.schemas, document.strip().encode(), system.clock.now())
    for place, folder in _placed("invoiceFolders", seed.invoice_folders):
        with _at(place):
            await import_folder(system, Path(folder))
    for place, provider in _placed("peppolProviders", seed.peppol_providers):
        with _at(place):
            if not await system.providers.register(provider.provider(system.clock.now())):
                raise SeedError(f"there are two with the id {provider.id}")
    for place, fault in _placed("faults", seed.faults):
        with _at(place):
            await system.faults.add(fault)
    lighthouse = system.lighthouse
    if seed.lighthouse.play is not None:
        await lighthouse.play(seed.lighthouse.play)
    for place, order in _placed("lighthouse.messages", seed.lighthouse.messages):
        with _at(place):
            await lighthouse.announce(order.announcement(lighthouse.now), with_api=order.with_api)
    if seed.lighthouse.breakdown is not None:
        await lighthouse.break_down(seed.lighthouse.breakdown)


def _instant(moment: datetime | None) -> Instant | None:
    return None if moment is None else from_datetime(moment)
