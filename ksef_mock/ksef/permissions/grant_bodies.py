"""Requests that grant permissions and the status of the operation, named as in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Annotated, TypeAlias

import msgspec

from ksef_mock.clock import Instant
from ksef_mock.core.bodies import Body, IdentifierBody, StatusInfo, choice, identifier
from ksef_mock.core.codes import CHANGE_STATUS_DESCRIPTIONS, CHANGE_STATUS_DETAILS
from ksef_mock.core.countries import COUNTRY_CODES
from ksef_mock.core.identifiers import Identifier, has_check_digit
from ksef_mock.core.validation import CONDITION, INTERNAL_ID_CHECKSUM, NOT_EMPTY, Broken
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.permissions import grants
from ksef_mock.ksef.permissions.changes import Change
from ksef_mock.ksef.permissions.grants import EuEntity, Grant, GrantKind, SubjectDetails
from ksef_mock.ksef.permissions.permissions import new_grant
from ksef_mock.ksef.permissions.rules import GRANTING

Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=5, max_length=256)]
FirstName: TypeAlias = Annotated[str, msgspec.Meta(min_length=2, max_length=30)]
LastName: TypeAlias = Annotated[str, msgspec.Meta(min_length=2, max_length=81)]
UpTo20: TypeAlias = Annotated[str, msgspec.Meta(max_length=20)]
UpTo100: TypeAlias = Annotated[str, msgspec.Meta(max_length=100)]
UpTo512: TypeAlias = Annotated[str, msgspec.Meta(max_length=512)]

#: The document's schema of each kind's permissions.
_PERMISSION_TYPES = {
    GrantKind.PERSON: "PersonPermissionType",
    GrantKind.ENTITY: "EntityPermissionType",
    GrantKind.AUTHORIZATION: "EntityAuthorizationPermissionType",
    GrantKind.INDIRECT: "IndirectPermissionType",
    GrantKind.EU_ENTITY: "EuEntityPermissionType",
}

#: Types of identifiers by which persons are authorized.
PERSONS = ("Nip", "Pesel", "Fingerprint")
#: Types of the clients of an indirect grant.
TARGETS = ("Nip", "AllPartners", "InternalId")

Country: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}\Z")]


def _permission(kind: GrantKind) -> msgspec.Meta:
    return choice(_PERMISSION_TYPES[kind], GRANTING[kind].permissions)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A well-formed request for permissions. `grants` are (permission, whether it may be passed on)."""

    kind: GrantKind
    authorized: Identifier
    grants: tuple[tuple[str, bool], ...]
    #: Where they shall hold. None: in the context of the login; for an indirect grant, with all clients.
    context: Identifier | None = None
    description: str
    details: SubjectDetails
    subunit_name: str | None = None
    eu_entity: EuEntity | None = None

    def by(self, actor: Actor, now: Instant) -> tuple[Grant, ...]:
        """The grants that `actor` asks for at the moment `now`."""
        context = self.context
        if context is None and self.kind is not GrantKind.INDIRECT:
            context = actor.context
        return tuple(
            new_grant(
                self.kind,
                actor.context,
                self.authorized,
                permission,
                context=context,
                description=self.description,
                author=actor.subject,
                granted_at=now,
                can_delegate=can_delegate,
                details=self.details,
                subunit_name=self.subunit_name,
                eu_entity=self.eu_entity,
            )
            for permission, can_delegate in self.grants
        )


class IdDocument(Body):
    """OpenAPI: IdDocument."""

    type: UpTo20
    number: UpTo20
    country: Country

    def rules(self) -> Iterator[Broken]:
        if self.country not in COUNTRY_CODES:
            yield Broken("country", CONDITION)


class PersonDetails(Body):
    """OpenAPI: PersonDetails."""

    first_name: FirstName
    last_name: LastName


class PersonByFingerprintWithIdentifierDetails(Body):
    """OpenAPI: PersonByFingerprintWithIdentifierDetails."""

    first_name: FirstName
    last_name: LastName
    identifier: Annotated[IdentifierBody, identifier("PersonIdentifier", "Pesel", "Nip")]


class PersonByFingerprintWithoutIdentifierDetails(Body):
    """OpenAPI: PersonByFingerprintWithoutIdentifierDetails."""

    first_name: FirstName
    last_name: LastName
    birth_date: date
    id_document: IdDocument


class EntityByFingerprintDetails(Body):
    """OpenAPI: EntityByFingerprintDetails, EuEntityDetails."""

    full_name: UpTo100
    address: UpTo512


class EntityDetails(Body):
    """OpenAPI: EntityDetails."""

    full_name: Annotated[str, msgspec.Meta(min_length=5, max_length=90)]


#: The member that a type of details needs.
_NEEDED = {
    "PersonByIdentifier": ("person_by_id", "personById"),
    "PersonByFingerprintWithIdentifier": ("person_by_fp_with_id", "personByFpWithId"),
    "PersonByFingerprintWithoutIdentifier": ("person_by_fp_no_id", "personByFpNoId"),
    "EntityByFingerprint": ("entity_by_fp", "entityByFp"),
}


class _Details(Body, kw_only=True):
    subject_details_type: str

    def rules(self) -> Iterator[Broken]:
        attribute, name = _NEEDED[self.subject_details_type]
        if getattr(self, attribute) is None:
            yield Broken(name, NOT_EMPTY)


class _FingerprintDetails(_Details, kw_only=True):
    person_by_fp_with_id: PersonByFingerprintWithIdentifierDetails | None = None
    person_by_fp_no_id: PersonByFingerprintWithoutIdentifierDetails | None = None

    def of_fingerprint(self, kind: str) -> SubjectDetails:
        """The person whose certificate has no identifier of KSeF's."""
        if kind == "PersonByFingerprintWithIdentifier":
            known = self.person_by_fp_with_id
            assert known is not None  # by the rules
            return SubjectDetails(
                type=kind,
                first_name=known.first_name,
                last_name=known.last_name,
                identifier=known.identifier.identifier,
            )
        unknown = self.person_by_fp_no_id
        assert unknown is not None
        document = unknown.id_document
        return SubjectDetails(
            type=kind,
            first_name=unknown.first_name,
            last_name=unknown.last_name,
            birth_date=unknown.birth_date.isoformat(),
            id_document=grants.IdDocument(document.type, document.number, document.country),
        )


class PersonPermissionSubjectDetails(_FingerprintDetails, kw_only=True):
    """OpenAPI: PersonPermissionSubjectDetails."""

    subject_details_type: Annotated[str, choice("PersonPermissionSubjectDetailsType", tuple(_NEEDED)[:3])]
    person_by_id: PersonDetails | None = None

    def details(self) -> SubjectDetails:
        """The person as grants keep it."""
        kind, person = self.subject_details_type, self.person_by_id
        if kind != "PersonByIdentifier":
            return self.of_fingerprint(kind)
        assert person is not None
        return SubjectDetails(type=kind, first_name=person.first_name, last_name=person.last_name)


class EuEntityPermissionSubjectDetails(_FingerprintDetails, kw_only=True):
    """OpenAPI: EuEntityPermissionSubjectDetails."""

    subject_details_type: Annotated[str, choice("EuEntityPermissionSubjectDetailsType", tuple(_NEEDED)[1:])]
    entity_by_fp: EntityByFingerprintDetails | None = None

    def details(self) -> SubjectDetails:
        """The person or the firm as grants keep it."""
        kind, entity = self.subject_details_type, self.entity_by_fp
        if kind != "EntityByFingerprint":
            return self.of_fingerprint(kind)
        assert entity is not None
        return SubjectDetails(type=kind, full_name=entity.full_name, address=entity.address)


class GrantRequest(Body):
    """What the requests that grant have in common."""

    def order(self) -> Order:
        """What is asked for."""
        raise NotImplementedError


class PersonPermissionsGrantRequest(GrantRequest):
    """OpenAPI: PersonPermissionsGrantRequest."""

    subject_identifier: Annotated[IdentifierBody, identifier("PersonPermissionsSubjectIdentifier", *PERSONS)]
    permissions: Annotated[list[Annotated[str, _permission(GrantKind.PERSON)]], msgspec.Meta(min_length=1)]
    description: Text
    subject_details: PersonPermissionSubjectDetails

    def rules(self) -> Iterator[Broken]:
        yield from _details_fit(self.subject_details, self.subject_identifier)
        yield from _repeated(self.permissions)

    def order(self) -> Order:
        authorized = self.subject_identifier.identifier
        return Order(
            kind=GrantKind.PERSON,
            authorized=authorized,
            grants=_not_passed_on(self.permissions),
            description=self.description,
            details=self.subject_details.details(),
        )


class EntityPermission(Body):
    """OpenAPI: EntityPermission."""

    type: Annotated[str, _permission(GrantKind.ENTITY)]
    can_delegate: bool = False


class EntityPermissionsGrantRequest(GrantRequest):
    """OpenAPI: EntityPermissionsGrantRequest."""

    subject_identifier: Annotated[IdentifierBody, identifier("EntityPermissionsSubjectIdentifier", "Nip")]
    permissions: Annotated[list[EntityPermission], msgspec.Meta(min_length=1)]
    description: Text
    subject_details: EntityDetails

    def rules(self) -> Iterator[Broken]:
        yield from _repeated([permission.type for permission in self.permissions], ".type")

    def order(self) -> Order:
        return Order(
            kind=GrantKind.ENTITY,
            authorized=self.subject_identifier.identifier,
            grants=tuple((permission.type, permission.can_delegate) for permission in self.permissions),
            description=self.description,
            details=_entity(self.subject_details),
        )


class EntityAuthorizationPermissionsGrantRequest(GrantRequest):
    """OpenAPI: EntityAuthorizationPermissionsGrantRequest."""

    subject_identifier: Annotated[
        IdentifierBody, identifier("EntityAuthorizationPermissionsSubjectIdentifier", "Nip", "PeppolId")
    ]
    permission: Annotated[str, _permission(GrantKind.AUTHORIZATION)]
    description: Text
    subject_details: EntityDetails

    def order(self) -> Order:
        return Order(
            kind=GrantKind.AUTHORIZATION,
            authorized=self.subject_identifier.identifier,
            grants=((self.permission, False),),
            description=self.description,
            details=_entity(self.subject_details),
        )


class IndirectPermissionsGrantRequest(GrantRequest):
    """OpenAPI: IndirectPermissionsGrantRequest."""

    subject_identifier: Annotated[
        IdentifierBody, identifier("IndirectPermissionsSubjectIdentifier", *PERSONS)
    ]
    permissions: Annotated[list[Annotated[str, _permission(GrantKind.INDIRECT)]], msgspec.Meta(min_length=1)]
    description: Text
    subject_details: PersonPermissionSubjectDetails
    target_identifier: (
        Annotated[IdentifierBody, identifier("IndirectPermissionsTargetIdentifier", *TARGETS)] | None
    ) = None

    def rules(self) -> Iterator[Broken]:
        yield from _details_fit(self.subject_details, self.subject_identifier)
        yield from _repeated(self.permissions)

    def order(self) -> Order:
        authorized = self.subject_identifier.identifier
        target = self.target_identifier
        return Order(
            kind=GrantKind.INDIRECT,
            authorized=authorized,
            context=None if target is None else target_of(target),
            grants=_not_passed_on(self.permissions),
            description=self.description,
            details=self.subject_details.details(),
        )


class SubunitPermissionsGrantRequest(GrantRequest):
    """OpenAPI: SubunitPermissionsGrantRequest."""

    subject_identifier: Annotated[IdentifierBody, identifier("SubunitPermissionsSubjectIdentifier", *PERSONS)]
    context_identifier: Annotated[
        IdentifierBody, identifier("SubunitPermissionsContextIdentifier", "InternalId", "Nip")
    ]
    description: Text
    subject_details: PersonPermissionSubjectDetails
    subunit_name: Text | None = None

    def rules(self) -> Iterator[Broken]:
        yield from _details_fit(self.subject_details, self.subject_identifier)
        unit = self.context_identifier.identifier
        if unit.type == "InternalId":
            if not has_check_digit(unit.value):
                yield Broken("contextIdentifier.value", INTERNAL_ID_CHECKSUM)
            if self.subunit_name is None:
                yield Broken("subunitName", NOT_EMPTY)

    def order(self) -> Order:
        authorized = self.subject_identifier.identifier
        return Order(
            kind=GrantKind.SUBUNIT,
            authorized=authorized,
            context=self.context_identifier.identifier,
            grants=_all(GrantKind.SUBUNIT),
            description=self.description,
            details=self.subject_details.details(),
            subunit_name=self.subunit_name,
        )


class EuEntityAdministrationPermissionsGrantRequest(GrantRequest):
    """OpenAPI: EuEntityAdministrationPermissionsGrantRequest."""

    subject_identifier: Annotated[
        IdentifierBody, identifier("EuEntityAdministrationPermissionsSubjectIdentifier", "Fingerprint")
    ]
    context_identifier: Annotated[
        IdentifierBody, identifier("EuEntityAdministrationPermissionsContextIdentifier", "NipVatUe")
    ]
    description: Text
    eu_entity_name: Text
    subject_details: EuEntityPermissionSubjectDetails
    eu_entity_details: EntityByFingerprintDetails

    def order(self) -> Order:
        entity = self.eu_entity_details
        return Order(
            kind=GrantKind.EU_ADMINISTRATION,
            authorized=self.subject_identifier.identifier,
            context=self.context_identifier.identifier,
            grants=_all(GrantKind.EU_ADMINISTRATION),
            description=self.description,
            details=self.subject_details.details(),
            eu_entity=EuEntity(self.eu_entity_name, entity.full_name, entity.address),
        )


class EuEntityPermissionsGrantRequest(GrantRequest):
    """OpenAPI: EuEntityPermissionsGrantRequest."""

    subject_identifier: Annotated[
        IdentifierBody, identifier("EuEntityPermissionsSubjectIdentifier", "Fingerprint")
    ]
    permissions: Annotated[list[Annotated[str, _permission(GrantKind.EU_ENTITY)]], msgspec.Meta(min_length=1)]
    description: Text
    subject_details: EuEntityPermissionSubjectDetails

    def rules(self) -> Iterator[Broken]:
        yield from _repeated(self.permissions)

    def order(self) -> Order:
        return Order(
            kind=GrantKind.EU_ENTITY,
            authorized=self.subject_identifier.identifier,
            grants=_not_passed_on(self.permissions),
            description=self.description,
            details=self.subject_details.details(),
        )


class PermissionsOperationResponse(Body):
    """OpenAPI: PermissionsOperationResponse."""

    reference_number: str


class PermissionsOperationStatusResponse(Body):
    """OpenAPI: PermissionsOperationStatusResponse."""

    status: StatusInfo

    @classmethod
    def of(cls, change: Change) -> PermissionsOperationStatusResponse:
        detail = CHANGE_STATUS_DETAILS.get(change.status)
        return cls(
            StatusInfo(
                int(change.status), CHANGE_STATUS_DESCRIPTIONS[change.status], [detail] if detail else None
            )
        )


def target_of(target: IdentifierBody) -> Identifier | None:
    """The client of an indirect grant; None for all of them (AllPartners, which has no value)."""
    return None if target.type == "AllPartners" else target.identifier


def _details_fit(details: PersonPermissionSubjectDetails, authorized: IdentifierBody) -> Iterator[Broken]:
    by_identifier = details.subject_details_type == "PersonByIdentifier"
    if by_identifier is (authorized.type == "Fingerprint"):
        yield Broken("subjectDetails.subjectDetailsType", CONDITION)


def _repeated(names: Sequence[str], member: str = "") -> Iterator[Broken]:
    seen: set[str] = set()
    for position, name in enumerate(names):
        if name in seen:
            yield Broken(f"permissions[{position}]{member}", CONDITION)
        seen.add(name)


def _not_passed_on(names: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    return tuple((name, False) for name in names)


def _all(kind: GrantKind) -> tuple[tuple[str, bool], ...]:
    return tuple((name, False) for name in GRANTING[kind].permissions)


def _entity(details: EntityDetails) -> SubjectDetails:
    return SubjectDetails(type="EntityByIdentifier", full_name=details.full_name)
