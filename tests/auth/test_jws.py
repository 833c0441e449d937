"""The signed form of JWTs, judged by an implementation that is not ours: PyJWT."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksef_mock.ksef.auth import jws
from ksef_mock.testing import MockServer
from tests.support import Api

SECRET = bytes(range(32))
CLAIMS = {"typ": "ContextToken", "arn": "20260101-AU-0000000000-0000000000-00", "exp": 4_102_444_800}
#: With base64url's two own characters in the payload (- and _), and of a length that would be padded.
PAYLOAD = b'{"exp":4102444800,"text":"\xc3\xbf\xc3\xbe?>~"}'


def encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def signed(header: bytes | dict[str, Any], payload: bytes = PAYLOAD, secret: bytes = SECRET) -> str:
    """A token with any header, rightly signed by HMAC-SHA-256."""
    octets = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    signing_input = f"{encoded(octets)}.{encoded(payload)}"
    return f"{signing_input}.{encoded(hmac.digest(secret, signing_input.encode(), hashlib.sha256))}"


def test_every_token_of_a_login_is_genuine_to_pyjwt(
    ksef_mock: MockServer, api: Api, ksef_token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = set()

    def sign(payload: bytes, secret: bytes, original: Callable[[bytes, bytes], str] = jws.sign) -> str:
        secrets.add(secret)
        return original(payload, secret)

    monkeypatch.setattr(jws, "sign", sign)
    login = api.login(ksef_token)
    (secret,) = secrets
    for token in (login.authentication_token, login.access_token, login.refresh_token):
        assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
        claims = jwt.decode(token, secret, ["HS256"], audience="ksef-api-te", issuer="ksef-api-te")
        assert claims["arn"] == login.reference


@given(st.binary(max_size=200), st.binary(min_size=32, max_size=100))
def test_what_is_signed_verifies_here_and_by_pyjwt(payload: bytes, secret: bytes) -> None:
    token = jws.sign(payload, secret)
    assert jws.verify(token, secret) == payload
    assert jwt.PyJWS().decode(token, secret, algorithms=["HS256"]) == payload


@given(st.binary(max_size=200))
def test_what_pyjwt_signs_verifies_here(payload: bytes) -> None:
    assert jws.verify(jwt.PyJWS().encode(payload, SECRET, "HS256"), SECRET) == payload


def test_a_right_token_is_spelled_as_the_forgeries_below_are() -> None:
    assert jws.verify(signed(jws.HEADER), SECRET) == PAYLOAD
    assert signed(jws.HEADER) == jws.sign(PAYLOAD, SECRET)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "typ": "JWT"},
        {"alg": "None", "typ": "JWT"},
        {"alg": "hs256", "typ": "JWT"},
        {"alg": "HS384", "typ": "JWT"},
        {"alg": "RS256", "typ": "JWT"},
        {"alg": "", "typ": "JWT"},
        {"alg": ["HS256"], "typ": "JWT"},
        {"typ": "JWT"},
        {},
        {"alg": "HS256"},
        {"alg": "HS256", "typ": "jwt"},
        {"alg": "HS256", "typ": "JWT", "kid": "../../etc/passwd"},
        {"alg": "HS256", "typ": "JWT", "jku": "http://127.0.0.1/keys"},
        {"alg": "HS256", "typ": "JWT", "jwk": {"kty": "oct", "k": "AAAA"}},
        {"alg": "HS256", "typ": "JWT", "b64": False, "crit": ["b64"]},
        {"alg": "HS256", "typ": "JWT", "crit": []},
        {"alg": "HS256", "typ": "JWT", "zip": "DEF"},
        b'{"alg":"none","alg":"HS256","typ":"JWT"}',
        b'{"alg":"HS256","alg":"none","typ":"JWT"}',
        b'{"alg":"HS256","typ":"JWT"} ',
        b'{"alg": "HS256","typ":"JWT"}',
        b"\xff\xfe",
        b"null",
        b"",
    ],
    ids=str,
)
def test_any_other_header_is_refused_though_the_signature_is_right(header: bytes | dict[str, Any]) -> None:
    with pytest.raises(jws.Refused, match="the header is not"):
        jws.verify(signed(header), SECRET)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "none"])
def test_pyjwt_cannot_forge_with_another_algorithm(algorithm: str) -> None:
    secret = SECRET * 2
    token = jwt.encode(CLAIMS, "" if algorithm == "none" else secret, algorithm)
    with pytest.raises(jws.Refused):
        jws.verify(token, secret)


@pytest.mark.parametrize("secret", [bytes(32), SECRET[::-1], SECRET + b"x", hashlib.sha256(SECRET).digest()])
def test_signature_by_another_secret_is_refused(secret: bytes) -> None:
    with pytest.raises(jws.Refused, match="not of this mock"):
        jws.verify(jwt.encode(CLAIMS, secret, "HS256"), SECRET)


def test_no_character_of_a_token_can_be_exchanged() -> None:
    token = jws.sign(PAYLOAD, SECRET)
    for position, character in enumerate(token):
        for other in {"A", "B", "-", "_", "+", "/", "=", ".", " ", "\n", "ż"} - {character}:
            with pytest.raises(jws.Refused):
                jws.verify(f"{token[:position]}{other}{token[position + 1 :]}", SECRET)


def test_a_signature_has_one_spelling() -> None:
    token = jws.sign(PAYLOAD, SECRET)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # 32 octets leave two bits of the last character unused: lenient decoders take four characters for one.
    same = [token[:-1] + alphabet[alphabet.index(token[-1]) ^ bits] for bits in (1, 2, 3)]
    *_, signature = token.split(".")
    assert {base64.urlsafe_b64decode(each.split(".")[2] + "=") for each in same} == {
        base64.urlsafe_b64decode(signature + "=")
    }
    for spelling in (*same, f"{token}=", f"{token}==", f"{token}\n", f" {token}", token.replace(".", ".=")):
        with pytest.raises(jws.Refused):
            jws.verify(spelling, SECRET)


@given(st.text(max_size=60))
def test_text_of_any_kind_is_refused_by_name(text: str) -> None:
    with pytest.raises(jws.Refused):
        jws.verify(text, SECRET)
    with pytest.raises(jws.Refused):
        jws.verify(f"{encoded(jws.HEADER)}.{text}", SECRET)


@pytest.mark.parametrize("parts", [1, 2, 4, 5])
def test_three_parts_are_asked_for(parts: int) -> None:
    token = ".".join([*jws.sign(PAYLOAD, SECRET).split("."), "x", "x"][:parts])
    with pytest.raises(jws.Refused, match=f"{parts} parts"):
        jws.verify(token, SECRET)
