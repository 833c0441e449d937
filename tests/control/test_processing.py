"""Events of KSeF's own: a planned stop of processing, a session under maintenance, slow days."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from click.testing import CliRunner

from ksef_mock.cli import main
from ksef_mock.core.waiting import Delay
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.support import NIP, Api

SESSION = "20261126-SO-0123456789-ABCDEF0123-45"


def begun(mock: MockServer, api: Api) -> httpx.Response:
    body = api.token_request(mock.issue_token(NIP))
    submitted = api.call("POST", "/auth/ksef-token", json=body)
    assert submitted.status_code == 202
    return submitted


def test_stopped_processing_takes_work_and_finishes_none(ksef_mock: MockServer, api: Api) -> None:
    ksef_mock.clock.freeze()
    before = begun(ksef_mock, api)
    ksef_mock.stop_processing(600)
    meanwhile = begun(ksef_mock, api)
    assert api.status(before)["code"] == 200
    ksef_mock.clock.advance(seconds=599)
    assert api.status(meanwhile)["code"] == 100
    ksef_mock.clock.advance(seconds=1)
    assert api.status(meanwhile)["code"] == 200
    assert api.status(begun(ksef_mock, api))["code"] == 200


def test_planned_stop_begins_by_the_clock(ksef_mock: MockServer, api: Api) -> None:
    ksef_mock.clock.freeze()
    options = ["--url", ksef_mock.url]
    assert (
        CliRunner().invoke(main, ["processing", "stop", "--for", "60", "--in", "30", *options]).exit_code == 0
    )
    assert api.status(begun(ksef_mock, api))["code"] == 200
    ksef_mock.clock.advance(seconds=30)
    assert api.status(begun(ksef_mock, api))["code"] == 100
    assert CliRunner().invoke(main, ["processing", "resume", *options]).exit_code == 0
    assert api.status(begun(ksef_mock, api))["code"] == 200
    refused = httpx.post(f"{ksef_mock.url}/_mock/processing/stop", json={"forSeconds": -1})
    assert refused.status_code == 400


def test_session_under_maintenance(ksef_mock: MockServer, api: Api) -> None:
    ksef_mock.faults.add(path=f"/sessions/online/{SESSION}/*", name="session-maintenance")
    refused = httpx.post(f"{ksef_mock.url}/v2/sessions/online/{SESSION}/invoices", json={})
    assert refused.status_code == 400
    (said,) = refused.json()["exception"]["exceptionDetailList"]
    assert said["exceptionCode"] == 21184
    assert said["exceptionDescription"] == "Sesja tymczasowo niedostępna."
    assert said["details"] == [
        f"Trwają prace serwisowe i sesja {SESSION} jest tymczasowo niedostępna. Spróbuj ponownie później "
        "lub otwórz nową sesję, aby wysłać kolejne faktury."
    ]
    # Sending alone is refused, and in this session alone.
    for method, path in (
        ("POST", f"/sessions/online/{SESSION}/close"),
        ("POST", f"/sessions/online/{SESSION[:-1]}6/invoices"),
        ("POST", "/auth/challenge"),
    ):
        other = httpx.request(method, f"{ksef_mock.url}/v2{path}")
        assert "21184" not in other.text


def test_delays_by_percentiles(serve: Callable[..., tuple[MockServer, Api]]) -> None:
    drawn = sorted(Delay(percentiles=((50, 1), (100, 11))).begin(0).ends_at / 1e9 for _ in range(2_000))
    assert drawn[0] >= 0
    assert drawn[-1] <= 11
    assert 0.8 < drawn[1_000] < 1.6  # the median, far inside of what chance allows
    assert 5 < drawn[1_500] < 7
    mock, api = serve(settings=Settings(delay=Delay(percentiles=((1, 5), (100, 5)))))
    mock.clock.freeze()
    login = begun(mock, api)
    assert api.status(login)["code"] in (100, 200)
    mock.clock.advance(seconds=5)
    assert api.status(login)["code"] == 200


@pytest.mark.parametrize(
    "points", [((0, 1),), ((101, 1),), ((50, 2), (40, 3)), ((50, 2), (60, 1)), ((50, -1),)]
)
def test_percentiles_that_make_no_sense(points: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="percentiles"):
        Delay(percentiles=points)
