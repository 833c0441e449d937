from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from ksef_mock.clock import Clock
from ksef_mock.core.codes import SUCCESS, Status, StatusDetail
from ksef_mock.core.identifiers import Identifier
from ksef_mock.ksef.permissions.admission import Decision, decide, decide_for_token
from ksef_mock.ksef.permissions.permissions import Permissions
from ksef_mock.ksef.subjects.subjects import Person, Subjects
from ksef_mock.state import MemoryStore

T = TypeVar("T")

NIP, OTHER_NIP, PESEL = "5265877635", "8432123452", "90010112349"
OWN = Identifier("Nip", NIP)
OTHER = Identifier("Nip", OTHER_NIP)
BY_PESEL = Identifier("Pesel", PESEL)
BY_FINGERPRINT = Identifier("Fingerprint", "AB" * 32)
INTERNAL = Identifier("InternalId", f"{NIP}-12345")
COMPOUND = Identifier("NipVatUe", f"{NIP}-DE123456789")
PEPPOL = Identifier("PeppolId", "PPL123456")

PERSON = Person(nip=NIP, pesel=PESEL, description="Anna Nowak", created_at=0)
BAILIFF = Person(nip=NIP, pesel=PESEL, description="Komornik", created_at=0, is_bailiff=True)
DECEASED = Person(nip=NIP, pesel=PESEL, description="Zmarła", created_at=0, is_deceased=True)

READ = ("InvoiceRead",)
NOTHING: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("subject", "context", "person", "granted", "permissions"),
    [
        # The owner rule: NIP X in the context of NIP X.
        (OWN, OWN, None, NOTHING, ("Owner",)),
        (OWN, OTHER, None, NOTHING, None),
        (OTHER, OWN, None, NOTHING, None),
        # A PESEL owns nothing, unless a registered person joins it to a NIP.
        (BY_PESEL, OWN, None, NOTHING, None),
        (BY_PESEL, OWN, PERSON, NOTHING, ("Owner",)),
        (OWN, OWN, PERSON, NOTHING, ("Owner",)),
        (BY_PESEL, OTHER, PERSON, NOTHING, None),
        # A fingerprint owns nothing, whosoever's it is.
        (BY_FINGERPRINT, OWN, None, NOTHING, None),
        # Nor does a NIP own the contexts beside its own.
        (OWN, INTERNAL, None, NOTHING, None),
        (OWN, COMPOUND, None, NOTHING, None),
        # A grant opens any context.
        (OTHER, OWN, None, READ, READ),
        (BY_PESEL, OWN, None, READ, READ),
        (BY_FINGERPRINT, OWN, None, READ, READ),
        (BY_FINGERPRINT, COMPOUND, None, READ, READ),
        (OWN, INTERNAL, None, READ, READ),
        # Each permission once, the owner's first.
        (OTHER, OWN, None, ("InvoiceRead", "InvoiceWrite", "InvoiceRead"), ("InvoiceRead", "InvoiceWrite")),
        (OWN, OWN, None, READ, ("Owner", "InvoiceRead")),
        # A bailiff has the enforcement permission at home only.
        (OWN, OWN, BAILIFF, NOTHING, ("Owner", "EnforcementOperations")),
        (BY_PESEL, OWN, BAILIFF, ("EnforcementOperations",), ("Owner", "EnforcementOperations")),
        (BY_PESEL, OTHER, BAILIFF, NOTHING, None),
        (BY_PESEL, OTHER, BAILIFF, READ, READ),
    ],
)
def test_who_may_log_in_where(
    subject: Identifier,
    context: Identifier,
    person: Person | None,
    granted: tuple[str, ...],
    permissions: tuple[str, ...] | None,
) -> None:
    decision = decide(subject, context, person=person, granted=granted)
    if permissions is None:
        assert (decision.verdict.status, decision.verdict.detail) == (
            Status.NO_PERMISSIONS,
            StatusDetail.NO_PERMISSIONS,
        )
        assert decision.permissions == ()
    else:
        assert (decision.verdict, decision.permissions) == (SUCCESS, permissions)


@pytest.mark.parametrize(
    ("person", "granted", "blocked", "status", "detail"),
    [
        (DECEASED, NOTHING, False, Status.DECEASED, StatusDetail.DECEASED),
        (DECEASED, READ, False, Status.DECEASED, StatusDetail.DECEASED),
        (PERSON, READ, True, Status.BLOCKED, StatusDetail.BLOCKED),
        (DECEASED, READ, True, Status.BLOCKED, StatusDetail.BLOCKED),
        (None, NOTHING, True, Status.BLOCKED, StatusDetail.BLOCKED),
    ],
)
def test_what_counts_more_than_permissions(
    person: Person | None, granted: tuple[str, ...], blocked: bool, status: Status, detail: StatusDetail
) -> None:
    decision = decide(OWN, OWN, person=person, granted=granted, blocked=blocked)
    assert (decision.verdict.status, decision.verdict.detail) == (status, detail)
    assert decision.permissions == ()


class World:
    """What a story in one mock can use."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.freeze()
        self.store = MemoryStore(self.clock)
        self.subjects = Subjects(self.store, self.clock)
        self.permissions = Permissions(self.store, self.clock, self.subjects)

    async def may(self, subject: Identifier, context: Identifier) -> tuple[str, ...]:
        decision: Decision = await self.permissions.admit(subject, context)
        return decision.permissions


def told(story: Callable[[World], Awaitable[T]]) -> T:
    async def run() -> T:
        return await story(World())

    return asyncio.run(run())


def test_grants_open_one_context_to_one_identifier_until_they_are_revoked() -> None:
    async def story(world: World) -> None:
        grant = await world.permissions.grant(OWN, BY_PESEL, "InvoiceRead", description="reads")
        await world.permissions.grant(OWN, BY_PESEL, "InvoiceWrite", description="writes")
        assert await world.may(BY_PESEL, OWN) == ("InvoiceRead", "InvoiceWrite")
        assert await world.may(BY_PESEL, OTHER) == ()
        assert await world.may(BY_FINGERPRINT, OWN) == ()
        assert await world.permissions.revoke(grant) is True
        assert await world.permissions.revoke(grant) is False
        assert await world.may(BY_PESEL, OWN) == ("InvoiceWrite",)

    told(story)


def test_grants_to_nip_and_pesel_of_a_person_add_up() -> None:
    async def story(world: World) -> None:
        await world.subjects.create_person(NIP, PESEL, description="Anna Nowak")
        await world.permissions.grant(OTHER, OWN, "InvoiceRead", description="reads")
        await world.permissions.grant(OTHER, BY_PESEL, "InvoiceWrite", description="writes")
        for identifier in (OWN, BY_PESEL):
            assert await world.may(identifier, OTHER) == ("InvoiceRead", "InvoiceWrite")

    told(story)


def test_granting_the_same_again_changes_nothing() -> None:
    async def story(world: World) -> None:
        first = await world.permissions.grant(OWN, BY_PESEL, "InvoiceRead", description="first")
        world.clock.advance(60)
        again = await world.permissions.grant(OWN, BY_PESEL, "InvoiceRead", description="second")
        assert again == first
        by_other = await world.permissions.grant(
            OWN, BY_PESEL, "InvoiceRead", description="other author", author=OWN
        )
        assert by_other.id != first.id
        assert await world.permissions.held(BY_PESEL, OWN) == [first, by_other]

    told(story)


def test_revoking_everything_of_one_leaves_the_others_alone() -> None:
    async def story(world: World) -> None:
        for context in (OWN, OTHER):
            for authorized in (BY_PESEL, BY_FINGERPRINT):
                await world.permissions.grant(context, authorized, "InvoiceRead", description="reads")
        await world.permissions.revoke_all(BY_PESEL, OWN)
        assert await world.may(BY_PESEL, OWN) == ()
        assert await world.may(BY_PESEL, OTHER) == READ
        assert await world.may(BY_FINGERPRINT, OWN) == READ
        await world.permissions.revoke_all(BY_FINGERPRINT)
        assert await world.may(BY_FINGERPRINT, OWN) == await world.may(BY_FINGERPRINT, OTHER) == ()
        assert [grant.authorized for grant in await world.permissions.granted_in(OTHER)] == [BY_PESEL]

    told(story)


def test_lists_are_complete_and_in_order_beyond_one_page() -> None:
    async def story(world: World) -> None:
        grants = []
        for number in range(250):
            world.clock.advance(1)
            context = Identifier("Nip", f"{5_200_000_000 + number}")
            grants.append(
                await world.permissions.grant(context, BY_PESEL, "InvoiceRead", description="reads")
            )
        assert await world.permissions.held(BY_PESEL) == grants

    told(story)


def test_revoked_grants_leave_nothing_behind_but_their_context_once() -> None:
    async def story(world: World) -> None:
        before = len(world.store)
        for _ in range(3):
            await world.permissions.grant(OWN, BY_PESEL, "InvoiceRead", description="reads")
            await world.permissions.revoke_all(BY_PESEL)
        # Who looks for grants looks through the contexts that have had some.
        assert len(world.store) == before + 1

    told(story)


def test_a_block_closes_exactly_one_context_until_it_is_lifted() -> None:
    async def story(world: World) -> None:
        await world.permissions.block(OWN)
        await world.permissions.block(OWN)
        assert (await world.permissions.admit(OWN, OWN)).verdict.status is Status.BLOCKED
        assert (await world.permissions.admit(OTHER, OTHER)).verdict == SUCCESS
        assert not await world.permissions.is_blocked(INTERNAL)
        await world.permissions.unblock(OWN)
        await world.permissions.unblock(OWN)
        assert (await world.permissions.admit(OWN, OWN)).verdict == SUCCESS

    told(story)


def test_a_deceased_person_is_known_by_both_identifiers() -> None:
    async def story(world: World) -> None:
        await world.subjects.create_person(NIP, PESEL, description="Zmarła", is_deceased=True)
        for identifier in (OWN, BY_PESEL):
            assert (await world.permissions.admit(identifier, OWN)).verdict.status is Status.DECEASED
        assert (await world.permissions.admit(OTHER, OTHER)).verdict == SUCCESS

    told(story)


@pytest.mark.parametrize(
    ("author", "context", "person", "granted", "permissions"),
    [
        # The owner's tokens keep what they were made with, beside the own context too.
        (OWN, OWN, None, NOTHING, ("InvoiceRead", "InvoiceWrite")),
        (OWN, INTERNAL, None, NOTHING, ("InvoiceRead", "InvoiceWrite")),
        (BY_PESEL, OWN, PERSON, NOTHING, ("InvoiceRead", "InvoiceWrite")),
        (PEPPOL, PEPPOL, None, NOTHING, ("InvoiceRead", "InvoiceWrite")),
        # Anybody else's are as good as what their author still holds.
        (OTHER, OWN, None, ("InvoiceWrite", "InvoiceRead"), ("InvoiceRead", "InvoiceWrite")),
        (OTHER, OWN, None, READ, ("InvoiceRead",)),
        (OTHER, OWN, None, ("CredentialsRead",), None),
        (OTHER, OWN, None, NOTHING, None),
        (BY_PESEL, OWN, None, NOTHING, None),
    ],
)
def test_token_can_do_no_more_than_its_author(
    author: Identifier,
    context: Identifier,
    person: Person | None,
    granted: tuple[str, ...],
    permissions: tuple[str, ...] | None,
) -> None:
    decision = decide_for_token(
        author, context, ("InvoiceRead", "InvoiceWrite"), person=person, granted=granted
    )
    if permissions is None:
        assert (decision.verdict.status, decision.permissions) == (Status.NO_PERMISSIONS, ())
    else:
        assert (decision.verdict, decision.permissions) == (SUCCESS, permissions)


@pytest.mark.parametrize(
    ("person", "blocked", "status"),
    [
        (DECEASED, False, Status.DECEASED),
        (None, True, Status.BLOCKED),
        (DECEASED, True, Status.BLOCKED),
    ],
)
def test_token_opens_nothing_for_the_deceased_and_in_a_blocked_context(
    person: Person | None, blocked: bool, status: Status
) -> None:
    decision = decide_for_token(OWN, OWN, READ, person=person, blocked=blocked)
    assert (decision.verdict.status, decision.permissions) == (status, ())
