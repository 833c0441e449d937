"""XML as an answer: invoices and UPO; and ranges of what is downloaded."""

from __future__ import annotations

import base64
import hashlib
import re

from starlette.requests import Request
from starlette.responses import Response

#: One range of octets: from, and to; the last ones if `first` is empty.
_RANGE = re.compile(r"bytes=(?P<first>\d{0,15})-(?P<last>\d{0,15})", re.ASCII)


def xml(document: bytes, request: Request) -> Response:
    """A document, or the range of it that is asked for, with its hash: `x-ms-meta-hash`, Base64 SHA-256."""
    digest = base64.b64encode(hashlib.sha256(document).digest()).decode()
    headers = {"x-ms-meta-hash": digest, "Accept-Ranges": "bytes"}
    wanted = asked_range(request, len(document))
    if wanted is None:
        return Response(document, media_type="application/xml", headers=headers)
    first, last = wanted
    if first > last:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{len(document)}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{len(document)}"
    return Response(document[first : last + 1], 206, media_type="application/xml", headers=headers)


def asked_range(request: Request, size: int) -> tuple[int, int] | None:
    """First and last of the octets that are asked for, in this order if there are any; None: all of them."""
    match = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if match is None or not (match["first"] or match["last"]):
        return None
    if not match["first"]:
        return max(size - int(match["last"]), 0), size - 1 if int(match["last"]) else -1
    first = int(match["first"])
    last = int(match["last"] or size)
    return None if last < first else (first, min(last, size - 1))
