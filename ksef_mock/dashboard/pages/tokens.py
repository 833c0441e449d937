"""The KSeF tokens, of a context or of all, with their use; a form that issues another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import exchange_of, system_of
from ksef_mock.clock import to_datetime
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.permissions import Permission
from ksef_mock.dashboard.forms import Unusable, as_context, done, read_form
from ksef_mock.dashboard.frame import ROWS, framed, guarded
from ksef_mock.dashboard.logins import Outcome, Tone
from ksef_mock.dashboard.pages.logins import known_logins
from ksef_mock.ksef.tokens.tokens import KsefToken, NotActive, TokenStatus
from ksef_mock.system.system import System

_TONES = {
    TokenStatus.ACTIVE: Tone.GOOD,
    TokenStatus.PENDING: Tone.WAIT,
    TokenStatus.REVOKING: Tone.WAIT,
    TokenStatus.REVOKED: Tone.QUIET,
    TokenStatus.FAILED: Tone.BAD,
}


@dataclass(frozen=True, slots=True)
class TokenForm:
    """The form that issues a KSeF token, as filled in, and what came of it."""

    nip: str
    #: Name and whether it is ticked.
    permissions: Sequence[tuple[str, bool]]
    #: The text of the token that was issued; KSeF too shows it once.
    issued: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token, without its text."""

    token: KsefToken
    created: datetime
    status: Outcome
    #: Of the last login; None if there was none.
    used: datetime | None
    #: How many of the logins that the journal still has were with it.
    logins: int


@dataclass(frozen=True, slots=True)
class TokenList:
    """Tokens, the newest first."""

    rows: Sequence[TokenRow]
    words: str
    problem: str
    continuation: str | None
    is_first: bool


def status_of(token: KsefToken) -> Outcome:
    """Its status, as the tables show it."""
    return Outcome(_TONES[token.status], token.status.value, "")


def token_form(
    nip: str = "5265877635", permissions: Iterable[str] | None = None, *, issued: str = "", problem: str = ""
) -> TokenForm:
    """The form; all permissions are ticked unless told otherwise."""
    ticked = set(Permission) if permissions is None else set(permissions)
    rows = [(permission.value, permission.value in ticked) for permission in Permission]
    return TokenForm(nip, rows, issued, problem)


async def token_list(system: System, words: str = "", continuation: str | None = None) -> TokenList:
    """A page of the tokens of the context that is typed in, or of all."""
    context = as_context(words)
    if words and context is None:
        return TokenList([], words, f"{words[:40]!r} is no identifier of a context", None, True)
    page = await system.tokens.of_anybody(context, ROWS, continuation)
    used = await system.tokens.last_uses(page.items)
    logins = Counter(each.operation.token for each in await known_logins(system) if each.operation)
    rows = [
        TokenRow(
            token,
            to_datetime(token.created_at),
            status_of(token),
            None if last is None else to_datetime(last),
            logins[token.reference],
        )
        for token, last in zip(page.items, used, strict=True)
    ]
    return TokenList(rows, words, "", page.continuation, continuation is None)


@guarded
async def tokens(request: Request) -> Response:
    """GET /_mock/ui/tokens, with `q`: the tokens of a context only."""
    query = request.query_params
    listed = await token_list(system_of(request), query.get("q", "").strip()[:100], query.get("page"))
    form = token_form() if as_context(listed.words) is None else token_form(listed.words)
    return await framed(request, "tokens", "tokens.html", form=form, list=listed)


@guarded
async def issue_token(request: Request) -> Response:
    """POST /_mock/ui/tokens: the form again, with the new token's text, which is shown this once."""
    form = await read_form(request)
    nip, permissions = form["nip"].strip(), form.all("permission")
    system, status = system_of(request), 201
    try:
        if not permissions:
            raise ValueError("a token needs a permission")
        _, text = await system.issue_token(Identifier("Nip", nip), permissions)
        view = token_form(nip, permissions, issued=text)
    except ValueError as error:
        status, view = 400, token_form(nip, permissions, problem=str(error))
    listed = await token_list(system)
    return await framed(request, "tokens", "tokens.html", status, form=view, list=listed)


@guarded
async def revoke(request: Request) -> Response:
    """POST /_mock/ui/tokens/revoke: the token with this `reference`."""
    form = await read_form(request)
    known = system_of(request).tokens
    token = await known.get(form["reference"][:36])
    try:
        if token is None:
            raise NotActive("there is no such token")
        await known.revoke(token)
    except NotActive as problem:
        raise Unusable(str(problem)) from None
    exchange_of(request).noted("token", f"revoked {token.reference}")
    return done(form, "revoked")


ROUTES = [
    Route("/ui/tokens", tokens, methods=["GET"]),
    Route("/ui/tokens", issue_token, methods=["POST"]),
    Route("/ui/tokens/revoke", revoke, methods=["POST"]),
]
