"""The asynchronous client."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
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


class AsyncKsefClient:
    """`KsefClient` for asyncio: the same calls, awaited; usable from several tasks at once."""

    def __init__(
        self,
        base_url: str | Environment,
        *,
        policy: Policy | None = None,
        auth_manager: AuthManager | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """As `KsefClient`."""
        manager = auth_manager or DefaultAuthManager(self._refreshed)
        self._core = Core(policy or Policy(), Session(manager))
        self._http = httpx.AsyncClient(
            base_url=api_root(base_url),
            timeout=self._core.policy.timeout,
            transport=transport,
            follow_redirects=False,
        )
        self._sleep = sleep
        self._refreshing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. The session on the server goes on; `logout` ends it."""
        await self._http.aclose()

    @property
    def session(self) -> Session:
        """The tokens of the login."""
        return self._core.session

    async def login_with_token(
        self,
        token: str,
        nip: str | None = None,
        *,
        context: tuple[str, str] | None = None,
        authorization_policy: Mapping[str, Any] | None = None,
    ) -> str:
        """As `KsefClient.login_with_token`."""
        return await self._run(self._core.login_with_token(token, nip, context, authorization_policy))

    async def login_with_certificate(
        self,
        credentials: Credentials,
        nip: str | None = None,
        *,
        context: tuple[str, str] | None = None,
        subject_identifier_type: str = "certificateSubject",
        allowed_ips: Mapping[str, Sequence[str]] | None = None,
        verify_certificate_chain: bool = False,
    ) -> str:
        """As `KsefClient.login_with_certificate`."""
        return await self._run(
            self._core.login_with_certificate(
                credentials, nip, context, subject_identifier_type, allowed_ips, verify_certificate_chain
            )
        )

    async def login_with_external_signature(
        self,
        sign_xml: Callable[[bytes], bytes | Awaitable[bytes]],
        nip: str | None = None,
        *,
        context: tuple[str, str] | None = None,
        subject_identifier_type: str = "certificateSubject",
        allowed_ips: Mapping[str, Sequence[str]] | None = None,
        verify_certificate_chain: bool = False,
    ) -> str:
        """As `KsefClient.login_with_external_signature`; `sign_xml` may be a coroutine function."""
        return await self._run(
            self._core.login_with_external_signature(
                sign_xml, nip, context, subject_identifier_type, allowed_ips, verify_certificate_chain
            )
        )

    async def begin_external_login(
        self,
        nip: str | None = None,
        *,
        context: tuple[str, str] | None = None,
        subject_identifier_type: str = "certificateSubject",
        allowed_ips: Mapping[str, Sequence[str]] | None = None,
    ) -> PendingLogin:
        """As `KsefClient.begin_external_login`."""
        return await self._run(
            self._core.begin_external_login(nip, context, subject_identifier_type, allowed_ips)
        )

    async def complete_external_login(
        self, signed_xml: bytes, *, verify_certificate_chain: bool = False
    ) -> str:
        """As `KsefClient.complete_external_login`."""
        return await self._run(self._core.complete_external_login(signed_xml, verify_certificate_chain))

    async def refresh(self) -> None:
        """As `KsefClient.refresh`."""
        await self._refreshed()

    async def logout(self) -> None:
        """As `KsefClient.logout`."""
        await self._run(self._core.logout())

    async def call(self, call: Call[T]) -> T:
        """As `KsefClient.call`."""
        return await self._run(self._core.call(call))

    async def sessions(self, page_size: int = 10, continuation_token: str | None = None) -> SessionPage:
        """GET /auth/sessions."""
        return await self.call(auth.sessions(page_size, continuation_token))

    async def context_limits(self) -> dict[str, Any]:
        """GET /limits/context."""
        return await self.call(limits.context())

    # -- sending invoices

    async def open_session(self, form: str = "FA3") -> OnlineSession:
        """As `KsefClient.open_session`."""
        return await self._run(self._core.open_session(form))

    async def send_invoice(
        self,
        session: OnlineSession,
        document: bytes,
        *,
        offline_mode: bool = False,
        hash_of_corrected_invoice: bytes | None = None,
    ) -> str:
        """As `KsefClient.send_invoice`."""
        return await self._run(
            self._core.send_invoice(session, document, offline_mode, hash_of_corrected_invoice)
        )

    async def await_invoice(
        self, session: OnlineSession | BatchSession | str, reference_number: str
    ) -> SentInvoice:
        """As `KsefClient.await_invoice`."""
        return await self._run(self._core.await_invoice(reference_of(session), reference_number))

    async def close_session(self, session: OnlineSession | str) -> None:
        """As `KsefClient.close_session`."""
        await self.call(sending.close_online(reference_of(session)))

    async def await_session(self, session: OnlineSession | BatchSession | str) -> SendingStatus:
        """As `KsefClient.await_session`."""
        return await self._run(self._core.await_session(reference_of(session)))

    # -- sending packages of invoices

    async def send_batch(
        self, package: Package, form: str = "FA3", *, offline_mode: bool = False
    ) -> BatchSession:
        """As `KsefClient.send_batch`."""
        return await self._run(self._core.send_batch(package, form, offline_mode))

    async def open_batch(
        self, package: Package, form: str = "FA3", *, offline_mode: bool = False
    ) -> BatchSession:
        """As `KsefClient.open_batch`."""
        return await self._run(self._core.open_batch(package, form, offline_mode))

    async def upload_parts(self, session: BatchSession, package: Package) -> None:
        """As `KsefClient.upload_parts`."""
        await self._run(self._core.upload_parts(session, package))

    async def close_batch(self, session: BatchSession | str) -> None:
        """As `KsefClient.close_batch`."""
        await self.call(sending.close_batch(reference_of(session)))

    # -- exporting packages of invoices

    async def export(
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
        """As `KsefClient.export`."""
        started = await self.start_export(
            subject_type,
            date_from,
            date_to,
            date_type=date_type,
            only_metadata=only_metadata,
            compression=compression,
            **filters,
        )
        return await self.download_export(started)

    async def start_export(
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
        """As `KsefClient.start_export`."""
        wanted = invoices.export_filters(
            subject_type, date_from.isoformat(), iso(date_to), date_type=date_type, **filters
        )
        return await self._run(self._core.start_export(wanted, only_metadata, compression))

    async def download_export(self, export: Export) -> ExportedPackage:
        """As `KsefClient.download_export`."""
        return await self._run(self._core.download_export(export))

    async def retrieve(
        self, subject_type: str, checkpoint: Checkpoint, *, only_metadata: bool = False, **filters: Any
    ) -> AsyncIterator[Retrieved]:
        """As `KsefClient.retrieve`, in an `async for`."""
        while True:
            step = await self._run(self._core.retrieve(subject_type, checkpoint, filters, only_metadata))
            if step is None:
                return
            yield step
            if not step.has_more:
                return
            checkpoint = step.checkpoint

    async def _run(self, flow: Flow[T]) -> T:
        try:
            effect = next(flow)
            while True:
                try:
                    result = await self._perform(effect)
                except KsefError as error:
                    effect = flow.throw(error)
                else:
                    effect = flow.send(result)
        except StopIteration as stop:
            value: T = stop.value
            return value

    async def _perform(self, effect: Effect) -> Reply | bytes | None:
        if isinstance(effect, Send):
            return await self._send(effect)
        if isinstance(effect, Delegate):
            signed: Any = effect.sign_xml(effect.xml)
            found: bytes = await signed if inspect.isawaitable(signed) else signed
            return found
        if isinstance(effect, Wait):
            await self._sleep(effect.seconds)
        else:
            await self._refresh(effect)
        return None

    async def _send(self, effect: Send) -> Reply:
        with translated(effect):
            async with self._http.stream(**request_of(effect)) as response:
                body = Collector(self._core.policy.max_answer)
                take = effect.into if effect.into is not None and response.status_code == 200 else body.add
                async for chunk in response.aiter_bytes():
                    take(chunk)
                return Reply(response.status_code, dict(response.headers), body.whole())

    async def _refresh(self, effect: Refresh) -> None:
        async with self._refreshing:
            manager = self.session.manager
            if manager.get_access_token() != effect.stale:
                return  # somebody else was faster
            answer = manager.on_unauthorized()
            token = await answer if inspect.isawaitable(answer) else answer
            if token is None:
                raise KsefNotLoggedInError("there is no new access token to be had")
            manager.set_access_token(token)

    async def _refreshed(self) -> str:
        return await self._run(self._core.refresh())
