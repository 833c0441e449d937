"""Each kind of grant over HTTP: it opens a context, is listed where it should be, and can be taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ksef_mock.core.fault import Hold
from ksef_mock.core.waiting import Delay
from ksef_mock.crypto.pki import person, seal
from ksef_mock.testing import MockServer
from tests.support import Api, complaint, error
from tests.world import FIRM, HANS, JAN, World, claims, typed

FIRM_NIP, OFFICE, CLIENT, UNIT = "5265877635", "7762811692", "1234563218", "8432123452"
PESEL, OTHER_PESEL = "90010112349", "92060512186"
OWNER = seal("Firma sp. z o.o.", nip=FIRM_NIP)
JANINA = person("Janina", "Nowak", pesel=PESEL)
HERE = ("Nip", FIRM_NIP)
INTERNAL = f"{FIRM_NIP}-12346"
COMPOUND = f"{FIRM_NIP}-DE123456789"


@pytest.fixture
def owner(world: World) -> str:
    return world.log_in(world.certificate(OWNER), HERE)


def test_a_grant_to_a_person_opens_the_context_until_it_is_revoked(world: World, owner: str) -> None:
    janina = world.certificate(JANINA)
    assert world.status(janina, HERE) == 415
    assert world.grant_person(owner, ("Pesel", PESEL), "InvoiceRead", "Introspection") == 200
    assert claims(world.log_in(janina, HERE))["per"] == ["InvoiceRead", "Introspection"]

    introspection, read = sorted(world.persons(owner), key=lambda item: item["permissionScope"])
    assert read | {"id": "", "startDate": ""} == {
        "id": "",
        "authorizedIdentifier": {"type": "Pesel", "value": PESEL},
        "authorIdentifier": {"type": "Nip", "value": FIRM_NIP},
        "permissionScope": "InvoiceRead",
        "description": "uprawnienia osoby",
        "subjectPersonDetails": {
            "subjectDetailsType": "PersonByIdentifier",
            "firstName": "Jan",
            "lastName": "Nowak",
        },
        "permissionState": "Active",
        "startDate": "",
        "canDelegate": False,
    }
    assert world.revoke(owner, read["id"]) == 200
    assert claims(world.log_in(janina, HERE))["per"] == ["Introspection"]
    assert world.revoke(owner, introspection["id"]) == 200
    assert world.status(janina, HERE) == 415
    assert world.persons(owner) == []


def test_a_permission_cannot_be_revoked_twice(world: World, owner: str) -> None:
    world.grant_person(owner, ("Pesel", PESEL), "InvoiceRead")
    (granted,) = world.persons(owner)
    assert world.revoke(owner, granted["id"]) == 200
    assert world.revoke(owner, granted["id"]) == 400
    assert world.revoke(owner, "0c9a72e8-f344-457f-9c16-7c640eb60242") == 400


def test_a_grant_to_a_fingerprint_is_for_that_certificate_alone(world: World, owner: str) -> None:
    certificate, renewed = world.certificate(JANINA), world.certificate(JANINA)
    fingerprint = certificate.fingerprint
    assert world.grant_person(owner, ("Fingerprint", fingerprint), "InvoiceRead", details=HANS) == 200
    by = "certificateFingerprint"
    assert world.status(certificate, HERE, by=by) == 200
    assert world.status(certificate, HERE) == 415
    assert world.status(renewed, HERE, by=by) == 415
    (granted,) = world.persons(owner)
    assert granted["subjectPersonDetails"] == {
        "subjectDetailsType": "PersonByFingerprintWithoutIdentifier",
        "firstName": "Hans",
        "lastName": "Schmidt",
        "birthDate": "1980-02-29",
        "idDocument": {"type": "Passport", "number": "C01X00T47", "country": "DE"},
    }


def test_enforcement_is_for_contexts_with_that_role(world: World, owner: str) -> None:
    assert world.grant_person(owner, ("Pesel", PESEL), "InvoiceRead", "EnforcementOperations") == 430
    # All or nothing.
    assert world.persons(owner) == []
    world.organisation(FIRM_NIP, "EnforcementAuthority")
    assert world.grant_person(owner, ("Pesel", PESEL), "InvoiceRead", "EnforcementOperations") == 200
    assert len(world.persons(owner)) == 2


def test_a_bailiff_can_grant_enforcement(world: World) -> None:
    world.person(FIRM_NIP, OTHER_PESEL, isBailiff=True)
    bailiff = world.log_in(world.certificate(person("Ewa", "Bis", pesel=OTHER_PESEL)), HERE)
    assert world.grant_person(bailiff, ("Pesel", PESEL), "EnforcementOperations") == 200


def test_nothing_is_granted_to_the_deceased(world: World, owner: str) -> None:
    world.person(OFFICE, PESEL, isDeceased=True)
    for to in (("Pesel", PESEL), ("Nip", OFFICE)):
        assert world.grant_person(owner, to, "InvoiceRead") == 450


def test_a_grant_to_an_entity_opens_the_context_to_the_entity_itself(world: World, owner: str) -> None:
    office = world.certificate(seal("Biuro", nip=OFFICE))
    assert world.grant_entity(owner, OFFICE, "InvoiceRead", can_delegate=True) == 200
    assert claims(world.log_in(office, HERE))["per"] == ["InvoiceRead"]
    (given,) = world.persons(owner)
    assert given["subjectEntityDetails"] == {"subjectDetailsType": "EntityByIdentifier"} | FIRM
    assert given["canDelegate"] is True

    at_home = world.log_in(office, ("Nip", OFFICE))
    (received,) = world.query(at_home, "entities")
    assert received["contextIdentifier"] == typed(HERE)
    assert (received["permissionScope"], received["canDelegate"]) == ("InvoiceRead", True)
    assert world.query(at_home, "entities", contextIdentifier=typed(("Nip", CLIENT))) == []
    assert world.query(at_home, "entities", contextIdentifier=typed(HERE)) == [received]
    # Only the context that gave it can take it back.
    refused = world.api.call("DELETE", f"/permissions/common/grants/{received['id']}", bearer=at_home)
    assert (refused.status_code, refused.json()["reasonCode"]) == (403, "insufficient-resource-access")
    assert world.revoke(owner, received["id"]) == 200
    assert world.status(office, HERE) == 415


def test_an_entity_cannot_authorize_itself(world: World, owner: str) -> None:
    assert world.grant_entity(owner, FIRM_NIP, "InvoiceRead") == 440
    assert world.grant_authorization(owner, HERE, "SelfInvoicing") == 440


@pytest.mark.parametrize(
    ("to", "permission", "status"),
    [
        (("Nip", OFFICE), "SelfInvoicing", 200),
        (("Nip", OFFICE), "RRInvoicing", 200),
        (("Nip", OFFICE), "TaxRepresentative", 200),
        (("Nip", OFFICE), "PefInvoicing", 450),
        (("PeppolId", "PPL123456"), "PefInvoicing", 200),
        (("PeppolId", "PPL123456"), "SelfInvoicing", 450),
    ],
)
def test_authorizations(world: World, owner: str, to: tuple[str, str], permission: str, status: int) -> None:
    assert world.grant_authorization(owner, to, permission) == status
    granted = world.query(owner, "authorizations", queryType="Granted")
    assert len(granted) == (status == 200)
    for item in granted:
        assert item["authorizedEntityIdentifier"] == typed(to)
        assert item["authorizingEntityIdentifier"] == typed(HERE)
        assert item["authorizationScope"] == permission
        assert item["subjectEntityDetails"] == {"subjectDetailsType": "EntityByIdentifier"} | FIRM
        # It opens no context, and is not revoked like other permissions.
        assert world.persons(owner) == []
        assert world.revoke(owner, item["id"]) == 400
        assert world.revoke(owner, item["id"], kind="authorizations") == 200
    assert world.query(owner, "authorizations", queryType="Granted") == []


def test_an_authorization_does_not_let_anybody_in(world: World, owner: str) -> None:
    office = world.certificate(seal("Biuro", nip=OFFICE))
    world.grant_authorization(owner, ("Nip", OFFICE), "SelfInvoicing")
    assert world.status(office, HERE) == 415
    (received,) = world.query(world.log_in(office, ("Nip", OFFICE)), "authorizations", queryType="Received")
    assert received["authorizingEntityIdentifier"] == typed(HERE)


class TestIndirect:
    """A client (CLIENT) lets an office (OFFICE) pass its permissions on; Janina works for the office."""

    @pytest.fixture
    def client(self, world: World) -> str:
        return world.log_in(world.certificate(seal("Klient", nip=CLIENT)), ("Nip", CLIENT))

    @pytest.fixture
    def office(self, world: World) -> str:
        return world.log_in(world.certificate(seal("Biuro", nip=OFFICE)), ("Nip", OFFICE))

    @pytest.mark.parametrize("target", [None, "AllPartners", ("Nip", CLIENT)])
    def test_it_holds_as_long_as_the_client_delegates(
        self, world: World, client: str, office: str, target: Any
    ) -> None:
        janina, there = world.certificate(JANINA), ("Nip", CLIENT)
        assert world.grant_entity(client, OFFICE, "InvoiceRead", can_delegate=True) == 200
        assert world.grant_indirect(office, ("Pesel", PESEL), "InvoiceRead", target=target) == 200
        assert claims(world.log_in(janina, there))["per"] == ["InvoiceRead"]
        # Neither the office's own context nor another client's.
        assert world.status(janina, ("Nip", OFFICE)) == 415
        assert world.status(janina, HERE) == 415

        (given,) = world.persons(office)
        expected = typed(target) if isinstance(target, tuple) else {"type": "AllPartners"}
        assert given["targetIdentifier"] == expected
        assert given["permissionState"] == "Active"
        # The client sees the office, not whom the office sends.
        (seen,) = world.persons(client)
        assert seen["authorizedIdentifier"] == {"type": "Nip", "value": OFFICE}

        assert world.revoke(client, seen["id"]) == 200
        assert world.status(janina, there) == 415
        (left,) = world.persons(office)
        assert left["permissionState"] == "Inactive"
        assert world.persons(office, permissionState="Active") == []
        assert world.persons(office, permissionState="Inactive") == [left]

    def test_it_is_inactive_until_the_client_delegates_this_very_permission(
        self, world: World, client: str, office: str
    ) -> None:
        to, target = ("Pesel", PESEL), ("Nip", CLIENT)
        assert world.grant_indirect(office, to, "InvoiceRead", "InvoiceWrite", target=target) == 200
        for delegated in (None, False):
            if delegated is not None:
                world.grant_entity(client, OFFICE, "InvoiceRead", can_delegate=delegated)
            assert {item["permissionState"] for item in world.persons(office)} == {"Inactive"}
            assert world.status(world.certificate(JANINA), target) == 415
        world.grant_entity(client, OFFICE, "InvoiceRead", can_delegate=True)
        assert claims(world.log_in(world.certificate(JANINA), target))["per"] == ["InvoiceRead"]
        states = {item["permissionScope"]: item["permissionState"] for item in world.persons(office)}
        assert states == {"InvoiceRead": "Active", "InvoiceWrite": "Inactive"}

    def test_general_grants_are_for_clients_to_come(self, world: World, client: str, office: str) -> None:
        assert world.grant_indirect(office, ("Pesel", PESEL), "InvoiceRead") == 200
        (given,) = world.persons(office)
        assert given["permissionState"] == "Inactive"
        janina = world.certificate(JANINA)
        assert world.status(janina, ("Nip", CLIENT)) == 415
        world.grant_entity(client, OFFICE, "InvoiceRead", can_delegate=True)
        assert world.status(janina, ("Nip", CLIENT)) == 200

    def test_nobody_is_his_own_client(self, world: World, office: str) -> None:
        for own in (("Nip", OFFICE), ("InternalId", f"{OFFICE}-12347")):
            assert world.grant_indirect(office, ("Pesel", PESEL), "InvoiceRead", target=own) == 440

    def test_a_client_can_be_an_internal_unit(self, world: World, owner: str, office: str) -> None:
        unit = ("InternalId", INTERNAL)
        world.grant_subunit(owner, ("Pesel", OTHER_PESEL), unit)
        manager = world.log_in(world.certificate(person("Ewa", "Bis", pesel=OTHER_PESEL)), unit)
        assert world.grant_entity(manager, OFFICE, "InvoiceWrite", can_delegate=True) == 200
        assert world.grant_indirect(office, ("Pesel", PESEL), "InvoiceWrite", target=unit) == 200
        assert claims(world.log_in(world.certificate(JANINA), unit))["per"] == ["InvoiceWrite"]
        assert world.status(world.certificate(JANINA), HERE) == 415


class TestSubunits:
    @pytest.mark.parametrize("kind", ["VatGroup", "JST"])
    def test_administrators_of_units_with_a_nip(self, world: World, owner: str, kind: str) -> None:
        unit, janina = ("Nip", UNIT), world.certificate(JANINA)
        assert world.grant_subunit(owner, ("Pesel", PESEL), unit, name=None) == 430
        world.organisation(FIRM_NIP, kind, UNIT)
        assert world.grant_subunit(owner, ("Pesel", PESEL), ("Nip", OFFICE), name=None) == 410
        assert world.grant_subunit(owner, ("Pesel", PESEL), unit, name=None) == 200
        manager = world.log_in(janina, unit)
        assert claims(manager)["per"] == ["CredentialsManage"]
        assert world.status(janina, HERE) == 415
        # The administrator lets others in.
        assert world.grant_person(manager, ("Nip", OFFICE), "InvoiceRead") == 200
        assert world.status(world.certificate(seal("Biuro", nip=OFFICE)), unit) == 200

        (listed,) = world.query(owner, "subunits")
        assert listed["subunitIdentifier"] == typed(unit)
        assert (listed["permissionScope"], "subunitName" in listed) == ("CredentialsManage", False)
        assert world.query(owner, "subunits", subunitIdentifier=typed(("InternalId", INTERNAL))) == []
        assert world.revoke(owner, listed["id"]) == 200
        assert world.status(janina, unit) == 415

    def test_a_unit_is_not_above_itself(self, world: World, owner: str) -> None:
        world.organisation(OFFICE, "JST", FIRM_NIP)
        assert world.grant_subunit(owner, ("Pesel", PESEL), ("Nip", UNIT), name=None) == 430

    def test_administrators_of_internal_units(self, world: World, owner: str) -> None:
        unit, janina = ("InternalId", INTERNAL), world.certificate(JANINA)
        assert world.grant_subunit(owner, ("Pesel", PESEL), ("InternalId", f"{OFFICE}-12347")) == 410
        assert world.status(janina, unit) == 415
        assert world.grant_subunit(owner, ("Pesel", PESEL), unit) == 200
        assert claims(world.log_in(janina, unit))["per"] == ["CredentialsManage"]
        (listed,) = world.query(owner, "subunits")
        assert listed | {"id": "", "startDate": ""} == {
            "id": "",
            "authorizedIdentifier": {"type": "Pesel", "value": PESEL},
            "subunitIdentifier": typed(unit),
            "authorIdentifier": typed(HERE),
            "permissionScope": "CredentialsManage",
            "description": "administrator jednostki",
            "subjectPersonDetails": {
                "subjectDetailsType": "PersonByIdentifier",
                "firstName": "Jan",
                "lastName": "Nowak",
            },
            "subunitName": "Jednostka 014",
            "startDate": "",
        }

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"contextIdentifier": typed(("InternalId", f"{FIRM_NIP}-12345"))}, "contextIdentifier.value"),
            ({"contextIdentifier": typed(("NipVatUe", COMPOUND))}, "$.contextIdentifier.type"),
            ({"subunitName": None}, "subunitName"),
            ({"subunitName": "ab"}, "subunitName"),
        ],
    )
    def test_what_is_wrong_with_a_unit(
        self, world: World, owner: str, change: dict[str, Any], field: str
    ) -> None:
        body = {
            "subjectIdentifier": typed(("Pesel", PESEL)),
            "contextIdentifier": typed(("InternalId", INTERNAL)),
            "description": "administrator jednostki",
            "subunitName": "Jednostka 014",
            "subjectDetails": JAN,
        }
        response = world.post("/permissions/subunits/grants", owner, body | change)
        if change.get("contextIdentifier", {}).get("type") == "InternalId":
            assert error(response)[::2] == (21405, ["Invalid checksum for internalId."])
        else:
            assert complaint(response) == field


class TestEuEntities:
    def test_administrator_and_representative(self, world: World, owner: str) -> None:
        by, there = "certificateFingerprint", ("NipVatUe", COMPOUND)
        hans, greta = world.certificate(person("Hans", "Schmidt", nip=UNIT)), world.certificate(JANINA)
        assert world.status(hans, there, by=by) == 415
        assert world.grant_eu_administration(owner, hans.fingerprint, f"{OFFICE}-DE123456789") == 410
        assert world.grant_eu_administration(owner, hans.fingerprint, COMPOUND) == 200
        administrator = world.log_in(hans, there, by=by)
        everything = ["VatUeManage", "InvoiceWrite", "InvoiceRead", "Introspection"]
        assert sorted(claims(administrator)["per"]) == sorted(everything)

        assert world.grant_eu(administrator, greta.fingerprint, "InvoiceRead") == 200
        assert claims(world.log_in(greta, there, by=by))["per"] == ["InvoiceRead"]

        # The NIP sees its administrators, the compound context everybody.
        from_nip, from_within = (world.query(token, "eu-entities") for token in (owner, administrator))
        assert sorted(item["permissionScope"] for item in from_nip) == sorted(everything)
        assert len(from_within) == 5
        (representative,) = (
            item for item in from_within if item["authorizedFingerprintIdentifier"] == greta.fingerprint
        )
        assert representative["vatUeIdentifier"] == "DE123456789"
        assert representative["euEntityName"] == "Firma G.m.b.H."
        assert representative["euEntityDetails"] == {"fullName": "Firma G.m.b.H.", "address": "Berlin"}
        assert representative["authorIdentifier"] == {"type": "Fingerprint", "value": hans.fingerprint}

        refused = world.api.call("DELETE", f"/permissions/common/grants/{representative['id']}", bearer=owner)
        assert refused.json()["reasonCode"] == "insufficient-resource-access"
        assert world.revoke(administrator, representative["id"]) == 200
        assert world.status(greta, there, by=by) == 415
        for item in from_nip:
            assert world.revoke(owner, item["id"]) == 200
        assert world.status(hans, there, by=by) == 415

    def test_filters(self, world: World, owner: str) -> None:
        first, second = "AB" * 32, "CD" * 32
        world.grant_eu_administration(owner, first, COMPOUND)
        world.grant_eu_administration(owner, second, f"{FIRM_NIP}-FRAB123456789")

        def found(**filters: Any) -> set[tuple[str, str]]:
            return {
                (item["authorizedFingerprintIdentifier"][:2], item["permissionScope"])
                for item in world.query(owner, "eu-entities", **filters)
            }

        assert len(found()) == 8
        assert {who for who, _ in found(vatUeIdentifier="FRAB123456789")} == {"CD"}
        assert {who for who, _ in found(authorizedFingerprintIdentifier="baba")} == {"AB"}
        assert found(permissionTypes=["VatUeManage"]) == {("AB", "VatUeManage"), ("CD", "VatUeManage")}
        assert found(vatUeIdentifier="DE123456789", permissionTypes=["InvoiceRead"]) == {
            ("AB", "InvoiceRead")
        }
        code, _, (detail,) = error(
            world.post("/permissions/query/eu-entities/grants", owner, {"vatUeIdentifier": "PL1234567890"})
        )
        assert (code, "'vatUeIdentifier'" in detail) == (21405, True)


class TestOperations:
    """Grants and revocations are asynchronous: nothing happens before the delay has passed."""

    def test_nothing_happens_before_the_polls(self, serve: Callable[..., tuple[MockServer, Api]]) -> None:
        mock, api = serve(delay=Delay(polls=2))
        world = World(mock, api)
        token = mock.issue_token(FIRM_NIP)
        owner = self._logged_in(world, token)
        assert world.grant_person(owner, ("Pesel", PESEL), "InvoiceRead") == 100
        *_, entry = [each for each in mock.journal.entries() if "/permissions/operations/" in each.path]
        path = entry.path.removeprefix("/v2")
        assert world.persons(owner) == []
        assert api.call("GET", path, bearer=owner).json()["status"]["code"] == 100
        status = api.call("GET", path, bearer=owner).json()["status"]
        assert status == {"code": 200, "description": "Operacja zakończona sukcesem"}
        assert len(world.persons(owner)) == 1

    def test_what_is_due_happens_without_a_poll(self, serve: Callable[..., tuple[MockServer, Api]]) -> None:
        mock, api = serve(delay=Delay(seconds=60))
        mock.clock.freeze()
        world = World(mock, api)
        token = mock.issue_token(FIRM_NIP)
        submitted = api.submit(api.token_request(token))
        mock.clock.advance(60)
        owner = api.redeem(submitted.json()["authenticationToken"]["token"]).json()["accessToken"]["token"]
        assert world.grant_person(owner, ("Pesel", PESEL), "InvoiceRead") == 100
        assert world.persons(owner) == []
        mock.clock.advance(59)
        assert world.persons(owner) == []
        mock.clock.advance(1)
        (granted,) = world.persons(owner)
        assert world.revoke(owner, granted["id"]) == 100
        assert len(world.persons(owner)) == 1
        mock.clock.advance(60)
        assert world.persons(owner) == []

    def test_credentials_must_still_be_good_when_it_is_carried_out(
        self, serve: Callable[..., tuple[MockServer, Api]]
    ) -> None:
        mock, api = serve()
        world = World(mock, api)
        owner = world.log_in(world.certificate(OWNER), HERE)
        world.grant_person(owner, ("Pesel", PESEL), "CredentialsManage")
        manager = world.log_in(world.certificate(JANINA), HERE)
        assert world.grant_person(manager, ("Pesel", OTHER_PESEL), "InvoiceRead") == 200
        granted = {item["permissionScope"]: item["id"] for item in world.persons(owner)}
        assert world.revoke(owner, granted["CredentialsManage"]) == 200
        # The access token still says that Janina manages permissions.
        assert world.grant_person(manager, ("Pesel", OTHER_PESEL), "InvoiceWrite") == 420
        assert world.revoke(manager, granted["InvoiceRead"]) == 420
        assert [item["permissionScope"] for item in world.persons(owner)] == ["InvoiceRead"]

    @pytest.mark.parametrize("status", [400, 410, 420, 430, 440, 450, 500, 550])
    def test_a_fault_can_end_it(self, world: World, owner: str, status: int) -> None:
        world.grant_person(owner, ("Pesel", PESEL), "InvoiceRead")
        (granted,) = world.persons(owner)
        # Logins have faults of their own: this one passes by.
        world.mock.faults.add(path="*", outcome=550, times=1)
        world.mock.faults.add(path="/permissions/*", outcome=status, times=2)
        assert world.grant_person(owner, ("Pesel", OTHER_PESEL), "InvoiceRead") == status
        assert world.revoke(owner, granted["id"]) == status
        assert world.persons(owner) == [granted]
        assert world.revoke(owner, granted["id"]) == 200

    def test_a_fault_can_hold_it(self, world: World, owner: str) -> None:
        world.mock.clock.freeze()
        world.mock.faults.add(path="/permissions/persons/grants", hold=Hold(polls=1, seconds=5))
        assert world.grant_person(owner, ("Pesel", PESEL), "InvoiceRead") == 100
        path = f"/permissions/operations/{world.operations[-1]}"
        assert world.api.call("GET", path, bearer=owner).json()["status"]["code"] == 100
        assert world.persons(owner) == []
        world.mock.clock.advance(5)
        assert world.api.call("GET", path, bearer=owner).json()["status"]["code"] == 200
        assert len(world.persons(owner)) == 1
        (state,) = world.mock.faults.states()
        assert "change of permissions stays at 100" in state.fault.describe()

    def test_status_is_gone_after_30_days(self, world: World, owner: str) -> None:
        started = world.post("/permissions/entities/grants", owner, _entity_order(OFFICE))
        path = f"/permissions/operations/{started.json()['referenceNumber']}"
        day = 86_400
        world.mock.clock.advance(30 * day - 60)
        again = world.log_in(world.certificate(OWNER), HERE)
        assert world.api.call("GET", path, bearer=again).status_code == 200
        world.mock.clock.advance(60)
        assert world.api.call("GET", path, bearer=again).status_code == 410

    def test_whose_operation_it_is(self, world: World, owner: str) -> None:
        started = world.post("/permissions/entities/grants", owner, _entity_order(OFFICE))
        path = f"/permissions/operations/{started.json()['referenceNumber']}"
        stranger = world.log_in(world.certificate(seal("Biuro", nip=OFFICE)), ("Nip", OFFICE))
        refused = world.api.call("GET", path, bearer=stranger)
        assert (refused.status_code, refused.json()["reasonCode"]) == (403, "insufficient-resource-access")
        unknown = "20250626-EG-333C814000-C529F710D8-D2"
        assert error(world.api.call("GET", f"/permissions/operations/{unknown}", bearer=owner))[0] == 21405
        assert error(world.api.call("GET", "/permissions/operations/1", bearer=owner))[0] == 21405

    def test_the_same_grant_again_changes_nothing(self, world: World, owner: str) -> None:
        for _ in range(2):
            assert world.grant_person(owner, ("Pesel", PESEL), "InvoiceRead") == 200
        assert len(world.persons(owner)) == 1

    def _logged_in(self, world: World, token: str) -> str:
        submitted = world.api.submit(world.api.token_request(token))
        started = submitted.json()
        for _ in range(3):
            world.api.status(submitted)
        redeemed = world.api.redeem(started["authenticationToken"]["token"])
        access: str = redeemed.json()["accessToken"]["token"]
        return access


def _entity_order(nip: str, **changes: Any) -> dict[str, Any]:
    return {
        "subjectIdentifier": typed(("Nip", nip)),
        "permissions": [{"type": "InvoiceRead"}],
        "description": "uprawnienia podmiotu",
        "subjectDetails": FIRM,
    } | changes


def _person_order(**changes: Any) -> dict[str, Any]:
    return {
        "subjectIdentifier": typed(("Pesel", PESEL)),
        "permissions": ["InvoiceRead"],
        "description": "uprawnienia osoby",
        "subjectDetails": JAN,
    } | changes


def _by_fingerprint(**details: Any) -> dict[str, Any]:
    return {"subjectIdentifier": typed(("Fingerprint", "AB" * 32)), "subjectDetails": HANS | details}


KNOWN = {"firstName": "Adam", "lastName": "Abacki", "identifier": typed(("Pesel", PESEL))}
NO_ID: Any = HANS["personByFpNoId"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subjectIdentifier": typed(("InternalId", INTERNAL))}, "$.subjectIdentifier.type"),
        ({"subjectIdentifier": {"type": "Pesel"}}, "subjectIdentifier.value"),
        ({"subjectIdentifier": typed(("Pesel", FIRM_NIP))}, "subjectIdentifier.value"),
        ({"subjectIdentifier": typed(("Fingerprint", "AB" * 32))}, "subjectDetails.subjectDetailsType"),
        ({"permissions": []}, "permissions"),
        ({"permissions": ["InvoiceRead", "InvoiceRead"]}, "permissions[1]"),
        ({"permissions": ["InvoiceRead", "VatUeManage"]}, "$.permissions[1]"),
        ({"permissions": ["Owner"]}, "$.permissions[0]"),
        ({"permissions": None}, "permissions"),
        ({"description": "1234"}, "description"),
        ({"description": "x" * 257}, "description"),
        ({"subjectDetails": {"subjectDetailsType": "PersonByIdentifier"}}, "subjectDetails.personById"),
        ({"subjectDetails": {"subjectDetailsType": "Nobody"}}, "$.subjectDetails.subjectDetailsType"),
        ({"subjectDetails": HANS}, "subjectDetails.subjectDetailsType"),
        (_by_fingerprint(personByFpNoId=None), "subjectDetails.personByFpNoId"),
        (
            _by_fingerprint(subjectDetailsType="PersonByFingerprintWithIdentifier"),
            "subjectDetails.personByFpWithId",
        ),
        (
            _by_fingerprint(
                subjectDetailsType="PersonByFingerprintWithIdentifier",
                personByFpWithId=KNOWN | {"identifier": typed(("Nip", PESEL))},
            ),
            "subjectDetails.personByFpWithId.identifier.value",
        ),
        (
            _by_fingerprint(
                personByFpNoId=NO_ID | {"idDocument": {"type": "ID", "number": "1", "country": "de"}}
            ),
            "subjectDetails.personByFpNoId.idDocument.country",
        ),
        (
            _by_fingerprint(personByFpNoId=NO_ID | {"birthDate": "29.02.1980"}),
            "$.subjectDetails.personByFpNoId.birthDate",
        ),
    ],
)
def test_what_is_wrong_with_an_order(world: World, owner: str, change: dict[str, Any], field: str) -> None:
    assert complaint(world.post("/permissions/persons/grants", owner, _person_order(**change))) == field


@pytest.mark.parametrize(
    "change",
    [{}, _by_fingerprint(subjectDetailsType="PersonByFingerprintWithIdentifier", personByFpWithId=KNOWN)],
)
def test_what_is_right_with_an_order(world: World, owner: str, change: dict[str, Any]) -> None:
    assert world.post("/permissions/persons/grants", owner, _person_order(**change)).status_code == 202


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subjectIdentifier": typed(("Pesel", PESEL))}, "$.subjectIdentifier.type"),
        ({"permissions": [{"type": "CredentialsManage"}]}, "$.permissions[0].type"),
        ({"permissions": [{"canDelegate": True}]}, "permissions[0].type"),
        ({"subjectDetails": {"fullName": "abc"}}, "subjectDetails.fullName"),
    ],
)
def test_what_is_wrong_with_an_entity(world: World, owner: str, change: dict[str, Any], field: str) -> None:
    body = _entity_order(OFFICE, **change)
    assert complaint(world.post("/permissions/entities/grants", owner, body)) == field


def test_all_partners_have_no_value(world: World, owner: str) -> None:
    body = _person_order(targetIdentifier={"type": "AllPartners", "value": OFFICE})
    code, _, (detail,) = error(world.post("/permissions/indirect/grants", owner, body))
    assert (code, "'targetIdentifier.value'" in detail) == (21405, True)
