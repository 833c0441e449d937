"""What requests may look like at their edges: odd paths, no body at all."""

from __future__ import annotations

import pytest

from tests.support import Api, error

JSON_BODIES = ["/auth/ksef-token", "/tokens", "/testdata/rate-limits", "/invoices/query/metadata"]


@pytest.fixture
def bearer(api: Api, ksef_token: str) -> str:
    return api.login(ksef_token).access_token


@pytest.mark.parametrize("reference", ["%0A" * 36, "x" * 35 + "%0A", "%C5%82" * 36, "%00" * 36, "a%0Ab"])
def test_path_parameter_may_contain_any_character(api: Api, bearer: str, reference: str) -> None:
    for method in ("GET", "DELETE"):
        assert error(api.call(method, f"/tokens/{reference}", bearer=bearer))[0] == 21405


@pytest.mark.parametrize("path", JSON_BODIES)
def test_missing_body_is_21405(api: Api, bearer: str, path: str) -> None:
    response = api.call("POST", path, bearer=bearer)
    assert "content-type" not in response.request.headers
    assert error(response)[2] == ["A non-empty request body is required."]


@pytest.mark.parametrize("path", JSON_BODIES)
def test_body_without_a_content_type_is_415(api: Api, bearer: str, path: str) -> None:
    assert api.call("POST", path, bearer=bearer, content=b"{}").status_code == 415
    assert api.call("POST", path, bearer=bearer, content=iter([b"{}"])).status_code == 415
