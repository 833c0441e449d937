"""POST /auth/token/redeem and POST /auth/token/refresh."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from contract_tests.server import shapes
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import requirement
from contract_tests.server.expect import different, equal, fail
from contract_tests.server.probe import PROBLEM_DETAILS, Probe
from contract_tests.server.workspace import claims_of

_REDEEM = "OpenAPI POST /auth/token/redeem"
_REFRESH = "OpenAPI POST /auth/token/refresh"
_TOKEN_REVOKED = "Token KSeF został unieważniony."
_MOMENT = timedelta(milliseconds=1)


# -- redeem -----------------------------------------------------------------------------------------------


@requirement(
    "KSEF-REDEEM-001",
    "Redeeming a successful login is answered with 200, an access token and a refresh token.",
    source=f"{_REDEEM}: AuthenticationTokensResponse",
)
def gives_two_tokens(ctx: Probe) -> None:
    started = ctx.start_token_login()
    ctx.ends(started, 200)
    reply = ctx.redeem(started).answers(200, shapes.TOKENS)
    different("refresh token", reply.at("refreshToken", "token"), reply.at("accessToken", "token"))


@requirement(
    "KSEF-REDEEM-002",
    "A login is redeemed once: the second time is refused with 21301, naming the operation.",
    source=f"{_REDEEM}: 21301",
)
def happens_once(ctx: Probe) -> None:
    started = ctx.start_token_login()
    ctx.finish(started)
    detail = f"Tokeny dla operacji uwierzytelniania {started.reference} zostały już pobrane."
    ctx.redeem(started).refused(21301, detail)
    again = ctx.post("/auth/token/redeem", bearer=started.token, headers=PROBLEM_DETAILS)
    equal("content type", again.refused(21301, detail).content_type, "application/problem+json")


@requirement(
    "KSEF-REDEEM-003",
    "Of redemptions at the same time exactly one gets tokens, the others 21301.",
    source=f"{_REDEEM}: once",
)
def happens_once_at_the_same_time(ctx: Probe) -> None:
    started = ctx.start_token_login()
    ctx.ends(started, 200)
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: ctx.redeem(started), range(4)))
    equal("statuses of four redemptions", sorted(reply.status for reply in replies), [200, 400, 400, 400])
    for reply in replies:
        if reply.status == 400:
            reply.refused(21301, None)


@requirement(
    "KSEF-REDEEM-004",
    "A login that is still being worked on is not redeemed: 21301, naming the status 100.",
    source=f"{_REDEEM}: 21301",
    needs={Capability.FAULTS},
)
def waits_for_success(ctx: Probe) -> None:
    body = ctx.token_request()
    ctx.controls.fault(path="/auth/ksef-token", hold_polls=1)
    started = ctx.started(ctx.submit_token(body))
    ctx.redeem(started).refused(21301, "Status uwierzytelniania (100) nie pozwala na pobranie tokenów.")
    ctx.finish(started)


@requirement(
    "KSEF-REDEEM-005",
    "A login that failed is not redeemed: 21301, naming its status.",
    source=f"{_REDEEM}: 21301; a client was seen that redeems whatever the status",
)
def refuses_a_failed_login(ctx: Probe) -> None:
    challenge = ctx.challenge()
    started = ctx.start_token_login(challenge=challenge, plaintext=f"nothing|{challenge.timestamp_ms}")
    ctx.ends(started, 450, "Nieprawidłowy token")
    ctx.redeem(started).refused(21301, "Status uwierzytelniania (450) nie pozwala na pobranie tokenów.")


@requirement(
    "KSEF-REDEEM-006",
    "Redeeming without a bearer token is 401.",
    source=f"{_REDEEM}: security, 401",
)
def needs_the_authentication_token(ctx: Probe) -> None:
    ctx.post("/auth/token/redeem").unauthorized()


@requirement(
    "KSEF-REDEEM-007",
    "Redeeming and refreshing take no body, {}, and a JSON content type without a body.",
    source="seen in public clients",
)
def takes_every_empty_body(ctx: Probe) -> None:
    json_type = {"Content-Type": "application/json"}
    empty: tuple[dict[str, Any], ...] = ({}, {"json": {}}, {"headers": json_type})
    for options in empty:
        started = ctx.start_token_login()
        ctx.ends(started, 200)
        tokens = ctx.post("/auth/token/redeem", bearer=started.token, **options).answers(200, shapes.TOKENS)
        refresh_token = tokens.at("refreshToken", "token")
        ctx.post("/auth/token/refresh", bearer=refresh_token, **options).answers(200, shapes.REFRESHED)


@requirement(
    "KSEF-REDEEM-008",
    "A login whose KSeF token was revoked meanwhile is not redeemed: 21301, Token KSeF został unieważniony.",
    source=f"{_REDEEM}: 21301",
)
def refuses_a_revoked_ksef_token(ctx: Probe) -> None:
    owner = ctx.owner
    token, reference = ctx.new_token(owner.session)
    started = ctx.start_token_login(token, nip=owner.session.nip)
    ctx.ends(started, 200)
    ctx.delete(f"/tokens/{reference}", bearer=owner.session.access_token).answers(204)
    ctx.redeem(started).refused(21301, _TOKEN_REVOKED)


@requirement(
    "KSEF-REDEEM-009",
    "The authentication token lives 45 minutes: until then a login can be redeemed, at its exp it is 401.",
    source="seen on TEST: exp - iat = 2700",
    needs={Capability.MOVABLE_CLOCK},
)
def authentication_token_expires(ctx: Probe) -> None:
    ctx.freeze()
    in_time, late = ctx.start_token_login(), ctx.start_token_login()
    expiry = _expiry(late.token)
    ctx.set_clock(expiry - _MOMENT)
    ctx.finish(in_time)
    ctx.set_clock(expiry)
    ctx.redeem(late).unauthorized()


# -- refresh ----------------------------------------------------------------------------------------------


@requirement(
    "KSEF-REFRESH-001",
    "A refresh is answered with 200 and an access token, which works.",
    source=f"{_REFRESH}: AuthenticationTokenRefreshResponse",
)
def gives_an_access_token(ctx: Probe) -> None:
    session = ctx.login_with_token()
    reply = ctx.refresh(session).answers(200, shapes.REFRESHED)
    # Within one second it may be the very token that was redeemed.
    ctx.get("/limits/context", bearer=reply.at("accessToken", "token")).answers(200)


@requirement(
    "KSEF-REFRESH-002",
    "The refresh token does not rotate: it refreshes many times, and no new one is handed out.",
    source="documented",
)
def does_not_rotate(ctx: Probe) -> None:
    session = ctx.login_with_token()
    for _ in range(3):
        reply = ctx.refresh(session).answers(200, shapes.REFRESHED)
        if "refreshToken" in reply.json():
            fail("no refreshToken in the answer", "one")
        ctx.get("/limits/context", bearer=reply.at("accessToken", "token")).answers(200)


@requirement(
    "KSEF-REFRESH-003",
    "The access token from before a refresh goes on working.",
    source="documented: access tokens last until they expire",
)
def keeps_the_old_access_token(ctx: Probe) -> None:
    session = ctx.login_with_token()
    ctx.refresh(session).answers(200)
    ctx.get("/limits/context", bearer=session.access_token).answers(200)


@requirement(
    "KSEF-REFRESH-004",
    "Refreshing without a bearer token is 401.",
    source=f"{_REFRESH}: security, 401",
)
def needs_the_refresh_token(ctx: Probe) -> None:
    ctx.post("/auth/token/refresh").unauthorized()


@requirement(
    "KSEF-REFRESH-005",
    "A session that was ended is not refreshed: 21301, naming the status 425.",
    source=f"{_REFRESH}: 21301",
)
def refuses_an_ended_session(ctx: Probe) -> None:
    session = ctx.login_with_token()
    ctx.delete("/auth/sessions/current", bearer=session.refresh_token).answers(204)
    detail = "Status uwierzytelnienia (425) nie pozwala na odświeżenie tokenu dostępowego."
    ctx.refresh(session).refused(21301, detail)
    ctx.post("/auth/token/refresh", bearer=session.refresh_token, headers=PROBLEM_DETAILS).refused(
        21301, detail
    )


@requirement(
    "KSEF-REFRESH-006",
    "A session whose KSeF token was revoked is not refreshed: 21301, Token KSeF został unieważniony.",
    source=f"{_REFRESH}: 21301",
)
def refuses_a_revoked_ksef_token_too(ctx: Probe) -> None:
    owner = ctx.owner
    token, reference = ctx.new_token(owner.session)
    session = ctx.login_with_token(token, nip=owner.session.nip)
    ctx.delete(f"/tokens/{reference}", bearer=owner.session.access_token).answers(204)
    ctx.refresh(session).refused(21301, _TOKEN_REVOKED)


@requirement(
    "KSEF-REFRESH-007",
    "A refresh token refreshes until its exp, at which it is 401.",
    source="documented: up to 7 days",
    needs={Capability.MOVABLE_CLOCK},
)
def refresh_token_expires(ctx: Probe) -> None:
    ctx.freeze()
    session = ctx.login_with_token()
    expiry = _expiry(session.refresh_token)
    ctx.set_clock(expiry - _MOMENT)
    ctx.refresh(session).answers(200, shapes.REFRESHED)
    ctx.set_clock(expiry)
    ctx.refresh(session).unauthorized()


@requirement(
    "KSEF-REFRESH-008",
    "A refresh does not prolong the refresh token: refreshTokenValidUntil stays.",
    source="documented: the refresh token does not rotate",
)
def does_not_prolong(ctx: Probe) -> None:
    started = ctx.start_token_login()
    session = ctx.finish(started)
    before = ctx.poll(started).answers(200).at("refreshTokenValidUntil")
    ctx.refresh(session).answers(200)
    equal("refreshTokenValidUntil", ctx.poll(started).answers(200).at("refreshTokenValidUntil"), before)


def _expiry(token: str) -> datetime:
    exp = claims_of(token).get("exp")
    if not isinstance(exp, int):
        fail("a claim exp", exp)
    return datetime.fromtimestamp(exp, UTC)
