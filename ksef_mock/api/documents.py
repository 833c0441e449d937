"""XML as an answer: invoices and UPO."""

from __future__ import annotations

import base64
import hashlib

from starlette.responses import Response


def xml(document: bytes) -> Response:
    """A document with its hash: `x-ms-meta-hash`, Base64 SHA-256."""
    digest = base64.b64encode(hashlib.sha256(document).digest()).decode()
    headers = {"x-ms-meta-hash": digest, "Accept-Ranges": "bytes"}
    return Response(document, media_type="application/xml", headers=headers)
