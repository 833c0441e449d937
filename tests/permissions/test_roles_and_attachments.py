"""Roles of organisations and consent to attachments, as an access token of the context sees them."""

from __future__ import annotations

from typing import Any

import pytest

from ksef_mock.testing import MockServer
from tests.support import NIP, OTHER_NIP, Api, complaint

ROLES = "/permissions/query/entities/roles"
SUBORDINATES = "/permissions/query/subordinate-entities/roles"
ATTACHMENTS = "/permissions/attachments/status"
CALLS = [("GET", ROLES), ("POST", SUBORDINATES), ("GET", ATTACHMENTS)]


def post(api: Api, path: str, body: dict[str, Any]) -> None:
    response = api.call("POST", f"/testdata/{path}", json=body)
    assert response.status_code == 200, response.text


@pytest.fixture
def owner(api: Api, ksef_token: str) -> str:
    return api.login(ksef_token).access_token


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_permission_is_needed(ksef_mock: MockServer, api: Api, method: str, path: str) -> None:
    token = ksef_mock.issue_token(NIP, permissions=["InvoiceRead"])
    body: dict[str, Any] = {"json": {}} if method == "POST" else {}
    response = api.call(method, path, bearer=api.login(token).access_token, **body)
    assert (response.status_code, response.json()["reasonCode"]) == (403, "missing-permissions")
    assert response.json()["security"]["presentPermissions"] == ["InvoiceRead"]
    assert api.call(method, path, **body).status_code == 401


@pytest.mark.parametrize(
    ("kind", "parent_role", "unit_role"),
    [
        ("VatGroup", "VatGroupUnit", "VatGroupSubUnit"),
        ("JST", "LocalGovernmentUnit", "LocalGovernmentSubUnit"),
    ],
)
def test_parent_and_unit_see_each_other(
    ksef_mock: MockServer, api: Api, owner: str, kind: str, parent_role: str, unit_role: str
) -> None:
    units = [{"subjectNip": OTHER_NIP, "description": "pierwsza jednostka"}]
    post(
        api,
        "subject",
        {"subjectNip": NIP, "subjectType": kind, "description": "nadrzędna", "subunits": units},
    )
    (own,) = api.call("GET", ROLES, bearer=owner).json()["roles"]
    assert (own["role"], own["description"]) == (parent_role, "nadrzędna")
    assert "parentEntityIdentifier" not in own
    (below,) = api.call("POST", SUBORDINATES, bearer=owner, json={}).json()["roles"]
    assert below["subordinateEntityIdentifier"] == {"type": "Nip", "value": OTHER_NIP}
    assert (below["role"], below["description"]) == (unit_role, "pierwsza jednostka")

    unit = api.login(ksef_mock.issue_token(OTHER_NIP), nip=OTHER_NIP).access_token
    (role,) = api.call("GET", ROLES, bearer=unit).json()["roles"]
    assert role["parentEntityIdentifier"] == {"type": "Nip", "value": NIP}
    assert api.call("POST", SUBORDINATES, bearer=unit, json={}).json() == {"roles": [], "hasMore": False}


def test_units_are_filtered_and_paged(api: Api, owner: str) -> None:
    nips = [f"12345632{number}" for number in range(10, 22)]
    units = [{"subjectNip": nip, "description": f"jednostka {nip}"} for nip in nips]
    body = {"subjectNip": NIP, "subjectType": "JST", "description": "gmina", "subunits": units}
    post(api, "subject", body)

    def page(offset: int = 0, **filters: Any) -> tuple[list[str], bool]:
        response = api.call(
            "POST", SUBORDINATES, bearer=owner, json=filters, params={"pageOffset": offset, "pageSize": 10}
        )
        found = [role["subordinateEntityIdentifier"]["value"] for role in response.json()["roles"]]
        return found, response.json()["hasMore"]

    assert page() == (nips[:10], True)
    assert page(1) == (nips[10:], False)
    wanted = {"type": "Nip", "value": nips[3]}
    assert page(subordinateEntityIdentifier=wanted) == ([nips[3]], False)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"type": "Pesel", "value": "90010112349"}, "$.subordinateEntityIdentifier.type"),
        ({"type": "Nip", "value": "123"}, "subordinateEntityIdentifier.value"),
        ("x", "$.subordinateEntityIdentifier"),
    ],
)
def test_filter_is_checked(api: Api, owner: str, wanted: Any, field: str) -> None:
    body = {"subordinateEntityIdentifier": wanted}
    assert complaint(api.call("POST", SUBORDINATES, bearer=owner, json=body)) == field


def test_bailiff_has_that_role(api: Api, owner: str) -> None:
    body = {"nip": NIP, "pesel": "90010112349", "isBailiff": True, "description": "komornik"}
    assert api.call("GET", ROLES, bearer=owner).json() == {"roles": [], "hasMore": False}
    post(api, "person", body)
    (role,) = api.call("GET", ROLES, bearer=owner).json()["roles"]
    assert (role["role"], role["description"]) == ("CourtBailiff", "komornik")


def test_attachments_are_allowed_until_they_are_not(ksef_mock: MockServer, api: Api, owner: str) -> None:
    def status() -> dict[str, Any]:
        body: dict[str, Any] = api.call("GET", ATTACHMENTS, bearer=owner).json()
        return body

    assert status() == {"isAttachmentAllowed": False}
    post(api, "attachment/revoke", {"nip": NIP})
    assert status() == {"isAttachmentAllowed": False}
    post(api, "attachment", {"nip": OTHER_NIP})
    assert status() == {"isAttachmentAllowed": False}
    post(api, "attachment", {"nip": NIP})
    assert status() == {"isAttachmentAllowed": True}
    post(api, "attachment/revoke", {"nip": NIP})
    ended = status()
    assert ended["isAttachmentAllowed"] is False
    assert ended["revokedDate"]
    post(api, "attachment", {"nip": NIP})
    assert status() == {"isAttachmentAllowed": True}


def test_attachments_can_end_on_a_day_to_come(ksef_mock: MockServer, api: Api, ksef_token: str) -> None:
    post(api, "attachment", {"nip": NIP})
    post(api, "attachment/revoke", {"nip": NIP, "expectedEndDate": "2040-07-01"})
    owner = api.login(ksef_token).access_token
    status = api.call("GET", ATTACHMENTS, bearer=owner).json()
    assert status == {"isAttachmentAllowed": True, "revokedDate": "2040-07-01T00:00:00+00:00"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "nip"),
        ({"nip": "123"}, "nip"),
        ({"nip": NIP, "expectedEndDate": "tomorrow"}, "$.expectedEndDate"),
    ],
)
def test_test_data_is_checked(api: Api, body: dict[str, str], field: str) -> None:
    assert complaint(api.call("POST", "/testdata/attachment/revoke", json=body)) == field
