"""Checks answers against the official OpenAPI document, where it is at hand."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from jsonschema import Draft4Validator, FormatChecker

DOCUMENT = Path(__file__).resolve().parents[2] / "shared" / "ksef" / "open-api-2.9.0.json"
MISSING = f"the official document is not at {DOCUMENT}"

_PREFIX = re.compile(r"^(?:/t/[^/]+)?(?:/api|/webs/api)?/v2")


def available() -> bool:
    return DOCUMENT.is_file()


def check(response: httpx.Response) -> None:
    """Assert that the answer's status, content type and body are those that the document allows.

    404, 405, 413 and 415 belong to HTTP rather than to an operation, so they are judged by their body alone,
    which is ASP.NET's own but for 413.
    """
    path = _PREFIX.sub("", response.request.url.path)
    operation = _operation(response.request.method, path)
    media_type, _, parameters = response.headers.get("content-type", "").partition("; ")
    assert parameters == ("charset=utf-8" if media_type == "application/json" else "")
    if response.status_code in (404, 405, 415):
        assert media_type == "application/problem+json", response.text
        assert set(response.json()) == {"type", "title", "status", "traceId"}
        return
    if response.status_code == 413 or operation is None:
        assert media_type == "application/problem+json", response.text
        _validate(_component("UnauthorizedProblemDetails"), response.json())
        return
    documented = operation["responses"]
    assert str(response.status_code) in documented, (
        f"{response.status_code} is not documented: {response.text}"
    )
    content = documented[str(response.status_code)].get("content")
    if not content:
        assert response.content == b""
        return
    assert media_type in content, f"{media_type} is not documented for {response.status_code}"
    if media_type != "application/xml":
        _validate(content[media_type]["schema"], response.json())


def _operation(method: str, path: str) -> dict[str, Any] | None:
    paths = _document()["paths"]
    # Of two templates that fit, the one with fewer parameters is meant.
    for template in sorted(paths, key=lambda path: path.count("{")):
        item = paths[template]
        pattern = re.sub(r"\{[^}]+\}", "[^/]+", template)
        if re.fullmatch(pattern, path) and method.lower() in item:
            found: dict[str, Any] = item[method.lower()]
            return found
    return None


@cache
def _document() -> dict[str, Any]:
    converted: dict[str, Any] = _to_json_schema(json.loads(DOCUMENT.read_text()))
    return converted


def _component(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _validate(schema: dict[str, Any], body: Any) -> None:
    whole = {"components": _document()["components"], "allOf": [schema]}
    Draft4Validator(whole, format_checker=_FORMATS).validate(body)


_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time")
def _is_date_time(value: object) -> bool:
    # Stricter than the document: the round trip of .NET, at UTC, without zeros at the end of the fraction,
    # or the form of legacy errors.
    return not isinstance(value, str) or (
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:(?:\.\d{0,6}[1-9])?\+00:00|\.\d{7}Z)", value)
        is not None
    )


@_FORMATS.checks("int32")
def _is_int32(value: object) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


def _to_json_schema(node: Any) -> Any:
    """OpenAPI 3.0's `nullable` in the terms of JSON Schema; numeric bounds on arrays become lengths."""
    if isinstance(node, list):
        return [_to_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    converted = {key: _to_json_schema(value) for key, value in node.items()}
    if converted.get("nullable") is True:
        del converted["nullable"]
        return {"anyOf": [converted, {"type": "null"}]}
    return converted
