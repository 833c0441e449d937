"""What is granted in one mock, and the asynchronous operations that grant and revoke.

Which of them is right is decided in `rules`; here the facts are gathered and the outcome is kept. An
operation under /permissions is accepted first (100) and judged when its delay has passed, by what holds
then. The outcome and all that it changes are one commit: of several processes that find an operation due
one carries it out.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from functools import partial

import msgspec

from ksef_mock.clock import SECOND, Clock, Instant
from ksef_mock.core.codes import ChangeStatus, Code
from ksef_mock.core.environment import DAY
from ksef_mock.core.errors import BadRequest, Gone
from ksef_mock.core.fault import Hold
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.references import Kind, issued_at, new_reference
from ksef_mock.core.waiting import Delay
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.permissions import admission
from ksef_mock.ksef.permissions import rules as decisions
from ksef_mock.ksef.permissions.admission import Decision, identifiers_of
from ksef_mock.ksef.permissions.changes import CHANGES, Change, decide, is_due, poll
from ksef_mock.ksef.permissions.grants import GRANTS, EuEntity, Grant, GrantKind, SubjectDetails
from ksef_mock.ksef.permissions.rules import Facts, Judgement
from ksef_mock.ksef.subjects.subjects import Person, Subjects
from ksef_mock.state.paging import Page, members, members_of, page
from ksef_mock.state.store import Delete, Get, Index, Insert, Need, Store, Swap, Table, Unindex, Write
from ksef_mock.state.update import committed, placed, put, update

#: How long the status of an operation can be asked for, in seconds (OpenAPI: 30 days); after that 410.
STATUS_LIFETIME = 30 * DAY

_NAMESPACE = uuid.UUID("6f1f5a55-9b3c-4b8e-9b58-6c5bd0a1f0d3")


class Block(msgspec.Struct, frozen=True):
    """A context in which nobody can log in."""

    at: Instant


BLOCKS: Table[Block] = Table("blocked-context", Block)
EU_ENTITIES: Table[EuEntity] = Table("eu-entity", EuEntity)

_NO_HOLD = Hold()
_WAITING = "permissions-operations-waiting"


class Permissions:
    """Grants, the operations on them, and blocked contexts of one mock."""

    def __init__(self, store: Store, clock: Clock, subjects: Subjects, delay: Delay | None = None) -> None:
        """`delay`: how long an operation waits until it is carried out."""
        self._store = store
        self._clock = clock
        self._subjects = subjects
        self._delay = delay or Delay()

    # -- logins -------------------------------------------------------------------------------------------

    async def admit(self, subject: Identifier, context: Identifier) -> Decision:
        """Whether `subject` may log in to `context` now, and with which permissions."""
        await self._catch_up()
        return await self._admit(subject, context)

    async def admit_token(
        self, author: Identifier, context: Identifier, permissions: Sequence[str]
    ) -> Decision:
        """Whether a KSeF token that `author` made with `permissions` opens `context` now."""
        await self._catch_up()
        return await self._admit_token(author, context, permissions)

    def needs(self, subject: Identifier, context: Identifier) -> Sequence[Need]:
        """What `admit`, `admit_token` and `roles_in` read of a subject known by no other identifier."""
        return (
            members_of(_WAITING),
            *self._subjects.needs(subject),
            *self._subjects.needs(context),
            members_of(_held_in(subject, context)),
            members_of(_held_in(subject, None)),
            Get(BLOCKS, str(context)),
        )

    async def _admit(self, subject: Identifier, context: Identifier) -> Decision:
        person = await self._subjects.person(subject)
        granted = await self._granted(subject, context, person)
        return admission.decide(
            subject, context, person=person, granted=granted, blocked=await self.is_blocked(context)
        )

    async def _admit_token(
        self, author: Identifier, context: Identifier, permissions: Sequence[str]
    ) -> Decision:
        person = await self._subjects.person(author)
        owns = admission.owns(author, context, person)
        granted = () if owns else await self._granted(author, context, person)
        return admission.decide_for_token(
            author,
            context,
            permissions,
            person=person,
            granted=granted,
            blocked=await self.is_blocked(context),
        )

    async def _granted(
        self, subject: Identifier, context: Identifier, person: Person | None
    ) -> Sequence[str]:
        """The permissions that any identifier of the subject has in the context."""
        granted: list[str] = []
        for identifier in identifiers_of(subject, person):
            for index in (_held_in(identifier, context), _held_in(identifier, None)):
                for grant in await self._listed(index):
                    delegations = await self._delegations_in(grant, context)
                    if admission.opens(grant, context, delegations):
                        granted.append(grant.permission)
        return granted

    async def _delegations_in(self, grant: Grant, context: Identifier) -> set[tuple[Identifier, str]]:
        if grant.kind is not GrantKind.INDIRECT:
            return set()
        return _delegated(await self._listed(_held_in(grant.origin, context)))

    async def roles_in(self, context: Identifier) -> tuple[str, ...]:
        """The roles of whoever has the NIP of the context: claims of access tokens."""
        nip = context.nip if context.type == "Nip" else None
        return () if nip is None else tuple(held.role for held in await self._subjects.roles(nip))

    # -- operations that grant and revoke -------------------------------------------------------------------

    async def request(
        self,
        actor: Actor,
        grants: Sequence[Grant] = (),
        *,
        revokes: str | None = None,
        authorizations: bool = False,
        ends: ChangeStatus | None = None,
        hold: Hold = _NO_HOLD,
    ) -> Change:
        """Start an operation: make `grants`, all or none, or take back the grant with the id `revokes`.

        Args:
            authorizations: whether it is one of those that the grant to be revoked must be among.
            ends: a failure that is arranged for it, whatever it deserves.
            hold: how much longer than others it waits.

        Raises:
            Forbidden: insufficient-resource-access, the grant is not the actor's to revoke.
        """
        await self._catch_up()
        if revokes is not None:
            grant = await self._revocable(revokes, authorizations)
            if grant is not None:
                decisions.require_revocation(actor, grant)
        now = self._clock.now()
        change = Change(
            reference=new_reference(Kind.PERMISSIONS, now),
            context=actor.context,
            author=actor.subject,
            permissions=actor.permissions,
            token=actor.token,
            grants=tuple(grants),
            revokes=revokes,
            authorizations=authorizations,
            ends=ends,
            started_at=now,
            wait=self._delay.begin(now).held(hold.polls, hold.seconds),
        )
        expires_at = _forgotten_at(change)
        if not is_due(change, now):
            await self._store.commit(
                Insert(CHANGES, change.reference, change, expires_at),
                Index(_WAITING, change.reference, now, expires_at),
            )
            return change

        async def carried_out() -> tuple[Change, Sequence[Write]]:
            done, effects = await self._judged(change)
            return done, (Insert(CHANGES, done.reference, done, expires_at), *effects)

        return await committed(self._store, carried_out)

    async def poll(self, reference: str, actor: Actor) -> Change:
        """The operation as a status poll sees it. A poll that finds it waiting uses up one of the delay's.

        Raises:
            BadRequest: 21405, no such operation.
            Forbidden: insufficient-resource-access, somebody else's.
            Gone: it was started more than 30 days ago.
        """
        await self._catch_up()
        change = await self._store.get(CHANGES, reference)
        started_at = change.started_at if change else issued_at(reference, Kind.PERMISSIONS)
        if started_at is not None and self._clock.now() >= started_at + STATUS_LIFETIME * SECOND:
            raise Gone(reason=f"operation {reference} was started more than 30 days ago")
        if change is None:
            raise BadRequest(
                Code.VALIDATION, f"Operacja o numerze referencyjnym {reference} nie została znaleziona."
            )
        decisions.require_own_change(actor, change.context, change.author)
        polled = await update(
            self._store,
            CHANGES,
            reference,
            lambda found: poll(found, self._clock.now()),
            known=change,
            expires_at=_forgotten_at,
        )
        return polled or change

    async def _catch_up(self) -> None:
        """Carry out what is due, the oldest first: permissions must not depend on somebody polling.

        Whether anything waits the store alone knows: another process, or one that has ended since, may have
        been told to delay what this one carries out at once.
        """
        for reference in reversed(await members(self._store, _WAITING)):
            await committed(self._store, partial(self._carried_out, reference))

    async def _carried_out(self, reference: str) -> tuple[None, Sequence[Write]]:
        change = await self._store.get(CHANGES, reference)
        if change is None or not is_due(change, self._clock.now()):
            return None, ()
        done, effects = await self._judged(change)
        settled = Swap(CHANGES, reference, change, done, _forgotten_at(change))
        return None, (settled, Unindex(_WAITING, reference), *effects)

    async def _judged(self, change: Change) -> tuple[Change, list[Write]]:
        """The operation with its outcome, and the writes that this outcome consists in."""
        effects: list[Write] = []
        if change.ends not in (None, ChangeStatus.SUCCESS):
            judgement = Judgement(change.ends, "a fault ends it")
        elif change.revokes is not None:
            grant = await self._revocable(change.revokes, change.authorizations)
            judgement = decisions.judge_revocation(grant, Facts(await self._author(change)))
            if grant is not None and judgement.status is ChangeStatus.SUCCESS:
                effects = _removal(grant)
        else:
            judgement = await self._judge_grants(change)
            if judgement.status is ChangeStatus.SUCCESS:
                effects = await self._addition(change.grants)
        return decide(change, judgement), effects

    async def _judge_grants(self, change: Change) -> Judgement:
        """All or none: the first grant that cannot be made decides."""
        facts = await self._facts(change)
        judgements = [decisions.judge_grant(grant, facts) for grant in change.grants]
        wrong = next((each for each in judgements if each.status is not ChangeStatus.SUCCESS), None)
        return wrong or Judgement(
            ChangeStatus.SUCCESS, "; ".join(judgement.reason for judgement in judgements)
        )

    async def _author(self, change: Change) -> Actor:
        """The author with the permissions that are left."""
        if change.token is None:
            decision = await self._admit(change.author, change.context)
        else:
            decision = await self._admit_token(change.author, change.context, change.permissions)
        identities = frozenset((change.author,))
        return Actor(change.context, change.author, identities, decision.permissions, change.token)

    async def _facts(self, change: Change) -> Facts:
        first = change.grants[0]
        authorized = await self._subjects.person(first.authorized)
        nip = change.context.nip
        roles = () if nip is None else await self._subjects.roles(nip)
        units = () if nip is None else await self._subjects.subordinate_roles(nip)
        return Facts(
            await self._author(change),
            frozenset(held.role for held in roles),
            frozenset(held.nip for held in units),
            authorized is not None and authorized.is_deceased,
        )

    async def _addition(self, grants: Sequence[Grant]) -> list[Write]:
        """The writes that make those of the grants that are not there yet."""
        entity, context = grants[0].eu_entity, grants[0].context
        writes: list[Write] = []
        if context is not None and context.type == "NipVatUe":
            known = await self._store.get(EU_ENTITIES, str(context))
            if entity is None:
                entity = known
            elif known != entity:
                writes.append(placed(EU_ENTITIES, str(context), known, entity, None))
        now = self._clock.now()
        for grant in grants:
            if await self._store.get(GRANTS, grant.id) is None:
                writes += _insertion(msgspec.structs.replace(grant, eu_entity=entity, granted_at=now))
        return writes

    async def _revocable(self, grant_id: str, authorizations: bool) -> Grant | None:
        grant = await self._store.get(GRANTS, grant_id)
        if grant is None or (grant.kind is GrantKind.AUTHORIZATION) is not authorizations:
            return None
        return grant

    # -- grants -------------------------------------------------------------------------------------------

    async def grant(
        self,
        context: Identifier,
        authorized: Identifier,
        permission: str,
        *,
        description: str,
        author: Identifier | None = None,
    ) -> Grant:
        """Let `authorized` do something in `context`; the earlier grant if there is the same one already."""
        kind = GrantKind.EU_ENTITY if context.type == "NipVatUe" else GrantKind.PERSON
        return await self._add(
            new_grant(
                kind,
                context,
                authorized,
                permission,
                context=context,
                description=description,
                author=author,
                granted_at=self._clock.now(),
            )
        )

    async def revoke(self, grant: Grant) -> bool:
        """Take a permission back; False if it was taken before."""
        return await self._store.commit(*_removal(grant))

    async def revoke_all(self, authorized: Identifier, context: Identifier | None = None) -> None:
        """Take back everything that `authorized` holds, in one context or in all."""
        for grant in await self.held(authorized, context):
            await self.revoke(grant)

    async def held(self, authorized: Identifier, context: Identifier | None = None) -> Sequence[Grant]:
        """What exactly this identifier holds in one context or in all, the oldest grant first."""
        await self._catch_up()
        return await self._listed(_held_by(authorized) if context is None else _held_in(authorized, context))

    async def granted_in(self, context: Identifier) -> Sequence[Grant]:
        """Everything that anybody holds in the context, the oldest grant first."""
        await self._catch_up()
        return await self._listed(_given_in(context))

    async def granted_from(self, origin: Identifier) -> Sequence[Grant]:
        """Everything that was granted by somebody logged in to the context, the oldest grant first."""
        await self._catch_up()
        return await self._listed(_given_from(origin))

    async def contexts(self, size: int, continuation: str | None) -> Page[Identifier]:
        """A page of the contexts in which somebody holds something, the latest grant first.

        Raises:
            BadRequest: 21418, the continuation token is not one of ours.
        """
        await self._catch_up()

        async def shown(context: str) -> Identifier | None:
            identifier = Identifier(*context.split(":", 1))
            return identifier if await self._store.newest(_given_in(identifier), 1) else None

        return await page(self._store, _CONTEXTS, size, continuation, shown)

    async def of_context(self, context: Identifier, size: int, continuation: str | None) -> Page[Grant]:
        """A page of what anybody holds in the context, the latest grant first.

        Raises:
            BadRequest: 21418, the continuation token is not one of ours.
        """
        await self._catch_up()

        async def shown(grant_id: str) -> Grant | None:
            return await self._store.get(GRANTS, grant_id)

        return await page(self._store, _given_in(context), size, continuation, shown)

    async def find(self, grant_id: str) -> Grant | None:
        """The grant with this id."""
        return await self._store.get(GRANTS, grant_id)

    async def delegations(self, entity: Identifier) -> set[tuple[Identifier, str]]:
        """What the entity may pass on to persons: contexts of its clients with the permission."""
        return _delegated(await self._listed(_held_by(entity)))

    async def _add(self, grant: Grant) -> Grant:
        while not await self._store.commit(*_insertion(grant)):
            known = await self._store.get(GRANTS, grant.id)
            if known is not None:
                return known
        return grant

    # -- blocked contexts ---------------------------------------------------------------------------------

    async def block(self, context: Identifier) -> None:
        """Nobody can log in to the context from now on."""
        block = Block(self._clock.now())
        await put(self._store, BLOCKS, str(context), lambda known: known or block)

    async def unblock(self, context: Identifier) -> None:
        """Logins to the context are possible again."""
        await self._store.delete(BLOCKS, str(context))

    async def is_blocked(self, context: Identifier) -> bool:
        return await self._store.get(BLOCKS, str(context)) is not None

    async def _listed(self, index: str) -> Sequence[Grant]:
        listed = await members(self._store, index)
        if not listed:
            return ()
        await self._store.prefetch(*(Get(GRANTS, member) for member in listed))
        found = [await self._store.get(GRANTS, member) for member in reversed(listed)]
        return [grant for grant in found if grant is not None]


def new_grant(
    kind: GrantKind,
    origin: Identifier,
    authorized: Identifier,
    permission: str,
    *,
    context: Identifier | None,
    description: str,
    author: Identifier | None,
    granted_at: Instant,
    can_delegate: bool = False,
    details: SubjectDetails | None = None,
    subunit_name: str | None = None,
    eu_entity: EuEntity | None = None,
) -> Grant:
    """A grant with the id that belongs to it: the same one, made again, has the same id."""
    identity = (kind, origin, context, authorized, permission, author, can_delegate)
    return Grant(
        id=str(uuid.uuid5(_NAMESPACE, "\n".join(map(str, identity)))),
        kind=kind,
        origin=origin,
        context=context,
        authorized=authorized,
        permission=permission,
        description=description,
        author=author,
        granted_at=granted_at,
        can_delegate=can_delegate,
        details=details,
        subunit_name=subunit_name,
        eu_entity=eu_entity,
    )


def _delegated(grants: Iterable[Grant]) -> set[tuple[Identifier, str]]:
    return {
        (grant.context, grant.permission)
        for grant in grants
        if grant.kind is GrantKind.ENTITY and grant.can_delegate and grant.context is not None
    }


def _insertion(grant: Grant) -> list[Write]:
    listed = [Index(index, grant.id, grant.granted_at, None) for index in _indexes_of(grant)]
    if grant.context is not None:
        listed.append(Index(_CONTEXTS, str(grant.context), grant.granted_at, None))
    return [Insert(GRANTS, grant.id, grant, None), *listed]


def _removal(grant: Grant) -> list[Write]:
    return [Delete(GRANTS, grant.id), *(Unindex(index, grant.id) for index in _indexes_of(grant))]


def _forgotten_at(change: Change) -> Instant:
    return change.started_at + STATUS_LIFETIME * SECOND


def _indexes_of(grant: Grant) -> tuple[str, ...]:
    authorized, context = grant.authorized, grant.context
    indexes = (_held_in(authorized, context), _held_by(authorized), _given_from(grant.origin))
    return indexes if context is None else (*indexes, _given_in(context))


def _held_in(authorized: Identifier, context: Identifier | None) -> str:
    return f"grants:{authorized}:{context or '*'}"


def _held_by(authorized: Identifier) -> str:
    return f"grants-of:{authorized}"


#: Index of the contexts in which something was granted.
_CONTEXTS = "grants-contexts"


def _given_in(context: Identifier) -> str:
    return f"grants-in:{context}"


def _given_from(origin: Identifier) -> str:
    return f"grants-from:{origin}"
