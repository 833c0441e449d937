"""A mock inside of a test process: `with MockServer() as mock: ...`."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self, TypeVar

from starlette.types import ASGIApp

from ksef_mock.clock import SECOND, Clock
from ksef_mock.core.environment import Lifetimes, ProfileName, TokenKey
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.waiting import Delay
from ksef_mock.crypto.certificate import Fingerprinted
from ksef_mock.crypto.pki import Pki
from ksef_mock.gateway.endpoints import simulated
from ksef_mock.gateway.operations import OPERATIONS
from ksef_mock.ksef.keys.keys import KeyRing
from ksef_mock.ksef.tokens.tokens import TokenStatus
from ksef_mock.launch import Mock
from ksef_mock.lighthouse.app import PREFIX
from ksef_mock.seed.files import as_seed
from ksef_mock.serving.server import listen, url_of
from ksef_mock.serving.tls import TlsAuthority
from ksef_mock.settings import Settings
from ksef_mock.signing.mistakes import Mistake
from ksef_mock.signing.stand_in import Service, SignOrder, sign_as
from ksef_mock.system import processing, snapshots
from ksef_mock.system.handles import Faults, Lighthouse
from ksef_mock.system.system import System
from ksef_mock.trail.journal import Journal
from ksef_mock.xades.signing import Form

__all__ = ["Faults", "Lighthouse", "MockServer"]

T = TypeVar("T")

#: Seconds to wait for the server's thread; reached only if something is badly wrong.
_PATIENCE = 10.0


class MockServer:
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
        _require_sense(settings, profile, token_key, delay, lifetimes, port)
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
        if not ready.wait(_PATIENCE):
            raise RuntimeError("the mock did not start")
        for failure in failures:
            self.stop()
            raise failure
        return self

    def stop(self) -> None:
        """Stop serving; does nothing if the mock is not running."""
        if self._mock is not None and self._thread is not None:
            self._mock.stop()
            self._thread.join(_PATIENCE)
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
    def clock(self) -> Clock:
        """The mock's clock: `advance(seconds=…)`, `set`, `freeze`, `resume`."""
        return self._current.clock

    @property
    def journal(self) -> Journal:
        """Each request with what was decided and why."""
        return self._running.journal

    @property
    def keys(self) -> KeyRing:
        """The published encryption keys: `rotate`, `recertify`, `withdraw`."""
        return self._current.keys

    @property
    def pki(self) -> Pki:
        """Certificates of every kind to log in with, issued by the CAs that this mock trusts."""
        return self._current.pki

    @property
    def faults(self) -> Faults:
        """What goes wrong on purpose: `add`, `remove`, `clear`."""
        return Faults(self._running.faults, self._call)

    @property
    def lighthouse(self) -> Lighthouse:
        """What Latarnia tells of KSeF: `announce`, `end`, `play`; its address: `lighthouse.url`."""
        url = self.url + PREFIX if self._lighthouse_url is None else self._lighthouse_url
        return Lighthouse(self._running.lighthouse, self._call, url)

    @property
    def settings(self) -> Settings:
        return self._settings

    def issue_token(
        self, nip: str, permissions: Sequence[str] | None = None, *, token: str | None = None
    ) -> str:
        """The text of a new, active KSeF token of this NIP, with all permissions unless told otherwise.

        Args:
            token: use this text instead of a generated one.

        Raises:
            ValueError: the NIP or a permission is not valid, or the text is taken.
        """
        system = self._running
        _, text = self._call(system.issue_token(Identifier("Nip", nip), permissions, text=token))
        return text

    def revoke_token(self, token: str) -> None:
        """Revoke a KSeF token given by its text.

        Raises:
            LookupError: no such token was issued here.
        """
        self._call(self._set_token_status(token, TokenStatus.REVOKED))

    def revoke_certificate(self, certificate: Fingerprinted) -> None:
        """From now on logins with this certificate end in status 460, `Certyfikat odwołany`."""
        self._call(self._running.revocations.revoke(certificate))

    def suspend_certificate(self, certificate: Fingerprinted) -> None:
        """From now on logins with this certificate end in status 460, `Certyfikat zawieszony`."""
        self._call(self._running.revocations.suspend(certificate))

    def reinstate_certificate(self, certificate: Fingerprinted) -> bool:
        """End a suspension; False if the certificate is not suspended."""
        return self._call(self._running.revocations.reinstate(certificate))

    def add_invoice(self, document: bytes) -> str:
        """Make KSeF know an invoice, as if its seller had sent it; returns its KSeF number.

        Args:
            document: XML, such as `ksef_mock.ksef.invoices.samples.invoice` makes.

        Raises:
            ValueError: KSeF would refuse it; the message says why.
        """
        from ksef_mock.ksef.invoices.seeding import add_document

        system = self._running
        return self._call(add_document(system.invoices, document, system.clock.now())).content.ksef_number

    def sign(
        self,
        xml: bytes | str,
        signer: str,
        *,
        by: Service | str | None = None,
        form: Form = "enveloped",
        algorithm: str | None = None,
        mistake: Mistake | str | None = None,
    ) -> bytes:
        """The document, signed by somebody outside of KSeF with a new certificate of this mock.

        Args:
            signer: `pesel:…`, `nip:…` (a person) or `seal:…` (an organisation, by its NIP).
            by: `trusted-profile` (the default for a PESEL), `qualified` or `ksef`.
            form: `enveloped` or `enveloping`.
            algorithm: such as `rsa-sha512` or `ecdsa-sha256`.
            mistake: sign wrongly, in one of the ways of `ksef_mock.signing.mistakes.Mistake`.

        Raises:
            ValueError: the order makes no sense, or `xml` cannot be signed.
        """
        order = SignOrder(
            signer=signer,
            by=None if by is None else Service(by),
            form=form,
            algorithm=algorithm,
            mistake=None if mistake is None else Mistake(mistake),
        )
        return sign_as(xml.encode() if isinstance(xml, str) else xml, order, self.pki, self.clock.now())

    def stop_processing(self, seconds: float, *, in_seconds: float = 0.0) -> None:
        """Take work and finish none for so many seconds of the mock's clock: it waits until the end.

        Args:
            in_seconds: when it begins; now unless told otherwise.
        """
        system = self._current
        since = system.clock.now() + round(in_seconds * SECOND)
        self._call(processing.stop(system, since, since + round(seconds * SECOND)))

    def resume_processing(self) -> None:
        """Cancel the stop that is planned or under way: what it kept waiting is finished."""
        self._call(processing.resume(self._current))

    def warn(self, text: str | None) -> None:
        """Send `text`, e.g. `[1]: Przerwa`, as X-System-Warning with every answer; None: no more."""
        self._call(self._running.controls.warn(text))

    def coverage(self) -> dict[str, bool]:
        """The operations of the official document, as `POST /auth/challenge`: simulated or not."""
        covered = simulated(self._started.app.routes)
        return {f"{each.method} {each.path}": each in covered for each in OPERATIONS}

    def snapshot(self) -> bytes:
        """The whole state (`ksef_mock.snapshots`), to be restored later, here or into another mock."""
        return self._call(snapshots.take(self._running))

    def restore(self, snapshot: bytes) -> None:
        """Put the state of a snapshot in place of the present one; the clock goes on from its moment.

        Raises:
            InvalidSnapshot: it is none, is damaged, or is of another version or profile.
        """
        self._call(snapshots.restore(self._running, snapshot))

    def reset(self) -> None:
        """Back to the state of the start: nothing stored, no JWT valid, real time, the first keys."""
        self._call(self._running.reset())

    async def _set_token_status(self, text: str, status: TokenStatus) -> None:
        tokens = self._running.tokens
        found = await tokens.find(text)
        if found is None:
            raise LookupError("no such KSeF token was issued by this mock")
        await tokens.set_status(found.reference, status)

    @property
    def _current(self) -> System:
        # What is read outside of a request must not be older than what other processes have changed.
        system = self._running
        system.shared.refresh()
        return system

    @property
    def _running(self) -> System:
        return self._started.system

    @property
    def _started(self) -> Mock:
        if self._mock is None:
            raise RuntimeError("this mock has not been started")
        return self._mock

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        # State belongs to the server's event loop, so that is where it is changed.
        loop = None if self._mock is None or self._thread is None else self._mock.loop
        if loop is None:
            work.close()
            raise RuntimeError("this mock is not running")
        return asyncio.run_coroutine_threadsafe(self._caught_up(work), loop).result(_PATIENCE)

    async def _caught_up(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            await self._running.catch_up()
        except BaseException:
            work.close()
            raise
        return await work


def _require_sense(
    settings: object, profile: str, token_key: str, delay: object, lifetimes: object, port: object
) -> None:
    """What is wrong with arguments is said where they are written, not where the mock is started."""
    for name, value, kind in (
        ("settings", settings, Settings),
        ("delay", delay, Delay),
        ("lifetimes", lifetimes, Lifetimes),
    ):
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"{name} is a {kind.__name__}, not {value!r}")
    if settings is not None and (profile, token_key, delay, lifetimes) != ("test", "rsa", None, None):
        raise ValueError("a MockServer takes either settings or single ones, which belong into them")
    if not isinstance(port, int) or isinstance(port, bool):
        raise TypeError(f"port is a number, not {port!r}")
    if not 0 <= port <= 65_535:
        raise ValueError(f"port is 0, for a free one, to 65535, not {port}")
