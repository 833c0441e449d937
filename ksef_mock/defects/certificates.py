"""Defects of /certificates: bodies read too kindly, reasons and dates without effect, wrong lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ksef_mock.defects.catalogue import defect, table
from ksef_mock.defects.mock import Ask, Mock

_ENROLL = "/certificates/enrollments"
_QUERY = "/certificates/query"
_RETRIEVE = "/certificates/retrieve"
_REVOKE = "/certificates/[^/]+/revoke"


def _read_as(path: str, member: str, is_wrong: Callable[[Any], bool], right: Any) -> Callable[[Mock], None]:
    """Read a member that is wrong as another value; `None` leaves it out."""

    def change(body: dict[str, Any]) -> None:
        if is_wrong(body.get(member)):
            body[member] = right
            if right is None:
                del body[member]

    return lambda mock: mock.edit_body(change, method="POST", path=path)


def _is(value: Any) -> Callable[[Any], bool]:
    return lambda found: bool(found == value)


def _longer_than(length: int) -> Callable[[Any], bool]:
    return lambda found: isinstance(found, str | list) and len(found) > length


BODIES = table(
    "certificates",
    (
        (
            name,
            f"At POST {path} {member} {what}, and nothing is said.",
            f"POST {path} refuses a {member} that {what}.",
            _read_as(path, member, is_wrong, right),
        )
        for name, path, member, what, is_wrong, right in (
            ("certificate-needs-no-name", _ENROLL, "certificateName", "is missing", _is(None), "Nameless"),
            (
                "certificate-has-a-long-name",
                _ENROLL,
                "certificateName",
                "is too long",
                _longer_than(100),
                "Too long",
            ),
            ("certificate-needs-no-type", _ENROLL, "certificateType", "is missing", _is(None), "Offline"),
            (
                "certificate-has-any-type",
                _ENROLL,
                "certificateType",
                "is unknown",
                _is("Qualified"),
                "Offline",
            ),
            ("validity-begins-whenever", _ENROLL, "validFrom", "is no date", _is("tomorrow"), None),
            (
                "nothing-is-retrieved",
                _RETRIEVE,
                "certificateSerialNumbers",
                "is empty",
                _is([]),
                ["0" * 16],
            ),
            (
                "too-many-are-retrieved",
                _RETRIEVE,
                "certificateSerialNumbers",
                "has more than ten entries",
                _longer_than(10),
                ["0" * 16],
            ),
            ("unknown-type-is-queried", _QUERY, "type", "is unknown", _is("Qualified"), None),
            ("unknown-status-is-queried", _QUERY, "status", "is unknown", _is("Lost"), None),
            ("no-date-is-queried", _QUERY, "expiresAfter", "is no date", _is("soon"), None),
        )
    ),
)


@defect("A certificate is valid from validFrom on.")
def certificates_begin_at_once(mock: Mock) -> None:
    """validFrom of a request for a certificate is ignored."""
    mock.edit_body(lambda body: body.pop("validFrom", None), method="POST", path=_ENROLL)


@defect("revocationReason is optional.")
def revocation_needs_a_reason(mock: Mock) -> None:
    """A certificate is not revoked without a reason."""
    mock.edit_body(lambda body: body.setdefault("revocationReason", "None"), method="POST", path=_REVOKE)


@defect("subjectIdentifier of a certificate is its holder's.")
def certificates_are_somebody_elses(mock: Mock) -> None:
    """The list of certificates names another holder."""

    def change(body: dict[str, Any]) -> None:
        for entry in body["certificates"]:
            entry["subjectIdentifier"] = {"type": "Nip", "value": "1111111111"}

    mock.edit_json(change, method="POST", path=_QUERY, status=200)


@defect("A page of certificates has 10 to 50 entries.")
def page_size_of_certificates_is_not_checked(mock: Mock) -> None:
    """pageSize and pageOffset of a query for certificates may be anything."""

    def change(ask: Ask) -> None:
        if ask.query in ("pageSize=9", "pageSize=51", "pageOffset=-1"):
            ask.query = ""

    mock.edit_request(change, method="POST", path=_QUERY)


def _recoded(code: int, to: int) -> Callable[[Mock], None]:
    return lambda mock: mock.recode(code, to)


CODES = table(
    "certificates",
    (
        (
            name,
            f"{what} is refused with {to} instead of {code}.",
            f"{what} is refused with {code}.",
            _recoded(code, to),
        )
        for name, what, code, to in (
            ("unknown-enrolment-has-other-code", "A reference number of no request", 25005, 21304),
            ("unknown-certificate-has-other-code", "Revoking a certificate that is not there", 25008, 21405),
        )
    ),
)
