"""Everything that a mock can be told before it starts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ksef_mock.seed.model import Seed
from ksef_mock.core.environment import (
    PROFILES,
    Lifetimes,
    Profile,
    ProfileName,
    RateLimiting,
    TokenKey,
)
from ksef_mock.core.identifiers import Identifier, is_context_identifier
from ksef_mock.core.waiting import Delay
from ksef_mock.ksef.invoices.export_limits import ExportLimits
from ksef_mock.state import _STORE, STORES

#: What RSA-OAEP with SHA-256 and a key of 2048 bits can encrypt, less `|` and the timestamp in milliseconds.
_LONGEST = 190 - 14


@dataclass(frozen=True, slots=True)
class FirstToken:
    """An active KSeF token with all permissions, known from the start on and again after each reset."""

    nip: str
    #: What the client sends, encrypted; any text without white space.
    text: str = field(repr=False)

    def __post_init__(self) -> None:
        if not is_context_identifier(Identifier("Nip", self.nip)):
            raise ValueError(f"{self.nip!r} is no valid NIP: ten digits")
        if not self.text.isprintable() or " " in self.text or not 0 < len(self.text.encode()) <= _LONGEST:
            raise ValueError(f"a KSeF token is 1 to {_LONGEST} bytes of text without white space")


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
    #: The ministry's repository, or its folder of schemas of invoices; None: only FA(3) is validated.
    schemas: Path | None = None
    #: Seconds from the acceptance of an invoice until it is stored for good and can be found.
    storage_delay: float = 0.0
    #: Seconds that the PermanentStorageHwmDate is behind, then cut to the minute; 0: it is now.
    hwm_lag: float = 0.0
    #: How much goes into a package of an export.
    exports: ExportLimits = field(default_factory=ExportLimits)
    #: Processes beside the mock that verify large packages; None: one for each core, at most four; 0: none.
    batch_processes: int | None = None
    #: Requests kept in the journal, the oldest dropped first.
    journal_size: int = 1_000
    #: What `X-Mock-Control-Token` must carry for /_mock; None: only loopback clients may use /_mock.
    control_token: str | None = None
    #: PEM files with CA certificates that are trusted beside the mock's own.
    trusted_cas: tuple[Path, ...] = ()
    #: Rate limits to enforce where /testdata/rate-limits has set none.
    rate_limits: RateLimiting = "off"
    #: Refuse signatures that are no XAdES where the profile accepts them (prod).
    enforce_xades: bool = False
    #: Refuse signatures over lxml's octets on TEST too: `Profile.takes_lxml_octets`.
    strict_signatures: bool = False
    #: Whether POST /tokens is refused after a login with a KSeF token: the guide says so, nobody has seen it.
    refuse_tokens_by_tokens: bool = False
    #: What keeps the state: `memory`, `sqlite:FILE`, or the URL of a Redis (redis://, rediss://, unix://).
    store: str = "memory"
    #: Addresses or networks of proxies whose `X-Forwarded-For` is believed.
    trusted_proxies: tuple[str, ...] = ()
    #: Whether pages of any origin may read the lighthouse (CORS); the real one does not allow it.
    lighthouse_cors: bool = False
    #: Further mocks (`ksef_mock.tenants`) that there may be at a time.
    max_tenants: int = 100
    #: Deliberate defects (`ksef_mock.defects`), to find out whether tests notice them.
    defects: tuple[str, ...] = ()
    #: What the mock knows from its start on, and again after each reset.
    seed: Seed | None = None
    #: The token that `serve` prints.
    first_token: FirstToken | None = None

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(f"unknown profile {self.profile!r}: one of {', '.join(PROFILES)}")
        if self.token_key not in ("rsa", "ec", "both"):
            raise ValueError(f"unknown token key {self.token_key!r}: rsa, ec or both")
        if self.rate_limits not in ("off", "test", "production"):
            raise ValueError(f"unknown rate limits {self.rate_limits!r}: off, test or production")
        if not 0 <= self.hwm_lag <= 86_400:
            raise ValueError("the lag of the PermanentStorageHwmDate is 0 to 86400 seconds")
        if self.journal_size < 0:
            raise ValueError("the journal keeps 0 requests or more")
        if not 0 <= (self.batch_processes or 0) <= 64:
            raise ValueError("the processes that verify packages are 0 to 64")
        token = self.control_token
        if token is not None and (
            not token.isascii() or not token.isprintable() or token != token.strip() or not token
        ):
            raise ValueError(
                "the control token must be printable ASCII, not empty, without blanks at its ends: "
                "a header carries it"
            )
        if not _STORE.fullmatch(self.store):
            raise ValueError(f"unknown store {self.store!r}: {STORES}")
        for proxy in self.trusted_proxies:
            ip_network(proxy, strict=False)

    @property
    def environment(self) -> Profile:
        profile = PROFILES[self.profile]
        if not (self.enforce_xades or self.strict_signatures):
            return profile  # asked for at every request
        return replace(
            profile,
            enforces_xades=profile.enforces_xades or self.enforce_xades,
            takes_lxml_octets=profile.takes_lxml_octets and not self.strict_signatures,
        )
