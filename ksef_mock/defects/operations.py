"""Defects of what follows a login: status, redeem, refresh, sessions."""

from __future__ import annotations

from typing import Any

import msgspec

from ksef_mock.clock import SECOND
from ksef_mock.core.codes import SUCCESS
from ksef_mock.core.environment import DAY
from ksef_mock.core.errors import BadRequest, Forbidden, Gone, NotFound, Unauthorized
from ksef_mock.core.waiting import Wait
from ksef_mock.defects.catalogue import defect
from ksef_mock.defects.mock import SESSIONS, STATUS, Answer, Ask, Mock
from ksef_mock.ksef.access.principal import Kind, Principal
from ksef_mock.ksef.auth.operation import OPERATIONS, Operation, State
from ksef_mock.state.update import update

_REDEEM = "/auth/token/redeem"
_REFRESH = "/auth/token/refresh"
_REDEEMED_BEFORE = "zostały już pobrane"


# -- status -----------------------------------------------------------------------------------------------


@defect("The status shows the outcome once it is known.")
def status_stays_at_100(mock: Mock) -> None:
    """The status of an operation is 100 for ever."""

    def change(status: dict[str, Any]) -> None:
        status.clear()
        status.update(code=100, description="Uwierzytelnianie w toku")

    mock.edit_status(change)


@defect("An operation in progress has the status 100.")
def outcome_shows_at_once(mock: Mock) -> None:
    """The outcome of a login shows at once, whatever the delay is."""

    def make(original: Any) -> Any:
        def prepare(**options: Any) -> Operation:
            operation: Operation = original(**options)
            return msgspec.structs.replace(operation, wait=Wait(operation.started_at))

        return prepare

    mock.replace(mock.system.operations, "prepare", make)


@defect("Each status has its documented description.")
def status_description_is_english(mock: Mock) -> None:
    """The description of every status is in English."""
    mock.edit_status(lambda status: status.update(description="Authentication status"))


@defect("A failed operation has the description of its code.")
def failure_has_general_description(mock: Mock) -> None:
    """Every failed login has the same description."""

    def change(status: dict[str, Any]) -> None:
        if status["code"] > 415:
            status["description"] = "Uwierzytelnianie zakończone niepowodzeniem"

    mock.edit_status(change)


@defect("The status has startDate.")
def status_lacks_start_date(mock: Mock) -> None:
    """The status of an operation has no startDate."""
    _status_lacks(mock, "startDate")


@defect("The status has authenticationMethodInfo.")
def status_lacks_method_info(mock: Mock) -> None:
    """The status of an operation has no authenticationMethodInfo."""
    _status_lacks(mock, "authenticationMethodInfo")


@defect("The status of a redeemed operation has refreshTokenValidUntil.")
def status_lacks_refresh_token_validity(mock: Mock) -> None:
    """The status of a redeemed operation does not say until when the refresh token is valid."""
    _status_lacks(mock, "refreshTokenValidUntil")


@defect("isTokenRedeemed tells whether the tokens were fetched.")
def is_token_redeemed_stays_false(mock: Mock) -> None:
    """isTokenRedeemed is false after the tokens were fetched."""

    def change(body: Any) -> None:
        body["isTokenRedeemed"] = False

    mock.edit_json(change, method="GET", path=STATUS, status=200)


@defect("authenticationMethod tells how the login was made.")
def status_has_other_method(mock: Mock) -> None:
    """Every login is shown as one with the Trusted Profile."""

    def change(body: Any) -> None:
        body["authenticationMethod"] = "TrustedProfile"

    mock.edit_json(change, method="GET", path=STATUS, status=200)


@defect("lastTokenRefreshDate tells when the access token was refreshed.")
def refresh_date_is_missing(mock: Mock) -> None:
    """The status does not tell when the access token was refreshed."""
    _status_lacks(mock, "lastTokenRefreshDate")


@defect("The status of somebody else's operation is refused with 403.")
def operations_of_others_are_visible(mock: Mock) -> None:
    """With any authentication token the status of every operation can be asked for."""

    def make(original: Any) -> Any:
        async def poll(reference: str, principal: Principal) -> Any:
            try:
                return await original(reference, principal)
            except Forbidden:
                return await mock.system.operations.find(reference)

        return poll

    mock.replace(mock.system.operations, "poll", make)


@defect("The status is kept for 7 days; after that it is answered with 410.")
def expired_operation_is_unknown(mock: Mock) -> None:
    """The status of an operation of 8 days ago is answered as if there had been none."""

    def make(original: Any) -> Any:
        async def poll(reference: str, principal: Principal) -> Any:
            try:
                return await original(reference, principal)
            except Gone:
                raise NotFound(reason="defect") from None

        return poll

    mock.replace(mock.system.operations, "poll", make)


@defect("The status is kept for 7 days.")
def status_is_gone_after_a_day(mock: Mock) -> None:
    """The status of an operation is answered with 410 from the second day on."""
    operations = mock.system.operations

    def is_gone(started_at: int) -> bool:
        return mock.system.clock.now() >= started_at + DAY * SECOND

    mock.replace(operations, "_is_gone", lambda _: is_gone)


@defect("The status of an unknown operation is refused with 21304.")
def unknown_operation_has_other_code(mock: Mock) -> None:
    """The status of an unknown operation is refused with 21405."""
    mock.recode(21304, 21405)


@defect("GET /auth/{referenceNumber} needs the authentication token.")
def status_needs_no_login(mock: Mock) -> None:
    """The status of an operation is told to whoever knows its reference number."""
    system = mock.system

    def make(original: Any) -> Any:
        async def poll(reference: str, principal: Principal) -> Any:
            if principal.operation == "":
                return await system.operations.find(reference)
            return await original(reference, principal)

        return poll

    def change(ask: Ask) -> None:
        if ask.header("authorization") is None:
            ask.set_header("authorization", "Bearer nobody")

    def reading(original: Any) -> Any:
        def read(token: str, *accepted: Kind) -> Principal:
            if token == "nobody":
                return Principal(Kind.AUTHENTICATION, "", {})
            principal: Principal = original(token, *accepted)
            return principal

        return read

    mock.replace(system.operations, "poll", make)
    mock.replace(system.jwts, "read", reading)
    mock.edit_request(change, method="GET", path=STATUS)


# -- redeem -----------------------------------------------------------------------------------------------


@defect("The tokens of an operation are handed out once.")
def tokens_are_redeemed_twice(mock: Mock) -> None:
    """A second redeem is answered with tokens again."""
    system = mock.system

    def make(original: Any) -> Any:
        async def redeem(reference: str, *rest: Any) -> Any:
            try:
                return await original(reference, *rest)
            except BadRequest as refusal:
                operation = await system.operations.find(reference)
                if operation is None or not any(_REDEEMED_BEFORE in text for text in refusal.details):
                    raise
                return system.jwts.access_token(operation), system.jwts.refresh_token(operation)

        return redeem

    mock.replace(system.operations, "redeem", make)


@defect("Tokens are handed out once the status is 200, and not before.")
def tokens_are_redeemed_before_success(mock: Mock) -> None:
    """An operation in progress can be redeemed."""

    def make(original: Any) -> Any:
        async def redeem(reference: str, *rest: Any) -> Any:
            await _change(mock, reference, lambda found: {"wait": Wait(found.started_at)})
            return await original(reference, *rest)

        return redeem

    mock.replace(mock.system.operations, "redeem", make)


@defect("No tokens are handed out for a login that has failed.")
def failed_login_is_redeemed(mock: Mock) -> None:
    """A login that has failed can be redeemed."""

    def make(original: Any) -> Any:
        async def redeem(reference: str, *rest: Any) -> Any:
            def changes(found: Operation) -> dict[str, Any]:
                if found.verdict == SUCCESS:
                    return {}
                return {
                    "verdict": SUCCESS,
                    "state": State.SUCCEEDED,
                    "token": None,
                    "permissions": ("Owner",),
                }

            await _change(mock, reference, changes)
            return await original(reference, *rest)

        return redeem

    mock.replace(mock.system.operations, "redeem", make)


@defect("A second redeem is refused with 21301.")
def second_redeem_has_other_code(mock: Mock) -> None:
    """A redeem that is refused has the code 21304."""
    mock.recode(21301, 21304)


@defect("The detail of a second redeem names the operation.")
def second_redeem_has_other_detail(mock: Mock) -> None:
    """The detail of a second redeem does not name the operation."""

    def change(error: dict[str, Any]) -> None:
        if any(_REDEEMED_BEFORE in text for text in error.get("details", ())):
            error["details"] = ["Tokeny zostały już pobrane."]

    mock.edit_errors(change)


@defect("The detail of a redeem before success names the status: (100) nie pozwala na pobranie tokenów.")
def early_redeem_has_other_detail(mock: Mock) -> None:
    """The detail of a redeem before success does not name the status."""

    def change(error: dict[str, Any]) -> None:
        if any("nie pozwala" in text for text in error.get("details", ())):
            error["details"] = ["Status uwierzytelniania nie pozwala na pobranie tokenów."]

    mock.edit_errors(change)


@defect("Redeem answers with an access token and a refresh token.")
def redeem_lacks_refresh_token(mock: Mock) -> None:
    """Redeem answers with an access token alone."""
    mock.edit_json(lambda body: body.pop("refreshToken"), path=_REDEEM, status=200)


@defect("Redeem takes no access token.")
def access_token_redeems(mock: Mock) -> None:
    """Redeem takes an access token too."""
    _also_takes(mock, Kind.ACCESS, _REDEEM)


# -- refresh ----------------------------------------------------------------------------------------------


@defect("The refresh token does not rotate: it is good for many refreshes.")
def refresh_token_works_once(mock: Mock) -> None:
    """A refresh token is good for one refresh."""
    used: set[str] = set()

    def make(original: Any) -> Any:
        async def refresh(reference: str, *rest: Any) -> Any:
            if reference in used:
                raise Unauthorized(reason="defect: refreshed before")
            issued = await original(reference, *rest)
            used.add(reference)
            return issued

        return refresh

    mock.replace(mock.system.operations, "refresh", make)


@defect("The answer to a refresh has an access token alone.")
def refresh_answers_with_refresh_token(mock: Mock) -> None:
    """The answer to a refresh has a refresh token too."""

    def change(body: Any) -> None:
        body["refreshToken"] = dict(body["accessToken"])

    mock.edit_json(change, path=_REFRESH, status=200)


@defect("Refresh answers with a new access token.")
def refresh_repeats_the_access_token(mock: Mock) -> None:
    """A refresh answers with the access token that was issued before."""
    issued: dict[str, Any] = {}

    def remembering(original: Any) -> Any:
        def access_token(operation: Operation) -> Any:
            return issued.setdefault(operation.reference, original(operation))

        return access_token

    mock.replace(mock.system.jwts, "access_token", remembering)


@defect("A session that was revoked is not refreshed.")
def revoked_session_is_refreshed(mock: Mock) -> None:
    """The refresh token of a revoked session is good still."""
    system = mock.system

    def make(original: Any) -> Any:
        async def refresh(reference: str, *rest: Any) -> Any:
            operation = await system.operations.find(reference)
            if operation is not None and operation.state is State.REVOKED:
                return system.jwts.access_token(operation)
            return await original(reference, *rest)

        return refresh

    mock.replace(system.operations, "refresh", make)


@defect("When its KSeF token is revoked a session is no longer refreshed.")
def session_outlives_its_ksef_token(mock: Mock) -> None:
    """A session is refreshed although its KSeF token was revoked."""
    system = mock.system

    def make(original: Any) -> Any:
        async def refresh(reference: str, *rest: Any) -> Any:
            try:
                return await original(reference, *rest)
            except BadRequest as refusal:
                operation = await system.operations.find(reference)
                if operation is None or not any("Token KSeF" in text for text in refusal.details):
                    raise
                return system.jwts.access_token(operation)

        return refresh

    mock.replace(system.operations, "refresh", make)


@defect("Refresh takes the refresh token.")
def access_token_refreshes(mock: Mock) -> None:
    """Refresh takes an access token too."""
    _also_takes(mock, Kind.ACCESS, _REFRESH)


@defect("A refresh token is no access token.")
def refresh_token_is_an_access_token(mock: Mock) -> None:
    """With a refresh token the whole API can be called."""

    def make(original: Any) -> Any:
        def read(token: str, *accepted: Kind) -> Principal:
            principal: Principal = original(token, *accepted, Kind.REFRESH)
            if Kind.REFRESH not in accepted and principal.kind is Kind.REFRESH:
                principal.claims.setdefault("per", '["Owner"]')
            return principal

        return read

    mock.replace(mock.system.jwts, "read", make)


@defect("An authentication token is no access token.")
def authentication_token_lists_sessions(mock: Mock) -> None:
    """With an authentication token the sessions can be listed."""

    def make(original: Any) -> Any:
        async def sessions(principal: Principal, size: int, continuation: str | None) -> Any:
            if principal.kind is Kind.AUTHENTICATION:
                operation = await mock.system.operations.find(principal.operation)
                assert operation is not None
                claims = {
                    "cit": operation.context.type,
                    "civ": operation.context.value,
                    "asi": msgspec.json.encode(operation.subject).decode(),
                }
                principal = Principal(Kind.ACCESS, principal.operation, claims)
            return await original(principal, size, continuation)

        return sessions

    mock.replace(mock.system.operations, "sessions", make)
    _also_takes(mock, Kind.AUTHENTICATION, SESSIONS)


# -- sessions ---------------------------------------------------------------------------------------------


@defect("Sessions are listed newest first.")
def sessions_are_listed_oldest_first(mock: Mock) -> None:
    """Sessions are listed oldest first."""
    mock.edit_json(lambda body: body["items"].reverse(), method="GET", path=SESSIONS, status=200)


@defect("isCurrent marks the session of the access token.")
def no_session_is_current(mock: Mock) -> None:
    """isCurrent is false for every session."""
    _each_session(mock, isCurrent=False)


@defect("isCurrent marks the session of the access token, and no other.")
def every_session_is_current(mock: Mock) -> None:
    """isCurrent is true for every session."""
    _each_session(mock, isCurrent=True)


@defect("pageSize is between 10 and 100.")
def page_size_is_not_checked(mock: Mock) -> None:
    """A pageSize out of bounds is replaced by 10."""

    def change(ask: Ask) -> None:
        _, found, size = ask.query.partition("pageSize=")
        number = size.partition("&")[0]
        if found and not (number.isdigit() and 10 <= int(number) <= 100):
            ask.query = ask.query.replace(f"pageSize={number}", "pageSize=10")

    mock.edit_request(change, method="GET")


@defect("A list that goes on has a continuationToken.")
def sessions_have_no_second_page(mock: Mock) -> None:
    """The list of sessions ends with its first page."""
    mock.edit_json(lambda body: body.pop("continuationToken", None), method="GET", path=SESSIONS, status=200)


@defect("x-continuation-token leads to the next page.")
def continuation_token_is_ignored(mock: Mock) -> None:
    """With a continuation token the first page is answered again."""
    mock.edit_request(lambda ask: ask.set_header("x-continuation-token", None), method="GET")


@defect("A continuation token that is none of KSeF's is refused with 21418.")
def bad_continuation_token_has_other_code(mock: Mock) -> None:
    """A continuation token that is none of KSeF's is refused with 21405."""
    mock.recode(21418, 21405)


@defect("DELETE /auth/sessions/current ends the session.")
def ending_the_session_has_no_effect(mock: Mock) -> None:
    """DELETE /auth/sessions/current is answered and ends nothing."""
    mock.swallow("DELETE", "/auth/sessions/current", status=204)


@defect("DELETE /auth/sessions/{referenceNumber} ends that session.")
def ending_another_session_ends_the_own(mock: Mock) -> None:
    """DELETE /auth/sessions/{referenceNumber} ends the session of the access token."""

    def make(original: Any) -> Any:
        async def revoke(reference: str, principal: Principal) -> None:
            del reference
            await original(principal.operation, principal)

        return revoke

    mock.replace(mock.system.operations, "revoke", make)


@defect("A live access token lasts until exp, even if its session is ended.")
def ended_session_kills_its_access_token(mock: Mock) -> None:
    """The access token of an ended session is refused."""
    ended: set[str] = set()

    def revoking(original: Any) -> Any:
        async def revoke(reference: str, principal: Principal) -> None:
            await original(reference, principal)
            ended.add(reference)

        return revoke

    def reading(original: Any) -> Any:
        def read(token: str, *accepted: Kind) -> Principal:
            principal: Principal = original(token, *accepted)
            if principal.operation in ended:
                raise Unauthorized(reason="defect: the session was ended")
            return principal

        return read

    mock.replace(mock.system.operations, "revoke", revoking)
    mock.replace(mock.system.jwts, "read", reading)


@defect("A session that was ended is no longer listed.")
def ended_session_stays_in_the_list(mock: Mock) -> None:
    """A session that was ended is listed still."""
    operations = mock.system.operations

    def make(original: Any) -> Any:
        async def advance(operation: Operation, step: Any, *also: Any) -> Operation:
            if mock.asking()[0] == "DELETE":
                also = ()  # the index of sessions stays as it is
            advanced: Operation = await original(operation, step, *also)
            return advanced

        return advance

    async def active(reference: str) -> Operation | None:
        return await operations.find(reference)

    mock.watch()
    mock.replace(operations, "_advance", make)
    mock.replace(operations, "_active", lambda _: active)


@defect("Somebody else's session cannot be ended: 403.")
def sessions_of_others_can_be_ended(mock: Mock) -> None:
    """Whoever knows the reference number of a session can end it."""

    def make(original: Any) -> Any:
        async def revoke(reference: str, principal: Principal) -> None:
            operation = await mock.system.operations.find(reference)
            if operation is not None:
                claims = principal.claims | {
                    "cit": operation.context.type,
                    "civ": operation.context.value,
                    "asi": msgspec.json.encode(operation.subject).decode(),
                }
                principal = Principal(principal.kind, principal.operation, claims)
            await original(reference, principal)

        return revoke

    mock.replace(mock.system.operations, "revoke", make)


@defect("Ending a session that is unknown or has ended is refused with 400.")
def unknown_session_is_ended(mock: Mock) -> None:
    """Ending a session that there is not is answered with 204."""

    def make(original: Any) -> Any:
        async def revoke(reference: str, principal: Principal) -> None:
            try:
                await original(reference, principal)
            except BadRequest:
                return

        return revoke

    mock.replace(mock.system.operations, "revoke", make)


@defect("Ending a session is answered with 204.")
def ending_a_session_is_answered_with_200(mock: Mock) -> None:
    """Ending a session is answered with 200."""

    def change(answer: Answer) -> None:
        answer.status = 200

    mock.edit_answer(change, method="DELETE", path=f"{SESSIONS}/.*", status=204)


@defect("DELETE /auth/sessions/current takes the refresh token too.")
def refresh_token_does_not_end_the_session(mock: Mock) -> None:
    """DELETE /auth/sessions/current takes the access token alone."""

    def make(original: Any) -> Any:
        def read(token: str, *accepted: Kind) -> Principal:
            if mock.asking() == ("DELETE", "/auth/sessions/current"):
                accepted = (Kind.ACCESS,)
            principal: Principal = original(token, *accepted)
            return principal

        return read

    mock.watch()
    mock.replace(mock.system.jwts, "read", make)


# -- tools ------------------------------------------------------------------------------------------------


def _status_lacks(mock: Mock, member: str) -> None:
    mock.edit_json(lambda body: body.pop(member, None), method="GET", path=STATUS, status=200)


def _each_session(mock: Mock, **members: Any) -> None:
    def change(body: Any) -> None:
        for item in body["items"]:
            item.update(members)

    mock.edit_json(change, method="GET", path=SESSIONS, status=200)


def _also_takes(mock: Mock, kind: Kind, path: str) -> None:
    """Let the operation at `path` take JWTs of another kind too."""

    def make(original: Any) -> Any:
        def read(token: str, *accepted: Kind) -> Principal:
            # Where two kinds are accepted, it is to find out whose requests are counted.
            more = (kind,) if mock.asking()[1] == path and len(accepted) == 1 else ()
            principal: Principal = original(token, *accepted, *more)
            return principal

        return read

    mock.watch()
    mock.replace(mock.system.jwts, "read", make)


async def _change(mock: Mock, reference: str, changes: Any) -> None:
    """Change the record of an operation."""
    await update(
        mock.system.store,
        OPERATIONS,
        reference,
        lambda found: msgspec.structs.replace(found, **changes(found)),
        expires_at=mock.system.operations._forgotten_at,
    )
