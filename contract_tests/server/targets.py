"""What the suite runs against: our mock, KSeF TEST, or any other address.

A target is where requests go, what it can do beyond answering them, and how careful the suite must be.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol, TypeAlias
from urllib.parse import urlsplit

import httpx
from cryptography import x509

from contract_tests.server.capabilities import Capability
from contract_tests.server.identity import Credentials
from ksef_client_min.certificates import Certificate
from ksef_client_min.environments import DEMO, PROD, TEST

#: KSeF's own hosts all end so; those of TEST and DEMO say which they are in their first label.
_KSEF = "ksef.mf.gov.pl"
_NOT_PRODUCTION = ("-test", "-demo", "-te.", "-tr.")
_KEYS = "/security/public-key-certificates"
#: Seconds to wait for an answer of a target that is somewhere else.
_PATIENCE = 30.0

Issuer: TypeAlias = Literal["qualified", "trusted-profile", "ksef", "ksef-offline"]


class TargetRefused(Exception):
    """The suite does not run against this target; the message says why."""


class TargetUnreachable(Exception):
    """The target does not answer; the message says what happened."""


@dataclass(frozen=True)
class Variant:
    """Settings that a second instance can differ in; None: as the first one."""

    #: `test`, `demo` or `prod`: which environment it behaves as.
    profile: str | None = None
    #: `off`, `test` or `production`: the rate limits it enforces.
    rate_limits: str | None = None
    #: Polls and seconds for which asynchronous work stays unfinished.
    delay_polls: int | None = None
    delay_seconds: float | None = None
    #: Invoices in a package of an export, and octets of a part.
    export_invoices: int | None = None
    export_part_octets: int | None = None
    #: Seconds that the PermanentStorageHwmDate is behind.
    hwm_lag: float | None = None


class Controls(Protocol):
    """What can be done to a mock besides asking it. Each method belongs to a capability."""

    def freeze(self) -> None:
        """MOVABLE_CLOCK: stop the clock at the present moment."""

    def advance(self, seconds: float) -> None:
        """MOVABLE_CLOCK: move the clock on."""

    def set_clock(self, moment: datetime) -> None:
        """MOVABLE_CLOCK: to this moment, exact to the microsecond."""

    def rotate(self, *, emergency: bool = False) -> None:
        """KEY_ROTATION: publish a new token key, beside the old one or, in an emergency, instead of it."""

    def recertify(self) -> None:
        """KEY_ROTATION: publish the token key under a new certificate."""

    def withdraw(self, public_key_id: str) -> None:
        """KEY_ROTATION: stop publishing and accepting a key."""

    def fault(
        self,
        path: str,
        *,
        hold_polls: int | None = None,
        outcome: tuple[int, str | None] | None = None,
        rate_limit: int | None = None,
        maintenance: bool = False,
    ) -> None:
        """FAULTS: misbehave at this path from now on, in one way.

        Args:
            hold_polls: logins stay at 100 for so many polls more.
            outcome: logins end in this status, with this detail.
            rate_limit: 429, with this Retry-After in seconds.
            maintenance: the sessions at this path take no invoices for now.
        """

    def issue(
        self,
        issuer: Issuer,
        subject: x509.Name,
        *,
        key: str = "ec",
        validity: tuple[datetime, datetime] | None = None,
    ) -> Credentials:
        """ISSUER: a certificate of a trusted authority."""

    def revoke(self, certificate: Certificate, *, suspended: bool = False) -> None:
        """ISSUER: revoke or suspend a certificate."""

    def reset(self) -> None:
        """Undo everything: the state of the start."""

    def variant(self, settings: Variant) -> Target:
        """SETTINGS: another running instance that differs in these settings; it is kept for later calls."""


@dataclass(frozen=True)
class Target:
    """A running KSeF, or what claims to be one."""

    #: What the user called it: `mock`, `test`, or a URL.
    name: str
    #: Scheme, host and port, and the path up to the versions.
    url: str
    capabilities: frozenset[Capability]
    controls: Controls | None = None
    #: In front of the paths of the API.
    prefix: str = "/v2"
    #: It is not ours: wait for it, repeat what it answers with 429, clean up.
    shared: bool = True
    #: It is production: nothing but reading.
    read_only: bool = False

    @property
    def serves_all_prefixes(self) -> bool:
        """KSeF's gateways are hosts of their own; everybody else has one host for all paths."""
        return not is_ksef(self.url) and self.prefix != ""

    @property
    def is_local(self) -> bool:
        """Whether it runs on this machine: then nobody else is harmed by many requests."""
        return _host(self.url) in ("localhost", "127.0.0.1", "::1")

    def lacking(self, needs: Sequence[Capability]) -> str:
        """Why a requirement with these unmet needs is skipped here."""
        return f"needs {' and '.join(needs)}, which {self.name} does not offer"


def is_ksef(url: str) -> bool:
    """Whether the address is one of KSeF's own, of whatever environment."""
    return _host(url).endswith(".mf.gov.pl")


def is_production(url: str) -> bool:
    """Whether the address is one of KSeF's production environment."""
    host = _host(url)
    if host != _KSEF and not host.endswith(f".{_KSEF}"):
        return False
    return not any(mark in f"{host.removesuffix(_KSEF)}" for mark in _NOT_PRODUCTION)


def address_of(name: str) -> str:
    """The base URL that a target's name stands for: `test`, `demo`, `prod`, or a URL.

    Raises:
        TargetRefused: neither a known name nor an http(s) URL.
    """
    for environment in (TEST, DEMO, PROD):
        if name.lower() == environment.name:
            return environment.api
    parts = urlsplit(name)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise TargetRefused(f"{name!r} is no target: mock, test, or a URL http(s)://HOST[:PORT][/PATH]")
    return name.rstrip("/")


def ping(target: Target) -> None:
    """
    Raises:
        TargetUnreachable: it does not answer HTTP.
    """
    _get(target.url + target.prefix + _KEYS)


def located(target: Target) -> Target:
    """The target with the prefix under which it serves the API.

    Raises:
        TargetUnreachable: it does not answer HTTP.
    """
    # A URL may include the version; and some servers, Prism among them, serve the paths without any.
    url = target.url
    for suffix in ("/webs/api/v2", "/api/v2", "/v2"):
        if url.endswith(suffix):
            found = replace(target, url=url.removesuffix(suffix), prefix=suffix)
            ping(found)
            return found
    if _get(f"{url}{target.prefix}{_KEYS}").status_code == 404 and _get(url + _KEYS).status_code != 404:
        return replace(target, prefix="")
    return target


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower().rstrip(".")


def _get(url: str) -> httpx.Response:
    try:
        return httpx.get(url, timeout=_PATIENCE)
    except (httpx.TransportError, ssl.SSLError) as error:
        raise TargetUnreachable(f"{url} cannot be reached: {error or type(error).__name__}") from None
