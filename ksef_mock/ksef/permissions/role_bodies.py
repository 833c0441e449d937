"""Bodies of /permissions, named as in the OpenAPI document."""

from __future__ import annotations

from typing import Annotated

from ksef_mock.clock import Instant, iso
from ksef_mock.core.bodies import Body, IdentifierBody, TypedIdentifier, identifier
from ksef_mock.ksef.subjects.attachments import AttachmentConsent
from ksef_mock.ksef.subjects.subjects import HeldRole


class CheckAttachmentPermissionStatusResponse(Body):
    """OpenAPI: CheckAttachmentPermissionStatusResponse."""

    is_attachment_allowed: bool
    revoked_date: str | None = None

    @classmethod
    def of(cls, consent: AttachmentConsent | None, now: Instant) -> CheckAttachmentPermissionStatusResponse:
        if consent is None:
            return cls(False)
        return cls(consent.holds(now), None if consent.ends_at is None else iso(consent.ends_at))


class EntityRole(Body, kw_only=True):
    """OpenAPI: EntityRole."""

    parent_entity_identifier: TypedIdentifier | None = None
    role: str
    description: str
    start_date: str

    @classmethod
    def of(cls, held: HeldRole) -> EntityRole:
        return cls(
            parent_entity_identifier=None if held.parent is None else TypedIdentifier("Nip", held.parent),
            role=held.role.value,
            description=held.description,
            start_date=iso(held.since),
        )


class QueryEntityRolesResponse(Body):
    """OpenAPI: QueryEntityRolesResponse."""

    roles: list[EntityRole]
    has_more: bool


class SubordinateEntityRolesQueryRequest(Body):
    """OpenAPI: SubordinateEntityRolesQueryRequest."""

    subordinate_entity_identifier: (
        Annotated[IdentifierBody, identifier("EntityPermissionsSubordinateEntityIdentifier", "Nip")] | None
    ) = None

    @property
    def nip(self) -> str | None:
        """The NIP to look for; None for all."""
        wanted = self.subordinate_entity_identifier
        return None if wanted is None else wanted.value


class SubordinateEntityRole(Body):
    """OpenAPI: SubordinateEntityRole."""

    subordinate_entity_identifier: TypedIdentifier
    role: str
    description: str
    start_date: str

    @classmethod
    def of(cls, held: HeldRole) -> SubordinateEntityRole:
        return cls(TypedIdentifier("Nip", held.nip), held.role.value, held.description, iso(held.since))


class QuerySubordinateEntityRolesResponse(Body):
    """OpenAPI: QuerySubordinateEntityRolesResponse."""

    roles: list[SubordinateEntityRole]
    has_more: bool
