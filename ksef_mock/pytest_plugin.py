"""The pytest plugin: a simulated KSeF as fixtures. Loaded through the `pytest11` entry point.

Imports of the mock wait until a test asks for it: every pytest run of a project that has ksef-mock installed
loads this module.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from ksef_client_min import KsefClient, OnlineSession
    from ksef_client_min.models import SendingStatus, SentInvoice
    from ksef_mock.clock import Clock
    from ksef_mock.crypto.pki import Credential
    from ksef_mock.settings import Settings
    from ksef_mock.testing import Faults, MockServer

#: The NIP of `ksef_token` and of `ksef_certificate`.
DEFAULT_NIP = "5265877635"

#: What `@pytest.mark.ksef` knows: argument -> what it takes.
_ARGUMENTS = {
    "profile": "'test', 'demo' or 'prod'",
    "token_key": "'rsa', 'ec' or 'both'",
    "delay": "the number of polls for which a login stays at 100, or a Delay",
    "lifetimes": "a Lifetimes",
    "rate_limits": "'off', 'test' or 'production'",
    "seed": "what the mock knows from the start on: a file, or the same as a dictionary",
    "tls": "True: by https, trusted through ksef_mock.ca_file",
    "nip": "the NIP of ksef_token, ksef_certificate, ksef_session and ksef_invoice",
    "settings": "a whole Settings, instead of single ones",
}
_MARKER = (
    f"ksef({', '.join(_ARGUMENTS)}): other settings for this test's mock: "
    + "; ".join(f"{name}, {takes}" for name, takes in _ARGUMENTS.items())
    + ". Keyword by keyword a test's marker goes before that of its class or module."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the conformance suite."""
    group = parser.getgroup("ksef", "KSeF conformance (pytest --pyargs contract_tests)")
    group.addoption(
        "--ksef-target",
        default="mock",
        metavar="TARGET",
        help="what to check: mock (starts one, the default), test (KSeF TEST), or a URL",
    )
    group.addoption(
        "--ksef-force-production",
        action="store_true",
        help="let the target be KSeF production; only read-only requirements are checked there",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails shows what its mock has refused, and why."""
    report = yield
    mock: MockServer | None = getattr(item, "funcargs", {}).get("ksef_mock")
    if mock is not None and call.when == "call" and report.failed:
        refused = _refused(mock)
        if refused:
            report.sections.append(("ksef_mock refused", refused))
    return report


#: Refusals that a failing test shows: the last ones.
_SHOWN = 10


def _refused(mock: MockServer) -> str:
    from ksef_mock.core.text import visible
    from ksef_mock.trail.journal import Query

    lines = []
    for entry in mock.journal.find(Query(failed=True, limit=_SHOWN)):
        code = "" if entry.code is None else f"/{entry.code}"
        causes = [f"{each.check}: {each.reason}" for each in entry.decisions if each.outcome == "failed"]
        if entry.reason is not None:
            causes.insert(0, entry.reason)
        lines.append(f"{entry.status}{code} {entry.method} {entry.path}")
        lines += [f"    {cause}" for cause in dict.fromkeys(causes)]
    return "\n".join(map(visible, lines))


class _Mocks:
    """The mocks of one worker: one for each settings that a test has asked for."""

    def __init__(self, running: ExitStack) -> None:
        self._running = running
        # No dictionary: a seed has no hash.
        self._known: list[tuple[Settings, bool, MockServer]] = []

    def get(self, settings: Settings, *, tls: bool = False) -> MockServer:
        from ksef_mock.testing import MockServer

        for known, by_https, mock in self._known:
            if (known, by_https) == (settings, tls):
                return mock
        mock = self._running.enter_context(MockServer(settings, tls=tls))
        self._known.append((settings, tls, mock))
        return mock


@pytest.fixture(scope="session")
def _ksef_mocks() -> Iterator[_Mocks]:
    # For the worker's whole session: under xdist each worker is a process with its own.
    with ExitStack() as running:
        yield _Mocks(running)


@pytest.fixture
def ksef_mock(request: pytest.FixtureRequest, _ksef_mocks: _Mocks) -> MockServer:
    """A running simulated KSeF (`ksef_mock.testing.MockServer`), in its initial state for each test.

    `@pytest.mark.ksef(…)` gives a test, a class or a module one with other settings.
    """
    wanted = _asked(request)
    mock = _ksef_mocks.get(wanted.settings, tls=wanted.tls)
    mock.reset()
    return mock


@pytest.fixture
def ksef_hosts(ksef_mock: MockServer) -> Iterator[MockServer]:
    """`ksef_mock`, to which KSeF's own host names lead in this process: `MockServer.capture_hosts`."""
    with ksef_mock.capture_hosts():
        yield ksef_mock


@pytest.fixture(scope="session")
def ksef_mock_session() -> Iterator[MockServer]:
    """A running simulated KSeF with the usual settings for the whole session (of a worker): never reset.

    For what is started once, such as an application that is configured with `ksef_url`. Tests that share it
    keep apart by NIPs of their own.
    """
    from ksef_mock.testing import MockServer

    with MockServer() as mock:
        yield mock


@pytest.fixture(scope="session")
def ksef_url(ksef_mock_session: MockServer) -> str:
    """The base URL of `ksef_mock_session`, such as http://127.0.0.1:40123."""
    return ksef_mock_session.url


@pytest.fixture
def _ksef_nip(request: pytest.FixtureRequest) -> str:
    return _asked(request).nip


@pytest.fixture
def ksef_clock(ksef_mock: MockServer) -> Clock:
    """The clock of `ksef_mock`: `advance(seconds=…)`, `set(moment)`, `freeze()`, `resume()`."""
    return ksef_mock.clock


@pytest.fixture
def ksef_token(ksef_mock: MockServer, _ksef_nip: str) -> str:
    """An active KSeF token of NIP 5265877635 with all permissions, known to `ksef_mock`."""
    return ksef_mock.issue_token(_ksef_nip)


@pytest.fixture
def ksef_certificate(ksef_mock: MockServer, _ksef_nip: str) -> Credential:
    """A qualified certificate of the owner of NIP 5265877635, trusted by `ksef_mock` in every profile.

    `certificate`, `key`, `certificate_pem`, `key_pem`, `pkcs12(password)`.
    """
    from ksef_mock.crypto.pki import person

    return ksef_mock.pki.qualified(person("Jan", "Kowalski", nip=_ksef_nip), key="ec")


@pytest.fixture
def ksef_client(ksef_mock: MockServer) -> Iterator[KsefClient]:
    """A `ksef_client_min.KsefClient` of `ksef_mock`, not logged in; closed after the test."""
    try:
        from ksef_client_min import KsefClient
    except ModuleNotFoundError:
        from ksef_mock.core.installed import how_to_install

        pytest.fail(f"ksef_client needs httpx: {how_to_install('pytest')}", pytrace=False)
    transport = None
    if ksef_mock.url.startswith("https:"):
        import httpx

        transport = httpx.HTTPTransport(verify=ksef_mock.ssl_context())
    with KsefClient(ksef_mock.url, transport=transport) as client:
        yield client


@dataclass(frozen=True)
class LoggedInSession:
    """A client of `ksef_mock` that is logged in as NIP 5265877635, with an open interactive session."""

    client: KsefClient
    session: OnlineSession

    def send(self, document: bytes, **options: Any) -> SentInvoice:
        """Send an invoice (options as `KsefClient.send_invoice`); its status once KSeF has decided."""
        reference = self.client.send_invoice(self.session, document, **options)
        return self.client.await_invoice(self.session, reference)

    def close(self) -> SendingStatus:
        """Close the session; its status once it is processed."""
        self.client.close_session(self.session)
        return self.client.await_session(self.session)


@dataclass(frozen=True)
class KnownInvoice:
    """An invoice that `ksef_mock` has accepted."""

    ksef_number: str
    document: bytes


@pytest.fixture
def ksef_session(ksef_client: KsefClient, ksef_token: str, _ksef_nip: str) -> LoggedInSession:
    """An open session for FA(3): `send(document)` sends and waits, `close()` closes and waits."""
    ksef_client.login_with_token(ksef_token, nip=_ksef_nip)
    return LoggedInSession(ksef_client, ksef_client.open_session())


@pytest.fixture
def ksef_invoice(ksef_mock: MockServer, _ksef_nip: str) -> KnownInvoice:
    """A FA(3) of NIP 5265877635 that `ksef_mock` knows: `ksef_number`, `document`."""
    from ksef_mock.ksef.invoices.samples import invoice

    document = invoice(_ksef_nip)
    return KnownInvoice(ksef_mock.add_invoice(document), document)


@pytest.fixture
def ksef_faults(ksef_mock: MockServer) -> Faults:
    """What goes wrong on purpose in `ksef_mock`, nothing at first: `add(path=…, status=503, times=1)`."""
    return ksef_mock.faults


def _asked(request: pytest.FixtureRequest) -> _Wanted:
    """What the markers of a test ask for; one line, and not our own code, says what is wrong with them."""
    try:
        return _wanted(request.node)
    except pytest.UsageError as error:
        problem = str(error)
    pytest.fail(problem, pytrace=False)  # out here: the exception above would be printed too


class _Wanted(NamedTuple):
    """What the markers of a test ask for."""

    settings: Settings
    tls: bool
    nip: str


def _wanted(node: pytest.Item) -> _Wanted:
    """
    Raises:
        pytest.UsageError: an argument or a value that the marker does not know.
    """
    from ksef_mock.core.identifiers import Identifier, is_context_identifier

    given: dict[str, Any] = {}
    for marker in node.iter_markers("ksef"):  # the closest first
        if marker.args:
            raise pytest.UsageError(f"{node.nodeid}: @pytest.mark.ksef takes keywords only")
        given = {**marker.kwargs, **given}
    unknown = given.keys() - _ARGUMENTS.keys()
    if unknown:
        raise pytest.UsageError(
            f"{node.nodeid}: @pytest.mark.ksef does not know {', '.join(sorted(unknown))}; "
            f"it knows {', '.join(_ARGUMENTS)}"
        )
    tls, nip = given.pop("tls", False), given.pop("nip", DEFAULT_NIP)
    if not isinstance(tls, bool):
        raise pytest.UsageError(f"{node.nodeid}: @pytest.mark.ksef: tls is True or False, not {tls!r}")
    if not isinstance(nip, str) or not is_context_identifier(Identifier("Nip", nip)):
        raise pytest.UsageError(
            f"{node.nodeid}: @pytest.mark.ksef: {nip!r} is no valid NIP: a text of ten digits"
        )
    return _Wanted(_settings(node, given), tls, nip)


def _settings(node: pytest.Item, given: dict[str, Any]) -> Settings:
    from ksef_mock.core.waiting import Delay
    from ksef_mock.seed.files import as_seed
    from ksef_mock.settings import Settings

    whole = given.pop("settings", None)
    if whole is not None:
        if given:
            raise pytest.UsageError(f"{node.nodeid}: @pytest.mark.ksef takes either settings or single ones")
        if not isinstance(whole, Settings):
            raise pytest.UsageError(f"{node.nodeid}: settings is no ksef_mock.settings.Settings: {whole!r}")
        return whole
    try:
        delay = given.get("delay", Delay())
        if not isinstance(delay, int | Delay):
            raise TypeError(f"delay is a number of polls or a Delay, not {delay!r}")
        given["delay"] = delay if isinstance(delay, Delay) else Delay(polls=delay)
        if "seed" in given:
            given["seed"] = as_seed(given["seed"])
        return Settings(**given)
    except (TypeError, ValueError, OSError) as error:
        raise pytest.UsageError(f"{node.nodeid}: @pytest.mark.ksef: {error}") from None
