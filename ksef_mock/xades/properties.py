"""The signed properties of XAdES: where they stand, the signing time, the signing certificate."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from ksef_mock.xades.algorithms import DIGESTS, digest
from ksef_mock.xades.names import ds, text_of, xades
from ksef_mock.xades.structure import Signature, decode_base64


class Misplaced(Exception):
    """The qualifying properties are not where XAdES puts them, or there is more than one set."""


class NotATime(Exception):
    """Not an xsd:dateTime."""


@dataclass(frozen=True, slots=True)
class CertificateDigest:
    """One Cert of SigningCertificate or SigningCertificateV2."""

    version: int
    hash: hashes.HashAlgorithm | None
    #: As written.
    algorithm: str
    digest_text: str
    #: Serial number of IssuerSerial (version 1), as written; None where there is none.
    serial_text: str | None

    @property
    def digest(self) -> bytes | None:
        """The stated digest; None if it is not base64."""
        return decode_base64(self.digest_text)

    def names(self, certificate: x509.Certificate) -> bool:
        """Whether the digest is that of `certificate` (of its DER form)."""
        return self.hash is not None and self.digest == digest(
            self.hash, certificate.public_bytes(Encoding.DER)
        )


@dataclass(frozen=True, slots=True)
class SignedProperties:
    """xades:SignedProperties of one signature."""

    element: etree._Element
    #: `Target` of the QualifyingProperties around it.
    target: str | None
    #: As written; None where it is missing.
    signing_time: str | None
    #: SigningCertificate and SigningCertificateV2, one group for each that is present.
    certificates: tuple[tuple[CertificateDigest, ...], ...]


def read_signed_properties(signature: Signature) -> SignedProperties | None:
    """The signed properties inside the signature's own ds:Object; None if there are none.

    Raises:
        Misplaced: more than one set of them.
    """
    holders = [
        child
        for container in signature.objects
        for child in container.iterchildren(xades("QualifyingProperties"))
    ]
    if not holders:
        return None
    if len(holders) > 1:
        raise Misplaced(f"there are {len(holders)} QualifyingProperties, XAdES has one")
    found = list(holders[0].iterchildren(xades("SignedProperties")))
    if not found:
        return None
    if len(found) > 1:
        raise Misplaced(f"there are {len(found)} SignedProperties, XAdES has one")
    own = found[0].find(xades("SignedSignatureProperties"))
    time = None if own is None else own.find(xades("SigningTime"))
    groups = () if own is None else tuple(_certificate_groups(own))
    return SignedProperties(
        found[0], holders[0].get("Target"), None if time is None else text_of(time), groups
    )


def read_time(text: str) -> datetime:
    """An xsd:dateTime as an aware datetime; without an offset it is taken for UTC.

    Raises:
        NotATime: it is none, or outside the years that Python knows.
    """
    match = _DATE_TIME.fullmatch(text.strip())
    if match is None:
        raise NotATime(f"{text.strip()[:40]!r} is no xsd:dateTime")
    year, month, day, hour, minute, second = (int(part) for part in match.group(1, 2, 3, 4, 5, 6))
    microsecond = int((match[7] or "")[:6].ljust(6, "0"))
    try:
        return datetime(
            year, month, day, hour, minute, second, microsecond, tzinfo=_zone(match[8])
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotATime(f"{text.strip()[:40]!r} is no moment that exists") from None


def has_offset(text: str) -> bool:
    """Whether an xsd:dateTime says how far from UTC it is."""
    match = _DATE_TIME.fullmatch(text.strip())
    return match is not None and match[8] is not None


_DATE_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(Z|[+-][0-9]{2}:[0-9]{2})?"
)


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return timezone(-offset if text[0] == "-" else offset)


def _certificate_groups(properties: etree._Element) -> Iterator[tuple[CertificateDigest, ...]]:
    for version, name in ((1, "SigningCertificate"), (2, "SigningCertificateV2")):
        for group in properties.iterchildren(xades(name)):
            yield tuple(_certificate(cert, version) for cert in group.iterchildren(xades("Cert")))


def _certificate(cert: etree._Element, version: int) -> CertificateDigest:
    stated = cert.find(xades("CertDigest"))
    method = None if stated is None else stated.find(ds("DigestMethod"))
    value = None if stated is None else stated.find(ds("DigestValue"))
    serial = cert.find(f"{xades('IssuerSerial')}/{ds('X509SerialNumber')}")
    uri = "" if method is None else method.get("Algorithm", "")
    return CertificateDigest(
        version,
        DIGESTS.get(uri),
        uri,
        "" if value is None else text_of(value),
        None if serial is None else text_of(serial).strip(),
    )


def naming(groups: Sequence[Sequence[CertificateDigest]], certificate: x509.Certificate) -> bool:
    """Whether any of the stated digests is that of `certificate`."""
    return any(entry.names(certificate) for group in groups for entry in group)
