"""Who calls, and what each operation asks of a caller."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ksef_mock.core.codes import Reason
from ksef_mock.core.errors import Forbidden
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.permissions import OWNER, PEF_INVOICE_WRITE, VAT_UE_MANAGE, Permission
from ksef_mock.ksef.access.principal import Principal

#: What the owner of a context may do there. Enforcement is for bailiffs: they hold it besides `Owner`.
_OF_OWNERS = frozenset(Permission) - {Permission.ENFORCEMENT_OPERATIONS}


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
        )

    @property
    def owns_context(self) -> bool:
        """Whether the actor is the owner, logged in by whatever means."""
        return OWNER in self.permissions or self.context in self.identities

    def holds(self, *permissions: str) -> bool:
        """Whether the actor has at least one of these permissions in its context."""
        owned = _OF_OWNERS if OWNER in self.permissions else frozenset()
        return any(permission in owned or permission in self.permissions for permission in permissions)


@dataclass(frozen=True, slots=True)
class Requirement:
    """What an operation asks of its caller."""

    #: One of them is enough (`x-required-permissions`); empty: none is needed.
    any_of: tuple[str, ...] = ()
    #: Types of context in which it exists; empty: in all of them.
    contexts: tuple[str, ...] = ()


_MANAGE = Permission.CREDENTIALS_MANAGE.value
_READ = Permission.CREDENTIALS_READ.value
_SUBUNITS = Permission.SUBUNIT_MANAGE.value

#: Operation of the document -> what it asks for. The types of context follow from the descriptions: whose
#: permissions are granted, in which context, to whom.
REQUIREMENTS: dict[str, Requirement] = {
    "POST /permissions/persons/grants": Requirement((_MANAGE,), ("Nip", "InternalId")),
    "POST /permissions/entities/grants": Requirement((_MANAGE,), ("Nip", "InternalId")),
    "POST /permissions/authorizations/grants": Requirement((_MANAGE,), ("Nip",)),
    "POST /permissions/indirect/grants": Requirement((_MANAGE,), ("Nip",)),
    "POST /permissions/subunits/grants": Requirement((_SUBUNITS,), ("Nip",)),
    "POST /permissions/eu-entities/administration/grants": Requirement((_MANAGE,), ("Nip",)),
    "POST /permissions/eu-entities/grants": Requirement((VAT_UE_MANAGE,), ("NipVatUe",)),
    "DELETE /permissions/common/grants/{permissionId}": Requirement((_MANAGE, VAT_UE_MANAGE, _SUBUNITS)),
    "DELETE /permissions/authorizations/grants/{permissionId}": Requirement((_MANAGE,), ("Nip",)),
    "GET /permissions/operations/{referenceNumber}": Requirement(),
    "GET /permissions/attachments/status": Requirement((_MANAGE, _READ)),
    "POST /permissions/query/personal/grants": Requirement(),
    "POST /permissions/query/persons/grants": Requirement((_MANAGE, _READ, _SUBUNITS), ("Nip", "InternalId")),
    "POST /permissions/query/subunits/grants": Requirement((_MANAGE, _READ, _SUBUNITS)),
    "POST /permissions/query/entities/grants": Requirement((_MANAGE, _READ)),
    "GET /permissions/query/entities/roles": Requirement((_MANAGE, _READ)),
    "POST /permissions/query/subordinate-entities/roles": Requirement((_MANAGE, _READ, _SUBUNITS)),
    "POST /permissions/query/authorizations/grants": Requirement(
        (_MANAGE, _READ, PEF_INVOICE_WRITE), ("Nip", "PeppolId")
    ),
    "POST /permissions/query/eu-entities/grants": Requirement(
        (_MANAGE, _READ, VAT_UE_MANAGE), ("Nip", "NipVatUe")
    ),
    "POST /invoices/query/metadata": Requirement((Permission.INVOICE_READ.value,)),
}


def require(actor: Actor, operation: str) -> None:
    """Let the actor pass to an operation of `REQUIREMENTS`.

    Raises:
        Forbidden: context-type-not-allowed, with the type; missing-permissions, with those that are required
            and those that are present.
    """
    requirement = REQUIREMENTS[operation]
    if requirement.contexts and actor.context.type not in requirement.contexts:
        raise Forbidden(
            Reason.CONTEXT_TYPE_NOT_ALLOWED,
            reason=f"context: {operation} exists for {', '.join(requirement.contexts)}, "
            f"the login is of {actor.context.type}",
            security={"contextIdentifierType": actor.context.type},
        )
    needed = requirement.any_of
    if needed and not actor.holds(*needed):
        raise Forbidden(
            Reason.MISSING_PERMISSIONS,
            reason=f"permissions: needs {' or '.join(needed)}, has {', '.join(actor.permissions) or 'none'}",
            security={
                "requiredAnyOfPermissions": list(needed),
                "presentPermissions": list(actor.permissions),
            },
        )
