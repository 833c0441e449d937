"""One fault: which requests it is about, how often it acts, and what happens then."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from http import HTTPMethod, HTTPStatus
from typing import NamedTuple

import msgspec

from ksef_mock.clock import EARLIEST, LATEST, Instant, from_datetime
from ksef_mock.core.codes import (
    CHANGE_FAILURES,
    CHANGE_STATUS_DETAILS,
    EXPORT_FAILURES,
    EXPORT_STATUS_DETAILS,
    STATUS_DETAILS,
    Code,
    Reason,
    StatusDetail,
)
from ksef_mock.core.expected import between, one_of, wrong
from ksef_mock.core.paths import api_path

#: Bounds of what a fault can be told. Delays are real seconds, holds seconds of the mock's clock.
MAX_TIMES = 1_000_000
MAX_DELAY = 300.0
MAX_RETRY_AFTER = 86_400
MAX_POLLS = 10_000
MAX_HOLD = 30 * 86_400.0
_MAX_PATH = 256


class Started(NamedTuple):
    """Something that a request starts and that ends later."""

    what: str
    #: What the path of a fault begins with that speaks of it; empty: of whatever else.
    prefix: str
    #: Methods and paths of the requests that start it; `x` stands for a reference number.
    requests: tuple[tuple[str, str], ...]
    #: The statuses in which a fault can make it end, and the details that each can have, the usual one first.
    ends: Mapping[int, tuple[str, ...]]


LOGIN = Started(
    "login",
    "",
    (("POST", "/auth/ksef-token"), ("POST", "/auth/xades-signature")),
    {int(status): details for status, details in STATUS_DETAILS.items()},
)
CHANGE = Started(
    "change of permissions",
    "/permissions",
    (
        *(
            ("POST", f"/permissions/{kind}/grants")
            for kind in (
                *("persons", "entities", "authorizations", "indirect", "subunits"),
                *("eu-entities/administration", "eu-entities"),
            )
        ),
        ("DELETE", "/permissions/common/grants/x"),
        ("DELETE", "/permissions/authorizations/grants/x"),
    ),
    {int(status): tuple(filter(None, (CHANGE_STATUS_DETAILS.get(status),))) for status in CHANGE_FAILURES},
)
EXPORT = Started(
    "export",
    "/invoices",
    (("POST", "/invoices/exports"),),
    {int(status): tuple(filter(None, (EXPORT_STATUS_DETAILS.get(status),))) for status in EXPORT_FAILURES},
)
#: What no invoice can deserve: all else it comes to by itself.
INVOICE = Started(
    "invoice",
    "/sessions",
    (("POST", "/sessions/online/x/invoices"),),
    {500: (), 550: (StatusDetail.CANCELLED,)},
)
#: The package of a batch session, which cannot deserve this either.
PACKAGE = Started("package", "/sessions/batch", (("POST", "/sessions/batch/x/close"),), {500: ()})
STARTED = (CHANGE, EXPORT, PACKAGE, INVOICE, LOGIN)

# Statuses whose answers KSeF documents without Retry-After.
_NO_RETRY_AFTER = (400, 401, 403, 404, 410)


#: What the faults with a name do, in a few words.
_NAMED = {
    "firewall": "403 Request blocked, by the firewall",
    "waf-redirect": "307 to the same address, with the firewall's cookies",
    "unexpected-error": "500 unexpected error",
    "session-maintenance": "400, 21184: the session is under maintenance",
}


class InvalidFault(ValueError):
    """The fault makes no sense; the message names the member that is wrong."""


class Named(StrEnum):
    """What stands in front of KSeF and inside it, known by recorded answers (integrators, 2025 and 2026)."""

    #: 403 `Request blocked` of the firewall: JSON without a reasonCode, whatever X-Error-Format asks for.
    FIREWALL = "firewall"
    #: 307 to the same address, with the firewall's cookies.
    WAF_REDIRECT = "waf-redirect"
    #: 500 `Wystąpił nieoczekiwany błąd.` in the legacy format.
    UNEXPECTED_ERROR = "unexpected-error"
    #: 400, 21184 to whoever may send an invoice in a session that is open (documented 2026).
    SESSION_MAINTENANCE = "session-maintenance"


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How what a request has started ends: a status of its table, and one of the status's details.

    The detail is the first one by default.
    """

    status: int
    detail: str | None = None

    def resolved(self, started: Started = LOGIN) -> tuple[int, str | None]:
        """The status and the detail that belongs to it.

        Raises:
            InvalidFault: the status or the detail is not in the table.
        """
        details = started.ends.get(self.status)
        if details is None:
            raise InvalidFault(wrong("outcome.status", one_of(started.ends), self.status))
        if self.detail is None:
            return self.status, details[0] if details else None
        if self.detail not in details:
            known = _listed(map(repr, map(str, details))) if details else "none"
            raise InvalidFault(wrong("outcome.detail", f"one of status {self.status}: {known}", self.detail))
        return self.status, self.detail


class Hold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much longer what was started stays unfinished: polls, seconds of the mock's clock, or both."""

    polls: int = 0
    seconds: float = 0.0


class Fault(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """What is to go wrong: exactly one effect, on the requests that match."""

    #: `*` stands for any characters, `?` for one, `{name}` for the same as `*`.
    path: str = "*"
    #: None: any.
    method: str | None = None
    #: Act that many times; None: until removed.
    times: int | None = None
    #: Act on each N-th matching request only.
    every: int | None = None
    #: Act from this moment of the mock's clock on, and until that one; ISO 8601, UTC by default.
    since: datetime | None = None
    until: datetime | None = None
    #: Effect: answer with this HTTP status.
    status: int | None = None
    #: Exception code of a 400, `reasonCode` of a 403.
    code: int | str | None = None
    #: `Retry-After` beside the status, in whole seconds.
    retry_after: int | None = None
    #: Effect: answer as ever, but only after so many seconds of real time.
    delay_seconds: float | None = None
    #: Effect: close the connection without an answer.
    cut: bool = False
    #: Effect: 429 with this `Retry-After`, in whole seconds.
    rate_limit: int | None = None
    #: Effect: what the request starts (by the path: a login, a change of permissions, an export, an invoice,
    #: a package) ends so, whatever it deserved.
    outcome: Outcome | None = None
    #: Effect: it stays unfinished for longer.
    hold: Hold | None = None
    #: Effect: the issuer of a qualified certificate does not tell the certificate's status.
    ocsp_down: bool = False
    #: Effect: an answer that KSeF is known to give.
    name: Named | None = None

    def checked(self) -> Fault:
        """The same with its method in upper case.

        Raises:
            InvalidFault: as it says.
        """
        effects = [name for name, given in self._effects() if given]
        if len(effects) != 1:
            every = ", ".join(name for name, _ in self._effects())
            raise InvalidFault(
                f"exactly one effect is needed out of {every}; given: {', '.join(effects) or 'none'}"
            )
        if not 0 < len(self.path) <= _MAX_PATH or self.path[0] not in "/*?{":
            raise InvalidFault(
                wrong(
                    "path",
                    f"a pattern of at most {_MAX_PATH} characters such as '/auth/*', without the prefix /v2",
                    self.path,
                )
            )
        if api_path(self.path) is not None:
            raise InvalidFault("path: is matched without the prefix of the API: '/auth/*', not '/v2/auth/*'")
        if self.method is not None and self.method.upper() not in list(HTTPMethod):
            raise InvalidFault(wrong("method", one_of(HTTPMethod), self.method))
        _require_between("times", self.times, 1, MAX_TIMES)
        _require_between("every", self.every, 1, MAX_TIMES)
        for name, moment in (("since", self.since), ("until", self.until)):
            if moment is not None and not EARLIEST.year <= moment.year < LATEST.year:
                raise InvalidFault(
                    wrong(name, f"a moment from {EARLIEST.year} to {LATEST.year - 1}", moment.isoformat())
                )
        since, until = self.window
        if since is not None and until is not None and until <= since:
            raise InvalidFault("until: must come after since")
        _require_between("delaySeconds", self.delay_seconds, 0, MAX_DELAY)
        _require_between("rateLimit", self.rate_limit, 0, MAX_RETRY_AFTER)
        _require_between("retryAfter", self.retry_after, 0, MAX_RETRY_AFTER)
        self._check_status()
        if self.outcome is not None:
            self.outcome.resolved(self.started)
        if self.ends_later and not self._reaches(self.started):
            raise InvalidFault(
                f"{self.effect}: acts on logins (POST /auth/ksef-token, /auth/xades-signature) and, with "
                "their paths, on changes of permissions (POST and DELETE below /permissions/…/grants), "
                "exports (POST /invoices/exports), packages (POST /sessions/batch/…/close) and invoices "
                "(POST /sessions/online/…/invoices); path and method match none of these operations"
            )
        if self.name is Named.SESSION_MAINTENANCE and not self._reaches(INVOICE):
            raise InvalidFault(
                f"name: {self.name} acts on POST /sessions/online/…/invoices; path and method match no such "
                "request"
            )
        if self.hold is not None:
            _require_between("hold.polls", self.hold.polls, 0, MAX_POLLS)
            _require_between("hold.seconds", self.hold.seconds, 0, MAX_HOLD)
            if not self.hold.polls and not self.hold.seconds:
                raise InvalidFault("hold: polls or seconds above 0 are needed")
        return self if self.method is None else msgspec.structs.replace(self, method=self.method.upper())

    def matches(self, method: str, path: str) -> bool:
        """Whether a request is meant; `path` is without the prefix of the API."""
        return (self.method is None or self.method == method) and _pattern(self.path).match(path) is not None

    @property
    def window(self) -> tuple[Instant | None, Instant | None]:
        """Since when, and until when it acts; None: since ever, for ever."""
        return (
            None if self.since is None else from_datetime(self.since),
            None if self.until is None else from_datetime(self.until),
        )

    def is_in_time(self, now: Instant) -> bool:
        """Whether the moment `now` is one at which it acts."""
        if self.since is None and self.until is None:
            return True
        since, until = self.window
        return (since is None or since <= now) and (until is None or now < until)

    @property
    def effect(self) -> str:
        """The name of its effect."""
        return next(name for name, given in self._effects() if given)

    @property
    def ends_later(self) -> bool:
        """Whether it acts on what a request starts, not on the request."""
        return self.outcome is not None or self.hold is not None

    @property
    def acts_inside(self) -> bool:
        """Whether KSeF itself meets it, on its way through a request; otherwise, what stands in front."""
        return self.ends_later or self.ocsp_down or self.name is Named.SESSION_MAINTENANCE

    @property
    def started(self) -> Started:
        """What it speaks of, if it is about something that a request starts."""
        return next(each for each in STARTED if self.path.startswith(each.prefix))

    def _reaches(self, started: Started) -> bool:
        own = self.path.split("/")
        for method, path in started.requests:
            # Of whichever number the pattern speaks: its own words stand for themselves.
            filled = [
                own[place] if part == "x" and place < len(own) else part
                for place, part in enumerate(path.split("/"))
            ]
            if self.method is not None and self.method.upper() != method:
                continue
            if _pattern(self.path).match("/".join(filled)) is not None:
                return True
        return False

    def describe(self) -> str:
        """The effect in a few words."""
        if self.status is not None:
            return f"status {self.status}" + (f", {self.code}" if self.code is not None else "")
        if self.delay_seconds is not None:
            return f"delayed by {self.delay_seconds:g} s"
        if self.cut:
            return "connection cut"
        if self.rate_limit is not None:
            return f"429, Retry-After {self.rate_limit} s"
        if self.outcome is not None:
            status, detail = self.outcome.resolved(self.started)
            return f"the {self.started.what} ends in {status}" + (f", {detail}" if detail else "")
        if self.hold is not None:
            stays = f"stays at {150 if self.started in (INVOICE, PACKAGE) else 100}"
            return f"the {self.started.what} {stays} for {self.hold.polls} polls and {self.hold.seconds:g} s"
        if self.name is not None:
            return _NAMED[self.name]
        return "the issuer's OCSP does not answer"

    def _effects(self) -> Iterator[tuple[str, bool]]:
        yield "status", self.status is not None
        yield "delaySeconds", self.delay_seconds is not None
        yield "cut", self.cut
        yield "rateLimit", self.rate_limit is not None
        yield "outcome", self.outcome is not None
        yield "hold", self.hold is not None
        yield "ocspDown", self.ocsp_down
        yield "name", self.name is not None

    def _check_status(self) -> None:
        status = self.status
        if status is None:
            if self.code is not None or self.retry_after is not None:
                raise InvalidFault("code, retryAfter: only beside status")
            return
        # The server cannot send a status that HTTP has no name for.
        if status not in _KNOWN_STATUSES:
            raise InvalidFault(wrong("status", "a final HTTP status such as 404 or 503", status))
        if self.code is not None:
            known: dict[int, tuple[int | str, ...]] = {400: tuple(Code), 403: tuple(Reason)}
            if self.code not in known.get(status, ()):
                listed = _listed(map(str, known.get(status, ()))) or "it has none"
                raise InvalidFault(wrong("code", f"one of status {status}: {listed}", self.code))
        if self.retry_after is not None and status in _NO_RETRY_AFTER:
            raise InvalidFault(f"retryAfter: not with status {status}")


def named(name: str) -> Named:
    """
    Raises:
        InvalidFault: nothing is known by that name.
    """
    try:
        return Named(name)
    except ValueError:
        raise InvalidFault(wrong("name", one_of(Named), name)) from None


class DefinedFault(msgspec.Struct, frozen=True):
    """A fault that was added."""

    #: 8 hex digits.
    id: str
    fault: Fault


def _require_between(name: str, value: float | None, least: float, most: float) -> None:
    if value is not None and not least <= value <= most:
        raise InvalidFault(wrong(name, between(least, most), value))


@lru_cache(256)
def _pattern(path: str) -> re.Pattern[str]:
    # fnmatch's translation does not backtrack over its stars.
    return re.compile(fnmatch.translate(re.sub(r"\{[^{}/]*\}", "*", path).replace("[", "[[]")))


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))


_KNOWN_STATUSES = frozenset(int(status) for status in HTTPStatus if status >= 200)
