"""The pacer keeps a run under the documented rate limits; time is made up."""

from __future__ import annotations

import httpx
import pytest

from contract_tests.server.capabilities import Capability
from contract_tests.server.pacing import Pacer
from contract_tests.server.targets import Target
from contract_tests.server.workspace import Workspace
from ksef_mock.testing import MockServer


class Time:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


def sent(pacer: Pacer, time: Time, path: str, number: int, context: str = "1") -> list[float]:
    """The moments at which so many requests were let through."""
    moments = []
    for _ in range(number):
        pacer.wait(path, context)
        moments.append(time.now)
    return moments


def most_within(moments: list[float], seconds: float) -> int:
    return max(sum(start <= moment < start + seconds for moment in moments) for start in moments)


def test_slow_group_keeps_all_three_windows(time: Time) -> None:
    moments = sent(Pacer(clock=time, sleep=time.sleep), time, "/tokens", 200)
    assert most_within(moments, 1) <= 10
    assert most_within(moments, 60) <= 30
    assert most_within(moments, 3_600) <= 120


def test_authentication_is_fast_and_its_sessions_are_slow(time: Time) -> None:
    pacer = Pacer(clock=time, sleep=time.sleep)
    assert 0 < most_within(sent(pacer, time, "/auth/challenge", 300), 1) <= 60
    assert time.now < 10
    assert most_within(sent(pacer, time, "/auth/sessions", 100), 60) <= 30


def test_contexts_are_counted_apart(time: Time) -> None:
    pacer = Pacer(clock=time, sleep=time.sleep)
    sent(pacer, time, "/tokens", 8, "1")
    sent(pacer, time, "/tokens", 8, "2")
    assert time.now == 0.0


def test_several_workers_share_the_limits(time: Time) -> None:
    moments = sent(Pacer(share=0.5, clock=time, sleep=time.sleep), time, "/tokens", 40)
    assert most_within(moments, 60) <= 15


def test_context_is_worn_out_when_an_hour_is_spent(time: Time) -> None:
    pacer = Pacer(clock=time, sleep=time.sleep)
    assert not pacer.exhausted("1")
    sent(pacer, time, "/tokens", 96)
    assert pacer.exhausted("1")
    assert not pacer.exhausted("2")


def test_429_is_waited_for_and_repeated_on_a_target_that_is_not_ours(
    ksef_mock: MockServer, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contract_tests.server.workspace.time.sleep", time.sleep)
    ksef_mock.faults.add(path="/auth/challenge", rate_limit=7, times=2)
    target = Target("elsewhere", ksef_mock.url, frozenset(Capability))
    shared = Workspace(target)
    assert shared.send("POST", "/auth/challenge").status == 200
    assert time.now == 14.0
    shared.close()


def test_429_that_asks_for_too_long_is_the_answer(
    ksef_mock: MockServer, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contract_tests.server.workspace.time.sleep", time.sleep)
    ksef_mock.faults.add(path="/auth/challenge", rate_limit=3_000, times=1)
    shared = Workspace(Target("elsewhere", ksef_mock.url, frozenset()))
    assert shared.send("POST", "/auth/challenge").status == 429
    assert time.now == 0.0
    shared.close()


def test_only_targets_elsewhere_are_paced() -> None:
    near = Workspace(Target("near", "http://127.0.0.1:8080", frozenset()))
    far = Workspace(Target("far", "https://api-test.ksef.mf.gov.pl", frozenset()))
    assert near._pacer is None
    assert far._pacer is not None
    for each in (near, far):
        assert isinstance(each._http, httpx.Client)
        each.close()
