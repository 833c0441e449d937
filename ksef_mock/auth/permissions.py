"""Who may log in where, and with which permissions: the one place where that is decided.

Sources: OpenAPI status codes 415, 470, 480; /testdata/permissions, /testdata/context/block; the documented
owner rule: whoever proves to be NIP X is the owner in the context of NIP X, anybody else needs a permission.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from ksef_mock.auth.operation import SUCCESS, Verdict
from ksef_mock.auth.subjects import Person, Subjects
from ksef_mock.clock import Clock, Instant
from ksef_mock.errors import Status, StatusDetail
from ksef_mock.identifiers import Identifier
from ksef_mock.state.store import Store, Table

#: The permission of an owner, in the claim `per` (seen on TEST).
OWNER = "Owner"

#: What a bailiff has on top of it (OpenAPI: /testdata/person).
_BAILIFF = "EnforcementOperations"

_PAGE = 100
_NAMESPACE = uuid.UUID("6f1f5a55-9b3c-4b8e-9b58-6c5bd0a1f0d3")


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """One permission of somebody in a context. Granted again by the same author it stays the same grant."""

    #: A UUID.
    id: str
    context: Identifier
    authorized: Identifier
    permission: str
    description: str
    #: None: granted by nobody within KSeF, as test data.
    author: Identifier | None = None
    granted_at: Instant


class Block(msgspec.Struct, frozen=True):
    """A context in which nobody can log in."""

    at: Instant


GRANTS: Table[Grant] = Table("grant", Grant)
BLOCKS: Table[Block] = Table("blocked-context", Block)


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of a login as far as permissions go. Without success there are none."""

    verdict: Verdict
    #: In English, for the report and the journal.
    reason: str
    permissions: tuple[str, ...] = ()


def decide(
    subject: Identifier,
    context: Identifier,
    *,
    person: Person | None = None,
    granted: Iterable[str] = (),
    blocked: bool = False,
) -> Decision:
    """The rule itself.

    Args:
        person: the registered person whom `subject` names.
        granted: permissions granted in the context to any identifier of the subject.
        blocked: whether the context is blocked.
    """
    if blocked:
        return Decision(Verdict(Status.BLOCKED, StatusDetail.BLOCKED), f"the context {context} is blocked")
    if person is not None and person.is_deceased:
        return Decision(
            Verdict(Status.DECEASED, StatusDetail.DECEASED), f"{subject} is a deceased person's identifier"
        )
    # In order of appearance, each once.
    permissions = dict.fromkeys(granted)
    owner = context.type == "Nip" and context in identifiers_of(subject, person)
    if owner:
        by_role = [_BAILIFF] if person is not None and person.is_bailiff else []
        permissions = dict.fromkeys([OWNER, *by_role, *permissions])
    if not permissions:
        return Decision(
            Verdict(Status.NO_PERMISSIONS, StatusDetail.NO_PERMISSIONS),
            f"{subject} is not the owner of {context} and has been granted nothing there",
        )
    return Decision(SUCCESS, f"{subject} in {context}: {', '.join(permissions)}", tuple(permissions))


def decide_for_token(
    author: Identifier,
    context: Identifier,
    permissions: Sequence[str],
    *,
    person: Person | None = None,
    granted: Iterable[str] = (),
    blocked: bool = False,
) -> Decision:
    """The rule for a KSeF token: it can do no more than its author can do now.

    Args:
        permissions: those that the token was made with.
        person, granted, blocked: as in `decide`, of the author.
    """
    if blocked or (person is not None and person.is_deceased):
        return decide(author, context, person=person, blocked=blocked)
    # A token was made inside of its context, unlike a certificate: what belongs to a NIP is its own here.
    nip = context.nip
    owners = {context} if nip is None else {context, Identifier("Nip", nip)}
    if owners.intersection(identifiers_of(author, person)):
        left = tuple(permissions)
    else:
        held = set(granted)
        left = tuple(permission for permission in permissions if permission in held)
    if not left:
        return Decision(
            Verdict(Status.NO_PERMISSIONS, StatusDetail.NO_PERMISSIONS),
            f"{author}, the token's author, holds none of its permissions in {context}",
        )
    return Decision(SUCCESS, f"a token of {author} in {context}: {', '.join(left)}", left)


def identifiers_of(subject: Identifier, person: Person | None) -> tuple[Identifier, ...]:
    """Everything that names the subject: NIP and PESEL of a registered person are the same person."""
    if person is None:
        return (subject,)
    return (Identifier("Nip", person.nip), Identifier("Pesel", person.pesel))


class Permissions:
    """Grants and blocked contexts of one mock, and the decisions that follow from them."""

    def __init__(self, store: Store, clock: Clock, subjects: Subjects) -> None:
        self._store = store
        self._clock = clock
        self._subjects = subjects

    async def admit(self, subject: Identifier, context: Identifier) -> Decision:
        """Whether `subject` may log in to `context` now, and with which permissions."""
        person, granted = await self._standing(subject, context)
        return decide(
            subject, context, person=person, granted=granted, blocked=await self.is_blocked(context)
        )

    async def admit_token(
        self, author: Identifier, context: Identifier, permissions: Sequence[str]
    ) -> Decision:
        """Whether a KSeF token that `author` made with `permissions` opens `context` now."""
        person, granted = await self._standing(author, context)
        return decide_for_token(
            author,
            context,
            permissions,
            person=person,
            granted=granted,
            blocked=await self.is_blocked(context),
        )

    async def _standing(
        self, subject: Identifier, context: Identifier
    ) -> tuple[Person | None, Sequence[str]]:
        person = await self._subjects.person(subject)
        granted: list[str] = []
        for identifier in identifiers_of(subject, person):
            granted += [grant.permission for grant in await self.held(identifier, context)]
        return person, granted

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
        identity = "\n".join((str(context), str(authorized), permission, str(author)))
        grant = Grant(
            id=str(uuid.uuid5(_NAMESPACE, identity)),
            context=context,
            authorized=authorized,
            permission=permission,
            description=description,
            author=author,
            granted_at=self._clock.now(),
        )
        while not await self._store.insert(GRANTS, grant.id, grant, None):
            known = await self._store.get(GRANTS, grant.id)
            if known is not None:
                return known
        for index in _indexes_of(grant):
            await self._store.index(index, grant.id, grant.granted_at, None)
        return grant

    async def revoke(self, grant: Grant) -> bool:
        """Take a permission back; False if it was taken before."""
        for index in _indexes_of(grant):
            await self._store.unindex(index, grant.id)
        return await self._store.delete(GRANTS, grant.id)

    async def revoke_all(self, authorized: Identifier, context: Identifier | None = None) -> None:
        """Take back everything that `authorized` holds, in one context or in all."""
        for grant in await self.held(authorized, context):
            await self.revoke(grant)

    async def held(self, authorized: Identifier, context: Identifier | None = None) -> Sequence[Grant]:
        """What exactly this identifier holds in one context or in all, the oldest grant first."""
        return await self._listed(_held_by(authorized) if context is None else _held_in(authorized, context))

    async def granted_in(self, context: Identifier) -> Sequence[Grant]:
        """Everything that anybody holds in the context, the oldest grant first."""
        return await self._listed(_given_in(context))

    async def block(self, context: Identifier) -> None:
        """Nobody can log in to the context from now on."""
        await self._store.insert(BLOCKS, str(context), Block(self._clock.now()), None)

    async def unblock(self, context: Identifier) -> None:
        """Logins to the context are possible again."""
        await self._store.delete(BLOCKS, str(context))

    async def is_blocked(self, context: Identifier) -> bool:
        return await self._store.get(BLOCKS, str(context)) is not None

    async def _listed(self, index: str) -> Sequence[Grant]:
        found: list[Grant] = []
        cursor: tuple[Instant, str] | None = None
        while entries := await self._store.newest(index, _PAGE, before=cursor):
            for _, member in entries:
                grant = await self._store.get(GRANTS, member)
                if grant is not None:
                    found.append(grant)
            cursor = entries[-1]
        found.reverse()
        return found


def _indexes_of(grant: Grant) -> tuple[str, ...]:
    authorized, context = grant.authorized, grant.context
    return (_held_in(authorized, context), _held_by(authorized), _given_in(context))


def _held_in(authorized: Identifier, context: Identifier) -> str:
    return f"grants:{authorized}:{context}"


def _held_by(authorized: Identifier) -> str:
    return f"grants-of:{authorized}"


def _given_in(context: Identifier) -> str:
    return f"grants-in:{context}"
