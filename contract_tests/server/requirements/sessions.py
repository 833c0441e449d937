"""GET /auth/sessions, DELETE /auth/sessions/current and /auth/sessions/{referenceNumber}."""

from __future__ import annotations

from contract_tests.server import shapes
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal, fail, one_of
from contract_tests.server.identity import owner_of, random_nip
from contract_tests.server.probe import PROBLEM_DETAILS, Probe
from contract_tests.server.reply import Reply
from contract_tests.server.workspace import Session

_LIST = "OpenAPI GET /auth/sessions"
_CURRENT = "OpenAPI DELETE /auth/sessions/current"
_BY_REFERENCE = "OpenAPI DELETE /auth/sessions/{referenceNumber}"
_OWN = {Capability.SELF_SIGNED}
_MOST_PAGES = 20


@requirement(
    "KSEF-SESS-001",
    "The list of sessions is answered with 200, and every session has the documented members.",
    source=f"{_LIST}: AuthenticationListResponse",
)
def list_is_answered(ctx: Probe) -> None:
    session = ctx.session
    reply = _sessions(ctx, session, params={"pageSize": "100"})
    # The shared owner may have made more sessions than a page holds: newer ones come first.
    for _ in range(_MOST_PAGES):
        continuation = reply.json().get("continuationToken")
        if session.reference in _references(reply) or not continuation:
            break
        headers = {"x-continuation-token": str(continuation)}
        reply = _sessions(ctx, session, params={"pageSize": "100"}, headers=headers)
    if session.reference not in _references(reply):
        fail(f"the session {session.reference} in the list", _references(reply))


@requirement(
    "KSEF-SESS-002",
    "Exactly the session whose access token asks is current.",
    source=f"{_LIST}: isCurrent",
    needs=_OWN,
)
def current_is_the_askers(ctx: Probe) -> None:
    first, second = _two_sessions(ctx)
    for session in (first, second):
        reply = _sessions(ctx, session)
        current = [item["referenceNumber"] for item in reply.at("items") if item.get("isCurrent")]
        equal("current sessions", current, [session.reference])


@requirement(
    "KSEF-SESS-003",
    "The newest session comes first.",
    source=f"{_LIST}: startDate descending",
    needs=_OWN,
)
def newest_comes_first(ctx: Probe) -> None:
    first, second = _two_sessions(ctx)
    reply = _sessions(ctx, first)
    equal("order of the sessions", _references(reply), [second.reference, first.reference])
    dates = [item["startDate"] for item in reply.at("items")]
    equal("order of startDate", dates, sorted(dates, reverse=True))


@requirement(
    "KSEF-SESS-004",
    "A session in the list says what its status says: 200, its method, that it is redeemed.",
    source=f"{_LIST}: AuthenticationListItem",
)
def item_is_the_status(ctx: Probe) -> None:
    session = ctx.login_with_token()
    status = ctx.get(f"/auth/{session.reference}", bearer=session.access_token).answers(200).json()
    items = [
        item for item in _sessions(ctx, session).at("items") if item["referenceNumber"] == session.reference
    ]
    if not items:
        fail("the session in the list", "it is not there")
    for name in ("startDate", "authenticationMethod", "status", "isTokenRedeemed", "refreshTokenValidUntil"):
        equal(name, items[0].get(name), status.get(name))


@requirement(
    "KSEF-SESS-005",
    "More than a page of sessions comes in pages: each session once, and no continuation at the end.",
    source=f"{_LIST}: pageSize, x-continuation-token",
    needs=_OWN,
)
def list_comes_in_pages(ctx: Probe) -> None:
    nip = random_nip()
    credentials = owner_of(nip)
    made = [ctx.login_with_certificate(credentials, nip=nip) for _ in range(12)]
    expected = [session.reference for session in reversed(made)]
    first = _sessions(ctx, made[0], params={"pageSize": "10"})
    equal("first page", _references(first), expected[:10])
    continuation = first.at("continuationToken")
    second = _sessions(
        ctx, made[0], params={"pageSize": "10"}, headers={"x-continuation-token": continuation}
    )
    equal("second page", _references(second), expected[10:])
    equal("continuation after the last page", second.json().get("continuationToken") or None, None)


@requirement(
    "KSEF-SESS-006",
    "Without pageSize a page has ten sessions; with 100 all of eleven are on one.",
    source=f"{_LIST}: pageSize, 10 by default",
    needs=_OWN,
)
def default_page_is_ten(ctx: Probe) -> None:
    nip = random_nip()
    credentials = owner_of(nip)
    made = [ctx.login_with_certificate(credentials, nip=nip) for _ in range(11)]
    equal("sessions on a page", len(_references(_sessions(ctx, made[0]))), 10)
    equal(
        "sessions on a large page", len(_references(_sessions(ctx, made[0], params={"pageSize": "100"}))), 11
    )


@family(
    {"KSEF-SESS-007": ("9", 21405), "KSEF-SESS-008": ("101", 21405), "KSEF-SESS-009": ("ten", 21001)},
    lambda case: f"A pageSize of {case[0]} is refused with {case[1]}.",
    source=f"{_LIST}: pageSize from 10 to 100, 21405; 21001 since API 2.9.0",
)
def wrong_page_size_is_refused(ctx: Probe, case: tuple[str, int]) -> None:
    size, code = case
    bearer = ctx.session.access_token
    ctx.get("/auth/sessions", bearer=bearer, params={"pageSize": size}).refused(code, None)


@requirement(
    "KSEF-SESS-010",
    "A continuation token that KSeF has not made is refused with 21418, in both formats.",
    source=f"{_LIST}: 21418",
)
def foreign_continuation_is_refused(ctx: Probe) -> None:
    token = {"x-continuation-token": "of our own making"}
    bearer = ctx.session.access_token
    ctx.get("/auth/sessions", bearer=bearer, headers=token).refused(21418)
    ctx.get("/auth/sessions", bearer=bearer, headers=token | PROBLEM_DETAILS).refused(21418)


@requirement(
    "KSEF-SESS-011",
    "The list of sessions without a bearer token is 401.",
    source=f"{_LIST}: security, 401",
    read_only=True,
)
def list_needs_authentication(ctx: Probe) -> None:
    ctx.get("/auth/sessions").unauthorized()


@requirement(
    "KSEF-SESS-012",
    "Nobody sees the sessions of another context.",
    source="documented: sessions of the subject in its context",
    needs=_OWN,
)
def list_is_of_one_context(ctx: Probe) -> None:
    mine, other = ctx.new_session(), ctx.new_session()
    equal("sessions in the list", _references(_sessions(ctx, mine)), [mine.reference])
    equal("sessions in the other's list", _references(_sessions(ctx, other)), [other.reference])


@family(
    {"KSEF-SESS-013": "access_token", "KSEF-SESS-014": "refresh_token"},
    lambda kind: f"The {kind.replace('_', ' ')} ends its session: 204 without a body.",
    source=f"{_CURRENT}: RefreshToken or AccessToken",
)
def current_session_ends(ctx: Probe, kind: str) -> None:
    session = ctx.login_with_token()
    reply = ctx.delete("/auth/sessions/current", bearer=getattr(session, kind)).answers(204)
    equal("body", reply.text, "")
    ctx.refresh(session).refused(21301, None)


@requirement(
    "KSEF-SESS-015",
    "After its session has ended a live access token goes on working.",
    source=f"{_CURRENT}: active access tokens work until they expire",
)
def access_token_survives(ctx: Probe) -> None:
    session = ctx.login_with_token()
    ctx.delete("/auth/sessions/current", bearer=session.refresh_token).answers(204)
    ctx.get("/limits/context", bearer=session.access_token).answers(200)


@requirement(
    "KSEF-SESS-016",
    "Another session of the same subject is ended by its reference number: its refresh token is dead.",
    source=_BY_REFERENCE,
    needs=_OWN,
)
def session_ends_by_reference(ctx: Probe) -> None:
    first, second = _two_sessions(ctx)
    reply = ctx.delete(f"/auth/sessions/{second.reference}", bearer=first.access_token).answers(204)
    equal("body", reply.text, "")
    ctx.refresh(second).refused(21301, None)
    ctx.refresh(first).answers(200, shapes.REFRESHED)


@requirement(
    "KSEF-SESS-017",
    "A session that has ended is no longer in the list.",
    source=f"{_LIST}: active sessions",
    needs=_OWN,
)
def ended_session_leaves_the_list(ctx: Probe) -> None:
    first, second = _two_sessions(ctx)
    ctx.delete(f"/auth/sessions/{second.reference}", bearer=first.access_token).answers(204)
    equal("sessions in the list", _references(_sessions(ctx, first)), [first.reference])


@requirement(
    "KSEF-SESS-018",
    "Ending a session that does not exist, or has ended, is refused with 400.",
    source=f"{_BY_REFERENCE}: 400",
)
def unknown_session_is_refused(ctx: Probe) -> None:
    session = ctx.login_with_token()
    unknown = f"{session.reference[:12]}{'0' * 10}-{'0' * 10}-00"
    ctx.delete(f"/auth/sessions/{unknown}", bearer=session.access_token).error()
    ctx.delete("/auth/sessions/current", bearer=session.access_token).answers(204)
    ctx.delete(f"/auth/sessions/{session.reference}", bearer=session.access_token).error()


@requirement(
    "KSEF-SESS-019",
    "Nobody ends the session of somebody else: 400 or 403, and it lives on.",
    source=f"{_BY_REFERENCE}: 403",
    needs=_OWN,
)
def somebody_elses_session_lives_on(ctx: Probe) -> None:
    mine, other = ctx.new_session(), ctx.new_session()
    reply = ctx.delete(f"/auth/sessions/{other.reference}", bearer=mine.access_token)
    one_of("status", reply.status, (400, 403))
    ctx.refresh(other).answers(200, shapes.REFRESHED)


@family(
    {
        "KSEF-SESS-020": "/auth/sessions/current",
        "KSEF-SESS-021": "/auth/sessions/20250514-AU-2DFC46C000-3AC6D5877F-D4",
    },
    "DELETE {} without a bearer token is 401.",
    source="OpenAPI DELETE /auth/sessions/…: security, 401",
)
def ending_needs_authentication(ctx: Probe, path: str) -> None:
    ctx.delete(path).unauthorized()


@requirement(
    "KSEF-SESS-022",
    "A session whose refresh token has expired is no longer in the list.",
    source=f"{_LIST}: active sessions",
    needs={Capability.MOVABLE_CLOCK, Capability.SELF_SIGNED},
)
def expired_session_leaves_the_list(ctx: Probe) -> None:
    nip = random_nip()
    credentials = owner_of(nip)
    ctx.login_with_certificate(credentials, nip=nip)
    ctx.advance(7 * 86_400 + 1)
    later = ctx.login_with_certificate(credentials, nip=nip)
    equal("sessions in the list", _references(_sessions(ctx, later)), [later.reference])


def _two_sessions(ctx: Probe) -> tuple[Session, Session]:
    nip = random_nip()
    credentials = owner_of(nip)
    return ctx.login_with_certificate(credentials, nip=nip), ctx.login_with_certificate(credentials, nip=nip)


def _sessions(ctx: Probe, session: Session, **options: object) -> Reply:
    return ctx.get("/auth/sessions", bearer=session.access_token, **options).answers(200, shapes.SESSIONS)


def _references(reply: Reply) -> list[str]:
    return [item["referenceNumber"] for item in reply.at("items")]
