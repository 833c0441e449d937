"""Keys over HTTP: list, rotations, withdrawal, algorithm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ksef_mock.testing import MockServer
from tests.support import Api, error

TOKEN, SYMMETRIC = "KsefTokenEncryption", "SymmetricKeyEncryption"


@pytest.fixture
def control(ksef_mock: MockServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{ksef_mock.url}/_mock") as http:
        yield http


def ids(response: httpx.Response, usage: str = TOKEN) -> list[str]:
    assert response.status_code == 200, response.text
    return [key["publicKeyId"] for key in response.json()["keys"] if key["usage"] == usage]


def test_list_is_what_clients_see(control: httpx.Client, api: Api) -> None:
    body = control.get("/keys").json()
    published = api.call("GET", "/security/public-key-certificates").json()
    assert body["algorithm"] == "rsa"
    assert [key["certificateId"] for key in body["keys"]] == [key["certificateId"] for key in published]
    assert {key["algorithm"] for key in body["keys"]} == {"RSA-2048"}
    assert not any(key["new"] for key in body["keys"])


def test_planned_rotation_publishes_both(control: httpx.Client, api: Api, ksef_token: str) -> None:
    (old,) = ids(control.get("/keys"))
    rotated = control.post("/keys/rotate")
    new, kept = ids(rotated)
    assert kept == old != new
    assert [key["publicKeyId"] for key in rotated.json()["keys"] if key["new"]] == [new]
    for key in api.public_keys():
        assert api.login(ksef_token, key=key)


def test_emergency_rotation_withdraws_the_old_at_once(
    control: httpx.Client, api: Api, ksef_token: str
) -> None:
    (compromised,) = api.public_keys()
    (new,) = ids(control.post("/keys/rotate", json={"emergency": True}))
    assert new != compromised["publicKeyId"]
    assert error(api.submit(api.token_request(ksef_token, key=compromised)))[0] == 21470
    assert api.login(ksef_token)


def test_rotation_of_one_usage_leaves_the_other(control: httpx.Client) -> None:
    before = control.get("/keys")
    after = control.post("/keys/rotate", json={"usage": SYMMETRIC, "emergency": True})
    assert ids(after) == ids(before)
    assert ids(after, SYMMETRIC) != ids(before, SYMMETRIC)


def test_recertification_keeps_the_key(control: httpx.Client) -> None:
    before = control.get("/keys").json()["keys"]
    after = control.post("/keys/recertify", json={"usage": TOKEN}).json()["keys"]
    assert [key["publicKeyId"] for key in after] == [key["publicKeyId"] for key in before]
    changed = [new["usage"] for old, new in zip(before, after, strict=True) if new["new"]]
    assert changed == [TOKEN]
    assert before[0]["certificateId"] != after[0]["certificateId"]


def test_withdrawal(control: httpx.Client, api: Api, ksef_token: str) -> None:
    new, old = ids(control.post("/keys/rotate"))
    assert ids(control.post("/keys/withdraw", json={"publicKeyId": old})) == [new]
    response = control.post("/keys/withdraw", json={"publicKeyId": old})
    assert response.status_code == 404
    assert response.json()["detail"].startswith("publicKeyId: expected one of ")
    assert response.json()["detail"].endswith(f', got "{old}"')
    assert api.login(ksef_token)


@pytest.mark.parametrize(
    ("algorithm", "published"),
    [("rsa", ["RSA-2048"]), ("ec", ["P-256"]), ("both", ["RSA-2048", "P-256"])],
)
def test_algorithm(
    control: httpx.Client, api: Api, ksef_token: str, algorithm: str, published: list[str]
) -> None:
    body = control.put("/keys/algorithm", json={"algorithm": algorithm}).json()
    assert body["algorithm"] == algorithm
    assert [key["algorithm"] for key in body["keys"] if key["usage"] == TOKEN] == published
    for key in api.public_keys():
        assert api.login(ksef_token, key=key)


@pytest.mark.parametrize(
    ("method", "path", "body", "named"),
    [
        ("POST", "/keys/rotate", {"usage": "Everything"}, "usage: expected "),
        ("POST", "/keys/rotate", {"emergency": "yes"}, "emergency: expected "),
        ("POST", "/keys/rotate", {"urgent": True}, "urgent"),
        ("POST", "/keys/recertify", {"emergency": True}, "emergency"),
        ("POST", "/keys/withdraw", {}, "publicKeyId"),
        ("PUT", "/keys/algorithm", {"algorithm": "dsa"}, "algorithm: expected "),
        ("PUT", "/keys/algorithm", {}, "algorithm"),
    ],
)
def test_orders_that_make_no_sense_are_refused_by_name(
    control: httpx.Client, method: str, path: str, body: Any, named: str
) -> None:
    before = ids(control.get("/keys"))
    code, _, details = error(control.request(method, path, json=body))
    assert code == 21405
    assert named in details[0]
    assert ids(control.get("/keys")) == before
