"""Signatures that are wrong in one of the usual ways, to see what becomes of them.

Each mistake is one that integrators make and that the verifier can explain (`ksef_mock.xades.explain`). It is
made with the signer's own key and certificate, so that nothing else is wrong.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree

from ksef_mock.core.dates import warsaw
from ksef_mock.crypto.pki import Credential
from ksef_mock.xades import parsing
from ksef_mock.xades.algorithms import DIGESTS, digest
from ksef_mock.xades.canonical import C14N, EXC_C14N, METHODS, serialize
from ksef_mock.xades.names import ds
from ksef_mock.xades.signing import Style, method_for, sign, signature_value
from ksef_mock.xades.transforms import ENVELOPED


class Mistake(StrEnum):
    """What the signer does wrong."""

    #: ECDSA: the value in DER instead of r and s side by side.
    DER_ECDSA = "der-ecdsa"
    #: The document was indented after it had been signed.
    REINDENT = "reindent"
    #: The indentation was removed after the document had been signed.
    UNINDENT = "unindent"
    #: Line feeds became CR LF after the document had been signed.
    LINE_ENDS = "line-ends"
    #: A plain XML Signature: no QualifyingProperties.
    NO_XADES = "no-xades"
    #: Digests and signature by SHA-1.
    SHA1 = "sha1"
    #: KeyInfo has a certificate of another key.
    WRONG_CERTIFICATE = "wrong-certificate"
    #: SigningCertificateV2 speaks of another certificate than KeyInfo.
    WRONG_SIGNING_CERTIFICATE = "wrong-signing-certificate"
    #: SignedInfo was canonicalised by another method than it says.
    WRONG_CANONICALIZATION = "wrong-canonicalization"
    #: The hash of SignedInfo was hashed once more.
    HASHED_TWICE = "hashed-twice"
    #: The content was signed instead of SignedInfo.
    SIGNED_CONTENT = "signed-content"
    #: SigningTime is the local time of Poland, written as UTC.
    LOCAL_TIME = "local-time"
    #: The content was changed after it had been signed.
    CHANGED = "changed"
    #: The digest was taken with the unfinished signature in the document.
    SIGNATURE_LEFT_IN = "signature-left-in"
    #: The transform that takes the signature out again is missing.
    NO_ENVELOPED_TRANSFORM = "no-enveloped-transform"
    #: The digest of SignedProperties is that of their text as it stands in the document.
    RAW_PROPERTIES = "raw-properties"
    #: The digest is by SHA-512, while DigestMethod says SHA-256.
    OTHER_DIGEST = "other-digest"
    #: The digest is written in hexadecimal.
    HEX_DIGEST = "hex-digest"
    #: The signature is written in Base64 twice.
    BASE64_TWICE = "base64-twice"
    #: KeyInfo has the certificate's PEM file.
    PEM_CERTIFICATE = "pem-certificate"
    #: KeyInfo has the PKCS#12 file of certificate and key.
    PKCS12_CERTIFICATE = "pkcs12-certificate"
    #: The empty Signature of the documentation's example is still in the document.
    PLACEHOLDER = "placeholder"


def sign_wrongly(
    xml: bytes, signer: Credential, other: Credential, style: Style, at: datetime, mistake: Mistake
) -> bytes:
    """The document, signed with this mistake.

    Args:
        other: of another key, where the mistake needs one.
        at: the signing time, aware.

    Raises:
        NotWellFormed, Forbidden: as `sign` does.
        ValueError: the mistake is not possible with this key or in this form.
    """
    certificate, key = signer.certificate, signer.key
    match mistake:
        case Mistake.NO_XADES:
            return sign(xml, certificate, key, replace(style, xades=False), at=at)
        case Mistake.SHA1:
            sha1 = replace(style, digest=_SHA1_DIGEST, signature_method=_sha1_method(key))
            return sign(xml, certificate, key, sha1, at=at)
        case Mistake.WRONG_CERTIFICATE:
            return sign(xml, other.certificate, key, style, at=at)
        case Mistake.WRONG_SIGNING_CERTIFICATE:
            return sign(xml, certificate, key, style, at=at, attested=other.certificate)
        case Mistake.LOCAL_TIME:
            local = at.astimezone(warsaw()).utcoffset() or timedelta()
            return sign(xml, certificate, key, style, at=at + local)
    signed = sign(xml, certificate, key, style, at=at)
    if mistake is Mistake.LINE_ENDS:
        # As references, as whoever writes XML again with such text in it: a parser would make LF of them.
        if b"\n" not in signed.partition(b"?>")[2].strip():
            raise ValueError("mistake: line-ends needs a document of several lines")
        return signed.replace(b"\n", b"&#13;\n").replace(b"?>&#13;\n", b"?>\n")
    root = parsing.parse(signed).getroot()
    if mistake in _AFTERWARDS:
        _AFTERWARDS[mistake](root)
    elif mistake in _CERTIFICATES:
        next(root.iter(ds("X509Certificate"))).text = _b64(_CERTIFICATES[mistake](signer))
    else:
        value = next(root.iter(ds("SignatureValue")))
        if mistake in _SIGNED:
            _SIGNED[mistake](root, style)
            made = _value(signer, style, serialize(_signed_info(root), METHODS[style.canonicalization]))
        else:
            made = _VALUES[mistake](root, signer, style)
        value.text = _b64(made)
    return etree.tostring(root.getroottree(), xml_declaration=True, encoding="utf-8")


# ---- what happens to a document after it has been signed


def _indent(root: etree._Element) -> None:
    etree.indent(root, "  ")


def _unindent(root: etree._Element) -> None:
    blank = [each for each in root.iter() if not (each.tail or "").strip()]
    holders = [each for each in root.iter() if len(each) and not (each.text or "").strip()]
    if not any(each.tail for each in blank) and not any(each.text for each in holders):
        raise ValueError("mistake: unindent needs a document that is indented")
    for each in blank:
        each.tail = None
    for each in holders:
        each.text = None


def _leave_placeholder(root: etree._Element) -> None:
    etree.SubElement(root, ds("Signature"))


def _change(root: etree._Element) -> None:
    # To what is valid too, where that is known.
    for element in root.iter("{*}SubjectIdentifierType"):
        by_subject = element.text == "certificateSubject"
        element.text = "certificateFingerprint" if by_subject else "certificateSubject"
        return
    root.set("changed", "true")


def _signed_info(root: etree._Element) -> etree._Element:
    return next(root.iter(ds("SignedInfo")))


# ---- what is wrong in SignedInfo, which is signed as it is


def _digest_value(root: etree._Element, index: int = 0) -> etree._Element:
    return list(_signed_info(root).iter(ds("DigestValue")))[index]


def _leave_signature_in(root: etree._Element, style: Style) -> None:
    _require_enveloped(style, Mistake.SIGNATURE_LEFT_IN)
    place = _digest_value(root)
    place.text = next(root.iter(ds("SignatureValue"))).text = None
    octets = serialize(root.getroottree(), METHODS[style.canonicalization])
    place.text = _b64(digest(DIGESTS[style.digest], octets))


def _forget_transform(root: etree._Element, style: Style) -> None:
    _require_enveloped(style, Mistake.NO_ENVELOPED_TRANSFORM)
    transform = next(each for each in root.iter(ds("Transform")) if each.get("Algorithm") == ENVELOPED)
    transforms = transform.getparent()
    assert transforms is not None
    transforms.remove(transform)


def _take_text(root: etree._Element, style: Style) -> None:
    found = re.search(rb"<xades:SignedProperties.*</xades:SignedProperties>", etree.tostring(root), re.DOTALL)
    assert found is not None
    _digest_value(root, 1).text = _b64(digest(DIGESTS[style.digest], found[0]))


def _take_other_digest(root: etree._Element, style: Style) -> None:
    if style.form == "enveloped":
        bare = parsing.parse(etree.tostring(root)).getroot()
        bare.remove(next(bare.iter(ds("Signature"))))
        octets = serialize(bare.getroottree(), METHODS[style.canonicalization])
    else:
        octets = serialize(list(root.iter(ds("Object")))[-1], METHODS[style.canonicalization])
    _digest_value(root).text = _b64(digest(hashes.SHA512(), octets))


def _write_in_hex(root: etree._Element, _style: Style) -> None:
    place = _digest_value(root)
    place.text = base64.b64decode(place.text or "").hex()


def _require_enveloped(style: Style, mistake: Mistake) -> None:
    if style.form != "enveloped":
        raise ValueError(f"mistake: {mistake} is for the enveloped form")


# ---- what is wrong with the value


def _der(root: etree._Element, signer: Credential, _style: Style) -> bytes:
    is_ecdsa = isinstance(signer.key, ec.EllipticCurvePrivateKey)
    if not is_ecdsa:
        raise ValueError("mistake: der-ecdsa needs an ECDSA key: algorithm ecdsa-sha256")
    plain = base64.b64decode(next(root.iter(ds("SignatureValue"))).text or "")
    half = len(plain) // 2
    return encode_dss_signature(int.from_bytes(plain[:half], "big"), int.from_bytes(plain[half:], "big"))


def _by_other_method(root: etree._Element, signer: Credential, style: Style) -> bytes:
    info, other = _signed_info(root), C14N if style.canonicalization == EXC_C14N else EXC_C14N
    octets = serialize(info, METHODS[other])
    if octets == serialize(info, METHODS[style.canonicalization]):
        raise ValueError(f"mistake: wrong-canonicalization makes no difference in the {style.form} form")
    return _value(signer, style, octets)


def _hashed_twice(root: etree._Element, signer: Credential, style: Style) -> bytes:
    octets = serialize(_signed_info(root), METHODS[style.canonicalization])
    return _value(signer, style, digest(hashes.SHA256(), octets))


def _content(root: etree._Element, signer: Credential, style: Style) -> bytes:
    _require_enveloped(style, Mistake.SIGNED_CONTENT)
    root = parsing.parse(etree.tostring(root)).getroot()
    signature = next(root.iter(ds("Signature")))
    root.remove(signature)
    return _value(signer, style, serialize(root.getroottree(), METHODS[style.canonicalization]))


def _base64_twice(root: etree._Element, _signer: Credential, _style: Style) -> bytes:
    return (next(root.iter(ds("SignatureValue"))).text or "").encode()


def _value(signer: Credential, style: Style, octets: bytes) -> bytes:
    return signature_value(signer.key, style.signature_method or method_for(signer.key), octets)


_AFTERWARDS: dict[Mistake, Callable[[etree._Element], None]] = {
    Mistake.REINDENT: _indent,
    Mistake.UNINDENT: _unindent,
    Mistake.CHANGED: _change,
    Mistake.PLACEHOLDER: _leave_placeholder,
}
_SIGNED: dict[Mistake, Callable[[etree._Element, Style], None]] = {
    Mistake.SIGNATURE_LEFT_IN: _leave_signature_in,
    Mistake.NO_ENVELOPED_TRANSFORM: _forget_transform,
    Mistake.RAW_PROPERTIES: _take_text,
    Mistake.OTHER_DIGEST: _take_other_digest,
    Mistake.HEX_DIGEST: _write_in_hex,
}
_CERTIFICATES: dict[Mistake, Callable[[Credential], bytes]] = {
    Mistake.PEM_CERTIFICATE: lambda signer: signer.certificate_pem,
    Mistake.PKCS12_CERTIFICATE: lambda signer: signer.pkcs12("haslo"),
}
_VALUES: dict[Mistake, Callable[[etree._Element, Credential, Style], bytes]] = {
    Mistake.DER_ECDSA: _der,
    Mistake.WRONG_CANONICALIZATION: _by_other_method,
    Mistake.HASHED_TWICE: _hashed_twice,
    Mistake.SIGNED_CONTENT: _content,
    Mistake.BASE64_TWICE: _base64_twice,
}

_DSIG = "http://www.w3.org/2000/09/xmldsig#"
_SHA1_DIGEST = f"{_DSIG}sha1"


def _sha1_method(key: object) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1"
    return f"{_DSIG}rsa-sha1"


def _b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")
