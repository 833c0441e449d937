"""The short cut to a route finds what Starlette's router finds, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import BaseRoute, Match, Mount, Route

from ksef_mock.app import create_app
from ksef_mock.core.paths import PREFIXES
from ksef_mock.gateway.operations import OPERATIONS
from ksef_mock.gateway.path_table import PathTable

APP = create_app()
TABLE = PathTable(APP.router, APP.routes)


def scope_of(method: str, path: str) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "headers": []}


def by_the_router(routes: Sequence[BaseRoute], scope: dict[str, Any]) -> tuple[Route, dict[str, Any]] | None:
    """The first route that matches wholly, looked for in mounts too, and the parameters that it finds."""
    for route in routes:
        match, child = route.matches(scope)
        if match is not Match.FULL:
            continue
        if isinstance(route, Mount):
            return by_the_router(route.routes or (), {**scope, **child})
        return (route, child["path_params"]) if isinstance(route, Route) else None
    return None


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_each_operation_is_found_with_its_parameters(prefix: str, operation: Any) -> None:
    path = prefix + "/".join(
        f"value-{place}" if segment.startswith("{") else segment
        for place, segment in enumerate(operation.path.split("/"))
    )
    scope = scope_of(operation.method, path)
    expected = by_the_router(APP.routes, scope)
    assert expected is not None
    route, parameters = expected
    assert TABLE.find(scope) is route
    assert scope.get("path_params", {}) == parameters


SEGMENTS = sorted({segment for operation in OPERATIONS for segment in operation.path.split("/")})


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "BREW"]),
    prefix=st.sampled_from([*PREFIXES, "", "/v3", "/v2/v2"]),
    segments=st.lists(st.one_of(st.sampled_from(SEGMENTS), st.text(max_size=3)), max_size=10),
)
def test_whatever_is_found_the_router_finds(method: str, prefix: str, segments: list[str]) -> None:
    scope = scope_of(method, f"{prefix}/{'/'.join(segments)}")
    found = TABLE.find(scope)
    if found is None:
        return
    expected = by_the_router(APP.routes, scope_of(method, scope["path"]))
    assert expected is not None
    assert found is expected[0]
    assert scope.get("path_params", {}) == expected[1]


@pytest.mark.parametrize(
    "path",
    ["/v2/tokens/", "/v2/tokens//", "/v2//tokens", "/v2/tokens/a/b", "/v2/sessions/a/invoices/b/c/d/e/f/g"],
)
def test_other_paths_are_left_to_the_router(path: str) -> None:
    assert TABLE.find(scope_of("GET", path)) is None


def test_a_wrong_method_is_left_to_the_router() -> None:
    assert TABLE.find(scope_of("PUT", "/v2/auth/challenge")) is None
