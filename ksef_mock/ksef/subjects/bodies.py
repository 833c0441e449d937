"""Request bodies of /testdata, named as in the OpenAPI document. The answers have none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Annotated, TypeAlias

import msgspec

from ksef_mock.clock import Instant, from_datetime
from ksef_mock.core import dates
from ksef_mock.core.bodies import Body, IdentifierBody, Moment, identifier
from ksef_mock.core.expected import NIP, PESEL
from ksef_mock.core.identifiers import CONTEXT_PATTERNS, SUBJECT_PATTERNS, Identifier
from ksef_mock.core.permissions import Permission
from ksef_mock.core.validation import NOT_EMPTY, Broken
from ksef_mock.ksef.subjects.subjects import SubjectType, SubUnit

Nip: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=f"^{SUBJECT_PATTERNS['Nip'].pattern}$", max_length=10, description=NIP)
]
Pesel: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=f"^{SUBJECT_PATTERNS['Pesel'].pattern}$", max_length=11, description=PESEL)
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
    created_date: Moment | None = None

    @property
    def created_at(self) -> Instant | None:
        return None if self.created_date is None else dates.parse(self.created_date)

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
        """The beginning of that day in UTC: `revokedDate` shows the day that was given (seen on TEST)."""
        if self.expected_end_date is None:
            return None
        return from_datetime(datetime.combine(self.expected_end_date, time(), UTC))


class PersonCreateRequest(Body):
    """OpenAPI: PersonCreateRequest."""

    nip: Nip
    pesel: Pesel
    is_bailiff: bool
    description: Description
    is_deceased: bool = False
    created_date: Moment | None = None

    @property
    def created_at(self) -> Instant | None:
        return None if self.created_date is None else dates.parse(self.created_date)


class PersonRemoveRequest(Body):
    """OpenAPI: PersonRemoveRequest."""

    nip: Nip


ContextIdentifier: TypeAlias = Annotated[IdentifierBody, identifier("TestDataContextIdentifier", "Nip")]
AuthorizedIdentifier: TypeAlias = Annotated[
    IdentifierBody, identifier("TestDataAuthorizedIdentifier", *SUBJECT_PATTERNS)
]


class TestDataPermission(Body):
    """OpenAPI: TestDataPermission."""

    permission_type: Annotated[Permission, msgspec.Meta(extra={"dotnet": "TestDataPermissionType"})]
    description: Description


class TestDataPermissionsGrantRequest(Body):
    """OpenAPI: TestDataPermissionsGrantRequest."""

    context_identifier: ContextIdentifier
    authorized_identifier: AuthorizedIdentifier
    permissions: list[TestDataPermission]


class TestDataPermissionsRevokeRequest(Body):
    """OpenAPI: TestDataPermissionsRevokeRequest."""

    context_identifier: ContextIdentifier
    authorized_identifier: AuthorizedIdentifier


class ContextAuthenticationRequest(Body):
    """OpenAPI: BlockContextAuthenticationRequest, UnblockContextAuthenticationRequest."""

    context_identifier: (
        Annotated[IdentifierBody, identifier("TestDataAuthenticationContextIdentifier", *CONTEXT_PATTERNS)]
        | None
    ) = None

    def rules(self) -> Iterator[Broken]:
        # The document lets it be absent, but without one there is nothing to block.
        if self.context_identifier is None:
            yield Broken("contextIdentifier", NOT_EMPTY)

    @property
    def context(self) -> Identifier:
        assert self.context_identifier is not None  # by the rules
        return self.context_identifier.identifier
