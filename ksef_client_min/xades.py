"""The AuthTokenRequest and its XAdES signature (BASELINE-B, enveloped).

Exclusive canonicalisation throughout: a digest then depends on nothing but the element itself, so namespaces
that are declared or moved around it do no harm, and every verifier has it.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from ksef_client_min.certificates import Certificate
from ksef_client_min.credentials import BrokenCredentials, Credentials, PrivateKey

_DS = "http://www.w3.org/2000/09/xmldsig#"
_XADES = "http://uri.etsi.org/01903/v1.3.2#"
_EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_SIGNED_PROPERTIES_TYPE = "http://uri.etsi.org/01903#SignedProperties"

#: ECDSA goes with a hash as long as the curve allows (RFC 9231 names them one by one).
_CURVES: dict[str, tuple[str, hashes.HashAlgorithm]] = {
    "secp256r1": (f"{_MORE}ecdsa-sha256", hashes.SHA256()),
    "secp384r1": (f"{_MORE}ecdsa-sha384", hashes.SHA384()),
    "secp521r1": (f"{_MORE}ecdsa-sha512", hashes.SHA512()),
}

#: Member of `allowedIps` in the API -> element of the schema.
_ALLOWED_IPS = {"ip4Addresses": "Ip4Address", "ip4Ranges": "Ip4Range", "ip4Masks": "Ip4Mask"}


def build_auth_token_request(
    challenge: str,
    context: tuple[str, str],
    *,
    subject_identifier_type: str = "certificateSubject",
    allowed_ips: Mapping[str, Sequence[str]] | None = None,
    version: str = "2.1",
) -> bytes:
    """The unsigned XML of a login.

    Args:
        context: type (Nip, InternalId, NipVatUe, PeppolId) and value.
        subject_identifier_type: certificateSubject, or certificateFingerprint.
        allowed_ips: as in the API: `ip4Addresses`, `ip4Ranges`, `ip4Masks`.
        version: of the schema, 2.0 or 2.1.
    """
    namespace = f"http://ksef.mf.gov.pl/auth/token/{version}"
    root = etree.Element(f"{{{namespace}}}AuthTokenRequest", nsmap={None: namespace})  # type: ignore[dict-item]

    def add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
        element = etree.SubElement(parent, f"{{{namespace}}}{name}")
        element.text = text
        return element

    add(root, "Challenge", challenge)
    kind, value = context
    add(add(root, "ContextIdentifier"), kind, value)
    add(root, "SubjectIdentifierType", subject_identifier_type)
    if allowed_ips:
        allowed = add(add(root, "AuthorizationPolicy"), "AllowedIps")
        for member, name in _ALLOWED_IPS.items():
            for entry in allowed_ips.get(member, ()):
                add(allowed, name, entry)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def sign(
    xml: bytes,
    certificate: Certificate,
    key: PrivateKey,
    *,
    chain: Sequence[Certificate] = (),
    signing_time: datetime | None = None,
) -> bytes:
    """The document with an enveloped XAdES-BASELINE-B signature as the last child of its root.

    RSA keys sign with PKCS#1 v1.5 and SHA-256; EC keys with ECDSA, its value R||S.

    Args:
        chain: certificates of the issuers, put into KeyInfo after the signer's.
        signing_time: now, unless told otherwise.

    Raises:
        BrokenCredentials: key and certificate are no pair, or the key is on a curve without an algorithm.
        ValueError: not XML, or with a document type.
    """
    credentials = Credentials(certificate, key, tuple(chain))
    method, algorithm = _method(key)
    root = _parse(xml)
    moment = (signing_time or datetime.now(UTC)).astimezone(UTC)
    ids = {name: f"{name}-{uuid.uuid4()}" for name in ("Signature", "Reference", "SignedProperties")}

    signature = _element("Signature", Id=ids["Signature"])
    signed_info = _add(signature, "SignedInfo")
    _add(signed_info, "CanonicalizationMethod", Algorithm=_EXC_C14N)
    _add(signed_info, "SignatureMethod", Algorithm=method)
    document_digest = _add_reference(
        signed_info, [f"{_DS}enveloped-signature", _EXC_C14N], Id=ids["Reference"], URI=""
    )
    properties_digest = _add_reference(
        signed_info, [_EXC_C14N], URI=f"#{ids['SignedProperties']}", Type=_SIGNED_PROPERTIES_TYPE
    )
    value = _add(signature, "SignatureValue")
    x509_data = _add(_add(signature, "KeyInfo"), "X509Data")
    for each in (certificate, *credentials.chain):
        _add(x509_data, "X509Certificate").text = _b64(each.public_bytes(Encoding.DER))
    properties = _add_properties(_add(signature, "Object"), ids, certificate, moment)

    document_digest.text = _b64(_sha256(_canonical(root)))
    # The canonical form of the rest is the same inside of the document: it inherits nothing from it.
    root.append(signature)
    properties_digest.text = _b64(_sha256(_canonical(properties)))
    value.text = _b64(_sign(key, algorithm, _canonical(signed_info)))
    return etree.tostring(root.getroottree(), xml_declaration=True, encoding="utf-8")


def _parse(xml: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(f"not XML: {error}") from None
    if b"<!DOCTYPE" in xml:
        raise ValueError("a document with a DOCTYPE is not signed")
    return root


def _method(key: PrivateKey) -> tuple[str, hashes.HashAlgorithm]:
    if isinstance(key, rsa.RSAPrivateKey):
        return f"{_MORE}rsa-sha256", hashes.SHA256()
    try:
        return _CURVES[key.curve.name]
    except KeyError:
        raise BrokenCredentials(f"no signature algorithm for the curve {key.curve.name}") from None


def _sign(key: PrivateKey, algorithm: hashes.HashAlgorithm, octets: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(octets, padding.PKCS1v15(), algorithm)
    # XML Signature wants the two integers side by side, not the DER structure that libraries return.
    r, s = decode_dss_signature(key.sign(octets, ec.ECDSA(algorithm)))
    size = (key.curve.key_size + 7) // 8
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _add_reference(signed_info: etree._Element, transforms: list[str], **attributes: str) -> etree._Element:
    reference = _add(signed_info, "Reference", **attributes)
    steps = _add(reference, "Transforms")
    for algorithm in transforms:
        _add(steps, "Transform", Algorithm=algorithm)
    _add(reference, "DigestMethod", Algorithm=_SHA256)
    return _add(reference, "DigestValue")


def _add_properties(
    container: etree._Element, ids: Mapping[str, str], certificate: Certificate, moment: datetime
) -> etree._Element:
    qualifying = etree.SubElement(
        container, f"{{{_XADES}}}QualifyingProperties", Target=f"#{ids['Signature']}", nsmap={"xades": _XADES}
    )
    signed = _add_xades(qualifying, "SignedProperties", Id=ids["SignedProperties"])
    of_signature = _add_xades(signed, "SignedSignatureProperties")
    _add_xades(of_signature, "SigningTime").text = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    cert = _add_xades(_add_xades(of_signature, "SigningCertificateV2"), "Cert")
    digest = _add_xades(cert, "CertDigest")
    _add(digest, "DigestMethod", Algorithm=_SHA256)
    _add(digest, "DigestValue").text = _b64(certificate.fingerprint(hashes.SHA256()))
    # BASELINE-B names the format of what is signed (ETSI EN 319 132-1, 6.3).
    of_data = _add_xades(signed, "SignedDataObjectProperties")
    data_format = _add_xades(of_data, "DataObjectFormat", ObjectReference=f"#{ids['Reference']}")
    _add_xades(data_format, "MimeType").text = "text/xml"
    return signed


def _element(name: str, **attributes: str) -> etree._Element:
    return etree.Element(f"{{{_DS}}}{name}", attributes, nsmap={"ds": _DS})


def _add(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{_DS}}}{name}", attributes)


def _add_xades(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{_XADES}}}{name}", attributes)


def _canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)


def _sha256(octets: bytes) -> bytes:
    hasher = hashes.Hash(hashes.SHA256())
    hasher.update(octets)
    return hasher.finalize()


def _b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
