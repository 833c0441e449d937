"""X-System-Warning: set through /_mock, asked for by the client on TEST, or both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ksef_mock.testing import MockServer
from tests.support import Api, error

Serve = Callable[..., tuple[MockServer, Api]]


def warn(mock: MockServer, warning: Any) -> httpx.Response:
    return httpx.put(f"{mock.url}/_mock/system-warning", json={"warning": warning})


def warning_of(api: Api, **headers: str | bytes) -> str | None:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    warning: str | None = api.call("POST", "/auth/challenge", headers=names).headers.get("x-system-warning")
    return warning


def test_no_warning_by_default(api: Api) -> None:
    assert warning_of(api) is None


def test_warning_is_on_every_answer_of_the_api_until_it_is_deleted(ksef_mock: MockServer, api: Api) -> None:
    text = "[MAINT-1]: Przerwa techniczna w niedziele | [DEPR]: Stare API"
    assert warn(ksef_mock, text).status_code == 204
    assert warning_of(api) == text
    assert api.limits(None).headers["x-system-warning"] == text  # a refusal is an answer too
    assert "x-system-warning" not in httpx.get(f"{ksef_mock.url}/_mock/health").headers
    assert httpx.delete(f"{ksef_mock.url}/_mock/system-warning").status_code == 204
    assert warning_of(api) is None


def test_warning_is_folded_to_ascii(ksef_mock: MockServer, api: Api) -> None:
    warn(ksef_mock, "[1]: Zażółć gęślą jaźń € ŁÓDŹ\r\nSet-Cookie: x")
    assert warning_of(api) == "[1]: Zazolc gesla jazn  LODZSet-Cookie: x"


def test_own_warning_and_the_client_s_stand_side_by_side(ksef_mock: MockServer, api: Api) -> None:
    warn(ksef_mock, "[1]: first")
    assert warning_of(api, X_Test_System_Warning="[2]: second") == "[1]: first | [2]: second"


@pytest.mark.parametrize(
    ("text", "sent"),
    [("[1]: przerwa 🙂", "[1]: przerwa"), ("[1]: a —", "[1]: a"), ("[1]: 🙂", "[1]:")],
)
def test_what_no_header_can_end_with_is_cut_off(
    ksef_mock: MockServer, api: Api, text: str, sent: str
) -> None:
    warn(ksef_mock, text)
    assert warning_of(api) == sent
    decisions = ksef_mock.journal.last("/auth/challenge").decisions
    assert [each.reason for each in decisions if each.check == "system-warning"] == [f"sent: {sent}"]
    assert warning_of(api, X_Test_System_Warning=text.encode()) == f"{sent} | {sent}"


@pytest.mark.parametrize("nothing", ["🙂", "", "—"])
def test_a_warning_of_which_nothing_is_left_is_not_sent(api: Api, nothing: str) -> None:
    assert warning_of(api, X_Test_System_Warning=nothing.encode()) is None


@pytest.mark.parametrize(("profile", "expected"), [("test", "[2]: echo"), ("demo", None), ("prod", None)])
def test_the_client_s_warning_is_echoed_on_test_only(
    serve: Serve, profile: str, expected: str | None
) -> None:
    mock, api = serve(profile=profile)
    assert warning_of(api, X_Test_System_Warning="[2]: echo") == expected
    warn(mock, "[1]: own")
    assert str(warning_of(api)) == "[1]: own"


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "no code",
        "[]: empty",
        "[1]:no space",
        "[1]: a | no code",
        "[1]: a |",
        "[1]: " + "x" * 1_000,
        1,
        None,
    ],
)
def test_malformed_warning_is_21405(ksef_mock: MockServer, api: Api, wrong: Any) -> None:
    assert error(warn(ksef_mock, wrong))[0] == 21405
    assert warning_of(api) is None


def test_reset_forgets_the_warning(ksef_mock: MockServer, api: Api) -> None:
    warn(ksef_mock, "[1]: first")
    ksef_mock.reset()
    assert warning_of(api) is None
