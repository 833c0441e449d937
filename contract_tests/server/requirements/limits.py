"""GET /limits and /rate-limits, what /testdata changes of them, and the rate limits as they are enforced."""

from __future__ import annotations

from typing import Any

from contract_tests.server import shapes
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import requirement
from contract_tests.server.expect import equal
from contract_tests.server.probe import Probe
from contract_tests.server.reply import Reply
from contract_tests.server.workspace import Session

_OWN = {Capability.SELF_SIGNED, Capability.TEST_DATA}
_MINE = {Capability.SELF_SIGNED, Capability.TEST_DATA, Capability.MOVABLE_CLOCK}

_SESSION = shapes.obj(
    maxInvoiceSizeInMB=shapes.integer,
    maxInvoiceWithAttachmentSizeInMB=shapes.integer,
    maxInvoices=shapes.integer,
)
#: Members of limits that came with API 2.7.
_YOUNG = ("collectiveIdentifier",)
_COLLECTIVE = shapes.obj(maxInvoices=shapes.integer)
_CONTEXT = shapes.obj({"collectiveIdentifier": _COLLECTIVE}, onlineSession=_SESSION, batchSession=_SESSION)
_SUBJECT = shapes.obj(
    {
        "enrollment": shapes.obj(maxEnrollments=shapes.integer),
        "certificate": shapes.obj(maxCertificates=shapes.integer),
    }
)
_RATE = shapes.obj(perSecond=shapes.integer, perMinute=shapes.integer, perHour=shapes.integer)
_GROUPS = (
    *("onlineSession", "batchSession", "invoiceSend", "invoiceStatus", "sessionList", "sessionInvoiceList"),
    *("sessionMisc", "invoiceMetadata", "invoiceExport", "invoiceExportStatus", "invoiceDownload", "other"),
)
#: Groups that came with API 2.8; they cannot be set.
_UNSETTABLE = ("onlineSessionClose", "batchSessionClose", "anonymous", "global")
_RATES = shapes.obj(
    dict.fromkeys((*_YOUNG, *_UNSETTABLE), _RATE),
    **dict.fromkeys(_GROUPS, _RATE),
)
_SLIDING = "documented: sliding windows by context and IP address; OpenAPI: x-rate-limits"


@requirement(
    "KSEF-LIMIT-101",
    "The limits of a context are answered with the documented members.",
    source="OpenAPI GET /limits/context: EffectiveContextLimits",
)
def context_limits_are_answered(ctx: Probe) -> None:
    ctx.get("/limits/context", bearer=ctx.session.access_token).answers(200, _CONTEXT)


@requirement(
    "KSEF-LIMIT-102",
    "The limits of a subject are answered, those of requests and of certificates.",
    source="OpenAPI GET /limits/subject: EffectiveSubjectLimits",
)
def subject_limits_are_answered(ctx: Probe) -> None:
    reply = ctx.get("/limits/subject", bearer=ctx.session.access_token).answers(200, _SUBJECT)
    reply.at("enrollment", "maxEnrollments")
    reply.at("certificate", "maxCertificates")


@requirement(
    "KSEF-LIMIT-103",
    "The rate limits of a context are answered for each documented group.",
    source="OpenAPI GET /rate-limits: EffectiveApiRateLimits",
)
def rate_limits_are_answered(ctx: Probe) -> None:
    ctx.get("/rate-limits", bearer=ctx.session.access_token).answers(200, _RATES)


@requirement(
    "KSEF-LIMIT-104",
    "The limits of a context that /testdata sets are shown, and gone once they are restored.",
    source="OpenAPI POST and DELETE /testdata/limits/context/session",
    needs=_OWN,
)
def context_limits_are_set_and_restored(ctx: Probe) -> None:
    bearer = ctx.new_session().access_token
    before = ctx.get("/limits/context", bearer=bearer).answers(200, _CONTEXT).json()
    limits = {"maxInvoiceSizeInMB": 2, "maxInvoiceWithAttachmentSizeInMB": 4, "maxInvoices": 77}
    changed = {
        "onlineSession": limits,
        "batchSession": limits | {"maxInvoices": 78},
        "collectiveIdentifier": {"maxInvoices": 79},
    }
    ctx.post("/testdata/limits/context/session", bearer=bearer, json=changed).answers(200)
    _same("limits that were set", ctx.get("/limits/context", bearer=bearer), changed)
    ctx.delete("/testdata/limits/context/session", bearer=bearer).answers(200)
    equal("limits restored", ctx.get("/limits/context", bearer=bearer).answers(200).json(), before)


@requirement(
    "KSEF-LIMIT-105",
    "The limits of a subject that /testdata sets are shown, and gone once they are restored.",
    source="OpenAPI POST and DELETE /testdata/limits/subject/certificate",
    needs=_OWN,
)
def subject_limits_are_set_and_restored(ctx: Probe) -> None:
    bearer = ctx.new_session().access_token
    before = ctx.get("/limits/subject", bearer=bearer).answers(200, _SUBJECT).json()
    changed = {"enrollment": {"maxEnrollments": 3}, "certificate": {"maxCertificates": 2}}
    order = {"subjectIdentifierType": "Nip"} | changed
    ctx.post("/testdata/limits/subject/certificate", bearer=bearer, json=order).answers(200)
    equal("limits that were set", ctx.get("/limits/subject", bearer=bearer).answers(200).json(), changed)
    ctx.delete("/testdata/limits/subject/certificate", bearer=bearer).answers(200)
    equal("limits restored", ctx.get("/limits/subject", bearer=bearer).answers(200).json(), before)


@requirement(
    "KSEF-LIMIT-106",
    "The rate limits that /testdata sets are shown, and gone once they are restored.",
    source="OpenAPI POST and DELETE /testdata/rate-limits",
    needs=_OWN,
)
def rate_limits_are_set_and_restored(ctx: Probe) -> None:
    bearer = ctx.new_session().access_token
    before = ctx.get("/rate-limits", bearer=bearer).answers(200, _RATES).json()
    changed = _rates(40, 95, 99)
    ctx.post("/testdata/rate-limits", bearer=bearer, json={"rateLimits": changed}).answers(200)
    _same("rates that were set", ctx.get("/rate-limits", bearer=bearer), changed)
    ctx.delete("/testdata/rate-limits", bearer=bearer).answers(200)
    equal("rates restored", ctx.get("/rate-limits", bearer=bearer).answers(200).json(), before)


@requirement(
    "KSEF-LIMIT-107",
    "As many requests as the limit of a second are answered, one more is refused until a second later.",
    source=_SLIDING,
    needs=_MINE,
)
def limit_of_a_second(ctx: Probe) -> None:
    session = _limited(ctx, 3, 50, 60)
    equal("statuses", _statuses(ctx, session, 4), [200, 200, 200, 429])
    ctx.advance(1)
    equal("statuses a second later", _statuses(ctx, session, 4), [200, 200, 200, 429])


@requirement(
    "KSEF-LIMIT-108",
    "The limits of a minute and of an hour hold too; Retry-After says for how long, in whole seconds.",
    source=f"{_SLIDING}; OpenAPI 429: Retry-After",
    needs=_MINE,
)
def limits_of_a_minute_and_an_hour(ctx: Probe) -> None:
    session = _limited(ctx, 50, 3, 5)
    equal("statuses", _statuses(ctx, session, 4), [200, 200, 200, 429])
    _expect_wait(ctx, session, 60)
    ctx.advance(60)
    equal("statuses a minute later", _statuses(ctx, session, 3), [200, 200, 429])
    _expect_wait(ctx, session, 3_540)


@requirement(
    "KSEF-LIMIT-109",
    "A refused request does not count: after the seconds of Retry-After a request is answered.",
    source="OpenAPI 429: Retry-After",
    needs=_MINE,
)
def waiting_is_enough(ctx: Probe) -> None:
    session = _limited(ctx, 2, 50, 60)
    equal("statuses", _statuses(ctx, session, 5), [200, 200, 429, 429, 429])
    ctx.advance(1)
    equal("status after the wait", _statuses(ctx, session, 1), [200])


@requirement(
    "KSEF-LIMIT-110",
    "Requests are counted for each context by itself.",
    source=_SLIDING,
    needs=_MINE,
)
def contexts_are_counted_apart(ctx: Probe) -> None:
    first, second = _limited(ctx, 2, 50, 60), _limited(ctx, 2, 50, 60)
    equal("statuses of one context", _statuses(ctx, first, 3), [200, 200, 429])
    equal("statuses of another", _statuses(ctx, second, 3), [200, 200, 429])


@requirement(
    "KSEF-LIMIT-111",
    "Requests are counted for each IP address by itself.",
    source=_SLIDING,
    needs={*_MINE, Capability.SECOND_ADDRESS},
)
def addresses_are_counted_apart(ctx: Probe) -> None:
    session = _limited(ctx, 2, 50, 60)
    for address in ("203.0.113.7", "198.51.100.23"):
        statuses = _statuses(ctx, session, 3, address=address)
        equal(f"statuses for {address}", statuses, [200, 200, 429])


# -- means ------------------------------------------------------------------------------------------------


def _rates(second: int, minute: int, hour: int) -> dict[str, Any]:
    rate = {"perSecond": second, "perMinute": minute, "perHour": hour}
    return dict.fromkeys((*_GROUPS, *_YOUNG), rate)


def _same(what: str, reply: Reply, changed: dict[str, Any]) -> None:
    """Expect that what was changed is shown, as far as the target's version knows it."""
    shown = reply.answers(200).json()
    equal(
        what,
        {name: shown.get(name) for name in changed if name in shown},
        {name: value for name, value in changed.items() if name in shown or name not in _YOUNG},
    )


def _limited(ctx: Probe, second: int, minute: int, hour: int) -> Session:
    """A login to a context with these rate limits; the clock stands, nothing has been counted."""
    session = ctx.new_session()
    ctx.freeze()
    order = {"rateLimits": _rates(second, minute, hour)}
    ctx.post("/testdata/rate-limits", bearer=session.access_token, json=order).answers(200)
    ctx.advance(1)
    return session


def _statuses(ctx: Probe, session: Session, times: int, **options: Any) -> list[int]:
    return [
        ctx.get("/limits/context", bearer=session.access_token, patient=False, **options).status
        for _ in range(times)
    ]


def _expect_wait(ctx: Probe, session: Session, seconds: int) -> None:
    refused = ctx.get("/limits/context", bearer=session.access_token, patient=False)
    refused.answers(429, shapes.TOO_MANY)
    equal("Retry-After", refused.header("Retry-After"), str(seconds))
