"""What can be granted, and the record of it: one permission of somebody, given in one context.

Source: the requests under /permissions in the OpenAPI document.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ksef_mock.clock import Instant
from ksef_mock.core.identifiers import Identifier
from ksef_mock.state.store import Table


class GrantKind(StrEnum):
    """How a permission is given: each kind has its own operation under /permissions."""

    PERSON = "person"
    ENTITY = "entity"
    INDIRECT = "indirect"
    SUBUNIT = "subunit"
    EU_ADMINISTRATION = "eu-entity-administration"
    EU_ENTITY = "eu-entity"
    AUTHORIZATION = "authorization"


class IdDocument(msgspec.Struct, frozen=True):
    """OpenAPI: IdDocument."""

    type: str
    number: str
    country: str


class SubjectDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who is authorized, in words. `type` is a value of the document's *SubjectDetailsType."""

    type: str
    first_name: str | None = None
    last_name: str | None = None
    identifier: Identifier | None = None
    #: ISO 8601.
    birth_date: str | None = None
    id_document: IdDocument | None = None
    full_name: str | None = None
    address: str | None = None

    @property
    def is_person(self) -> bool:
        return self.type.startswith("Person")


class EuEntity(msgspec.Struct, frozen=True):
    """The EU entity of a NipVatUe context, as it was described along with its administrator."""

    name: str
    full_name: str
    address: str


class Grant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One permission of somebody. Granted again by the same author it stays the same grant."""

    #: A UUID.
    id: str
    kind: GrantKind = GrantKind.PERSON
    #: Where it was granted: the context that its author was logged in to.
    origin: Identifier
    #: Where it holds; None: with every client of `origin` (indirect grants only).
    context: Identifier | None
    authorized: Identifier
    permission: str
    description: str
    #: None: granted by nobody within KSeF, as test data.
    author: Identifier | None = None
    granted_at: Instant
    #: Whether the authorized entity may pass it on to persons (entity grants only).
    can_delegate: bool = False
    details: SubjectDetails | None = None
    #: What the sub-unit is called (grants to administrators of sub-units only).
    subunit_name: str | None = None
    eu_entity: EuEntity | None = None


GRANTS: Table[Grant] = Table("grant", Grant)
