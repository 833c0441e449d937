"""Whom the simulated KSeF knows: persons with a NIP and a PESEL, VAT groups, local government, bailiffs.

Source: OpenAPI /testdata/person and /testdata/subject. What is removed can be made again, but not with a
creation date that is not later than the one before; so a removed record stays, marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from ksef_mock.clock import Clock, Instant, iso
from ksef_mock.core.bodies import invalid
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.validation import CONDITION, EMPTY
from ksef_mock.state.store import Delete, Get, Insert, Need, Store, Swap, Table, Write
from ksef_mock.state.update import committed, placed


class SubjectType(StrEnum):
    """OpenAPI: SubjectType."""

    ENFORCEMENT_AUTHORITY = "EnforcementAuthority"
    VAT_GROUP = "VatGroup"
    JST = "JST"


class Role(StrEnum):
    """OpenAPI: EntityRoleType."""

    COURT_BAILIFF = "CourtBailiff"
    ENFORCEMENT_AUTHORITY = "EnforcementAuthority"
    LOCAL_GOVERNMENT_UNIT = "LocalGovernmentUnit"
    LOCAL_GOVERNMENT_SUB_UNIT = "LocalGovernmentSubUnit"
    VAT_GROUP_UNIT = "VatGroupUnit"
    VAT_GROUP_SUB_UNIT = "VatGroupSubUnit"


_ROLES = {
    SubjectType.ENFORCEMENT_AUTHORITY: Role.ENFORCEMENT_AUTHORITY,
    SubjectType.VAT_GROUP: Role.VAT_GROUP_UNIT,
    SubjectType.JST: Role.LOCAL_GOVERNMENT_UNIT,
}

_SUB_UNIT_ROLES = {
    SubjectType.VAT_GROUP: Role.VAT_GROUP_SUB_UNIT,
    SubjectType.JST: Role.LOCAL_GOVERNMENT_SUB_UNIT,
}


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A natural person; NIP and PESEL name the same one."""

    nip: str
    pesel: str
    description: str
    is_bailiff: bool = False
    is_deceased: bool = False
    created_at: Instant
    removed: bool = False


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation with a role, or a unit below one: then `parent` is its NIP, `role` that of the unit."""

    nip: str
    role: Role
    description: str
    subunits: tuple[str, ...] = ()
    parent: str | None = None
    created_at: Instant
    removed: bool = False


class HeldRole(NamedTuple):
    """A role of somebody; `parent` is the NIP of the organisation above."""

    nip: str
    role: Role
    description: str
    since: Instant
    parent: str | None = None


class _PersonKey(msgspec.Struct, frozen=True):
    """Leads from a PESEL to the NIP."""

    nip: str


PERSONS: Table[Person] = Table("person", Person)
SUBJECTS: Table[Subject] = Table("subject", Subject)
_PESELS: Table[_PersonKey] = Table("person-by-pesel", _PersonKey)


class SubUnit(msgspec.Struct, frozen=True):
    """A unit to be made along with its parent."""

    nip: str
    description: str


class Subjects:
    """The persons and organisations of one mock."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def create_person(
        self,
        nip: str,
        pesel: str,
        *,
        description: str,
        is_bailiff: bool = False,
        is_deceased: bool = False,
        created_at: Instant | None = None,
    ) -> Person:
        """A new person, created now unless told otherwise.

        Raises:
            BadRequest: 30001, NIP or PESEL is a known person's; 21405, the date is not later than before.
        """
        person = Person(
            nip=nip,
            pesel=pesel,
            description=description,
            is_bailiff=is_bailiff,
            is_deceased=is_deceased,
            created_at=self._clock.now() if created_at is None else created_at,
        )
        former = await self._store.get(PERSONS, nip)
        _require_free(former, created_at)
        if not await self._store.commit(
            Insert(_PESELS, pesel, _PersonKey(nip), None), placed(PERSONS, nip, former, person, None)
        ):
            if await self._store.get(_PESELS, pesel) is not None:
                raise BadRequest(Code.ALREADY_EXISTS, reason=f"PESEL {pesel} is a known person's")
            raise _exists(nip)
        return person

    async def remove_person(self, nip: str) -> Person | None:
        """Forget a person; None if there was none."""
        person = await self._store.get(PERSONS, nip)
        if person is None or person.removed:
            return None
        removed = msgspec.structs.replace(person, removed=True)
        done = await self._store.commit(
            Swap(PERSONS, nip, person, removed, None), Delete(_PESELS, person.pesel)
        )
        return person if done else None

    async def person(self, identifier: Identifier) -> Person | None:
        """The person whom a Nip or a Pesel names."""
        nip = identifier.value
        if identifier.type == "Pesel":
            entry = await self._store.get(_PESELS, identifier.value)
            if entry is None:
                return None
            nip = entry.nip
        elif identifier.type != "Nip":
            return None
        person = await self._store.get(PERSONS, nip)
        return None if person is None or person.removed else person

    @staticmethod
    def needs(identifier: Identifier) -> Sequence[Need]:
        """What `person` and, for a NIP, `roles` read."""
        if identifier.type == "Pesel":
            return (Get(_PESELS, identifier.value),)
        if identifier.type != "Nip":
            return ()
        return (Get(PERSONS, identifier.value), Get(SUBJECTS, identifier.value))

    async def create_subject(
        self,
        nip: str,
        kind: SubjectType,
        *,
        description: str,
        subunits: Sequence[SubUnit] = (),
        created_at: Instant | None = None,
    ) -> Subject:
        """A new organisation with its units, created now unless told otherwise.

        Raises:
            BadRequest: 30001, one of the NIPs is a known organisation's; 21405, the kind has no units, a NIP
                occurs twice, or a date is not later than before.
        """
        nips = tuple(unit.nip for unit in subunits)
        if nips and kind not in _SUB_UNIT_ROLES:
            raise invalid("subunits", EMPTY, f"subunits: {kind} has none")
        if len({nip, *nips}) <= len(nips):
            raise invalid("subunits", CONDITION, "subunits: a NIP occurs twice")
        moment = self._clock.now() if created_at is None else created_at
        subject = Subject(
            nip=nip, role=_ROLES[kind], description=description, subunits=nips, created_at=moment
        )
        units = [
            Subject(
                nip=unit.nip,
                role=_SUB_UNIT_ROLES[kind],
                description=unit.description,
                parent=nip,
                created_at=moment,
            )
            for unit in subunits
        ]
        created = [subject, *units]
        former = [await self._store.get(SUBJECTS, each.nip) for each in created]
        for known in former:
            _require_free(known, created_at)
        if not await self._store.commit(
            *(placed(SUBJECTS, new.nip, known, new, None) for known, new in zip(former, created, strict=True))
        ):
            raise _exists(nip)
        return subject

    async def remove_subject(self, nip: str) -> None:
        """Forget an organisation and its units; nothing happens if there is none."""

        async def removed() -> tuple[None, Sequence[Write]]:
            subject = await self.subject(nip)
            if subject is None:
                return None, ()
            units = [await self.subject(unit) for unit in subject.subunits]
            leaving = [subject, *(unit for unit in units if unit is not None and unit.parent == nip)]
            return None, [
                Swap(SUBJECTS, each.nip, each, msgspec.structs.replace(each, removed=True), None)
                for each in leaving
            ]

        await committed(self._store, removed)

    async def subject(self, nip: str) -> Subject | None:
        """The organisation with this NIP."""
        subject = await self._store.get(SUBJECTS, nip)
        return None if subject is None or subject.removed else subject

    async def roles(self, nip: str) -> tuple[HeldRole, ...]:
        """The roles of whoever has this NIP, the latest first."""
        roles: list[HeldRole] = []
        person = await self.person(Identifier("Nip", nip))
        if person is not None and person.is_bailiff:
            roles.append(HeldRole(nip, Role.COURT_BAILIFF, person.description, person.created_at))
        subject = await self.subject(nip)
        if subject is not None:
            roles.append(_role_of(subject))
        return tuple(sorted(roles, key=lambda role: -role.since))

    async def subordinate_roles(self, nip: str) -> tuple[HeldRole, ...]:
        """The roles of the units below the organisation with this NIP, the latest first."""
        parent = await self.subject(nip)
        units = [] if parent is None else [await self.subject(unit) for unit in parent.subunits]
        roles = [_role_of(unit) for unit in units if unit is not None]
        return tuple(sorted(roles, key=lambda role: (-role.since, role.nip)))


def _role_of(subject: Subject) -> HeldRole:
    return HeldRole(subject.nip, subject.role, subject.description, subject.created_at, subject.parent)


def _require_free(former: Person | Subject | None, created_at: Instant | None) -> None:
    if former is None:
        return
    if not former.removed:
        raise _exists(former.nip)
    # OpenAPI: createdDate must not be the former one's or earlier.
    if created_at is not None and created_at <= former.created_at:
        raise invalid("createdDate", CONDITION, f"createdDate: not later than {iso(former.created_at)}")


def _exists(nip: str) -> BadRequest:
    return BadRequest(Code.ALREADY_EXISTS, reason=f"NIP {nip} is known already")
