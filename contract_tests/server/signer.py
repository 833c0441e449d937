"""A signer that signs right unless told otherwise: every field of `Signer` is a way to deviate.

It shares no code with any verifier.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from lxml import etree

from contract_tests.server.identity import Credentials

DS = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
NS = {"ds": DS, "xades": XADES}
MORE_2001 = "http://www.w3.org/2001/04/xmldsig-more#"
MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"
MORE_2021 = "http://www.w3.org/2021/04/xmldsig-more#"
XMLENC = "http://www.w3.org/2001/04/xmlenc#"

C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
C14N11 = "http://www.w3.org/2006/12/xml-c14n11"
EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DS}enveloped-signature"
BASE64 = f"{DS}base64"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
FILTER = "http://www.w3.org/2002/06/xmldsig-filter2"
C14N_METHODS = (
    C14N,
    f"{C14N}#WithComments",
    C14N11,
    f"{C14N11}#WithComments",
    EXC,
    f"{EXC}WithComments",
)
SIGNED_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"

DIGESTS: dict[str, hashes.HashAlgorithm] = {
    f"{DS}sha1": hashes.SHA1(),  # noqa: S303 - KSeF takes it
    f"{XMLENC}sha256": hashes.SHA256(),
    f"{MORE_2001}sha384": hashes.SHA384(),
    f"{XMLENC}sha512": hashes.SHA512(),
    f"{MORE_2007}sha3-256": hashes.SHA3_256(),
    f"{MORE_2007}sha3-384": hashes.SHA3_384(),
    f"{MORE_2007}sha3-512": hashes.SHA3_512(),
}
SHA256 = f"{XMLENC}sha256"
_SHORT = {uri.rpartition("#")[2]: algorithm for uri, algorithm in DIGESTS.items()}

RSA_SHA256 = f"{MORE_2001}rsa-sha256"
ECDSA_SHA256 = f"{MORE_2001}ecdsa-sha256"
PKCS1_METHODS = [f"{DS}rsa-sha1", *(f"{MORE_2001}rsa-sha{bits}" for bits in (256, 384, 512))]
PSS_METHODS = [f"{MORE_2007}{name}-rsa-MGF1" for name in _SHORT]
ECDSA_METHODS = [
    *(f"{MORE_2001}ecdsa-sha{bits}" for bits in (1, 256, 384, 512)),
    *(f"{MORE_2021}ecdsa-sha3-{bits}" for bits in (256, 384, 512)),
]

Octets = Callable[[bytes], bytes]
Edit = Callable[[etree._Element], object]


def _as_is(octets: bytes) -> bytes:
    return octets


def _leave(root: etree._Element) -> None:
    """Change nothing."""


def request_xml(
    *,
    version: str = "2.1",
    context: str,
    challenge: str,
    subject: str = "certificateSubject",
    policy: str = "",
    attributes: str = "",
) -> str:
    """An AuthTokenRequest without a signature; `context`, `policy` and `attributes` are XML."""
    return (
        f'<AuthTokenRequest xmlns="http://ksef.mf.gov.pl/auth/token/{version}"{attributes}>'
        f"<Challenge>{challenge}</Challenge><ContextIdentifier>{context}</ContextIdentifier>"
        f"<SubjectIdentifierType>{subject}</SubjectIdentifierType>{policy}</AuthTokenRequest>"
    )


POLICY = (
    "<AuthorizationPolicy><AllowedIps><Ip4Address>192.0.2.1</Ip4Address>"
    "<Ip4Range>10.0.0.1-10.0.0.9</Ip4Range><Ip4Mask>172.16.0.0/12</Ip4Mask></AllowedIps></AuthorizationPolicy>"
)


@dataclass(frozen=True)
class Transform:
    """A ds:Transform: its identifier and what stands inside."""

    algorithm: str
    content: str = ""

    @property
    def xml(self) -> str:
        return f'<ds:Transform Algorithm="{self.algorithm}">{self.content}</ds:Transform>'


NOT_SIGNATURE = Transform(XPATH, "<ds:XPath>not(ancestor-or-self::ds:Signature)</ds:XPath>")


def xpath_filter(expression: str, operation: str = "subtract") -> Transform:
    return Transform(FILTER, f'<f:XPath xmlns:f="{FILTER}" Filter="{operation}">{expression}</f:XPath>')


@dataclass(frozen=True)
class Reference:
    """A ds:Reference, and how to get its octets from the finished tree (None: by its URI, c14n as stated)."""

    uri: str | None
    transforms: Sequence[Transform] = ()
    type: str | None = None
    digest: str = SHA256
    octets: Callable[[etree._Element], bytes] | None = None


def enveloped_reference(*transforms: Transform, uri: str = "", digest: str = SHA256) -> Reference:
    return Reference(uri, transforms or (Transform(ENVELOPED), Transform(EXC)), digest=digest)


def properties_reference(*transforms: Transform, digest: str = SHA256) -> Reference:
    return Reference("#props", transforms, SIGNED_PROPERTIES, digest)


@dataclass
class Signer:
    """How to sign. Every field has the value of an ordinary, right XAdES-BES signature."""

    credentials: Credentials
    #: The document to sign, as text.
    request: str
    #: As it is to be written; None leaves the element out.
    signing_time: str | None
    form: str = "enveloped"
    method: str | None = None
    method_content: str = ""
    #: (hash, hash of MGF1, salt length) of RSA-PSS; None: as the method says.
    pss: tuple[hashes.HashAlgorithm, hashes.HashAlgorithm, int] | None = None
    c14n: str = EXC
    references: Sequence[Reference] | None = None
    digest: str = SHA256
    #: Versions of SigningCertificate to write.
    signing_certificate: Sequence[int] = (1,)
    certificate_digest: str | None = None
    issuer_serial: str | None = None
    with_properties: bool = True
    key_info: str | None = None
    unsigned: str = ""
    target: str = "#sig"
    #: Of the names of XML Signature; without one they are in the default namespace, as .NET writes them.
    prefix: str = "ds"
    #: What the certificate's digest is taken over.
    certificate_octets: Octets = _as_is
    #: Changes the finished tree before anything is hashed.
    prepare: Edit = _leave
    #: Changes SignedInfo's octets before they are signed.
    to_sign: Octets = _as_is
    #: Changes the signature value (raw RSA value; ECDSA as R||S).
    value: Octets = _as_is
    #: Changes the tree after signing.
    finish: Edit = _leave
    declaration: str = '<?xml version="1.0" encoding="UTF-8"?>'

    def sign(self) -> bytes:
        """The signed document."""
        root = self._assemble()
        self.prepare(root)
        signature = _find(root, "//ds:Signature")
        info = _find(signature, "ds:SignedInfo")
        for reference, element in zip(self._references(), info.findall("ds:Reference", NS), strict=True):
            octets = reference.octets or self._octets_of(reference)
            value = hashed(DIGESTS.get(reference.digest, hashes.SHA256()), octets(root))
            _find(element, "ds:DigestValue").text = b64(value)
        octets_ = self.to_sign(canonical(info, self.c14n))
        _find(signature, "ds:SignatureValue").text = b64(self.value(self._raw_value(octets_)))
        self.finish(root)
        return self.declaration.encode() + etree.tostring(root.getroottree(), encoding="utf-8")

    def _assemble(self) -> etree._Element:
        if self.form == "enveloped":
            body = (
                self.request.removesuffix("</AuthTokenRequest>") + self._signature("") + "</AuthTokenRequest>"
            )
        else:
            body = self._signature(f'<ds:Object Id="object">{self.request}</ds:Object>')
        if not self.prefix:
            body = body.replace("<ds:", "<").replace("</ds:", "</").replace("xmlns:ds=", "xmlns=")
        return etree.fromstring(body.encode())

    @property
    def _method(self) -> str:
        if self.method is not None:
            return self.method
        return RSA_SHA256 if isinstance(self.credentials.key, rsa.RSAPrivateKey) else ECDSA_SHA256

    def _signature(self, objects: str) -> str:
        return (
            f'<ds:Signature xmlns:ds="{DS}" Id="sig"><ds:SignedInfo>'
            f'<ds:CanonicalizationMethod Algorithm="{self.c14n}"/>'
            f'<ds:SignatureMethod Algorithm="{self._method}">{self.method_content}'
            f"</ds:SignatureMethod>{''.join(map(_reference_xml, self._references()))}</ds:SignedInfo>"
            f"<ds:SignatureValue></ds:SignatureValue>{self._key_info()}{objects}{self._properties()}</ds:Signature>"
        )

    def _references(self) -> Sequence[Reference]:
        if self.references is not None:
            return self.references
        content = (
            enveloped_reference(digest=self.digest)
            if self.form == "enveloped"
            else Reference("#object", (Transform(EXC),), digest=self.digest)
        )
        return (
            (content, properties_reference(Transform(EXC), digest=self.digest))
            if self.with_properties
            else (content,)
        )

    def _key_info(self) -> str:
        if self.key_info is not None:
            return self.key_info
        return key_info(self.credentials.der)

    def _properties(self) -> str:
        if not self.with_properties:
            return ""
        time = f"<xades:SigningTime>{self.signing_time}</xades:SigningTime>" if self.signing_time else ""
        certificates = "".join(map(self._signing_certificate, self.signing_certificate))
        return (
            f'<ds:Object><xades:QualifyingProperties xmlns:xades="{XADES}" Target="{self.target}">'
            f'<xades:SignedProperties Id="props"><xades:SignedSignatureProperties>{time}{certificates}'
            f"</xades:SignedSignatureProperties></xades:SignedProperties>{self.unsigned}"
            f"</xades:QualifyingProperties></ds:Object>"
        )

    def _signing_certificate(self, version: int) -> str:
        certificate = self.credentials.certificate
        algorithm = DIGESTS.get(self.digest, hashes.SHA256())
        digest = self.certificate_digest or b64(
            hashed(algorithm, self.certificate_octets(self.credentials.der))
        )
        name = {1: "SigningCertificate", 2: "SigningCertificateV2"}[version]
        serial = self.issuer_serial
        if serial is None:
            serial = (
                f"<ds:X509IssuerName>{certificate.issuer.rfc4514_string()}</ds:X509IssuerName>"
                f"<ds:X509SerialNumber>{certificate.serial_number}</ds:X509SerialNumber>"
            )
        issuer = f"<xades:IssuerSerial>{serial}</xades:IssuerSerial>" if version == 1 else ""
        return (
            f'<xades:{name}><xades:Cert><xades:CertDigest><ds:DigestMethod Algorithm="{self.digest}"/>'
            f"<ds:DigestValue>{digest}</ds:DigestValue></xades:CertDigest>{issuer}</xades:Cert></xades:{name}>"
        )

    def _octets_of(self, reference: Reference) -> Callable[[etree._Element], bytes]:
        method = next(
            (step.algorithm for step in reversed(reference.transforms) if step.algorithm in C14N_METHODS),
            C14N,
        )
        if reference.uri in ("", "#xpointer(/)"):
            return lambda root: canonical(without_signature(root).getroottree(), method)
        return lambda root: canonical(_by_id(root, (reference.uri or "")[1:]), method)

    def _raw_value(self, octets: bytes) -> bytes:
        key = self.credentials.key
        name = self._method.rpartition("#")[2]
        if isinstance(key, ec.EllipticCurvePrivateKey):
            algorithm = _SHORT.get(name.removeprefix("ecdsa-"), hashes.SHA256())
            size = (key.curve.key_size + 7) // 8
            r, s = utils.decode_dss_signature(key.sign(octets, ec.ECDSA(algorithm)))
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if self.pss is not None:
            algorithm, mgf, salt = self.pss
            return key.sign(octets, padding.PSS(padding.MGF1(mgf), salt), algorithm)
        if name.endswith("-MGF1"):
            algorithm = _SHORT[name.removesuffix("-rsa-MGF1")]
            return key.sign(octets, padding.PSS(padding.MGF1(algorithm), algorithm.digest_size), algorithm)
        return key.sign(octets, padding.PKCS1v15(), _SHORT.get(name.removeprefix("rsa-"), hashes.SHA256()))


def key_info(*ders: bytes, extra: str = "") -> str:
    """A ds:KeyInfo with these certificates."""
    certificates = "".join(f"<ds:X509Certificate>{b64(der)}</ds:X509Certificate>" for der in ders)
    return f"<ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data>{extra}</ds:KeyInfo>"


def der_value(credentials: Credentials) -> Octets:
    """Turns an R||S value into DER, as many libraries give it."""
    key = credentials.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    size = (key.curve.key_size + 7) // 8

    def change(value: bytes) -> bytes:
        return utils.encode_dss_signature(
            int.from_bytes(value[:size], "big"), int.from_bytes(value[size:], "big")
        )

    return change


def canonical(element: etree._Element | etree._ElementTree, method: str) -> bytes:
    """The canonical form by one of `C14N_METHODS`, without comments and without inherited xml: attributes."""
    if isinstance(element, etree._Element) and not method.startswith(EXC):
        # In place, lxml undeclares the default namespace (xmlns="") two levels below the part's apex.
        element = etree.fromstring(etree.tostring(element, with_tail=False)).getroottree()
    return etree.tostring(
        element,
        method="c14n",
        exclusive=method.startswith(EXC),
        with_comments=False,
    )


def without_signature(root: etree._Element) -> etree._Element:
    """The root of a copy of the document, its signature gone and the text after it kept."""
    copied = copy.deepcopy(root.getroottree()).getroot()
    signature = _find(copied, "//ds:Signature")
    parent = signature.getparent()
    assert parent is not None
    before = signature.getprevious()
    if before is None:
        parent.text = (parent.text or "") + (signature.tail or "")
    else:
        before.tail = (before.tail or "") + (signature.tail or "")
    signature.tail = None
    parent.remove(signature)
    return copied


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _reference_xml(reference: Reference) -> str:
    uri = "" if reference.uri is None else f' URI="{reference.uri}"'
    kind = "" if reference.type is None else f' Type="{reference.type}"'
    steps = "".join(transform.xml for transform in reference.transforms)
    transforms = f"<ds:Transforms>{steps}</ds:Transforms>" if steps else ""
    return (
        f'<ds:Reference{uri}{kind}>{transforms}<ds:DigestMethod Algorithm="{reference.digest}"/>'
        f"<ds:DigestValue></ds:DigestValue></ds:Reference>"
    )


def _find(element: etree._Element, path: str) -> etree._Element:
    found = element.xpath(path, namespaces=NS)
    assert isinstance(found, list)
    assert isinstance(found[0], etree._Element)
    return found[0]


def _by_id(root: etree._Element, name: str) -> etree._Element:
    return _find(root, f"//*[@Id='{name}']")


def hashed(algorithm: hashes.HashAlgorithm, octets: bytes) -> bytes:
    """The digest of `octets`."""
    hasher = hashes.Hash(algorithm)
    hasher.update(octets)
    return hasher.finalize()
