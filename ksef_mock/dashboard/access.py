"""Who may see and use the dashboard: whoever may use /_mock, by header or, in a browser, by a cookie."""

from __future__ import annotations

import hashlib
import hmac

from starlette.requests import Request
from starlette.responses import Response

from ksef_mock.api.http import exchange_of, system_of
from ksef_mock.api.origin import is_cross_site
from ksef_mock.control.guard import require_control
from ksef_mock.core.codes import Reason
from ksef_mock.core.errors import Forbidden, Unauthorized
from ksef_mock.core.paths import before

_PATH = "/_mock"


def require_access(request: Request) -> None:
    """
    Raises:
        Unauthorized: a control token is set, and neither the header nor the cookie knows it.
        Forbidden: none is set, and the client is not on this machine.
    """
    expected = system_of(request).settings.control_token
    if expected is not None and _equal(request.cookies.get(_cookie(expected), ""), _pass(expected)):
        return
    require_control(request)


def require_same_origin(request: Request) -> None:
    """A form may be posted by the dashboard's own pages only: other sites must not move the mock's clock.

    Browsers state the origin of every POST. What states none is no browser, and has the JSON interface.

    Raises:
        Forbidden: the request was made by another site's page, or does not say by whose.
    """
    origin = request.headers.get("origin", "")
    if not origin or is_cross_site(request):
        raise Forbidden(
            Reason.SECURITY_SERVICE_BLOCKED,
            reason=f"forms work from the dashboard's pages only: Origin is {origin[:100] or 'absent'}",
            security={"incidentId": exchange_of(request).trace_id},
        )


def sign_in(request: Request, response: Response, token: str) -> None:
    """Give the browser a cookie that stands for the control token, until it is closed.

    Raises:
        Unauthorized: `token` is not the control token.
    """
    expected = system_of(request).settings.control_token
    if expected is None or not _equal(token, expected):
        raise Unauthorized(reason="the control token is wrong")
    response.set_cookie(
        _cookie(expected),
        _pass(expected),
        path=before(request.scope) + _PATH,
        httponly=True,
        samesite="strict",
        secure=request.scope["scheme"] == "https",
    )


def sign_out(request: Request, response: Response) -> None:
    """Take the cookie back."""
    expected = system_of(request).settings.control_token
    if expected is not None:
        response.delete_cookie(
            _cookie(expected), path=before(request.scope) + _PATH, httponly=True, samesite="strict"
        )


def _cookie(control_token: str) -> str:
    # Browsers do not tell ports apart: the cookies of two mocks on one host need different names.
    return f"ksef_mock_{_derived(control_token, b'name')[:8]}"


def _pass(control_token: str) -> str:
    return _derived(control_token, b"pass")


def _derived(control_token: str, purpose: bytes) -> str:
    # Every process of the mock can derive it, and it does not show the token.
    return hmac.new(control_token.encode(), b"ksef-mock dashboard: " + purpose, hashlib.sha256).hexdigest()


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
