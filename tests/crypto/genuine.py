"""Certificates as KSeF's own CA writes them: ecdsa-with-SHA512, its parameters NULL."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ksef_mock.crypto.authority import Authority
from ksef_mock.crypto.der import SEQUENCE, elements, tlv

#: The AlgorithmIdentifier that is wrong by its last two octets, and the BIT STRING's tag.
SHA512_WITH_NULL = bytes.fromhex("300c06082a8648ce3d0403040500")
_BIT_STRING = 0x03


def as_ksef_issues(certificate: x509.Certificate, issuer: Authority) -> bytes:
    """The certificate again, in DER, with NULL in both places, and signed over those octets."""
    (whole,) = elements(certificate.public_bytes(Encoding.DER))
    body, algorithm, _ = elements(whole.contents)
    fields = [
        SHA512_WITH_NULL if field.octets == algorithm.octets else field.octets
        for field in elements(body.contents)
    ]
    assert SHA512_WITH_NULL in fields
    signed = tlv(SEQUENCE, b"".join(fields))
    assert isinstance(issuer.key, ec.EllipticCurvePrivateKey)
    signature = issuer.key.sign(signed, ec.ECDSA(hashes.SHA512()))
    return tlv(SEQUENCE, signed + SHA512_WITH_NULL + tlv(_BIT_STRING, b"\0" + signature))


def csr_with_null(request: x509.CertificateSigningRequest) -> bytes:
    """A certificate request, signed with ECDSA, as older JDKs write it: in DER, with NULL."""
    (whole,) = elements(request.public_bytes(Encoding.DER))
    body, algorithm, signature = elements(whole.contents)
    (name,) = elements(next(elements(algorithm.octets)).contents)
    null = tlv(SEQUENCE, name.octets + b"\x05\x00")
    return tlv(SEQUENCE, body.octets + null + signature.octets)
