"""The signed properties of XAdES: where they stand, the signing time, the signing certificate."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone

import msgspec
from cryptography.hazmat.primitives import hashes
from lxml import etree

from ksef_mock.xades.algorithms import DIGESTS
from ksef_mock.xades.key_info import Candidate
from ksef_mock.xades.names import child, ds, text_of, xades
from ksef_mock.xades.structure import Signature, decode_base64

_QUALIFYING_PROPERTIES = xades("QualifyingProperties")
_SIGNED_PROPERTIES = xades("SignedProperties")
_SIGNED_SIGNATURE_PROPERTIES = xades("SignedSignatureProperties")
_TIME = xades("SigningTime")
_SIGNING_CERTIFICATES = (xades("SigningCertificate"), xades("SigningCertificateV2"))
_CERT, _CERT_DIGEST, _ISSUER_SERIAL = xades("Cert"), xades("CertDigest"), xades("IssuerSerial")
_DIGEST_METHOD, _DIGEST_VALUE, _SERIAL_NUMBER = ds("DigestMethod"), ds("DigestValue"), ds("X509SerialNumber")


#: Cert entries of SigningCertificate and SigningCertificateV2 together: both may name a whole chain.
MAX_NAMED = 20


class Misplaced(Exception):
    """The qualifying properties are not where XAdES puts them, or there is more than one set."""


class NotATime(Exception):
    """Not an xsd:dateTime."""


class CertificateDigest(msgspec.Struct, frozen=True, gc=False):
    """One Cert of SigningCertificate or SigningCertificateV2."""

    hash: hashes.HashAlgorithm | None
    #: As written.
    algorithm: str
    digest_text: str
    #: The stated digest; None if it is not base64.
    digest: bytes | None
    #: Serial number of IssuerSerial (version 1), as written; None where there is none.
    serial_text: str | None

    def names(self, candidate: Candidate) -> bool:
        """Whether the digest is that of this certificate."""
        return self.hash is not None and self.digest == candidate.digest(self.hash)


class SignedProperties(msgspec.Struct, frozen=True, gc=False):
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
        Misplaced: more than one set of them, or more certificates than anybody names.
    """
    holders = [
        holder for container in signature.objects for holder in container.iterchildren(_QUALIFYING_PROPERTIES)
    ]
    if not holders:
        return None
    if len(holders) > 1:
        raise Misplaced(f"there are {len(holders)} QualifyingProperties, XAdES has one")
    found = list(holders[0].iterchildren(_SIGNED_PROPERTIES))
    if not found:
        return None
    if len(found) > 1:
        raise Misplaced(f"there are {len(found)} SignedProperties, XAdES has one")
    own = child(found[0], _SIGNED_SIGNATURE_PROPERTIES)
    time = None if own is None else child(own, _TIME)
    groups = () if own is None else tuple(_certificate_groups(own))
    named = sum(map(len, groups))
    if named > MAX_NAMED:
        raise Misplaced(f"SigningCertificate names {named} certificates, at most {MAX_NAMED} are accepted")
    return SignedProperties(
        found[0], holders[0].get("Target"), None if time is None else text_of(time), groups
    )


def read_time(text: str) -> tuple[datetime, bool]:
    """An xsd:dateTime as an aware datetime, and whether it says how far from UTC it is; if not it is UTC.

    Raises:
        NotATime: it is none, or outside the years that Python knows.
    """
    match = _DATE_TIME.fullmatch(text.strip())
    if match is None:
        raise NotATime(f"{text.strip()[:40]!r} is no xsd:dateTime")
    year, month, day, hour, minute, second = map(int, match.group(1, 2, 3, 4, 5, 6))
    microsecond = int(match[7][:6].ljust(6, "0")) if match[7] else 0
    try:
        zone = _zone(match[8])
        moment = datetime(year, month, day, hour, minute, second, microsecond, tzinfo=zone)
        return (moment if zone is UTC else moment.astimezone(UTC)), match[8] is not None
    except (ValueError, OverflowError):
        raise NotATime(f"{text.strip()[:40]!r} is no moment that exists") from None


_DATE_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(Z|[+-][0-9]{2}:[0-9]{2})?"
)


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return timezone(-offset if text[0] == "-" else offset)


def _certificate_groups(properties: etree._Element) -> Iterator[tuple[CertificateDigest, ...]]:
    for tag in _SIGNING_CERTIFICATES:
        for group in properties.iterchildren(tag):
            yield tuple(map(_certificate, group.iterchildren(_CERT)))


def _certificate(cert: etree._Element) -> CertificateDigest:
    parts = _first_of_each(cert)
    stated, issuer = _first_of_each(parts.get(_CERT_DIGEST)), _first_of_each(parts.get(_ISSUER_SERIAL))
    method, value, serial = stated.get(_DIGEST_METHOD), stated.get(_DIGEST_VALUE), issuer.get(_SERIAL_NUMBER)
    uri, text = "" if method is None else method.get("Algorithm", ""), "" if value is None else text_of(value)
    return CertificateDigest(
        DIGESTS.get(uri),
        uri,
        text,
        decode_base64(text),
        None if serial is None else text_of(serial).strip(),
    )


def _first_of_each(parent: etree._Element | None) -> dict[object, etree._Element]:
    """The first child of each name."""
    return {} if parent is None else {each.tag: each for each in parent.iterchildren(reversed=True)}


def naming(groups: Sequence[Sequence[CertificateDigest]], candidate: Candidate) -> bool:
    """Whether any of the stated digests is that of this certificate."""
    return any(entry.names(candidate) for group in groups for entry in group)
