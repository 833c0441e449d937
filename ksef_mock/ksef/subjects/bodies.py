"""Request bodies of /testdata, named as in the OpenAPI document. The answers have none."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Literal, TypeAlias

import msgspec

from ksef_mock.clock import Instant, from_datetime
from ksef_mock.core import dates as warsaw
from ksef_mock.core.bodies import Body, invalid
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.identifiers import (
    SUBJECT_PATTERNS,
    Identifier,
    is_context_identifier,
    is_subject_identifier,
)
from ksef_mock.core.permissions import Permission
from ksef_mock.ksef.subjects.subjects import SubjectType, SubUnit

Nip: TypeAlias = Annotated[str, msgspec.Meta(pattern=f"^{SUBJECT_PATTERNS['Nip'].pattern}$", max_length=10)]
Pesel: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=f"^{SUBJECT_PATTERNS['Pesel'].pattern}$", max_length=11)
]
Description: TypeAlias = Annotated[str, msgspec.Meta(min_length=5, max_length=256)]


class Subunit(Body):
    """OpenAPI: Subunit."""

    subject_nip: Nip
    description: Description


class SubjectCreateRequest(Body):
    """OpenAPI: SubjectCreateRequest."""

    subject_nip: Nip
    subject_type: SubjectType
    description: Description
    subunits: list[Subunit] | None = None
    created_date: datetime | None = None

    @property
    def units(self) -> list[SubUnit]:
        return [SubUnit(unit.subject_nip, unit.description) for unit in self.subunits or ()]


class SubjectRemoveRequest(Body):
    """OpenAPI: SubjectRemoveRequest."""

    subject_nip: Nip


class AttachmentPermissionGrantRequest(Body):
    """OpenAPI: AttachmentPermissionGrantRequest."""

    nip: Nip


class AttachmentPermissionRevokeRequest(Body):
    """OpenAPI: AttachmentPermissionRevokeRequest."""

    nip: Nip
    expected_end_date: date | None = None

    @property
    def ends_at(self) -> Instant | None:
        """The beginning of that day in Warsaw."""
        if self.expected_end_date is None:
            return None
        return from_datetime(datetime.combine(self.expected_end_date, time(), warsaw.warsaw()))


class PersonCreateRequest(Body):
    """OpenAPI: PersonCreateRequest."""

    nip: Nip
    pesel: Pesel
    is_bailiff: bool
    description: Description
    is_deceased: bool = False
    created_date: datetime | None = None


class PersonRemoveRequest(Body):
    """OpenAPI: PersonRemoveRequest."""

    nip: Nip


class TestDataContextIdentifier(Body):
    """OpenAPI: TestDataContextIdentifier."""

    type: Literal["Nip"]
    value: Nip

    def checked(self) -> Identifier:
        return Identifier(self.type, self.value)


class TestDataAuthorizedIdentifier(Body):
    """OpenAPI: TestDataAuthorizedIdentifier."""

    type: Literal["Nip", "Pesel", "Fingerprint"]
    value: Annotated[str, msgspec.Meta(min_length=10, max_length=64)]

    def checked(self) -> Identifier:
        """The identifier.

        Raises:
            BadRequest: 21405, the value is none of its type.
        """
        identifier = Identifier(self.type, self.value)
        if not is_subject_identifier(identifier):
            raise _no_identifier("authorizedIdentifier.value", self.type)
        return identifier


class TestDataPermission(Body):
    """OpenAPI: TestDataPermission."""

    permission_type: Permission
    description: Description


class TestDataPermissionsGrantRequest(Body):
    """OpenAPI: TestDataPermissionsGrantRequest."""

    context_identifier: TestDataContextIdentifier
    authorized_identifier: TestDataAuthorizedIdentifier
    permissions: list[TestDataPermission]


class TestDataPermissionsRevokeRequest(Body):
    """OpenAPI: TestDataPermissionsRevokeRequest."""

    context_identifier: TestDataContextIdentifier
    authorized_identifier: TestDataAuthorizedIdentifier


class TestDataAuthenticationContextIdentifier(Body):
    """OpenAPI: TestDataAuthenticationContextIdentifier."""

    type: Literal["Nip", "InternalId", "NipVatUe", "PeppolId"]
    value: str


class ContextAuthenticationRequest(Body):
    """OpenAPI: BlockContextAuthenticationRequest, UnblockContextAuthenticationRequest."""

    context_identifier: TestDataAuthenticationContextIdentifier | None = None

    def checked(self) -> Identifier:
        """The context. The document lets it be absent, but without one there is nothing to block.

        Raises:
            BadRequest: 21405, no identifier, or one whose value is none of its type.
        """
        if self.context_identifier is None:
            raise BadRequest(Code.VALIDATION, "Pole 'contextIdentifier' jest wymagane.")
        identifier = Identifier(self.context_identifier.type, self.context_identifier.value)
        if not is_context_identifier(identifier):
            raise _no_identifier("contextIdentifier.value", identifier.type)
        return identifier


def _no_identifier(field: str, kind: str) -> BadRequest:
    return invalid(field, f"wartość nie jest poprawnym identyfikatorem {kind}")
