"""The links inside of QR codes, read and taken apart. Pure.

Source: kody-qr.md of the ministry's documentation.
"""

from __future__ import annotations

import datetime as dt
import re
from base64 import b64encode, urlsafe_b64decode
from dataclasses import dataclass, replace
from urllib.parse import unquote

from ksef_mock.core.environment import ProfileName
from ksef_mock.core.identifiers import CONTEXT_PATTERNS, Identifier

#: Where the mock has the pages beside its API.
PREFIX = "/qr"
#: Host of each environment, since 2025-12-15.
HOSTS: dict[ProfileName, str] = {
    "test": "qr-test.ksef.mf.gov.pl",
    "demo": "qr-demo.ksef.mf.gov.pl",
    "prod": "qr.ksef.mf.gov.pl",
}
#: Where the pages were before.
FORMER_HOSTS: dict[ProfileName, str] = {
    "test": "ksef-test.mf.gov.pl/client-app",
    "demo": "ksef-demo.mf.gov.pl/client-app",
    "prod": "ksef.mf.gov.pl/client-app",
}

# Compiled when it is needed: who starts a mock need not wait for that.
_LINK = r"(?s)(?:(?P<scheme>https?)://)?(?P<address>[^?#]*?)/(?P<page>invoice|certificate)/(?P<rest>[^?#]*)"
_BASE64URL = r"[A-Za-z0-9_-]*"
_CONTEXT_TYPES = {name.lower(): name for name in CONTEXT_PATTERNS}


class UnreadableLink(ValueError):
    """It is no link of a QR code; the message says why."""


@dataclass(frozen=True, slots=True)
class InvoiceLink:
    """KOD I, its parts as they stand in it."""

    seller: str
    #: dd-MM-yyyy
    date: str
    #: SHA-256 of the invoice in Base64URL.
    hash: str

    @property
    def issue_date(self) -> dt.date | None:
        """The day that it names; None if it names none."""
        try:
            return dt.datetime.strptime(self.date, "%d-%m-%Y").date()  # a day has no zone
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class CertificateLink:
    """KOD II, its parts as they stand in it."""

    #: `http` or `https`; None of a link without.
    scheme: str | None
    #: Host, port, and what stands between them and `/certificate/`.
    address: str
    context: Identifier
    seller: str
    serial: str
    #: SHA-256 of the invoice in Base64URL. The real page does not look at it.
    hash: str
    signature: str
    #: `certificate/…` up to the hash, not decoded: what is signed is text.
    path: str

    @property
    def text(self) -> str:
        """What has to be signed: the link without scheme, signature, and slash at the end."""
        return f"{self.address}/{self.path}"

    def at(self, address: str) -> CertificateLink:
        """The same link, made for another address."""
        return replace(self, address=address)


def read(link: str) -> InvoiceLink | CertificateLink:
    """A link with or without its scheme, made for whatever address.

    Raises:
        UnreadableLink: it is neither KOD I nor KOD II.
    """
    match = re.fullmatch(_LINK, link.strip().partition("?")[0].partition("#")[0])
    if match is None:
        raise UnreadableLink("no link of a QR code: it has neither /invoice/ nor /certificate/")
    raw = match["rest"].removesuffix("/").split("/")
    parts = [unquote(part) for part in raw]
    if match["page"] == "invoice":
        if len(parts) != 3:
            raise UnreadableLink(
                f"KOD I has 3 parts after /invoice/ (NIP, date, hash), this one {len(parts)}"
            )
        return InvoiceLink(*parts)
    if len(parts) != 6:
        raise UnreadableLink(
            "KOD II has 6 parts after /certificate/ (type and value of the context, NIP of the seller, "
            f"serial number, hash, signature), this one {len(parts)}"
        )
    type_, value, seller, serial, digest, signature = parts
    return CertificateLink(
        scheme=match["scheme"],
        address=match["address"],
        context=Identifier(_CONTEXT_TYPES.get(type_.lower(), type_), value),
        seller=seller,
        serial=serial,
        hash=digest,
        signature=signature,
        path="/".join(("certificate", *raw[:-1])),
    )


def address_of(link: str) -> tuple[str | None, str, str]:
    """Scheme, address, and what stands after `/invoice/` or `/certificate/`, of a link that `read` reads."""
    match = re.fullmatch(_LINK, link.strip().partition("?")[0].partition("#")[0])
    assert match is not None
    return match["scheme"], match["address"], match["rest"]


def base64url(text: str) -> bytes | None:
    """The octets of a Base64URL text without padding; None if it is none.

    Unused bits of the last character count for nothing: so it was seen on DEMO.
    """
    if re.fullmatch(_BASE64URL, text) is None or len(text) % 4 == 1:
        return None
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def base64_of(text: str) -> str | None:
    """The Base64 of a SHA-256 that stands in a link in Base64URL; None if that is none."""
    octets = base64url(text)
    return None if octets is None or len(octets) != 32 else b64encode(octets).decode()
