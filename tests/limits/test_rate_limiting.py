"""Rate limits over HTTP: off by default, by settings and by /testdata; whose requests count together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.responses import Response
from starlette.routing import Mount, Route, Router

from ksef_mock.app import _ROOMS, create_app
from ksef_mock.gateway.endpoints import endpoints
from ksef_mock.gateway.gateway import Gateway
from ksef_mock.settings import Settings
from ksef_mock.system.system import System
from ksef_mock.testing import MockServer
from tests.limits.test_limits import rates
from tests.support import NIP, OTHER_NIP, Api

Serve = Callable[..., tuple[MockServer, Api]]


def limited(serve: Serve, rate_limits: str = "test", **options: Any) -> tuple[MockServer, Api]:
    """A mock with a standing clock and rate limits."""
    mock, api = serve(settings=Settings(rate_limits=rate_limits, **options))  # type: ignore[arg-type]
    mock.clock.freeze()
    return mock, api


def statuses(api: Api, bearer: str | None, path: str, times: int) -> list[int]:
    return [api.call("GET", path, bearer=bearer).status_code for _ in range(times)]


def test_nothing_is_limited_by_default(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    ksef_mock.clock.freeze()
    bearer = api.login(ksef_token).access_token
    assert set(statuses(api, bearer, "/limits/context", 150)) == {200}
    assert set(statuses(api, None, "/security/public-key-certificates", 150)) == {200}


@pytest.mark.parametrize("rate_limits", ["test", "production"])
def test_documented_limits_hold_when_turned_on(serve: Serve, rate_limits: str) -> None:
    mock, api = limited(serve, rate_limits)
    bearer = api.login(mock.issue_token(NIP)).access_token
    assert statuses(api, bearer, "/limits/context", 11) == [200] * 10 + [429]
    mock.clock.advance(1)
    assert statuses(api, bearer, "/limits/context", 11) == [200] * 10 + [429]
    mock.clock.advance(1)
    assert statuses(api, bearer, "/limits/context", 11) == [200] * 10 + [429]
    mock.clock.advance(1)
    response = api.call("GET", "/limits/context", bearer=bearer)
    assert response.status_code == 429
    assert response.headers["retry-after"] == "57"  # 30 a minute: the first of them were 3 s ago
    mock.clock.advance(57)
    assert statuses(api, bearer, "/limits/context", 1) == [200]


def test_both_formats_of_429(serve: Serve) -> None:
    mock, api = limited(serve)
    bearer = api.login(mock.issue_token(NIP)).access_token
    statuses(api, bearer, "/limits/context", 10)
    text = "Przekroczono limit 10 żądań na sekundę. Spróbuj ponownie po 1 sekundzie."
    legacy = api.call("GET", "/limits/context", bearer=bearer)
    assert legacy.headers["content-type"] == "application/json; charset=utf-8"
    assert legacy.json() == {"status": {"code": 429, "description": "Too Many Requests", "details": [text]}}
    problem = api.call("GET", "/limits/context", bearer=bearer, headers={"X-Error-Format": "problem-details"})
    assert problem.headers["content-type"] == "application/problem+json"
    body = problem.json()
    assert (body["title"], body["status"], body["detail"]) == ("Too Many Requests", 429, text)
    assert body["instance"] == "/v2/limits/context"
    assert {legacy.headers["retry-after"], problem.headers["retry-after"]} == {"1"}
    reason = str(mock.journal.last("/limits/context").reason)
    assert "10 in 1 s, Nip:5265877635 127.0.0.1 GET /limits/context" in reason


def test_each_of_the_other_operations_is_counted_by_itself(serve: Serve) -> None:
    mock, api = limited(serve)
    bearer = api.login(mock.issue_token(NIP)).access_token
    assert statuses(api, bearer, "/limits/context", 11)[-1] == 429
    for path in ("/rate-limits", "/tokens", "/auth/sessions", "/limits/subject"):
        assert statuses(api, bearer, path, 11) == [200] * 10 + [429]
    references = [f"20250626-CR-{number:010}-0000000000-D2" for number in range(11)]
    answers = [statuses(api, bearer, f"/tokens/{reference}", 1)[0] for reference in references]
    assert answers == [400] * 10 + [429]  # one operation, whatever its path names


def test_operations_of_a_group_are_counted_together() -> None:
    system = System(Settings(rate_limits="test"))

    routes = ("/sessions/{reference}/invoices", "/sessions/{reference}/invoices/failed", "/sessions")
    api = endpoints([Route(path, Response(), methods=["GET"]) for path in routes], system)
    app = Router([Mount("/v2", routes=api)])
    system.clock.freeze()

    async def calls() -> list[int]:
        transport = httpx.ASGITransport(Gateway(app, system))
        async with httpx.AsyncClient(transport=transport, base_url="http://mock/v2") as client:
            paths = ["/sessions/x/invoices"] * 5 + ["/sessions/x/invoices/failed"] * 6 + ["/sessions"]
            return [(await client.get(path)).status_code for path in paths]

    assert asyncio.run(calls()) == [200] * 10 + [429, 200]


def test_head_counts_as_get(serve: Serve) -> None:
    mock, api = limited(serve)
    headers = {"Authorization": f"Bearer {api.login(mock.issue_token(NIP)).access_token}"}
    heads = [httpx.head(f"{mock.url}/v2/limits/context", headers=headers).status_code for _ in range(11)]
    assert heads == [200] * 10 + [429]


def test_three_addresses_of_the_api_are_one_api(serve: Serve) -> None:
    mock, api = limited(serve)
    bearer = api.login(mock.issue_token(NIP)).access_token
    statuses(api, bearer, "/limits/context", 10)
    for prefix in ("/v2", "/api/v2", "/webs/api/v2"):
        other = Api(mock.url, prefix=prefix)
        assert statuses(other, bearer, "/limits/context", 1) == [429]
        other.close()


def test_contexts_are_counted_apart(serve: Serve) -> None:
    mock, api = limited(serve)
    bearer = api.login(mock.issue_token(NIP)).access_token
    other = api.login(mock.issue_token(OTHER_NIP), nip=OTHER_NIP).access_token
    again = api.login(mock.issue_token(NIP)).access_token
    assert statuses(api, bearer, "/limits/context", 11)[-1] == 429
    assert statuses(api, other, "/limits/context", 1) == [200]
    assert statuses(api, again, "/limits/context", 1) == [429]  # another login to the same context


def test_anonymous_operations_have_60_a_second_together_for_an_address(serve: Serve) -> None:
    mock, api = limited(serve)
    path = "/security/public-key-certificates"
    assert statuses(api, None, path, 61) == [200] * 60 + [429]
    assert statuses(api, None, "/peppol/query", 1) == [429]
    assert api.call("POST", "/auth/challenge").status_code == 429
    mock.clock.advance(1)
    assert api.call("POST", "/auth/challenge").status_code == 200


def test_requests_that_prove_no_context_are_counted_by_address(serve: Serve) -> None:
    mock, api = limited(serve)
    assert statuses(api, None, "/limits/context", 11) == [401] * 10 + [429]
    assert statuses(api, "no.such.token", "/limits/context", 1) == [429]
    bearer = api.login(mock.issue_token(NIP)).access_token
    assert statuses(api, bearer, "/limits/context", 1) == [200]


def test_addresses_are_counted_apart() -> None:
    app = create_app(Settings(rate_limits="test"))
    app.state.system.clock.freeze()

    async def calls(address: str, times: int) -> list[int]:
        transport = httpx.ASGITransport(app, client=(address, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://mock") as client:
            return [(await client.get("/v2/peppol/query")).status_code for _ in range(times)]

    async def both() -> tuple[list[int], list[int]]:
        return await calls("192.0.2.1", 61), await calls("192.0.2.2", 1)

    assert asyncio.run(both()) == ([200] * 60 + [429], [200])


def test_limits_set_by_testdata_are_enforced_though_off_elsewhere(
    ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    ksef_mock.clock.freeze()
    bearer = api.login(ksef_token).access_token
    other = api.login(ksef_mock.issue_token(OTHER_NIP), nip=OTHER_NIP).access_token
    order = {"rateLimits": rates(other={"perSecond": 2, "perMinute": 5, "perHour": 9})}
    assert api.call("POST", "/testdata/rate-limits", bearer=bearer, json=order).status_code == 200
    assert statuses(api, bearer, "/limits/context", 3) == [200, 200, 429]
    assert set(statuses(api, other, "/limits/context", 20)) == {200}
    ksef_mock.clock.advance(1)
    assert api.call("DELETE", "/testdata/rate-limits", bearer=bearer).status_code == 200
    assert set(statuses(api, bearer, "/limits/context", 20)) == {200}


def test_production_limits_set_by_testdata_are_enforced(
    ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    ksef_mock.clock.freeze()
    bearer = api.login(ksef_token).access_token
    assert api.call("POST", "/testdata/rate-limits/production", bearer=bearer).status_code == 200
    assert statuses(api, bearer, "/limits/context", 11) == [200] * 10 + [429]


def test_operation_that_is_not_simulated_is_not_limited(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(_ROOMS, "batch")
    mock, api = limited(serve)
    bearer = {"Authorization": f"Bearer {api.login(mock.issue_token(NIP)).access_token}"}
    answers = {httpx.post(f"{mock.url}/v2/sessions/batch", headers=bearer).status_code for _ in range(15)}
    assert answers == {501}


def test_control_interface_is_not_limited(serve: Serve) -> None:
    mock, _ = limited(serve)
    assert {httpx.get(f"{mock.url}/_mock/journal").status_code for _ in range(80)} == {200}


def test_reset_empties_the_windows(serve: Serve) -> None:
    mock, api = limited(serve)
    assert statuses(api, None, "/peppol/query", 61)[-1] == 429
    mock.reset()
    mock.clock.freeze()
    assert statuses(api, None, "/peppol/query", 1) == [200]


def test_unknown_setting_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown rate limits 'on'"):
        Settings(rate_limits="on")  # type: ignore[arg-type]
