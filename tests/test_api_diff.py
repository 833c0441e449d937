"""`make api-diff`: a newer document of the API is compared with the mock."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import openapi
from tests.api_diff import differences, known

pytestmark = pytest.mark.skipif(not openapi.available(), reason=openapi.MISSING)

Change = Callable[[dict[str, Any]], None]


def document() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(openapi.DOCUMENT.read_text())
    return read


def schema(changed: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = changed["components"]["schemas"][name]
    return found


def operation(changed: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    found: dict[str, Any] = changed["paths"][path][method]
    return found


def test_nothing_is_missing_of_the_present_document() -> None:
    assert [str(found) for found in differences(document()) if known(found) is None] == []


def add_operation(changed: dict[str, Any]) -> None:
    changed["paths"]["/auth/news"] = {"get": copy.deepcopy(operation(changed, "get", "/auth/sessions"))}


def remove_operation(changed: dict[str, Any]) -> None:
    del changed["paths"]["/tokens"]["post"]


def require_permission(changed: dict[str, Any]) -> None:
    operation(changed, "post", "/tokens")["x-required-permissions"] = ["CredentialsManage"]


def open_to_all(changed: dict[str, Any]) -> None:
    del operation(changed, "get", "/limits/context")["security"]


def raise_rate(changed: dict[str, Any]) -> None:
    operation(changed, "get", "/limits/context")["x-rate-limits"]["perHour"] = 121


def add_member(changed: dict[str, Any]) -> None:
    schema(changed, "GenerateTokenRequest")["properties"]["validTo"] = {"type": "string"}


def remove_member(changed: dict[str, Any]) -> None:
    del schema(changed, "TokenStatusResponse")["properties"]["lastUseDate"]


def lengthen(changed: dict[str, Any]) -> None:
    schema(changed, "GenerateTokenRequest")["properties"]["description"]["maxLength"] = 512


def remove_schema(changed: dict[str, Any]) -> None:
    del changed["components"]["schemas"]["GenerateTokenResponse"]
    del operation(changed, "post", "/tokens")["responses"]["202"]["content"]


def add_permission(changed: dict[str, Any]) -> None:
    schema(changed, "TokenPermissionType")["enum"].append("PermissionToTest")


def add_status_of_a_token(changed: dict[str, Any]) -> None:
    schema(changed, "AuthenticationTokenStatus")["enum"].append("Frozen")


def renamed(old: str, new: str) -> Change:
    def rename(changed: dict[str, Any]) -> None:
        text = json.dumps(changed, ensure_ascii=False)
        assert old in text
        changed.update(json.loads(text.replace(old, new)))

    return rename


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (add_operation, "operation: API: the mock lacks GET /auth/news"),
        (remove_operation, "operation: API: the mock has POST /tokens too many"),
        (
            require_permission,
            "operation: POST /tokens: permissions: the mock has (), the document ('CredentialsManage',)",
        ),
        (open_to_all, "operation: GET /limits/context: bearer token: the mock has True, the document False"),
        (raise_rate, "operation: GET /limits/context: rate limit: the mock has "),
        (add_member, "member: GenerateTokenRequest: the mock lacks validTo"),
        (remove_member, "member: TokenStatusResponse: the mock has lastUseDate too many"),
        (lengthen, "bound: GenerateTokenRequest.description: maxLength: the mock has 256, the document 512"),
        (
            remove_schema,
            "schema: GenerateTokenResponse: the mock has a model of it, the document does not",
        ),
        (add_permission, "enum: TokenPermissionType: the mock lacks PermissionToTest"),
        (add_status_of_a_token, "enum: AuthenticationTokenStatus: the mock lacks Frozen"),
        (renamed("26001", "26009"), "code: 400: the mock lacks 26009"),
        (renamed("26001", "26009"), "code: 400: the mock has 26001 too many"),
        (renamed("Nieprawidłowe wyzwanie autoryzacyjne.", "Inny tekst."), "text: 400 21111: the mock has "),
        (
            renamed("Brak przypisanych uprawnień", "Brak uprawnień podmiotu"),
            "text: AuthenticationOperationStatusResponse.status 415: the mock lacks 'Brak uprawnień pod",
        ),
        (renamed("**Wersja API:** 2.9.0", "**Wersja API:** 2.10.0"), "version: API: the document has 2.10.0"),
    ],
)
def test_a_change_is_told(change: Change, expected: str) -> None:
    changed = document()
    change(changed)
    assert [found for found in map(str, differences(changed)) if found.startswith(expected)]


def test_exit_codes(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.api_diff", *arguments]
        return subprocess.run(
            command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
        )

    changed = document()
    add_operation(changed)
    file = tmp_path / "open-api.json"
    file.write_text(json.dumps(changed))
    same, different = run(str(openapi.DOCUMENT)), run(str(file))
    assert (same.returncode, different.returncode, run("missing.json").returncode) == (0, 1, 2)
    assert "GET /auth/news" in different.stdout
