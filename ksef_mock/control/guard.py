"""Who may use /_mock: loopback clients only, or whoever knows the control token when one is set."""

from __future__ import annotations

import hmac
import ipaddress

from starlette.requests import Request

from ksef_mock.api.http import exchange_of, system_of
from ksef_mock.errors import Forbidden, Reason, Unauthorized


def require_control(request: Request) -> None:
    """
    Raises:
        Unauthorized: the control token is absent or wrong.
        Forbidden: none is set, and the client is not on this machine.
    """
    expected = system_of(request).settings.control_token
    if expected is not None:
        given = request.headers.get("x-mock-control-token", "")
        if not hmac.compare_digest(given.encode(), expected.encode()):
            raise Unauthorized(reason="X-Mock-Control-Token is absent or wrong")
        return
    exchange = exchange_of(request)
    if not _is_loopback(exchange.client_ip):
        raise Forbidden(
            Reason.SECURITY_SERVICE_BLOCKED,
            reason="without a control token /_mock answers loopback clients only",
            security={"incidentId": exchange.trace_id, "clientIp": exchange.client_ip},
        )


def _is_loopback(client_ip: str) -> bool:
    try:
        address = ipaddress.ip_address(client_ip)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
