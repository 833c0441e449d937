"""Defects of /permissions: bodies read too kindly, filters without effect, grants that open too much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ksef_mock.core.identifiers import Identifier
from ksef_mock.defects.catalogue import defect, table
from ksef_mock.defects.mock import Mock
from ksef_mock.ksef.permissions.grants import Grant, GrantKind

_GRANTS = "/permissions/.*/grants"
_QUERY = "/permissions/query/{}"
_PERSON = {
    "subjectDetailsType": "PersonByIdentifier",
    "personById": {"firstName": "Jan", "lastName": "Nowak"},
}


# -- bodies -----------------------------------------------------------------------------------------------


def _given(path: str, member: str, value: Any) -> Callable[[Mock], None]:
    """Read a body without a member as if it had this one."""
    return lambda mock: mock.edit_body(
        lambda body: body.setdefault(member, value), method="POST", path=f"/permissions/{path}"
    )


def _fitted(member: str, shortest: int, longest: int, *inside: str) -> Callable[[Mock], None]:
    """Read a text that is too short or too long as one that fits. `inside`: the objects that it is in."""

    def change(body: dict[str, Any]) -> None:
        place: Any = body
        for step in inside:
            place = place.get(step) if isinstance(place, dict) else None
        if isinstance(place, dict) and isinstance(place.get(member), str):
            place[member] = place[member].ljust(shortest, ".")[:longest]

    return lambda mock: mock.edit_body(change, method="POST", path=_GRANTS)


def _swapped(path: str, member: str, wrong: Any, right: Any) -> Callable[[Mock], None]:
    """Read one value that is wrong as another one."""

    def change(body: dict[str, Any]) -> None:
        if body.get(member) == wrong:
            body[member] = right

    return lambda mock: mock.edit_body(change, method="POST", path=f"/permissions/{path}")


KIND_BODIES = table(
    "permissions",
    (
        (
            f"{name}-may-be-missing",
            f"A body of POST /permissions/{path} may lack {member}.",
            f"{member} is required at POST /permissions/{path}.",
            _given(path, member, value),
        )
        for name, path, member, value in (
            ("description-of-a-person-grant", "persons/grants", "description", "no word"),
            ("description-of-an-entity-grant", "entities/grants", "description", "no word"),
            ("description-of-an-authorization", "authorizations/grants", "description", "no word"),
            ("details-of-a-person", "persons/grants", "subjectDetails", _PERSON),
            ("details-of-a-firm", "entities/grants", "subjectDetails", {"fullName": "Somebody"}),
            ("permissions-of-a-person", "persons/grants", "permissions", ["InvoiceRead"]),
            ("kind-of-an-authorization", "authorizations/grants", "permission", "RRInvoicing"),
            (
                "unit-of-an-administrator",
                "subunits/grants",
                "contextIdentifier",
                {"type": "Nip", "value": "1111111111"},
            ),
            ("name-of-an-eu-entity", "eu-entities/administration/grants", "euEntityName", "Nameless"),
            (
                "type-of-a-query-for-persons",
                "query/persons/grants",
                "queryType",
                "PermissionsInCurrentContext",
            ),
            ("type-of-a-query-for-authorizations", "query/authorizations/grants", "queryType", "Granted"),
        )
    ),
)

KIND_LENGTHS = table(
    "permissions",
    (
        (
            f"length-of-{name}-is-not-checked",
            f"{member} under /permissions may have any length.",
            f"{member} under /permissions has {shortest} to {longest} characters.",
            _fitted(member, shortest, longest, *inside),
        )
        for name, member, shortest, longest, inside in (
            ("the-description-of-a-grant", "description", 5, 256, ()),
            ("a-first-name", "firstName", 2, 30, ("subjectDetails", "personById")),
            ("a-last-name", "lastName", 2, 81, ("subjectDetails", "personById")),
            ("the-name-of-a-firm", "fullName", 5, 90, ("subjectDetails",)),
            ("the-name-of-a-unit", "subunitName", 5, 256, ()),
            ("the-name-of-an-eu-entity", "euEntityName", 5, 256, ()),
        )
    ),
)

KIND_VALUES = table(
    "permissions",
    (
        (
            name,
            f"POST /permissions/{path} takes {wrong!r} for {right!r} as {member}.",
            f"A value of {member} that the document does not know is refused.",
            _swapped(path, member, wrong, right),
        )
        for name, path, member, wrong, right in (
            (
                "unknown-permission-is-granted",
                "persons/grants",
                "permissions",
                ["Everything"],
                ["InvoiceRead"],
            ),
            (
                "any-permission-is-passed-on",
                "indirect/grants",
                "permissions",
                ["SubunitManage"],
                ["InvoiceRead"],
            ),
            (
                "any-authorization-is-given",
                "authorizations/grants",
                "permission",
                "InvoiceRead",
                "SelfInvoicing",
            ),
            (
                "unknown-query-type-is-taken",
                "query/persons/grants",
                "queryType",
                "Everything",
                "PermissionsInCurrentContext",
            ),
            ("unknown-state-is-taken", "query/personal/grants", "permissionState", "Sleeping", None),
            ("unknown-vat-number-is-taken", "query/eu-entities/grants", "vatUeIdentifier", "XX123", None),
        )
    ),
)


# -- queries ----------------------------------------------------------------------------------------------


def _unfiltered(path: str, member: str) -> Callable[[Mock], None]:
    return lambda mock: mock.edit_body(
        lambda body: body.pop(member, None), method="POST", path=f"/permissions/query/{path}"
    )


FILTERS = table(
    "permissions",
    (
        (
            f"{member.lower()}-of-{what}-is-ignored",
            f"{member} of POST /permissions/query/{path} counts for nothing.",
            f"{member} of POST /permissions/query/{path} leaves out what has it not.",
            _unfiltered(path, member),
        )
        for what, path, members in (
            (
                "persons",
                "persons/grants",
                ("authorizedIdentifier", "authorIdentifier", "permissionState", "permissionTypes"),
            ),
            (
                "own-permissions",
                "personal/grants",
                ("permissionTypes", "permissionState", "contextIdentifier"),
            ),
            ("authorizations", "authorizations/grants", ("permissionTypes", "authorizedIdentifier")),
            ("units", "subunits/grants", ("subunitIdentifier",)),
            ("subordinates", "subordinate-entities/roles", ("subordinateEntityIdentifier",)),
            (
                "eu-entities",
                "eu-entities/grants",
                ("vatUeIdentifier", "authorizedFingerprintIdentifier", "permissionTypes"),
            ),
        )
        for member in members
    ),
)


def _told(path: str, listed: str, **members: Any) -> Callable[[Mock], None]:
    """Say something else of every entry of a list."""

    def change(body: dict[str, Any]) -> None:
        for entry in body.get(listed, ()):
            entry |= members

    return lambda mock: mock.edit_json(change, path=f"/permissions/query/{path}", status=200)


ANSWERS = table(
    "permissions",
    (
        (
            name,
            f"Every entry of /permissions/query/{path} has {', '.join(map(str, members))} as it is not.",
            f"Entries of /permissions/query/{path} say what was granted.",
            _told(path, listed, **members),
        )
        for name, path, listed, members in (
            ("permissions-look-inactive", "persons/grants", "permissions", {"permissionState": "Inactive"}),
            ("persons-may-delegate", "persons/grants", "permissions", {"canDelegate": True}),
            (
                "system-is-the-author",
                "persons/grants",
                "permissions",
                {"authorIdentifier": {"type": "System"}},
            ),
            ("firms-may-not-delegate", "entities/grants", "permissions", {"canDelegate": False}),
            (
                "giver-is-somebody-else",
                "entities/grants",
                "permissions",
                {"contextIdentifier": {"type": "Nip", "value": "1111111111"}},
            ),
            ("units-lose-their-names", "subunits/grants", "permissions", {"subunitName": None}),
            (
                "eu-entities-lose-their-names",
                "eu-entities/grants",
                "permissions",
                {"euEntityName": "Somebody"},
            ),
            ("everybody-is-a-bailiff", "entities/roles", "roles", {"role": "CourtBailiff"}),
            ("units-lose-their-parent", "entities/roles", "roles", {"parentEntityIdentifier": None}),
        )
    ),
)


@defect("hasMore says whether there is another page of permissions.")
def permissions_never_have_more(mock: Mock) -> None:
    """hasMore of permissions is always false."""
    mock.edit_json(lambda body: body.update(hasMore=False), path="/permissions/query/.*", status=200)


@defect("pageOffset leads to another page of permissions.")
def permissions_have_one_page(mock: Mock) -> None:
    """pageOffset of a query for permissions is ignored."""

    def change(ask: Any) -> None:
        ask.query = "&".join(part for part in ask.query.split("&") if not part.startswith("pageOffset="))

    mock.edit_request(change, method="POST", path="/permissions/query/.*")


@defect("queryType Received lists what a firm was authorized to, Granted what it has given.")
def authorizations_have_one_direction(mock: Mock) -> None:
    """queryType of a query for authorizations is always read as Granted."""
    mock.edit_body(
        lambda body: body.update(queryType="Granted"),
        method="POST",
        path=_QUERY.format("authorizations/grants"),
    )


@defect("Attachments are allowed from POST /testdata/attachment on, and not before.")
def attachments_are_always_allowed(mock: Mock) -> None:
    """Everybody may send attachments."""
    mock.edit_json(
        lambda body: body.update(isAttachmentAllowed=True), path="/permissions/attachments/status", status=200
    )


# -- effects ----------------------------------------------------------------------------------------------


def _granting_otherwise(change: Callable[[Grant], Grant]) -> Callable[[Mock], None]:
    """Give something else than was asked for."""

    def make(original: Any) -> Any:
        async def judged(asked: Any) -> Any:
            grants = tuple(change(grant) for grant in asked.grants)
            return await original(msgspec.structs.replace(asked, grants=grants))

        return judged

    return lambda mock: mock.replace(mock.system.permissions, "_judged", make)


def _of_kind(kind: GrantKind, /, **members: Any) -> Callable[[Grant], Grant]:
    return lambda grant: msgspec.structs.replace(grant, **members) if grant.kind is kind else grant


def _in_the_firm(grant: Grant) -> Grant:
    if grant.kind is not GrantKind.SUBUNIT or grant.context is None or grant.context.nip is None:
        return grant
    return msgspec.structs.replace(grant, context=Identifier("Nip", grant.context.nip))


EFFECTS = table(
    "permissions",
    (
        (
            "undelegated-permissions-are-delegated",
            "What a client keeps to its accounting office alone, the office passes on.",
            "An entity passes on only what it was granted with canDelegate.",
            _granting_otherwise(_of_kind(GrantKind.ENTITY, can_delegate=True)),
        ),
        (
            "no-permission-is-delegated",
            "canDelegate of an entity's permission is lost.",
            "An entity passes on what it was granted with canDelegate.",
            _granting_otherwise(_of_kind(GrantKind.ENTITY, can_delegate=False)),
        ),
        (
            "administrator-of-a-unit-gets-the-firm",
            "The administrator of a unit is admitted to the firm instead of the unit.",
            "The administrator of a unit is admitted to the unit.",
            _granting_otherwise(_in_the_firm),
        ),
        (
            "authorization-is-a-permission",
            "Who is authorized to invoice is admitted to the context.",
            "An authorization opens no context.",
            _granting_otherwise(
                _of_kind(GrantKind.AUTHORIZATION, kind=GrantKind.ENTITY, permission="InvoiceRead")
            ),
        ),
        (
            "eu-administrators-manage-nothing",
            "The administrator of an EU entity gets InvoiceRead alone.",
            "The administrator of an EU entity has VatUeManage.",
            _granting_otherwise(_of_kind(GrantKind.EU_ADMINISTRATION, permission="InvoiceRead")),
        ),
    ),
)


@defect("DELETE /permissions/authorizations/grants/{permissionId} takes an authorization back.")
def revoking_an_authorization_has_no_effect(mock: Mock) -> None:
    """An authorization that was revoked stays."""

    def make(original: Any) -> Any:
        async def judged(change: Any) -> Any:
            done, effects = await original(change)
            return done, [] if change.authorizations else effects

        return judged

    mock.replace(mock.system.permissions, "_judged", make)
