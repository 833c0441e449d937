"""Defects of every answer: error formats, codes, headers, content types, paths, rate limits."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from ksef_mock.clock import SECOND
from ksef_mock.core.errors import JSON, InternalError, NotFound
from ksef_mock.core.paths import PREFIXES
from ksef_mock.defects.catalogue import defect
from ksef_mock.defects.mock import LOGINS, Answer, Ask, Mock
from ksef_mock.ksef.limits.limits import RATE_LIMITS

_FORMAT = "x-error-format"
_PROBLEM = "application/problem+json"


# -- formats of errors ------------------------------------------------------------------------------------


@defect("A 400 has the legacy format unless problem-details are asked for.")
def error_formats_are_swapped(mock: Mock) -> None:
    """A 400 is problem+json unless problem-details are asked for."""

    def change(ask: Ask) -> None:
        ask.set_header(_FORMAT, None if ask.header(_FORMAT) else "problem-details")

    mock.edit_request(change)


@defect("X-Error-Format: problem-details asks for problem+json.")
def problem_details_are_not_given(mock: Mock) -> None:
    """X-Error-Format is ignored."""
    mock.edit_request(lambda ask: ask.set_header(_FORMAT, None))


@defect("problem+json has its own content type.")
def problem_has_json_content_type(mock: Mock) -> None:
    """Errors in problem+json have the content type application/json."""

    def change(answer: Answer) -> None:
        if answer.header("content-type") == _PROBLEM:
            answer.set_header("content-type", JSON)

    mock.edit_answer(change)


@defect("A legacy error has a list of details.")
def legacy_error_lacks_details(mock: Mock) -> None:
    """A legacy error has no details."""
    _edit_legacy(mock, lambda entry: entry.pop("details", None))


@defect("exceptionCode is a number.")
def exception_code_is_a_text(mock: Mock) -> None:
    """exceptionCode is a text."""
    _edit_legacy(mock, lambda entry: entry.update(exceptionCode=str(entry["exceptionCode"])))


@defect("exceptionDescription is the documented text of its code.")
def exception_description_is_english(mock: Mock) -> None:
    """exceptionDescription is in English."""
    _edit_legacy(mock, lambda entry: entry.update(exceptionDescription="Invalid request."))


@defect("A legacy error has serviceCode and timestamp.")
def legacy_error_lacks_service_code(mock: Mock) -> None:
    """A legacy error has no serviceCode."""

    def change(body: Any) -> None:
        body.get("exception", {}).pop("serviceCode", None)

    mock.edit_json(change, status=400)


@defect("A 400 in problem+json lists its errors.")
def problem_lacks_errors(mock: Mock) -> None:
    """A 400 in problem+json has no errors."""
    _edit_problem(mock, lambda problem: problem.pop("errors", None))


@defect("A problem has a traceId.")
def problem_lacks_trace_id(mock: Mock) -> None:
    """A problem has no traceId."""
    _edit_problem(mock, lambda problem: problem.pop("traceId"))


@defect("traceId is another one for each request.")
def trace_id_is_always_the_same(mock: Mock) -> None:
    """Every problem has the same traceId."""
    _edit_problem(mock, lambda problem: problem.update(traceId="0" * 32))


@defect("instance is the path of the request.")
def problem_has_other_instance(mock: Mock) -> None:
    """instance of every problem is the root."""
    _edit_problem(mock, lambda problem: problem.update(instance="/"))


@defect("A problem has a timestamp.")
def problem_lacks_timestamp(mock: Mock) -> None:
    """A problem has no timestamp."""
    _edit_problem(mock, lambda problem: problem.pop("timestamp", None))


@defect("status of a problem is the HTTP status.")
def problem_has_other_status(mock: Mock) -> None:
    """status of every problem is 500."""
    _edit_problem(mock, lambda problem: problem.update(status=500))


@defect("A problem says nothing of the server's inside.")
def problem_shows_a_stack_trace(mock: Mock) -> None:
    """detail of a problem is a stack trace."""
    trace = 'Traceback (most recent call last):\n  File "server.py", line 1, in <module>\nValueError'
    _edit_problem(mock, lambda problem: problem.update(detail=trace))


@defect("A 403 has a reasonCode.")
def forbidden_lacks_reason_code(mock: Mock) -> None:
    """A 403 has no reasonCode."""
    mock.edit_json(lambda body: body.pop("reasonCode"), status=403)


@defect("The reasonCode of a 403 tells why.")
def forbidden_has_one_reason_code(mock: Mock) -> None:
    """The reasonCode of every 403 is missing-permissions."""

    def change(body: Any) -> None:
        body["reasonCode"] = "missing-permissions"

    mock.edit_json(change, status=403)


@defect("A 401 is problem+json.")
def unauthorized_has_no_body(mock: Mock) -> None:
    """A 401 has no body."""

    def change(answer: Answer) -> None:
        answer.body = b""
        answer.set_header("content-type", None)

    mock.edit_answer(change, status=401)


# -- statuses ---------------------------------------------------------------------------------------------


@defect("A request without valid credentials is answered with 401.")
def unauthorized_is_answered_with_403(mock: Mock) -> None:
    """A request without valid credentials is answered with 403."""
    _restatus(mock, 401, 403)


@defect("A request that is not allowed is answered with 403.")
def forbidden_is_answered_with_401(mock: Mock) -> None:
    """A request that is not allowed is answered with 401."""
    _restatus(mock, 403, 401)


@defect("A malformed request is answered with 400.")
def bad_request_is_answered_with_422(mock: Mock) -> None:
    """A malformed request is answered with 422."""
    _restatus(mock, 400, 422)


@defect("JSON that is none is refused with 21405.")
def malformed_json_ends_in_500(mock: Mock) -> None:
    """A body that is no JSON is answered with 500."""

    def judge(ask: Ask) -> InternalError | None:
        return InternalError(reason="defect") if ask.body and ask.json() is None else None

    mock.refuse(judge, method="POST", path="/(?:auth/ksef-token|tokens)")


@defect("A member that is missing is refused with 21405.")
def validation_error_has_other_code(mock: Mock) -> None:
    """What breaks a rule of validation is refused with 21001."""
    mock.recode(21405, 21001)


@defect("The detail of 21405 names the member that is wrong.")
def validation_error_lacks_details(mock: Mock) -> None:
    """21405 comes without details."""
    mock.redetail(21405)


@defect("Another content type is refused with 415.")
def content_type_is_not_checked(mock: Mock) -> None:
    """The content type of a login is not looked at."""

    def change(ask: Ask) -> None:
        xml = ask.path.endswith("xades-signature")
        ask.set_header("content-type", "application/xml" if xml else "application/json")

    mock.edit_request(change, method="POST", path=LOGINS)


@defect("An unknown path is answered with 404.")
def unknown_path_is_answered_with_400(mock: Mock) -> None:
    """An unknown path is answered with 400."""
    _restatus(mock, 404, 400)


@defect("A wrong method is answered with 405.")
def wrong_method_is_answered_with_404(mock: Mock) -> None:
    """A wrong method is answered with 404."""
    _restatus(mock, 405, 404)


@defect("A wrong method is answered with the ones that are allowed.")
def wrong_method_lacks_allow(mock: Mock) -> None:
    """A 405 has no Allow header."""
    mock.edit_answer(lambda answer: answer.set_header("allow", None), status=405)


# -- headers ----------------------------------------------------------------------------------------------


@defect("Success is answered with application/json.")
def success_has_other_content_type(mock: Mock) -> None:
    """Success is answered with text/plain."""
    mock.edit_answer(lambda answer: answer.set_header("content-type", "text/plain"), status=200)


@defect("X-Test-System-Warning comes back as X-System-Warning.")
def system_warning_is_not_echoed(mock: Mock) -> None:
    """X-Test-System-Warning is not echoed."""
    mock.edit_request(lambda ask: ask.set_header("x-test-system-warning", None))


@defect("X-Test-System-Warning comes back with errors too.")
def system_warning_is_missing_from_errors(mock: Mock) -> None:
    """An error has no X-System-Warning."""

    def change(answer: Answer) -> None:
        if answer.status >= 400:
            answer.set_header("x-system-warning", None)

    mock.edit_answer(change)


@defect("A 401 has WWW-Authenticate: Bearer.")
def unauthorized_lacks_challenge(mock: Mock) -> None:
    """A 401 has no WWW-Authenticate header."""
    mock.edit_answer(lambda answer: answer.set_header("www-authenticate", None), status=401)


# -- paths ------------------------------------------------------------------------------------------------


@defect("The API is at /api/v2 too.")
def old_prefix_is_unknown(mock: Mock) -> None:
    """There is nothing at /api/v2."""
    _forget_prefix(mock, PREFIXES[1])


@defect("The API is at /webs/api/v2 too.")
def portal_prefix_is_unknown(mock: Mock) -> None:
    """There is nothing at /webs/api/v2."""
    _forget_prefix(mock, PREFIXES[2])


# -- rate limits ------------------------------------------------------------------------------------------


@defect("A rate limit of n admits n requests.")
def rate_limit_admits_one_too_many(mock: Mock) -> None:
    """A rate limit of n admits n + 1 requests."""
    _limit(mock, lambda key, windows: (key, tuple((limit + 1, length) for limit, length in windows)))


@defect("A rate limit of n admits n requests.")
def rate_limit_admits_one_too_few(mock: Mock) -> None:
    """A rate limit of n admits n - 1 requests."""
    _limit(mock, lambda key, windows: (key, tuple((limit - 1, length) for limit, length in windows)))


@defect("Rate limits hold for each context by itself.")
def rate_limits_are_common_to_all_contexts(mock: Mock) -> None:
    """All contexts share one rate limit."""
    _limit(mock, lambda key, windows: (("", *key[1:]), windows))


@defect("Rate limits hold for each IP address by itself.")
def rate_limits_are_common_to_all_addresses(mock: Mock) -> None:
    """All IP addresses of a context share one rate limit."""
    _limit(mock, lambda key, windows: ((key[0], "", *key[2:]), windows))


@defect("Rate limits hold for a second, a minute and an hour.")
def rate_limits_hold_for_a_second_only(mock: Mock) -> None:
    """The rate limits of a minute and an hour are not enforced."""
    _limit(mock, lambda key, windows: (key, tuple(each for each in windows if each[1] == SECOND)))


@defect("429 has Retry-After, in whole seconds.")
def retry_after_is_missing(mock: Mock) -> None:
    """429 has no Retry-After."""
    mock.edit_answer(lambda answer: answer.set_header("retry-after", None), status=429)


@defect("Retry-After says when the limit has room again.")
def retry_after_is_in_milliseconds(mock: Mock) -> None:
    """Retry-After is in milliseconds."""

    def change(answer: Answer) -> None:
        seconds = answer.header("retry-after")
        if seconds is not None:
            answer.set_header("retry-after", f"{seconds}000")

    mock.edit_answer(change, status=429)


@defect("429 has status: code, description, details.")
def too_many_requests_has_other_body(mock: Mock) -> None:
    """429 has the body of a legacy error."""

    def change(answer: Answer) -> None:
        answer.body = msgspec.json.encode({"exception": {"exceptionDetailList": []}})

    mock.edit_answer(change, status=429)


@defect("Limits that were set by /testdata are shown by GET /rate-limits.")
def rate_limits_show_the_defaults(mock: Mock) -> None:
    """GET /rate-limits shows the defaults, whatever was set."""

    async def rates(_context: Any) -> Any:
        return RATE_LIMITS

    mock.replace(mock.system.limits, "rates", lambda _: rates)


@defect("Limits that were set by /testdata are shown by GET /limits/context.")
def context_limits_cannot_be_set(mock: Mock) -> None:
    """POST /testdata/limits/context/session changes nothing."""
    mock.swallow("POST", "/testdata/limits/context/session")


@defect("Limits that were set by /testdata can be restored.")
def context_limits_cannot_be_restored(mock: Mock) -> None:
    """DELETE /testdata/limits/context/session changes nothing."""
    mock.swallow("DELETE", "/testdata/limits/context/session")


@defect("GET /limits/subject tells how many certificates a subject may have.")
def subject_limits_are_incomplete(mock: Mock) -> None:
    """GET /limits/subject has no limit of certificates."""
    mock.edit_json(lambda body: body.pop("certificate"), method="GET", path="/limits/subject", status=200)


# -- tools ------------------------------------------------------------------------------------------------


def _edit_legacy(mock: Mock, change: Callable[[dict[str, Any]], object]) -> None:
    def edit(body: Any) -> None:
        for entry in body.get("exception", {}).get("exceptionDetailList", ()):
            change(entry)

    mock.edit_json(edit, status=400)


def _edit_problem(mock: Mock, change: Callable[[dict[str, Any]], object]) -> None:
    def edit(answer: Answer) -> None:
        if answer.header("content-type") == _PROBLEM:
            problem = msgspec.json.decode(answer.body)
            change(problem)
            answer.body = msgspec.json.encode(problem)

    mock.edit_answer(edit)


def _restatus(mock: Mock, status: int, to: int) -> None:
    def change(answer: Answer) -> None:
        answer.status = to
        if answer.header("content-type") == _PROBLEM:
            answer.body = re.sub(rb'"status":[0-9]+', b'"status":%d' % to, answer.body, count=1)

    mock.edit_answer(change, status=status)


def _forget_prefix(mock: Mock, prefix: str) -> None:
    mock.refuse_path(lambda path: NotFound(reason="defect") if path.startswith(f"{prefix}/") else None)


def _limit(mock: Mock, change: Callable[[Any, Any], tuple[Any, Any]]) -> None:
    """Count requests under other keys or by other windows."""

    def make(original: Any) -> Any:
        return lambda key, windows: original(*change(key, tuple(windows)))

    mock.replace(mock.system.rate_limiter, "admit", make)
