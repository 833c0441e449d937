from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ksef_mock.clock import iso
from ksef_mock.core.identifiers import Identifier
from ksef_mock.ksef.subjects.subjects import Role
from ksef_mock.system.system import System
from ksef_mock.testing import MockServer
from tests.support import Api, complaint, error

NIP, OTHER_NIP, PESEL, OTHER_PESEL = "5265877635", "8432123452", "90010112349", "85051543216"
FINGERPRINT = "AB" * 32

SUBJECT = {"subjectNip": NIP, "subjectType": "VatGroup", "description": "Grupa VAT"}
UNIT = {"subjectNip": OTHER_NIP, "description": "Członek grupy"}
PERSON = {"nip": NIP, "pesel": PESEL, "isBailiff": False, "description": "Anna Nowak"}
READ = {"permissionType": "InvoiceRead", "description": "Przegląda faktury"}
GRANT = {
    "contextIdentifier": {"type": "Nip", "value": NIP},
    "authorizedIdentifier": {"type": "Pesel", "value": PESEL},
    "permissions": [READ],
}
BLOCK = {"contextIdentifier": {"type": "Nip", "value": NIP}}

BODIES: dict[str, dict[str, Any]] = {
    "/testdata/subject": SUBJECT,
    "/testdata/subject/remove": {"subjectNip": NIP},
    "/testdata/person": PERSON,
    "/testdata/person/remove": {"nip": NIP},
    "/testdata/permissions": GRANT,
    "/testdata/permissions/revoke": {name: GRANT[name] for name in GRANT if name != "permissions"},
    "/testdata/context/block": BLOCK,
    "/testdata/context/unblock": BLOCK,
}


def post(api: Api, path: str, body: Any = None, **changes: Any) -> httpx.Response:
    return api.call("POST", path, json=(BODIES[path] if body is None else body) | changes)


def done(api: Api, path: str, **changes: Any) -> None:
    response = post(api, path, **changes)
    assert (response.status_code, response.content) == (200, b""), response.text


def system_of(mock: MockServer) -> System:
    return mock._running


def permissions(mock: MockServer, subject: Identifier, context: Identifier) -> tuple[int, tuple[str, ...]]:
    """Status and permissions of a login."""
    decision = mock._call(system_of(mock).permissions.admit(subject, context))
    return int(decision.verdict.status), decision.permissions


def roles(mock: MockServer, nip: str) -> tuple[Role, ...]:
    return tuple(held.role for held in mock._call(system_of(mock).subjects.roles(nip)))


OWN, BY_PESEL = Identifier("Nip", NIP), Identifier("Pesel", PESEL)


@pytest.mark.parametrize("profile", ["demo", "prod"])
def test_only_test_has_test_data(serve: Callable[..., Any], profile: str) -> None:
    _, api = serve(profile=profile)
    assert {path: post(api, path).status_code for path in BODIES} == dict.fromkeys(BODIES, 404)


@pytest.mark.parametrize("path", BODIES)
def test_the_documented_body_is_answered_200_with_nothing(api: Api, path: str) -> None:
    done(api, path)


def required(body: dict[str, Any], at: str = "") -> list[str]:
    """The paths of all members of a body."""
    found = []
    for name, value in body.items():
        found.append(at + name)
        if isinstance(value, dict):
            found += required(value, f"{at}{name}.")
    return found


def without(body: dict[str, Any], path: str) -> dict[str, Any]:
    name, _, rest = path.partition(".")
    if not rest:
        return {key: value for key, value in body.items() if key != name}
    return body | {name: without(body[name], rest)}


@pytest.mark.parametrize(
    ("path", "member"), [(path, member) for path, body in BODIES.items() for member in required(body)]
)
def test_each_member_is_required(api: Api, path: str, member: str) -> None:
    code, description, details = error(post(api, path, without(BODIES[path], member)))
    assert (code, description) == (21405, "Błąd walidacji danych wejściowych.")
    assert details == [f"'{member}' must not be empty."]


@pytest.mark.parametrize(
    ("path", "change", "field"),
    [
        ("/testdata/subject", {"subjectNip": "0265877635"}, "subjectNip"),
        ("/testdata/subject", {"subjectNip": f"{NIP}\n"}, "subjectNip"),
        ("/testdata/subject", {"subjectNip": NIP[:-1]}, "subjectNip"),
        ("/testdata/subject", {"subjectNip": "526587763\u0665"}, "subjectNip"),
        ("/testdata/subject", {"subjectType": "Group"}, "$.subjectType"),
        ("/testdata/subject", {"description": "1234"}, "description"),
        ("/testdata/subject", {"description": "x" * 257}, "description"),
        ("/testdata/subject", {"createdDate": "yesterday"}, "$.createdDate"),
        ("/testdata/subject", {"subunits": [UNIT | {"subjectNip": "1"}]}, "subunits[0].subjectNip"),
        ("/testdata/subject/remove", {"subjectNip": 5265877635}, "$.subjectNip"),
        ("/testdata/person", {"nip": ""}, "nip"),
        ("/testdata/person", {"pesel": "90130112349"}, "pesel"),
        ("/testdata/person", {"pesel": f"{PESEL}0"}, "pesel"),
        ("/testdata/person", {"isBailiff": "yes"}, "$.isBailiff"),
        ("/testdata/person/remove", {"nip": None}, "nip"),
        (
            "/testdata/permissions",
            {"contextIdentifier": {"type": "Nip", "value": PESEL}},
            "contextIdentifier.value",
        ),
        (
            "/testdata/permissions",
            {"contextIdentifier": {"type": "InternalId", "value": f"{NIP}-12345"}},
            "$.contextIdentifier.type",
        ),
        (
            "/testdata/permissions",
            {"authorizedIdentifier": {"type": "Nip", "value": PESEL}},
            "authorizedIdentifier.value",
        ),
        (
            "/testdata/permissions",
            {"authorizedIdentifier": {"type": "Pesel", "value": NIP}},
            "authorizedIdentifier.value",
        ),
        (
            "/testdata/permissions",
            {"authorizedIdentifier": {"type": "Fingerprint", "value": PESEL}},
            "authorizedIdentifier.value",
        ),
        (
            "/testdata/permissions",
            {"authorizedIdentifier": {"type": "InternalId", "value": f"{NIP}-12345"}},
            "$.authorizedIdentifier.type",
        ),
        (
            "/testdata/permissions",
            {"permissions": [READ | {"permissionType": "Owner"}]},
            "$.permissions[0].permissionType",
        ),
        (
            "/testdata/permissions",
            {"permissions": [READ | {"description": "1234"}]},
            "permissions[0].description",
        ),
        (
            "/testdata/permissions/revoke",
            {"authorizedIdentifier": {"type": "Pesel", "value": NIP}},
            "authorizedIdentifier.value",
        ),
        ("/testdata/context/block", {"contextIdentifier": None}, "contextIdentifier"),
        (
            "/testdata/context/block",
            {"contextIdentifier": {"type": "Nip", "value": f"{NIP}-12345"}},
            "contextIdentifier.value",
        ),
        (
            "/testdata/context/unblock",
            {"contextIdentifier": {"type": "Pesel", "value": PESEL}},
            "$.contextIdentifier.type",
        ),
    ],
)
def test_wrong_values_are_refused(api: Api, path: str, change: dict[str, Any], field: str) -> None:
    assert complaint(post(api, path, **change)) == field


@pytest.mark.parametrize(
    "change",
    [
        {"subunits": [UNIT, UNIT]},
        {"subunits": [UNIT | {"subjectNip": NIP}]},
        {"subunits": [UNIT], "subjectType": "EnforcementAuthority"},
    ],
)
def test_wrong_units_are_refused(api: Api, change: dict[str, Any]) -> None:
    code, _, details = error(post(api, "/testdata/subject", **change))
    assert (code, len(details)) == (21405, 1)


def test_the_body_must_be_json(api: Api) -> None:
    path = "/testdata/person"
    assert api.call("POST", path, content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    for content, code in ((b"", 21405), (b"{", 21001), (b"[]", 21001), (b"null", 21405)):
        answer = api.call("POST", path, content=content, headers={"Content-Type": "application/json"})
        assert error(answer)[0] == code


def test_what_was_done_is_in_the_journal(ksef_mock: MockServer, api: Api) -> None:
    done(api, "/testdata/permissions")
    (entry,) = ksef_mock.journal.entries(path="/v2/testdata/permissions")
    assert entry.decisions[-1].reason == f"Pesel:{PESEL} may InvoiceRead in Nip:{NIP}"


def test_a_person_s_pesel_becomes_the_owner(ksef_mock: MockServer, api: Api) -> None:
    assert permissions(ksef_mock, BY_PESEL, OWN) == (415, ())
    done(api, "/testdata/person")
    assert permissions(ksef_mock, BY_PESEL, OWN) == (200, ("Owner",))
    done(api, "/testdata/person/remove")
    assert permissions(ksef_mock, BY_PESEL, OWN) == (415, ())


def test_a_bailiff_may_enforce(ksef_mock: MockServer, api: Api) -> None:
    done(api, "/testdata/person", isBailiff=True)
    assert permissions(ksef_mock, BY_PESEL, OWN) == (200, ("Owner", "EnforcementOperations"))
    assert roles(ksef_mock, NIP) == (Role.COURT_BAILIFF,)


def test_a_deceased_person_cannot_log_in(ksef_mock: MockServer, api: Api) -> None:
    done(api, "/testdata/person", isDeceased=True)
    assert permissions(ksef_mock, OWN, OWN) == (470, ())


def test_a_person_exists_once_by_nip_and_by_pesel(ksef_mock: MockServer, api: Api) -> None:
    done(api, "/testdata/person")
    for change in ({}, {"pesel": OTHER_PESEL}, {"nip": OTHER_NIP}):
        code, description, details = error(post(api, "/testdata/person", **change))
        assert (code, description) == (30001, "Podmiot lub uprawnienie już istnieje.")
        assert details == []
    # The refused ones have left no trace.
    done(api, "/testdata/person", nip=OTHER_NIP, pesel=OTHER_PESEL)
    assert permissions(ksef_mock, Identifier("Pesel", OTHER_PESEL), OWN) == (415, ())


def test_whoever_is_removed_can_be_made_again_with_another_pesel(ksef_mock: MockServer, api: Api) -> None:
    done(api, "/testdata/person")
    done(api, "/testdata/person/remove")
    done(api, "/testdata/person/remove")
    done(api, "/testdata/person", pesel=OTHER_PESEL)
    assert permissions(ksef_mock, BY_PESEL, OWN) == (415, ())
    assert permissions(ksef_mock, Identifier("Pesel", OTHER_PESEL), OWN) == (200, ("Owner",))


def test_a_role_begins_when_its_subject_was_made_to_the_tick(ksef_mock: MockServer, api: Api) -> None:
    done(api, "/testdata/subject", createdDate="2025-08-25T14:15:22.1234567+02:00")
    (held,) = ksef_mock._call(system_of(ksef_mock).subjects.roles(NIP))
    assert iso(held.since) == "2025-08-25T12:15:22.1234567+00:00"


@pytest.mark.parametrize(
    ("path", "removal"),
    [("/testdata/person", "/testdata/person/remove"), ("/testdata/subject", "/testdata/subject/remove")],
)
def test_a_creation_date_must_be_later_than_the_one_before(api: Api, path: str, removal: str) -> None:
    done(api, path, createdDate="2025-08-25T14:15:22+02:00")
    done(api, removal)
    for date in ("2025-08-25T12:15:22+00:00", "2025-08-25T12:15:21.9999999Z"):
        code, _, (detail,) = error(post(api, path, createdDate=date))
        assert code == 21405
        assert "'createdDate'" in detail
    done(api, path, createdDate="2025-08-25T12:15:23Z")
    done(api, removal)
    done(api, path)


def test_a_removed_person_loses_every_permission(ksef_mock: MockServer, api: Api) -> None:
    other = Identifier("Nip", OTHER_NIP)
    done(api, "/testdata/person")
    for identifier in ({"type": "Nip", "value": NIP}, {"type": "Pesel", "value": PESEL}):
        done(
            api,
            "/testdata/permissions",
            contextIdentifier={"type": "Nip", "value": OTHER_NIP},
            authorizedIdentifier=identifier,
        )
    assert permissions(ksef_mock, BY_PESEL, other) == (200, ("InvoiceRead",))
    done(api, "/testdata/person/remove")
    assert permissions(ksef_mock, OWN, other) == permissions(ksef_mock, BY_PESEL, other) == (415, ())


@pytest.mark.parametrize(
    ("kind", "role", "unit_role"),
    [
        ("VatGroup", Role.VAT_GROUP_UNIT, Role.VAT_GROUP_SUB_UNIT),
        ("JST", Role.LOCAL_GOVERNMENT_UNIT, Role.LOCAL_GOVERNMENT_SUB_UNIT),
    ],
)
def test_units_live_and_die_with_their_parent(
    ksef_mock: MockServer, api: Api, kind: str, role: Role, unit_role: Role
) -> None:
    done(api, "/testdata/subject", subjectType=kind, subunits=[UNIT])
    assert (roles(ksef_mock, NIP), roles(ksef_mock, OTHER_NIP)) == ((role,), (unit_role,))
    done(api, "/testdata/subject/remove")
    assert roles(ksef_mock, NIP) == roles(ksef_mock, OTHER_NIP) == ()


def test_a_unit_that_has_moved_on_survives_its_former_parent(ksef_mock: MockServer, api: Api) -> None:
    done(api, "/testdata/subject", subunits=[UNIT])
    done(api, "/testdata/subject/remove", subjectNip=OTHER_NIP)
    done(api, "/testdata/subject", subjectNip=OTHER_NIP, subjectType="JST")
    done(api, "/testdata/subject/remove")
    assert roles(ksef_mock, OTHER_NIP) == (Role.LOCAL_GOVERNMENT_UNIT,)


def test_an_enforcement_authority_has_its_role(ksef_mock: MockServer, api: Api) -> None:
    done(api, "/testdata/subject", subjectType="EnforcementAuthority", subunits=None)
    assert roles(ksef_mock, NIP) == (Role.ENFORCEMENT_AUTHORITY,)


def test_an_organisation_exists_once(ksef_mock: MockServer, api: Api) -> None:
    done(api, "/testdata/subject")
    assert error(post(api, "/testdata/subject"))[0] == 30001
    third = "1111111111"
    # A unit is an organisation too; nothing is made when one of them exists already.
    units = [UNIT, UNIT | {"subjectNip": NIP}]
    assert error(post(api, "/testdata/subject", subjectNip=third, subunits=units))[0] == 30001
    assert roles(ksef_mock, third) == roles(ksef_mock, OTHER_NIP) == ()


@pytest.mark.parametrize(
    "identifier",
    [
        {"type": "Nip", "value": OTHER_NIP},
        {"type": "Pesel", "value": PESEL},
        {"type": "Fingerprint", "value": FINGERPRINT},
    ],
)
def test_permissions_are_granted_and_revoked(
    ksef_mock: MockServer, api: Api, identifier: dict[str, str]
) -> None:
    subject = Identifier(**identifier)
    write = {"permissionType": "InvoiceWrite", "description": "Wystawia faktury"}
    done(api, "/testdata/permissions", authorizedIdentifier=identifier)
    done(api, "/testdata/permissions", authorizedIdentifier=identifier, permissions=[READ, write])
    assert permissions(ksef_mock, subject, OWN) == (200, ("InvoiceRead", "InvoiceWrite"))
    done(api, "/testdata/permissions/revoke", authorizedIdentifier=identifier)
    assert permissions(ksef_mock, subject, OWN) == (415, ())
    done(api, "/testdata/permissions/revoke", authorizedIdentifier=identifier)


@pytest.mark.parametrize(
    "permission",
    [
        "InvoiceRead",
        "InvoiceWrite",
        "Introspection",
        "CredentialsRead",
        "CredentialsManage",
        "EnforcementOperations",
        "SubunitManage",
    ],
)
def test_each_documented_permission_can_be_granted(ksef_mock: MockServer, api: Api, permission: str) -> None:
    done(api, "/testdata/permissions", permissions=[READ | {"permissionType": permission}])
    assert permissions(ksef_mock, BY_PESEL, OWN) == (200, (permission,))


def test_granting_nothing_is_no_error(ksef_mock: MockServer, api: Api) -> None:
    done(api, "/testdata/permissions", permissions=[])
    assert permissions(ksef_mock, BY_PESEL, OWN) == (415, ())


@pytest.mark.parametrize(
    "context",
    [
        {"type": "Nip", "value": NIP},
        {"type": "InternalId", "value": f"{NIP}-12345"},
        {"type": "NipVatUe", "value": f"{NIP}-DE123456789"},
        {"type": "PeppolId", "value": "PPL123456"},
    ],
)
def test_a_context_is_blocked_and_unblocked(ksef_mock: MockServer, api: Api, context: dict[str, str]) -> None:
    identifier = Identifier(**context)
    done(api, "/testdata/context/block", contextIdentifier=context)
    assert permissions(ksef_mock, OWN, identifier) == (480, ())
    done(api, "/testdata/context/unblock", contextIdentifier=context)
    assert permissions(ksef_mock, OWN, identifier)[0] in (200, 415)


def test_a_reset_forgets_all_of_it(ksef_mock: MockServer, api: Api) -> None:
    for path in ("/testdata/person", "/testdata/subject", "/testdata/permissions", "/testdata/context/block"):
        done(api, path)
    ksef_mock.reset()
    assert permissions(ksef_mock, BY_PESEL, OWN) == (415, ())
    assert roles(ksef_mock, NIP) == ()
