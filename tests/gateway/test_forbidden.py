"""403: each cause that the mock knows has its reasonCode and the documented `security` members."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ksef_mock.app import create_app
from ksef_mock.core.codes import Reason
from ksef_mock.crypto.pki import seal
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.support import NIP, OTHER_NIP, Api, error
from tests.world import World

Serve = Callable[..., tuple[MockServer, Api]]

CLIENT, STRANGER = "203.0.113.7", "203.0.113.8"


def refusal(response: httpx.Response) -> tuple[str, Any]:
    assert response.status_code == 403, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["title"] == "Forbidden"
    return body["reasonCode"], body.get("security")


def from_address(api: Api, bearer: str, address: str) -> httpx.Response:
    return api.call("GET", "/limits/context", bearer=bearer, headers={"X-Forwarded-For": address})


@pytest.mark.parametrize(
    ("policy", "admitted"),
    [
        ({"ip4Addresses": [CLIENT]}, True),
        ({"ip4Addresses": [STRANGER]}, False),
        ({"ip4Ranges": ["203.0.113.1-203.0.113.7"]}, True),
        ({"ip4Ranges": ["203.0.113.8-203.0.113.9"]}, False),
        ({"ip4Masks": ["203.0.113.0/29"]}, True),
        ({"ip4Masks": ["203.0.113.8/29"]}, False),
        ({"ip4Addresses": [STRANGER], "ip4Masks": ["203.0.113.0/29"]}, True),
    ],
)
def test_ip_policy_holds_for_each_use_of_the_access_token(
    serve: Serve, policy: dict[str, list[str]], admitted: bool
) -> None:
    mock, api = serve(settings=Settings(trusted_proxies=("127.0.0.1",)))
    login = api.login(mock.issue_token(NIP), authorizationPolicy={"allowedIps": policy})
    for bearer in (login.access_token, api.refresh(login.refresh_token).json()["accessToken"]["token"]):
        response = from_address(api, bearer, CLIENT)
        if admitted:
            assert response.status_code == 200
        else:
            assert refusal(response) == ("ip-not-allowed", {"clientIp": CLIENT})


def test_ip_policy_cannot_be_met_by_writing_a_header(ksef_mock: MockServer, api: Api) -> None:
    policy = {"allowedIps": {"ip4Addresses": [CLIENT]}}
    login = api.login(ksef_mock.issue_token(NIP), authorizationPolicy=policy)
    assert refusal(from_address(api, login.access_token, CLIENT)) == (
        "ip-not-allowed",
        {"clientIp": "127.0.0.1"},
    )


def test_missing_permissions(ksef_mock: MockServer, api: Api) -> None:
    bearer = api.login(ksef_mock.issue_token(NIP, ["CredentialsRead"])).access_token
    response = api.call("POST", "/invoices/query/metadata", bearer=bearer, json={})
    assert refusal(response) == (
        "missing-permissions",
        {"requiredAnyOfPermissions": ["InvoiceRead"], "presentPermissions": ["CredentialsRead"]},
    )


def test_insufficient_resource_access(ksef_mock: MockServer, api: Api) -> None:
    bearer = api.login(ksef_mock.issue_token(NIP)).access_token
    foreign = ksef_mock.issue_token(OTHER_NIP).partition("|")[0]
    response = api.call("GET", f"/tokens/{foreign}", bearer=bearer)
    assert refusal(response) == ("insufficient-resource-access", None)


def test_context_type_not_allowed(ksef_mock: MockServer, api: Api) -> None:
    world = World(ksef_mock, api)
    firm, unit = ("Nip", NIP), ("InternalId", f"{NIP}-12346")
    owner = world.log_in(world.certificate(seal("Firma", nip=NIP)), firm)
    assert world.grant_subunit(owner, ("Nip", OTHER_NIP), unit) == 200
    bearer = world.log_in(world.certificate(seal("Inna", nip=OTHER_NIP)), unit)
    response = world.post("/permissions/indirect/grants", bearer, {})
    assert refusal(response) == ("context-type-not-allowed", {"contextIdentifierType": "InternalId"})


def test_auth_method_not_allowed(ksef_mock: MockServer, api: Api) -> None:
    bearer = api.login(ksef_mock.issue_token(NIP)).access_token
    response = api.call("POST", f"/certificates/{'0' * 16}/revoke", bearer=bearer)
    assert refusal(response) == ("auth-method-not-allowed", {"authenticationMethodCategory": "Token"})


def test_a_blocked_context_ends_its_sessions(ksef_mock: MockServer, api: Api) -> None:
    login = api.login(ksef_mock.issue_token(NIP))
    context = {"contextIdentifier": {"type": "Nip", "value": NIP}}
    api.call("POST", "/testdata/context/block", json=context)
    # Recorded in October 2026: not 403, as the access token's use is, but what any status says of a refresh.
    assert error(api.refresh(login.refresh_token)) == (
        21301,
        "Brak autoryzacji.",
        ["Status uwierzytelnienia (480) nie pozwala na odświeżenie tokenu dostępowego."],
    )


def test_every_documented_reason_is_given_somewhere_above() -> None:
    tests = Path(__file__).read_text()
    assert [reason for reason in Reason if f'"{reason}"' not in tests] == []


def test_security_service_blocked() -> None:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(), client=(CLIENT, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            return await http.get("/_mock/coverage")

    response = asyncio.run(ask())
    code, security = refusal(response)
    assert code == "security-service-blocked"
    assert security == {"incidentId": response.json()["traceId"], "clientIp": CLIENT}
