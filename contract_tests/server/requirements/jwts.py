"""The three JWTs of a login: their claims, how long they live, and that nothing else passes for them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from contract_tests.server import shapes
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal, fail, matches, one_of, true
from contract_tests.server.probe import Probe
from contract_tests.server.reply import Reply
from contract_tests.server.workspace import Session, claims_of

_SEEN = "seen on TEST"
_MOMENT = timedelta(milliseconds=1)
_ISSUER = r"ksef-api-t?[a-z]{1,2}"


# -- claims -----------------------------------------------------------------------------------------------


@requirement(
    "KSEF-JWT-001",
    "The authentication token says what it is (typ AuthenticationToken) and for which operation (arn).",
    source=_SEEN,
)
def authentication_token_claims(ctx: Probe) -> None:
    started = ctx.start_token_login()
    claims = _claims(started.token)
    equal("typ", claims.get("typ"), "AuthenticationToken")
    equal("arn", claims.get("arn"), started.reference)


@requirement(
    "KSEF-JWT-002",
    "The authentication token lives 2700 seconds from its iat, which is now.",
    source=f"{_SEEN}: exp - iat = 2700",
)
def authentication_token_lifetime(ctx: Probe) -> None:
    challenge = ctx.challenge()
    claims = _claims(ctx.start_token_login(challenge=challenge).token)
    equal("exp - iat", claims["exp"] - claims["iat"], 2_700)
    age = claims["iat"] - challenge.timestamp_ms // 1_000
    true("iat after the challenge", 0 <= age < 60, expected="less than a minute", received=f"{age} s")


@family(
    {
        "KSEF-JWT-003": "authentication_token",
        "KSEF-JWT-004": "access_token",
        "KSEF-JWT-005": "refresh_token",
    },
    lambda kind: f"iss and aud of the {kind.replace('_', ' ')} name the environment's API.",
    source=f"{_SEEN}: ksef-api-te; documented: ti, tr, pr by environment",
)
def issuer_and_audience(ctx: Probe, kind: str) -> None:
    claims = _claims(getattr(ctx.session, kind))
    matches("iss", claims.get("iss"), _ISSUER)
    equal("aud", claims.get("aud"), claims.get("iss"))


@requirement(
    "KSEF-JWT-006",
    "The access token names context, method, operation and subject of the login (typ ContextToken).",
    source=f"{_SEEN}: cit, civ, aum, arn, sud",
)
def access_token_claims(ctx: Probe) -> None:
    session = ctx.login_with_token()
    claims = _claims(session.access_token)
    expected = {
        "typ": "ContextToken",
        "cit": "Nip",
        "civ": session.nip,
        "aum": "Token",
        "arn": session.reference,
    }
    equal("claims", {name: claims.get(name) for name in expected}, expected)
    shapes.text(claims.get("sud"), "sud")


@requirement(
    "KSEF-JWT-007",
    "per, pec, rol, pep and sud are JSON in a text, asi where there is one; per is an array of permissions.",
    source=f"{_SEEN}; asi in public clients, which decode it",
)
def claims_in_json(ctx: Probe) -> None:
    claims = _claims(ctx.login_with_token().access_token)
    shapes.array(shapes.text)(_decoded(claims, "per"), "per")
    for name in ("pec", "rol", "pep"):
        shapes.array(shapes.anything)(_decoded(claims, name), name)
    for name in ("sud", *(["asi"] if "asi" in claims else [])):
        if not isinstance(_decoded(claims, name), dict):
            fail("an object", claims[name], what=name)


@requirement(
    "KSEF-JWT-008",
    "The owner of a context has the permission Owner in the access token.",
    source=f'{_SEEN}: per ["Owner"]',
    needs={Capability.SELF_SIGNED},
)
def owner_is_owner(ctx: Probe) -> None:
    equal("per", _decoded(_claims(ctx.session.access_token), "per"), ["Owner"])


@requirement(
    "KSEF-JWT-009",
    "After a token login the access token has the permissions of the KSeF token, no more.",
    source="OpenAPI POST /tokens: permissions",
)
def permissions_are_those_of_the_token(ctx: Probe) -> None:
    owner = ctx.owner
    token, _ = ctx.new_token(owner.session, ["InvoiceRead"])
    session = ctx.login_with_token(token, nip=owner.session.nip)
    equal("per", _decoded(_claims(session.access_token), "per"), ["InvoiceRead"])


@requirement(
    "KSEF-JWT-010",
    "After a token login trn is the reference number of the KSeF token; otherwise there is none.",
    source="seen in public clients, which show it; in no recording",
    severity="should",
)
def names_the_ksef_token(ctx: Probe) -> None:
    owner = ctx.owner
    session = ctx.login_with_token(owner.token, nip=owner.session.nip)
    equal("trn", _claims(session.access_token).get("trn"), owner.token_reference)
    equal("trn of a certificate's login", _claims(owner.session.access_token).get("trn"), None)


@requirement(
    "KSEF-JWT-011",
    "The access token lives 15 minutes: exp - iat = 900.",
    source="documented",
)
def access_token_lifetime(ctx: Probe) -> None:
    claims = _claims(ctx.session.access_token)
    equal("exp - iat", claims["exp"] - claims["iat"], 900)


@requirement(
    "KSEF-JWT-012",
    "The refresh token lives for up to 7 days and outlives the access token.",
    source="documented",
)
def refresh_token_lifetime(ctx: Probe) -> None:
    claims = _claims(ctx.session.refresh_token)
    life = claims["exp"] - claims["iat"]
    true("exp - iat", 900 < life <= 604_800, expected="more than 900, at most 604800", received=life)


@requirement(
    "KSEF-JWT-013",
    "validUntil of each token is its exp.",
    source="OpenAPI: TokenInfo",
)
def valid_until_is_exp(ctx: Probe) -> None:
    started = ctx.start_token_login()
    ctx.ends(started, 200)
    tokens = ctx.redeem(started).answers(200, shapes.TOKENS)
    refreshed = ctx.post("/auth/token/refresh", bearer=tokens.at("refreshToken", "token"))
    for token, valid_until in (
        (started.token, started.valid_until),
        (tokens.at("accessToken", "token"), tokens.at("accessToken", "validUntil")),
        (tokens.at("refreshToken", "token"), tokens.at("refreshToken", "validUntil")),
        (refreshed.at("accessToken", "token"), refreshed.at("accessToken", "validUntil")),
    ):
        # Some systems write the fractions of the second that a claim cannot have.
        moment = datetime.fromisoformat(valid_until)
        equal("validUntil to the second", int(moment.timestamp()), _claims(token)["exp"])


@requirement(
    "KSEF-JWT-014",
    "Where access tokens have an id (tid), no two different ones have the same.",
    source="seen in public clients: tid; in no recording",
    severity="should",
)
def token_ids_differ(ctx: Probe) -> None:
    session = ctx.login_with_token()
    refreshed = [ctx.refresh(session).answers(200).at("accessToken", "token") for _ in range(2)]
    # Two refreshes within one second may give the same token.
    tokens = {session.access_token, *refreshed}
    ids = [_claims(token).get("tid") for token in tokens]
    if None not in ids:
        equal("different tid of different access tokens", len(set(ids)), len(tokens))


@requirement(
    "KSEF-JWT-015",
    "A refreshed access token says of the login what the first one said.",
    source="documented: refresh",
)
def refreshed_claims_are_the_same(ctx: Probe) -> None:
    session = ctx.login_with_token()
    refreshed = _claims(ctx.refresh(session).answers(200).at("accessToken", "token"))
    first = _claims(session.access_token)
    for name in ("typ", "cit", "civ", "aum", "arn", "sud", "per", "trn"):
        equal(name, refreshed.get(name), first.get(name))
    equal("exp - iat", refreshed["exp"] - refreshed["iat"], 900)


# -- one kind does not pass for another -------------------------------------------------------------------


@dataclass(frozen=True)
class Use:
    """A kind of JWT at an operation."""

    kind: str
    method: str
    path: str

    def __str__(self) -> str:
        return f"The {self.kind.replace('_', ' ')} is refused at {self.method} {self.path}: 401 or 403."


@family(
    {
        "KSEF-JWT-020": Use("access_token", "POST", "/auth/token/redeem"),
        "KSEF-JWT-021": Use("refresh_token", "POST", "/auth/token/redeem"),
        "KSEF-JWT-022": Use("authentication_token", "POST", "/auth/token/refresh"),
        "KSEF-JWT-023": Use("access_token", "POST", "/auth/token/refresh"),
        "KSEF-JWT-024": Use("authentication_token", "GET", "/auth/sessions"),
        "KSEF-JWT-025": Use("refresh_token", "GET", "/auth/sessions"),
        "KSEF-JWT-026": Use("authentication_token", "DELETE", "/auth/sessions/current"),
        "KSEF-JWT-027": Use("authentication_token", "GET", "/tokens"),
        "KSEF-JWT-028": Use("refresh_token", "GET", "/tokens"),
        "KSEF-JWT-029": Use("refresh_token", "GET", "/limits/context"),
    },
    str,
    source="OpenAPI: which token each operation takes",
)
def kinds_are_not_interchangeable(ctx: Probe, use: Use) -> None:
    _refused(ctx.request(use.method, use.path, bearer=getattr(ctx.session, use.kind)))


# -- forgeries --------------------------------------------------------------------------------------------

Forge = Callable[[Session], str]


def _tampered(session: Session) -> str:
    head, payload, signature = session.access_token.split(".")
    claims = _claims(session.access_token) | {"civ": "1111111111"}
    return f"{head}.{_segment(claims)}.{signature}" if payload else ""


def _unsigned(session: Session) -> str:
    return f"{_segment({'alg': 'none', 'typ': 'JWT'})}.{session.access_token.split('.')[1]}."


def _none_with_signature(session: Session) -> str:
    _, payload, signature = session.access_token.split(".")
    return f"{_segment({'alg': 'none', 'typ': 'JWT'})}.{payload}.{signature}"


def _signed_by_us(session: Session) -> str:
    message = f"{_segment({'alg': 'HS256', 'typ': 'JWT'})}.{session.access_token.split('.')[1]}"
    signature = hmac.digest(b"a secret of ours", message.encode(), hashlib.sha256)
    return f"{message}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def _prolonged(session: Session) -> str:
    head, _, signature = session.access_token.split(".")
    claims = _claims(session.access_token)
    return f"{head}.{_segment(claims | {'exp': claims['exp'] + 3_600})}.{signature}"


def _cut(session: Session) -> str:
    return session.access_token.rpartition(".")[0] + "."


@family(
    {
        "KSEF-JWT-030": ("with another context", _tampered),
        "KSEF-JWT-031": ("prolonged by an hour", _prolonged),
        "KSEF-JWT-032": ("with the algorithm none and no signature", _unsigned),
        "KSEF-JWT-033": ("with the algorithm none and the old signature", _none_with_signature),
        "KSEF-JWT-034": ("signed with a secret of our own", _signed_by_us),
        "KSEF-JWT-035": ("without its signature", _cut),
    },
    lambda case: f"An access token {case[0]} is 401.",
    source="RFC 8725; OpenAPI: 401",
)
def forgeries_are_refused(ctx: Probe, case: tuple[str, Forge]) -> None:
    ctx.get("/limits/context", bearer=ctx.session.access_token).answers(200)
    ctx.get("/limits/context", bearer=case[1](ctx.session)).unauthorized()


@family(
    {
        "KSEF-JWT-036": "Bearer nonsense",
        "KSEF-JWT-037": "Bearer",
        "KSEF-JWT-038": "Basic dXNlcjpwYXNzd29yZA==",
        "KSEF-JWT-039": "Bearer a.b.c",
    },
    lambda value: f"An Authorization header {value!r} is 401.",
    source="OpenAPI: 401",
    read_only=True,
)
def other_credentials_are_refused(ctx: Probe, value: str) -> None:
    ctx.get("/limits/context", headers={"Authorization": value}).unauthorized()


@requirement(
    "KSEF-JWT-040",
    "An access token works until its exp, at which it is 401.",
    source="documented: 15 minutes; RFC 7519: exp",
    needs={Capability.MOVABLE_CLOCK},
)
def access_token_expires(ctx: Probe) -> None:
    ctx.freeze()
    session = ctx.login_with_token()
    expiry = datetime.fromtimestamp(_claims(session.access_token)["exp"], UTC)
    ctx.set_clock(expiry - _MOMENT)
    ctx.get("/limits/context", bearer=session.access_token).answers(200)
    ctx.set_clock(expiry)
    ctx.get("/limits/context", bearer=session.access_token).unauthorized()


def _refused(reply: Reply) -> None:
    one_of("status", reply.status, (401, 403))
    reply.problem(reply.status)


def _claims(token: str) -> dict[str, Any]:
    """The claims of a JWT that has exp and iat, as all of KSeF's have."""
    claims = claims_of(token)
    for name in ("exp", "iat"):
        if not isinstance(claims.get(name), int):
            fail(f"a JWT with the claim {name}", ", ".join(claims) or "no claims")
    return claims


def _decoded(claims: dict[str, Any], name: str) -> Any:
    value = claims.get(name)
    try:
        return json.loads(value if isinstance(value, str) else "")
    except ValueError:
        fail("a text with JSON in it", value, what=name)


def _segment(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
