"""Bodies and filters of /permissions/query/*/grants, named as in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

import msgspec

from ksef_mock.clock import iso
from ksef_mock.core.bodies import Body, IdentifierBody, TypedIdentifier, choice, identifier
from ksef_mock.core.identifiers import VAT_UE_PATTERN, Identifier
from ksef_mock.core.permissions import VAT_UE_MANAGE, Permission
from ksef_mock.ksef.permissions.grant_bodies import PERSONS, TARGETS, IdDocument, target_of
from ksef_mock.ksef.permissions.grants import Grant, GrantKind, SubjectDetails
from ksef_mock.ksef.permissions.rules import GRANTING

#: Whether a grant satisfies the filters; the second argument tells whether it is active.
Matches: TypeAlias = Callable[[Grant, bool], bool]
_Test: TypeAlias = Callable[[Grant], bool]

_CONTEXTS = ("Nip", "InternalId")
_PERSONAL = (*GRANTING[GrantKind.PERSON].permissions, VAT_UE_MANAGE)
PermissionState: TypeAlias = Annotated[str, choice("PermissionState", ("Active", "Inactive"))]
_STATES: dict[str | None, tuple[bool, ...]] = {None: (True, False), "Active": (True,), "Inactive": (False,)}


# -- requests ---------------------------------------------------------------------------------------------


class PersonalPermissionsQueryRequest(Body):
    """OpenAPI: PersonalPermissionsQueryRequest."""

    context_identifier: (
        Annotated[IdentifierBody, identifier("PersonalPermissionsContextIdentifier", *_CONTEXTS)] | None
    ) = None
    target_identifier: (
        Annotated[IdentifierBody, identifier("PersonalPermissionsTargetIdentifier", *TARGETS)] | None
    ) = None
    permission_types: list[Annotated[str, choice("PersonalPermissionType", _PERSONAL)]] | None = None
    permission_state: PermissionState | None = None

    def matches(self) -> Matches:
        """Whether a grant satisfies the filters."""
        return _matching(
            self.permission_state,
            _of(self.context_identifier),
            _target(self.target_identifier),
            _types(self.permission_types),
        )


class PersonPermissionsQueryRequest(Body):
    """OpenAPI: PersonPermissionsQueryRequest."""

    query_type: Annotated[
        str,
        choice(
            "PersonPermissionsQueryType",
            ("PermissionsInCurrentContext", "PermissionsGrantedInCurrentContext"),
        ),
    ]
    author_identifier: (
        Annotated[IdentifierBody, identifier("PersonPermissionsAuthorIdentifier", *PERSONS, "System")] | None
    ) = None
    authorized_identifier: (
        Annotated[IdentifierBody, identifier("PersonPermissionsAuthorizedIdentifier", *PERSONS)] | None
    ) = None
    context_identifier: (
        Annotated[IdentifierBody, identifier("PersonPermissionsContextIdentifier", *_CONTEXTS)] | None
    ) = None
    target_identifier: (
        Annotated[IdentifierBody, identifier("PersonPermissionsTargetIdentifier", *TARGETS)] | None
    ) = None
    permission_types: (
        list[Annotated[str, choice("PersonPermissionType", GRANTING[GrantKind.PERSON].permissions)]] | None
    ) = None
    permission_state: PermissionState | None = None

    @property
    def granted(self) -> bool:
        """Whether it asks for what the caller has granted, instead of for what is in force."""
        return self.query_type == "PermissionsGrantedInCurrentContext"

    def is_about(self, context: Identifier) -> bool:
        """Whether it is filtered by this context."""
        wanted = self.context_identifier
        return wanted is not None and wanted.identifier == context

    def matches(self) -> Matches:
        """Whether a grant satisfies the filters."""
        authorized = _optional(self.authorized_identifier)
        return _matching(
            self.permission_state,
            _author(self.author_identifier),
            lambda grant: authorized in (None, grant.authorized),
            _of(self.context_identifier),
            _target(self.target_identifier),
            _types(self.permission_types),
        )


class SubunitPermissionsQueryRequest(Body):
    """OpenAPI: SubunitPermissionsQueryRequest."""

    subunit_identifier: (
        Annotated[IdentifierBody, identifier("SubunitPermissionsSubunitIdentifier", "InternalId", "Nip")]
        | None
    ) = None

    def wanted(self) -> Identifier | None:
        """The sub-unit to look for; None for all."""
        return _optional(self.subunit_identifier)


class EntityPermissionsQueryRequest(Body):
    """OpenAPI: EntityPermissionsQueryRequest."""

    context_identifier: (
        Annotated[IdentifierBody, identifier("EntityPermissionsContextIdentifier", *_CONTEXTS)] | None
    ) = None

    def wanted(self) -> Identifier | None:
        """Whose permissions to look for; None for everybody's."""
        return _optional(self.context_identifier)


class EntityAuthorizationPermissionsQueryRequest(Body):
    """OpenAPI: EntityAuthorizationPermissionsQueryRequest."""

    query_type: Annotated[str, choice("QueryType", ("Granted", "Received"))]
    authorizing_identifier: (
        Annotated[IdentifierBody, identifier("EntityAuthorizationsAuthorizingEntityIdentifier", "Nip")] | None
    ) = None
    authorized_identifier: (
        Annotated[
            IdentifierBody, identifier("EntityAuthorizationsAuthorizedEntityIdentifier", "Nip", "PeppolId")
        ]
        | None
    ) = None
    permission_types: (
        list[Annotated[str, choice("InvoicePermissionType", GRANTING[GrantKind.AUTHORIZATION].permissions)]]
        | None
    ) = None

    @property
    def received(self) -> bool:
        return self.query_type == "Received"

    def matches(self) -> _Test:
        """Whether an authorization satisfies the filters; that of the other queryType does not apply."""
        authorizing = _optional(self.authorizing_identifier)
        authorized = _optional(self.authorized_identifier)
        has_type = _types(self.permission_types)

        def matches(grant: Grant) -> bool:
            if self.received:
                return has_type(grant) and authorizing in (None, grant.origin)
            return has_type(grant) and authorized in (None, grant.authorized)

        return matches


class EuEntityPermissionsQueryRequest(Body):
    """OpenAPI: EuEntityPermissionsQueryRequest."""

    vat_ue_identifier: Annotated[str, msgspec.Meta(pattern=rf"^(?:{VAT_UE_PATTERN.pattern})\Z")] | None = None
    authorized_fingerprint_identifier: str | None = None
    permission_types: (
        list[
            Annotated[
                str,
                choice(
                    "EuEntityPermissionsQueryPermissionType",
                    GRANTING[GrantKind.EU_ADMINISTRATION].permissions,
                ),
            ]
        ]
        | None
    ) = None

    def matches(self) -> _Test:
        """Whether a grant satisfies the filters."""
        number = self.vat_ue_identifier
        fingerprint = (self.authorized_fingerprint_identifier or "").upper()
        has_type = _types(self.permission_types)
        return lambda grant: (
            number in (None, vat_ue(grant)) and fingerprint in grant.authorized.value and has_type(grant)
        )


def _optional(body: IdentifierBody | None) -> Identifier | None:
    return None if body is None else body.identifier


def _matching(state: str | None, *tests: _Test) -> Matches:
    """Whether a grant passes all tests and is in this state; None: in any."""
    states = _STATES[state]
    return lambda grant, active: active in states and all(test(grant) for test in tests)


def _any(_: Grant) -> bool:
    return True


def _types(names: list[str] | None) -> _Test:
    # An empty list asks for nothing in particular, as clients that send one mean it.
    wanted = frozenset(names or ())
    return (lambda grant: grant.permission in wanted) if wanted else _any


def _of(body: IdentifierBody | None) -> _Test:
    if body is None:
        return _any
    wanted = body.identifier
    # A client's, a unit's; by one's own context the direct grants of that context (seen on TEST).
    return lambda grant: grant.kind is not GrantKind.INDIRECT and grant.context == wanted


def _target(body: IdentifierBody | None) -> _Test:
    if body is None:
        return _any
    wanted = target_of(body)
    # By one's own context direct grants are found too (seen on TEST). What other entities let one do is none.
    return lambda grant: grant.context == wanted and grant.kind is not GrantKind.ENTITY


def _author(body: IdentifierBody | None) -> _Test:
    if body is None:
        return _any
    if body.type == "System":
        return lambda grant: grant.author is None
    wanted = body.identifier
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
    owner_permissions: tuple[Permission, ...] | None = None


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
