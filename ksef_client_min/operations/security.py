"""What KSeF publishes for encryption."""

from __future__ import annotations

from ksef_client_min.call import Call, Send
from ksef_client_min.models import PublicKeyCertificate


def public_key_certificates() -> Call[tuple[PublicKeyCertificate, ...]]:
    """GET /security/public-key-certificates."""
    send = Send("GET", "/security/public-key-certificates")
    return Call(send, tuple[PublicKeyCertificate, ...], authorized=False)
