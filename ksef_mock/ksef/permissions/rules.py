"""Every decision about permissions: who may log in where, call what, and grant, take back or see what.

The rules are pure: they judge facts and change nothing. `ksef_mock.auth.permissions` gathers the facts and
keeps what was granted. Sources: the OpenAPI document (`x-required-permissions`, the descriptions of
/permissions and /tokens, status codes 415, 470, 480, the codes of an operation that grants or revokes),
/testdata, and the documented owner rule: whoever proves to be NIP X is the owner in the context of NIP X,
anybody else needs a permission.
"""

from __future__ import annotations

from dataclasses import dataclass

from ksef_mock.core.codes import ChangeStatus, Reason
from ksef_mock.core.errors import Forbidden
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.permissions import VAT_UE_MANAGE, Permission
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.permissions.grants import Grant, GrantKind
from ksef_mock.ksef.subjects.subjects import Role

# -- grants: who may give and take back -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Granting:
    """The rule of one kind of grant."""

    #: What it takes to give it, and to take it back.
    needs: str
    #: What can be given.
    permissions: tuple[str, ...]


_MANAGE = Permission.CREDENTIALS_MANAGE.value
_READ = Permission.CREDENTIALS_READ.value
_SUBUNITS = Permission.SUBUNIT_MANAGE.value
_INVOICES = (Permission.INVOICE_WRITE.value, Permission.INVOICE_READ.value)
#: What entities pass on (OpenAPI: EntityPermissionType, IndirectPermissionType).
_OF_ENTITIES = (*_INVOICES, Permission.COLLECTIVE_IDENTIFIER_MANAGE.value)

GRANTING: dict[GrantKind, Granting] = {
    GrantKind.PERSON: Granting(_MANAGE, tuple(permission.value for permission in Permission)),
    GrantKind.ENTITY: Granting(_MANAGE, _OF_ENTITIES),
    GrantKind.INDIRECT: Granting(_MANAGE, _OF_ENTITIES),
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
    # A unit may authorize the firm above it (seen on TEST), but nobody itself.
    if grant.authorized == grant.origin:
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
    if client is not None and client.nip == grant.origin.nip:
        return Judgement(ChangeStatus.FORBIDDEN_RELATION, f"{client} is no client of its own")
    # The client need not have passed anything on: the grant is inactive until it does (seen on TEST).
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
    return is_given_here(grant, actor) and grant.author in actor.identities


def is_given_here(grant: Grant, actor: Actor) -> bool:
    """The same filtered by the context of the login: whoever has granted it (seen on TEST)."""
    return _may_see(grant, actor) and grant.origin == actor.context


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


def require_own_change(actor: Actor, context: Identifier, author: Identifier) -> None:
    """GET /permissions/operations/{referenceNumber}: what one has started oneself.

    Raises:
        Forbidden: insufficient-resource-access.
    """
    if context != actor.context or author not in actor.identities:
        raise Forbidden(
            Reason.INSUFFICIENT_RESOURCE_ACCESS, reason=f"the operation is of {author} in {context}"
        )
