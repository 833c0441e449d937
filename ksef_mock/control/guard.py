"""Who may use /_mock: whoever knows the control token; where none is set, programs on this machine.

One guard stands on the mount, before any route is looked for: what is added under /_mock is guarded from the
start. It also speaks for all of them: errors are in English there, and say why.

Without a token a browser on this machine must not become the tool of a web page. A page can send requests to
127.0.0.1, by another site's script or form, or by a name of its own that it lets point to 127.0.0.1 (DNS
rebinding). So the request must name the mock by an address or a name that no stranger can own, and what
changes something must not come from another site. With a token neither works: a page cannot set the header.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from starlette._utils import get_route_path
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import BaseRoute, Router
from starlette.types import Receive, Scope, Send

from ksef_mock.api.http import exchange_of, system_of
from ksef_mock.api.origin import blocked, is_cross_site, is_loopback, is_own
from ksef_mock.control.bodies import spelled_out
from ksef_mock.core.errors import KsefError, Unauthorized
from ksef_mock.gateway.gateway import translated

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
#: Open to everyone: health checks come from outside.
_OPEN = "/health"


class Guard:
    """ASGI application of the mount: passes to `routes` who may use them.

    It hides the routes from whoever looks for short cuts past it (`gateway.path_table`).
    """

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._router = Router(routes, redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = get_route_path(scope)
        if _is_page(path):
            await self._router(scope, receive, send)
            return
        try:
            if path != _OPEN:
                require_control(Request(scope))
            await self._router(scope, receive, send)
        except HTTPException as refusal:
            raise spelled_out(translated(refusal)) from None
        except KsefError as error:
            raise spelled_out(error) from None


def _is_page(path: str) -> bool:
    # Pages guard themselves (`dashboard.access`): people sign in there.
    return path in ("", "/") or path.startswith("/ui/")


def require_control(request: Request) -> None:
    """
    Raises:
        Unauthorized: the control token is absent or wrong.
        Forbidden: none is set, and the client is not on this machine, or may be a web page's doing.
    """
    expected = system_of(request).settings.control_token
    if expected is not None:
        given = request.headers.get("x-mock-control-token") or _bearer(request)
        if not hmac.compare_digest(given.encode(), expected.encode()):
            raise Unauthorized(reason="the control token (X-Mock-Control-Token) is absent or wrong")
        return
    exchange = exchange_of(request)
    if not is_loopback(exchange.client_ip):
        raise blocked(exchange, "without a control token /_mock answers loopback clients only")
    host = request.headers.get("host", "")
    if not is_own(host):
        raise blocked(
            exchange, f"without a control token /_mock is localhost or an IP address, not {host[:100]!r}"
        )
    if request.method not in _SAFE_METHODS and is_cross_site(request):
        raise blocked(exchange, "without a control token /_mock takes no orders from pages of other sites")


def _bearer(request: Request) -> str:
    # Prometheus cannot send a header of ours, but this one.
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
