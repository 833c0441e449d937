"""The three environments, lifetimes, delays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

ProfileName: TypeAlias = Literal["test", "demo", "prod"]
TokenKey: TypeAlias = Literal["rsa", "ec", "both"]
RateLimiting: TypeAlias = Literal["off", "test", "production"]

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
    #: XAdES properties are mandatory: on TEST since schema 2.1, on DEMO since 2026-03-16 (ministry's
    #: changelog); on PRD a signature without them is reported to pass with a system warning (one report).
    enforces_xades: bool
    #: `X-System-Warning` of a login whose signature is no XAdES, where that is accepted.
    plain_signature_warning: str | None
    #: SHA-1 may be the hash of digests (reported: TEST accepts it, PRD refuses; DEMO taken as PRD).
    allows_sha1: bool
    #: Signatures over what lxml makes of SignedInfo where it stands are taken, with a warning. KSeF takes
    #: them nowhere; test programs in Python make them without knowing.
    takes_lxml_octets: bool
    #: The day, YYYY-MM-DD, since which invoices with processing instructions or discouraged characters are
    #: refused (announced for production, moved twice); None: they always were.
    strict_xml_since: str | None = None

    def refuses_loose_xml(self, day: str) -> bool:
        """Whether such invoices are refused on a day, YYYY-MM-DD in Warsaw."""
        return self.strict_xml_since is None or day >= self.strict_xml_since


PROFILES: dict[ProfileName, Profile] = {
    "test": Profile(
        "test",
        issuer="ksef-api-te",
        echoes_test_warning=True,
        has_test_data=True,
        requires_chain=False,
        certificate_status_delay=0.0,
        enforces_xades=True,
        plain_signature_warning=None,
        allows_sha1=True,
        takes_lxml_octets=True,
    ),
    "demo": Profile(
        "demo",
        issuer="ksef-api-tr",
        echoes_test_warning=False,
        has_test_data=False,
        requires_chain=True,
        certificate_status_delay=3.0,
        enforces_xades=True,
        plain_signature_warning=None,
        allows_sha1=False,
        takes_lxml_octets=False,
    ),
    "prod": Profile(
        "prod",
        issuer="ksef-api-pr",
        echoes_test_warning=False,
        has_test_data=False,
        requires_chain=True,
        certificate_status_delay=3.0,
        enforces_xades=False,
        plain_signature_warning="sig-001: Format podpisu niezgodny z akceptowanymi profilami XAdES",
        allows_sha1=False,
        takes_lxml_octets=False,
        strict_xml_since="2026-10-19",
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
