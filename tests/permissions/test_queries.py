"""The lists of permissions: filters, order, pages, and what is wrong with a query."""

from __future__ import annotations

from typing import Any

import pytest

from ksef_mock.crypto.pki import person, seal
from tests.support import complaint
from tests.world import World, typed

FIRM, OFFICE, CLIENT = ("Nip", "5265877635"), ("Nip", "7762811692"), ("Nip", "1234563218")
READ_AND_WRITE = ("920 InvoiceRead", "920 InvoiceWrite")
UNIT = ("InternalId", "5265877635-12346")
ANNA, EWA = ("Pesel", "90010112349"), ("Pesel", "92060512186")


@pytest.fixture
def owner(world: World) -> str:
    return world.log_in(world.certificate(seal("Firma", nip=FIRM[1])), FIRM)


@pytest.fixture
def busy(world: World, owner: str) -> str:
    """The owner of a context with grants of each kind; the access token."""
    world.test_data(
        "permissions",
        contextIdentifier=typed(FIRM),
        authorizedIdentifier=typed(ANNA),
        permissions=[{"permissionType": "Introspection", "description": "dane testowe"}],
    )
    world.grant_person(owner, ANNA, "InvoiceRead", "CredentialsManage")
    world.grant_person(owner, EWA, "InvoiceWrite")
    world.grant_entity(owner, OFFICE[1], "InvoiceRead", can_delegate=True)
    world.grant_subunit(owner, ANNA, UNIT)
    anna = world.log_in(world.certificate(person("Anna", "Nowak", pesel=ANNA[1])), FIRM)
    world.grant_person(anna, EWA, "InvoiceRead")
    world.grant_indirect(owner, EWA, "InvoiceRead")
    return owner


def test_owners_are_told_what_they_own(world: World, owner: str) -> None:
    def owned(bearer: str) -> Any:
        answer = world.post("/permissions/query/personal/grants", bearer, {}).json()
        return answer.get("ownerPermissions")

    of_owners = [
        *("CredentialsManage", "CredentialsRead", "InvoiceWrite", "InvoiceRead"),
        *("Introspection", "SubunitManage", "CollectiveIdentifierManage"),
    ]
    assert owned(owner) == of_owners
    world.grant_person(owner, ANNA, "CredentialsManage")
    assert owned(world.log_in(world.certificate(person("Anna", "Nowak", pesel=ANNA[1])), FIRM)) is None
    world.person(OFFICE[1], EWA[1], isBailiff=True)
    bailiff = world.log_in(world.certificate(person("Ewa", "Bis", pesel=EWA[1])), OFFICE)
    assert owned(bailiff) == [*of_owners[:-1], "EnforcementOperations", of_owners[-1]]


def summary(found: list[dict[str, Any]]) -> list[str]:
    return sorted(f"{item['authorizedIdentifier']['value'][:3]} {item['permissionScope']}" for item in found)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (
            {},
            [
                "776 InvoiceRead",
                "900 CredentialsManage",
                "900 Introspection",
                "900 InvoiceRead",
                "920 InvoiceRead",
                "920 InvoiceRead",
                "920 InvoiceWrite",
            ],
        ),
        ({"authorizedIdentifier": typed(OFFICE)}, ["776 InvoiceRead"]),
        ({"authorizedIdentifier": typed(CLIENT)}, []),
        ({"authorIdentifier": typed(ANNA)}, ["920 InvoiceRead"]),
        ({"authorIdentifier": {"type": "System"}}, ["900 Introspection"]),
        ({"permissionTypes": ["InvoiceWrite", "Introspection"]}, ["900 Introspection", "920 InvoiceWrite"]),
        ({"permissionTypes": []}, None),
        ({"permissionTypes": None}, None),
        ({"permissionState": "Inactive"}, ["920 InvoiceRead"]),
        ({"targetIdentifier": {"type": "AllPartners"}}, ["920 InvoiceRead"]),
        ({"targetIdentifier": typed(CLIENT)}, []),
        ({"authorizedIdentifier": typed(ANNA), "permissionTypes": ["InvoiceRead"]}, ["900 InvoiceRead"]),
        # The administrator of the unit works there, not here.
        ({"contextIdentifier": typed(UNIT)}, []),
        # By one's own context the direct grants are found, and nobody else's.
        ({"contextIdentifier": typed(FIRM), "authorizedIdentifier": typed(OFFICE)}, ["776 InvoiceRead"]),
        (
            {"contextIdentifier": typed(FIRM), "targetIdentifier": typed(FIRM)},
            ["900 CredentialsManage", "900 Introspection", "900 InvoiceRead", *READ_AND_WRITE],
        ),
        ({"contextIdentifier": typed(FIRM), "targetIdentifier": typed(CLIENT)}, []),
        ({"contextIdentifier": typed(CLIENT)}, []),
    ],
)
def test_permissions_in_the_current_context(
    world: World, busy: str, filters: dict[str, Any], expected: list[str] | None
) -> None:
    everything = summary(world.persons(busy))
    assert summary(world.persons(busy, **filters)) == (everything if expected is None else expected)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (
            {},
            [
                "776 InvoiceRead",
                "900 CredentialsManage",
                "900 CredentialsManage",
                "900 InvoiceRead",
                "920 InvoiceRead",
                "920 InvoiceWrite",
            ],
        ),
        ({"contextIdentifier": typed(UNIT)}, ["900 CredentialsManage"]),
        ({"authorIdentifier": typed(ANNA)}, []),
        # By one's own context: whoever has granted it, test data too.
        (
            {"contextIdentifier": typed(FIRM), "targetIdentifier": typed(FIRM)},
            ["900 CredentialsManage", "900 Introspection", "900 InvoiceRead", *READ_AND_WRITE],
        ),
        ({"contextIdentifier": typed(FIRM), "authorIdentifier": typed(ANNA)}, ["920 InvoiceRead"]),
        ({"contextIdentifier": typed(CLIENT)}, []),
    ],
)
def test_permissions_that_the_caller_granted(
    world: World, busy: str, filters: dict[str, Any], expected: list[str]
) -> None:
    found = world.persons(busy, queryType="PermissionsGrantedInCurrentContext", **filters)
    assert summary(found) == expected


def test_personal_permissions_of_an_accountant(world: World, busy: str) -> None:
    anna = world.log_in(world.certificate(person("Anna", "Nowak", pesel=ANNA[1])), FIRM)

    def scopes(**filters: Any) -> list[str]:
        return sorted(item["permissionScope"] for item in world.query(anna, "personal", **filters))

    assert scopes() == ["CredentialsManage", "Introspection", "InvoiceRead"]
    assert scopes(permissionTypes=["InvoiceRead", "InvoiceWrite"]) == ["InvoiceRead"]
    assert scopes(permissionState="Inactive") == []
    assert scopes(targetIdentifier={"type": "AllPartners"}) == []
    assert scopes(contextIdentifier=typed(CLIENT)) == []
    assert scopes(targetIdentifier=typed(CLIENT)) == []
    assert scopes(contextIdentifier=typed(FIRM), targetIdentifier=typed(FIRM)) == scopes()
    at_unit = world.log_in(world.certificate(person("Anna", "Nowak", pesel=ANNA[1])), UNIT)
    assert [item["permissionScope"] for item in world.query(at_unit, "personal")] == ["CredentialsManage"]


def test_personal_permissions_of_an_owner_are_those_that_his_firm_received(world: World, busy: str) -> None:
    # By PESEL, so the firm's NIP is another identifier than that of the login.
    world.person(OFFICE[1], "85050512344")
    office = world.log_in(world.certificate(person("Jan", "Biuro", pesel="85050512344")), OFFICE)
    (received,) = world.query(office, "personal")
    assert received["contextIdentifier"] == typed(FIRM)
    assert received["authorizedIdentifier"] == typed(OFFICE)
    assert received["canDelegate"] is True
    assert world.query(office, "personal", contextIdentifier=typed(FIRM)) == [received]
    assert world.query(office, "personal", targetIdentifier=typed(FIRM)) == []
    assert world.query(office, "personal", contextIdentifier=typed(CLIENT)) == []
    # An employee of the office is no owner.
    world.grant_person(office, EWA, "Introspection")
    ewa = world.log_in(world.certificate(person("Ewa", "Bis", pesel=EWA[1])), OFFICE)
    assert [item["permissionScope"] for item in world.query(ewa, "personal")] == ["Introspection"]


def test_personal_permissions_show_indirect_ones_from_both_ends(world: World) -> None:
    client = world.log_in(world.certificate(seal("Klient", nip=CLIENT[1])), CLIENT)
    office = world.log_in(world.certificate(seal("Biuro", nip=OFFICE[1])), OFFICE)
    world.grant_entity(client, OFFICE[1], "InvoiceRead", can_delegate=True)
    world.grant_indirect(office, ANNA, "InvoiceRead", "InvoiceWrite")
    world.grant_person(office, ANNA, "Introspection")
    certificate = world.certificate(person("Anna", "Nowak", pesel=ANNA[1]))
    general = {"type": "AllPartners"}
    for context in (CLIENT, OFFICE):
        token = world.log_in(certificate, context)
        found = world.query(token, "personal", targetIdentifier=general)
        assert {(item["permissionScope"], item["permissionState"]) for item in found} == {
            ("InvoiceRead", "Active"),
            ("InvoiceWrite", "Inactive"),
        }
        assert all(item["targetIdentifier"] == general for item in found)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"queryType": "Granted"}, {"SelfInvoicing", "RRInvoicing", "PefInvoicing"}),
        ({"queryType": "Granted", "permissionTypes": ["RRInvoicing"]}, {"RRInvoicing"}),
        (
            {"queryType": "Granted", "authorizedIdentifier": typed(("PeppolId", "PPL123456"))},
            {"PefInvoicing"},
        ),
        # A filter of the other direction does not apply.
        ({"queryType": "Received", "authorizedIdentifier": typed(CLIENT)}, {"TaxRepresentative"}),
        ({"queryType": "Received"}, {"TaxRepresentative"}),
        ({"queryType": "Received", "authorizingIdentifier": typed(CLIENT)}, {"TaxRepresentative"}),
        ({"queryType": "Received", "authorizingIdentifier": typed(OFFICE)}, set()),
    ],
)
def test_authorizations(world: World, owner: str, filters: dict[str, Any], expected: set[str]) -> None:
    world.grant_authorization(owner, OFFICE, "SelfInvoicing")
    world.grant_authorization(owner, OFFICE, "RRInvoicing")
    world.grant_authorization(owner, ("PeppolId", "PPL123456"), "PefInvoicing")
    client = world.log_in(world.certificate(seal("Klient", nip=CLIENT[1])), CLIENT)
    world.grant_authorization(client, FIRM, "TaxRepresentative")
    assert {
        item["authorizationScope"] for item in world.query(owner, "authorizations", **filters)
    } == expected


def test_order_and_pages(world: World, owner: str) -> None:
    """The latest first, then by id, in pages of at least ten."""
    nips = [f"{5_200_000_000 + number}" for number in range(12)]
    world.mock.clock.freeze()
    for position, nip in enumerate(nips):
        if position >= 6:
            world.mock.clock.advance(1)
        assert world.grant_entity(owner, nip, "InvoiceRead") == 200

    def page(offset: int, size: int = 10) -> dict[str, Any]:
        answer = world.post(
            "/permissions/query/persons/grants",
            owner,
            {"queryType": "PermissionsInCurrentContext"},
            pageOffset=offset,
            pageSize=size,
        )
        body: dict[str, Any] = answer.json()
        return body

    first, second = page(0), page(1)
    assert (len(first["permissions"]), first["hasMore"]) == (10, True)
    assert (len(second["permissions"]), second["hasMore"]) == (2, False)
    assert page(2) == {"permissions": [], "hasMore": False}
    found = first["permissions"] + second["permissions"]
    assert [item["authorizedIdentifier"]["value"] for item in found[:6]] == nips[:5:-1]
    simultaneous = [item["id"] for item in found[6:]]
    assert simultaneous == sorted(simultaneous)
    assert page(0, 12)["hasMore"] is False
    for parameters in ({"pageSize": 9}, {"pageSize": 101}, {"pageOffset": -1}):
        wrong = world.post("/permissions/query/personal/grants", owner, {}, **parameters)
        assert [complaint(wrong)] == list(parameters)
    assert complaint(world.post("/permissions/query/personal/grants", owner, {}, pageSize="x")) == "$"
    assert page(0, 0) == page(0, -1) == page(0)  # accepted by KSeF, as if there were none


QUERIES = ("personal", "subunits", "entities", "eu-entities")


@pytest.mark.parametrize("kind", QUERIES)
def test_a_query_without_a_body_has_no_filters(world: World, owner: str, kind: str) -> None:
    answer = world.api.call("POST", f"/permissions/query/{kind}/grants", bearer=owner)
    body = answer.json()
    body.pop("ownerPermissions", None)
    assert (answer.status_code, body) == (200, {"permissions": [], "hasMore": False})


@pytest.mark.parametrize(
    ("kind", "query", "field"),
    [
        ("persons", {}, "queryType"),
        ("persons", {"queryType": "All"}, "$.queryType"),
        ("persons", {"authorIdentifier": {"type": "System", "value": FIRM[1]}}, "authorIdentifier.value"),
        ("persons", {"authorIdentifier": {"type": "Nip"}}, "authorIdentifier.value"),
        ("persons", {"authorIdentifier": typed(UNIT)}, "$.authorIdentifier.type"),
        ("persons", {"authorizedIdentifier": typed(("Pesel", "123"))}, "authorizedIdentifier.value"),
        ("persons", {"contextIdentifier": typed(ANNA)}, "$.contextIdentifier.type"),
        ("persons", {"targetIdentifier": typed(("AllPartners", FIRM[1]))}, "targetIdentifier.value"),
        ("persons", {"permissionTypes": ["VatUeManage"]}, "$.permissionTypes[0]"),
        ("persons", {"permissionState": "Unknown"}, "$.permissionState"),
        ("personal", {"permissionTypes": ["Owner"]}, "$.permissionTypes[0]"),
        ("personal", {"contextIdentifier": typed(ANNA)}, "$.contextIdentifier.type"),
        ("subunits", {"subunitIdentifier": typed(("InternalId", FIRM[1]))}, "subunitIdentifier.value"),
        ("entities", {"contextIdentifier": typed(("Fingerprint", "AB" * 32))}, "$.contextIdentifier.type"),
        ("authorizations", {}, "queryType"),
        (
            "authorizations",
            {"queryType": "Granted", "permissionTypes": ["InvoiceRead"]},
            "$.permissionTypes[0]",
        ),
        (
            "authorizations",
            {"queryType": "Granted", "authorizedIdentifier": typed(("PeppolId", "X"))},
            "authorizedIdentifier.value",
        ),
        ("eu-entities", {"permissionTypes": ["SubunitManage"]}, "$.permissionTypes[0]"),
        ("eu-entities", {"permissionTypes": "InvoiceRead"}, "$.permissionTypes"),
    ],
)
def test_what_is_wrong_with_a_query(
    world: World, owner: str, kind: str, query: dict[str, Any], field: str
) -> None:
    if kind == "persons" and field != "queryType":
        query = {"queryType": "PermissionsInCurrentContext"} | query
    assert complaint(world.post(f"/permissions/query/{kind}/grants", owner, query)) == field
