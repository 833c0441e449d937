"""What the pages show, as plain values: built from the journal and the system when a page is asked for."""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request

from ksef_mock import __version__
from ksef_mock.api.http import system_of
from ksef_mock.clock import SECOND, Instant, to_datetime
from ksef_mock.core.codes import STATUS_DESCRIPTIONS, STATUS_DETAILS, Status
from ksef_mock.core.fault import Fault
from ksef_mock.core.paths import api_path
from ksef_mock.core.permissions import Permission
from ksef_mock.dashboard import logins
from ksef_mock.dashboard.formats import duration
from ksef_mock.dashboard.logins import CheckView, Login, Outcome, Step, Tone, Why, plain
from ksef_mock.gateway.endpoints import simulated
from ksef_mock.gateway.operations import OPERATIONS
from ksef_mock.ksef.keys.keys import PublishedKey, Usage
from ksef_mock.system.system import System
from ksef_mock.trail.journal import Entry

T = TypeVar("T")

#: Rows of a list; what is older is found by searching.
_ROWS = 100
#: Requests that a page looks at: the newest of a large journal, so that everybody else need not wait.
_SCANNED = 5_000


@dataclass(frozen=True, slots=True)
class ClockView:
    """The mock's clock, for the panel on each page."""

    now: datetime
    #: How far ahead of real time, e.g. "+15 min"; "" as long as it is less than a second.
    offset: str
    frozen: bool


@dataclass(frozen=True, slots=True)
class Chrome:
    """What each page has around its content."""

    section: str
    #: Path and query of this page, to come back to.
    here: str
    #: What has just been done, if something was.
    notice: str
    version: str
    profile: str
    base_url: str
    clock: ClockView
    #: Number of the newest entry of the journal: pages that are live reload when there is another.
    sequence: int
    signed_in: bool


async def chrome(request: Request, section: str, notice: str = "") -> Chrome:
    """The surroundings of a page of this section."""
    system = system_of(request)
    query = urlencode([(name, value) for name, value in request.query_params.multi_items() if name != "done"])
    return Chrome(
        section=section,
        here=f"{request.scope['path']}?{query}" if query else request.scope["path"],
        notice=notice,
        version=__version__,
        profile=system.settings.profile,
        # Not from `request.url`, which fails on a Host that is none.
        base_url=f"{request.scope['scheme']}://{request.headers.get('host', '127.0.0.1')}",
        clock=clock_view(system),
        sequence=await newest(system),
        signed_in=system.settings.control_token is not None,
    )


def clock_view(system: System) -> ClockView:
    """The clock as it stands."""
    now = system.clock.now()
    offset = (now - time.time_ns()) / SECOND
    shown = "" if abs(offset) < 1 else f"{'+' if offset > 0 else ''}{duration(offset)}"
    return ClockView(to_datetime(now), shown, system.clock.state.frozen is not None)


async def newest(system: System) -> int:
    """The number of the newest entry of the journal; 0 if it is empty."""
    return await _read(system, lambda: system.journal.newest)


async def _entries(system: System) -> list[Entry]:
    """The newest entries of the journal, in order of arrival."""
    journal = system.journal
    return await _read(system, lambda: journal.entries(after=max(0, journal.newest - _SCANNED)))


async def _read(system: System, work: Callable[[], T]) -> T:
    # A journal in a remote store takes a round trip, for which nobody else need wait.
    return work() if system.store.is_local else await asyncio.to_thread(work)


# ---- logins


@dataclass(frozen=True, slots=True)
class Row:
    """One login in the list."""

    key: str
    at: datetime
    context: str
    method: str
    scheme: str
    outcome: Outcome
    why: Why | None
    state: str
    #: What went wrong after the login as such had succeeded.
    trouble: Step | None
    seconds: float
    requests: int


@dataclass(frozen=True, slots=True)
class LoginList:
    """The logins that fit a filter, and how many there are of each outcome."""

    rows: Sequence[Row]
    counts: dict[str, int]
    #: How many fit, of which only the newest are rows.
    found: int
    words: str
    tone: str


async def login_list(system: System, words: str, tone: str) -> LoginList:
    """The newest logins in which all `words` occur, with an outcome of this `tone` ("" for any)."""
    known = [login for login in await _logins(system) if not words or logins.matches(login, words)]
    now = system.clock.now()
    outcomes = [logins.outcome_of(login, now) for login in known]
    counts = {each.value: sum(outcome.tone is each for outcome in outcomes) for each in Tone}
    chosen = [
        (login, outcome)
        for login, outcome in zip(known, outcomes, strict=True)
        if not tone or outcome.tone == tone
    ]
    rows = [_row(login, outcome, system) for login, outcome in chosen[:_ROWS]]
    return LoginList(rows, counts | {"": len(known)}, len(chosen), words, tone)


async def _logins(system: System) -> list[Login]:
    found = logins.group(await _entries(system))
    for login in found:
        if login.reference is not None:
            login.operation = await system.operations.find(login.reference)
    return found


def _row(login: Login, outcome: Outcome, system: System) -> Row:
    trouble = logins.trouble(login) if outcome.tone is not Tone.BAD else None
    return Row(
        key=login.key,
        at=logins.moment(login.main),
        context=logins.context_of(login),
        method=logins.method_of(login),
        scheme=logins.scheme_of(login),
        outcome=outcome,
        why=logins.why(login.main) if outcome.tone is not Tone.GOOD else None,
        state=logins.state_of(login, system.clock.now()),
        trouble=logins.step(trouble) if trouble is not None else None,
        seconds=logins.seconds_taken(login),
        requests=len(login.entries),
    )


@dataclass(frozen=True, slots=True)
class Octets:
    """What was hashed, readable."""

    name: str
    length: int
    text: str
    #: Octets that are left out at the end.
    missing: int


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of a JWT; `value` is JSON where it is not text, `note` says what it means."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class JwtView:
    """A JWT that was handed out: what it says, never its signature."""

    name: str
    issued_at: datetime
    expires_at: datetime
    #: Seconds until it expires by the mock's clock; negative once it has.
    left: float
    claims: Sequence[Claim]


@dataclass(frozen=True, slots=True)
class LoginView:
    """One login in full."""

    row: Row
    entry: Entry
    failures: Sequence[CheckView]
    checks: Sequence[CheckView]
    steps: Sequence[Step]
    facts: Sequence[tuple[str, str]]
    payload: Sequence[tuple[str, str, str]]
    report: dict[str, Any] | None
    octets: Sequence[Octets]
    jwts: Sequence[JwtView]
    #: Other attempts with the same challenge, oldest first.
    siblings: Sequence[Row]


async def login_view(system: System, key: str) -> LoginView | None:
    """The login with this reference number (or trace id); None if the journal has none."""
    known = await _logins(system)
    login = next((each for each in known if each.key == key), None)
    if login is None:
        return None
    now = system.clock.now()
    entry = login.main
    checks = _checks(entry)
    report = _readable(entry.facts.get("xades"))
    siblings = [
        _row(each, logins.outcome_of(each, now), system)
        for each in reversed(known)
        if each is not login and login.challenge is not None and each.challenge is login.challenge
    ]
    return LoginView(
        row=_row(login, logins.outcome_of(login, now), system),
        entry=entry,
        failures=[check for check in checks if check.outcome == "failed"],
        checks=checks,
        steps=logins.steps(login),
        facts=_facts(login, system),
        payload=_payload(login),
        report=report,
        octets=_octets(entry),
        jwts=_jwts(login, now // SECOND),
        siblings=siblings,
    )


def _checks(entry: Entry) -> list[CheckView]:
    report = entry.facts.get("xades")
    if report is None:
        return list(logins.decisions_of(entry))
    return [
        CheckView(
            result["check"],
            result["outcome"],
            _named(result["reason"]),
            result["explanation"] or "",
            result["evidence"],
            _says(result["consequence"]),
        )
        for result in report["results"]
    ]


# As RFC 4514 has no short names for them, the report shows their numbers.
_ATTRIBUTES = {
    "2.5.4.4": "surname",
    "2.5.4.5": "serialNumber",
    "2.5.4.42": "givenName",
    "2.5.4.97": "organizationIdentifier",
}
_NUMBERED = re.compile(rf"(?<![\d.])({'|'.join(map(re.escape, _ATTRIBUTES))})(?==)")


def _named(text: str) -> str:
    """`text` with names for the numbers of attributes in it."""
    return _NUMBERED.sub(lambda match: _ATTRIBUTES[match[1]], text)


def _readable(report: dict[str, Any] | None) -> dict[str, Any] | None:
    """The report with names for the numbers in the subject and issuer of its certificate."""
    if report is None or report["certificate"] is None:
        return report
    certificate = report["certificate"]
    names = {key: _named(certificate[key]) for key in ("subject", "issuer")}
    return report | {"certificate": certificate | names}


def _says(consequence: dict[str, Any] | None) -> str:
    if consequence is None:
        return ""
    if "code" in consequence:
        return " ".join(
            ["400,", str(consequence["code"]), consequence["description"], *consequence["details"]]
        )
    detail = f": {consequence['detail']}" if consequence["detail"] else ""
    return f"202, then status {consequence['status']} {consequence['description']}{detail}"


def _facts(login: Login, system: System) -> list[tuple[str, str]]:
    main, operation = login.main, login.operation
    rows = [
        ("Context", logins.context_of(login)),
        ("Method", logins.method_of(login)),
        ("Subject", str(operation.subject).replace(":", " ", 1) if operation else ""),
        ("Permissions", ", ".join(operation.permissions) if operation else ""),
        ("KSeF token", (operation.token or "") if operation else ""),
        ("Operation", login.reference or ""),
        ("State", logins.state_of(login, system.clock.now())),
        ("IP policy", _policy(main)),
        ("Client", main.client_ip),
        ("Trace id", main.trace_id),
    ]
    return [(name, value) for name, value in rows if value]


def _policy(entry: Entry) -> str:
    policy = plain(entry.facts.get("allowedIps")) or {}
    return ", ".join(address for kind in ("addresses", "ranges", "masks") for address in policy.get(kind, ()))


def _payload(login: Login) -> list[tuple[str, str, str]]:
    """What the ciphertext held beside what it should: name, value, remark."""
    submission = login.submission
    decrypted = submission.facts.get("decrypted") if submission is not None else None
    if submission is None or decrypted is None:
        return []
    expected = login.challenge.facts.get("timestampMs") if login.challenge is not None else None
    sent = decrypted["timestamp"]
    remark = ""
    if expected is not None:
        remark = "that of the challenge" if sent == str(expected) else f"the challenge has {expected}"
    return [
        ("Token", decrypted["token"], "masked"),
        ("Timestamp", sent, remark),
        ("Encryption", decrypted["scheme"], ""),
        ("Key", decrypted["publicKeyId"], "publicKeyId"),
    ]


def _octets(entry: Entry) -> list[Octets]:
    found = []
    for part in plain(entry.facts.get("hashed", [])):
        kept = base64.b64decode(part["octets"])
        # Control characters, carriage returns above all, must be seen.
        text = "".join(
            c if c.isprintable() or c == "\n" else repr(c)[1:-1]
            for c in kept.decode("utf-8", "backslashreplace")
        )
        found.append(Octets(part["name"], part["length"], text, part["length"] - len(kept)))
    return found


_CLAIM_NOTES = {
    "typ": "kind of token",
    "arn": "authentication operation",
    "cit": "context type",
    "civ": "context",
    "aum": "authentication method",
    "trn": "KSeF token",
    "per": "permissions",
    "pec": "permissions of entities",
    "rol": "roles",
    "pep": "Peppol permissions",
    "sud": "subject details",
    "asi": "subject",
    "iop": "IP policy",
    "tid": "token id",
    "iss": "issuer",
    "aud": "audience",
}
_NAMES = {
    "authenticationToken": "Authentication token",
    "accessToken": "Access token",
    "refreshToken": "Refresh token",
}


def _jwts(login: Login, now: int) -> list[JwtView]:
    """The JWTs of a login, in order; of the access tokens of many refreshes the last few."""
    issued = [
        JwtView(
            _NAMES[name],
            datetime.fromtimestamp(claims["iat"], UTC),
            datetime.fromtimestamp(claims["exp"], UTC),
            claims["exp"] - now,
            [_claim(key, value) for key, value in claims.items()],
        )
        for entry in login.entries
        for name, claims in plain(entry.facts.get("issued", {})).items()
    ]
    return issued if len(issued) <= 8 else [*issued[:3], *issued[-5:]]


def _claim(name: str, value: Any) -> Claim:
    if name in ("iat", "exp"):
        return Claim(name, str(value), datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"))
    # Several claims are JSON inside of a string, which reads better without its backslashes.
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return Claim(name, text, _CLAIM_NOTES.get(name, ""))


# ---- requests


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One entry of the journal."""

    entry: Entry
    at: datetime
    path: str
    outcome: Outcome
    note: str
    decisions: Sequence[CheckView]
    facts: Any


@dataclass(frozen=True, slots=True)
class RequestList:
    """The newest requests that fit a filter."""

    rows: Sequence[RequestRow]
    found: int
    words: str
    kind: str


async def request_list(system: System, words: str, kind: str) -> RequestList:
    """Requests in which all `words` occur. `kind`: "" those of the API, "errors" the refused ones, "all"."""
    wanted = words.lower().split()
    entries = [
        entry
        for entry in await _entries(system)
        if (kind == "all" or api_path(entry.path) is not None)
        and (kind != "errors" or entry.status >= 400)
        and (not wanted or _contains(entry, wanted))
    ]
    newest_first = list(reversed(entries))
    return RequestList([_request_row(entry) for entry in newest_first[:_ROWS]], len(entries), words, kind)


def _contains(entry: Entry, words: Iterable[str]) -> bool:
    parts = [entry.method, entry.path, str(entry.status), str(entry.code or ""), entry.trace_id]
    parts += [entry.client_ip, entry.operation or "", entry.reason or "", *entry.details]
    parts += [decision.reason for decision in entry.decisions]
    text = "\n".join(parts).lower()
    return all(word in text for word in words)


def _request_row(entry: Entry) -> RequestRow:
    step = logins.step(entry)
    facts = plain(entry.facts)
    for part in facts.get("hashed", ()):
        part["octets"] = f"{len(part['octets']) * 3 // 4} octets"  # the page of the login has them
    return RequestRow(entry, logins.moment(entry), entry.path, step.outcome, step.note, step.decisions, facts)


# ---- keys


@dataclass(frozen=True, slots=True)
class KeyView:
    """A published key."""

    algorithm: str
    public_key_id: str
    certificate_id: str
    valid_from: datetime
    valid_to: datetime
    #: Whether a client that follows the documentation chooses it: valid, with the latest `validFrom`.
    chosen: bool


@dataclass(frozen=True, slots=True)
class KeyGroup:
    """The published keys of one usage, in the order of publication."""

    usage: str
    purpose: str
    keys: Sequence[KeyView]


@dataclass(frozen=True, slots=True)
class KeysView:
    """All published keys, and the algorithm setting behind them: rsa, ec or both."""

    groups: Sequence[KeyGroup]
    algorithm: str


_PURPOSES = {
    Usage.TOKEN: "encrypts KSeF tokens at login",
    Usage.SYMMETRIC_KEY: "encrypts the AES keys of invoice sessions",
}


async def keys_view(system: System) -> KeysView:
    """The keys as GET /security/public-key-certificates publishes them."""
    published = await system.keys.published()
    now = system.clock.now()
    groups = []
    for usage in Usage:
        keys = [key for key in published if key.usage is usage]
        chosen = _chosen(keys, now)
        groups.append(KeyGroup(usage.value, _PURPOSES[usage], [_key(key, key is chosen) for key in keys]))
    return KeysView(groups, system.shared.value.token_key)


def _chosen(keys: Sequence[PublishedKey], now: Instant) -> PublishedKey | None:
    valid = [key for key in keys if key.valid_from <= now < key.valid_to]
    return max(valid, key=lambda key: key.valid_from, default=None)


def _key(key: PublishedKey, chosen: bool) -> KeyView:
    return KeyView(
        key.algorithm.value,
        key.public_key_id,
        key.certificate_id,
        to_datetime(key.valid_from),
        to_datetime(key.valid_to),
        chosen,
    )


# ---- faults


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
    #: Value and text of each way in which a login can end.
    outcomes: Sequence[tuple[str, str]]


_PRESETS = (
    Preset("503 to the next 2 requests", {"effect": "status", "status": "503", "times": "2"}),
    Preset("429 once, Retry-After 5 s", {"effect": "rateLimit", "rateLimit": "5", "times": "1"}),
    Preset("Status 2 s late", {"effect": "delay", "path": "/auth/*", "method": "GET", "delaySeconds": "2"}),
    Preset(
        "Next login: 3 polls at 100", {"effect": "hold", "path": "/auth/*", "holdPolls": "3", "times": "1"}
    ),
    Preset("Cut the next connection", {"effect": "cut", "times": "1"}),
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
    outcomes = [
        (f"{int(status)}|{detail}", f"{int(status)} {detail or STATUS_DESCRIPTIONS[Status(status)]}")
        for status, details in STATUS_DETAILS.items()
        for detail in details or ("",)
    ]
    return FaultsView(rows, _PRESETS, list(paths), outcomes)


def _how_often(fault: Fault) -> str:
    if fault.every is None:
        return "every request" if fault.times is None else f"the next {fault.times}"
    return f"each {fault.every}. request" + (f", {fault.times} times" if fault.times is not None else "")


# ---- tokens, coverage


@dataclass(frozen=True, slots=True)
class TokenForm:
    """The form that issues a KSeF token, as filled in, and what came of it."""

    nip: str
    #: Name and whether it is ticked.
    permissions: Sequence[tuple[str, bool]]
    #: The text of the token that was issued; KSeF too shows it once.
    issued: str = ""
    problem: str = ""


def token_form(
    nip: str = "5265877635", permissions: Iterable[str] | None = None, *, issued: str = "", problem: str = ""
) -> TokenForm:
    """The form; all permissions are ticked unless told otherwise."""
    ticked = set(Permission) if permissions is None else set(permissions)
    rows = [(permission.value, permission.value in ticked) for permission in Permission]
    return TokenForm(nip, rows, issued, problem)


@dataclass(frozen=True, slots=True)
class CoverageGroup:
    """Operations with the same beginning: method, path, whether simulated."""

    name: str
    operations: Sequence[tuple[str, str, bool]]
    simulated: int


def coverage_view(request: Request) -> list[CoverageGroup]:
    """The operations of the official document by the first segment of their paths, in its order."""
    covered = simulated(request.app.routes)
    groups: dict[str, list[tuple[str, str, bool]]] = {}
    for operation in OPERATIONS:
        group = operation.path.split("/")[1]
        groups.setdefault(group, []).append((operation.method, operation.path, operation in covered))
    return [CoverageGroup(name, rows, sum(row[2] for row in rows)) for name, rows in groups.items()]
