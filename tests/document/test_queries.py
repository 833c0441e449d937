"""Every query parameter of every simulated operation that has values of its own: in any case, unreadable."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from ksef_mock.testing import MockServer
from tests import openapi
from tests.document.test_bodies import BODIES, Caller, document
from tests.support import error

pytestmark = pytest.mark.skipif(not openapi.available(), reason=openapi.MISSING)

REFERENCE = "20260101-SO-0000000000-0000000000-00"
#: Parameters that are needed beside the one in question.
BESIDE = {"GET /sessions": {"sessionType": "Online"}}


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        _, _, room, name = part["$ref"].split("/")
        part = document()["components"][room][name]
    return part


def typed_parameters() -> Iterator[tuple[str, str, list[str]]]:
    """Operation, parameter, and its values if they are enumerated; without free texts."""
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            for each in map(resolved, operation.get("parameters", ())):
                schema = resolved(each.get("schema", {}))
                if each["in"] != "query":
                    continue
                items: dict[str, Any] = resolved(schema.get("items", {}))
                inner = [resolved(part) for part in schema.get("allOf", ())]
                words: list[str] = next(
                    (kind["enum"] for kind in (schema, items, *inner) if "enum" in kind), []
                )
                if words or schema.get("type") in ("integer", "boolean") or "format" in schema:
                    yield f"{method.upper()} {path}", each["name"], words


PARAMETERS = list(typed_parameters()) if openapi.available() else []
each_parameter = pytest.mark.parametrize(
    ("operation", "name", "words"), PARAMETERS, ids=[f"{op}?{name}" for op, name, _ in PARAMETERS]
)


@pytest.fixture(scope="module")
def asker() -> Iterator[Caller]:
    with MockServer() as mock, closing(Caller(mock)) as asker:
        yield asker


def ask(asker: Caller, operation: str, name: str, value: str) -> httpx.Response:
    method, path = operation.split()
    if path == "/auth/xades-signature":
        pytest.skip("reads no JSON; its only parameter is without effect where no chain is asked for")
    body = asker.body(operation) if operation in BODIES else None
    answer = asker.api.http.request(
        method,
        re.sub(r"\{[^}]*\}", REFERENCE, path),
        params=BESIDE.get(operation, {}) | {name: value},
        headers={"Authorization": f"Bearer {asker.bearer}"},
        json=body,
    )
    if answer.status_code == 501:
        pytest.skip("not simulated")
    openapi.check(answer)
    return answer


def test_there_are_some() -> None:
    assert len(PARAMETERS) > 40


@each_parameter
def test_unreadable_parameter_is_21001(asker: Caller, operation: str, name: str, words: list[str]) -> None:
    code, _, details = error(ask(asker, operation, name, "nonsense"))
    assert (code, details) == (21001, [f"The value 'nonsense' is not valid for {name}."])


@each_parameter
def test_enumerations_are_read_in_any_case(
    asker: Caller, operation: str, name: str, words: list[str]
) -> None:
    for word in words:
        seen = {
            json.dumps(_said(ask(asker, operation, name, each)))
            for each in (word, word.lower(), word.upper())
        }
        assert len(seen) == 1, word
        assert "21001" not in seen.pop()


def _said(answer: httpx.Response) -> Any:
    body = answer.json()
    return body if answer.is_success else error(answer)


def paged(*, body: bool) -> list[str]:
    """The operations of which a page is asked for, with a JSON body or without."""
    return sorted(
        operation
        for operation, name, _ in PARAMETERS
        if name == "pageSize" and (operation in BODIES) is body and not operation.startswith("GET /sessions/")
    )


@pytest.mark.parametrize("operation", paged(body=True))
def test_rules_of_query_string_and_body_are_told_together(asker: Caller, operation: str) -> None:
    rules = [r"'pageSize' must be between 10 and \d+\. You entered 7\."]
    if (operation, "pageOffset", []) in PARAMETERS:
        rules.insert(0, r"'pageOffset' must be greater than or equal to '0'\.")
    alone = asker.call(operation, b"{}")
    rules += map(re.escape, error(alone)[2] if alone.status_code == 400 else ())
    code, _, details = error(asker.call(f"{operation}?pageOffset=-1&pageSize=7", b"{}"))
    assert code == 21405
    assert len(details) == len(rules)
    for detail, rule in zip(details, rules, strict=True):
        assert re.fullmatch(rule, detail)
    # What cannot be read at all counts before every rule.
    assert error(asker.call(f"{operation}?pageSize=7", b"{bad"))[0] == 21001
    assert error(asker.call(f"{operation}?pageSize=abc", b"{}"))[0] == 21001


@pytest.mark.parametrize("operation", paged(body=False))
def test_rules_of_a_query_string_are_told_together(asker: Caller, operation: str) -> None:
    path = operation.removeprefix("GET ").replace("{ksefNumber}", "x")
    wrong = {"pageSize": "7", "pageOffset": "-1", "description": "x", "authorIdentifier": "y"}
    expected = {name for at, name, _ in PARAMETERS if at == operation and name in (*wrong, "sessionType")}
    expected |= {"/tokens": {"description", "authorIdentifier"}}.get(path, set())
    expected |= {"ksefNumber"} if "{ksefNumber}" in operation else set()
    headers = {"Authorization": f"Bearer {asker.bearer}"}
    code, _, details = error(asker.api.http.get(path, params=wrong, headers=headers))
    assert code == 21405
    assert {detail.split("'")[1] for detail in details} == expected
