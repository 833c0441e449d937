"""Whose doing a request is: a program's, or that of a page in a browser which was lured here.

A page can send requests to 127.0.0.1 by a name of its own that it lets point there (DNS rebinding). What asks
for no token must not obey those: `/_mock` (`ksef_mock.control.guard`) and `/testdata`.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.requests import Request

from ksef_mock.api.http import exchange_of, system_of
from ksef_mock.core.codes import Reason
from ksef_mock.core.errors import Forbidden, NotFound
from ksef_mock.core.exchange import Exchange

#: Beside localhost: the domain of the real gateways, which a hosts entry may let point here.
_KNOWN_DOMAINS = ("localhost", "mf.gov.pl")


def require_test_data(request: Request) -> None:
    """
    Raises:
        NotFound: the environment has no operations under /testdata.
        Forbidden: a program on this machine would call the mock by a name of this machine. (From elsewhere it
            may have any, as in a network of containers; a control token says that it is served by a name.)
    """
    settings = system_of(request).settings
    if not settings.environment.has_test_data:
        raise NotFound(reason=f"/testdata exists on TEST only, this is {settings.profile}")
    exchange, host = exchange_of(request), request.headers.get("host", "")
    if settings.control_token is None and is_loopback(exchange.client_ip) and not is_own(host):
        raise blocked(
            exchange,
            f"without a control token /testdata is localhost or an IP address, not {host[:100]!r}",
        )


def blocked(exchange: Exchange, reason: str) -> Forbidden:
    """The refusal of a request that may not be what it seems."""
    return Forbidden(
        Reason.SECURITY_SERVICE_BLOCKED,
        reason=reason,
        security={"incidentId": exchange.trace_id, "clientIp": exchange.client_ip},
    )


def is_loopback(client_ip: str) -> bool:
    """Whether a request comes from this machine."""
    try:
        address = ipaddress.ip_address(client_ip)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def is_own(host: str) -> bool:
    """Whether the Host header names this machine in a way that DNS cannot be made to lie about."""
    if not host:
        return True  # HTTP/1.0; browsers always name a host
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return any(name == domain or name.endswith(f".{domain}") for domain in _KNOWN_DOMAINS)
    return True


def is_cross_site(request: Request) -> bool:
    """Whether a browser says that a page of another origin makes this request."""
    # Ports do not make a site: a page of localhost:3000 is "same-site", and still not this mock's own.
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    origin = request.headers.get("origin")
    if origin is None:
        return False  # no browser: those name the origin of everything but a GET
    try:
        return urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()
    except ValueError:
        return True
