"""A form that issues a KSeF token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import system_of
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.permissions import Permission
from ksef_mock.dashboard.forms import read_form
from ksef_mock.dashboard.frame import framed, guarded


@dataclass(frozen=True, slots=True)
class TokenForm:
    """The form that issues a KSeF token, as filled in, and what came of it."""

    nip: str
    #: Name and whether it is ticked.
    permissions: Sequence[tuple[str, bool]]
    #: The text of the token that was issued; KSeF too shows it once.
    issued: str = ""
    problem: str = ""


def token_form(
    nip: str = "5265877635", permissions: Iterable[str] | None = None, *, issued: str = "", problem: str = ""
) -> TokenForm:
    """The form; all permissions are ticked unless told otherwise."""
    ticked = set(Permission) if permissions is None else set(permissions)
    rows = [(permission.value, permission.value in ticked) for permission in Permission]
    return TokenForm(nip, rows, issued, problem)


@guarded
async def tokens(request: Request) -> Response:
    """GET /_mock/ui/tokens: a form that issues a KSeF token."""
    return await framed(request, "tokens", "tokens.html", form=token_form())


@guarded
async def issue_token(request: Request) -> Response:
    """POST /_mock/ui/tokens: the form again, with the new token's text, which is shown this once."""
    form = await read_form(request)
    nip, permissions = form["nip"].strip(), form.all("permission")
    status = 201
    try:
        if not permissions:
            raise ValueError("a token needs a permission")
        _, text = await system_of(request).issue_token(Identifier("Nip", nip), permissions)
        view = token_form(nip, permissions, issued=text)
    except ValueError as error:
        status, view = 400, token_form(nip, permissions, problem=str(error))
    return await framed(request, "tokens", "tokens.html", status, form=view)


ROUTES = [
    Route("/ui/tokens", tokens, methods=["GET"]),
    Route("/ui/tokens", issue_token, methods=["POST"]),
]
