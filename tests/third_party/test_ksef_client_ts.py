"""The unmodified npm client `ksef-client-ts` logs in, is refreshed, reads its sessions and ends them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ksef_mock.core.environment import TokenKey
from ksef_mock.testing import MockServer
from tests.third_party.node_client import NODE

NIP = "5265877635"
ALL_PERMISSIONS = {
    "InvoiceRead",
    "InvoiceWrite",
    "CredentialsRead",
    "CredentialsManage",
    "CollectiveIdentifierManage",
    "SubunitManage",
    "EnforcementOperations",
    "Introspection",
}
#: How the client encrypts for each kind of key.
SCHEMES = {
    "rsa": "RSA-OAEP-SHA256",
    "ec": "EC, Java layout (nonce|ciphertext|tag), raw shared secret",
    "both": "RSA-OAEP-SHA256",
}


def node(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node", *map(str, command)],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, **environment},
    )


def live(node_modules: Path, mock: MockServer, token: str) -> dict[str, Any]:
    done = node(NODE / "login.mjs", node_modules, mock.url, NIP, token)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def calls(mock: MockServer) -> list[tuple[str, str, int]]:
    return [
        (entry.method, entry.path.removeprefix("/v2"), entry.status)
        for entry in mock.journal
        if entry.path.startswith("/v2")
    ]


@pytest.mark.parametrize("token_key", ["rsa", "ec", "both"])
def test_life_of_a_session(node_modules: Path, token_key: TokenKey) -> None:
    with MockServer(token_key=token_key) as mock:
        token = mock.issue_token(NIP)
        seen = live(node_modules, mock, token)
        assert "error" not in seen, seen
        reference = mock.journal.last("/auth/ksef-token").operation
        assert reference is not None

        assert seen["clientIp"] == "127.0.0.1"
        assert seen["claims"]["contextIdentifierType"] == "Nip"
        assert seen["claims"]["contextIdentifierValue"] == NIP
        assert set(seen["claims"]["permissions"]) == ALL_PERMISSIONS
        assert seen["claims"]["expiresAt"] - seen["claims"]["issuedAt"] == 15 * 60
        assert seen["ownToken"] == token.partition("|")[0]
        assert seen["contextLimits"]["onlineSession"]["maxInvoices"] > 0
        assert seen["rateLimits"]["onlineSession"]["perSecond"] > 0

        [session] = seen["sessions"]["items"]
        assert session["referenceNumber"] == reference
        assert session["isCurrent"] is True
        assert session["status"]["code"] == 200
        assert session["isTokenRedeemed"] is True
        assert session["authenticationMethodInfo"]["category"] == "Token"

        assert seen["tokenChanged"] is True
        assert seen["refreshTokenKept"] is True
        assert seen["callAfterRevocation"] is True, "a live access token outlasts its session"
        assert seen["refreshAfterRevocation"]["isKSeFError"] is True
        assert seen["refreshAfterRevocation"]["statusCode"] == 400

        assert mock.journal.last("/auth/ksef-token").facts["decrypted"]["scheme"] == SCHEMES[token_key]
        assert calls(mock) == [
            ("POST", "/auth/challenge", 200),
            ("GET", "/security/public-key-certificates", 200),
            ("POST", "/auth/ksef-token", 202),
            ("GET", f"/auth/{reference}", 200),
            ("POST", "/auth/token/redeem", 200),
            ("GET", "/limits/context", 200),
            ("GET", "/rate-limits", 200),
            ("GET", "/auth/sessions", 401),
            ("POST", "/auth/token/refresh", 200),
            ("GET", "/auth/sessions", 200),
            ("DELETE", "/auth/sessions/current", 204),
            ("GET", "/limits/context", 200),
            ("POST", "/auth/token/refresh", 400),
        ]


@pytest.mark.parametrize("token_key", ["rsa", "ec"])
def test_wrong_token_is_the_clients_own_error(node_modules: Path, token_key: TokenKey) -> None:
    with MockServer(token_key=token_key) as mock:
        token = mock.issue_token(NIP)
        wrong = token[:-1] + ("0" if token[-1] != "0" else "1")
        seen = live(node_modules, mock, wrong)
        assert seen["error"]["message"].startswith("Authentication failed with status 450: ")
        assert seen["workflowError"]["class"] == "KSeFAuthStatusError"
        assert seen["workflowError"]["message"].startswith("Authentication failed with status 450: ")
        assert seen["workflowError"]["message"].endswith("(Nieprawidłowy token)")
        assert not mock.journal.entries(path="/auth/token/redeem")


def test_command_line(node_modules: Path, tmp_path: Path) -> None:
    with MockServer() as mock:
        token = mock.issue_token(NIP)

        def ksef(*arguments: str) -> subprocess.CompletedProcess[str]:
            # It has no option for the base URL, so its requests to the TEST environment are redirected.
            return node(
                "--import",
                (NODE / "redirect.mjs").as_uri(),
                node_modules / "ksef-client-ts" / "dist" / "cli.js",
                *arguments,
                HOME=str(tmp_path),
                USERPROFILE=str(tmp_path),
                KSEF_MOCK_URL=mock.url,
            )

        login = ksef("auth", "login", "--env", "test", "--nip", NIP, "--token", token, "--json")
        assert login.returncode == 0, login.stdout + login.stderr
        assert json.loads(login.stdout) == {"status": "ok", "clientIp": "127.0.0.1"}

        mock.clock.advance(seconds=16 * 60)
        active = ksef("session", "active", "--json")
        assert active.returncode == 0, active.stdout + active.stderr
        assert [item["isCurrent"] for item in json.loads(active.stdout)["items"]] == [True]
        assert len(mock.journal.entries(path="/auth/token/refresh")) == 1

        refresh = ksef("auth", "refresh")
        assert refresh.returncode == 0, refresh.stdout + refresh.stderr
        revoke = ksef("session", "revoke", "--current", "--json")
        assert json.loads(revoke.stdout) == {"status": "revoked", "reference": "current"}

        refused = ksef("auth", "refresh", "--json")
        assert refused.returncode == 1
