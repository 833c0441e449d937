"""What tests do with a mock in their own process, whether it is a server's own or one of its tenants."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.types import ASGIApp

from ksef_mock.clock import SECOND, Clock
from ksef_mock.core.bodies import WarningText
from ksef_mock.core.expected import chosen
from ksef_mock.core.identifiers import Identifier
from ksef_mock.crypto.certificate import Fingerprinted
from ksef_mock.crypto.pki import Pki
from ksef_mock.gateway.endpoints import simulated
from ksef_mock.gateway.operations import OPERATIONS
from ksef_mock.ksef.keys.keys import KeyRing
from ksef_mock.ksef.tokens.tokens import TokenStatus
from ksef_mock.lighthouse.app import PREFIX
from ksef_mock.seed.invoice_folder import Folder, Written
from ksef_mock.settings import Settings
from ksef_mock.signing.mistakes import Mistake
from ksef_mock.signing.stand_in import Service, SignOrder, sign_as
from ksef_mock.system import processing, snapshots
from ksef_mock.system.handles import Faults, Lighthouse
from ksef_mock.system.system import System
from ksef_mock.trail.journal import Journal
from ksef_mock.xades.signing import Form

if TYPE_CHECKING:
    from ksef_mock.launch import Mock
    from ksef_mock.serving.server import Server
    from ksef_mock.serving.tls import ServerCertificate

T = TypeVar("T")

#: Seconds to wait for the server's thread; reached only if something is badly wrong.
PATIENCE = 60.0


class _Door:
    """Where captured requests come in: a server that is there as long as anybody captures.

    One for all who do at the same time: whoever leaves must not end the connections of the others.
    """

    port: int
    server: Server

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0


class Steered(ABC):
    """A mock that is steered from any thread but that of its server."""

    def __init__(self) -> None:
        self._door = _Door()

    @property
    @abstractmethod
    def url(self) -> str:
        """The base URL, without a version: clients add /v2, /api/v2 or /webs/api/v2 themselves."""

    @property
    @abstractmethod
    def settings(self) -> Settings:
        """What it was told before it started."""

    @property
    @abstractmethod
    def _app(self) -> Starlette:
        """Its application.

        Raises:
            RuntimeError: it has not been started.
        """

    @property
    @abstractmethod
    def _loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop that serves it; None: none does at present."""

    @property
    @abstractmethod
    def _mock_served(self) -> Mock:
        """The mock by whose server it is served.

        Raises:
            RuntimeError: it has not been started.
        """

    @property
    @abstractmethod
    def _gateway_certificate(self) -> tuple[ServerCertificate, bytes]:
        """For KSeF's own host names, and the CA that issued it (PEM)."""

    @property
    @abstractmethod
    def _captured_app(self) -> ASGIApp:
        """What a request reaches that was meant for KSeF."""

    @property
    def _lighthouse_address(self) -> str:
        return self.url + PREFIX

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
        return Lighthouse(self._running.lighthouse, self._call, self._lighthouse_address)

    @contextmanager
    def capture_hosts(self, *hosts: str) -> Iterator[None]:
        """As long as it is entered, KSeF's own host names lead to this mock, in the whole of this process.

        For clients that know no other addresses, made before or within: they need no change and no CA. They
        reach port 443 by https, at a port of 127.0.0.1 that is there for so long, and verify the certificate.
        Served are those who use Python's sockets and TLS (`ksef_mock.capture`): http.client, urllib3,
        requests, httpx, aiohttp. Of two such contexts, the one that was entered later has the names.

        Args:
            hosts: out of `ksef_mock.serving.tls.GATEWAYS`; all of them (API, portal, QR codes, lighthouse, of
                TEST, DEMO and production) if none is named.

        Raises:
            ValueError: a host is none of KSeF's.
            RuntimeError: the mock is not running.
        """
        from ksef_mock.capture import Capture
        from ksef_mock.serving.server import listen
        from ksef_mock.serving.tls import GATEWAYS

        strangers = [host for host in hosts if host not in GATEWAYS]
        if strangers:
            raise ValueError(f"{strangers[0]!r} is no host of KSeF's: {', '.join(GATEWAYS)}")
        mock, (certificate, ca_pem) = self._mock_served, self._gateway_certificate
        door = self._door
        with door.lock:
            if not door.users:
                listener = listen("127.0.0.1", 0)
                door.port = listener.getsockname()[1]
                try:
                    door.server = self._call(mock.serve_beside(listener, certificate, self._captured_app))
                except BaseException:
                    listener.close()
                    raise
            door.users += 1
        try:
            with Capture(hosts or GATEWAYS, door.port, ca_pem.decode()):
                yield
        finally:
            with door.lock:
                door.users -= 1
                if not door.users and self._loop is not None:
                    self._call(mock.end_beside(door.server))

    def issue_token(
        self, nip: str, permissions: Sequence[str] | None = None, *, token: str | None = None
    ) -> str:
        """The text of a new, active KSeF token of this NIP, with all permissions unless told otherwise.

        Args:
            token: use this text instead of a generated one.

        Raises:
            ValueError: the NIP or a permission is not valid, or the text is taken.
            TypeError: `permissions` is a text.
        """
        if isinstance(permissions, str):
            raise TypeError(f"permissions is a list of names, such as [{permissions!r}]")
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
        return self._call(
            add_document(system.invoices, system.schemas, document, system.clock.now())
        ).content.ksef_number

    def export_invoices(self, folder: Path) -> Written:
        """Write all invoices into a folder, as `ksef-mock export` does; what that has changed.

        Raises:
            OSError: a file cannot be written.
        """
        from ksef_mock.ksef.invoices.portable import carried_page

        invoices = self._running.invoices

        def pages() -> Iterator[dict[str, Any]]:
            after: str | None = None
            while True:
                page = self._call(carried_page(invoices, after))
                yield from (msgspec.to_builtins(each) for each in page.invoices)
                after = page.continuation
                if after is None:
                    return

        return Folder(folder).write(pages())

    def import_invoices(self, folder: Path) -> int:
        """Make KSeF know the invoices in a folder, all or none; how many it did not know before.

        Raises:
            ValueError: files fail; the message names each, with the reason.
            OSError: there is no such folder.
        """
        from ksef_mock.system.planting import import_folder

        return self._call(import_folder(self._running, folder))

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
            by=None if by is None else chosen(Service, by),
            form=form,
            algorithm=algorithm,
            mistake=None if mistake is None else chosen(Mistake, mistake),
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
        """Send `text`, e.g. `[1]: Przerwa`, as X-System-Warning with every answer; None: no more.

        Raises:
            ValueError: it is not as KSeF writes it: `[code]: message`, several with | between them.
        """
        try:
            msgspec.convert(text, WarningText | None)
        except msgspec.ValidationError:
            raise ValueError(
                f"a warning is '[code]: message', several with | between, not {text!r}"
            ) from None
        self._call(self._running.controls.warn(text))

    def coverage(self) -> dict[str, bool]:
        """The operations of the official document, as `POST /auth/challenge`: simulated or not."""
        covered = simulated(self._app.routes)
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
        system: System = self._app.state.system
        return system

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        # State belongs to the server's event loop, so that is where it is changed.
        loop = self._loop
        if loop is None:
            work.close()
            raise RuntimeError("this mock is not running")
        return asyncio.run_coroutine_threadsafe(self._caught_up(work), loop).result(PATIENCE)

    async def _caught_up(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            await self._running.catch_up()
        except BaseException:
            work.close()
            raise
        return await work
