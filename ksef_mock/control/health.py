"""GET /_mock/health: whether the mock answers. Open to everyone: health checks come from outside."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock import __version__
from ksef_mock.api.http import answer, exchange_of, system_of
from ksef_mock.clock import iso


class Health(msgspec.Struct, rename="camel"):
    """GET /_mock/health."""

    status: str
    version: str
    profile: str
    #: The mock's.
    time: str


async def health(request: Request) -> Response:
    """Answers once the mock accepts requests and can keep what they change.

    Raises:
        StoreUnavailable: the store cannot be reached, or written to (a full disk).
    """
    system = system_of(request)
    exchange_of(request).recorded = False  # asked every few seconds, it would push out everything else
    await system.try_store()
    return answer(Health("ok", __version__, system.settings.profile, iso(system.clock.now())))


ROUTES = [Route("/health", health, methods=["GET"])]
