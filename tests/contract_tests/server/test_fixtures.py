"""The fixtures for other projects, and the marker that gives a test a mock with other settings."""

from __future__ import annotations

import pytest

from ksef_client_min import Credentials, KsefApiError, KsefAuthenticationError, KsefClient
from ksef_mock.clock import Clock
from ksef_mock.core.environment import Lifetimes
from ksef_mock.crypto.pki import Credential
from ksef_mock.pytest_plugin import DEFAULT_NIP
from ksef_mock.testing import Faults, MockServer


def test_client_logs_in_with_the_token(ksef_client: KsefClient, ksef_token: str) -> None:
    ksef_client.login_with_token(ksef_token, nip=DEFAULT_NIP)
    assert ksef_client.sessions().items[0].is_current


def test_client_logs_in_with_the_certificate(ksef_client: KsefClient, ksef_certificate: Credential) -> None:
    credentials = Credentials(ksef_certificate.certificate, ksef_certificate.key)
    ksef_client.login_with_certificate(credentials, nip=DEFAULT_NIP)
    assert ksef_client.sessions().items[0].is_current


def test_clock_is_that_of_the_mock(
    ksef_mock: MockServer, ksef_clock: Clock, ksef_client: KsefClient, ksef_token: str
) -> None:
    ksef_client.login_with_token(ksef_token, nip=DEFAULT_NIP)
    ksef_clock.advance(seconds=900)
    ksef_client.context_limits()
    assert ksef_mock.journal.entries(path="/auth/token/refresh")


def test_faults_act_once_asked_for(ksef_faults: Faults, ksef_client: KsefClient, ksef_token: str) -> None:
    ksef_faults.add(path="/auth/challenge", status=400, code=21405, times=1)
    with pytest.raises(KsefApiError):
        ksef_client.login_with_token(ksef_token, nip=DEFAULT_NIP)
    ksef_client.login_with_token(ksef_token, nip=DEFAULT_NIP)


def test_no_fault_is_left_of_another_test(ksef_faults: Faults) -> None:
    assert ksef_faults.states() == []
    ksef_faults.add(status=503)


@pytest.mark.ksef(token_key="ec", profile="prod", delay=2)
def test_marker_changes_the_settings(ksef_mock: MockServer, ksef_client: KsefClient, ksef_token: str) -> None:
    settings = ksef_mock.settings
    assert (settings.token_key, settings.profile, settings.delay.polls) == ("ec", "prod", 2)
    ksef_client.login_with_token(ksef_token, nip=DEFAULT_NIP)
    polls = [entry for entry in ksef_mock.journal.entries() if entry.path.startswith("/v2/auth/2")]
    assert len(polls) == 3


@pytest.mark.ksef(profile="prod")
class TestMarkerOfAClass:
    def test_holds_for_each_test(self, ksef_mock: MockServer) -> None:
        assert ksef_mock.settings.profile == "prod"

    @pytest.mark.ksef(profile="demo", lifetimes=Lifetimes(access_token=60))
    def test_gives_way_to_that_of_the_test(self, ksef_mock: MockServer) -> None:
        assert (ksef_mock.settings.profile, ksef_mock.settings.lifetimes.access_token) == ("demo", 60)

    @pytest.mark.ksef(token_key="both")
    def test_is_completed_by_that_of_the_test(self, ksef_mock: MockServer) -> None:
        assert (ksef_mock.settings.profile, ksef_mock.settings.token_key) == ("prod", "both")


@pytest.mark.ksef(token_key="rsa")
def test_equal_settings_share_one_mock(ksef_mock: MockServer, request: pytest.FixtureRequest) -> None:
    mocks = request.getfixturevalue("_ksef_mocks")
    assert mocks.get(type(ksef_mock.settings)()) is ksef_mock


@pytest.mark.parametrize(
    ("marker", "complaint"),
    [
        ("colour='red'", "does not know colour; it knows profile, token_key, delay, *, nip, settings"),
        ("nip='123'", "'123' is no valid NIP"),
        ("nip=5265877635", "is no valid NIP: a text of ten digits"),
        ("tls=1", "tls is True or False"),
        ("seed=1", "seed is a file or a dictionary"),
        ("seed='no-such.json'", "no-such.json: No such file"),
        ("rate_limits='some'", "unknown rate limits 'some'"),
        ("'ec'", "takes keywords only"),
        ("delay=1.5", "delay is a number of polls or a Delay, not 1.5"),
        ("profile='staging'", "unknown profile 'staging'"),
        ("settings=1", "is no ksef_mock.settings.Settings"),
        ("settings=1, profile='prod'", "either settings or single ones"),
    ],
)
def test_wrong_marker_is_named(pytester: pytest.Pytester, marker: str, complaint: str) -> None:
    pytester.makepyfile(
        f"import pytest\n\n@pytest.mark.ksef({marker})\ndef test_it(ksef_mock):\n    raise AssertionError\n"
    )
    result = pytester.runpytest_subprocess("-q", "-W", "error", "--strict-markers")
    assert result.ret != 0
    result.stdout.fnmatch_lines([f"*{complaint}*"])
    assert "pytest_plugin.py" not in result.stdout.str()  # none of our own code
    assert "another exception" not in result.stdout.str()


def test_login_that_fails_is_known_by_its_code(ksef_client: KsefClient, ksef_token: str) -> None:
    with pytest.raises(KsefAuthenticationError) as caught:
        ksef_client.login_with_token(ksef_token[:-1] + "x", nip=DEFAULT_NIP)
    assert caught.value.code == 450


@pytest.mark.ksef(tls=True, nip="1234567890", seed={"warning": "[1]: seeded"}, rate_limits="test")
def test_a_marker_knows_tls_nip_seed_and_rate_limits(
    ksef_mock: MockServer, ksef_client: KsefClient, ksef_token: str
) -> None:
    assert ksef_mock.url.startswith("https://")
    assert ksef_mock.settings.rate_limits == "test"
    ksef_client.login_with_token(ksef_token, nip="1234567890")
    assert "seeded" in ksef_mock.journal.last().decisions[-1].reason


def test_the_session_has_a_mock_of_its_own(
    ksef_mock_session: MockServer, ksef_url: str, ksef_mock: MockServer
) -> None:
    assert ksef_url == ksef_mock_session.url
    assert ksef_mock is not ksef_mock_session


def test_fixtures_of_the_session_can_use_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import httpx
        import pytest

        @pytest.fixture(scope="session")
        def application(ksef_url):
            return httpx.Client(base_url=ksef_url)

        def test_one(application, ksef_mock):
            assert application.post("/v2/auth/challenge").status_code == 200

        def test_another(application, ksef_mock, ksef_mock_session):
            assert len(ksef_mock_session.journal) == 1  # it is not reset between tests
        """
    )
    pytester.runpytest_subprocess("-q", "-p", "no:randomly").assert_outcomes(passed=2)
