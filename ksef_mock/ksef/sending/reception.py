"""How an invoice is received: what is refused at once, what is found later, what its acceptance brings."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import msgspec

from ksef_mock.clock import Instant
from ksef_mock.core import dates
from ksef_mock.core.bodies import invalid
from ksef_mock.core.codes import Code
from ksef_mock.core.environment import Profile
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.exchange import Exchange
from ksef_mock.core.fault import INVOICE
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.validation import at_most
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.invoices.files import Declared, Encrypted
from ksef_mock.ksef.invoices.forms import BY_CODE, Form
from ksef_mock.ksef.invoices.invoices import Invoices
from ksef_mock.ksef.invoices.metadata import FormCode
from ksef_mock.ksef.invoices.report import Report
from ksef_mock.ksef.invoices.rules import InvoiceStatus
from ksef_mock.ksef.invoices.schemas import Schemas
from ksef_mock.ksef.invoices.verification import Rules, verify
from ksef_mock.ksef.keys.keys import KeyRing
from ksef_mock.ksef.keys.symmetric_key import received
from ksef_mock.ksef.limits.limits import Limits, SessionLimits
from ksef_mock.ksef.sending import rules
from ksef_mock.ksef.sending.outcomes import Outcomes
from ksef_mock.ksef.sending.rights import RightsService
from ksef_mock.ksef.sending.session import Kind, Plan, SentInvoice, Session
from ksef_mock.ksef.sending.sessions import Attempt, Login, Sessions
from ksef_mock.state.store import Write
from ksef_mock.trail.faults import Faults

#: Bytes of ciphertext from which an invoice is verified in a thread.
_LARGE = 65_536
_MB = 1_000_000
#: Bytes of a send beside the content: its other members, with room for white space.
_AROUND = 16_384


@dataclass(frozen=True, slots=True)
class Submission:
    """What a client says of an invoice that it sends."""

    hash: str
    size: int
    encrypted_hash: str
    encrypted_size: int
    content: bytes
    offline: bool = False
    corrected_hash: str | None = None


RequestDigest: TypeAlias = Callable[[str], Awaitable[bytes | None]]


class Reception:
    """Opens sessions for clients and receives their invoices."""

    def __init__(
        self,
        profile: Profile,
        keys: KeyRing,
        request_digest: RequestDigest,
        limits: Limits,
        rights: RightsService,
        sessions: Sessions,
        invoices: Invoices,
        outcomes: Outcomes,
        schemas: Schemas,
        faults: Faults,
    ) -> None:
        """`request_digest`: SHA-256 of the signed request of a login, by its reference number; or None."""
        self._profile = profile
        self._keys = keys
        self._request_digest = request_digest
        self._limits = limits
        self._rights = rights
        self._sessions = sessions
        self._invoices = invoices
        self._schemas = schemas
        self._outcomes = outcomes
        self._faults = faults

    async def open(
        self,
        actor: Actor,
        form: Form,
        wrapped_key: bytes,
        iv: bytes,
        key_id: str | None,
        *,
        validates_identifiers: bool,
        exchange: Exchange,
        plan: Plan | None = None,
    ) -> Session:
        """A new session of the actor.

        Args:
            key_id: which published key the AES key is encrypted for; None: they are tried.
            plan: of a batch session.

        Raises:
            BadRequest: 21470, no such key is published for this.
        """
        key = received(wrapped_key, key_id, await self._keys.published(), exchange, self._keys.withdrawn())
        digest = await self._request_digest(actor.operation)
        login = Login(
            actor.context,
            actor.subject,
            actor.token,
            None if digest is None else base64.b64encode(digest).decode(),
        )
        session = await self._sessions.open(
            login, form, key, iv, validates_identifiers=validates_identifiers, plan=plan
        )
        exchange.noted("session", f"opened {session.reference} for {form.code.system_code}")
        return session

    async def largest_body(self, context: Identifier) -> int:
        """Bytes that the body of a send may have: Base64 of the largest invoice that the context may send."""
        return _largest(await self._limits_of(context)) * 4 // 3 + _AROUND

    async def receive(
        self, reference: str, actor: Actor, submission: Submission, exchange: Exchange
    ) -> SentInvoice:
        """Take an invoice into a session; what is found of it shows in its status.

        Raises:
            BadRequest: 21173, 21180, 21184, 21155, 21402, 21403, 21405, 21166, 21167.
            Forbidden: insufficient-resource-access.
        """
        session = await self._sessions.used(reference, actor, rules.SEND_REFUSAL)
        await self._faults.on_sending(reference, exchange)
        limits = await self._limits_of(actor.context)
        if submission.size > _largest(limits):
            raise invalid("invoiceSize", at_most(_largest(limits)))
        _check_at_once(submission)
        if submission.corrected_hash is not None:
            await self._check_correction(submission.corrected_hash)
        ends, hold = await self._faults.on_start(INVOICE, exchange)
        number, now, wait = self._sessions.new_invoice()
        sent = SentInvoice(
            reference=number,
            session=session.reference,
            ordinal=0,
            hash=submission.hash,
            invoiced_at=now,
            wait=wait.held(hold.polls, hold.seconds),
            code=InvoiceStatus.SESSION_ERROR,  # what it comes to in a session whose key is no key
        )
        if session.key is None:
            return await self._sessions.take(session, limits.max_invoices, _as_it_is(sent))
        if ends is not None:
            code, detail = ends.resolved(INVOICE)
            planned = msgspec.structs.replace(
                sent, code=InvoiceStatus(code), details=() if detail is None else (detail,)
            )
            return await self._sessions.take(session, limits.max_invoices, _as_it_is(planned))
        report = await self._verified(session, session.key, actor, submission, limits, now)

        async def attempt(ordinal: int) -> tuple[SentInvoice, Sequence[Write]]:
            numbered = msgspec.structs.replace(sent, ordinal=ordinal)
            return await self._outcomes.of(
                numbered,
                session,
                report,
                offline=submission.offline,
                corrected_hash=submission.corrected_hash,
            )

        invoice = await self._sessions.take(session, limits.max_invoices, attempt)
        _tell(exchange, invoice, report)
        return invoice

    async def _verified(
        self,
        session: Session,
        key: bytes,
        actor: Actor,
        submission: Submission,
        limits: SessionLimits,
        now: Instant,
    ) -> Report:
        is_correction = submission.corrected_hash is not None
        judge = partial(
            verify,
            Encrypted(ciphertext=submission.content, key=key, iv=session.iv),
            self.rules(session, limits, is_correction=is_correction),
            at=now,
            # Corrections alone may have attachments here.
            rights=await self._rights.of(actor, asks_consents=is_correction),
            declared=Declared(size=submission.size, hash=submission.hash),
        )
        # A small one costs less than handing it over.
        return judge() if len(submission.content) < _LARGE else await asyncio.to_thread(judge)

    def rules(self, session: Session, limits: SessionLimits, *, is_correction: bool = False) -> Rules:
        """What the invoices of a session of either kind are judged by."""
        return Rules(
            form=BY_CODE[FormCode(session.system_code, session.schema_version, session.form_value)],
            schemas=self._schemas,
            max_size=limits.max_invoice_size * _MB,
            max_size_with_attachment=limits.max_invoice_with_attachment_size * _MB,
            checks_checksums=self._profile.name == "prod" or session.validates_identifiers,
            strict_xml=self._profile.refuses_loose_xml(dates.day(session.created_at)),
            is_interactive=session.kind is Kind.ONLINE,
            is_correction=is_correction,
        )

    async def _check_correction(self, corrected: str) -> None:
        """
        Raises:
            BadRequest: 21167, the file was accepted; 21166, it has been corrected.
        """
        for invoice in await self._invoices.by_hash(corrected):
            if invoice.content.invoice_hash == corrected:
                raise BadRequest(
                    Code.NOT_CORRECTABLE,
                    "Nie można wysłać korekty technicznej do prawidłowo przetworzonej faktury.",
                )
            raise BadRequest(
                Code.CORRECTED_BEFORE, "Faktura posiada już przetworzoną prawidłowo korektę techniczną."
            )

    async def _limits_of(self, context: Identifier) -> SessionLimits:
        return (await self._limits.of_context(context)).online_session


def _largest(limits: SessionLimits) -> int:
    """Octets that an invoice may have, attachment and all."""
    return max(limits.max_invoice_size, limits.max_invoice_with_attachment_size) * _MB


def _as_it_is(sent: SentInvoice) -> Attempt:
    async def attempt(ordinal: int) -> tuple[SentInvoice, Sequence[Write]]:
        return msgspec.structs.replace(sent, ordinal=ordinal), ()

    return attempt


def _tell(exchange: Exchange, invoice: SentInvoice, report: Report) -> None:
    """Put the findings into the journal."""
    exchange.noted("invoice", f"{invoice.reference}: {int(invoice.code)}")
    for check, reason in invoice.failures:
        exchange.failed(check, reason)
    if passes := report.passes:
        ground = "" if report.ground is None else f"; {report.ground.value}"
        exchange.passed("verification", ", ".join([each.check for each in passes]) + ground)


def _check_at_once(submission: Submission) -> None:
    if len(submission.content) != submission.encrypted_size:
        raise BadRequest(
            Code.FILE_SIZE,
            "Długość treści nie zgadza się z rozmiarem pliku.",
            reason=f"encryptedInvoiceSize is {submission.encrypted_size}, the content has "
            f"{len(submission.content)} octets",
        )
    computed = base64.b64encode(hashlib.sha256(submission.content).digest()).decode()
    if computed != submission.encrypted_hash:
        raise BadRequest(
            Code.FILE_HASH,
            "Skrót treści nie zgadza się ze skrótem pliku.",
            reason=f"encryptedInvoiceHash is {submission.encrypted_hash}, that of the content {computed}",
        )
