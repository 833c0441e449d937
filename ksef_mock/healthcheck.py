"""`python -m ksef_mock.healthcheck`, for containers: exit code 0 if the mock here answers, 1 if not.

It asks the port of `KSEF_MOCK_PORT`, else 8080, by http and then by https.
"""

from __future__ import annotations

import os
import ssl
import sys
import urllib.error
import urllib.request
from http.client import HTTPException

#: Seconds to wait for an answer.
_PATIENCE = 1.5


def healthy(port: int) -> bool:
    """Whether a mock answers on this port of 127.0.0.1, with TLS or without."""
    # Whether it answers is the question, not who it is: its certificate may be anybody's.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    for scheme in ("http", "https"):
        try:
            with opener.open(f"{scheme}://127.0.0.1:{port}/_mock/health", timeout=_PATIENCE) as answer:
                return bool(answer.status == 200)
        except (OSError, HTTPException):  # URLError and timeouts are OSErrors
            continue
    return False


if __name__ == "__main__":
    sys.exit(0 if healthy(int(os.environ.get("KSEF_MOCK_PORT") or 8080)) else 1)
