"""The algorithms that KSeF allows, by their identifiers; anything else is refused.

Source: the list of permitted algorithms in the ministry's documentation of XAdES signatures; identifiers from
RFC 9231 (XML Security URIs). HMAC is not among them, so a public key can never be taken for a shared secret.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from lxml import etree

from ksef_mock.crypto.chain import MIN_EC_BITS, MIN_RSA_BITS, excess_of
from ksef_mock.xades.names import DS, MORE_2007, ds, text_of
from ksef_mock.xades.report import Cause

_MORE_2001 = "http://www.w3.org/2001/04/xmldsig-more#"
_MORE_2021 = "http://www.w3.org/2021/04/xmldsig-more#"
_XMLENC = "http://www.w3.org/2001/04/xmlenc#"

#: Identifiers of DigestMethod, of references and of SigningCertificate alike.
DIGESTS: dict[str, hashes.HashAlgorithm] = {
    f"{DS}sha1": hashes.SHA1(),  # noqa: S303 - KSeF still allows it
    f"{_XMLENC}sha256": hashes.SHA256(),
    f"{_MORE_2001}sha384": hashes.SHA384(),
    f"{_XMLENC}sha512": hashes.SHA512(),
    f"{MORE_2007}sha3-256": hashes.SHA3_256(),
    f"{MORE_2007}sha3-384": hashes.SHA3_384(),
    f"{MORE_2007}sha3-512": hashes.SHA3_512(),
}


#: Name of a hash -> the standard library's, which takes half as long for a short text.
_HASHES: dict[str, Callable[[bytes], hashlib._Hash]] = {
    each.name: getattr(hashlib, each.name.replace("-", "_")) for each in DIGESTS.values()
}

#: Name of a hash -> ECDSA with it: making one costs as much as checking a whole reference.
_ECDSA = {each.name: ec.ECDSA(each) for each in DIGESTS.values()}


class Forbidden(Exception):
    """An algorithm or a parameter that KSeF does not allow; the message says which."""


class OtherKeyKind(Forbidden):
    """The certificate's key is of another kind than the signature method."""


class UnfitKey(Forbidden):
    """The algorithm is allowed, the certificate's key is too small or too large for it."""

    def __init__(self, reason: str, cause: Cause) -> None:
        super().__init__(reason)
        self.cause = cause


def digest(algorithm: hashes.HashAlgorithm, octets: bytes) -> bytes:
    """The hash value of `octets`."""
    return _HASHES[algorithm.name](octets).digest()


def digest_method(uri: str) -> hashes.HashAlgorithm:
    """The hash of a DigestMethod.

    Raises:
        Forbidden: not one of `DIGESTS`.
    """
    try:
        return DIGESTS[uri]
    except KeyError:
        raise Forbidden(f"digest algorithm {uri or '(none)'} is not allowed") from None


class SignatureMethod(Protocol):
    """An allowed SignatureMethod with its parameters."""

    @property
    def hash(self) -> hashes.HashAlgorithm: ...

    def check_key(self, key: CertificatePublicKeyTypes) -> None:
        """Make sure that the key is of the kind and size that the method needs, whatever its parameters.

        Raises:
            OtherKeyKind: a key of another kind.
            UnfitKey: too small, or too large to compute anything with it.
        """

    def verifies(self, key: CertificatePublicKeyTypes, value: bytes, octets: bytes) -> bool:
        """Whether `value` is this key's signature of `octets`."""


@dataclass(frozen=True, slots=True)
class RsaPkcs1:
    """RSASSA-PKCS1-v1_5."""

    hash: hashes.HashAlgorithm

    def check_key(self, key: CertificatePublicKeyTypes) -> None:
        _check_rsa(key)

    def verifies(self, key: CertificatePublicKeyTypes, value: bytes, octets: bytes) -> bool:
        return isinstance(key, rsa.RSAPublicKey) and rsa_verifies(
            key, value, octets, padding.PKCS1v15(), self.hash
        )


@dataclass(frozen=True, slots=True)
class RsaPss:
    """RSASSA-PSS. `salt_length` is in octets."""

    hash: hashes.HashAlgorithm
    mgf_hash: hashes.HashAlgorithm
    salt_length: int

    def check_key(self, key: CertificatePublicKeyTypes) -> None:
        _check_rsa(key)

    def verifies(self, key: CertificatePublicKeyTypes, value: bytes, octets: bytes) -> bool:
        pss = padding.PSS(padding.MGF1(self.mgf_hash), self.salt_length)
        return isinstance(key, rsa.RSAPublicKey) and rsa_verifies(key, value, octets, pss, self.hash)


@dataclass(frozen=True, slots=True)
class Ecdsa:
    """ECDSA with the value r and s side by side, each as long as the curve's order (RFC 9231, 2.3.6)."""

    hash: hashes.HashAlgorithm

    def check_key(self, key: CertificatePublicKeyTypes) -> None:
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise OtherKeyKind(f"the signature method is ECDSA, but the certificate's key is {kind_of(key)}")
        if key.curve.key_size < MIN_EC_BITS:
            reason = f"the curve {key.curve.name} has fewer than {MIN_EC_BITS} bits"
            raise UnfitKey(reason, Cause.SMALL_CURVE)

    def verifies(self, key: CertificatePublicKeyTypes, value: bytes, octets: bytes) -> bool:
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        size = integer_size(key)
        if len(value) != 2 * size:
            return False
        r, s = int.from_bytes(value[:size], "big"), int.from_bytes(value[size:], "big")
        return ecdsa_verifies(key, utils.encode_dss_signature(r, s), octets, self.hash)


def integer_size(key: ec.EllipticCurvePublicKey) -> int:
    """The length in octets of r, and of s, in an ECDSA signature value."""
    return (key.curve.key_size + 7) // 8


def rsa_verifies(
    key: rsa.RSAPublicKey,
    value: bytes,
    octets: bytes,
    scheme: padding.AsymmetricPadding,
    algorithm: hashes.HashAlgorithm,
) -> bool:
    """Whether `value` is an RSA signature of `octets` by this padding and hash."""
    try:
        key.verify(value, octets, scheme, algorithm)
    except (InvalidSignature, ValueError):  # ValueError: hash and salt do not fit into the key
        return False
    return True


def ecdsa_verifies(
    key: ec.EllipticCurvePublicKey, der_value: bytes, octets: bytes, algorithm: hashes.HashAlgorithm
) -> bool:
    """Whether the DER-encoded `der_value` is an ECDSA signature of `octets` with this hash."""
    try:
        key.verify(der_value, octets, _ECDSA[algorithm.name])
    except InvalidSignature:
        return False
    return True


def kind_of(key: CertificatePublicKeyTypes) -> str:
    """`RSA-2048`, `EC secp256r1`, or the name of the key's type."""
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey")


def signature_method(element: etree._Element) -> SignatureMethod:
    """The method of a ds:SignatureMethod element.

    Raises:
        Forbidden: not an allowed method, or its parameters are not.
    """
    uri = element.get("Algorithm", "")
    if uri == f"{MORE_2007}rsa-pss":
        return _parametrised_pss(element)
    if len(element):
        # HMACOutputLength, for one: a parameter nobody reads must not look as if it were honoured.
        raise Forbidden(f"signature method {uri} takes no parameters")
    try:
        return SIGNATURES[uri]
    except KeyError:
        raise Forbidden(f"signature method {uri or '(none)'} is not allowed") from None


def _named_pss(algorithm: hashes.HashAlgorithm) -> RsaPss:
    # RFC 9231, 2.3.10: the hash serves the mask too, and the salt is as long as the hash.
    return RsaPss(algorithm, algorithm, algorithm.digest_size)


_SHA1 = DIGESTS[f"{DS}sha1"]
_SHA2 = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
_SHA3 = {"sha3-256": hashes.SHA3_256(), "sha3-384": hashes.SHA3_384(), "sha3-512": hashes.SHA3_512()}

#: Identifiers of SignatureMethod that take no parameters. rsa-pss, which does, stands apart.
SIGNATURES: dict[str, SignatureMethod] = {
    f"{DS}rsa-sha1": RsaPkcs1(_SHA1),
    **{f"{_MORE_2001}rsa-{name}": RsaPkcs1(algorithm) for name, algorithm in _SHA2.items()},
    **{
        f"{MORE_2007}{name}-rsa-MGF1": _named_pss(algorithm)
        for name, algorithm in ({"sha1": _SHA1} | _SHA2 | _SHA3).items()
    },
    f"{_MORE_2001}ecdsa-sha1": Ecdsa(_SHA1),
    **{f"{_MORE_2001}ecdsa-{name}": Ecdsa(algorithm) for name, algorithm in _SHA2.items()},
    **{f"{_MORE_2021}ecdsa-{name}": Ecdsa(algorithm) for name, algorithm in _SHA3.items()},
}


def _parametrised_pss(element: etree._Element) -> RsaPss:
    """rsa-pss with RSAPSSParams (RFC 9231, 2.3.9): by default SHA-256 throughout, the salt as long as it."""
    algorithm = mgf_hash = DIGESTS[f"{_XMLENC}sha256"]
    salt_length = None
    for name, child in _pss_parameters(element):
        if name == "DigestMethod":
            algorithm = digest_method(child.get("Algorithm", ""))
        elif name == "MaskGenerationFunction":
            mgf_hash = _mgf1_hash(child)
        elif name == "SaltLength":
            salt_length = _small_integer(child)
        elif name == "TrailerField":
            if _small_integer(child) != 1:
                raise Forbidden("RSAPSSParams: the only trailer field there is has the number 1")
        else:
            raise Forbidden(f"RSAPSSParams: {name or 'a foreign element'} is no parameter of RSA-PSS")
    return RsaPss(algorithm, mgf_hash, algorithm.digest_size if salt_length is None else salt_length)


def _pss_parameters(element: etree._Element) -> list[tuple[str, etree._Element]]:
    groups = list(element.iterchildren("*"))
    if not groups:
        return []
    if len(groups) > 1 or groups[0].tag != _pss("RSAPSSParams"):
        raise Forbidden("rsa-pss takes one RSAPSSParams and nothing else")
    known = {ds("DigestMethod"): "DigestMethod"} | {
        _pss(name): name for name in ("MaskGenerationFunction", "SaltLength", "TrailerField")
    }
    found = [(known.get(str(child.tag), ""), child) for child in groups[0].iterchildren("*")]
    if len({name for name, _ in found}) < len(found):
        raise Forbidden("RSAPSSParams: a parameter stands twice")
    return found


def _mgf1_hash(element: etree._Element) -> hashes.HashAlgorithm:
    if element.get("Algorithm") != f"{MORE_2007}MGF1":
        raise Forbidden(f"RSAPSSParams: mask generation function {element.get('Algorithm')} is not MGF1")
    method = element.find(ds("DigestMethod"))
    return DIGESTS[f"{_XMLENC}sha256"] if method is None else digest_method(method.get("Algorithm", ""))


def _small_integer(element: etree._Element) -> int:
    text = text_of(element).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise Forbidden(f"RSAPSSParams: {text[:20]!r} is no length that RSA-PSS can have")
    return int(text)


def _pss(name: str) -> str:
    return f"{{{MORE_2007}}}{name}"


def _check_rsa(key: CertificatePublicKeyTypes) -> None:
    if not isinstance(key, rsa.RSAPublicKey):
        raise OtherKeyKind(f"the signature method is RSA, but the certificate's key is {kind_of(key)}")
    if key.key_size < MIN_RSA_BITS:
        reason = f"the RSA key has {key.key_size} bits, at least {MIN_RSA_BITS} are required"
        raise UnfitKey(reason, Cause.SMALL_RSA_KEY)
    excess = excess_of(key)
    if excess is not None:
        raise UnfitKey(excess, Cause.EXCESSIVE_KEY)
