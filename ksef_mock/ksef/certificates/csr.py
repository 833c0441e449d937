"""Whether a certificate request (CSR, PKCS#10) is one that KSeF takes from whoever logged in."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.crypto.certificate import load_der_csr
from ksef_mock.crypto.chain import MALFORMED, excess_of
from ksef_mock.crypto.subject_name import SubjectName, has_other_attributes, readable

_HASHES = (hashes.SHA1, hashes.SHA256, hashes.SHA384, hashes.SHA512)


def check_csr(csr: bytes, subject_name: SubjectName) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    """The public key of a right CSR (PKCS#10 in DER) of whoever logged in as `subject_name`.

    Raises:
        BadRequest: 25003, 25004, 25010, 25011.
    """
    try:
        request = load_der_csr(csr)
        key = request.public_key()
        subject = SubjectName.of(request.subject)
        strange = has_other_attributes(request.subject)
    except (*MALFORMED, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise BadRequest(Code.BAD_CSR, reason=f"CSR: {error}") from None
    if not _is_allowed(key):
        raise BadRequest(Code.BAD_KEY, reason="CSR: the key is neither RSA-2048 nor P-256")
    assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    try:
        algorithm = request.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    if not isinstance(algorithm, _HASHES):
        raise BadRequest(Code.BAD_CSR_ALGORITHM, reason=f"CSR: signed with {request.signature_algorithm_oid}")
    if not _is_signed(request, key, algorithm):
        raise BadRequest(Code.BAD_CSR, reason="CSR: its signature is wrong")
    if subject != subject_name or strange:
        raise BadRequest(
            Code.CSR_SUBJECT,
            reason=f"CSR: the subject is {readable(request.subject)!r}, not that of the login",
        )
    return key


def _is_signed(
    request: x509.CertificateSigningRequest,
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    algorithm: hashes.HashAlgorithm,
) -> bool:
    """Whether the CSR's signature is right. `is_signature_valid` takes none by SHA-1, which KSeF allows."""
    body, signature = request.tbs_certrequest_bytes, request.signature
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, body, ec.ECDSA(algorithm))
            return True
        parameters = request.signature_algorithm_parameters
        if not isinstance(parameters, padding.PKCS1v15 | padding.PSS):
            return False
        key.verify(signature, body, parameters, algorithm)
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def _is_allowed(key: object) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size == 2_048 and excess_of(key) is None
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
