"""Signed links to documents in KSeF's storage: whoever has one may fetch, until it expires.

As seen on TEST and production: Azure's shared access signatures, under the host of the API; the reference
number of the session in lower case. The signature is ours: an HMAC over everything else in the link.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import urlencode

from ksef_mock.clock import SECOND, Instant, unix_seconds

#: Seconds before now from which a link is valid: clocks differ.
_EARLY = 300
#: Seconds for which the key that signs links is valid, as they say.
_KEY_LIFETIME = 7 * 86_400

_VERSION = "2025-01-05"


class Refusal(Enum):
    """Why a link opens nothing."""

    SIGNATURE = auto()
    EXPIRED = auto()


@dataclass(frozen=True, slots=True)
class Link:
    """A link and its end."""

    url: str
    expires_at: Instant


class Storage:
    """Makes and checks the links of one mock."""

    def __init__(self, secret: bytes) -> None:
        """`secret`: the mock's; the key of the links is derived from it."""
        self._key = hmac.new(secret, b"storage", hashlib.sha256).digest()

    def link(self, base: str, path: str, now: Instant, lifetime: int, *, permission: str = "r") -> Link:
        """A link to `path` that is valid for `lifetime` seconds.

        Args:
            base: scheme and host of the mock as the client knows it.
            path: below /storage, with a slash in front.
            permission: `r` to read, `w` to write.
        """
        second = unix_seconds(now)
        until = second + lifetime
        query = {
            "skoid": _pseudonym(self._key, b"object"),
            "sktid": _pseudonym(self._key, b"tenant"),
            "skt": _moment(second),
            "ske": _moment(second + _KEY_LIFETIME),
            "sks": "b",
            "skv": _VERSION,
            "sv": _VERSION,
            "st": _moment(second - _EARLY),
            "se": _moment(until),
            "sr": "b",
            "sp": permission,
        }
        query["sig"] = self._signature(path, query)
        return Link(f"{base}/storage{path}?{urlencode(query)}", until * SECOND)

    def check(
        self, path: str, query: Mapping[str, str], now: Instant, permission: str = "r"
    ) -> Refusal | None:
        """Why a link that came in opens nothing; None if it is good."""
        signed = {name: value for name, value in query.items() if name != "sig"}
        given = query.get("sig", "").encode()
        if not hmac.compare_digest(self._signature(path, signed).encode(), given):
            return Refusal.SIGNATURE
        if signed.get("sp") != permission:
            return Refusal.SIGNATURE
        second = _moment(unix_seconds(now))  # texts of one form compare as the moments do
        return None if signed["st"] <= second < signed["se"] else Refusal.EXPIRED

    def _signature(self, path: str, query: Mapping[str, str]) -> str:
        text = path + "\n" + urlencode(sorted(query.items()))
        return base64.b64encode(hmac.new(self._key, text.encode(), hashlib.sha256).digest()).decode()


def _moment(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


def _pseudonym(key: bytes, purpose: bytes) -> str:
    digest = hmac.new(key, purpose, hashlib.sha256).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
