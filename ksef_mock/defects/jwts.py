"""Defects of the three JWTs: what they say, how long they live, how they are verified."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import jwt
import msgspec

from ksef_mock.clock import SECOND
from ksef_mock.core.errors import Unauthorized
from ksef_mock.defects.catalogue import defect
from ksef_mock.defects.mock import Mock
from ksef_mock.ksef.access.principal import Kind, Principal

Claims = dict[str, Any]


# -- verification -----------------------------------------------------------------------------------------


@defect("A JWT without a signature proves nothing.")
def alg_none_is_accepted(mock: Mock) -> None:
    """A JWT with alg none is accepted."""
    _also_genuine(mock, lambda header: str(header.get("alg", "")).lower() == "none")


@defect("The signature of a JWT is verified.")
def jwt_signature_is_not_verified(mock: Mock) -> None:
    """A JWT with a wrong signature is accepted."""
    _also_genuine(mock, lambda header: header.get("alg") == "HS256")


@defect("A JWT is refused from its exp on.")
def jwt_is_valid_at_its_exp(mock: Mock) -> None:
    """A JWT is accepted in the second that its exp names."""
    _reads_late(mock, lambda late, _kind: late < 1)


@defect("An access token is refused from its exp on.")
def expired_access_token_is_accepted(mock: Mock) -> None:
    """An access token that has expired is accepted."""
    _reads_late(mock, lambda _late, kind: kind is Kind.ACCESS)


@defect("A refresh token is refused from its exp on.")
def expired_refresh_token_is_accepted(mock: Mock) -> None:
    """A refresh token that has expired is accepted."""
    _reads_late(mock, lambda _late, kind: kind is Kind.REFRESH)


@defect("An authentication token is refused from its exp on.")
def expired_authentication_token_is_accepted(mock: Mock) -> None:
    """An authentication token that has expired is accepted."""
    _reads_late(mock, lambda _late, kind: kind is Kind.AUTHENTICATION)


@defect("The scheme of the Authorization header is Bearer, in any case.")
def bearer_must_be_spelled_so(mock: Mock) -> None:
    """`bearer` in lower case is not understood."""

    def judge(ask: Any) -> Unauthorized | None:
        return Unauthorized(reason="defect") if (ask.header("authorization") or "B")[:1] != "B" else None

    mock.refuse(judge)


# -- lifetimes --------------------------------------------------------------------------------------------


@defect("An access token lives 15 minutes.")
def access_token_lives_an_hour(mock: Mock) -> None:
    """An access token lives an hour."""
    _lifetimes(mock, access_token=3_600)


@defect("An authentication token lives 45 minutes: exp - iat is 2700.")
def authentication_token_lives_an_hour(mock: Mock) -> None:
    """An authentication token lives an hour."""
    _lifetimes(mock, authentication_token=3_600)


@defect("A refresh token lives up to 7 days.")
def refresh_token_lives_a_month(mock: Mock) -> None:
    """A refresh token lives 30 days."""
    _lifetimes(mock, refresh_token=30 * 86_400)


@defect("validUntil is the exp of the JWT.")
def valid_until_differs_from_exp(mock: Mock) -> None:
    """validUntil is a minute after the exp of the JWT."""

    def change(body: Any) -> None:
        for member in ("authenticationToken", "accessToken", "refreshToken"):
            if member in body:
                end = datetime.fromisoformat(body[member]["validUntil"]) + timedelta(minutes=1)
                body[member]["validUntil"] = f"{end:%Y-%m-%dT%H:%M:%S}+00:00"

    mock.edit_json(change, method="POST", path="/auth/.*")


@defect("Each refresh token lives from its redeem on, not from the last refresh.")
def refresh_prolongs_the_session(mock: Mock) -> None:
    """After a refresh the refresh token is accepted for 7 days more."""
    refreshed: dict[str, int] = {}
    system = mock.system

    def refreshing(original: Any) -> Any:
        async def refresh(reference: str, *rest: Any) -> Any:
            issued = await original(reference, *rest)
            refreshed[reference] = system.clock.now() // SECOND + system.settings.lifetimes.refresh_token
            return issued

        return refresh

    def reading(original: Any) -> Any:
        def read(token: str, *accepted: Kind) -> Principal:
            try:
                principal: Principal = original(token, *accepted)
            except Unauthorized:
                claims = system.jwts._genuine(token)
                if claims["typ"] != Kind.REFRESH or Kind.REFRESH not in accepted:
                    raise
                if system.clock.now() // SECOND >= refreshed.get(claims["arn"], 0):
                    raise
                return Principal(Kind.REFRESH, claims["arn"], claims)
            return principal

        return read

    mock.replace(system.operations, "refresh", refreshing)
    mock.replace(system.jwts, "read", reading)


# -- claims -----------------------------------------------------------------------------------------------


@defect("iss and aud name the environment: ksef-api-te.")
def issuer_is_another(mock: Mock) -> None:
    """iss and aud of every JWT are ksef-api."""
    mock.replace(mock.system.jwts, "_issuer", lambda _: "ksef-api")


@defect("typ of an access token is ContextToken.")
def access_token_has_other_type(mock: Mock) -> None:
    """typ of an access token is AccessToken."""

    def issued(claims: Claims) -> None:
        if claims["typ"] == Kind.ACCESS:
            claims["typ"] = "AccessToken"

    def reading(original: Any) -> Any:
        def genuine(token: str) -> Claims:
            claims: Claims = dict(original(token))
            if claims["typ"] == "AccessToken":
                claims["typ"] = Kind.ACCESS.value
            return claims

        return genuine

    _claims(mock, issued)
    _reads(mock, reading)


@defect("arn is the reference number of the operation.")
def arn_is_another(mock: Mock) -> None:
    """arn of an authentication token is the reference number with its parts in another order."""

    def issued(claims: Claims) -> None:
        if claims["typ"] == Kind.AUTHENTICATION:
            claims["arn"] = claims["arn"][::-1]

    def reading(original: Any) -> Any:
        def genuine(token: str) -> Claims:
            claims: Claims = dict(original(token))
            if claims["typ"] == Kind.AUTHENTICATION:
                claims["arn"] = claims["arn"][::-1]
            return claims

        return genuine

    _claims(mock, issued)
    _reads(mock, reading)


@defect("per is JSON inside of a string.")
def per_is_a_list(mock: Mock) -> None:
    """per of an access token is a list."""

    def issued(claims: Claims) -> None:
        if "per" in claims:
            claims["per"] = msgspec.json.decode(claims["per"])

    def reading(original: Any) -> Any:
        def genuine(token: str) -> Claims:
            claims: Claims = dict(original(token))
            if isinstance(claims.get("per"), list):
                claims["per"] = msgspec.json.encode(claims["per"]).decode()
            return claims

        return genuine

    _claims(mock, issued)
    _reads(mock, reading)


@defect("per names the permissions: Owner for the owner.")
def owner_is_missing_from_per(mock: Mock) -> None:
    """per of an owner lists single permissions instead of Owner."""

    def issued(claims: Claims) -> None:
        if claims.get("per") == '["Owner"]':
            claims["per"] = '["InvoiceRead","InvoiceWrite","CredentialsRead","CredentialsManage"]'

    _claims(mock, issued)


@defect("trn is the reference number of the KSeF token that was logged in with.")
def trn_is_missing(mock: Mock) -> None:
    """An access token from a login with a KSeF token has no trn."""
    _claims(mock, lambda claims: claims.pop("trn", None))


@defect("aum is the authentication method.")
def aum_is_missing(mock: Mock) -> None:
    """The access token does not say how the login was made."""

    def issued(claims: Claims) -> None:
        if claims["typ"] == Kind.ACCESS:
            claims["aum"] = "Unknown"

    _claims(mock, issued)


@defect("civ is the value of the context.")
def civ_is_masked(mock: Mock) -> None:
    """civ of an access token is the context's value with a prefix."""

    def issued(claims: Claims) -> None:
        if claims["typ"] == Kind.ACCESS:
            claims["civ"] = f"PL{claims['civ']}"

    def reading(original: Any) -> Any:
        def genuine(token: str) -> Claims:
            claims: Claims = dict(original(token))
            if "civ" in claims:
                claims["civ"] = claims["civ"].removeprefix("PL")
            return claims

        return genuine

    _claims(mock, issued)
    _reads(mock, reading)


@defect("iop is the IP policy of the login.")
def iop_is_hidden(mock: Mock) -> None:
    """The access token does not show the IP policy, which is enforced all the same."""

    def make(original: Any) -> Any:
        def access_token(operation: Any) -> Any:
            issued = original(operation)
            claims = {key: value for key, value in issued.claims.items() if key != "iop"}
            claims["hip"] = issued.claims["iop"]
            token = jwt.encode(claims, mock.system.jwts._secret, "HS256")
            return dataclasses.replace(issued, token=token, claims=claims)

        return access_token

    def reading(original: Any) -> Any:
        def genuine(token: str) -> Claims:
            claims: Claims = original(token)
            return claims | {"iop": claims["hip"]} if "hip" in claims else claims

        return genuine

    mock.replace(mock.system.jwts, "access_token", make)
    _reads(mock, reading)


# -- tools ------------------------------------------------------------------------------------------------


def _claims(mock: Mock, change: Callable[[Claims], object]) -> None:
    def make(original: Any) -> Any:
        def issue(claims: Claims, *rest: Any, **options: Any) -> Any:
            change(claims)
            return original(claims, *rest, **options)

        return issue

    mock.replace(mock.system.jwts, "_issue", make)


def _reads(mock: Mock, make: Callable[[Any], Any]) -> None:
    """Change what JWTs say whose signature is right."""

    def remembering(original: Any) -> Any:
        made = make(original)
        made.cache_clear = original.cache_clear  # called when the secret changes
        return made

    mock.replace(mock.system.jwts, "_genuine", remembering)


def _lifetimes(mock: Mock, **changes: int) -> None:
    def make(lifetimes: Any) -> Any:
        return dataclasses.replace(lifetimes, **changes)

    mock.replace(mock.system.jwts, "_lifetimes", make)
    mock.replace(mock.system.operations, "_lifetimes", make)


def _also_genuine(mock: Mock, is_accepted: Callable[[dict[str, Any]], bool]) -> None:
    """Believe JWTs with such a header without looking at their signature."""

    def make(original: Any) -> Any:
        def genuine(token: str) -> Claims:
            try:
                claims: Claims = original(token)
            except Unauthorized:
                try:
                    if not is_accepted(jwt.get_unverified_header(token)):
                        raise
                    claims = jwt.decode(token, options={"verify_signature": False})
                except jwt.PyJWTError:
                    raise Unauthorized(reason="defect: no JWT") from None
                if not {"typ", "arn", "exp"} <= claims.keys():
                    raise
            return claims

        return genuine

    _reads(mock, make)


def _reads_late(mock: Mock, is_accepted: Callable[[int, Kind], bool]) -> None:
    """Accept some expired JWTs, given how many seconds ago they expired and their kind."""
    clock = mock.system.clock

    def make(original: Any) -> Any:
        def genuine(token: str) -> Claims:
            claims: Claims = original(token)
            late = clock.now() // SECOND - claims["exp"]
            if late >= 0 and is_accepted(late, Kind(claims["typ"])):
                return claims | {"exp": claims["exp"] + late + 1}
            return claims

        return genuine

    _reads(mock, make)
