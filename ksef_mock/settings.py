"""Settings of a mock, and the three environment profiles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

ProfileName: TypeAlias = Literal["test", "demo", "prod"]
TokenKey: TypeAlias = Literal["rsa", "ec", "both"]

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


PROFILES: dict[ProfileName, Profile] = {
    "test": Profile("test", issuer="ksef-api-te", echoes_test_warning=True),
    "demo": Profile("demo", issuer="ksef-api-tr", echoes_test_warning=False),
    "prod": Profile("prod", issuer="ksef-api-pr", echoes_test_warning=False),
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
    """How long an authentication operation stays at 100: until both conditions have passed."""

    #: Status polls answered with 100 before the outcome shows.
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

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise ValueError(f"unknown profile {self.profile!r}: one of {', '.join(PROFILES)}")
        if self.token_key not in ("rsa", "ec", "both"):
            raise ValueError(f"unknown token key {self.token_key!r}: rsa, ec or both")

    @property
    def environment(self) -> Profile:
        return PROFILES[self.profile]
