"""The token login over HTTP: each rule with both verdicts, and the reason that the journal gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from ksef_mock.core.waiting import Delay
from ksef_mock.testing import MockServer
from tests.support import (
    NIP,
    OTHER_NIP,
    Api,
    altered,
    b64,
    certificate_of,
    complaint,
    encrypt,
    encrypt_ec,
    error,
)

Serve = Callable[..., tuple[MockServer, Api]]

TOKEN_ERROR = "Uwierzytelnianie zakończone niepowodzeniem z powodu błędnego tokenu"


def refused(status: dict[str, object], detail: str) -> bool:
    return status == {"code": 450, "description": TOKEN_ERROR, "details": [detail]}


def why(mock: MockServer) -> str:
    """The journal's reason for the last refused check of the last token login."""
    decisions = mock.journal.last("/auth/ksef-token").decisions
    return next(decision.reason for decision in reversed(decisions) if decision.outcome == "failed")


# -- keys and ciphers -------------------------------------------------------------------------------------


def test_rsa_encrypted_token_logs_in(api: Api, ksef_token: str) -> None:
    assert api.status(api.submit(api.token_request(ksef_token)))["code"] == 200


@pytest.mark.parametrize(
    ("tag_first", "hashed", "scheme"),
    [
        (False, False, "EC, Java layout (nonce|ciphertext|tag), raw shared secret"),
        (True, True, "EC, C# layout (nonce|tag|ciphertext), SHA-256 of the shared secret"),
        (True, False, "EC, C# layout (nonce|tag|ciphertext), raw shared secret"),
        (False, True, "EC, Java layout (nonce|ciphertext|tag), SHA-256 of the shared secret"),
    ],
)
def test_each_ec_layout_logs_in_and_is_told_apart(
    serve: Serve, tag_first: bool, hashed: bool, scheme: str
) -> None:
    mock, api = serve(token_key="ec")
    challenge, (key,) = api.challenge(), api.public_keys()
    plaintext = f"{mock.issue_token(NIP)}|{challenge['timestampMs']}".encode()
    body = api.token_request(
        "", challenge=challenge, key=key,
        encryptedToken=b64(encrypt(key, plaintext, tag_first=tag_first, hashed=hashed)),
    )  # fmt: skip
    assert api.status(api.submit(body))["code"] == 200
    assert mock.journal.last("/auth/ksef-token").facts["decrypted"]["scheme"] == scheme


def test_login_without_public_key_id_tries_each_published_key(serve: Serve) -> None:
    mock, api = serve(token_key="both")
    for key in api.public_keys():
        body = api.token_request(mock.issue_token(NIP), key=key, publicKeyId=None)
        assert api.status(api.submit(body))["code"] == 200


def test_null_public_key_id_and_null_policy_count_as_absent(api: Api, ksef_token: str) -> None:
    body = api.token_request(ksef_token) | {"publicKeyId": None, "authorizationPolicy": None}
    assert api.status(api.submit(body))["code"] == 200


def test_unknown_public_key_id_is_refused_with_21470(api: Api, ksef_token: str) -> None:
    unknown = b64(b"?" * 32)
    assert error(api.submit(api.token_request(ksef_token, publicKeyId=unknown))) == (
        21470,
        "Przesłany identyfikator klucza jest nieznany lub wskazuje na wycofany klucz.",
        [f"Klucz o identyfikatorze {unknown} nie jest wspierany."],
    )


def test_public_key_id_of_another_usage_is_refused(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    (key,) = api.public_keys("SymmetricKeyEncryption")
    response = api.submit(api.token_request(ksef_token, publicKeyId=key["publicKeyId"]))
    assert error(response)[0] == 21470
    assert "another usage" in (ksef_mock.journal.last().reason or "")


def test_refused_key_id_leaves_the_challenge_usable(api: Api, ksef_token: str) -> None:
    challenge = api.challenge()
    api.submit(api.token_request(ksef_token, challenge=challenge, publicKeyId=b64(b"?" * 32)))
    assert api.status(api.submit(api.token_request(ksef_token, challenge=challenge)))["code"] == 200


def test_token_encrypted_for_another_mocks_key_is_undecryptable(
    api: Api, serve: Serve, ksef_token: str
) -> None:
    _, other = serve()
    body = api.token_request(ksef_token, key=other.public_keys()[0], publicKeyId=None)
    assert refused(api.status(api.submit(body)), "Nieprawidłowe szyfrowanie tokena")


@pytest.mark.parametrize("token_key", ["rsa", "ec"])
@pytest.mark.parametrize("damage", ["truncated", "bit flipped", "empty tail", "garbage"])
def test_damaged_ciphertext_is_undecryptable(serve: Serve, token_key: str, damage: str) -> None:
    mock, api = serve(token_key=token_key)
    challenge, key = api.challenge(), api.public_keys()[0]
    sealed = encrypt(key, f"{mock.issue_token(NIP)}|{challenge['timestampMs']}".encode())
    damaged = {
        "truncated": sealed[:-1],
        "bit flipped": sealed[:-1] + bytes([sealed[-1] ^ 1]),
        "empty tail": sealed[:91],
        "garbage": b"\x30" + b"?" * 300,
    }[damage]
    body = api.token_request("", challenge=challenge, key=key, encryptedToken=b64(damaged))
    assert refused(api.status(api.submit(body)), "Nieprawidłowe szyfrowanie tokena")


def test_ephemeral_key_on_another_curve_is_undecryptable(serve: Serve) -> None:
    mock, api = serve(token_key="ec")
    foreign = ec.generate_private_key(ec.SECP256K1()).public_key()
    body = api.token_request(mock.issue_token(NIP), encryptedToken=b64(encrypt_ec(foreign, b"x")))
    assert refused(api.status(api.submit(body)), "Nieprawidłowe szyfrowanie tokena")
    assert "not on secp256r1" in why(mock)


def test_ephemeral_key_that_is_no_ec_key_is_undecryptable(serve: Serve) -> None:
    mock, api = serve(token_key="ec")
    body = api.token_request(mock.issue_token(NIP), encryptedToken=b64(b"\x30\x03\x01\x01\x00" + b"?" * 60))
    assert refused(api.status(api.submit(body)), "Nieprawidłowe szyfrowanie tokena")
    assert "SubjectPublicKeyInfo" in why(mock)


@pytest.mark.parametrize(
    ("scheme", "explanation"),
    [
        (padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA256(), None), "MGF1-SHA1"),
        (padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None), "OAEP-SHA1"),
        (padding.PKCS1v15(), "PKCS#1 v1.5"),
    ],
)
def test_wrong_rsa_padding_is_refused_and_the_journal_names_it(
    ksef_mock: MockServer, api: Api, ksef_token: str, scheme: padding.AsymmetricPadding, explanation: str
) -> None:
    challenge, (key,) = api.challenge(), api.public_keys()
    public_key = certificate_of(key).public_key()
    assert isinstance(public_key, rsa.RSAPublicKey)
    sealed = public_key.encrypt(f"{ksef_token}|{challenge['timestampMs']}".encode(), scheme)
    body = api.token_request("", challenge=challenge, key=key, encryptedToken=b64(sealed))
    assert refused(api.status(api.submit(body)), "Nieprawidłowe szyfrowanie tokena")
    assert explanation in why(ksef_mock)


def test_certificate_of_the_wrong_usage_is_refused_and_the_journal_names_it(
    ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    (key,) = api.public_keys("SymmetricKeyEncryption")
    body = api.token_request(ksef_token, key=key, publicKeyId=None)
    assert refused(api.status(api.submit(body)), "Nieprawidłowe szyfrowanie tokena")
    assert "certificate of another usage" in why(ksef_mock)


# -- the challenge ----------------------------------------------------------------------------------------


def test_challenge_names_the_same_millisecond_twice_and_the_client(api: Api) -> None:
    challenge = api.challenge()
    moment = datetime.fromisoformat(challenge["timestamp"])
    assert int(moment.timestamp() * 1_000_000) // 1_000 == challenge["timestampMs"]
    assert challenge["clientIp"] == "127.0.0.1"
    assert len(challenge["challenge"]) == 36


@pytest.mark.parametrize("options", [{}, {"json": {}}, {"headers": {"Content-Type": "application/json"}}])
def test_challenge_needs_no_body(api: Api, options: dict[str, Any]) -> None:
    assert api.call("POST", "/auth/challenge", **options).status_code == 200


@pytest.mark.parametrize("challenge", ["20250514-CR-226FB7B000-3ACF9BE4C0-10", "x" * 36, "short"])
def test_unknown_or_malformed_challenge_is_refused_with_21111(
    api: Api, ksef_token: str, challenge: str
) -> None:
    response = api.submit(api.token_request(ksef_token) | {"challenge": challenge})
    assert error(response) == (21111, "Nieprawidłowe wyzwanie autoryzacyjne.", [])


def test_reused_challenge_is_refused_with_21111(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    body = api.token_request(ksef_token)
    assert api.submit(body).status_code == 202
    assert error(api.submit(body))[0] == 21111
    assert "already used" in (ksef_mock.journal.last().reason or "")


def test_challenge_is_used_up_by_an_accepted_login_that_fails(api: Api) -> None:
    body = api.token_request("no such token")
    assert api.status(api.submit(body))["code"] == 450
    assert error(api.submit(body))[0] == 21111


def test_token_that_lost_its_last_character_is_told_from_one_of_another_mock(
    ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    assert api.status(api.submit(api.token_request(ksef_token[:-1])))["code"] == 450
    assert "one of that number was, with another text" in why(ksef_mock)


def test_refused_submission_leaves_the_challenge_usable(api: Api, ksef_token: str) -> None:
    body = api.token_request(ksef_token)
    assert error(api.submit(body | {"encryptedToken": "%%%"}))[0] == 21405
    assert api.submit(body).status_code == 202


def test_of_concurrent_logins_with_one_challenge_exactly_one_is_accepted(
    ksef_mock: MockServer, ksef_token: str
) -> None:
    apis = [Api(ksef_mock.url) for _ in range(8)]
    body = apis[0].token_request(ksef_token)
    with ThreadPoolExecutor(len(apis)) as pool:
        statuses = sorted(pool.map(lambda api: api.submit(body).status_code, apis))
    for api in apis:
        api.close()
    assert statuses == [202] + [400] * 7


def test_challenge_lives_ten_minutes(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    ksef_mock.clock.freeze()
    first, second = api.token_request(ksef_token), api.token_request(ksef_token)
    ksef_mock.clock.advance(seconds=599.9)
    assert api.submit(first).status_code == 202
    ksef_mock.clock.advance(seconds=0.1)
    assert error(api.submit(second))[0] == 21111
    assert "expired" in (ksef_mock.journal.last().reason or "")


# -- what stands inside of the ciphertext -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (lambda ms: ms + 1, "(+1)"),
        (lambda ms: ms - 1, "(-1)"),
        (lambda ms: ms // 1000, "seconds"),
        (lambda ms: ms + 3_600_000, "time zone"),
        (lambda ms: f"{ms}.0", "whole number"),
        (lambda _: "2026-03-01T12:00:00.1234567+00:00", "whole number"),
    ],
)
def test_any_other_timestamp_is_refused(
    ksef_mock: MockServer, api: Api, ksef_token: str, change: Callable[[int], object], hint: str
) -> None:
    challenge, (key,) = api.challenge(), api.public_keys()
    plaintext = f"{ksef_token}|{change(challenge['timestampMs'])}"
    body = api.token_request(
        "", challenge=challenge, key=key, encryptedToken=b64(encrypt(key, plaintext.encode()))
    )
    assert refused(api.status(api.submit(body)), "Nieprawidłowy czas tokena")
    assert hint in why(ksef_mock)


@pytest.mark.parametrize("plaintext", [b"no bar at all", b"\xff\xfe|1", b"{}", b"{}|", b"{}|now"])
def test_payload_that_is_not_token_bar_timestamp_is_refused(
    api: Api, ksef_token: str, plaintext: bytes
) -> None:
    (key,) = api.public_keys()
    plaintext = plaintext.replace(b"{}", ksef_token.encode())
    body = api.token_request("", key=key, encryptedToken=b64(encrypt(key, plaintext)))
    assert refused(api.status(api.submit(body)), "Nieprawidłowe kodowanie tokena")


def test_unknown_token_is_refused(api: Api, ksef_token: str) -> None:
    changed = altered(ksef_token)
    assert refused(api.status(api.submit(api.token_request(changed))), "Nieprawidłowy token")


def test_revoked_token_is_refused(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    ksef_mock.revoke_token(ksef_token)
    assert refused(api.status(api.submit(api.token_request(ksef_token))), "Token unieważniony")


def test_token_of_another_context_is_refused(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    status = api.status(api.submit(api.token_request(ksef_token, nip=OTHER_NIP)))
    assert refused(status, f"Token nie może być użyty w kontekście nip-{OTHER_NIP}")
    assert f"the token is of Nip:{NIP}, the login of Nip:{OTHER_NIP}" in why(ksef_mock)


def test_token_with_a_text_of_ones_own_logs_in(ksef_mock: MockServer, api: Api) -> None:
    text = ksef_mock.issue_token(NIP, token="AAAA-BBBB-CCCC-DDDD")
    assert api.status(api.submit(api.token_request(text)))["code"] == 200


# -- the body ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"challenge": 5}, "$.challenge"),
        ({"contextIdentifier": {"type": "Nip"}}, "contextIdentifier.value"),
        ({"contextIdentifier": {"type": "Pesel", "value": "80010112345"}}, "$.contextIdentifier.type"),
        ({"contextIdentifier": {"type": "Nip", "value": "526587763"}}, "contextIdentifier.value"),
        ({"contextIdentifier": {"type": "Nip", "value": "5265877635 "}}, "contextIdentifier.value"),
        ({"contextIdentifier": {"type": "InternalId", "value": NIP}}, "contextIdentifier.value"),
        ({"encryptedToken": "not base64!"}, "encryptedToken"),
        ({"encryptedToken": ""}, "encryptedToken"),
        ({"publicKeyId": "short"}, "publicKeyId"),
        (
            {"authorizationPolicy": {"allowedIps": {"ip4Addresses": ["1.2.3"]}}},
            "allowedIps.ip4Addresses[0]",
        ),
        (
            {"authorizationPolicy": {"allowedIps": {"ip4Ranges": ["1.2.3.4"]}}},
            "allowedIps.ip4Ranges[0]",
        ),
        (
            {"authorizationPolicy": {"allowedIps": {"ip4Masks": ["1.2.3.4/33"]}}},
            "allowedIps.ip4Masks[0]",
        ),
        (
            {"authorizationPolicy": {"allowedIps": {"ip4Masks": ["1.2.3.0/24"] * 11}}},
            "allowedIps.ip4Masks",
        ),
    ],
)
def test_member_that_is_unreadable_or_invalid_is_named(
    api: Api, ksef_token: str, changes: dict[str, object], field: str
) -> None:
    found = complaint(api.submit(api.token_request(ksef_token) | changes))
    assert found.removeprefix("authorizationPolicy.") == field


@pytest.mark.parametrize("member", ["challenge", "contextIdentifier", "encryptedToken"])
def test_missing_member_is_refused_with_21405_naming_it(api: Api, ksef_token: str, member: str) -> None:
    body = api.token_request(ksef_token)
    del body[member]
    code, _, details = error(api.submit(body))
    assert (code, details) == (21405, [f"'{member}' must not be empty."])


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", 21405), (b"null", 21405)]
    + [(content, 21001) for content in (b"{", b"[]", b'"text"', b"\xff", b"[" * 100_000)],
)
def test_body_that_is_no_json_object_is_refused(api: Api, content: bytes, code: int) -> None:
    response = api.call(
        "POST", "/auth/ksef-token", content=content, headers={"Content-Type": "application/json"}
    )
    assert error(response)[0] == code


def test_unknown_members_are_ignored(api: Api, ksef_token: str) -> None:
    assert api.submit(api.token_request(ksef_token, somethingNew={"a": [1]})).status_code == 202


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("InternalId", f"{NIP}-12345"),
        ("NipVatUe", f"{NIP}-DE123456789"),
        ("PeppolId", "PPL123456"),
    ],
)
def test_every_context_type_is_accepted_in_its_own_form(
    api: Api, ksef_token: str, kind: str, value: str
) -> None:
    body = api.token_request(ksef_token, contextIdentifier={"type": kind, "value": value})
    assert api.status(api.submit(body))["code"] == 450  # accepted; the token is of another context


def test_same_api_under_all_three_prefixes(ksef_mock: MockServer, ksef_token: str) -> None:
    for prefix in ("/v2", "/api/v2", "/webs/api/v2"):
        api = Api(ksef_mock.url, prefix=prefix)
        assert api.limits(api.login(ksef_token).access_token).status_code == 200
        api.close()


# -- the access token -------------------------------------------------------------------------------------


def claims_of(token: str) -> dict[str, object]:
    claims: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    return claims


def test_claims_tell_who_logged_in_where_and_how(ksef_mock: MockServer, api: Api) -> None:
    token = ksef_mock.issue_token(NIP, permissions=["InvoiceRead", "CredentialsManage"])
    login = api.login(token)
    claims = claims_of(login.access_token)
    assert claims["typ"] == "ContextToken"
    assert (claims["cit"], claims["civ"], claims["aum"]) == ("Nip", NIP, "Token")
    assert claims["arn"] == login.reference
    assert claims["trn"] == token.partition("|")[0]
    assert json.loads(str(claims["per"])) == ["InvoiceRead", "CredentialsManage"]
    assert json.loads(str(claims["asi"])) == {"type": "Nip", "value": NIP}
    assert json.loads(str(claims["sud"])) == {"subjectIdentifier": {"type": "Nip", "value": NIP}}
    assert claims["iss"] == claims["aud"] == "ksef-api-te"


@pytest.mark.parametrize(("profile", "issuer"), [("test", "te"), ("demo", "tr"), ("prod", "pr")])
def test_issuer_follows_the_profile(serve: Serve, profile: str, issuer: str) -> None:
    mock, api = serve(profile=profile)
    claims = claims_of(api.login(mock.issue_token(NIP)).access_token)
    assert claims["iss"] == claims["aud"] == f"ksef-api-{issuer}"


def test_lifetimes_in_the_claims_are_the_documented_ones(api: Api, ksef_token: str) -> None:
    login = api.login(ksef_token)
    for token, seconds in (
        (login.authentication_token, 45 * 60),
        (login.access_token, 15 * 60),
        (login.refresh_token, 7 * 86_400),
    ):
        claims = claims_of(token)
        assert int(str(claims["exp"])) - int(str(claims["iat"])) == seconds
    assert claims_of(login.authentication_token)["arn"] == login.reference
    assert claims_of(login.authentication_token)["typ"] == "AuthenticationToken"


@pytest.mark.parametrize(
    ("policy", "admitted"),
    [
        ({"ip4Addresses": ["127.0.0.1"]}, True),
        ({"ip4Addresses": ["127.0.0.2"]}, False),
        ({"ip4Ranges": ["126.0.0.0-127.0.0.1"]}, True),
        ({"ip4Ranges": ["127.0.0.2-127.0.0.9"]}, False),
        ({"ip4Masks": ["127.0.0.0/8"]}, True),
        ({"ip4Masks": ["10.0.0.0/8"]}, False),
        ({"ip4Addresses": ["10.0.0.1"], "ip4Masks": ["127.0.0.0/30"]}, True),
        ({"ip4Addresses": []}, True),
        (None, True),
    ],
)
def test_ip_policy_of_the_login_holds_for_each_use_of_the_access_token(
    api: Api, ksef_token: str, policy: dict[str, list[str]] | None, admitted: bool
) -> None:
    login = api.login(ksef_token, authorizationPolicy={"allowedIps": policy})
    response = api.limits(login.access_token)
    if admitted:
        assert response.status_code == 200
    else:
        assert response.status_code == 403
        body = response.json()
        assert body["reasonCode"] == "ip-not-allowed"
        assert body["security"] == {"clientIp": "127.0.0.1"}


def test_an_access_token_without_a_policy_says_so_with_an_empty_list(api: Api, ksef_token: str) -> None:
    assert claims_of(api.login(ksef_token).access_token)["iop"] == "[]"


def test_a_refresh_token_says_only_where_and_until_when(api: Api, ksef_token: str) -> None:
    claims = claims_of(api.login(ksef_token).refresh_token)
    assert set(claims) == {"typ", "cit", "civ", "arn", "exp", "iat", "iss", "aud"}


TICKS = 10_000_000


def ticks(date: str) -> int:
    """Ticks of 100 ns since the epoch."""
    whole, _, fraction = date.removesuffix("+00:00").partition(".")
    return int(datetime.fromisoformat(f"{whole}+00:00").timestamp()) * TICKS + int(f"{fraction:0<7}")


@pytest.mark.parametrize("wait", [0, 0.7, 1_000])
def test_tokens_count_from_the_success_of_the_login_however_late_they_are_fetched(
    ksef_mock: MockServer, api: Api, ksef_token: str, wait: float
) -> None:
    ksef_mock.clock.freeze()
    ksef_mock.clock.set(datetime(2026, 3, 1, 12, 0, 0, 654_321, tzinfo=UTC))
    submitted = api.submit(api.token_request(ksef_token)).json()
    start = ticks("2026-03-01T12:00:00.654321+00:00")
    assert ticks(submitted["authenticationToken"]["validUntil"]) == start + 2_700 * TICKS
    ksef_mock.clock.advance(wait)
    tokens = api.redeem(submitted["authenticationToken"]["token"]).json()
    for name, seconds in (("accessToken", 900), ("refreshToken", 604_800)):
        assert ticks(tokens[name]["validUntil"]) == start + seconds * TICKS
        claims = claims_of(tokens[name]["token"])
        assert (claims["iat"], claims["exp"]) == (start // TICKS, start // TICKS + seconds)


def test_tokens_of_a_login_that_waited_count_from_the_poll_that_ended_the_wait(serve: Serve) -> None:
    mock, api = serve(delay=Delay(polls=2, seconds=1))
    mock.clock.freeze()
    accepted = api.submit(api.token_request(mock.issue_token(NIP)))
    mock.clock.advance(5)
    for _ in range(2):
        assert api.status(accepted)["code"] == 100
        mock.clock.advance(5)
    assert api.status(accepted)["code"] == 200
    submitted = accepted.json()
    tokens = api.redeem(submitted["authenticationToken"]["token"]).json()
    lag = ticks(tokens["accessToken"]["validUntil"]) - ticks(submitted["authenticationToken"]["validUntil"])
    assert lag == (10 + 900 - 2_700) * TICKS


def test_a_refreshed_access_token_counts_from_the_refresh(
    ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    ksef_mock.clock.freeze()
    login = api.login(ksef_token)
    ksef_mock.clock.advance(60)
    refreshed = api.refresh(login.refresh_token).json()["accessToken"]["token"]
    first, second = (int(str(claims_of(token)["iat"])) for token in (login.access_token, refreshed))
    assert second - first == 60


@pytest.mark.parametrize("kind", ["EnforcementAuthority", "VatGroup", "JST"])
def test_roles_of_the_context_are_in_rol(api: Api, ksef_mock: MockServer, kind: str) -> None:
    body = {"subjectNip": NIP, "subjectType": kind, "description": "a test"}
    assert api.call("POST", "/testdata/subject", json=body).is_success
    roles = json.loads(str(claims_of(api.login(ksef_mock.issue_token(NIP)).access_token)["rol"]))
    expected = {"VatGroup": "VatGroupUnit", "JST": "LocalGovernmentUnit"}.get(kind, kind)
    assert roles == [expected]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/tokens"),
        ("POST", "/auth/token/refresh"),
        ("GET", "/auth/sessions"),
        ("DELETE", "/auth/sessions/current"),
        ("GET", "/limits/context"),
    ],
)
def test_an_authentication_token_elsewhere_is_403_so_that_nobody_refreshes(
    api: Api, ksef_token: str, method: str, path: str
) -> None:
    login = api.login(ksef_token)
    assert api.call(method, path, bearer=login.authentication_token).status_code == 403
    assert api.call(method, path, bearer="garbage").status_code == 401
