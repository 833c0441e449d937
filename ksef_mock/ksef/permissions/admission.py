"""Who may enter a context, by whatever means."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ksef_mock.core.codes import SUCCESS, Status, StatusDetail, Verdict
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.permissions import OWNER, PEF_INVOICE_WRITE, Permission
from ksef_mock.ksef.permissions.grants import Grant, GrantKind
from ksef_mock.ksef.subjects.subjects import Person

#: What an entity was given with the right to pass it on: (context of the client, permission).
Delegations: TypeAlias = Collection[tuple[Identifier, str]]

#: What a bailiff has beside `Owner` (OpenAPI: /testdata/person).
_OF_BAILIFFS = Permission.ENFORCEMENT_OPERATIONS


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
    if owns(author, context, person):
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


def owns(author: Identifier, context: Identifier, person: Person | None) -> bool:
    """Whether the context of a KSeF token is its author's own, who needs no grant there then.

    A token was made inside of its context, unlike a certificate: what belongs to a NIP is its own here.
    """
    nip = context.nip
    for identifier in identifiers_of(author, person):
        if identifier == context or (identifier.type == "Nip" and identifier.value == nip):
            return True
    return False


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
