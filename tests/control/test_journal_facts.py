"""What the journal tells of a login beyond its decisions: enough to follow it from challenge to tokens."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import jwt
import pytest

from ksef_mock.crypto.pki import person
from ksef_mock.testing import MockServer
from tests.auth.test_xades_login import signed, submit
from tests.support import NIP, Api


def facts(mock: MockServer, path: str) -> dict[str, Any]:
    """The facts of the last request to `path`, as the journal writes them."""
    page = httpx.get(f"{mock.url}/_mock/journal", params={"path": path}).json()
    found: dict[str, Any] = page["entries"][-1]["facts"]
    return found


def test_a_challenge_is_found_again_in_the_login_that_names_it(
    ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    challenge = api.challenge()
    api.submit(api.token_request(ksef_token, challenge=challenge))
    assert facts(ksef_mock, "/auth/challenge") == {
        "challenge": challenge["challenge"],
        "timestampMs": challenge["timestampMs"],
    }
    login = facts(ksef_mock, "/auth/ksef-token")
    assert login["challenge"] == challenge["challenge"]
    assert login["context"] == {"type": "Nip", "value": NIP}


def test_a_refused_submission_names_its_challenge_cut_short(
    ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    api.submit(api.token_request(ksef_token) | {"challenge": "x" * 10_000})
    entry = ksef_mock.journal.last("/auth/ksef-token")
    assert (entry.status, entry.code) == (400, 21111)
    assert entry.facts["challenge"] == "x" * 64


def test_the_verdict_and_the_statuses_that_were_shown(ksef_mock: MockServer, api: Api) -> None:
    wrong = f"20260101-EC-0123456789-ABCDEF0123-45|nip-{NIP}|{'0' * 64}"
    submitted = api.submit(api.token_request(wrong))
    login = facts(ksef_mock, "/auth/ksef-token")
    assert login["method"] == "Token"
    assert login["verdict"] == {"status": 450, "detail": "Nieprawidłowy token"}
    api.status(submitted)
    assert facts(ksef_mock, submitted.json()["referenceNumber"]) == {"status": 450}


def test_the_claims_of_each_jwt_but_never_its_signature(
    ksef_mock: MockServer, api: Api, ksef_token: str
) -> None:
    login = api.login(ksef_token)
    access = api.refresh(login.refresh_token).json()["accessToken"]["token"]
    issued = {
        "/auth/ksef-token": {"authenticationToken": login.authentication_token},
        "/auth/token/redeem": {"accessToken": login.access_token, "refreshToken": login.refresh_token},
        "/auth/token/refresh": {"accessToken": access},
    }
    for path, tokens in issued.items():
        claims = {
            name: jwt.decode(token, options={"verify_signature": False}) for name, token in tokens.items()
        }
        assert facts(ksef_mock, path)["issued"] == claims
    shown = httpx.get(f"{ksef_mock.url}/_mock/journal").text
    for tokens in issued.values():
        for token in tokens.values():
            assert token.rpartition(".")[2] not in shown


def test_the_ip_policy_of_a_login(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    policy = {"allowedIps": {"ip4Addresses": ["127.0.0.1"]}}
    api.login(ksef_token, authorizationPolicy=policy)
    assert facts(ksef_mock, "/auth/ksef-token")["allowedIps"]["addresses"] == ["127.0.0.1"]
    api.login(ksef_token)
    assert "allowedIps" not in facts(ksef_mock, "/auth/ksef-token")


@pytest.mark.parametrize("padding", [0, 20_000])
def test_the_octets_that_a_signature_covers_up_to_a_bound(
    ksef_mock: MockServer, api: Api, padding: int
) -> None:
    owner = ksef_mock.pki.qualified(person("Jan", "Kowalski", nip=NIP))
    context = f"<Nip>{NIP}</Nip>{' ' * padding}"
    assert submit(api, signed(ksef_mock, api, owner, context=context)).status_code == 202
    hashed = facts(ksef_mock, "/auth/xades-signature")["hashed"]
    assert hashed[0]["name"] == "reference ''"
    assert hashed[-1]["name"] == "SignedInfo"
    request = hashed[0]
    octets = base64.b64decode(request["octets"])
    assert octets.startswith(b"<AuthTokenRequest")
    assert request["length"] > padding
    assert len(octets) == min(request["length"], 4_000)


def test_a_refusal_tells_what_the_client_was_told(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    api.submit(api.token_request(ksef_token, publicKeyId="x" * 44))
    refused = ksef_mock.journal.last("/auth/ksef-token")
    assert refused.details == [f"Klucz o identyfikatorze {'x' * 44} nie jest wspierany."]
    api.limits("x")
    assert ksef_mock.journal.last("/limits/context").details == ["Wymagane jest uwierzytelnienie."]
    assert ksef_mock.journal.last("/auth/challenge").details == []
