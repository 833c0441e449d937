"""A mock inside of a test process: `with MockServer() as mock: ...`."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from ksef_mock.core.environment import Lifetimes, ProfileName, RateLimiting, TokenKey
from ksef_mock.core.waiting import Delay
from ksef_mock.launch import Mock
from ksef_mock.seed.files import as_seed
from ksef_mock.serving.server import listen, url_of
from ksef_mock.serving.tls import ServerCertificate, TlsAuthority
from ksef_mock.settings import FirstToken, Settings
from ksef_mock.steered import PATIENCE, Steered
from ksef_mock.system.handles import Faults, Lighthouse
from ksef_mock.tenants.dispatch import named
from ksef_mock.tenants.registry import HEADER, Tenant, first_token

__all__ = ["Faults", "Lighthouse", "MockServer", "MockTenant"]


class MockServer(Steered):
    """A simulated KSeF on a free port of 127.0.0.1, served by a thread of its own.

    Works the same from synchronous and asynchronous tests, and any number of them live side by side.

        with MockServer(token_key="ec") as mock:
            token = mock.issue_token("5265877635")
            ...                                  # point a client at mock.url
            mock.clock.advance(seconds=900)      # the access token expires
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        profile: ProfileName = "test",
        token_key: TokenKey = "rsa",
        delay: Delay | None = None,
        lifetimes: Lifetimes | None = None,
        seed: Path | str | Mapping[str, Any] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: bool | TlsAuthority = False,
        wrap: Callable[[ASGIApp], ASGIApp] | None = None,
        lighthouse_port: int | None = None,
    ) -> None:
        """Take `settings` whole, or the few named ones on top of the defaults.

        Args:
            seed: what the mock knows from the start on and after each reset: a file (YAML or JSON), or the
                same as a dictionary.
            tls: serve by https, with a certificate of this authority; True: of a new one, whose certificate
                is in `ca_file`.
            wrap: puts ASGI middleware around the whole mock: it sees each request first, each answer last.
            lighthouse_port: a port at which the lighthouse alone answers, 0 for a free one.

        Raises:
            SeedError: an entry of the seed makes no sense.
            ValueError: a setting or a port does not exist, or `settings` and single ones are given.
            TypeError: an argument is of a type that makes no sense.
        """
        super().__init__()
        _require_sense(settings, profile, token_key, delay, lifetimes)
        _require_place(host, port, lighthouse_port, tls, wrap)
        self._settings = settings or Settings(
            profile=profile,
            token_key=token_key,
            delay=delay or Delay(),
            lifetimes=lifetimes or Lifetimes(),
        )
        if seed is not None:
            self._settings = replace(self._settings, seed=as_seed(seed))
        self._address = (host, port)
        self._authority = TlsAuthority.create() if tls is True else tls or None
        self._ca_folder: TemporaryDirectory[str] | None = None
        self._wrap = wrap
        self._lighthouse_port = lighthouse_port
        self._lighthouse_url: str | None = None
        self._url: str | None = None
        self._mock: Mock | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Serve; returns once requests are accepted.

        Raises:
            OSError: the port is taken.
            SeedError: two entries of the seed contradict each other.
            RuntimeError: already started, or the server did not come up.
            ValueError: with TLS, the authority may not certify the host.
        """
        if self._thread is not None:
            raise RuntimeError("this mock is already running")
        certificate = None if self._authority is None else self._authority.issue([self._address[0]])
        mock = Mock(self._settings)
        listener = listen(*self._address)
        self._mock = mock
        self._url = url_of(listener, tls=certificate is not None)
        lighthouse = None
        if self._lighthouse_port is not None:
            lighthouse = listen(self._address[0], self._lighthouse_port)
            self._lighthouse_url = url_of(lighthouse, tls=certificate is not None)
        ready = threading.Event()

        async def serve() -> None:
            try:
                await mock.prepare()
            except BaseException:
                listener.close()
                if lighthouse is not None:
                    lighthouse.close()
                raise
            await mock.serve(
                listener, ready.set, certificate=certificate, wrap=self._wrap, lighthouse=lighthouse
            )

        failures: list[Exception] = []

        def run() -> None:
            try:
                asyncio.run(serve())
            except Exception as failure:
                failures.append(failure)
            finally:
                ready.set()

        self._thread = threading.Thread(target=run, name="ksef-mock", daemon=True)
        self._thread.start()
        if not ready.wait(PATIENCE):
            raise RuntimeError("the mock did not start")
        for failure in failures:
            self.stop()
            raise failure
        return self

    def stop(self) -> None:
        """Stop serving; does nothing if the mock is not running."""
        if self._mock is not None and self._thread is not None:
            self._mock.stop()
            self._thread.join(PATIENCE)
        self._thread = None
        if self._ca_folder is not None:
            self._ca_folder.cleanup()
            self._ca_folder = None

    def __repr__(self) -> str:
        where = "not started" if self._thread is None else self._url
        return f"<MockServer {where}, profile {self._settings.profile}>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The base URL, without a version: clients add /v2, /api/v2 or /webs/api/v2 themselves."""
        if self._url is None:
            raise RuntimeError("this mock has not been started")
        return self._url

    @property
    def ca_file(self) -> Path:
        """PEM file with the CA for clients to trust (SSL_CERT_FILE, NODE_EXTRA_CA_CERTS); gone after `stop`.

        Raises:
            RuntimeError: this mock serves without TLS.
        """
        if self._ca_folder is None:
            pem = self._tls.certificate_pem
            self._ca_folder = TemporaryDirectory(prefix="ksef-mock-")
            Path(self._ca_folder.name, "ca.pem").write_bytes(pem)
        return Path(self._ca_folder.name, "ca.pem")

    def ssl_context(self) -> ssl.SSLContext:
        """A client's context that trusts this mock and nobody else, as for `httpx.Client(verify=…)`.

        Raises:
            RuntimeError: this mock serves without TLS.
        """
        return ssl.create_default_context(cadata=self._tls.certificate_pem.decode())

    @property
    def _tls(self) -> TlsAuthority:
        if self._authority is None:
            raise RuntimeError("this mock serves without TLS: MockServer(tls=True)")
        return self._authority

    @property
    def settings(self) -> Settings:
        return self._settings

    def tenant(
        self,
        name: str | None = None,
        *,
        settings: Settings | None = None,
        nip: str | None = None,
        token: str | None = None,
        profile: ProfileName | None = None,
        token_key: TokenKey | None = None,
        delay: Delay | None = None,
        lifetimes: Lifetimes | None = None,
        rate_limits: RateLimiting | None = None,
        seed: Path | str | Mapping[str, Any] | None = None,
    ) -> MockTenant:
        """A further mock in this one's server, with everything of its own: `with mock.tenant() as tenant:`.

        What is not given is as this mock has it, or as `settings` say.

        Args:
            name: a part of its address; None: one is made up.
            nip, token: of its first KSeF token, as `tenant.nip` and `tenant.token` tell; None: a new text.
            seed: as for a `MockServer`.

        Raises:
            NoTenant: the name is none, or taken; there is no room; the mock has a remote store.
            SeedError: an entry of the seed makes no sense.
            ValueError: a setting, the NIP or the text of the token is not valid.
            TypeError: an argument is of a type that makes no sense.
            RuntimeError: the mock is not running.
        """
        changes = {
            "profile": profile,
            "token_key": token_key,
            "delay": delay,
            "lifetimes": lifetimes,
            "rate_limits": rate_limits,
            "seed": None if seed is None else as_seed(seed),
        }
        _require_types(settings, delay, lifetimes)
        given = {argument: value for argument, value in changes.items() if value is not None}
        whole = replace(settings or self._settings, **given)  # type: ignore[arg-type]  # of many types
        whole = replace(whole, first_token=first_token(whole, nip, token))
        made = self._call(self._started.tenants.add(name, whole, None))
        return MockTenant(self, made)

    @property
    def _app(self) -> Starlette:
        return self._started.app

    @property
    def _mock_served(self) -> Mock:
        return self._started

    @cached_property
    def _gateway_certificate(self) -> tuple[ServerCertificate, bytes]:
        authority = self._authority or TlsAuthority.create()
        return authority.issue(), authority.certificate_pem

    @property
    def _captured_app(self) -> ASGIApp:
        return self._started.served

    @property
    def _loop(self) -> asyncio.AbstractEventLoop | None:
        return None if self._mock is None or self._thread is None else self._mock.loop

    @property
    def _lighthouse_address(self) -> str:
        return super()._lighthouse_address if self._lighthouse_url is None else self._lighthouse_url

    @property
    def _started(self) -> Mock:
        if self._mock is None:
            raise RuntimeError("this mock has not been started")
        return self._mock


class MockTenant(Steered):
    """A mock in the server of another one: `MockServer.tenant`. Steered as a `MockServer` is."""

    def __init__(self, server: MockServer, tenant: Tenant) -> None:
        super().__init__()
        self._server = server
        self._tenant = tenant

    def __repr__(self) -> str:
        return f"<MockTenant {self.url}, profile {self.settings.profile}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    @property
    def name(self) -> str:
        return self._tenant.name

    @property
    def url(self) -> str:
        return self._server.url + self._tenant.path

    @property
    def headers(self) -> dict[str, str]:
        """What makes requests to the server's own address requests to this tenant."""
        return {HEADER: self.name}

    @property
    def nip(self) -> str:
        """Of its first token."""
        return self._first.nip

    @property
    def token(self) -> str:
        """The text of its first token, with all permissions; the same again after a reset."""
        return self._first.text

    @property
    def settings(self) -> Settings:
        return self._running.settings

    def remove(self) -> None:
        """Forget it and all that it knows; does nothing if it is gone already, or its server has stopped."""
        if self._server._loop is not None:
            self._server._call(self._server._started.tenants.remove(self.name))

    @property
    def _first(self) -> FirstToken:
        first = self.settings.first_token
        assert first is not None, "MockServer.tenant makes one"
        return first

    @property
    def _app(self) -> Starlette:
        return self._tenant.app

    @property
    def _mock_served(self) -> Mock:
        return self._server._started

    @property
    def _gateway_certificate(self) -> tuple[ServerCertificate, bytes]:
        return self._server._gateway_certificate

    @property
    def _captured_app(self) -> ASGIApp:
        name, app = self.name, self._server._captured_app

        async def as_tenant(scope: Scope, receive: Receive, send: Send) -> None:
            await app(named(scope, name), receive, send)

        return as_tenant

    @property
    def _loop(self) -> asyncio.AbstractEventLoop | None:
        return None if self._tenant.removed else self._server._loop


def _require_sense(settings: object, profile: str, token_key: str, delay: object, lifetimes: object) -> None:
    """What is wrong with arguments is said where they are written, not where the mock is started."""
    _require_types(settings, delay, lifetimes)
    if settings is not None and (profile, token_key, delay, lifetimes) != ("test", "rsa", None, None):
        raise ValueError("a MockServer takes either settings or single ones, which belong into them")


def _require_place(host: object, port: object, lighthouse_port: object, tls: object, wrap: object) -> None:
    if not isinstance(host, str) or not host:
        raise TypeError(f"host is an address or a name such as '127.0.0.1', not {host!r}")
    for name, number in (("port", port), ("lighthouse_port", lighthouse_port)):
        if number is None and name != "port":
            continue
        if not isinstance(number, int) or isinstance(number, bool):
            raise TypeError(f"{name} is a number, not {number!r}")
        if not 0 <= number <= 65_535:
            raise ValueError(f"{name} is 0, for a free one, to 65535, not {number}")
    if not isinstance(tls, bool | TlsAuthority):
        raise TypeError(f"tls is True, False or a TlsAuthority, not {tls!r}")
    if wrap is not None and not callable(wrap):
        raise TypeError(f"wrap is a function that takes and gives an ASGI application, not {wrap!r}")


def _require_types(settings: object, delay: object, lifetimes: object) -> None:
    for name, value, kind in (
        ("settings", settings, Settings),
        ("delay", delay, Delay),
        ("lifetimes", lifetimes, Lifetimes),
    ):
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"{name} is a {kind.__name__}, not {value!r}")
