"""Every decision about permissions: who may log in where, call what, and grant, take back or see what.

The rules are pure: they judge facts and change nothing. `ksef_mock.auth.permissions` gathers the facts and
keeps what was granted. Sources: the OpenAPI document (`x-required-permissions`, the descriptions of
/permissions and /tokens, status codes 415, 470, 480, the codes of an operation that grants or revokes),
/testdata, and the documented owner rule: whoever proves to be NIP X is the owner in the context of NIP X,
anybody else needs a permission.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from ksef_mock.auth.grants import OWNER, PEF_INVOICE_WRITE, VAT_UE_MANAGE, Grant, GrantKind
from ksef_mock.auth.jwts import Kind, Principal
from ksef_mock.auth.ksef_tokens import TOKEN_CONTEXTS, KsefToken, Permission
from ksef_mock.auth.methods import METHOD_INFO, AuthenticationMethod
from ksef_mock.auth.operation import SUCCESS, Operation, Verdict
from ksef_mock.auth.subjects import Person, Role
from ksef_mock.errors import BadRequest, ChangeStatus, Code, Forbidden, Reason, Status, StatusDetail
from ksef_mock.exchange import Exchange
from ksef_mock.identifiers import Identifier

#: What an entity was given with the right to pass it on: (context of the client, permission).
Delegations: TypeAlias = Collection[tuple[Identifier, str]]

#: What a bailiff has beside `Owner` (OpenAPI: /testdata/person).
_OF_BAILIFFS = Permission.ENFORCEMENT_OPERATIONS

#: What the owner of a context may do there. Enforcement is for bailiffs: they hold it besides `Owner`.
_OF_OWNERS = frozenset(Permission) - {Permission.ENFORCEMENT_OPERATIONS}


# -- logins: who may enter a context ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of a login as far as permissions go. Without success there are none."""

    verdict: Verdict
    #: In English, for the report and the journal.
    reason: str
    permissions: tuple[str, ...] = ()


def decide(
    subject: Identifier,
    context: Identifier,
    *,
    person: Person | None = None,
    granted: Iterable[str] = (),
    blocked: bool = False,
) -> Decision:
    """Whether `subject` may log in to `context`, and with which permissions.

    Args:
        person: the registered person whom `subject` names.
        granted: permissions that hold in the context for any identifier of the subject (`opens`).
        blocked: whether the context is blocked.
    """
    if blocked:
        return Decision(Verdict(Status.BLOCKED, StatusDetail.BLOCKED), f"the context {context} is blocked")
    if person is not None and person.is_deceased:
        return Decision(
            Verdict(Status.DECEASED, StatusDetail.DECEASED), f"{subject} is a deceased person's identifier"
        )
    # In order of appearance, each once.
    permissions = dict.fromkeys(granted)
    if context.type == "PeppolId" and context == subject:
        permissions = dict.fromkeys([PEF_INVOICE_WRITE, *permissions])
    owner = context.type == "Nip" and context in identifiers_of(subject, person)
    if owner:
        by_role = [_OF_BAILIFFS.value] if person is not None and person.is_bailiff else []
        permissions = dict.fromkeys([OWNER, *by_role, *permissions])
    if not permissions:
        return Decision(
            Verdict(Status.NO_PERMISSIONS, StatusDetail.NO_PERMISSIONS),
            f"{subject} is not the owner of {context} and has been granted nothing there",
        )
    return Decision(SUCCESS, f"{subject} in {context}: {', '.join(permissions)}", tuple(permissions))


def decide_for_token(
    author: Identifier,
    context: Identifier,
    permissions: Sequence[str],
    *,
    person: Person | None = None,
    granted: Iterable[str] = (),
    blocked: bool = False,
) -> Decision:
    """The rule for a KSeF token: it can do no more than its author can do now.

    Args:
        permissions: those that the token was made with.
        person, granted, blocked: as in `decide`, of the author.
    """
    if blocked or (person is not None and person.is_deceased):
        return decide(author, context, person=person, blocked=blocked)
    # A token was made inside of its context, unlike a certificate: what belongs to a NIP is its own here.
    nip = context.nip
    owners = {context} if nip is None else {context, Identifier("Nip", nip)}
    if owners.intersection(identifiers_of(author, person)):
        left = tuple(permissions)
    else:
        held = set(granted)
        left = tuple(permission for permission in permissions if permission in held)
    if not left:
        return Decision(
            Verdict(Status.NO_PERMISSIONS, StatusDetail.NO_PERMISSIONS),
            f"{author}, the token's author, holds none of its permissions in {context}",
        )
    return Decision(SUCCESS, f"a token of {author} in {context}: {', '.join(left)}", left)


def require_standing(decision: Decision, exchange: Exchange) -> None:
    """POST /auth/token/redeem and /refresh: what a login would be told now holds for its session too.

    Raises:
        BadRequest: 21308, a deceased person; 21301, no permission is left.
        Forbidden: security-service-blocked, the context is blocked.
    """
    status = decision.verdict.status
    if status is Status.BLOCKED:
        raise Forbidden(
            Reason.SECURITY_SERVICE_BLOCKED,
            reason=decision.reason,
            security={"incidentId": exchange.trace_id, "clientIp": exchange.client_ip},
        )
    if status is Status.DECEASED:
        raise BadRequest(Code.DECEASED_PERSON, reason=decision.reason)
    if status is not Status.SUCCESS:
        raise BadRequest(Code.NOT_AUTHORIZED, f"{StatusDetail.NO_PERMISSIONS}.", reason=decision.reason)


def identifiers_of(subject: Identifier, person: Person | None) -> tuple[Identifier, ...]:
    """Everything that names the subject: NIP and PESEL of a registered person are the same person."""
    if person is None:
        return (subject,)
    return (Identifier("Nip", person.nip), Identifier("Pesel", person.pesel))


def opens(grant: Grant, context: Identifier, delegations: Delegations) -> bool:
    """Whether a grant gives its holder its permission in `context`.

    An indirect one does so as long as the client lets its intermediary pass that permission on; what an
    entity is authorized for is done in its own context, so an authorization opens none.

    Args:
        delegations: what the entity of `grant.origin` may pass on; counts for indirect grants only.
    """
    if grant.kind is GrantKind.AUTHORIZATION:
        return False
    if grant.kind is GrantKind.INDIRECT:
        return grant.context in (None, context) and (context, grant.permission) in delegations
    return grant.context == context


def is_active(grant: Grant, delegations: Delegations) -> bool:
    """`permissionState`: an indirect grant is active while there is a client with whom it holds."""
    if grant.kind is not GrantKind.INDIRECT:
        return True
    return any(
        permission == grant.permission and grant.context in (None, client)
        for client, permission in delegations
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


# -- grants: who may give and take back -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Granting:
    """The rule of one kind of grant."""

    #: What it takes to give it, and to take it back.
    needs: str
    #: What can be given.
    permissions: tuple[str, ...]


_INVOICES = (Permission.INVOICE_WRITE.value, Permission.INVOICE_READ.value)

GRANTING: dict[GrantKind, Granting] = {
    GrantKind.PERSON: Granting(_MANAGE, tuple(permission.value for permission in Permission)),
    GrantKind.ENTITY: Granting(_MANAGE, _INVOICES),
    GrantKind.INDIRECT: Granting(_MANAGE, _INVOICES),
    # Administrators get everything that their kind of grant has, without a choice.
    GrantKind.SUBUNIT: Granting(_SUBUNITS, (_MANAGE,)),
    GrantKind.EU_ADMINISTRATION: Granting(
        _MANAGE, (VAT_UE_MANAGE, *_INVOICES, Permission.INTROSPECTION.value)
    ),
    GrantKind.EU_ENTITY: Granting(VAT_UE_MANAGE, _INVOICES),
    GrantKind.AUTHORIZATION: Granting(
        _MANAGE, ("SelfInvoicing", "RRInvoicing", "TaxRepresentative", "PefInvoicing")
    ),
}

#: The one authorization that is for Peppol service providers, and for nobody else.
_PEF_INVOICING = "PefInvoicing"

_ENFORCERS = frozenset({Role.ENFORCEMENT_AUTHORITY, Role.COURT_BAILIFF})
_PARENTS = frozenset({Role.LOCAL_GOVERNMENT_UNIT, Role.VAT_GROUP_UNIT})


@dataclass(frozen=True, slots=True)
class Facts:
    """What a change of permissions depends on, at the moment when it is carried out."""

    #: With the permissions that the author still has then.
    author: Actor
    #: Roles of the entity of the author's context.
    roles: frozenset[Role] = frozenset()
    #: NIPs of the units below it.
    units: frozenset[str] = frozenset()
    #: What it may pass on to persons.
    delegations: Delegations = ()
    #: Whether the one who shall be authorized is a deceased person.
    deceased: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """How an operation that grants or revokes ends; `reason` is for the journal."""

    status: ChangeStatus
    reason: str


def judge_grant(grant: Grant, facts: Facts) -> Judgement:
    """Whether a grant that was asked for is made. Which code is for which cause is not documented."""
    needs = GRANTING[grant.kind].needs
    if not facts.author.holds(needs):
        return Judgement(ChangeStatus.NOT_PERMITTED, f"the author does not hold {needs} any more")
    if facts.deceased:
        return Judgement(ChangeStatus.FORBIDDEN_IDENTIFIER, f"{grant.authorized} is a deceased person")
    return _JUDGES.get(grant.kind, _granted)(grant, facts)


def _granted(grant: Grant, facts: Facts) -> Judgement:
    del facts
    return Judgement(
        ChangeStatus.SUCCESS,
        f"{grant.authorized}: {grant.permission} in {grant.context or f'all clients of {grant.origin}'}",
    )


def _judge_person(grant: Grant, facts: Facts) -> Judgement:
    if grant.permission == Permission.ENFORCEMENT_OPERATIONS and not facts.roles & _ENFORCERS:
        return Judgement(
            ChangeStatus.WRONG_ROLE, f"{grant.origin} is neither an enforcement authority nor a bailiff"
        )
    return _granted(grant, facts)


def _judge_entity(grant: Grant, facts: Facts) -> Judgement:
    if grant.authorized.value == grant.origin.nip:
        return Judgement(ChangeStatus.FORBIDDEN_RELATION, f"{grant.authorized} cannot authorize itself")
    return _granted(grant, facts)


def _judge_authorization(grant: Grant, facts: Facts) -> Judgement:
    if (grant.permission == _PEF_INVOICING) is not (grant.authorized.type == "PeppolId"):
        return Judgement(
            ChangeStatus.FORBIDDEN_IDENTIFIER, f"{grant.permission} is not for a {grant.authorized.type}"
        )
    return _judge_entity(grant, facts)


def _judge_indirect(grant: Grant, facts: Facts) -> Judgement:
    client = grant.context
    if client is not None:
        if client.nip == grant.origin.nip:
            return Judgement(ChangeStatus.FORBIDDEN_RELATION, f"{client} is no client of its own")
        # Any permission will do: the grant is inactive until the client passes on this very one.
        if not any(client == delegating for delegating, _ in facts.delegations):
            return Judgement(
                ChangeStatus.UNRELATED_IDENTIFIERS, f"{client} lets {grant.origin} pass nothing on"
            )
    return _granted(grant, facts)


def _judge_subunit(grant: Grant, facts: Facts) -> Judgement:
    unit = grant.context
    assert unit is not None
    if unit.type == "InternalId":
        return _judge_own_context(grant, facts)
    if not facts.roles & _PARENTS:
        return Judgement(
            ChangeStatus.WRONG_ROLE, f"{grant.origin} is neither a VAT group nor a local government unit"
        )
    if unit.value not in facts.units:
        return Judgement(ChangeStatus.UNRELATED_IDENTIFIERS, f"{unit} is no unit of {grant.origin}")
    return _granted(grant, facts)


def _judge_own_context(grant: Grant, facts: Facts) -> Judgement:
    assert grant.context is not None
    if grant.context.nip != grant.origin.nip:
        return Judgement(
            ChangeStatus.UNRELATED_IDENTIFIERS,
            f"{grant.context} is not below the NIP of {grant.origin}",
        )
    return _granted(grant, facts)


_JUDGES = {
    GrantKind.PERSON: _judge_person,
    GrantKind.ENTITY: _judge_entity,
    GrantKind.AUTHORIZATION: _judge_authorization,
    GrantKind.INDIRECT: _judge_indirect,
    GrantKind.SUBUNIT: _judge_subunit,
    GrantKind.EU_ADMINISTRATION: _judge_own_context,
}


def require_revocation(actor: Actor, grant: Grant) -> None:
    """DELETE /permissions/*/grants/{permissionId}: what was granted here, and the actor could grant.

    Raises:
        Forbidden: insufficient-resource-access.
    """
    if grant.origin != actor.context or not actor.holds(GRANTING[grant.kind].needs):
        raise Forbidden(
            Reason.INSUFFICIENT_RESOURCE_ACCESS,
            reason=f"the {grant.kind} grant {grant.id} was made in {grant.origin} "
            f"and takes {GRANTING[grant.kind].needs} there to be revoked",
        )


def judge_revocation(grant: Grant | None, facts: Facts) -> Judgement:
    """Whether a revocation succeeds; `grant` is None if there is no such permission (any more)."""
    if grant is None:
        return Judgement(ChangeStatus.FAILED, "there is no such permission, or it was revoked before")
    needs = GRANTING[grant.kind].needs
    if not facts.author.holds(needs):
        return Judgement(ChangeStatus.NOT_PERMITTED, f"the author does not hold {needs} any more")
    return Judgement(ChangeStatus.SUCCESS, f"{grant.authorized} loses {grant.permission}")


# -- grants: who sees which -------------------------------------------------------------------------------

#: What /permissions/query/persons/grants is about; the other kinds have queries of their own.
_LISTED = frozenset({GrantKind.PERSON, GrantKind.ENTITY, GrantKind.SUBUNIT, GrantKind.INDIRECT})


def is_personal(grant: Grant, actor: Actor, *, client: bool) -> bool:
    """POST /permissions/query/personal/grants: what the actor itself holds, seen from its context.

    Args:
        client: whether the actor's context lets the entity of `grant.origin` pass permissions on.
    """
    own = grant.authorized in actor.identities
    if grant.kind is GrantKind.AUTHORIZATION:
        return False
    if grant.kind is GrantKind.INDIRECT:
        return own and (actor.context in (grant.origin, grant.context) or (grant.context is None and client))
    if grant.kind is GrantKind.ENTITY and grant.authorized == actor.context:
        return actor.owns_context
    return own and grant.context == actor.context


def is_in_force(grant: Grant, actor: Actor) -> bool:
    """PermissionsInCurrentContext: who can work here, and whom this context sends to its clients."""
    if not _may_see(grant, actor):
        return False
    return (grant.origin if grant.kind is GrantKind.INDIRECT else grant.context) == actor.context


def is_given(grant: Grant, actor: Actor) -> bool:
    """PermissionsGrantedInCurrentContext: what the actor itself has granted here."""
    return _may_see(grant, actor) and grant.origin == actor.context and grant.author in actor.identities


def _may_see(grant: Grant, actor: Actor) -> bool:
    # Who manages nothing but sub-units sees their administrators.
    if grant.kind is not GrantKind.SUBUNIT and not actor.holds(_MANAGE, _READ):
        return False
    return grant.kind in _LISTED


def is_subunit_administration(grant: Grant, actor: Actor) -> bool:
    """POST /permissions/query/subunits/grants: administrators appointed from this context."""
    return grant.kind is GrantKind.SUBUNIT and grant.origin == actor.context


def is_received(grant: Grant, actor: Actor) -> bool:
    """POST /permissions/query/entities/grants: what other entities let the entity of this context do."""
    return grant.kind is GrantKind.ENTITY and grant.authorized == actor.context


def is_authorization(grant: Grant, actor: Actor, *, received: bool) -> bool:
    """POST /permissions/query/authorizations/grants, by its queryType."""
    party = grant.authorized if received else grant.origin
    return grant.kind is GrantKind.AUTHORIZATION and party == actor.context


def is_of_eu_entity(grant: Grant, actor: Actor) -> bool:
    """POST /permissions/query/eu-entities/grants: all in a compound context, administrators from its NIP."""
    if actor.context.type == "NipVatUe":
        return grant.context == actor.context
    return grant.kind is GrantKind.EU_ADMINISTRATION and grant.origin == actor.context


# -- what belongs to somebody: logins, operations, certificates ---------------------------------------------

#: Whom KSeF certificates are issued for (OpenAPI: CertificateSubjectIdentifierType).
_CERTIFIED = ("Nip", "Pesel", "Fingerprint")


def require_own_login(principal: Principal, operation: Operation) -> None:
    """GET /auth/{referenceNumber}, DELETE /auth/sessions/{referenceNumber}: one's own.

    Raises:
        Forbidden: insufficient-resource-access.
    """
    if principal.kind is Kind.AUTHENTICATION:
        own = principal.operation == operation.reference
    else:
        own = principal.context == operation.context and principal.subject == operation.subject
    if not own:
        raise Forbidden(
            Reason.INSUFFICIENT_RESOURCE_ACCESS,
            reason=f"operation {operation.reference} is not of the bearer of this {principal.kind}",
        )


def require_own_change(actor: Actor, context: Identifier, author: Identifier) -> None:
    """GET /permissions/operations/{referenceNumber}: what one has started oneself.

    Raises:
        Forbidden: insufficient-resource-access.
    """
    if context != actor.context or author not in actor.identities:
        raise Forbidden(
            Reason.INSUFFICIENT_RESOURCE_ACCESS, reason=f"the operation is of {author} in {context}"
        )


def require_own_certificate(actor: Actor, holder: Identifier) -> None:
    """Requests for certificates and their revocation: one's own, whichever of one's identifiers it names.

    Raises:
        Forbidden: insufficient-resource-access.
    """
    if holder not in actor.identities:
        raise Forbidden(
            Reason.INSUFFICIENT_RESOURCE_ACCESS, reason=f"it belongs to {holder}, not to {actor.subject}"
        )


def require_no_token(actor: Actor) -> None:
    """POST /certificates/{certificateSerialNumber}/revoke: not after a login with a KSeF token.

    Raises:
        Forbidden: auth-method-not-allowed.
    """
    if actor.token is not None:
        raise Forbidden(
            Reason.AUTH_METHOD_NOT_ALLOWED,
            reason="certificates cannot be revoked after a login with a KSeF token",
            security={"authenticationMethodCategory": METHOD_INFO[AuthenticationMethod.TOKEN].category},
        )


def may_enroll(actor: Actor) -> bool:
    """Whether certificates are issued for such subjects at all, by the means of the login."""
    return actor.token is None and actor.subject.type in _CERTIFIED


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
