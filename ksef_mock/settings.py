"""Settings of a mock, and the three environment profiles."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from ksef_mock.seed import Seed

ProfileName: TypeAlias = Literal["test", "demo", "prod"]
TokenKey: TypeAlias = Literal["rsa", "ec", "both"]
RateLimiting: TypeAlias = Literal["off", "test", "production"]

#: What `Settings.store` can be.
STORES = "memory, sqlite:FILE, redis://…, rediss://… or unix://…"
_STORE = re.compile(r"memory|sqlite:.+|(?:redis|rediss|unix)://.*")

MINUTE = 60
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Profile:
    """What differs between KSeF's environments. Behaviour that only observation shows is data here."""

    name: ProfileName
    #: `iss` and `aud` of every JWT (seen: te; the documented examples name ti, tr, pr by environment).
    issuer: str
    #: TEST echoes `X-Test-System-Warning` into `X-System-Warning` (OpenAPI: SystemWarning).
    echoes_test_warning: bool
    #: Only TEST has the operations under /testdata.
    has_test_data: bool
    #: Whether a signing certificate needs a chain to a trusted CA (documented: TEST takes self-signed ones).
    requires_chain: bool
    #: Seconds that a login stays at 100 while the issuer of a qualified certificate is asked for its status.
    certificate_status_delay: float
    #: XAdES properties are mandatory: on TEST since schema 2.1, elsewhere if `X-KSeF-Feature` asks for it.
    enforces_xades: bool


PROFILES: dict[ProfileName, Profile] = {
    "test": Profile(
        "test",
        issuer="ksef-api-te",
        echoes_test_warning=True,
        has_test_data=True,
        requires_chain=False,
        certificate_status_delay=0.0,
        enforces_xades=True,
    ),
    "demo": Profile(
        "demo",
        issuer="ksef-api-tr",
        echoes_test_warning=False,
        has_test_data=False,
        requires_chain=True,
        certificate_status_delay=3.0,
        enforces_xades=False,
    ),
    "prod": Profile(
        "prod",
        issuer="ksef-api-pr",
        echoes_test_warning=False,
        has_test_data=False,
        requires_chain=True,
        certificate_status_delay=3.0,
        enforces_xades=False,
    ),
}


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long things live, in seconds (documented, or seen on TEST)."""

    challenge: int = 10 * MINUTE
    authentication_token: int = 45 * MINUTE
    access_token: int = 15 * MINUTE
    refresh_token: int = 7 * DAY
    #: The status of an authentication operation; after that 410.
    operation_status: int = 7 * DAY


@dataclass(frozen=True, slots=True)
class Delay:
    """How long asynchronous work stays unfinished: until both conditions have passed.

    It holds for the 100 of an authentication operation, and for `Pending` and `Revoking` of a KSeF token.
    """

    #: Status polls that find it unfinished.
    polls: int = 0
    #: Seconds of the mock clock before the outcome shows.
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.polls < 0 or self.seconds < 0:
            raise ValueError("a delay cannot be negative")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a mock can be told before it starts. The defaults are KSeF TEST as documented."""

    profile: ProfileName = "test"
    #: Which published keys encrypt KSeF tokens. `both` lists RSA first: some clients know only RSA.
    token_key: TokenKey = "rsa"
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    delay: Delay = field(default_factory=Delay)
    #: Largest request body in bytes; more is answered with 413.
    max_body: int = 1_048_576
    #: Requests kept in the journal, the oldest dropped first.
    journal_size: int = 1_000
    #: What `X-Mock-Control-Token` must carry for /_mock; None: only loopback clients may use /_mock.
    control_token: str | None = None
    #: PEM files with CA certificates that are trusted beside the mock's own.
    trusted_cas: tuple[Path, ...] = ()
    #: Rate limits to enforce where /testdata/rate-limits has set none.
    rate_limits: RateLimiting = "off"
    #: What keeps the state: `memory`, `sqlite:FILE`, or the URL of a Redis (redis://, rediss://, unix://).
    store: str = "memory"
    #: Addresses or networks of proxies whose `X-Forwarded-For` is believed.
    trusted_proxies: tuple[str, ...] = ()
    #: Deliberate defects (`ksef_mock.defects`), to find out whether tests notice them.
    defects: tuple[str, ...] = ()
    #: What the mock knows from its start on, and again after each reset.
    seed: Seed | None = None

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(f"unknown profile {self.profile!r}: one of {', '.join(PROFILES)}")
        if self.token_key not in ("rsa", "ec", "both"):
            raise ValueError(f"unknown token key {self.token_key!r}: rsa, ec or both")
        if self.rate_limits not in ("off", "test", "production"):
            raise ValueError(f"unknown rate limits {self.rate_limits!r}: off, test or production")
        if not _STORE.fullmatch(self.store):
            raise ValueError(f"unknown store {self.store!r}: {STORES}")
        for proxy in self.trusted_proxies:
            ip_network(proxy, strict=False)

    @property
    def environment(self) -> Profile:
        return PROFILES[self.profile]
