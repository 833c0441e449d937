"""Who calls, and what each operation asks of a caller."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ksef_mock.core.codes import Reason
from ksef_mock.core.errors import Forbidden
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.operation import Operation
from ksef_mock.core.permissions import OWNER, Permission
from ksef_mock.crypto.subject_name import SubjectAttributes
from ksef_mock.ksef.access.principal import Principal

#: What the owner of a context may do there. Enforcement is for bailiffs: they hold it besides `Owner`.
_OF_OWNERS = frozenset(Permission) - {Permission.ENFORCEMENT_OPERATIONS}
#: In the order of the document.
_OWNER_SCOPES = (
    Permission.CREDENTIALS_MANAGE,
    Permission.CREDENTIALS_READ,
    Permission.INVOICE_WRITE,
    Permission.INVOICE_READ,
    Permission.INTROSPECTION,
    Permission.SUBUNIT_MANAGE,
    Permission.ENFORCEMENT_OPERATIONS,
    Permission.COLLECTIVE_IDENTIFIER_MANAGE,
)


# -- calls: who may use an operation of the API -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, as the rules see it."""

    context: Identifier
    #: As the login named it.
    subject: Identifier
    #: All identifiers of this subject: a NIP and a PESEL may name the same person.
    identities: frozenset[Identifier]
    permissions: tuple[str, ...]
    #: Reference number of the KSeF token that the actor logged in with; None for any other login.
    token: str | None = None
    #: Reference number of the login.
    operation: str = ""
    #: What the certificate says of the subject, or of the author of the KSeF token.
    details: SubjectAttributes | None = None

    @classmethod
    def of(cls, principal: Principal, identities: Iterable[Identifier] = ()) -> Actor:
        """The bearer of an access token, with the other identifiers of the same person."""
        return cls(
            principal.context,
            principal.subject,
            frozenset((principal.subject, *identities)),
            principal.permissions,
            principal.claims.get("trn"),
            principal.operation,
            principal.details,
        )

    @property
    def owns_context(self) -> bool:
        """Whether the actor is the owner, logged in by whatever means."""
        return OWNER in self.permissions or self.context in self.identities

    @property
    def owner_permissions(self) -> tuple[Permission, ...] | None:
        """What the actor may do here as the owner (OpenAPI: OwnerPermissionScope); None for anybody else."""
        if OWNER not in self.permissions:
            return None
        return tuple(permission for permission in _OWNER_SCOPES if self.holds(permission))

    def holds(self, *permissions: str) -> bool:
        """Whether the actor has at least one of these permissions in its context."""
        owned = _OF_OWNERS if OWNER in self.permissions else frozenset()
        return any(permission in owned or permission in self.permissions for permission in permissions)


def require(actor: Actor, operation: Operation) -> None:
    """Let the actor pass to an operation.

    Raises:
        Forbidden: context-type-not-allowed, with the type; missing-permissions, with those that are required
            and those that are present.
    """
    if operation.contexts and actor.context.type not in operation.contexts:
        raise Forbidden(
            Reason.CONTEXT_TYPE_NOT_ALLOWED,
            reason=f"context: {operation} exists for {', '.join(operation.contexts)}, "
            f"the login is of {actor.context.type}",
            security={"contextIdentifierType": actor.context.type},
        )
    needed = operation.any_of
    if needed and not actor.holds(*needed):
        raise Forbidden(
            Reason.MISSING_PERMISSIONS,
            reason=f"permissions: needs {' or '.join(needed)}, has {', '.join(actor.permissions) or 'none'}",
            security={
                "requiredAnyOfPermissions": list(needed),
                "presentPermissions": list(actor.permissions),
            },
        )
