"""KeyInfo: the certificates in it, and a bare key beside them, which must be that of the certificate."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates
from lxml import etree

from ksef_mock.crypto.certificate import Certificate, load_der_certificate
from ksef_mock.crypto.chain import MALFORMED, MAX_RSA_BITS
from ksef_mock.crypto.der import SEQUENCE, elements
from ksef_mock.crypto.subject_name import readable
from ksef_mock.xades.algorithms import SignatureMethod, digest, kind_of
from ksef_mock.xades.names import DS11, ds, text_of
from ksef_mock.xades.report import certificate_to_dict
from ksef_mock.xades.structure import decode_base64

_DATA, _CERTIFICATE = ds("X509Data"), ds("X509Certificate")
_KEY_VALUE, _DER_KEY_VALUE = ds("KeyValue"), f"{{{DS11}}}DEREncodedKeyValue"

#: Certificates in a KeyInfo, and bare keys beside them; real ones have a chain of three.
MAX_CERTIFICATES = 10
#: Octets of one certificate: real ones have up to 3,000.
MAX_CERTIFICATE = 32_768

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----([^-]*+)-----END CERTIFICATE-----")
_ANY_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]{3,40})-----")
_URL_SAFE = str.maketrans("-_", "+/")


class Unusable(Exception):
    """KeyInfo gives no certificate that can be used. `explanation` names the usual mistake, where proven."""

    def __init__(self, reason: str, explanation: str | None = None) -> None:
        super().__init__(reason)
        self.explanation = explanation


class Candidate(msgspec.Struct, frozen=True):
    """A certificate in KeyInfo with its public key, and what of them takes long to be read again."""

    der: bytes
    certificate: Certificate
    key: CertificatePublicKeyTypes
    #: Of the key: `RSA-2048`, `EC secp256r1`.
    kind: str
    #: Its subject (RFC 4514).
    subject: str
    not_before: datetime
    not_after: datetime
    #: Decimal.
    serial: str
    _digests: dict[str, bytes] = msgspec.field(default_factory=dict)
    _fitting: set[type[SignatureMethod]] = msgspec.field(default_factory=set)

    def digest(self, algorithm: hashes.HashAlgorithm) -> bytes:
        """The hash value of its DER form, computed once."""
        known = self._digests.get(algorithm.name)
        if known is None:
            known = self._digests[algorithm.name] = digest(algorithm, self.der)
        return known

    def check_key(self, method: SignatureMethod) -> None:
        """`SignatureMethod.check_key` of its key, made once for each kind of method.

        Raises:
            OtherKeyKind, UnfitKey: as that says.
        """
        if type(method) not in self._fitting:
            method.check_key(self.key)
            self._fitting.add(type(method))


def read_certificates(key_info: etree._Element | None) -> list[Candidate]:
    """Every X509Certificate of KeyInfo, in document order; at least one.

    Raises:
        Unusable: there is none, or one of them is no certificate.
    """
    if key_info is None:
        raise Unusable("the signature has no KeyInfo, so no certificate")
    found = [element for data in key_info.iterchildren(_DATA) for element in data.iterchildren(_CERTIFICATE)]
    if not found:
        raise Unusable("KeyInfo has no X509Data with an X509Certificate")
    if len(found) > MAX_CERTIFICATES:
        raise Unusable(f"KeyInfo has {len(found)} certificates, at most {MAX_CERTIFICATES} are accepted")
    return [_candidate(text) for text in map(text_of, found)]


def contradiction(key_info: etree._Element, key: CertificatePublicKeyTypes) -> str | None:
    """Why a KeyValue or DEREncodedKeyValue is not the certificate's `key`; None if all of them are."""
    if len(key_info) == 1:
        return None  # the X509Data that the certificate came from, which is all that most have
    elements = list(key_info.iterchildren(_KEY_VALUE, _DER_KEY_VALUE))
    if len(elements) > MAX_CERTIFICATES:
        return f"KeyInfo has {len(elements)} bare keys, at most {MAX_CERTIFICATES} are accepted"
    for element in elements:
        if _bare_key(element) != _der(key):
            return f"{etree.QName(element).localname} in KeyInfo is not the certificate's key"
    return None


def _candidate(text: str) -> Candidate:
    # Base64 is longer than its octets by a third, and by its line ends.
    return _known(text) if len(text) <= 2 * MAX_CERTIFICATE else _read_certificate(text)


@lru_cache(64)
def _known(text: str) -> Candidate:
    """Memoised by what is written: clients log in with the same certificate again and again."""
    return _read_certificate(text)


def _read_certificate(text: str) -> Candidate:
    der = decode_base64(text)
    if der is None:
        raise Unusable("X509Certificate is not base64", _why_not_base64(text))
    if len(der) > MAX_CERTIFICATE:
        raise Unusable(f"a certificate of {len(der)} octets, at most {MAX_CERTIFICATE} are accepted")
    try:
        return _load(der)
    except (*MALFORMED, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise Unusable(
            f"X509Certificate is no certificate that can be read: {error}",
            _why_not_der(der) or _misspelled(text),
        ) from None


def _load(der: bytes) -> Candidate:
    certificate = load_der_certificate(der)
    # The library reads fields when they are asked for: whoever does so later must not meet an error in them,
    # in a year 0000 for one, or in a serial number too long to be written out.
    certificate_to_dict(certificate)
    key = certificate.public_key()
    return Candidate(
        der=der,
        certificate=certificate,
        key=key,
        kind=kind_of(key),
        subject=readable(certificate.subject),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        serial=str(certificate.serial_number),
    )


def _why_not_base64(text: str) -> str | None:
    match = _PEM.search(text)
    if match and decode_base64(match[1]) is not None:
        return "the element contains a PEM file; it takes the base64 alone, without the BEGIN and END lines"
    label = _ANY_PEM.search(text)
    if label:
        return f"the element contains a PEM file of a {label[1].lower()}; it takes a certificate"
    return _misspelled(text)


def _misspelled(text: str) -> str | None:
    """How `text` writes a certificate otherwise than in base64; None if it does not."""
    compact = "".join(text.split()).rstrip("=")
    try:
        if _is_certificate(bytes.fromhex(compact)):
            return "written in hexadecimal instead of base64"
    except ValueError:
        pass
    if _is_certificate(decode_base64(compact.translate(_URL_SAFE) + "=" * (-len(compact) % 4))):
        return "written in the URL-safe alphabet of base64, or without its padding"
    return None


def _why_not_der(der: bytes) -> str | None:
    if der.lstrip().startswith(b"-----BEGIN CERTIFICATE-----"):
        return "base64 of a PEM file, that is base64 twice; it takes the base64 of the DER form"
    if _is_certificate(decode_base64(der.decode("latin-1"))):
        return "base64 twice; it takes the base64 of the DER form"
    for what, is_one in _OTHER_FORMS.items():
        if is_one(der):
            return f"the element contains {what}; it takes the certificate alone"
    return None


def _loads(load: Callable[[bytes], object]) -> Callable[[bytes], bool]:
    def loads(der: bytes) -> bool:
        try:
            load(der)
        except (*MALFORMED, UnsupportedAlgorithm, x509.InvalidVersion):
            return False
        return True

    return loads


def _is_certificate(der: bytes | None) -> bool:
    return der is not None and len(der) <= MAX_CERTIFICATE and _loads(load_der_certificate)(der)


def _is_pkcs12(der: bytes) -> bool:
    """Whether it is a PFX (RFC 7292, 4): a sequence that begins with version 3 and a PKCS#7 content."""
    try:
        (file,) = elements(der)
        version, content, *_ = elements(file.contents)
    except ValueError:
        return False
    return (file.tag, version.octets, content.tag) == (SEQUENCE, _PFX_VERSION, SEQUENCE)


def _is_private_key(der: bytes) -> bool:
    try:
        load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    except TypeError:  # encrypted
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


_PFX_VERSION = b"\x02\x01\x03"
#: What is taken for a certificate by mistake -> whether that is it.
_OTHER_FORMS: dict[str, Callable[[bytes], bool]] = {
    "a PKCS#12 file (.pfx, .p12)": _is_pkcs12,
    "a PKCS#7 file (.p7b)": _loads(load_der_pkcs7_certificates),
    "a private key (PKCS#8), which is to be replaced now that it was sent": _is_private_key,
    "a bare public key": _loads(load_der_public_key),
    "a certificate request (PKCS#10)": _loads(x509.load_der_x509_csr),
}


def _bare_key(element: etree._Element) -> bytes | None:
    """The SubjectPublicKeyInfo that a KeyValue describes; None if it describes no key that can be read."""
    if element.tag != ds("KeyValue"):
        return decode_base64(text_of(element))
    try:
        return _from_rsa(element) or _from_ec(element)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _from_rsa(element: etree._Element) -> bytes | None:
    numbers = [
        decode_base64(element.findtext(f"{ds('RSAKeyValue')}/{ds(name)}", ""))
        for name in ("Exponent", "Modulus")
    ]
    if not all(numbers) or max(map(len, filter(None, numbers))) * 8 > MAX_RSA_BITS:
        return None
    exponent, modulus = (int.from_bytes(number or b"", "big") for number in numbers)
    return _der(rsa.RSAPublicNumbers(exponent, modulus).public_key())


def _from_ec(element: etree._Element) -> bytes | None:
    value = element.find(f"{{{DS11}}}ECKeyValue")
    curve = None if value is None else value.find(f"{{{DS11}}}NamedCurve")
    if value is None or curve is None:
        return None
    oid = x509.ObjectIdentifier(curve.get("URI", "").removeprefix("urn:oid:"))
    point = decode_base64(value.findtext(f"{{{DS11}}}PublicKey", "")) or b""
    return _der(ec.EllipticCurvePublicKey.from_encoded_point(_curve(oid), point))


def _curve(oid: x509.ObjectIdentifier) -> ec.EllipticCurve:
    try:
        return ec.get_curve_for_oid(oid)()
    except LookupError as error:
        raise ValueError(str(error)) from None


def _der(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
