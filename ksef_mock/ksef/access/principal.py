"""Who a JWT speaks for: its kind, and the login it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.ip_policy import AllowedIps
from ksef_mock.crypto.subject_name import SubjectAttributes

#: `iop` of a login without an IP policy (recorded).
NO_POLICY = "[]"


class Kind(StrEnum):
    """The `typ` claim."""

    AUTHENTICATION = "AuthenticationToken"
    ACCESS = "ContextToken"
    REFRESH = "RefreshToken"


@dataclass(frozen=True, slots=True)
class Principal:
    """What a valid JWT says of its bearer."""

    kind: Kind
    #: Reference number of the authentication operation.
    operation: str
    claims: dict[str, Any]

    @property
    def context(self) -> Identifier:
        """The context of an access or refresh token."""
        return Identifier(self.claims["cit"], self.claims["civ"])

    @property
    def subject(self) -> Identifier:
        """Who acts, by an access token."""
        return msgspec.json.decode(self.claims["asi"], type=Identifier)

    @property
    def permissions(self) -> tuple[str, ...]:
        """The permissions in an access token."""
        return msgspec.json.decode(self.claims["per"], type=tuple[str, ...])

    @property
    def allowed_ips(self) -> AllowedIps | None:
        """The IP policy of the login, in an access token."""
        policy: str = self.claims.get("iop", NO_POLICY)
        return None if policy == NO_POLICY else msgspec.json.decode(policy, type=AllowedIps)

    @property
    def details(self) -> SubjectAttributes:
        """What is known of who acts, in an access token."""
        return msgspec.json.decode(self.claims["sud"], type=SubjectAttributes)
