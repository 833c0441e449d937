"""Whose request it is: that of the mock itself, or of the tenant that its path or its header names.

In front of everything else, gateways and journals included: what is a tenant's is seen by it alone. What
names a tenant that there is not is never anybody else's.
"""

from __future__ import annotations

from collections.abc import Awaitable
from urllib.parse import quote, unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from ksef_mock.core.errors import NotFound
from ksef_mock.core.headers import headers_of
from ksef_mock.core.paths import BEFORE
from ksef_mock.core.text import kept
from ksef_mock.gateway.gateway import Gateway
from ksef_mock.system.system import System
from ksef_mock.tenants.registry import HEADER, PATH, Tenants

_HEADER = HEADER.lower().encode()
_REFUSED = "ksef_mock.tenants"


class ByTenant:
    """ASGI middleware around a mock's gateway."""

    def __init__(self, app: ASGIApp, tenants: Tenants, system: System) -> None:
        """`system`: the mock's own, whose journal has the requests that name no tenant."""
        self._app = app
        self._tenants = tenants
        self._refusing = Gateway(_refuse, system)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and (scope["path"].startswith(PATH) or _HEADER in headers_of(scope)):
            return self._of_tenant(scope, receive, send)
        return self._app(scope, receive, send)

    async def _of_tenant(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        names = {value.decode("latin-1") for header, value in scope["headers"] if header == _HEADER}
        is_below = path.startswith(PATH)
        if is_below:
            names.add(path[len(PATH) :].partition("/")[0])
        name = min(names)
        tenant = self._tenants.get(name) if len(names) == 1 else None
        if tenant is None:
            shown = sorted(kept(each[:64]) for each in names)
            if not is_below:
                # What the mock itself has at this path has nothing to do with it, its faults included.
                path = f"{PATH}{shown[0]}{path}"
            refused = dict(scope, path=path, raw_path=quote(path).encode())
            refused[_REFUSED] = (
                f"there is no tenant {shown[0]!r}, or not any more: POST /_mock/tenants makes one, "
                "GET /_mock/tenants lists them"
                if len(names) == 1
                else f"a request is of one tenant, and this one names {' and '.join(map(repr, shown))}"
            )
            await self._refusing(refused, receive, send)
            return
        scope = dict(scope)
        scope[BEFORE] = tenant.path
        if is_below:
            _shorten(scope, tenant.path)
        tenant.enter()
        try:
            await tenant.app(scope, receive, send)
        finally:
            await tenant.leave()


def named(scope: Scope, name: str) -> Scope:
    """The same request, as a client makes it that names a tenant by the header."""
    if "headers" not in scope:
        return scope
    return dict(scope, headers=[*scope["headers"], (_HEADER, name.encode("latin-1"))])


def _shorten(scope: Scope, prefix: str) -> None:
    """Take the prefix of a tenant from the path, and from the path as it came."""
    scope["path"] = scope["path"][len(prefix) :] or "/"
    raw: bytes | None = scope.get("raw_path")
    if raw is not None:
        parts = raw.partition(b"?")[0].split(b"/", 3)
        spelled = unquote_to_bytes(b"/".join(parts[:3])) == prefix.encode("latin-1", "replace")
        # An encoded slash is none to whoever spells it: then only the decoded path counts.
        scope["raw_path"] = b"/" + b"".join(parts[3:]) if spelled else quote(scope["path"]).encode()


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    del receive, send
    error = NotFound(reason=scope[_REFUSED])
    error.detail = error.reason  # nothing of KSeF's, which never says so much
    raise error
