"""Who may make, see and revoke which KSeF tokens."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from ksef_mock.core.codes import Code, Reason
from ksef_mock.core.errors import BadRequest, Forbidden
from ksef_mock.core.methods import METHOD_INFO, AuthenticationMethod
from ksef_mock.core.permissions import TOKEN_CONTEXTS, Permission
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.tokens.tokens import KsefToken

# -- KSeF tokens: who may make, see and revoke which --------------------------------------------------------


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
    """GET /tokens."""
    return _reach(actor, Permission.CREDENTIALS_MANAGE, Permission.CREDENTIALS_READ)


def readable_tokens(actor: Actor) -> Reach:
    """GET /tokens/{referenceNumber}: of a subject without further permissions all of its own tokens.

    Those count that it made before the one it logged in with, or beside it (an official test against TEST).
    """
    reach = visible_tokens(actor)
    return Reach.AUTHORED if reach is Reach.USED else reach


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


def require_token_maker(actor: Actor, *, refuses_tokens: bool) -> str | None:
    """POST /tokens after a login with a KSeF token: a remark for the journal, None for any other login.

    The guide (tokeny-ksef.md) wants XAdES here, the OpenAPI document excludes no method, and nobody reports a
    refusal: so a token can make another that is not stronger, unless the mock is told to refuse it.

    Raises:
        Forbidden: auth-method-not-allowed.
    """
    if actor.token is None:
        return None
    remark = f"asked for with the KSeF token {actor.token}: the guide says that only XAdES logins may"
    if refuses_tokens:
        raise Forbidden(
            Reason.AUTH_METHOD_NOT_ALLOWED,
            reason=remark,
            security={"authenticationMethodCategory": METHOD_INFO[AuthenticationMethod.TOKEN].category},
        )
    return remark


def require_token_generation(actor: Actor, requested: Iterable[Permission]) -> None:
    """POST /tokens: in which contexts, and that nobody passes on what he does not have himself.

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
