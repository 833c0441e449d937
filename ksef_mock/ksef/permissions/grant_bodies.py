"""Requests that grant permissions and the status of the operation, named as in the OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal, TypeAlias

import msgspec

from ksef_mock.clock import Instant
from ksef_mock.core.bodies import Body, IdentifierBody, StatusInfo, invalid
from ksef_mock.core.codes import CHANGE_STATUS_DESCRIPTIONS, CHANGE_STATUS_DETAILS
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.identifiers import (
    Identifier,
    has_check_digit,
)
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.permissions import grants
from ksef_mock.ksef.permissions.grants import EuEntity, Grant, GrantKind, SubjectDetails
from ksef_mock.ksef.permissions.permissions import Change, new_grant
from ksef_mock.ksef.permissions.rules import GRANTING

Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=5, max_length=256)]
FirstName: TypeAlias = Annotated[str, msgspec.Meta(min_length=2, max_length=30)]
LastName: TypeAlias = Annotated[str, msgspec.Meta(min_length=2, max_length=81)]
UpTo20: TypeAlias = Annotated[str, msgspec.Meta(max_length=20)]
UpTo100: TypeAlias = Annotated[str, msgspec.Meta(max_length=100)]
UpTo512: TypeAlias = Annotated[str, msgspec.Meta(max_length=512)]

#: Types of identifiers by which persons are authorized.
PERSONS = ("Nip", "Pesel", "Fingerprint")

_COUNTRY = re.compile(r"[A-Z]{2}")


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
    country: str


class PersonDetails(Body):
    """OpenAPI: PersonDetails."""

    first_name: FirstName
    last_name: LastName


class PersonByFingerprintWithIdentifierDetails(Body):
    """OpenAPI: PersonByFingerprintWithIdentifierDetails."""

    first_name: FirstName
    last_name: LastName
    identifier: IdentifierBody


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


class _FingerprintDetails(Body, kw_only=True):
    person_by_fp_with_id: PersonByFingerprintWithIdentifierDetails | None = None
    person_by_fp_no_id: PersonByFingerprintWithoutIdentifierDetails | None = None

    def of_fingerprint(self, kind: str) -> SubjectDetails:
        """The person whose certificate has no identifier of KSeF's."""
        if kind == "PersonByFingerprintWithIdentifier":
            known = self.person_by_fp_with_id
            if known is None:
                raise _needed("personByFpWithId", kind)
            return SubjectDetails(
                type=kind,
                first_name=known.first_name,
                last_name=known.last_name,
                identifier=known.identifier.checked(
                    "subjectDetails.personByFpWithId.identifier", ("Pesel", "Nip")
                ),
            )
        unknown = self.person_by_fp_no_id
        if unknown is None:
            raise _needed("personByFpNoId", kind)
        document = unknown.id_document
        if _COUNTRY.fullmatch(document.country) is None:
            raise invalid(
                "subjectDetails.personByFpNoId.idDocument.country", "wymagane są dwie wielkie litery"
            )
        return SubjectDetails(
            type=kind,
            first_name=unknown.first_name,
            last_name=unknown.last_name,
            birth_date=unknown.birth_date.isoformat(),
            id_document=grants.IdDocument(document.type, document.number, document.country),
        )


class PersonPermissionSubjectDetails(_FingerprintDetails, kw_only=True):
    """OpenAPI: PersonPermissionSubjectDetails."""

    subject_details_type: Literal[
        "PersonByIdentifier", "PersonByFingerprintWithIdentifier", "PersonByFingerprintWithoutIdentifier"
    ]
    person_by_id: PersonDetails | None = None

    def checked(self, authorized: Identifier) -> SubjectDetails:
        """
        Raises:
            BadRequest: 21405, what the type needs is absent, or the type is not for such an identifier.
        """
        kind = self.subject_details_type
        if (kind == "PersonByIdentifier") is (authorized.type == "Fingerprint"):
            raise invalid(
                "subjectDetails.subjectDetailsType", f"niedozwolona dla identyfikatora {authorized.type}"
            )
        if kind != "PersonByIdentifier":
            return self.of_fingerprint(kind)
        if self.person_by_id is None:
            raise _needed("personById", kind)
        return SubjectDetails(
            type=kind, first_name=self.person_by_id.first_name, last_name=self.person_by_id.last_name
        )


class EuEntityPermissionSubjectDetails(_FingerprintDetails, kw_only=True):
    """OpenAPI: EuEntityPermissionSubjectDetails."""

    subject_details_type: Literal[
        "PersonByFingerprintWithIdentifier", "PersonByFingerprintWithoutIdentifier", "EntityByFingerprint"
    ]
    entity_by_fp: EntityByFingerprintDetails | None = None

    def checked(self) -> SubjectDetails:
        """
        Raises:
            BadRequest: 21405, what the type needs is absent.
        """
        kind = self.subject_details_type
        if kind != "EntityByFingerprint":
            return self.of_fingerprint(kind)
        if self.entity_by_fp is None:
            raise _needed("entityByFp", kind)
        return SubjectDetails(
            type=kind, full_name=self.entity_by_fp.full_name, address=self.entity_by_fp.address
        )


class GrantRequest(Body):
    """What the requests that grant have in common."""

    def checked(self) -> Order:
        """
        Raises:
            BadRequest: 21405 naming the field that is wrong.
        """
        raise NotImplementedError


class PersonPermissionsGrantRequest(GrantRequest):
    """OpenAPI: PersonPermissionsGrantRequest."""

    subject_identifier: IdentifierBody
    permissions: list[str]
    description: Text
    subject_details: PersonPermissionSubjectDetails

    def checked(self) -> Order:
        authorized = self.subject_identifier.checked("subjectIdentifier", PERSONS)
        return Order(
            kind=GrantKind.PERSON,
            authorized=authorized,
            grants=_permissions(GrantKind.PERSON, self.permissions),
            description=self.description,
            details=self.subject_details.checked(authorized),
        )


class EntityPermission(Body):
    """OpenAPI: EntityPermission."""

    type: str
    can_delegate: bool = False


class EntityPermissionsGrantRequest(GrantRequest):
    """OpenAPI: EntityPermissionsGrantRequest."""

    subject_identifier: IdentifierBody
    permissions: list[EntityPermission]
    description: Text
    subject_details: EntityDetails

    def checked(self) -> Order:
        named = _permissions(GrantKind.ENTITY, [permission.type for permission in self.permissions])
        return Order(
            kind=GrantKind.ENTITY,
            authorized=self.subject_identifier.checked("subjectIdentifier", ("Nip",)),
            grants=tuple(
                (name, permission.can_delegate)
                for (name, _), permission in zip(named, self.permissions, strict=True)
            ),
            description=self.description,
            details=_entity(self.subject_details),
        )


class EntityAuthorizationPermissionsGrantRequest(GrantRequest):
    """OpenAPI: EntityAuthorizationPermissionsGrantRequest."""

    subject_identifier: IdentifierBody
    permission: str
    description: Text
    subject_details: EntityDetails

    def checked(self) -> Order:
        allowed = GRANTING[GrantKind.AUTHORIZATION].permissions
        if self.permission not in allowed:
            raise invalid("permission", f"dozwolone wartości: {', '.join(allowed)}")
        return Order(
            kind=GrantKind.AUTHORIZATION,
            authorized=self.subject_identifier.checked("subjectIdentifier", ("Nip", "PeppolId")),
            grants=((self.permission, False),),
            description=self.description,
            details=_entity(self.subject_details),
        )


class IndirectPermissionsGrantRequest(GrantRequest):
    """OpenAPI: IndirectPermissionsGrantRequest."""

    subject_identifier: IdentifierBody
    permissions: list[str]
    description: Text
    subject_details: PersonPermissionSubjectDetails
    target_identifier: IdentifierBody | None = None

    def checked(self) -> Order:
        authorized = self.subject_identifier.checked("subjectIdentifier", PERSONS)
        target = self.target_identifier
        return Order(
            kind=GrantKind.INDIRECT,
            authorized=authorized,
            context=None if target is None else checked_target(target),
            grants=_permissions(GrantKind.INDIRECT, self.permissions),
            description=self.description,
            details=self.subject_details.checked(authorized),
        )


class SubunitPermissionsGrantRequest(GrantRequest):
    """OpenAPI: SubunitPermissionsGrantRequest."""

    subject_identifier: IdentifierBody
    context_identifier: IdentifierBody
    description: Text
    subject_details: PersonPermissionSubjectDetails
    subunit_name: Text | None = None

    def checked(self) -> Order:
        authorized = self.subject_identifier.checked("subjectIdentifier", PERSONS)
        context = self.context_identifier.checked("contextIdentifier", ("InternalId", "Nip"))
        if context.type == "InternalId":
            if not has_check_digit(context.value):
                raise invalid("contextIdentifier.value", "nieprawidłowa suma kontrolna")
            if self.subunit_name is None:
                raise invalid("subunitName", "wartość jest wymagana dla identyfikatora wewnętrznego")
        return Order(
            kind=GrantKind.SUBUNIT,
            authorized=authorized,
            context=context,
            grants=_all(GrantKind.SUBUNIT),
            description=self.description,
            details=self.subject_details.checked(authorized),
            subunit_name=self.subunit_name,
        )


class EuEntityAdministrationPermissionsGrantRequest(GrantRequest):
    """OpenAPI: EuEntityAdministrationPermissionsGrantRequest."""

    subject_identifier: IdentifierBody
    context_identifier: IdentifierBody
    description: Text
    eu_entity_name: Text
    subject_details: EuEntityPermissionSubjectDetails
    eu_entity_details: EntityByFingerprintDetails

    def checked(self) -> Order:
        entity = self.eu_entity_details
        return Order(
            kind=GrantKind.EU_ADMINISTRATION,
            authorized=self.subject_identifier.checked("subjectIdentifier", ("Fingerprint",)),
            context=self.context_identifier.checked("contextIdentifier", ("NipVatUe",)),
            grants=_all(GrantKind.EU_ADMINISTRATION),
            description=self.description,
            details=self.subject_details.checked(),
            eu_entity=EuEntity(self.eu_entity_name, entity.full_name, entity.address),
        )


class EuEntityPermissionsGrantRequest(GrantRequest):
    """OpenAPI: EuEntityPermissionsGrantRequest."""

    subject_identifier: IdentifierBody
    permissions: list[str]
    description: Text
    subject_details: EuEntityPermissionSubjectDetails

    def checked(self) -> Order:
        return Order(
            kind=GrantKind.EU_ENTITY,
            authorized=self.subject_identifier.checked("subjectIdentifier", ("Fingerprint",)),
            grants=_permissions(GrantKind.EU_ENTITY, self.permissions),
            description=self.description,
            details=self.subject_details.checked(),
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


def checked_target(target: IdentifierBody) -> Identifier | None:
    """The client of an indirect grant; None for all of them (AllPartners, which has no value).

    Raises:
        BadRequest: 21405 naming the part that is wrong.
    """
    if target.type != "AllPartners":
        return target.checked("targetIdentifier", ("Nip", "AllPartners", "InternalId"))
    if target.value:
        raise invalid("targetIdentifier.value", "wartość musi być pusta dla typu AllPartners")
    return None


def _permissions(kind: GrantKind, names: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    allowed = GRANTING[kind].permissions
    if not names:
        raise invalid("permissions", "wymagane jest co najmniej jedno uprawnienie")
    for position, name in enumerate(names):
        if name not in allowed:
            raise invalid(f"permissions[{position}]", f"dozwolone wartości: {', '.join(allowed)}")
        if name in names[:position]:
            raise invalid(f"permissions[{position}]", "wartość może wystąpić tylko raz")
    return tuple((name, False) for name in names)


def _all(kind: GrantKind) -> tuple[tuple[str, bool], ...]:
    return tuple((name, False) for name in GRANTING[kind].permissions)


def _entity(details: EntityDetails) -> SubjectDetails:
    return SubjectDetails(type="EntityByIdentifier", full_name=details.full_name)


def _needed(field: str, kind: str) -> BadRequest:
    return invalid(f"subjectDetails.{field}", f"wartość jest wymagana dla {kind}")
