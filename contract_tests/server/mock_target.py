"""Our own mock as a target: started in this process, with everything that other targets cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from cryptography import x509

from contract_tests.server.capabilities import Capability
from contract_tests.server.identity import Credentials
from contract_tests.server.targets import Issuer, Target, Variant
from ksef_client_min.certificates import Certificate
from ksef_mock.core.fault import Hold, Named, Outcome
from ksef_mock.core.waiting import Delay
from ksef_mock.crypto.authority import Validity
from ksef_mock.crypto.pki import Credential, KeyKind, Purpose
from ksef_mock.ksef.invoices.export_limits import ExportLimits
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer

#: The suite's own: RSA and EC keys, and a proxy that is believed, to come from a second IP address.
DEFAULTS = Settings(token_key="both", trusted_proxies=("127.0.0.1",))

_CAPABILITIES = frozenset(Capability)


@contextmanager
def mock_target(settings: Settings = DEFAULTS) -> Iterator[Target]:
    """A mock with these settings, and on demand others that differ from it, until the context ends."""
    with ExitStack() as running:
        yield _start(settings, running, {})


class MockControls:
    """Implements `contract_tests.server.targets.Controls` on a mock of this process."""

    def __init__(
        self, server: MockServer, settings: Settings, running: ExitStack, started: dict[Settings, Target]
    ) -> None:
        self._server = server
        self._settings = settings
        self._running = running
        self._started = started

    def freeze(self) -> None:
        self._server.clock.freeze()

    def advance(self, seconds: float) -> None:
        self._server.clock.advance(seconds)

    def set_clock(self, moment: datetime) -> None:
        self._server.clock.set(moment)

    def rotate(self, *, emergency: bool = False) -> None:
        self._server.keys.rotate(emergency=emergency)

    def recertify(self) -> None:
        self._server.keys.recertify()

    def withdraw(self, public_key_id: str) -> None:
        self._server.keys.withdraw(public_key_id)

    def fault(
        self,
        path: str,
        *,
        hold_polls: int | None = None,
        outcome: tuple[int, str | None] | None = None,
        rate_limit: int | None = None,
        maintenance: bool = False,
    ) -> None:
        self._server.faults.add(
            path=path,
            hold=None if hold_polls is None else Hold(polls=hold_polls),
            outcome=None if outcome is None else Outcome(*outcome),
            rate_limit=rate_limit,
            name=Named.SESSION_MAINTENANCE if maintenance else None,
        )

    def issue(
        self,
        issuer: Issuer,
        subject: x509.Name,
        *,
        key: str = "ec",
        validity: tuple[datetime, datetime] | None = None,
    ) -> Credentials:
        issued = self._issue(issuer, subject, key, validity)
        return Credentials(issued.key, issued.certificate, issued.chain)

    def revoke(self, certificate: Certificate, *, suspended: bool = False) -> None:
        if suspended:
            self._server.suspend_certificate(certificate)
        else:
            self._server.revoke_certificate(certificate)

    def reset(self) -> None:
        self._server.reset()

    def variant(self, settings: Variant) -> Target:
        changes: dict[str, Any] = {
            name: value
            for name in ("profile", "rate_limits", "hwm_lag")
            if (value := getattr(settings, name)) is not None
        }
        if settings.delay_polls is not None or settings.delay_seconds is not None:
            changes["delay"] = Delay(settings.delay_polls or 0, settings.delay_seconds or 0.0)
        if settings.export_invoices is not None or settings.export_part_octets is not None:
            usual = self._settings.exports
            changes["exports"] = ExportLimits(
                invoices=settings.export_invoices or usual.invoices,
                part_octets=settings.export_part_octets or usual.part_octets,
            )
        return _start(replace(self._settings, **changes), self._running, self._started)

    def _issue(
        self,
        issuer: Issuer,
        subject: x509.Name,
        key: str,
        validity: tuple[datetime, datetime] | None,
    ) -> Credential:
        pki = self._server.pki
        kind = cast(KeyKind, key)
        period = None if validity is None else Validity(*validity)
        if issuer == "qualified":
            return pki.qualified(subject, key=kind, validity=period)
        if issuer == "trusted-profile":
            return pki.trusted_profile(subject, key=kind, validity=period)
        purpose = Purpose.AUTHENTICATION if issuer == "ksef" else Purpose.OFFLINE
        return pki.ksef(subject, purpose, key=kind, validity=period)


def _start(settings: Settings, running: ExitStack, started: dict[Settings, Target]) -> Target:
    known = started.get(settings)
    if known is None:
        server = running.enter_context(MockServer(settings))
        controls = MockControls(server, settings, running, started)
        known = started[settings] = Target("mock", server.url, _CAPABILITIES, controls, shared=False)
    return known
