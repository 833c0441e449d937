"""What a principal may do with its permissions, and with whose KSeF tokens.

Each rule stands here once. Sources: the descriptions of the /tokens operations in the OpenAPI document, and
the `x-required-permissions` of its operations.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from ksef_mock.auth.jwts import Principal
from ksef_mock.auth.ksef_tokens import TOKEN_CONTEXTS, KsefToken, Permission
from ksef_mock.auth.permissions import OWNER
from ksef_mock.errors import BadRequest, Code, Forbidden, Reason
from ksef_mock.identifiers import Identifier

#: What the owner of a context may do there. Enforcement is for bailiffs: they hold it besides `Owner`.
_OF_OWNERS = frozenset(Permission) - {Permission.ENFORCEMENT_OPERATIONS}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, as the rules see it."""

    context: Identifier
    #: Identifiers of one and the same subject: a NIP and a PESEL may name the same person.
    identities: frozenset[Identifier]
    permissions: tuple[str, ...]
    #: Reference number of the KSeF token that the actor logged in with; None for any other login.
    token: str | None = None

    @classmethod
    def of(cls, principal: Principal, identities: Iterable[Identifier] = ()) -> Actor:
        """The bearer of an access token, with the other identifiers of the same person."""
        return cls(
            principal.context,
            frozenset((principal.subject, *identities)),
            principal.permissions,
            principal.claims.get("trn"),
        )

    def holds(self, *permissions: Permission) -> bool:
        """Whether the actor has at least one of these permissions in its context."""
        owned = _OF_OWNERS if OWNER in self.permissions else frozenset()
        return any(permission in owned or permission in self.permissions for permission in permissions)


class Reach(Enum):
    """Which tokens of its context an operation of an actor extends to."""

    ALL = "all"
    #: Those that the actor is the author of.
    AUTHORED = "authored"
    #: The one that the actor logged in with.
    USED = "used"

    def covers(self, token: KsefToken, actor: Actor) -> bool:
        """Whether `token` is within this reach of `actor`. No reach extends beyond the actor's context."""
        if token.context != actor.context:
            return False
        if self is Reach.AUTHORED:
            return token.author in actor.identities
        return self is Reach.ALL or token.reference == actor.token


def visible_tokens(actor: Actor) -> Reach:
    """GET /tokens, GET /tokens/{referenceNumber}."""
    return _reach(actor, Permission.CREDENTIALS_MANAGE, Permission.CREDENTIALS_READ)


def revocable_tokens(actor: Actor) -> Reach:
    """DELETE /tokens/{referenceNumber}."""
    return _reach(actor, Permission.CREDENTIALS_MANAGE)


def _reach(actor: Actor, *for_all: Permission) -> Reach:
    if actor.holds(*for_all):
        return Reach.ALL
    return Reach.AUTHORED if actor.token is None else Reach.USED


def require_reach(reach: Reach, token: KsefToken, actor: Actor) -> None:
    """
    Raises:
        Forbidden: insufficient-resource-access.
    """
    if not reach.covers(token, actor):
        raise Forbidden(
            Reason.INSUFFICIENT_RESOURCE_ACCESS,
            reason=f"the token {token.reference} is out of reach ({reach.value}) of this subject",
        )


def require_token_generation(actor: Actor, requested: Iterable[Permission]) -> None:
    """POST /tokens: in which contexts, and that nobody passes on what he does not have himself.

    The document excludes no authentication method here, so a token can make another that is not stronger.

    Raises:
        BadRequest: 26002 for the context's type, 26001 for a permission that the actor lacks.
    """
    if actor.context.type not in TOKEN_CONTEXTS:
        raise BadRequest(
            Code.TOKEN_CONTEXT_TYPE,
            f"Aktualny typ kontekstu: {actor.context.type}. "
            f"Dozwolone typy kontekstu: {', '.join(TOKEN_CONTEXTS)}.",
        )
    missing = [permission.value for permission in requested if not actor.holds(permission)]
    if missing:
        raise BadRequest(Code.TOKEN_PERMISSIONS, f"Brakujące uprawnienia: {', '.join(missing)}.")


def require_any(principal: Principal, *permissions: Permission) -> None:
    """The permissions of an operation, of which one is enough (`x-required-permissions`).

    Raises:
        Forbidden: missing-permissions, with those that are required and those that are present.
    """
    if not Actor.of(principal).holds(*permissions):
        present = principal.permissions
        raise Forbidden(
            Reason.MISSING_PERMISSIONS,
            reason=f"permissions: needs {' or '.join(permissions)}, has {', '.join(present) or 'none'}",
            security={
                "requiredAnyOfPermissions": [permission.value for permission in permissions],
                "presentPermissions": list(present),
            },
        )
