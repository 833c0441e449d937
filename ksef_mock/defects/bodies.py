"""Defects of how bodies are read: names and values in one case only, one fault at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest, KsefError
from ksef_mock.defects.catalogue import defect, table
from ksef_mock.defects.mock import Ask, Mock

_LOGIN = "/auth/ksef-token"
_GRANTS = "/permissions/.*/grants"


def _objects(value: Any) -> list[dict[str, Any]]:
    """All objects in a body."""
    if isinstance(value, dict):
        return [value, *(each for member in value.values() for each in _objects(member))]
    return [each for member in value for each in _objects(member)] if isinstance(value, list) else []


def _refusing(is_wrong: Callable[[Any], bool], method: str, path: str) -> Callable[[Mock], None]:
    def judge(ask: Ask) -> KsefError | None:
        wrong = is_wrong(ask.json())
        return BadRequest(Code.VALIDATION, "the case is another one") if wrong else None

    return lambda mock: mock.refuse(judge, method=method, path=path)


def _has_names_in_other_case(body: Any) -> bool:
    return any(name[:1].isupper() for each in _objects(body) for name in each)


def _has_values_in_other_case(body: Any) -> bool:
    kinds = [each.get("type") for each in _objects(body)]
    listed = [
        name for each in _objects(body) for name in each.get("permissions") or () if isinstance(name, str)
    ]
    return any(isinstance(value, str) and (value.islower() or value.isupper()) for value in [*kinds, *listed])


CASES = table(
    "bodies",
    (
        (name, f"{what} are read in the document's case only.", f"{what} are read in any case.", break_)
        for name, what, break_ in (
            (
                "names-of-a-login-have-a-case",
                "Names of a login",
                _refusing(_has_names_in_other_case, "POST", _LOGIN),
            ),
            (
                "names-of-grants-have-a-case",
                "Names of grants",
                _refusing(_has_names_in_other_case, "POST", _GRANTS),
            ),
            (
                "types-of-a-login-have-a-case",
                "Types of a login",
                _refusing(_has_values_in_other_case, "POST", _LOGIN),
            ),
            (
                "values-of-grants-have-a-case",
                "Values of grants",
                _refusing(_has_values_in_other_case, "POST", _GRANTS),
            ),
        )
    ),
)


@defect("A filter is read whatever the case of its name.")
def filters_in_other_case_are_ignored(mock: Mock) -> None:
    """Filters whose names begin with a capital letter are ignored."""

    def change(body: dict[str, Any]) -> None:
        for name in [name for name in body if name[:1].isupper() and name != "QueryType"]:
            del body[name]

    mock.edit_body(change, method="POST", path="/permissions/query/.*")


@defect("Values of the query string are read in any case.")
def parameters_have_a_case(mock: Mock) -> None:
    """status=active finds nothing but an error."""

    def judge(ask: Ask) -> KsefError | None:
        return BadRequest(Code.VALIDATION, "unknown status") if "status=active" in ask.query else None

    mock.refuse(judge, method="GET", path="/tokens")


@defect("21405 names all faults of a body at once.")
def faults_are_named_one_at_a_time(mock: Mock) -> None:
    """21405 names the first fault of a body alone."""

    def change(error: dict[str, Any]) -> None:
        if error["code"] == 21405 and error.get("details"):
            error["details"] = error["details"][:1]

    mock.edit_errors(change)


@defect("What cannot be read is 21001.")
def unreadable_bodies_are_invalid(mock: Mock) -> None:
    """What cannot be read is refused with 21405."""
    mock.recode(21001, 21405)


@defect("The detail of 21001 names the place in System.Text.Json's words.")
def unreadable_places_are_not_named(mock: Mock) -> None:
    """21001 does not say where a body cannot be read."""
    mock.redetail(21001, "Something cannot be read.")


@defect("A missing member is named as must not be empty.")
def missing_members_are_named_in_polish(mock: Mock) -> None:
    """The details of 21405 are in other words than FluentValidation's."""

    def change(error: dict[str, Any]) -> None:
        if error["code"] == 21405:
            details = error.get("details") or ()
            error["details"] = [each.replace("must not be empty.", "jest wymagane.") for each in details]

    mock.edit_errors(change)
