"""Published keys as on the wire."""

from __future__ import annotations

import base64

from ksef_mock.clock import iso
from ksef_mock.core.bodies import Body
from ksef_mock.ksef.keys.keys import PublishedKey


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
