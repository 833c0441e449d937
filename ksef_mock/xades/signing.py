"""A signer of XAdES-BASELINE-B, with every algorithm that KSeF allows.

    signed = sign(xml, credential.certificate, credential.key)
    signed = sign(xml, certificate, key, Style(form="enveloping", canonicalization=C14N))

The octets are made by the verifier's own canonicalisation, so xmlsec1 is what judges this module.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from ksef_mock.crypto.authority import PrivateKey
from ksef_mock.xades import parsing
from ksef_mock.xades.algorithms import (
    DIGESTS,
    SIGNATURES,
    Ecdsa,
    Forbidden,
    RsaPkcs1,
    RsaPss,
    digest,
    digest_method,
    integer_size,
)
from ksef_mock.xades.canonical import EXC_C14N, METHODS, rooted, serialize
from ksef_mock.xades.names import DS, SIGNED_PROPERTIES_TYPE, XADES, ds, xades

Form: TypeAlias = Literal["enveloped", "enveloping"]

SHA1 = f"{DS}sha1"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
#: Signature method where none is asked for, by the bits of the curve; ECDSA goes with a hash of its size.
_BY_CURVE = {256: f"{_MORE}ecdsa-sha256", 384: f"{_MORE}ecdsa-sha384", 521: f"{_MORE}ecdsa-sha512"}
_RSA = f"{_MORE}rsa-sha256"


@dataclass(frozen=True, slots=True)
class Style:
    """How a document is signed, where there is a choice."""

    form: Form = "enveloped"
    #: Algorithm identifier, one of `ksef_mock.xades.canonical.METHODS`.
    canonicalization: str = EXC_C14N
    #: Algorithm identifier; None: RSA PKCS#1 v1.5 with SHA-256, or ECDSA with the hash of the curve's size.
    signature_method: str | None = None
    #: Algorithm identifier of all digests.
    digest: str = SHA256
    #: Without it, a plain XML Signature: no QualifyingProperties, no reference to them.
    xades: bool = True
    #: Each Id ends in digits of its own; without, they are as short as `SignedProperties`.
    unique_ids: bool = True


def sign(
    xml: bytes,
    certificate: x509.Certificate,
    key: PrivateKey,
    style: Style | None = None,
    *,
    chain: Sequence[x509.Certificate] = (),
    at: datetime | None = None,
    attested: x509.Certificate | None = None,
) -> bytes:
    """The document, signed: as its last child (enveloped), or inside of the signature (enveloping).

    Args:
        certificate: the one in KeyInfo; that it belongs to `key` is not looked at.
        chain: certificates of the issuers, in KeyInfo after it.
        at: SigningTime (naive means UTC); now, unless told otherwise.
        attested: the certificate that SigningCertificateV2 speaks of; `certificate`, unless told otherwise.

    Raises:
        NotWellFormed: `xml` is not XML, or of a kind that is never signed (a document type).
        Forbidden: an algorithm that KSeF does not allow, or that does not fit the key.
    """
    style = style or Style()
    method_uri = style.signature_method or method_for(key)
    _check(style, method_uri)
    content = parsing.parse(xml).getroot()
    ids = {
        name: f"{name}-{token_hex(8)}" if style.unique_ids else name
        for name in ("Signature", "Reference", "Content", "SignedProperties")
    }
    signature = etree.Element(ds("Signature"), {"Id": ids["Signature"]}, nsmap={"ds": DS})
    c14n, method = style.canonicalization, METHODS[style.canonicalization]
    signed_info = _add(signature, "SignedInfo")
    _add(signed_info, "CanonicalizationMethod", Algorithm=c14n)
    _add(signed_info, "SignatureMethod", Algorithm=method_uri)
    enveloped = style.form == "enveloped"
    of_content = _refer(
        signed_info,
        style.digest,
        [f"{DS}enveloped-signature", c14n] if enveloped else [c14n],
        Id=ids["Reference"],
        URI="" if enveloped else f"#{ids['Content']}",
    )
    digests = {}  # DigestValue -> what it is the digest of
    if style.xades:
        uri = f"#{ids['SignedProperties']}"
        of_properties = _refer(signed_info, style.digest, [c14n], URI=uri, Type=SIGNED_PROPERTIES_TYPE)
    value = _add(signature, "SignatureValue")
    x509_data = _add(_add(signature, "KeyInfo"), "X509Data")
    for each in (certificate, *chain):
        _add(x509_data, "X509Certificate").text = _b64(each.public_bytes(Encoding.DER))
    if style.xades:
        container = _add(signature, "Object")
        digests[of_properties] = _properties(container, ids, attested or certificate, _utc(at), style.digest)
    tree = (content if enveloped else signature).getroottree()
    if enveloped:
        # Before the signature is in it: what the transform cuts out again leaves the same octets.
        of_content.text = _digest(style, serialize(tree, method))
        content.append(signature)
    else:
        digests[of_content] = _add(signature, "Object", Id=ids["Content"])
        digests[of_content].append(content)
    for digest_value, part in digests.items():
        # What was put together here keeps its namespaces otherwise than what was read: it is read first.
        digest_value.text = _digest(style, serialize(rooted(part), method))
    value.text = _b64(signature_value(key, method_uri, serialize(rooted(signed_info), method)))
    return etree.tostring(tree, xml_declaration=True, encoding="utf-8")


def _refer(
    signed_info: etree._Element, digest_uri: str, transforms: Sequence[str], **attributes: str
) -> etree._Element:
    """Add a reference; returns its DigestValue, still empty."""
    reference = _add(signed_info, "Reference", **attributes)
    steps = _add(reference, "Transforms")
    for algorithm in transforms:
        _add(steps, "Transform", Algorithm=algorithm)
    _add(reference, "DigestMethod", Algorithm=digest_uri)
    return _add(reference, "DigestValue")


def _digest(style: Style, octets: bytes) -> str:
    return _b64(digest(DIGESTS[style.digest], octets))


def method_for(key: PrivateKey) -> str:
    """The identifier of the signature method that a key signs with unless told otherwise.

    Raises:
        Forbidden: KSeF allows none for keys of this size.
    """
    if isinstance(key, rsa.RSAPrivateKey):
        return _RSA
    try:
        return _BY_CURVE[key.curve.key_size]
    except KeyError:
        raise Forbidden(f"no signature method is allowed for the curve {key.curve.name}") from None


def signature_value(key: PrivateKey, uri: str, octets: bytes) -> bytes:
    """The octets of SignatureValue; for ECDSA r and s side by side (RFC 9231, 2.3.6).

    Raises:
        Forbidden: the method is not allowed, or is for a key of another kind.
    """
    method = SIGNATURES.get(uri)
    if isinstance(method, Ecdsa) and isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(method.hash)))
        size = integer_size(key.public_key())
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    if isinstance(method, RsaPkcs1) and isinstance(key, rsa.RSAPrivateKey):
        return key.sign(octets, padding.PKCS1v15(), method.hash)
    if isinstance(method, RsaPss) and isinstance(key, rsa.RSAPrivateKey):
        return key.sign(octets, padding.PSS(padding.MGF1(method.mgf_hash), method.salt_length), method.hash)
    raise Forbidden(f"signature method {uri} is not for a key of this kind, or not allowed")


def _check(style: Style, method_uri: str) -> None:
    digest_method(style.digest)
    if style.canonicalization not in METHODS:
        raise Forbidden(f"canonicalisation {style.canonicalization} is not allowed")
    if method_uri not in SIGNATURES:
        raise Forbidden(f"signature method {method_uri} is not allowed")


def _properties(
    container: etree._Element,
    ids: dict[str, str],
    certificate: x509.Certificate,
    moment: datetime,
    digest_uri: str,
) -> etree._Element:
    qualifying = etree.SubElement(
        container, xades("QualifyingProperties"), {"Target": f"#{ids['Signature']}"}, nsmap={"xades": XADES}
    )
    signed = _add_xades(qualifying, "SignedProperties", Id=ids["SignedProperties"])
    of_signature = _add_xades(signed, "SignedSignatureProperties")
    _add_xades(of_signature, "SigningTime").text = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    cert = _add_xades(_add_xades(of_signature, "SigningCertificateV2"), "Cert")
    cert_digest = _add_xades(cert, "CertDigest")
    _add(cert_digest, "DigestMethod", Algorithm=digest_uri)
    _add(cert_digest, "DigestValue").text = _b64(certificate.fingerprint(DIGESTS[digest_uri]))
    # BASELINE-B names the format of what is signed (ETSI EN 319 132-1, 6.3).
    of_data = _add_xades(signed, "SignedDataObjectProperties")
    data_format = _add_xades(of_data, "DataObjectFormat", ObjectReference=f"#{ids['Reference']}")
    _add_xades(data_format, "MimeType").text = "text/xml"
    return signed


def _utc(moment: datetime | None) -> datetime:
    if moment is None:
        return datetime.now(UTC)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _add(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, ds(name), attributes)


def _add_xades(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, xades(name), attributes)


def _b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")
