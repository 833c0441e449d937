"""Verdicts, evidence, targets, cleaning up: what the suite does with what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from contract_tests.common.report import Mark
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import Check, Requirement, selected
from contract_tests.server.expect import equal
from contract_tests.server.opening import open_target
from contract_tests.server.probe import Probe
from contract_tests.server.report import Report, Result, Verdict
from contract_tests.server.runner import Runner, run
from contract_tests.server.targets import Target, TargetRefused, TargetUnreachable, is_production
from ksef_client_min import KsefClient
from ksef_mock.clock import to_datetime
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer


def requirement_of(check: Check, *needs: Capability) -> Requirement:
    return Requirement(
        "KSEF-CHAL-999", "A sentence.", "a test", "must", frozenset(needs), read_only=False, check=check
    )


@pytest.fixture
def judge(ksef_mock: MockServer) -> Iterator[Callable[..., Result]]:
    """Check one function on a mock that is known by its URL alone."""
    with open_target(ksef_mock.url) as target, Runner(target) as runner:
        yield lambda check, *needs: runner.check(requirement_of(check, *needs))


def test_failure_names_expected_and_received_and_keeps_the_evidence(judge: Callable[..., Result]) -> None:
    result = judge(lambda ctx: ctx.get("/auth/sessions").answers(200))
    assert result.verdict is Verdict.FAILED
    assert result.message == (
        "GET /v2/auth/sessions: expected status 200, received 401 Wymagane jest uwierzytelnienie."
    )
    assert result.decisive is not None
    assert result.decisive.line == "GET /v2/auth/sessions: 401"
    assert "Wymagane jest uwierzytelnienie." in result.decisive.response.body


def test_broken_check_is_an_error_and_no_failure(judge: Callable[..., Result]) -> None:
    def broken(_: Probe) -> None:
        raise KeyError("nothing")

    result = judge(broken)
    assert result.verdict is Verdict.ERROR
    assert "KeyError" in result.message


def test_unmet_need_skips_with_the_reason(judge: Callable[..., Result]) -> None:
    result = judge(lambda _: None, Capability.SETTINGS)
    assert result.verdict is Verdict.SKIPPED
    assert "a second instance with other settings" in result.message


def test_target_is_reset_after_a_check_that_used_its_controls() -> None:
    def move(ctx: Probe) -> None:
        ctx.advance(3_600)

    def look(ctx: Probe) -> None:
        first = ctx.session
        ctx.get("/limits/context", bearer=first.access_token).answers(200)

    with open_target("mock") as target, Runner(target) as runner:
        before = runner.check(requirement_of(look))
        assert runner.check(requirement_of(move, Capability.MOVABLE_CLOCK)).verdict is Verdict.PASSED
        after = runner.check(requirement_of(look))
        assert (before.verdict, after.verdict) == (Verdict.PASSED, Verdict.PASSED)


def test_controls_need_a_capability() -> None:
    with open_target("mock") as target, Runner(target) as runner:
        result = runner.check(requirement_of(lambda ctx: ctx.advance(1)))
    assert result.verdict is Verdict.ERROR
    assert "does not say that it needs" in result.message


def test_no_secret_is_in_the_report(ksef_mock: MockServer) -> None:
    secrets: list[str] = []

    def use(ctx: Probe) -> None:
        owner = ctx.new_owner()
        session = ctx.login_with_token(owner.token, nip=owner.session.nip)
        secrets.extend([owner.token, *vars(session).values()])
        equal("something", session.access_token, owner.token)

    with open_target(ksef_mock.url) as target, Runner(target) as runner:
        result = runner.check(requirement_of(use))
    assert result.verdict is Verdict.FAILED
    text = Report("mock", "", "", "", [result]).to_json()
    nip, reference, *tokens = secrets[1:]
    assert reference in text  # not secret
    assert nip in text
    for secret in (secrets[0], *tokens):
        assert secret not in text
        assert secret.rpartition(".")[2].rpartition("|")[2] not in text


def test_what_was_made_on_somebody_elses_target_is_cleaned_up(ksef_mock: MockServer) -> None:
    made: list[Callable[[], int]] = []

    def use(ctx: Probe) -> None:
        owner = ctx.owner
        made.append(lambda: _refresh_status(ksef_mock, owner.session.refresh_token))
        made.append(lambda: _token_status(ksef_mock, owner.token))
        assert [ask() for ask in made] == [200, 1]

    with open_target(ksef_mock.url) as target, Runner(target) as runner:
        assert runner.check(requirement_of(use)).message == ""
    assert runner.left_behind == []
    assert [ask() for ask in made] == [400, 0]


def _refresh_status(mock: MockServer, refresh_token: str) -> int:
    import httpx

    headers = {"Authorization": f"Bearer {refresh_token}"}
    return httpx.post(f"{mock.url}/v2/auth/token/refresh", headers=headers).status_code


def _token_status(mock: MockServer, token: str) -> int:
    from ksef_client_min import KsefAuthenticationError

    with KsefClient(mock.url) as client:
        try:
            client.login_with_token(token, nip=token.split("|")[1].removeprefix("nip-"))
        except KsefAuthenticationError:
            return 0
        client.logout()
    return 1


def test_interrupt_ends_the_run_with_a_report_and_cleans_up(ksef_mock: MockServer) -> None:
    results: list[Result] = []

    def interrupt(result: Result) -> None:
        results.append(result)
        if len(results) == 2:
            raise KeyboardInterrupt

    report = run(ksef_mock.url, ["KSEF-CHAL-00[89]", "KSEF-CHAL-01?"], on_result=interrupt)
    assert report.aborted == "interrupted"
    assert not report.conforms
    assert report.left_behind == []
    assert [result.verdict for result in report.results[:2]] == [Verdict.PASSED, Verdict.PASSED]
    assert all(result.message == "not reached: interrupted" for result in report.results[2:])
    ended = [entry for entry in ksef_mock.journal.entries() if entry.method == "DELETE"]
    assert {entry.status for entry in ended} == {204}


def test_target_that_dies_breaks_the_run_off(port: int) -> None:
    with MockServer(port=port) as mock:

        def kill(_: Result) -> None:
            mock.stop()

        report = run(mock.url, ["KSEF-KEYS-00?"], on_result=kill)
    assert report.aborted is not None
    assert "cannot be reached" in report.aborted
    assert not report.conforms


def test_unreachable_target_is_named() -> None:
    with pytest.raises(TargetUnreachable, match=r"127\.0\.0\.1:9.*cannot be reached"):
        run("http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("url", "production"),
    [
        ("https://api.ksef.mf.gov.pl", True),
        ("https://API.KSEF.mf.gov.pl./v2", True),
        ("https://ksef.mf.gov.pl/webs/api/v2", True),
        ("https://api-test.ksef.mf.gov.pl", False),
        ("https://api-demo.ksef.mf.gov.pl", False),
        ("https://ksef-test.mf.gov.pl/api/v2", False),
        ("http://127.0.0.1:8080", False),
        ("https://api.ksef.mf.gov.pl.example.com", False),
    ],
)
def test_production_is_recognised(url: str, production: bool) -> None:
    assert is_production(url) is production


@pytest.mark.parametrize("name", ["prod", "https://api.ksef.mf.gov.pl", "https://api.ksef.mf.gov.pl/v2"])
def test_production_is_refused_unless_forced(name: str) -> None:
    with pytest.raises(TargetRefused, match="PRODUCTION"):
        run(name)


def test_on_production_nothing_is_changed(ksef_mock: MockServer) -> None:
    # The mock stands in for it: what counts is what the suite sends.
    target = Target("prod", ksef_mock.url, frozenset(), read_only=True)
    report = run(target)
    assert report.conforms
    assert report.marks[Mark.PASSED] > 5
    assert {entry.method for entry in ksef_mock.journal.entries()} <= {"GET", "HEAD", "OPTIONS"}


def test_no_check_can_change_anything_on_production(ksef_mock: MockServer) -> None:
    target = Target("prod", ksef_mock.url, frozenset(), read_only=True)
    with Runner(target) as runner:
        sneaky = Requirement(
            "KSEF-CHAL-999", "A sentence.", "a test", "must", frozenset(), True, lambda ctx: _post(ctx)
        )
        assert runner.check(sneaky).verdict is Verdict.ERROR
    assert ksef_mock.journal.entries() == []


def _post(ctx: Probe) -> None:
    ctx.post("/auth/challenge")


def test_url_may_include_the_version(ksef_mock: MockServer) -> None:
    for suffix in ("", "/", "/v2", "/api/v2", "/webs/api/v2/"):
        with open_target(ksef_mock.url + suffix) as target:
            assert run(target, ["KSEF-KEYS-001"]).conforms


@pytest.mark.parametrize("name", ["ftp://host", "nothing", "https://", "http://host?query"])
def test_what_is_no_target_is_refused(name: str) -> None:
    with pytest.raises(TargetRefused, match="no target"):
        run(name)


def test_patterns_select_ids_areas_and_globs() -> None:
    assert [each.id for each in selected(["ksef-chal-001"])] == ["KSEF-CHAL-001"]
    assert {each.area for each in selected(["keys"])} == {"KEYS"}
    assert {each.id for each in selected(["KSEF-*-001"])} >= {"KSEF-CHAL-001", "KSEF-KEYS-001"}
    with pytest.raises(LookupError, match="no requirement matches 'nonsense'"):
        selected(["nonsense"])


def test_areas_do_not_depend_on_which_others_were_checked_before() -> None:
    report = run("mock", ["CHAL", "TOKEN", "SESS"])
    assert [result.id for result in report.results if result.verdict is not Verdict.PASSED] == []


# -- a mock that runs elsewhere ---------------------------------------------------------------------------

CONTROLLED = ["KSEF-CHAL-013", "KSEF-KEYS-015", "KSEF-STATUS-007", "KSEF-XADES-20?", "KSEF-LIMIT-108"]


def test_controls_of_a_running_mock_are_found_and_used(ksef_mock: MockServer) -> None:
    report = run(ksef_mock.url, CONTROLLED)
    assert {
        result.id: result.message for result in report.results if result.verdict is not Verdict.PASSED
    } == {}


def test_running_mock_is_left_as_it_was_found(ksef_mock: MockServer) -> None:
    token = ksef_mock.issue_token("5265877635")
    ksef_mock.clock.advance(seconds=86_400)
    run(ksef_mock.url, CONTROLLED)
    ahead = to_datetime(ksef_mock.clock.now()) - datetime.now(UTC)
    assert timedelta(minutes=-2) < ahead - timedelta(days=1) < timedelta(minutes=2)
    assert not ksef_mock.clock.state.frozen
    assert ksef_mock.faults.states() == []
    with KsefClient(ksef_mock.url) as client:
        client.login_with_token(token, nip="5265877635")


@pytest.mark.ksef(settings=Settings(control_token="secret"))
def test_control_token_is_taken_from_the_environment(
    ksef_mock: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KSEF_MOCK_CONTROL_TOKEN", raising=False)
    assert run(ksef_mock.url, ["KSEF-CHAL-013"]).results[0].verdict is Verdict.SKIPPED
    monkeypatch.setenv("KSEF_MOCK_CONTROL_TOKEN", "secret")
    assert run(ksef_mock.url, ["KSEF-CHAL-013"]).results[0].verdict is Verdict.PASSED
