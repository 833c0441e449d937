"""What a session's invoices are encrypted with: AES-256-CBC with PKCS#7 padding, key and IV for each session.

The IV is told when the session is opened, and is not put in front of the ciphertext.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Self

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from ksef_client_min.models import PublicKeyCertificate
from ksef_client_min.token_cipher import encrypt

SYMMETRIC_KEY_USAGE = "SymmetricKeyEncryption"


@dataclass(frozen=True, slots=True)
class SessionKey:
    """Key (32 octets) and IV (16 octets) of one session. They are in no repr."""

    key: bytes = field(repr=False)
    iv: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        """A new one, from the system's randomness."""
        return cls(os.urandom(32), os.urandom(16))

    def wrapped(self, published: PublicKeyCertificate) -> bytes:
        """The key, encrypted for a key that KSeF publishes for `SYMMETRIC_KEY_USAGE`.

        Raises:
            KsefProtocolError: the published certificate cannot be used.
        """
        return encrypt(self.key, published)

    def encrypt(self, document: bytes) -> bytes:
        """The ciphertext of an invoice."""
        padder = PKCS7(128).padder()
        encryptor = Cipher(algorithms.AES(self.key), modes.CBC(self.iv)).encryptor()
        return encryptor.update(padder.update(document) + padder.finalize()) + encryptor.finalize()
