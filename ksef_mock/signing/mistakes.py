"""Signatures that are wrong in one of the usual ways, to see what becomes of them.

Each mistake is one that integrators make and that the verifier can explain (`ksef_mock.xades.explain`). It is
made with the signer's own key and certificate, so that nothing else is wrong.
"""

from __future__ import annotations

import base64
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
from ksef_mock.xades.algorithms import digest
from ksef_mock.xades.canonical import C14N, EXC_C14N, METHODS, serialize
from ksef_mock.xades.names import ds
from ksef_mock.xades.signing import Style, method_for, sign, signature_value


class Mistake(StrEnum):
    """What the signer does wrong."""

    #: ECDSA: the value in DER instead of r and s side by side.
    DER_ECDSA = "der-ecdsa"
    #: The document was indented after it had been signed.
    REINDENT = "reindent"
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
    if mistake is Mistake.REINDENT:
        etree.indent(root, "  ")
    elif mistake is Mistake.CHANGED:
        _change(root)
    else:
        value = next(root.iter(ds("SignatureValue")))
        value.text = _b64(_VALUES[mistake](root, signer, style))
    return etree.tostring(root.getroottree(), xml_declaration=True, encoding="utf-8")


def _change(root: etree._Element) -> None:
    # To what is valid too, where that is known.
    for element in root.iter("{*}SubjectIdentifierType"):
        by_subject = element.text == "certificateSubject"
        element.text = "certificateFingerprint" if by_subject else "certificateSubject"
        return
    root.set("changed", "true")


def _signed_info(root: etree._Element) -> etree._Element:
    return next(root.iter(ds("SignedInfo")))


def _der(root: etree._Element, signer: Credential, _style: Style) -> bytes:
    is_ecdsa = isinstance(signer.key, ec.EllipticCurvePrivateKey)
    if not is_ecdsa:
        raise ValueError("mistake: der-ecdsa needs an ECDSA key: algorithm ecdsa-sha256")
    plain = base64.b64decode(next(root.iter(ds("SignatureValue"))).text or "")
    half = len(plain) // 2
    return encode_dss_signature(int.from_bytes(plain[:half], "big"), int.from_bytes(plain[half:], "big"))


def _by_other_method(root: etree._Element, signer: Credential, style: Style) -> bytes:
    other = C14N if style.canonicalization == EXC_C14N else EXC_C14N
    return _value(signer, style, serialize(_signed_info(root), METHODS[other]))


def _hashed_twice(root: etree._Element, signer: Credential, style: Style) -> bytes:
    octets = serialize(_signed_info(root), METHODS[style.canonicalization])
    return _value(signer, style, digest(hashes.SHA256(), octets))


def _content(root: etree._Element, signer: Credential, style: Style) -> bytes:
    if style.form != "enveloped":
        raise ValueError("mistake: signed-content is for the enveloped form")
    root = parsing.parse(etree.tostring(root)).getroot()
    signature = next(root.iter(ds("Signature")))
    root.remove(signature)
    return _value(signer, style, serialize(root.getroottree(), METHODS[style.canonicalization]))


def _value(signer: Credential, style: Style, octets: bytes) -> bytes:
    return signature_value(signer.key, style.signature_method or method_for(signer.key), octets)


_VALUES: dict[Mistake, Callable[[etree._Element, Credential, Style], bytes]] = {
    Mistake.DER_ECDSA: _der,
    Mistake.WRONG_CANONICALIZATION: _by_other_method,
    Mistake.HASHED_TWICE: _hashed_twice,
    Mistake.SIGNED_CONTENT: _content,
}

_DSIG = "http://www.w3.org/2000/09/xmldsig#"
_SHA1_DIGEST = f"{_DSIG}sha1"


def _sha1_method(key: object) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1"
    return f"{_DSIG}rsa-sha1"


def _b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")
