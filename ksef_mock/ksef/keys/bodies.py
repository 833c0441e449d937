"""Published keys, and what a client encrypts for one, as on the wire."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from ksef_mock.clock import iso
from ksef_mock.core.bodies import Body, is_base64
from ksef_mock.core.validation import FORMAT, Broken, length
from ksef_mock.ksef.keys.keys import PublishedKey

#: Octets of the initialisation vector of AES-CBC.
_IV = 16
#: Characters of the Base64 of a SHA-256 (OpenAPI: publicKeyId).
_KEY_ID = 44


class PublicKeyCertificate(Body):
    """OpenAPI: PublicKeyCertificate."""

    certificate: str
    certificate_id: str
    public_key_id: str
    valid_from: str
    valid_to: str
    usage: list[str]

    @classmethod
    def of(cls, key: PublishedKey) -> PublicKeyCertificate:
        return cls(
            certificate=base64.b64encode(key.certificate_der).decode(),
            certificate_id=key.certificate_id,
            public_key_id=key.public_key_id,
            valid_from=iso(key.valid_from),
            valid_to=iso(key.valid_to),
            usage=[key.usage.value],
        )


class EncryptionInfo(Body):
    """OpenAPI: EncryptionInfo."""

    encrypted_symmetric_key: str
    initialization_vector: str
    public_key_id: str | None = None

    def rules(self) -> Iterator[Broken]:
        for name, text in (
            ("encryptedSymmetricKey", self.encrypted_symmetric_key),
            ("initializationVector", self.initialization_vector),
        ):
            if not is_base64(text):
                yield Broken(name, FORMAT)
        if is_base64(self.initialization_vector) and len(self.iv) != _IV:
            # Recorded for a vector in hex that was read as Base64.
            yield Broken(
                "",
                "Nieprawidłowa długość wektora inicjującego (IV). "
                f"Oczekiwano {_IV} bajtów, otrzymano {len(self.iv)}.",
            )
        if self.public_key_id is not None and len(self.public_key_id) != _KEY_ID:
            yield Broken("publicKeyId", length(_KEY_ID, _KEY_ID, len(self.public_key_id)))

    @property
    def wrapped_key(self) -> bytes:
        return base64.b64decode(self.encrypted_symmetric_key)

    @property
    def iv(self) -> bytes:
        return base64.b64decode(self.initialization_vector)
