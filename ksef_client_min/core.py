"""What the client does, without doing any of it: flows that a driver carries out.

The synchronous and the asynchronous client are two drivers of the same flows (`ksef_client_min.effects`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from ksef_client_min.call import Call, Send
from ksef_client_min.credentials import Credentials
from ksef_client_min.effects import Delegate, Flow, Policy, Refresh, Wait
from ksef_client_min.errors import (
    KsefApiError,
    KsefAuthenticationError,
    KsefConnectionError,
    KsefError,
    KsefExportError,
    KsefNotLoggedInError,
    KsefProtocolError,
    KsefTimeoutError,
    KsefUnauthorizedError,
)
from ksef_client_min.exported import (
    Checkpoint,
    Export,
    ExportedPackage,
    Retrieved,
    retrieved,
    window_end,
)
from ksef_client_min.invoice_cipher import SYMMETRIC_KEY_USAGE, SessionKey
from ksef_client_min.models import (
    AuthenticationStarted,
    AuthenticationStatus,
    Challenge,
    ExportPart,
    ExportReference,
    ExportStatus,
    InvoicePackageInfo,
    OpenedBatch,
    OpenedSession,
    SendingStatus,
    SentInvoice,
)
from ksef_client_min.operations import auth, invoices, security, sending
from ksef_client_min.replies import Reply, decode, error_of
from ksef_client_min.session import (
    BatchSession,
    OnlineSession,
    PendingLogin,
    Session,
    context_of,
)
from ksef_client_min.token_cipher import encrypt_token, select_key
from ksef_client_min.xades import build_auth_token_request, sign

if TYPE_CHECKING:
    from ksef_client_min.package import Package

T = TypeVar("T")

#: What the storage answers to a link that has expired.
_EXPIRED = (401, 403)
#: Status of an export that is restricted to what is complete, and begins after it.
_BEYOND_AVAILABLE_DATA = 420

#: Exception code of a publicKeyId that KSeF does not know (any more).
UNKNOWN_PUBLIC_KEY = 21470


class Core:
    """The flows of one client, and the session that they share."""

    def __init__(
        self, policy: Policy, session: Session, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.policy = policy
        self.session = session
        self._monotonic = monotonic

    # -- logging in

    def login_with_token(
        self,
        token: str,
        nip: str | None,
        context: tuple[str, str] | None,
        authorization_policy: Mapping[str, Any] | None,
    ) -> Flow[str]:
        """A whole login; the reference number of its operation."""
        chosen = context_of(nip, context)
        challenge = yield from self.call(auth.challenge())
        try:
            started = yield from self._submit_token(token, challenge, chosen, authorization_policy)
        except KsefApiError as error:
            # The keys were changed in between. A refused submission has not used the challenge up.
            if error.code != UNKNOWN_PUBLIC_KEY:
                raise
            started = yield from self._submit_token(token, challenge, chosen, authorization_policy)
        return (yield from self._finish(started))

    def login_with_certificate(
        self,
        credentials: Credentials,
        nip: str | None,
        context: tuple[str, str] | None,
        subject_identifier_type: str,
        allowed_ips: Mapping[str, Sequence[str]] | None,
        verify_certificate_chain: bool,
    ) -> Flow[str]:
        """A whole login with a certificate whose key is at hand."""
        pending = yield from self.begin_external_login(nip, context, subject_identifier_type, allowed_ips)
        signed = sign(pending.xml, credentials.certificate, credentials.key, chain=credentials.chain)
        return (yield from self.complete_external_login(signed, verify_certificate_chain))

    def login_with_external_signature(
        self,
        sign_xml: Callable[[bytes], Any],
        nip: str | None,
        context: tuple[str, str] | None,
        subject_identifier_type: str,
        allowed_ips: Mapping[str, Sequence[str]] | None,
        verify_certificate_chain: bool,
    ) -> Flow[str]:
        """A whole login in which `sign_xml` turns the unsigned document into the signed one."""
        pending = yield from self.begin_external_login(nip, context, subject_identifier_type, allowed_ips)
        signed: bytes = yield Delegate(sign_xml, pending.xml)
        return (yield from self.complete_external_login(signed, verify_certificate_chain))

    def begin_external_login(
        self,
        nip: str | None,
        context: tuple[str, str] | None,
        subject_identifier_type: str,
        allowed_ips: Mapping[str, Sequence[str]] | None,
    ) -> Flow[PendingLogin]:
        chosen = context_of(nip, context)
        challenge = yield from self.call(auth.challenge())
        xml = build_auth_token_request(
            challenge.challenge,
            chosen,
            subject_identifier_type=subject_identifier_type,
            allowed_ips=allowed_ips,
        )
        return PendingLogin(challenge, chosen, xml)

    def complete_external_login(self, signed_xml: bytes, verify_certificate_chain: bool) -> Flow[str]:
        submission = auth.submit_xades_signature(
            signed_xml, verify_certificate_chain=verify_certificate_chain
        )
        started = yield from self.call(submission)
        return (yield from self._finish(started))

    def _submit_token(
        self,
        token: str,
        challenge: Challenge,
        context: tuple[str, str],
        authorization_policy: Mapping[str, Any] | None,
    ) -> Flow[AuthenticationStarted]:
        published = yield from self.call(security.public_key_certificates())
        key = select_key(published, datetime.now(UTC))
        submission = auth.submit_ksef_token(
            challenge.challenge,
            context,
            encrypt_token(token, challenge.timestamp_ms, key),
            public_key_id=key.public_key_id,
            authorization_policy=authorization_policy,
        )
        return (yield from self.call(submission))

    def _finish(self, started: AuthenticationStarted) -> Flow[str]:
        bearer = started.authentication_token.token
        yield from self._await_success(started.reference_number, bearer)
        tokens = yield from self.call(auth.redeem(bearer))
        session = self.session
        session.access_token = tokens.access_token.token
        session.access_valid_until = tokens.access_token.valid_until
        session.refresh_token = tokens.refresh_token.token
        session.refresh_valid_until = tokens.refresh_token.valid_until
        session.reference_number = started.reference_number
        return started.reference_number

    def _await_success(self, reference_number: str, bearer: str) -> Flow[None]:
        answer: AuthenticationStatus = yield from self._poll(
            auth.status(reference_number, bearer),
            lambda found: found.status.code != 100,
            self.policy.login_deadline,
            f"the login {reference_number}",
        )
        status = answer.status
        if status.code != 200:
            raise KsefAuthenticationError(
                reference_number, status.code, status.description, status.details or ()
            )

    def _poll(self, call: Call[T], is_over: Callable[[T], bool], patience: float, what: str) -> Flow[T]:
        """Repeat a call until its answer is final.

        Raises:
            KsefTimeoutError: it is not after `patience` seconds.
        """
        deadline = self._monotonic() + patience
        pause = self.policy.poll_at_first
        while True:
            found = yield from self.call(call)
            if is_over(found):
                return found
            if self._monotonic() + pause > deadline:
                raise KsefTimeoutError(f"{what} took more than {patience:g} s")
            yield Wait(pause)
            pause = min(pause * 1.5, self.policy.poll_at_most)

    # -- sending invoices

    def open_session(self, form: str) -> Flow[OnlineSession]:
        """An interactive session with a key of its own."""
        key = SessionKey.generate()
        try:
            opened = yield from self._open(form, key)
        except KsefApiError as error:
            # The keys were changed in between.
            if error.code != UNKNOWN_PUBLIC_KEY:
                raise
            opened = yield from self._open(form, key)
        return OnlineSession(opened.reference_number, opened.valid_until, key)

    def _open(self, form: str, key: SessionKey) -> Flow[OpenedSession]:
        wrapped, key_id = yield from self._wrapped(key)
        return (yield from self.call(sending.open_online(form, wrapped, key.iv, key_id)))

    def _wrapped(self, key: SessionKey) -> Flow[tuple[bytes, str | None]]:
        published = yield from self.call(security.public_key_certificates())
        chosen = select_key(published, datetime.now(UTC), SYMMETRIC_KEY_USAGE)
        return key.wrapped(chosen), chosen.public_key_id

    def open_batch(self, package: Package, form: str, offline_mode: bool) -> Flow[BatchSession]:
        """A batch session for a package, with the links that its parts are uploaded by."""
        try:
            opened = yield from self._open_batch(package, form, offline_mode)
        except KsefApiError as error:
            if error.code != UNKNOWN_PUBLIC_KEY:
                raise
            opened = yield from self._open_batch(package, form, offline_mode)
        return BatchSession(opened.reference_number, opened.part_upload_requests)

    def _open_batch(self, package: Package, form: str, offline_mode: bool) -> Flow[OpenedBatch]:
        key = package.key
        wrapped, key_id = yield from self._wrapped(key)
        call = sending.open_batch(
            form, package.declared(), wrapped, key.iv, key_id, offline_mode=offline_mode
        )
        return (yield from self.call(call))

    def upload_parts(self, session: BatchSession, package: Package) -> Flow[None]:
        """All parts; each again if the storage fails, for an upload replaces the one before."""
        uploads = {each.ordinal_number: each for each in session.uploads}
        for part in package.parts:
            upload = uploads.get(part.ordinal_number)
            if upload is None:
                raise KsefProtocolError(f"the answer has no link for part {part.ordinal_number}")
            yield from self._upload(sending.upload_part(upload, package.octets(part)))

    def _upload(self, call: Call[None]) -> Flow[None]:
        pause = self.policy.poll_at_first
        for _ in range(self.policy.upload_attempts - 1):
            try:
                yield from self.call(call)
            except KsefApiError as error:
                if error.status < 500:
                    raise
            except (KsefConnectionError, KsefTimeoutError):
                pass
            else:
                return
            yield Wait(pause)
            pause = min(pause * 1.5, self.policy.poll_at_most)
        yield from self.call(call)

    def send_batch(self, package: Package, form: str, offline_mode: bool) -> Flow[BatchSession]:
        """A package on its way: opened, uploaded, closed."""
        session = yield from self.open_batch(package, form, offline_mode)
        yield from self.upload_parts(session, package)
        yield from self.call(sending.close_batch(session.reference_number))
        return session

    def send_invoice(
        self,
        session: OnlineSession,
        document: bytes,
        offline_mode: bool,
        hash_of_corrected_invoice: bytes | None,
    ) -> Flow[str]:
        """The reference number of an invoice that was sent."""
        sent = yield from self.call(
            sending.send_invoice(
                session.reference_number,
                document,
                session.key.encrypt(document),
                offline_mode=offline_mode,
                hash_of_corrected_invoice=hash_of_corrected_invoice,
            )
        )
        return sent.reference_number

    def await_invoice(self, session: str, reference_number: str) -> Flow[SentInvoice]:
        """The status of an invoice once KSeF has decided."""
        return (
            yield from self._poll(
                sending.invoice(session, reference_number),
                lambda found: found.is_processed,
                self.policy.processing_deadline,
                f"the invoice {reference_number}",
            )
        )

    def await_session(self, session: str) -> Flow[SendingStatus]:
        """The status of a closed session once it is processed."""
        return (
            yield from self._poll(
                sending.status(session),
                lambda found: found.status.code >= 200,
                self.policy.processing_deadline,
                f"the session {session}",
            )
        )

    # -- exports

    def start_export(
        self, filters: dict[str, Any], only_metadata: bool, compression: str | None
    ) -> Flow[Export]:
        """An export with a key of its own."""
        key = SessionKey.generate()
        try:
            started = yield from self._start_export(key, filters, only_metadata, compression)
        except KsefApiError as error:
            # The keys were changed in between.
            if error.code != UNKNOWN_PUBLIC_KEY:
                raise
            started = yield from self._start_export(key, filters, only_metadata, compression)
        return Export(started.reference_number, key)

    def _start_export(
        self, key: SessionKey, filters: dict[str, Any], only_metadata: bool, compression: str | None
    ) -> Flow[ExportReference]:
        wrapped, key_id = yield from self._wrapped(key)
        call = invoices.export(
            filters, wrapped, key.iv, key_id, only_metadata=only_metadata, compression=compression
        )
        return (yield from self.call(call))

    def await_export(self, export: Export) -> Flow[InvoicePackageInfo]:
        """The package of an export once it is made."""
        reference = export.reference_number
        found: ExportStatus = yield from self._poll(
            invoices.export_status(reference),
            lambda found: found.status.code >= 200,
            self.policy.export_deadline,
            f"the export {reference}",
        )
        status = found.status
        if status.code != 200:
            raise KsefExportError(reference, status.code, status.description, status.details or ())
        if found.package is None:
            raise KsefProtocolError("an export that succeeded has no package")
        return found.package

    def download_export(self, export: Export) -> Flow[ExportedPackage]:
        """The package of an export, every part of it fetched and verified."""
        info = yield from self.await_export(export)
        package = ExportedPackage(info)
        try:
            links = {part.ordinal_number: part for part in info.parts}
            for part in sorted(info.parts, key=lambda part: part.ordinal_number):
                yield from self._download(export, package, part, links)
        except BaseException:
            package.close()
            raise
        return package

    def _download(
        self, export: Export, package: ExportedPackage, part: ExportPart, links: dict[int, ExportPart]
    ) -> Flow[None]:
        pause = self.policy.poll_at_first
        for attempt in range(self.policy.upload_attempts):
            receiver = package.receiving(part, export.key)
            request = Send("GET", links[part.ordinal_number].url, into=receiver.add)
            is_last = attempt == self.policy.upload_attempts - 1
            try:
                yield from self._send(request)
            except KsefApiError as error:
                if is_last or not (error.status >= 500 or error.status in _EXPIRED):
                    raise
                if error.status in _EXPIRED:
                    # Links are made at each look at the status: this one has expired.
                    fresh = yield from self.await_export(export)
                    links |= {each.ordinal_number: each for each in fresh.parts}
                    continue
            except (KsefConnectionError, KsefTimeoutError):
                if is_last:
                    raise
            else:
                receiver.finish()
                return
            yield Wait(pause)
            pause = min(pause * 1.5, self.policy.poll_at_most)

    def export(
        self, filters: dict[str, Any], only_metadata: bool, compression: str | None
    ) -> Flow[ExportedPackage]:
        """Ordered, made, downloaded."""
        started = yield from self.start_export(filters, only_metadata, compression)
        return (yield from self.download_export(started))

    def retrieve(
        self, subject_type: str, checkpoint: Checkpoint, filters: Mapping[str, Any], only_metadata: bool
    ) -> Flow[Retrieved | None]:
        """The next package of an incremental retrieval; None if nothing is complete after the checkpoint."""
        until = window_end(checkpoint.since)
        wanted = invoices.export_filters(subject_type, checkpoint.since, until, restricted=True, **filters)
        try:
            package = yield from self.export(wanted, only_metadata, None)
        except KsefExportError as error:
            if error.code == _BEYOND_AVAILABLE_DATA:
                return None
            raise
        try:
            return retrieved(package, checkpoint, until)
        except BaseException:
            package.close()
            raise

    # -- the session

    def refresh(self) -> Flow[str]:
        """A new access token, kept and returned."""
        token = self.session.refresh_token
        if token is None:
            raise KsefNotLoggedInError("there is no refresh token: log in first")
        answer = yield from self.call(auth.refresh(token))
        self.session.access_token = answer.access_token.token
        self.session.access_valid_until = answer.access_token.valid_until
        return answer.access_token.token

    def logout(self) -> Flow[None]:
        """End the session on the server and forget its tokens; they stay if the server could not be asked."""
        # The refresh token outlives the access token and ends the session just as well.
        token = self.session.refresh_token or self.session.access_token
        if token is None:
            return
        try:
            yield from self.call(auth.end_session(token))
        except KsefApiError as error:
            if error.status < 500:
                self.session.clear()  # it has ended already, by expiry or by somebody else
            raise
        self.session.clear()

    # -- calls

    def call(self, call: Call[T]) -> Flow[T]:
        """Carry out a call; on 401 to the access token of the login one refresh and one more try."""
        reply = yield from self._authorized_reply(call.send) if call.authorized else self._send(call.send)
        if call.model is type(None):
            return None
        return decode(reply, call.model)

    def _authorized_reply(self, request: Send) -> Flow[Reply]:
        token = self.session.access_token
        if token is None:
            raise KsefNotLoggedInError("this call needs a login")
        try:
            return (yield from self._send(replace(request, bearer=token)))
        except KsefUnauthorizedError as refusal:
            try:
                yield Refresh(token)
            except KsefError as error:
                raise refusal from error
        # Another 401 now is final: the token is as fresh as it can be.
        return (yield from self._send(replace(request, bearer=self.session.access_token)))

    def _send(self, request: Send) -> Flow[Reply]:
        """Send, and send again when asked to wait, as long as the waits fit into the budget."""
        budget = self.policy.retry_budget
        while True:
            reply: Reply = yield request
            error = error_of(reply)
            if error is None:
                return reply
            wait = error.retry_after if error.status in (429, 503) else None
            if wait is None or wait > budget:
                raise error
            budget -= max(wait, 1.0)
            yield Wait(wait)
