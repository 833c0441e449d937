"""What is stored of permissions: survives a store that keeps JSON, and happens once whoever else is at it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec
import pytest

from ksef_mock.clock import Clock
from ksef_mock.core.codes import CHANGE_STATUS_DESCRIPTIONS, CHANGE_STATUS_DETAILS, ChangeStatus
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.waiting import Delay, Wait
from ksef_mock.crypto.pki import seal
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.permissions.changes import CHANGES, Change
from ksef_mock.ksef.permissions.grant_bodies import PermissionsOperationStatusResponse
from ksef_mock.ksef.permissions.grants import GRANTS, EuEntity, Grant, GrantKind, IdDocument, SubjectDetails
from ksef_mock.ksef.permissions.permissions import BLOCKS, EU_ENTITIES, Block, Permissions, new_grant
from ksef_mock.ksef.subjects.subjects import Subjects
from ksef_mock.state import MemoryStore
from ksef_mock.state.store import Table, Write
from tests.support import NIP
from tests.world import World

R = TypeVar("R", bound=msgspec.Struct)

FIRM, SOMEBODY = Identifier("Nip", NIP), Identifier("Fingerprint", "AB" * 32)


def grant(**changes: Any) -> Grant:
    details = SubjectDetails(
        type="PersonByFingerprintWithoutIdentifier",
        first_name="Hans",
        last_name="Schmidt",
        identifier=Identifier("Pesel", "90010112349"),
        birth_date="1980-02-29",
        id_document=IdDocument("Passport", "C01X00T47", "DE"),
    )
    options: dict[str, Any] = {
        "context": FIRM,
        "description": "for a test",
        "author": FIRM,
        "granted_at": 123,
        "can_delegate": True,
        "details": details,
        "eu_entity": EuEntity("Firma", "Firma G.m.b.H.", "Berlin"),
    }
    return new_grant(GrantKind.ENTITY, FIRM, SOMEBODY, "InvoiceRead", **(options | changes))


def change(status: ChangeStatus = ChangeStatus.SUCCESS) -> Change:
    return Change(
        reference="20250626-EG-333C814000-C529F710D8-D2",
        context=FIRM,
        author=FIRM,
        permissions=("Owner",),
        grants=(grant(), grant(context=None)),
        started_at=1,
        wait=Wait(2),
        status=status,
    )


@pytest.mark.parametrize(
    ("table", "record"),
    [
        (GRANTS, grant()),
        (GRANTS, grant(context=None, author=None, details=None, eu_entity=None, can_delegate=False)),
        (CHANGES, change()),
        (EU_ENTITIES, EuEntity("Firma", "Firma G.m.b.H.", "Berlin")),
        (BLOCKS, Block(5)),
    ],
)
def test_records_survive_json(table: Any, record: msgspec.Struct) -> None:
    assert msgspec.json.decode(msgspec.json.encode(record), type=table.record) == record


@pytest.mark.parametrize("status", ChangeStatus)
def test_every_status_has_its_documented_text(status: ChangeStatus) -> None:
    body = msgspec.to_builtins(PermissionsOperationStatusResponse.of(change(status)))["status"]
    assert (body["code"], body["description"]) == (int(status), CHANGE_STATUS_DESCRIPTIONS[status])
    detail = CHANGE_STATUS_DETAILS.get(status)
    assert body.get("details") == ([detail] if detail else None)


def test_of_concurrent_revocations_one_succeeds(world: World) -> None:
    owner = world.log_in(world.certificate(seal("Firma", nip=NIP)), ("Nip", NIP))
    world.grant_person(owner, ("Pesel", "90010112349"), "InvoiceRead")
    (granted,) = world.persons(owner)
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda _: world.revoke(owner, granted["id"]), range(8)))
    assert sorted(outcomes) == [200] + [400] * 7


class Interleaved(MemoryStore):
    """A store that others get at between any two steps, as one behind a network is."""

    async def get(self, table: Table[R], key: str) -> R | None:
        await asyncio.sleep(0)
        return await super().get(table, key)

    async def commit(self, *writes: Write) -> bool:
        await asyncio.sleep(0)
        return await super().commit(*writes)


def test_of_several_processes_one_carries_a_revocation_out() -> None:
    async def story() -> list[ChangeStatus]:
        clock = Clock()
        store = Interleaved(clock)
        subjects = Subjects(store, clock)
        first, second = (Permissions(store, clock, subjects, Delay(seconds=60)) for _ in range(2))
        granted = await first.grant(FIRM, SOMEBODY, "InvoiceRead", description="for a test")
        owner = Actor(FIRM, FIRM, frozenset({FIRM}), ("Owner",))
        change = await first.request(owner, revokes=granted.id)
        clock.advance(60)
        seen = await asyncio.gather(
            *(process.poll(change.reference, owner) for process in (first, second) * 4)
        )
        last = await second.poll(change.reference, owner)
        assert (await first.admit(SOMEBODY, FIRM)).permissions == ()
        return [each.status for each in (*seen, last)]

    *seen, last = asyncio.run(story())
    assert set(seen) <= {ChangeStatus.ACCEPTED, ChangeStatus.SUCCESS}
    assert last is ChangeStatus.SUCCESS


def test_of_concurrent_grants_one_is_made(world: World) -> None:
    owner = world.log_in(world.certificate(seal("Firma", nip=NIP)), ("Nip", NIP))
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(
            threads.map(
                lambda _: world.grant_person(owner, ("Pesel", "90010112349"), "InvoiceRead"), range(8)
            )
        )
    assert outcomes == [200] * 8
    assert len(world.persons(owner)) == 1


def test_what_another_process_has_delayed_is_carried_out_by_one_that_delays_nothing() -> None:
    async def story() -> tuple[ChangeStatus, tuple[str, ...]]:
        clock = Clock()
        store = MemoryStore(clock)
        subjects = Subjects(store, clock)
        slow, quick = (
            Permissions(store, clock, subjects, Delay(seconds=60)),
            Permissions(store, clock, subjects),
        )
        owner = Actor(FIRM, FIRM, frozenset({FIRM}), ("Owner",))
        wanted = new_grant(
            GrantKind.PERSON,
            FIRM,
            SOMEBODY,
            "InvoiceRead",
            context=FIRM,
            description="for a test",
            author=FIRM,
            granted_at=123,
        )
        change = await slow.request(owner, [wanted])
        clock.advance(60)
        admitted = await quick.admit(wanted.authorized, FIRM)
        return (await quick.poll(change.reference, owner)).status, admitted.permissions

    assert asyncio.run(story()) == (ChangeStatus.SUCCESS, ("InvoiceRead",))
