"""What follows a login, over HTTP: status, redeem, refresh, sessions, lifetimes, the kinds of JWT."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import jwt
import pytest

from ksef_mock.core.environment import Lifetimes
from ksef_mock.core.waiting import Delay
from ksef_mock.testing import MockServer
from tests.support import NIP, OTHER_NIP, Api, error

Serve = Callable[..., tuple[MockServer, Api]]

MINUTE, DAY = 60, 86_400


def started(api: Api, token: str) -> tuple[str, str]:
    """Reference number and authentication token of a login that nobody has asked for yet."""
    body = api.submit(api.token_request(token)).json()
    return body["referenceNumber"], body["authenticationToken"]["token"]


# -- status and its delay ---------------------------------------------------------------------------------


def test_success_shows_on_the_first_poll_by_default(api: Api, ksef_token: str) -> None:
    reference, token = started(api, ksef_token)
    body = api.call("GET", f"/auth/{reference}", bearer=token).json()
    assert body["status"] == {"code": 200, "description": "Uwierzytelnianie zakończone sukcesem"}
    assert body["authenticationMethod"] == "Token"
    assert body["authenticationMethodInfo"]["category"] == "Token"
    assert body["isTokenRedeemed"] is False
    assert "refreshTokenValidUntil" not in body


def test_delay_in_polls_answers_100_that_many_times(serve: Serve) -> None:
    mock, api = serve(delay=Delay(polls=2))
    submitted = api.submit(api.token_request(mock.issue_token(NIP)))
    assert [api.status(submitted)["code"] for _ in range(4)] == [100, 100, 200, 200]


def test_delay_in_seconds_answers_100_until_the_clock_has_passed_it(serve: Serve) -> None:
    mock, api = serve(delay=Delay(seconds=3))
    mock.clock.freeze()
    submitted = api.submit(api.token_request(mock.issue_token(NIP)))
    assert api.status(submitted) == {"code": 100, "description": "Uwierzytelnianie w toku"}
    mock.clock.advance(seconds=2.9)
    assert api.status(submitted)["code"] == 100
    mock.clock.advance(seconds=0.1)
    assert api.status(submitted)["code"] == 200


def test_failure_too_shows_only_after_the_delay(serve: Serve) -> None:
    _, api = serve(delay=Delay(polls=1))
    submitted = api.submit(api.token_request("no such token"))
    assert [api.status(submitted)["code"] for _ in range(2)] == [100, 450]


def test_status_of_an_unknown_operation_is_21304(api: Api, ksef_token: str) -> None:
    _, token = started(api, ksef_token)
    unknown = "20250514-AU-2DFC46C000-3AC6D5877F-D4"
    assert error(api.call("GET", f"/auth/{unknown}", bearer=token)) == (
        21304,
        "Brak uwierzytelnienia.",
        [f"Operacja uwierzytelniania o numerze referencyjnym {unknown} nie została znaleziona."],
    )


def test_status_of_another_operation_is_forbidden(api: Api, ksef_token: str) -> None:
    reference, _ = started(api, ksef_token)
    _, other_token = started(api, ksef_token)
    response = api.call("GET", f"/auth/{reference}", bearer=other_token)
    assert (response.status_code, response.json()["reasonCode"]) == (403, "insufficient-resource-access")


def test_reference_number_of_a_wrong_length_is_21405(api: Api, ksef_token: str) -> None:
    _, token = started(api, ksef_token)
    assert error(api.call("GET", "/auth/20250514-AU", bearer=token))[0] == 21405


def test_status_can_be_asked_with_the_access_token_of_the_same_subject(
    ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    login = api.login(ksef_token)
    assert api.call("GET", f"/auth/{login.reference}", bearer=login.access_token).status_code == 200
    stranger = api.login(ksef_mock.issue_token(OTHER_NIP), nip=OTHER_NIP)
    assert api.call("GET", f"/auth/{login.reference}", bearer=stranger.access_token).status_code == 403


def test_status_is_kept_for_seven_days_then_gone(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    ksef_mock.clock.freeze()
    old = api.login(ksef_token)
    ksef_mock.clock.advance(seconds=7 * DAY - 1)
    young = api.login(ksef_token)
    assert api.call("GET", f"/auth/{old.reference}", bearer=young.access_token).status_code == 200
    ksef_mock.clock.advance(seconds=1)
    response = api.call("GET", f"/auth/{old.reference}", bearer=young.access_token)
    assert response.status_code == 410
    assert response.json()["detail"] == "Operacja wygasła i nie jest już dostępna."
    ksef_mock.clock.advance(seconds=30 * DAY)  # the record itself has left the store by now
    fresh = api.login(ksef_token)
    assert api.call("GET", f"/auth/{old.reference}", bearer=fresh.access_token).status_code == 410


# -- redeem -----------------------------------------------------------------------------------------------


def test_redeem_before_success_is_refused(serve: Serve) -> None:
    mock, api = serve(delay=Delay(polls=1))
    _, token = started(api, mock.issue_token(NIP))
    detail = "Status uwierzytelniania (100) nie pozwala na pobranie tokenów."
    assert error(api.redeem(token)) == (21301, "Brak autoryzacji.", [detail])


def test_redeem_after_failure_is_refused(api: Api) -> None:
    _, token = started(api, "no such token")
    assert error(api.redeem(token))[2] == ["Status uwierzytelniania (450) nie pozwala na pobranie tokenów."]


def test_redeem_without_any_poll_succeeds_once_the_delay_is_over(api: Api, ksef_token: str) -> None:
    _, token = started(api, ksef_token)
    assert api.redeem(token).status_code == 200


def test_second_redeem_is_refused(api: Api, ksef_token: str) -> None:
    login = api.login(ksef_token)
    detail = f"Tokeny dla operacji uwierzytelniania {login.reference} zostały już pobrane."
    assert error(api.redeem(login.authentication_token)) == (21301, "Brak autoryzacji.", [detail])


def test_of_concurrent_redeems_exactly_one_wins(ksef_mock: MockServer, ksef_token: str) -> None:
    apis = [Api(ksef_mock.url) for _ in range(16)]
    _, token = started(apis[0], ksef_token)
    with ThreadPoolExecutor(len(apis)) as pool:
        statuses = sorted(pool.map(lambda api: api.redeem(token).status_code, apis))
    for api in apis:
        api.close()
    assert statuses == [200] + [400] * 15


def test_redeem_of_a_login_whose_ksef_token_was_revoked_is_refused(
    ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    _, token = started(api, ksef_token)
    ksef_mock.revoke_token(ksef_token)
    assert error(api.redeem(token)) == (21301, "Brak autoryzacji.", ["Token KSeF został unieważniony."])


# -- refresh ----------------------------------------------------------------------------------------------


def test_refresh_gives_a_new_access_token_again_and_again(api: Api, ksef_token: str) -> None:
    login = api.login(ksef_token)
    fresh = [api.refresh(login.refresh_token).json() for _ in range(3)]
    assert all(body.keys() == {"accessToken"} for body in fresh)
    tokens = {body["accessToken"]["token"] for body in fresh}
    assert len(tokens | {login.access_token}) == 4
    assert all(api.limits(token).status_code == 200 for token in tokens)


def test_refresh_is_noted_in_the_session(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    login = api.login(ksef_token)
    (before,) = api.call("GET", "/auth/sessions", bearer=login.access_token).json()["items"]
    api.refresh(login.refresh_token)
    (after,) = api.call("GET", "/auth/sessions", bearer=login.access_token).json()["items"]
    assert "lastTokenRefreshDate" not in before
    assert after["lastTokenRefreshDate"] > after["startDate"]


def test_concurrent_refreshes_all_succeed(ksef_mock: MockServer, ksef_token: str) -> None:
    apis = [Api(ksef_mock.url) for _ in range(8)]
    login = apis[0].login(ksef_token)
    with ThreadPoolExecutor(len(apis)) as pool:
        statuses = set(pool.map(lambda api: api.refresh(login.refresh_token).status_code, apis))
    for api in apis:
        api.close()
    assert statuses == {200}


def test_refresh_token_lives_seven_days(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    ksef_mock.clock.freeze()
    login = api.login(ksef_token)
    ksef_mock.clock.advance(seconds=7 * DAY - 1)
    assert api.refresh(login.refresh_token).status_code == 200
    ksef_mock.clock.advance(seconds=1)
    assert api.refresh(login.refresh_token).status_code == 401


def test_refresh_token_lives_from_the_login_on_however_late_it_was_fetched(
    ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    _, token = started(api, ksef_token)
    ksef_mock.clock.advance(seconds=40 * MINUTE)
    refresh_token = api.redeem(token).json()["refreshToken"]["token"]
    ksef_mock.clock.advance(seconds=7 * DAY - 45 * MINUTE)
    assert api.refresh(refresh_token).status_code == 200
    ksef_mock.clock.advance(seconds=6 * MINUTE)
    assert api.refresh(refresh_token).status_code == 401


def test_refresh_after_revocation_of_the_ksef_token_is_refused(
    ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    login = api.login(ksef_token)
    ksef_mock.revoke_token(ksef_token)
    assert error(api.refresh(login.refresh_token))[2] == ["Token KSeF został unieważniony."]


# -- lifetimes of the other tokens ------------------------------------------------------------------------


def test_access_token_lives_fifteen_minutes(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    ksef_mock.clock.freeze()
    login = api.login(ksef_token)
    ksef_mock.clock.advance(seconds=15 * MINUTE - 1)
    assert api.limits(login.access_token).status_code == 200
    ksef_mock.clock.advance(seconds=1)
    assert api.limits(login.access_token).status_code == 401
    assert "expired" in (ksef_mock.journal.last().reason or "")


def test_authentication_token_lives_forty_five_minutes(
    ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    ksef_mock.clock.freeze()
    _, first = started(api, ksef_token)
    _, second = started(api, ksef_token)
    ksef_mock.clock.advance(seconds=45 * MINUTE - 1)
    assert api.redeem(first).status_code == 200
    ksef_mock.clock.advance(seconds=1)
    assert api.redeem(second).status_code == 401


def test_valid_until_has_the_fractions_that_exp_cannot_have(
    ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    ksef_mock.clock.freeze()
    ksef_mock.clock.set(datetime(2026, 3, 1, 12, 0, 0, 654_321))
    body = api.submit(api.token_request(ksef_token)).json()["authenticationToken"]
    claims = jwt.decode(body["token"], options={"verify_signature": False})
    valid_until = datetime.fromisoformat(body["validUntil"]).timestamp()
    assert int(valid_until) == claims["exp"]
    assert valid_until != claims["exp"]


def test_lifetimes_are_settings(serve: Serve) -> None:
    mock, api = serve(lifetimes=Lifetimes(access_token=5))
    mock.clock.freeze()
    login = api.login(mock.issue_token(NIP))
    mock.clock.advance(seconds=5)
    assert api.limits(login.access_token).status_code == 401


# -- kinds of JWT -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["authentication_token", "access_token", "refresh_token"])
@pytest.mark.parametrize(
    ("method", "path", "accepted"),
    [
        ("POST", "/auth/token/redeem", {"authentication_token"}),
        ("POST", "/auth/token/refresh", {"refresh_token"}),
        ("GET", "/auth/{reference}", {"authentication_token", "access_token"}),
        ("GET", "/auth/sessions", {"access_token"}),
        ("GET", "/limits/context", {"access_token"}),
        ("GET", "/rate-limits", {"access_token"}),
        ("DELETE", "/auth/sessions/{reference}", {"access_token"}),
        ("DELETE", "/auth/sessions/current", {"access_token", "refresh_token"}),
    ],
)
def test_each_endpoint_takes_its_kinds_of_token_and_no_other(
    api: Api, ksef_token: str, kind: str, method: str, path: str, accepted: set[str]
) -> None:
    login = api.login(ksef_token)
    response = api.call(method, path.format(reference=login.reference), bearer=getattr(login, kind))
    if kind in accepted:
        # The login has been redeemed already: that is past the question of credentials.
        assert response.status_code in (200, 204) or error(response)[0] == 21301
    else:  # so that a client that refreshes on 401 does not
        assert response.status_code == 403
        assert response.json()["detail"] == "Brak dostępu do wskazanego zasobu."


def forged(token: str, **changes: object) -> dict[str, str]:
    """Variants of a genuine token that must not be accepted, by the name of the forgery."""
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))

    def encoded(part: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()

    return {
        "alg none": f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{payload}.",
        "alg none, signature kept": f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{payload}.{signature}",
        "other secret": jwt.encode(claims, b"k" * 32, "HS256"),
        "changed claims": f"{header}.{encoded(claims | {'exp': claims['exp'] + 900})}.{signature}",
        "HS512 with an empty key": jwt.encode(claims, b"e" * 64, "HS512"),
        "no signature": f"{header}.{payload}",
        "four parts": f"{token}.{signature}",
        "not base64": "a.b.c",
        "empty claims": f"{header}.{encoded({})}.{signature}",
        "not ASCII": "ą.ę.ć",
    }


@pytest.mark.parametrize("forgery", list(forged("e30.eyJleHAiOjF9.x")))
def test_forged_tokens_are_refused(ksef_mock: MockServer, api: Api, ksef_token: str, forgery: str) -> None:
    token = forged(api.login(ksef_token).access_token)[forgery]
    response = api.call("GET", "/limits/context", headers={"Authorization": f"Bearer {token}".encode()})
    assert response.status_code == 401
    assert (ksef_mock.journal.last().reason or "").startswith("JWT:")


def test_token_of_another_mock_is_refused(api: Api, serve: Serve) -> None:
    mock, other = serve()
    foreign = other.login(mock.issue_token(NIP))
    assert other.limits(foreign.access_token).status_code == 200
    assert api.limits(foreign.access_token).status_code == 401


def test_token_from_before_a_reset_is_refused(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    login = api.login(ksef_token)
    ksef_mock.reset()
    assert api.limits(login.access_token).status_code == 401


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic dXNlcjpwYXNz", "token"])
def test_request_without_bearer_token_is_refused_with_problem_json(api: Api, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = api.call("GET", "/limits/context", headers=headers)
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["www-authenticate"] == "Bearer"


def test_bearer_scheme_is_case_insensitive(api: Api, ksef_token: str) -> None:
    token = api.login(ksef_token).access_token
    assert api.call("GET", "/rate-limits", headers={"Authorization": f"bearer {token}"}).status_code == 200


# -- sessions ---------------------------------------------------------------------------------------------


def references(api: Api, access_token: str, **options: object) -> list[str]:
    response = api.call("GET", "/auth/sessions", bearer=access_token, **options)
    assert response.status_code == 200, response.text
    return [item["referenceNumber"] for item in response.json()["items"]]


def test_sessions_come_newest_first_and_mark_the_current_one(api: Api, ksef_token: str) -> None:
    logins = [api.login(ksef_token) for _ in range(3)]
    items = api.call("GET", "/auth/sessions", bearer=logins[1].access_token).json()["items"]
    assert [item["referenceNumber"] for item in items] == [login.reference for login in reversed(logins)]
    assert [item["isCurrent"] for item in items] == [False, True, False]
    assert all(item["isTokenRedeemed"] and item["refreshTokenValidUntil"] for item in items)


def test_sessions_of_other_contexts_are_not_listed(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    api.login(ksef_mock.issue_token(OTHER_NIP), nip=OTHER_NIP)
    login = api.login(ksef_token)
    assert references(api, login.access_token) == [login.reference]


def test_failed_and_unfinished_logins_are_no_sessions(serve: Serve) -> None:
    mock, api = serve(delay=Delay(seconds=5))
    mock.clock.freeze()
    token = mock.issue_token(NIP)
    _, authentication_token = started(api, token)
    mock.clock.advance(seconds=5)
    access_token = api.redeem(authentication_token).json()["accessToken"]["token"]
    started(api, "no such token")
    started(api, token)
    assert len(references(api, access_token)) == 1


def test_sessions_that_have_expired_are_not_listed(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    ksef_mock.clock.freeze()
    api.login(ksef_token)
    unredeemed, _ = started(api, ksef_token)
    login = api.login(ksef_token)
    assert unredeemed in references(api, login.access_token)
    ksef_mock.clock.advance(seconds=45 * MINUTE)
    access_token = api.refresh(login.refresh_token).json()["accessToken"]["token"]
    assert unredeemed not in references(api, access_token)
    ksef_mock.clock.advance(seconds=7 * DAY)
    fresh = api.login(ksef_token)
    assert references(api, fresh.access_token) == [fresh.reference]


def test_continuation_leads_through_all_pages_once(api: Api, ksef_token: str) -> None:
    logins = [api.login(ksef_token) for _ in range(25)]
    bearer = logins[0].access_token
    pages: list[list[str]] = []
    headers: dict[str, str] = {}
    while True:
        body = api.call("GET", "/auth/sessions", bearer=bearer, headers=headers).json()
        pages.append([item["referenceNumber"] for item in body["items"]])
        if "continuationToken" not in body:
            break
        headers = {"x-continuation-token": body["continuationToken"]}
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [each for page in pages for each in page] == [login.reference for login in reversed(logins)]


def test_page_that_ends_with_the_list_has_no_continuation(api: Api, ksef_token: str) -> None:
    logins = [api.login(ksef_token) for _ in range(10)]
    body = api.call("GET", "/auth/sessions", bearer=logins[0].access_token).json()
    assert len(body["items"]) == 10
    assert "continuationToken" not in body


@pytest.mark.parametrize("size", ["10", "100"])
def test_page_size_within_bounds_is_accepted(api: Api, ksef_token: str, size: str) -> None:
    assert len(references(api, api.login(ksef_token).access_token, params={"pageSize": size})) == 1


@pytest.mark.parametrize("size", ["9", "101", "-10"])
def test_page_size_out_of_bounds_is_refused_with_21405(api: Api, ksef_token: str, size: str) -> None:
    login = api.login(ksef_token)
    response = api.call("GET", "/auth/sessions", bearer=login.access_token, params={"pageSize": size})
    assert error(response)[0] == 21405


@pytest.mark.parametrize("size", ["ten", "", "1e2", "9" * 5000])
def test_page_size_that_is_no_number_is_refused_with_21001(api: Api, ksef_token: str, size: str) -> None:
    login = api.login(ksef_token)
    response = api.call("GET", "/auth/sessions", bearer=login.access_token, params={"pageSize": size})
    assert error(response)[0] == 21001


def test_empty_continuation_token_is_none(api: Api, ksef_token: str) -> None:
    login = api.login(ksef_token)
    headers = {"x-continuation-token": ""}
    response = api.call("GET", "/auth/sessions", bearer=login.access_token, headers=headers)
    assert response.status_code == 200


@pytest.mark.parametrize("continuation", ["x", "bnVsbA==", "WzFd", "W10=", "////"])
def test_unusable_continuation_token_is_refused_with_21418(
    api: Api, ksef_token: str, continuation: str
) -> None:
    login = api.login(ksef_token)
    response = api.call(
        "GET", "/auth/sessions", bearer=login.access_token, headers={"x-continuation-token": continuation}
    )
    assert error(response) == (
        21418,
        "Przekazany token kontynuacji ma nieprawidłowy format.",
        ["'continuationToken' is not in the correct format."],
    )


# -- the end of a session ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_logout_kills_the_refresh_token_and_spares_the_access_token(
    api: Api, ksef_token: str, kind: str
) -> None:
    login = api.login(ksef_token)
    assert api.call("DELETE", "/auth/sessions/current", bearer=getattr(login, kind)).status_code == 204
    detail = "Status uwierzytelnienia (425) nie pozwala na odświeżenie tokenu dostępowego."
    assert error(api.refresh(login.refresh_token)) == (21301, "Brak autoryzacji.", [detail])
    assert api.limits(login.access_token).status_code == 200
    assert references(api, login.access_token) == []


def test_status_of_a_revoked_session_is_425(api: Api, ksef_token: str) -> None:
    login = api.login(ksef_token)
    api.call("DELETE", f"/auth/sessions/{login.reference}", bearer=login.access_token)
    body = api.call("GET", f"/auth/{login.reference}", bearer=login.authentication_token).json()
    assert body["status"] == {
        "code": 425,
        "description": "Uwierzytelnienie unieważnione",
        "details": ["Uwierzytelnienie i powiązane refresh tokeny zostały unieważnione przez użytkownika"],
    }


def test_session_is_ended_by_its_reference_number(api: Api, ksef_token: str) -> None:
    first, second = api.login(ksef_token), api.login(ksef_token)
    response = api.call("DELETE", f"/auth/sessions/{first.reference}", bearer=second.access_token)
    assert response.status_code == 204
    assert error(api.refresh(first.refresh_token))[0] == 21301
    assert api.refresh(second.refresh_token).status_code == 200
    assert references(api, second.access_token) == [second.reference]


def test_login_ended_before_its_redeem_cannot_be_redeemed(api: Api, ksef_token: str) -> None:
    login = api.login(ksef_token)
    reference, token = started(api, ksef_token)
    assert api.call("DELETE", f"/auth/sessions/{reference}", bearer=login.access_token).status_code == 204
    assert error(api.redeem(token))[2] == ["Status uwierzytelniania (425) nie pozwala na pobranie tokenów."]


def test_ending_a_session_twice_is_refused(api: Api, ksef_token: str) -> None:
    login = api.login(ksef_token)
    assert api.call("DELETE", "/auth/sessions/current", bearer=login.access_token).status_code == 204
    assert error(api.call("DELETE", "/auth/sessions/current", bearer=login.access_token))[0] == 21405


def test_ending_an_unknown_session_is_refused(api: Api, ksef_token: str) -> None:
    login = api.login(ksef_token)
    unknown = "20250514-AU-2DFC46C000-3AC6D5877F-D4"
    assert error(api.call("DELETE", f"/auth/sessions/{unknown}", bearer=login.access_token))[0] == 21405


def test_ending_somebody_elses_session_is_forbidden(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    victim = api.login(ksef_token)
    stranger = api.login(ksef_mock.issue_token(OTHER_NIP), nip=OTHER_NIP)
    response = api.call("DELETE", f"/auth/sessions/{victim.reference}", bearer=stranger.access_token)
    assert (response.status_code, response.json()["reasonCode"]) == (403, "insufficient-resource-access")
    assert api.refresh(victim.refresh_token).status_code == 200
