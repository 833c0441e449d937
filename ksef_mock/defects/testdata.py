"""Defects of /testdata: bodies read too kindly, orders that are answered and not carried out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ksef_mock.defects.catalogue import defect, table
from ksef_mock.defects.mock import Mock

_LIMITS = "/testdata/limits/context/session"
_WHERE = {"type": "Nip", "value": "1111111111"}


def _mended(path: str, *steps: str | int, right: Any) -> Callable[[Mock], None]:
    """Read a member as this value where it is missing, or of no right form."""

    def change(body: dict[str, Any]) -> None:
        place: Any = body
        try:
            for step in steps[:-1]:
                place = place[step]
        except (KeyError, IndexError, TypeError):
            return
        if isinstance(place, dict) and not _is_right(place.get(str(steps[-1])), right):
            place[str(steps[-1])] = right

    return lambda mock: mock.edit_body(change, method="POST", path=path)


def _is_right(found: Any, right: Any) -> bool:
    """Whether a value is of the form of one that is right: as long a text, as small a number."""
    if isinstance(right, bool) or not isinstance(found, type(right)):
        return isinstance(found, bool) and isinstance(right, bool)
    if isinstance(right, str):
        return len(found) == len(right) or (len(right) != 10 and 5 <= len(found) <= 256)
    return not isinstance(right, int) or 0 <= found <= right


BODIES = table(
    "testdata",
    (
        (
            name,
            f"POST {path} takes any {what}.",
            f"POST {path} refuses a {what} that is missing or of no right form.",
            _mended(path, *steps, right=right),
        )
        for name, path, what, steps, right in (
            ("organisation-has-any-nip", "/testdata/subject", "NIP", ("subjectNip",), "1111111111"),
            (
                "organisation-needs-no-description",
                "/testdata/subject",
                "description",
                ("description",),
                "no word",
            ),
            (
                "unit-has-any-nip",
                "/testdata/subject",
                "NIP of a unit",
                ("subunits", 0, "subjectNip"),
                "2222222222",
            ),
            (
                "unit-needs-no-description",
                "/testdata/subject",
                "description of a unit",
                ("subunits", 0, "description"),
                "no word",
            ),
            ("person-needs-no-nip", "/testdata/person", "NIP", ("nip",), "1111111111"),
            ("anything-makes-a-bailiff", "/testdata/person", "isBailiff", ("isBailiff",), True),
            ("person-has-any-description", "/testdata/person", "description", ("description",), "no word"),
            (
                "permissions-need-no-context",
                "/testdata/permissions",
                "context",
                ("contextIdentifier", "value"),
                "1111111111",
            ),
            (
                "revocation-needs-no-context",
                "/testdata/permissions/revoke",
                "context",
                ("contextIdentifier",),
                _WHERE,
            ),
            (
                "permission-needs-no-description",
                "/testdata/permissions",
                "description",
                ("permissions", 0, "description"),
                "no word",
            ),
            (
                "any-number-of-invoices",
                _LIMITS,
                "number of invoices",
                ("onlineSession", "maxInvoices"),
                100_000,
            ),
            ("any-size-of-invoices", _LIMITS, "size of invoices", ("batchSession", "maxInvoiceSizeInMB"), 5),
        )
    ),
)


def _swallowed(path: str) -> Callable[[Mock], None]:
    return lambda mock: mock.swallow("POST", path)


ORDERS = table(
    "testdata",
    (
        (
            name,
            f"POST {path} is answered and does nothing.",
            f"POST {path} {what}.",
            _swallowed(path),
        )
        for name, path, what in (
            ("persons-are-not-made", "/testdata/person", "makes a person"),
            ("persons-are-not-removed", "/testdata/person/remove", "removes a person"),
            ("organisations-are-not-made", "/testdata/subject", "makes an organisation"),
            ("test-permissions-are-not-given", "/testdata/permissions", "gives permissions"),
            ("test-permissions-are-not-revoked", "/testdata/permissions/revoke", "takes them back"),
            ("contexts-are-not-blocked", "/testdata/context/block", "blocks a context"),
            ("contexts-stay-blocked", "/testdata/context/unblock", "ends the block of a context"),
            ("attachments-are-not-allowed", "/testdata/attachment", "allows attachments"),
            (
                "production-limits-are-not-set",
                "/testdata/rate-limits/production",
                "sets production's rate limits",
            ),
        )
    ),
)


@defect("isBailiff says whether a person is a bailiff.")
def everybody_is_made_a_bailiff(mock: Mock) -> None:
    """POST /testdata/person makes bailiffs only."""
    mock.edit_body(lambda body: body.update(isBailiff=True), method="POST", path="/testdata/person")


@defect("The author of permissions from /testdata is the system.")
def permissions_of_the_system_have_an_author(mock: Mock) -> None:
    """Permissions from /testdata are listed as given by somebody."""

    def change(body: dict[str, Any]) -> None:
        for entry in body["permissions"]:
            entry["authorIdentifier"] = _WHERE

    mock.edit_json(change, path="/permissions/query/persons/grants", status=200)
