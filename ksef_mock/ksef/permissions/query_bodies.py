"""Bodies and filters of /permissions/query/*/grants, named as in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from ksef_mock.clock import iso
from ksef_mock.core.bodies import Body, IdentifierBody, TypedIdentifier, invalid
from ksef_mock.core.identifiers import VAT_UE_PATTERN, Identifier
from ksef_mock.core.permissions import VAT_UE_MANAGE
from ksef_mock.ksef.permissions.grant_bodies import PERSONS, IdDocument, checked_target
from ksef_mock.ksef.permissions.grants import Grant, GrantKind, SubjectDetails
from ksef_mock.ksef.permissions.rules import GRANTING

#: Whether a grant satisfies the filters; the second argument tells whether it is active.
Matches: TypeAlias = Callable[[Grant, bool], bool]

_CONTEXTS = ("Nip", "InternalId")
_PERSONAL = (*GRANTING[GrantKind.PERSON].permissions, VAT_UE_MANAGE)
_STATES: dict[str | None, tuple[bool, ...]] = {None: (True, False), "Active": (True,), "Inactive": (False,)}


# -- requests ---------------------------------------------------------------------------------------------


class PersonalPermissionsQueryRequest(Body):
    """OpenAPI: PersonalPermissionsQueryRequest."""

    context_identifier: IdentifierBody | None = None
    target_identifier: IdentifierBody | None = None
    permission_types: list[str] | None = None
    permission_state: Literal["Active", "Inactive"] | None = None

    def checked(self) -> Matches:
        """
        Raises:
            BadRequest: 21405 naming the field that is wrong.
        """
        client = _optional("contextIdentifier", self.context_identifier, _CONTEXTS)
        targets = _target(self.target_identifier)
        types = _types(self.permission_types, _PERSONAL)
        states = _STATES[self.permission_state]

        def matches(grant: Grant, active: bool) -> bool:
            return (
                (client is None or (grant.kind is GrantKind.ENTITY and grant.context == client))
                and targets(grant)
                and (types is None or grant.permission in types)
                and active in states
            )

        return matches


class PersonPermissionsQueryRequest(Body):
    """OpenAPI: PersonPermissionsQueryRequest."""

    query_type: Literal["PermissionsInCurrentContext", "PermissionsGrantedInCurrentContext"]
    author_identifier: IdentifierBody | None = None
    authorized_identifier: IdentifierBody | None = None
    context_identifier: IdentifierBody | None = None
    target_identifier: IdentifierBody | None = None
    permission_types: list[str] | None = None
    permission_state: Literal["Active", "Inactive"] | None = None

    @property
    def granted(self) -> bool:
        """Whether it asks for what the caller has granted, instead of for what is in force."""
        return self.query_type == "PermissionsGrantedInCurrentContext"

    def checked(self) -> Matches:
        """
        Raises:
            BadRequest: 21405 naming the field that is wrong.
        """
        by_author = _author(self.author_identifier)
        authorized = _optional("authorizedIdentifier", self.authorized_identifier, PERSONS)
        unit = _optional("contextIdentifier", self.context_identifier, _CONTEXTS)
        targets = _target(self.target_identifier)
        types = _types(self.permission_types, GRANTING[GrantKind.PERSON].permissions)
        states = _STATES[self.permission_state]

        def matches(grant: Grant, active: bool) -> bool:
            return (
                by_author(grant)
                and authorized in (None, grant.authorized)
                and (unit is None or (grant.kind is GrantKind.SUBUNIT and grant.context == unit))
                and targets(grant)
                and (types is None or grant.permission in types)
                and active in states
            )

        return matches


class SubunitPermissionsQueryRequest(Body):
    """OpenAPI: SubunitPermissionsQueryRequest."""

    subunit_identifier: IdentifierBody | None = None

    def checked(self) -> Identifier | None:
        """The sub-unit to look for; None for all.

        Raises:
            BadRequest: 21405 naming the part that is wrong.
        """
        return _optional("subunitIdentifier", self.subunit_identifier, ("InternalId", "Nip"))


class EntityPermissionsQueryRequest(Body):
    """OpenAPI: EntityPermissionsQueryRequest."""

    context_identifier: IdentifierBody | None = None

    def checked(self) -> Identifier | None:
        """Whose permissions to look for; None for everybody's.

        Raises:
            BadRequest: 21405 naming the part that is wrong.
        """
        return _optional("contextIdentifier", self.context_identifier, _CONTEXTS)


class EntityAuthorizationPermissionsQueryRequest(Body):
    """OpenAPI: EntityAuthorizationPermissionsQueryRequest."""

    query_type: Literal["Granted", "Received"]
    authorizing_identifier: IdentifierBody | None = None
    authorized_identifier: IdentifierBody | None = None
    permission_types: list[str] | None = None

    @property
    def received(self) -> bool:
        return self.query_type == "Received"

    def checked(self) -> Callable[[Grant], bool]:
        """Whether an authorization satisfies the filters; that of the other queryType does not apply.

        Raises:
            BadRequest: 21405 naming the field that is wrong.
        """
        authorizing = _optional("authorizingIdentifier", self.authorizing_identifier, ("Nip",))
        authorized = _optional("authorizedIdentifier", self.authorized_identifier, ("Nip", "PeppolId"))
        types = _types(self.permission_types, GRANTING[GrantKind.AUTHORIZATION].permissions)

        def matches(grant: Grant) -> bool:
            if types is not None and grant.permission not in types:
                return False
            if self.received:
                return authorizing in (None, grant.origin)
            return authorized in (None, grant.authorized)

        return matches


class EuEntityPermissionsQueryRequest(Body):
    """OpenAPI: EuEntityPermissionsQueryRequest."""

    vat_ue_identifier: str | None = None
    authorized_fingerprint_identifier: str | None = None
    permission_types: list[str] | None = None

    def checked(self) -> Callable[[Grant], bool]:
        """
        Raises:
            BadRequest: 21405 naming the field that is wrong.
        """
        number = self.vat_ue_identifier
        if number is not None and VAT_UE_PATTERN.fullmatch(number) is None:
            raise invalid("vatUeIdentifier", "wartość nie jest poprawnym numerem VAT UE")
        fingerprint = (self.authorized_fingerprint_identifier or "").upper()
        types = _types(self.permission_types, GRANTING[GrantKind.EU_ADMINISTRATION].permissions)

        def matches(grant: Grant) -> bool:
            return (
                number in (None, vat_ue(grant))
                and fingerprint in grant.authorized.value
                and (types is None or grant.permission in types)
            )

        return matches


def _optional(field: str, body: IdentifierBody | None, types: tuple[str, ...]) -> Identifier | None:
    return None if body is None else body.checked(field, types)


def _types(names: list[str] | None, allowed: tuple[str, ...]) -> frozenset[str] | None:
    # An empty list asks for nothing in particular, as clients that send one mean it.
    if not names:
        return None
    for position, name in enumerate(names):
        if name not in allowed:
            raise invalid(f"permissionTypes[{position}]", f"dozwolone wartości: {', '.join(allowed)}")
    return frozenset(names)


def _any(_: Grant) -> bool:
    return True


def _target(body: IdentifierBody | None) -> Callable[[Grant], bool]:
    if body is None:
        return _any
    wanted = checked_target(body)
    return lambda grant: grant.kind is GrantKind.INDIRECT and grant.context == wanted


def _author(body: IdentifierBody | None) -> Callable[[Grant], bool]:
    if body is None:
        return _any
    if body.type == "System":
        if body.value:
            raise invalid("authorIdentifier.value", "wartość musi być pusta dla typu System")
        return lambda grant: grant.author is None
    wanted = body.checked("authorIdentifier", (*PERSONS, "System"))
    return lambda grant: grant.author == wanted


# -- responses --------------------------------------------------------------------------------------------


class TargetIdentifier(Body):
    """OpenAPI: PersonPermissionsTargetIdentifier, PersonalPermissionsTargetIdentifier."""

    type: str
    value: str | None = None


class SubjectPersonDetails(Body, kw_only=True):
    """OpenAPI: PermissionsSubjectPersonDetails, PermissionsSubjectPersonByFingerprintDetails."""

    subject_details_type: str
    first_name: str | None
    last_name: str | None
    person_identifier: TypedIdentifier | None = None
    birth_date: str | None = None
    id_document: IdDocument | None = None


class SubjectEntityDetails(Body, kw_only=True):
    """OpenAPI: PermissionsSubjectEntityDetails and its like."""

    subject_details_type: str
    full_name: str | None
    address: str | None = None


class EuEntityDetails(Body):
    """OpenAPI: PermissionsEuEntityDetails."""

    full_name: str
    address: str


class PersonalPermission(Body, kw_only=True):
    """OpenAPI: PersonalPermission."""

    id: str
    context_identifier: TypedIdentifier | None = None
    authorized_identifier: TypedIdentifier | None = None
    target_identifier: TargetIdentifier | None = None
    permission_scope: str
    description: str
    subject_person_details: SubjectPersonDetails | None = None
    subject_entity_details: SubjectEntityDetails | None = None
    permission_state: str
    start_date: str
    can_delegate: bool

    @classmethod
    def of(cls, grant: Grant, active: bool, subject: Identifier) -> PersonalPermission:
        """The item of a grant as seen by `subject`, as the login names it."""
        of_entity = grant.kind is GrantKind.ENTITY and grant.context is not None
        return cls(
            context_identifier=TypedIdentifier.of(grant.context) if of_entity and grant.context else None,
            authorized_identifier=None
            if grant.authorized == subject
            else TypedIdentifier.of(grant.authorized),
            target_identifier=_target_of(grant),
            permission_state=_state(active),
            can_delegate=grant.can_delegate,
            **_common(grant),
            **_details(grant.details),
        )


class QueryPersonalPermissionsResponse(Body):
    """OpenAPI: QueryPersonalPermissionsResponse."""

    permissions: list[PersonalPermission]
    has_more: bool


class PersonPermission(Body, kw_only=True):
    """OpenAPI: PersonPermission."""

    id: str
    authorized_identifier: TypedIdentifier
    context_identifier: TypedIdentifier | None = None
    target_identifier: TargetIdentifier | None = None
    author_identifier: TargetIdentifier
    permission_scope: str
    description: str
    subject_person_details: SubjectPersonDetails | None = None
    subject_entity_details: SubjectEntityDetails | None = None
    permission_state: str
    start_date: str
    can_delegate: bool

    @classmethod
    def of(cls, grant: Grant, active: bool) -> PersonPermission:
        of_unit = grant.kind is GrantKind.SUBUNIT and grant.context is not None
        author = grant.author
        return cls(
            authorized_identifier=TypedIdentifier.of(grant.authorized),
            context_identifier=TypedIdentifier.of(grant.context) if of_unit and grant.context else None,
            target_identifier=_target_of(grant),
            author_identifier=TargetIdentifier("System")
            if author is None
            else TargetIdentifier(author.type, author.value),
            permission_state=_state(active),
            can_delegate=grant.can_delegate,
            **_common(grant),
            **_details(grant.details),
        )


class QueryPersonPermissionsResponse(Body):
    """OpenAPI: QueryPersonPermissionsResponse."""

    permissions: list[PersonPermission]
    has_more: bool


class SubunitPermission(Body, kw_only=True):
    """OpenAPI: SubunitPermission."""

    id: str
    authorized_identifier: TypedIdentifier
    subunit_identifier: TypedIdentifier
    author_identifier: TypedIdentifier
    permission_scope: str
    description: str
    subject_person_details: SubjectPersonDetails | None = None
    subunit_name: str | None = None
    start_date: str

    @classmethod
    def of(cls, grant: Grant) -> SubunitPermission:
        assert grant.context is not None
        return cls(
            authorized_identifier=TypedIdentifier.of(grant.authorized),
            subunit_identifier=TypedIdentifier.of(grant.context),
            author_identifier=TypedIdentifier.of(grant.author or grant.origin),
            subunit_name=grant.subunit_name,
            subject_person_details=_person_of(grant.details),
            **_common(grant),
        )


class QuerySubunitPermissionsResponse(Body):
    """OpenAPI: QuerySubunitPermissionsResponse."""

    permissions: list[SubunitPermission]
    has_more: bool


class EntityPermissionItem(Body, kw_only=True):
    """OpenAPI: EntityPermissionItem."""

    id: str
    context_identifier: TypedIdentifier
    permission_scope: str
    description: str
    start_date: str
    can_delegate: bool

    @classmethod
    def of(cls, grant: Grant) -> EntityPermissionItem:
        return cls(
            context_identifier=TypedIdentifier.of(grant.origin),
            can_delegate=grant.can_delegate,
            **_common(grant),
        )


class QueryEntityPermissionsResponse(Body):
    """OpenAPI: QueryEntityPermissionsResponse."""

    permissions: list[EntityPermissionItem]
    has_more: bool


class EntityAuthorizationGrant(Body, kw_only=True):
    """OpenAPI: EntityAuthorizationGrant."""

    id: str
    author_identifier: TypedIdentifier | None = None
    authorized_entity_identifier: TypedIdentifier
    authorizing_entity_identifier: TypedIdentifier
    authorization_scope: str
    description: str
    subject_entity_details: SubjectEntityDetails | None = None
    start_date: str

    @classmethod
    def of(cls, grant: Grant) -> EntityAuthorizationGrant:
        return cls(
            id=grant.id,
            author_identifier=None if grant.author is None else TypedIdentifier.of(grant.author),
            authorized_entity_identifier=TypedIdentifier.of(grant.authorized),
            authorizing_entity_identifier=TypedIdentifier.of(grant.origin),
            authorization_scope=grant.permission,
            description=grant.description,
            subject_entity_details=_entity_of(grant.details),
            start_date=iso(grant.granted_at),
        )


class QueryEntityAuthorizationPermissionsResponse(Body):
    """OpenAPI: QueryEntityAuthorizationPermissionsResponse."""

    authorization_grants: list[EntityAuthorizationGrant]
    has_more: bool


class EuEntityPermission(Body, kw_only=True):
    """OpenAPI: EuEntityPermission."""

    id: str
    author_identifier: TypedIdentifier
    vat_ue_identifier: str
    eu_entity_name: str
    authorized_fingerprint_identifier: str
    permission_scope: str
    description: str
    subject_person_details: SubjectPersonDetails | None = None
    subject_entity_details: SubjectEntityDetails | None = None
    eu_entity_details: EuEntityDetails | None = None
    start_date: str

    @classmethod
    def of(cls, grant: Grant) -> EuEntityPermission:
        assert grant.context is not None
        entity = grant.eu_entity
        return cls(
            author_identifier=TypedIdentifier.of(grant.author or Identifier("Nip", grant.context.value[:10])),
            vat_ue_identifier=vat_ue(grant),
            # A context that nobody described, as test data make it, goes by its own name.
            eu_entity_name=grant.context.value if entity is None else entity.name,
            authorized_fingerprint_identifier=grant.authorized.value,
            eu_entity_details=None if entity is None else EuEntityDetails(entity.full_name, entity.address),
            **_common(grant),
            **_details(grant.details),
        )


class QueryEuEntityPermissionsResponse(Body):
    """OpenAPI: QueryEuEntityPermissionsResponse."""

    permissions: list[EuEntityPermission]
    has_more: bool


def vat_ue(grant: Grant) -> str:
    """The VAT number in the compound context of a grant."""
    assert grant.context is not None
    return grant.context.value.partition("-")[2]


def _common(grant: Grant) -> dict[str, Any]:
    return {
        "id": grant.id,
        "permission_scope": grant.permission,
        "description": grant.description,
        "start_date": iso(grant.granted_at),
    }


def _state(active: bool) -> str:
    return "Active" if active else "Inactive"


def _target_of(grant: Grant) -> TargetIdentifier | None:
    if grant.kind is not GrantKind.INDIRECT:
        return None
    if grant.context is None:
        return TargetIdentifier("AllPartners")
    return TargetIdentifier(grant.context.type, grant.context.value)


def _details(details: SubjectDetails | None) -> dict[str, Any]:
    return {"subject_person_details": _person_of(details), "subject_entity_details": _entity_of(details)}


def _person_of(details: SubjectDetails | None) -> SubjectPersonDetails | None:
    if details is None or not details.is_person:
        return None
    document = details.id_document
    return SubjectPersonDetails(
        subject_details_type=details.type,
        first_name=details.first_name,
        last_name=details.last_name,
        person_identifier=None if details.identifier is None else TypedIdentifier.of(details.identifier),
        birth_date=details.birth_date,
        id_document=None
        if document is None
        else IdDocument(document.type, document.number, document.country),
    )


def _entity_of(details: SubjectDetails | None) -> SubjectEntityDetails | None:
    if details is None or details.is_person:
        return None
    return SubjectEntityDetails(
        subject_details_type=details.type, full_name=details.full_name, address=details.address
    )
