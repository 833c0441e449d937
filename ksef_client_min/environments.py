"""The environments of KSeF and their addresses, as published with the API's documentation."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Environment:
    """Base URLs, without a version path."""

    name: str
    api: str
    qr: str
    lighthouse: str


TEST = Environment(
    "test",
    api="https://api-test.ksef.mf.gov.pl",
    qr="https://qr-test.ksef.mf.gov.pl",
    lighthouse="https://api-latarnia-test.ksef.mf.gov.pl",
)
DEMO = Environment(
    "demo",
    api="https://api-demo.ksef.mf.gov.pl",
    qr="https://qr-demo.ksef.mf.gov.pl",
    lighthouse="https://api-latarnia-demo.ksef.mf.gov.pl",
)
PROD = Environment(
    "prod",
    api="https://api.ksef.mf.gov.pl",
    qr="https://qr.ksef.mf.gov.pl",
    lighthouse="https://api-latarnia.ksef.mf.gov.pl",
)
#: A `ksef-mock serve` on this machine, with its default port.
MOCK = Environment(
    "mock", api="http://127.0.0.1:8080", qr="http://127.0.0.1:8080/qr", lighthouse="http://127.0.0.1:8080"
)

ENVIRONMENTS: dict[str, Environment] = {each.name: each for each in (TEST, DEMO, PROD, MOCK)}


def api_root(base_url: str | Environment) -> str:
    """The URL that API paths are appended to: `/v2` is added unless the URL ends in it already.

    Raises:
        ValueError: not an absolute http(s) URL.
    """
    url = base_url.api if isinstance(base_url, Environment) else base_url
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ValueError(f"{url!r} is no base URL: http(s)://HOST[:PORT][/PATH]")
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path if path.endswith('/v2') else f'{path}/v2'}"
