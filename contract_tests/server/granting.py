"""What requirements about permissions have in common: contexts, grants and their outcome, queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from contract_tests.server import shapes
from contract_tests.server.expect import equal
from contract_tests.server.orders import ORDERS, body_of, internal_identifier
from contract_tests.server.probe import Probe
from contract_tests.server.reply import Reply
from contract_tests.server.workspace import Session

T = TypeVar("T")

STARTED = shapes.obj(referenceNumber=shapes.pattern(r".{36}"))
OPERATION = shapes.obj(status=shapes.STATUS_INFO)
_MOST_POLLS = 60
_IDENTIFIER = shapes.obj({"value": shapes.text}, type=shapes.text)
_STATES = shapes.choice("Active", "Inactive")
#: What every entry of a list of permissions has.
_ENTRY: dict[str, shapes.Shape] = {
    "id": shapes.pattern(r".{36}"),
    "description": shapes.text,
    "startDate": shapes.timestamp,
}
_SCOPED = {**_ENTRY, "permissionScope": shapes.text}


def _page(name: str, **members: shapes.Shape) -> shapes.Shape:
    return shapes.obj(**{name: shapes.array(shapes.obj(**members)), "hasMore": shapes.boolean})


#: Query -> the member of its answer that holds the list, and the answer's shape.
ANSWERS: dict[str, tuple[str, shapes.Shape]] = {
    "personal query": (
        "permissions",
        _page("permissions", **_SCOPED, permissionState=_STATES, canDelegate=shapes.boolean),
    ),
    "person query": (
        "permissions",
        _page(
            "permissions",
            **_SCOPED,
            authorizedIdentifier=_IDENTIFIER,
            authorIdentifier=_IDENTIFIER,
            permissionState=_STATES,
            canDelegate=shapes.boolean,
        ),
    ),
    "sub-unit query": (
        "permissions",
        _page(
            "permissions",
            **_SCOPED,
            authorizedIdentifier=_IDENTIFIER,
            authorIdentifier=_IDENTIFIER,
            subunitIdentifier=_IDENTIFIER,
        ),
    ),
    "entity query": (
        "permissions",
        _page("permissions", **_SCOPED, contextIdentifier=_IDENTIFIER, canDelegate=shapes.boolean),
    ),
    "subordinate query": (
        "roles",
        _page(
            "roles",
            subordinateEntityIdentifier=_IDENTIFIER,
            role=shapes.text,
            description=shapes.text,
            startDate=shapes.timestamp,
        ),
    ),
    "authorization query": (
        "authorizationGrants",
        _page(
            "authorizationGrants",
            **_ENTRY,
            authorizedEntityIdentifier=_IDENTIFIER,
            authorizingEntityIdentifier=_IDENTIFIER,
            authorizationScope=shapes.text,
        ),
    ),
    "EU entity query": (
        "permissions",
        _page(
            "permissions",
            **_SCOPED,
            authorIdentifier=_IDENTIFIER,
            vatUeIdentifier=shapes.text,
            euEntityName=shapes.text,
            authorizedFingerprintIdentifier=shapes.text,
        ),
    ),
}


def ordered(ctx: Probe, session: Session, order: str, /, **members: Any) -> Reply:
    """Send a right body of an operation, but for some of its members."""
    path, _ = ORDERS[order]
    body = body_of(order, **context_of(session)) | members
    return ctx.post(path, bearer=session.access_token, json=body)


def granted(ctx: Probe, session: Session, order: str, /, **members: Any) -> None:
    """Grant something, which must succeed."""
    ends(ctx, session, ordered(ctx, session, order, **members), 200)


def outcome(ctx: Probe, session: Session, started: Reply) -> int:
    """The status code in which an operation that grants or revokes ends."""
    reference = started.answers(202, STARTED).at("referenceNumber")
    code = 100
    for _ in range(_MOST_POLLS):
        reply = ctx.get(f"/permissions/operations/{reference}", bearer=session.access_token)
        code = reply.answers(200, OPERATION).at("status", "code")
        if code != 100:
            break
    return code


def ends(ctx: Probe, session: Session, started: Reply, code: int) -> None:
    """Expect that an operation ends in this status code."""
    equal("outcome of the operation", outcome(ctx, session, started), code)


def found(
    ctx: Probe,
    session: Session,
    query: str,
    /,
    *,
    parameters: Mapping[str, str] | None = None,
    **filters: Any,
) -> list[dict[str, Any]]:
    """What a query finds on its first page."""
    path, body = ORDERS[query]
    reply = ctx.post(path, bearer=session.access_token, json=body | filters, params=dict(parameters or {}))
    member, shape = ANSWERS[query]
    entries: list[dict[str, Any]] = reply.answers(200, shape).at(member)
    return entries


def only(entries: Sequence[T]) -> T:
    """The one entry of a list.

    Raises:
        Failed: it has another number of them.
    """
    equal("number of entries", len(entries), 1)
    return entries[0]


def context_of(session: Session) -> dict[str, str]:
    """What bodies need to know of the context they are for."""
    return {"nip": session.nip, "unit": internal_identifier(session.nip)}
