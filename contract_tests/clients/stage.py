"""The mock as a situation sets it up, before the client starts and while it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal, TypeAlias

import msgspec

from contract_tests.clients.tap import (
    After,
    Before,
    Belied,
    Call,
    Headers,
    Lost,
    Rewrite,
    Rewritten,
    Step,
    Tap,
    Wanted,
)
from ksef_mock.clock import to_datetime
from ksef_mock.core.fault import Fault, Hold, Named, Outcome
from ksef_mock.crypto.pki import Credential, KeyKind, person
from ksef_mock.ksef.access.principal import Kind
from ksef_mock.ksef.batch.rules import upload_time
from ksef_mock.ksef.invoices import export_rules
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.ksef.sending.confirmations import LINK_LIFETIME
from ksef_mock.ksef.sending.rules import LIFETIME
from ksef_mock.ksef.sending.session import SESSIONS, Session
from ksef_mock.ksef.tokens.tokens import TokenStatus
from ksef_mock.settings import Settings
from ksef_mock.state.update import update
from ksef_mock.system.system import System
from ksef_mock.testing import MockServer

#: How the client is asked to log in.
Method: TypeAlias = Literal["token", "certificate"]

#: What the client is asked to do: log in and make requests, send an invoice or a package of them, or export.
Task: TypeAlias = Literal["login", "send", "batch", "export"]

#: The context of every login.
NIP = "5265877635"

#: Characters of a fault's path.
_LONGEST_PATTERN = 256


class Stage:
    """One mock for one run of the client.

    Hooks are told which calls they are about by a step, e.g. `Step.POLL`, or by any predicate. `times` is
    how often they act: once unless told otherwise, None for always.
    """

    def __init__(self, method: Method, settings: Settings | None = None) -> None:
        self.method: Method = method
        self._tap = Tap()
        self._mock = MockServer(settings or Settings(), wrap=self._tap.around)
        #: The key of the certificate in KSEF_CERTIFICATE.
        self.certificate_key: KeyKind = "ec"
        #: What the client is to do: `login`, `send` the invoice in KSEF_INVOICE, or those in KSEF_INVOICES.
        self.task: Task = "login"
        #: P_1 of the invoice in KSEF_INVOICE, in days from yesterday.
        self.invoice_days = 0
        self._token: str | None = None

    def open(self) -> None:
        """Start the mock."""
        self._mock.start()

    def close(self) -> None:
        """Stop the mock."""
        self._mock.stop()

    @property
    def mock(self) -> MockServer:
        return self._mock

    @property
    def calls(self) -> list[Call]:
        """What the client has sent, in order."""
        return self._tap.calls

    @property
    def token(self) -> str:
        """The KSeF token that the client gets."""
        if self._token is None:
            self._token = self._mock.issue_token(NIP)
        return self._token

    @token.setter
    def token(self, text: str) -> None:
        self._token = text

    @cached_property
    def credential(self) -> Credential:
        """The certificate that the client gets: a qualified one of the owner of the context."""
        return self._mock.pki.qualified(person("Jan", "Kowalski", nip=NIP), key=self.certificate_key)

    @cached_property
    def invoice(self) -> bytes:
        """The invoice that the client gets: a valid FA(3) of the context, of yesterday."""
        return self._invoice("FA/1")

    @cached_property
    def invoices(self) -> Mapping[str, bytes]:
        """By their file names, the invoices that the client gets for a package: valid ones."""
        return {f"{number}.xml": self._invoice(f"FA/{number}") for number in (1, 2, 3)}

    def know_invoices(self) -> None:
        """Have KSeF know these invoices already."""
        for octets in self.invoices.values():
            self._mock.add_invoice(octets)

    def _invoice(self, number: str) -> bytes:
        yesterday = to_datetime(self._mock.clock.now()) - timedelta(days=1)
        return invoice(
            NIP,
            number=number,
            date=(yesterday + timedelta(days=self.invoice_days)).date(),
            created=f"{yesterday:%Y-%m-%dT%H:%M:%SZ}",
        )

    # -- hooks

    def before(
        self, wanted: Step | Wanted, action: Callable[[Call], Awaitable[None]], *, times: int | None = 1
    ) -> None:
        """Do something when a request arrives, before the mock sees it."""
        self._tap.hooks.append(Before(_predicate(wanted), times, action))

    def after(
        self, wanted: Step | Wanted, action: Callable[[Call], Awaitable[None]], *, times: int | None = 1
    ) -> None:
        """Do something when a request has been carried out with success, before the client knows."""
        predicate = _predicate(wanted)
        self._tap.hooks.append(After(lambda call: call.is_success and predicate(call), times, action))

    def rewrite(self, wanted: Step | Wanted, rewrite: Rewrite, *, times: int | None = None) -> None:
        """Change the JSON of successful answers; always, unless told otherwise."""
        self._tap.hooks.append(Rewritten(_predicate(wanted), times, rewrite))

    def lose(self, wanted: Step | Wanted, *, times: int | None = 1) -> None:
        """Carry out a request with success, and close the connection instead of answering."""
        predicate = _predicate(wanted)
        self._tap.hooks.append(Lost(lambda call: call.is_success and predicate(call), times))

    def belie(self, wanted: Step | Wanted, *, times: int | None = 1) -> None:
        """Carry out a request with success, and answer 500."""
        predicate = _predicate(wanted)
        self._tap.hooks.append(Belied(lambda call: call.is_success and predicate(call), times))

    def fail(self, wanted: Step | Wanted, *, times: int | None = 1, **effect: Any) -> None:
        """Let a fault of the mock meet a request: `stage.fail(Step.POLL, rate_limit=1)`.

        `effect` is that of `ksef_mock.fault.Fault`: `status` (with `code`, `retry_after`), `rate_limit`,
        `delay_seconds`, `cut`.
        """

        async def arm(call: Call) -> None:
            # For this very request: the mock answers it as KSeF would.
            path = call.path if len(call.path) <= _LONGEST_PATTERN else "*"
            fault = Fault(path=path, method=call.method, times=1, **effect)
            await self._running.faults.add(fault)

        self.before(wanted, arm, times=times)

    def hold_login(self, polls: int, *, then: Outcome | None = None) -> None:
        """Keep each login at 100 for so many polls, and let it end otherwise than it should."""
        self._mock.faults.add(path="/auth/*", hold=Hold(polls=polls))
        if then is not None:
            self.end_login(then)

    def end_login(self, outcome: Outcome) -> None:
        """Let each login end so."""
        self._mock.faults.add(path="/auth/*", outcome=outcome)

    def send_headers(self, headers: Headers) -> None:
        """Add headers to every answer."""
        self._tap.extra_headers += headers

    def ask_for_problem_details(self) -> None:
        """Answer errors in problem+json, whether the client asks for it or not."""
        self._tap.forced_headers.append(("x-error-format", "problem-details"))

    # -- what can be done from a hook

    async def advance(self, seconds: float) -> None:
        """Let time pass for the mock."""
        await self._running.controls.advance(seconds)

    async def expire_access_tokens(self, _call: Call) -> None:
        """Let every access token issued so far expire."""
        await self.advance(self._mock.settings.lifetimes.access_token + 1)

    async def expire_refresh_tokens(self, _call: Call) -> None:
        """Let every token issued so far expire."""
        await self.advance(self._mock.settings.lifetimes.refresh_token + 1)

    async def expire_sending_sessions(self, _call: Call) -> None:
        """Let every session that is open for invoices come to its end."""
        await self.advance(LIFETIME + 1)

    async def expire_links(self, _call: Call) -> None:
        """Let every signed link issued so far expire."""
        await self.advance(LINK_LIFETIME + 1)

    async def expire_export_links(self, _call: Call) -> None:
        """Let every link to a part of an exported package expire; the package stays."""
        await self.advance(export_rules.LINK_LIFETIME + 1)

    async def expire_part_links(self, _call: Call) -> None:
        """Let every link by which a part is uploaded expire; the session stays open."""
        await self.advance(upload_time(1) + 1)

    async def forget_part(self, call: Call) -> None:
        """Lose what a call has uploaded, as if a firewall had kept it to itself."""
        reference = call.path.split("/")[3].upper()

        def step(session: Session) -> Session:
            assert session.plan is not None
            parts = tuple(msgspec.structs.replace(part, blob=None) for part in session.plan.parts)
            return msgspec.structs.replace(session, plan=msgspec.structs.replace(session.plan, parts=parts))

        await update(self._running.store, SESSIONS, reference, step)

    async def maintain_session(self, call: Call) -> None:
        """Put the session that a call has opened under maintenance, for good: 400, 21184."""
        reference = (call.json() or {})["referenceNumber"]
        fault = Fault(path=f"/sessions/online/{reference}/*", name=Named.SESSION_MAINTENANCE)
        await self._running.faults.add(fault)

    async def expire_challenges(self, _call: Call) -> None:
        """Let every challenge issued so far expire."""
        await self.advance(self._mock.settings.lifetimes.challenge + 1)

    async def replace_keys(self, _call: Call) -> None:
        """An emergency: the published keys are gone, others are there."""
        await self._running.controls.rotate(emergency=True)

    async def revoke_token(self, _call: Call) -> None:
        """Revoke the KSeF token that the client has."""
        found = await self._running.tokens.find(self.token)
        assert found is not None
        await self._running.tokens.set_status(found.reference, TokenStatus.REVOKED)

    async def end_session(self, call: Call) -> None:
        """Revoke the session that a call is about, as somebody else may do."""
        operation = call.trail.operation if call.trail is not None else None
        assert operation is not None
        system = self._running
        token = (call.json() or {})["accessToken"]["token"]
        await system.operations.revoke(operation, system.jwts.read(token, Kind.ACCESS))

    def freeze_at(self, moment: datetime) -> None:
        """Stop the mock's clock at a moment."""
        self._mock.clock.freeze()
        self._mock.clock.set(moment)

    @property
    def _running(self) -> System:
        return self._tap.system


def _predicate(wanted: Step | Wanted) -> Wanted:
    return (lambda call: call.is_a(wanted)) if isinstance(wanted, Step) else wanted
