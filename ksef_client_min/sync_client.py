"""The synchronous client."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx

from ksef_client_min.auth_manager import AuthManager, DefaultAuthManager
from ksef_client_min.call import Call, Send
from ksef_client_min.core import Core
from ksef_client_min.credentials import Credentials
from ksef_client_min.effects import Delegate, Effect, Flow, Policy, Refresh, Wait
from ksef_client_min.environments import Environment, api_root
from ksef_client_min.errors import KsefError, KsefNotLoggedInError
from ksef_client_min.exported import Checkpoint, Export, ExportedPackage, Retrieved
from ksef_client_min.models import SendingStatus, SentInvoice, SessionPage
from ksef_client_min.operations import auth, invoices, limits, sending
from ksef_client_min.replies import Reply
from ksef_client_min.session import BatchSession, OnlineSession, PendingLogin, Session, reference_of
from ksef_client_min.wire import Collector, iso, request_of, translated

if TYPE_CHECKING:
    from ksef_client_min.package import Package

T = TypeVar("T")


class KsefClient:
    """A client of KSeF's API v2; usable from several threads at once.

        with KsefClient("https://api-test.ksef.mf.gov.pl") as ksef:
            ksef.login_with_token(token, nip="5265877635")
            for session in ksef.sessions().items:
                ...

    On 401 the access token is refreshed once, whoever notices first, and the call repeated.
    """

    def __init__(
        self,
        base_url: str | Environment,
        *,
        policy: Policy | None = None,
        auth_manager: AuthManager | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Args:
            base_url: with or without `/v2`, or an `Environment`.
            auth_manager: keeps the tokens; in memory unless told otherwise.
            transport: httpx's own way to be tested without a network.
            sleep: how to wait, in seconds.

        Raises:
            ValueError: `base_url` is none.
        """
        manager = auth_manager or DefaultAuthManager(self._refreshed)
        self._core = Core(policy or Policy(), Session(manager))
        self._http = httpx.Client(
            base_url=api_root(base_url),
            timeout=self._core.policy.timeout,
            transport=transport,
            follow_redirects=False,
        )
        self._sleep = sleep
        self._refreshing = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. The session on the server goes on; `logout` ends it."""
        self._http.close()

    @property
    def session(self) -> Session:
        """The tokens of the login."""
        return self._core.session

    def login_with_token(
        self,
        token: str,
        nip: str | None = None,
        *,
        context: tuple[str, str] | None = None,
        authorization_policy: Mapping[str, Any] | None = None,
    ) -> str:
        """Log in with a KSeF token; returns the reference number of the login.

        Args:
            nip: the context, if it is a NIP.
            context: any context as (type, value), e.g. `("InternalId", "5265877635-12345")`.
            authorization_policy: as in the API, e.g. `{"allowedIps": {"ip4Addresses": ["192.0.2.1"]}}`.

        Raises:
            KsefAuthenticationError: KSeF has refused the token.
            KsefTimeoutError: the login was not processed in time.
            KsefApiError: one of the calls was refused.
            KsefError: see `ksef_client_min.errors`.
        """
        return self._run(self._core.login_with_token(token, nip, context, authorization_policy))

    def login_with_certificate(
        self,
        credentials: Credentials,
        nip: str | None = None,
        *,
        context: tuple[str, str] | None = None,
        subject_identifier_type: str = "certificateSubject",
        allowed_ips: Mapping[str, Sequence[str]] | None = None,
        verify_certificate_chain: bool = False,
    ) -> str:
        """Log in with a certificate and its private key; returns the reference number of the login.

        Args:
            credentials: see `ksef_client_min.credentials.load_pem` and `load_pkcs12`.
            subject_identifier_type: certificateSubject, or certificateFingerprint.
            allowed_ips: `ip4Addresses`, `ip4Ranges`, `ip4Masks` from which the login may be used.
            verify_certificate_chain: have TEST verify what the other environments always do.

        Raises:
            KsefAuthenticationError: KSeF has refused the signer.
            KsefApiError: the document was refused, e.g. 9105; or one of the other calls.
            KsefError: see `ksef_client_min.errors`.
        """
        return self._run(
            self._core.login_with_certificate(
                credentials, nip, context, subject_identifier_type, allowed_ips, verify_certificate_chain
            )
        )

    def login_with_external_signature(
        self,
        sign_xml: Callable[[bytes], bytes],
        nip: str | None = None,
        *,
        context: tuple[str, str] | None = None,
        subject_identifier_type: str = "certificateSubject",
        allowed_ips: Mapping[str, Sequence[str]] | None = None,
        verify_certificate_chain: bool = False,
    ) -> str:
        """The same with a signature made elsewhere: `sign_xml` takes the XML and returns it signed."""
        return self._run(
            self._core.login_with_external_signature(
                sign_xml, nip, context, subject_identifier_type, allowed_ips, verify_certificate_chain
            )
        )

    def begin_external_login(
        self,
        nip: str | None = None,
        *,
        context: tuple[str, str] | None = None,
        subject_identifier_type: str = "certificateSubject",
        allowed_ips: Mapping[str, Sequence[str]] | None = None,
    ) -> PendingLogin:
        """First phase of a login that is signed by hand: the XML to sign within 10 minutes."""
        return self._run(self._core.begin_external_login(nip, context, subject_identifier_type, allowed_ips))

    def complete_external_login(self, signed_xml: bytes, *, verify_certificate_chain: bool = False) -> str:
        """Second phase: submit the signed XML; returns the reference number of the login."""
        return self._run(self._core.complete_external_login(signed_xml, verify_certificate_chain))

    def refresh(self) -> None:
        """Get a new access token now. Needed only by those who use the token themselves."""
        self._refreshed()

    def logout(self) -> None:
        """End the session on the server; does nothing without one."""
        self._run(self._core.logout())

    def call(self, call: Call[T]) -> T:
        """Any single operation, made by the functions of `ksef_client_min.operations`.

        Raises:
            KsefApiError: it was refused; `KsefUnauthorizedError` if a refresh did not help.
            KsefError: see `ksef_client_min.errors`.
        """
        return self._run(self._core.call(call))

    def sessions(self, page_size: int = 10, continuation_token: str | None = None) -> SessionPage:
        """GET /auth/sessions."""
        return self.call(auth.sessions(page_size, continuation_token))

    def context_limits(self) -> dict[str, Any]:
        """GET /limits/context."""
        return self.call(limits.context())

    # -- sending invoices

    def open_session(self, form: str = "FA3") -> OnlineSession:
        """Open an interactive session.

        Args:
            form: FA2, FA3, FA_RR, PEF or PEF_KOR.

        Raises:
            KeyError: another form.
            KsefApiError: it was refused.
            KsefError: see `ksef_client_min.errors`.
        """
        return self._run(self._core.open_session(form))

    def send_invoice(
        self,
        session: OnlineSession,
        document: bytes,
        *,
        offline_mode: bool = False,
        hash_of_corrected_invoice: bytes | None = None,
    ) -> str:
        """Encrypt and send an invoice; returns its reference number, by which its status is known.

        Args:
            document: XML in UTF-8, as it is.
            hash_of_corrected_invoice: SHA-256 of the refused file that this one corrects technically.

        Raises:
            KsefApiError: the send was refused.
            KsefError: see `ksef_client_min.errors`.
        """
        return self._run(self._core.send_invoice(session, document, offline_mode, hash_of_corrected_invoice))

    def await_invoice(
        self, session: OnlineSession | BatchSession | str, reference_number: str
    ) -> SentInvoice:
        """Wait until KSeF has decided on an invoice: `ksef_number`, or a `status` that says why not.

        Raises:
            KsefTimeoutError: it has not in `Policy.processing_deadline`.
            KsefError: see `ksef_client_min.errors`.
        """
        return self._run(self._core.await_invoice(reference_of(session), reference_number))

    def close_session(self, session: OnlineSession | str) -> None:
        """Close a session: nothing can be sent into it any more, and its UPO is made."""
        self.call(sending.close_online(reference_of(session)))

    def await_session(self, session: OnlineSession | BatchSession | str) -> SendingStatus:
        """Wait until a closed session is processed.

        Raises:
            KsefTimeoutError: it has not been in `Policy.processing_deadline`.
            KsefError: see `ksef_client_min.errors`.
        """
        return self._run(self._core.await_session(reference_of(session)))

    # -- sending packages of invoices

    def send_batch(self, package: Package, form: str = "FA3", *, offline_mode: bool = False) -> BatchSession:
        """Send a package: open a batch session, upload all parts, close it. `await_session` is next.

        Args:
            package: see `ksef_client_min.package.Package`.
            form: of all of its invoices.
            offline_mode: all of them were issued offline.

        Raises:
            KeyError: another form.
            KsefApiError: a call or an upload was refused, e.g. because a link has expired.
            KsefError: see `ksef_client_min.errors`.
        """
        return self._run(self._core.send_batch(package, form, offline_mode))

    def open_batch(self, package: Package, form: str = "FA3", *, offline_mode: bool = False) -> BatchSession:
        """The first step of `send_batch` alone."""
        return self._run(self._core.open_batch(package, form, offline_mode))

    def upload_parts(self, session: BatchSession, package: Package) -> None:
        """The second step alone: all parts of the package that the session was opened for."""
        self._run(self._core.upload_parts(session, package))

    def close_batch(self, session: BatchSession | str) -> None:
        """The third step alone: the package is processed from now on."""
        self.call(sending.close_batch(reference_of(session)))

    # -- exporting packages of invoices

    def export(
        self,
        subject_type: str,
        date_from: datetime,
        date_to: datetime | None = None,
        *,
        date_type: str = "PermanentStorage",
        only_metadata: bool = False,
        compression: str | None = None,
        **filters: Any,
    ) -> ExportedPackage:
        """Have KSeF make a package of invoices; wait for it, download, decrypt and verify it.

        A link that expires on the way is replaced by a new one. Whether all invoices had room is told by
        `is_truncated`; `retrieve` goes on by itself.

        Args:
            subject_type: Subject1 (seller), Subject2 (buyer), Subject3, SubjectAuthorized.
            date_from: with an offset; KSeF allows ranges of 100 days.
            date_type: Issue, Invoicing or PermanentStorage.
            only_metadata: without the documents.
            compression: Zip or TarGz.
            filters: any other member of the request's filters, by its name in the API.

        Raises:
            KsefExportError: KSeF could not make it.
            KsefTimeoutError: it is not made in `Policy.export_deadline`.
            KsefProtocolError: what came is not what the status says.
            KsefError: see `ksef_client_min.errors`.
        """
        started = self.start_export(
            subject_type,
            date_from,
            date_to,
            date_type=date_type,
            only_metadata=only_metadata,
            compression=compression,
            **filters,
        )
        return self.download_export(started)

    def start_export(
        self,
        subject_type: str,
        date_from: datetime,
        date_to: datetime | None = None,
        *,
        date_type: str = "PermanentStorage",
        only_metadata: bool = False,
        compression: str | None = None,
        **filters: Any,
    ) -> Export:
        """The first step of `export` alone; `download_export` does the rest, within seven days."""
        wanted = invoices.export_filters(
            subject_type, date_from.isoformat(), iso(date_to), date_type=date_type, **filters
        )
        return self._run(self._core.start_export(wanted, only_metadata, compression))

    def download_export(self, export: Export) -> ExportedPackage:
        """The package of an export that was started, once it is made."""
        return self._run(self._core.download_export(export))

    def retrieve(
        self, subject_type: str, checkpoint: Checkpoint, *, only_metadata: bool = False, **filters: Any
    ) -> Iterator[Retrieved]:
        """All invoices from a checkpoint on, package by package, none of them twice and none left out.

        Each is restricted to what is complete in KSeF and goes on where the one before ended. Keep the
        `checkpoint` of each once its `invoices()` are kept; the last one is where to begin next time.

            for step in ksef.retrieve("Subject2", Checkpoint("2026-01-01T00:00:00Z")):
                with step:
                    for invoice in step.invoices():
                        ...

        Raises:
            KsefError: as `export`.
        """
        while True:
            step = self._run(self._core.retrieve(subject_type, checkpoint, filters, only_metadata))
            if step is None:
                return
            yield step
            if not step.has_more:
                return
            checkpoint = step.checkpoint

    def _run(self, flow: Flow[T]) -> T:
        try:
            effect = next(flow)
            while True:
                try:
                    result = self._perform(effect)
                except KsefError as error:
                    effect = flow.throw(error)
                else:
                    effect = flow.send(result)
        except StopIteration as stop:
            value: T = stop.value
            return value

    def _perform(self, effect: Effect) -> Reply | bytes | None:
        if isinstance(effect, Send):
            return self._send(effect)
        if isinstance(effect, Delegate):
            signed: bytes = effect.sign_xml(effect.xml)
            return signed
        if isinstance(effect, Wait):
            self._sleep(effect.seconds)
        else:
            self._refresh(effect)
        return None

    def _send(self, effect: Send) -> Reply:
        with translated(effect), self._http.stream(**request_of(effect)) as response:
            body = Collector(self._core.policy.max_answer)
            take = effect.into if effect.into is not None and response.status_code == 200 else body.add
            for chunk in response.iter_bytes():
                take(chunk)
            return Reply(response.status_code, dict(response.headers), body.whole())

    def _refresh(self, effect: Refresh) -> None:
        with self._refreshing:
            manager = self.session.manager
            if manager.get_access_token() != effect.stale:
                return  # somebody else was faster
            token = manager.on_unauthorized()
            if token is None:
                raise KsefNotLoggedInError("there is no new access token to be had")
            assert isinstance(token, str), "a coroutine function belongs to AsyncKsefClient"
            manager.set_access_token(token)

    def _refreshed(self) -> str:
        return self._run(self._core.refresh())
