"""What goes wrong on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import exchange_of, system_of
from ksef_mock.clock import iso
from ksef_mock.control.processing import StopOrder
from ksef_mock.core.codes import (
    CHANGE_STATUS_DESCRIPTIONS,
    EXPORT_STATUS_DESCRIPTIONS,
    STATUS_DESCRIPTIONS,
    Status,
    StatusDetail,
)
from ksef_mock.core.fault import LOGIN, STARTED, Fault, Hold, InvalidFault, Named, Outcome, named
from ksef_mock.dashboard.forms import Form, Unusable, done, number, read_form, whole
from ksef_mock.dashboard.frame import framed, guarded
from ksef_mock.gateway.operations import OPERATIONS
from ksef_mock.system import processing
from ksef_mock.system.system import System

_OUTCOMES = {str(status) for each in STARTED for status in each.ends}
#: What the statuses are called that have no detail.
_DESCRIPTIONS: dict[int, str] = {
    **{int(status): text for status, text in EXPORT_STATUS_DESCRIPTIONS.items()},
    **{int(status): text for status, text in CHANGE_STATUS_DESCRIPTIONS.items()},
    **{int(status): text for status, text in STATUS_DESCRIPTIONS.items()},
}


@dataclass(frozen=True, slots=True)
class FaultRow:
    """A fault that was added."""

    id: str
    where: str
    effect: str
    #: Which of the matching requests it acts on, e.g. "the next 2".
    how_often: str
    seen: int
    acted: int
    spent: bool


@dataclass(frozen=True, slots=True)
class Preset:
    """A fault for one click: what its button says, and the fields of the form that it stands for."""

    name: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class FaultsView:
    """The faults, and the choices of the form that adds one."""

    rows: Sequence[FaultRow]
    presets: Sequence[Preset]
    #: Paths of the API, as suggestions.
    paths: Sequence[str]
    #: Value and text of each way in which a login, and whatever else a request starts, can end.
    outcomes: Sequence[tuple[str, str]]
    #: Of these the one that is chosen unless told otherwise.
    usual: str
    #: The answers that KSeF is known to give.
    names: Sequence[str]
    #: When processing stands still, if that is planned: its begin and its end.
    stop: tuple[str, str] | None


_PRESETS = (
    Preset("503 to the next 2 requests", {"effect": "status", "status": "503", "times": "2"}),
    Preset("429 once, Retry-After 5 s", {"effect": "rateLimit", "rateLimit": "5", "times": "1"}),
    Preset("Status 2 s late", {"effect": "delay", "path": "/auth/*", "method": "GET", "delaySeconds": "2"}),
    Preset(
        "Next login: 3 polls at 100", {"effect": "hold", "path": "/auth/*", "holdPolls": "3", "times": "1"}
    ),
    Preset("Cut the next connection", {"effect": "cut", "times": "1"}),
    *(
        Preset(text, {"effect": "name", "name": str(name), "times": "1"})
        for text, name in (
            ("Firewall: 403 once", Named.FIREWALL),
            ("Firewall: 307 once", Named.WAF_REDIRECT),
            ("Unexpected error once", Named.UNEXPECTED_ERROR),
        )
    ),
    Preset(
        "Sessions under maintenance",
        {"effect": "name", "name": str(Named.SESSION_MAINTENANCE), "path": "/sessions/online/*"},
    ),
    Preset(
        "Next export: cancelled",
        {
            "effect": "outcome",
            "path": "/invoices/exports",
            "outcome": f"550|{StatusDetail.CANCELLED.value}",
            "times": "1",
        },
    ),
    Preset("OCSP down", {"effect": "ocspDown"}),
)


async def faults_view(system: System) -> FaultsView:
    """All faults, in the order in which they were added."""
    rows = [
        FaultRow(
            id=state.id,
            where=f"{state.fault.method or 'any method'} {state.fault.path}",
            effect=state.fault.describe(),
            how_often=_how_often(state.fault),
            seen=state.seen,
            acted=state.acted,
            spent=state.is_spent,
        )
        for state in await system.faults.states()
    ]
    paths = dict.fromkeys(operation.path for operation in OPERATIONS)
    usual = next(value for value in _outcomes() if value.startswith(f"{int(Status.TOKEN_ERROR)}|"))
    planned = system.shared.value.stop
    stop = None
    if planned is not None and system.clock.now() < planned.until:
        stop = (iso(planned.since), iso(planned.until))
    return FaultsView(
        rows, _PRESETS, list(paths), list(_outcomes().items()), usual, list(map(str, Named)), stop
    )


def _outcomes() -> dict[str, str]:
    """Value and text of each way in which something can end: of logins first, then what only others know."""
    found: dict[str, str] = {}
    for each in sorted(STARTED, key=lambda each: each is not LOGIN):
        for status, details in each.ends.items():
            for detail in details or ("",):
                where = "" if each is LOGIN else f" ({each.prefix})"
                found.setdefault(f"{status}|{detail}", f"{status} {detail or _DESCRIPTIONS[status]}{where}")
    return found


def _how_often(fault: Fault) -> str:
    if fault.every is None:
        often = "every request" if fault.times is None else f"the next {fault.times}"
    else:
        times = f", {fault.times} times" if fault.times is not None else ""
        often = f"each {fault.every}. request{times}"
    window = (("from", fault.since), ("until", fault.until))
    return often + "".join(f", {word} {at:%Y-%m-%d %H:%M:%S}" for word, at in window if at is not None)


@guarded
async def faults(request: Request) -> Response:
    """GET /_mock/ui/faults: what goes wrong on purpose."""
    view = await faults_view(system_of(request))
    return await framed(request, "faults", "faults.html", faults=view)


@guarded
async def change_faults(request: Request) -> Response:
    """POST /_mock/ui/faults. `do`: add (the members of a fault), remove (an `id`), clear; stop, resume."""
    form = await read_form(request)
    system = system_of(request)
    defined = system.faults
    match form["do"]:
        case "add":
            try:
                added = await defined.add(_fault(form))
            except InvalidFault as problem:
                raise Unusable(str(problem)) from None
            exchange_of(request).noted("faults", f"added {added.id}: {added.fault.describe()}")
            return done(form, "added")
        case "remove":
            if not await defined.remove(form["id"]):
                raise Unusable(f"there is no fault {form['id'][:64]}")
            return done(form, "removed")
        case "clear":
            await defined.clear()
            return done(form, "cleared")
        case "stop":
            try:
                order = StopOrder(number(form, "forSeconds") or 0.0, number(form, "inSeconds") or 0.0)
                await processing.stop(system, *order.times(system.clock.now()))
            except ValueError as problem:
                raise Unusable(str(problem)) from None
            return done(form, "stopped")
        case "resume":
            await processing.resume(system)
            return done(form, "resumed")
        case other:
            raise Unusable(f"faults know no {other!r}")


def _fault(form: Form) -> Fault:
    """The fault that was filled in. Of the effects the chosen one counts, whatever else was typed."""
    fault = Fault(
        path=form["path"].strip() or "*",
        method=form["method"] or None,
        times=whole(form, "times"),
        every=whole(form, "every"),
    )
    effect: dict[str, Any]
    match form["effect"]:
        case "status":
            code = form["code"].strip()
            effect = {
                "status": whole(form, "status"),
                "code": whole(form, "code") if code.isdecimal() else code or None,
                "retry_after": whole(form, "retryAfter"),
            }
        case "rateLimit":
            effect = {"rate_limit": whole(form, "rateLimit")}
        case "delay":
            effect = {"delay_seconds": number(form, "delaySeconds")}
        case "hold":
            effect = {"hold": Hold(whole(form, "holdPolls") or 0, number(form, "holdSeconds") or 0.0)}
        case "outcome":
            status, _, detail = form["outcome"].partition("|")
            effect = {"outcome": Outcome(int(status) if status in _OUTCOMES else 0, detail or None)}
        case "cut":
            effect = {"cut": True}
        case "name":
            effect = {"name": named(form["name"])}
        case "ocspDown":
            effect = {"ocsp_down": True}
        case other:
            raise Unusable(f"no fault has the effect {other!r}")
    return msgspec.structs.replace(fault, **effect)


ROUTES = [
    Route("/ui/faults", faults, methods=["GET"]),
    Route("/ui/faults", change_faults, methods=["POST"]),
]
