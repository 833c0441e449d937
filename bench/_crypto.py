"""The cryptography that no server of a login can avoid, by the libraries of the mock."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from bench._load import OAEP

_READ: Any = {"require": ["exp", "iat", "typ", "arn"], "verify_exp": False, "verify_iat": False}


class LoginCrypto:
    """One decryption, three JWTs issued and one verified, with the sizes and claims of a recorded login."""

    def __init__(self, key: str, tokens: list[str]) -> None:
        """`key`: rsa or ec. `tokens`: authentication, access and refresh token of the recorded login."""
        self._secret = bytes(32)
        self._claims = [jwt.decode(token, options={"verify_signature": False}) for token in tokens]
        self._issuer = self._claims[0]["iss"]
        self._token = jwt.encode(self._claims[0], self._secret, "HS256")
        self.decrypt = _decryption(key)

    def issue(self, which: int) -> None:
        """Sign the JWT with this position in `tokens`."""
        jwt.encode(self._claims[which], self._secret, "HS256")

    def verify(self) -> None:
        """Verify an authentication token."""
        jwt.decode(
            self._token,
            self._secret,
            algorithms=["HS256"],
            audience=self._issuer,
            issuer=self._issuer,
            options=_READ,
        )

    def once(self) -> None:
        """All of one login."""
        self.decrypt()
        for which in range(3):
            self.issue(which)
        self.verify()


def _decryption(key: str) -> Callable[[], bytes]:
    plaintext = b"x" * 137  # a KSeF token, a bar and a timestamp in ms
    if key == "rsa":
        rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return partial(rsa_key.decrypt, rsa_key.public_key().encrypt(plaintext, OAEP), OAEP)
    own, theirs = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    nonce = bytes(12)
    sealed = AESGCM(own.exchange(ec.ECDH(), theirs.public_key())).encrypt(nonce, plaintext, None)
    spki = theirs.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def decrypt() -> bytes:
        ephemeral = load_der_public_key(spki)
        assert isinstance(ephemeral, ec.EllipticCurvePublicKey)
        return AESGCM(own.exchange(ec.ECDH(), ephemeral)).decrypt(nonce, sealed, None)

    return decrypt
