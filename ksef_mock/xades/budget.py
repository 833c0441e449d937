"""What the search for the explanations of one document may cost: it ends, however the document is made."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

#: Verifications on P-256, the cheapest key; what other keys cost is counted in them.
OPERATIONS = 2_000
#: Octets hashed, and octets of documents canonicalised: an ordinary mistake takes a tenth of them.
OCTETS = 2 * 2**20

#: Verifications on a curve without arithmetic of its own in OpenSSL, per 128 bits.
_OTHER_CURVE = 10
#: An RSA signature of 2048 bits with the usual exponent, opened in Python.
_RSA = 6


class Spent(Exception):
    """The budget does not allow what comes next."""


class Budget:
    """Counts public key operations and octets, never seconds: a slow machine explains as much as a fast."""

    def __init__(self, operations: int = OPERATIONS, octets: int = OCTETS) -> None:
        self.operations = operations
        self.octets = octets

    def operate(self, key: CertificatePublicKeyTypes) -> None:
        """One operation with `key`.

        Raises:
            Spent: too many.
        """
        cost = cost_of(key)
        if cost > self.operations:
            raise Spent
        self.operations -= cost

    def read(self, count: int) -> None:
        """`count` octets to hash or to canonicalise.

        Raises:
            Spent: too many.
        """
        if count > self.octets:
            raise Spent
        self.octets -= count


def cost_of(key: CertificatePublicKeyTypes) -> int:
    """What an operation with a key costs, in verifications on P-256."""
    if isinstance(key, rsa.RSAPublicKey):
        exponent = key.public_numbers().e.bit_length()
        return max(_RSA, _RSA * key.key_size**2 * exponent // (2_048**2 * 17))
    if isinstance(key, ec.EllipticCurvePublicKey):
        return 1 if isinstance(key.curve, ec.SECP256R1) else _OTHER_CURVE * key.curve.key_size // 128
    return _RSA
