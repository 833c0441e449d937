"""Certificate chains: from a certificate over intermediates to an anchor, or the reason why there is none.

Source: RFC 5280, section 6: names, key identifiers, signatures, validity, basicConstraints, keyUsage. A
critical extension that is not known here (name constraints, policy mappings) ends a chain, as the RFC asks,
and so does a critical extendedKeyUsage (4.2.1.12) without a purpose for which people and firms sign.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from ksef_mock.clock import Instant, from_datetime
from ksef_mock.crypto.certificate import Certificate, load_pem_certificates, require_issued_by
from ksef_mock.crypto.qualified import QC_STATEMENTS
from ksef_mock.crypto.subject_name import readable

E = TypeVar("E", bound=x509.ExtensionType)

#: What reading a certificate's names and extensions may raise: the library parses them when asked for them.
# A warning is an exception where warnings are errors, as in many test suites.
MALFORMED = (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, Warning)

#: Intermediates that are looked at; more are ignored, since the sender of a document chooses them.
MAX_INTERMEDIATES = 8

#: Smallest keys that KSeF takes, of signers and of CAs.
MIN_RSA_BITS = 2_048
MIN_EC_BITS = 256

#: Largest RSA keys with which anything is computed at all: beyond, one operation can take seconds.
MAX_RSA_BITS = 8_192
MAX_RSA_EXPONENT = 2**32

_KNOWN_EXTENSIONS = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.CERTIFICATE_POLICIES,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    QC_STATEMENTS,
}

#: Purposes for which people sign: logins and mail (RFC 5280), documents (RFC 9336, Microsoft, Adobe).
_SIGNING_PURPOSES = {
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    ExtendedKeyUsageOID.CLIENT_AUTH,
    ExtendedKeyUsageOID.EMAIL_PROTECTION,
    x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36"),
    x509.ObjectIdentifier("1.3.6.1.4.1.311.10.3.12"),
    x509.ObjectIdentifier("1.2.840.113583.1.1.5"),
}


class NoChain(Exception):
    """No chain leads to an anchor; the message says why."""


class BrokenChain(NoChain):
    """One would, but for an issuer that is found and must not be relied on."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A proven chain: the certificate, its intermediates in order, and the anchor that vouches for them."""

    certificates: tuple[Certificate, ...]

    @property
    def anchor(self) -> Certificate:
        return self.certificates[-1]

    def __str__(self) -> str:
        return " <- ".join(readable(certificate.subject) for certificate in self.certificates)


def load_anchors(paths: Iterable[Path]) -> tuple[Certificate, ...]:
    """The certificates in PEM files, each of which may hold several.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file holds no certificate, or something that is none.
    """
    anchors: list[Certificate] = []
    for path in paths:
        try:
            anchors += load_pem_certificates(path.read_bytes())
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    return tuple(anchors)


def build_chain(
    certificate: Certificate,
    intermediates: Sequence[Certificate],
    anchors: Sequence[Certificate],
    at: Instant,
) -> Chain:
    """A chain from `certificate` to one of `anchors` in which every issuer is right at the moment `at`.

    The certificate's own validity and key are the caller's to judge. An anchor itself needs no issuer.

    Raises:
        BrokenChain: an issuer was found that has not signed, is no CA, is not valid, or has too small a key.
        NoChain: no issuer was found, or none that an anchor vouches for.
        One of `MALFORMED`: a certificate cannot be read.
    """
    unfit = _unfit(certificate)
    if unfit is not None:
        raise BrokenChain(f"the certificate {unfit}")
    search = _Search(tuple(anchors), tuple(intermediates[:MAX_INTERMEDIATES]), at)
    found = search.extend((certificate,))
    if found is not None:
        return Chain(found)
    if search.obstacles:
        raise BrokenChain("; ".join(search.obstacles[:3]))
    if is_self_issued(certificate):
        raise NoChain("the certificate is self-signed")
    raise NoChain(
        f"no trusted CA is called {readable(certificate.issuer)!r} and has its key, nor leads to one"
    )


def is_self_issued(certificate: Certificate) -> bool:
    """Whether subject and issuer are the same."""
    return certificate.subject == certificate.issuer


def extension_of(certificate: Certificate, kind: type[E]) -> E | None:
    """The certificate's extension of this type, or None.

    Raises:
        One of `MALFORMED`: the extensions cannot be read.
    """
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


@dataclass(slots=True)
class _Search:
    """Depth first. No certificate is on a path twice, and dead ends are remembered, so it ends soon."""

    anchors: tuple[Certificate, ...]
    intermediates: tuple[Certificate, ...]
    at: Instant
    obstacles: list[str] = field(default_factory=list)
    _dead: set[Certificate] = field(default_factory=set)

    def extend(self, path: tuple[Certificate, ...]) -> tuple[Certificate, ...] | None:
        """`path` up to an anchor."""
        last = path[-1]
        if last in self.anchors:
            return path
        for issuer in self._candidates(last):
            if issuer in path or issuer in self._dead:
                continue
            obstacle = _obstacle(issuer, last, len(path) - 1, self.at)
            if obstacle is not None:
                self.obstacles.append(f"the issuer {readable(issuer.subject)!r} {obstacle}")
                continue
            found = self.extend((*path, issuer))
            if found is not None:
                return found
            self._dead.add(issuer)
        return None

    def _candidates(self, certificate: Certificate) -> Iterator[Certificate]:
        for candidate in (*self.anchors, *self.intermediates):
            if candidate.subject == certificate.issuer and not _is_other_key(candidate, certificate):
                yield candidate


def _is_other_key(issuer: Certificate, issued: Certificate) -> bool:
    # Another CA of the same name, or another key of the same CA.
    wanted = extension_of(issued, x509.AuthorityKeyIdentifier)
    own = extension_of(issuer, x509.SubjectKeyIdentifier)
    return wanted is not None and own is not None and wanted.key_identifier not in (None, own.digest)


def _obstacle(issuer: Certificate, issued: Certificate, below: int, at: Instant) -> str | None:
    """Why `issuer` cannot vouch for `issued`; `below` counts the CAs between it and the end of the chain."""
    try:
        key = issuer.public_key()
        excess = excess_of(key)
        if excess is not None:
            return f"has a key that is not used: {excess}"
        require_issued_by(issued, issuer)
    except InvalidSignature:
        return f"has not signed {readable(issued.subject)!r}: the signature is wrong"
    except (TypeError, UnsupportedAlgorithm):
        return "has a key or an algorithm that cannot be checked"
    begin, end = issuer.not_valid_before_utc, issuer.not_valid_after_utc
    if not from_datetime(begin) <= at <= from_datetime(end):
        return f"is valid only from {begin.isoformat()} to {end.isoformat()}"
    if not is_strong(key):
        return "has a key that is too small, or of a kind that KSeF does not take"
    constraints = extension_of(issuer, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        return "is no CA (basicConstraints)"
    if constraints.path_length is not None and below > constraints.path_length:
        return f"allows {constraints.path_length} CAs below itself, here are {below}"
    usage = extension_of(issuer, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        return "may not sign certificates (keyUsage)"
    return _unfit(issuer)


def excess_of(key: object) -> str | None:
    """Why nothing may be computed with a public key; None if that takes no more than a moment."""
    if not isinstance(key, rsa.RSAPublicKey):
        return None
    if key.key_size > MAX_RSA_BITS:
        return f"the RSA key has {key.key_size} bits, at most {MAX_RSA_BITS} are accepted"
    if key.public_numbers().e > MAX_RSA_EXPONENT:
        return "the public exponent of the RSA key is greater than 2^32"
    return None


def is_strong(key: object) -> bool:
    """Whether a public key is of a kind and size that KSeF takes."""
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= MIN_RSA_BITS
    return isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= MIN_EC_BITS


def _unfit(certificate: Certificate) -> str | None:
    """What a critical extension says against a certificate in a chain; None if nothing."""
    for extension in certificate.extensions:
        if not extension.critical:
            continue
        if extension.oid not in _KNOWN_EXTENSIONS:
            return f"has the critical extension {extension.oid.dotted_string}, which is not supported"
        value = extension.value
        if isinstance(value, x509.ExtendedKeyUsage) and _SIGNING_PURPOSES.isdisjoint(value):
            purposes = ", ".join(purpose.dotted_string for purpose in list(value)[:5])
            return f"is for other purposes than signing (critical extendedKeyUsage: {purposes})"
    return None
