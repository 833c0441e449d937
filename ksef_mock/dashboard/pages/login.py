"""One login in full: its steps, what was decrypted, the report on its signature, its JWTs."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import system_of
from ksef_mock.clock import SECOND
from ksef_mock.dashboard import logins
from ksef_mock.dashboard.frame import framed, guarded, message
from ksef_mock.dashboard.logins import CheckView, Login, Step, plain
from ksef_mock.dashboard.pages.logins import Row, known_logins, row_of
from ksef_mock.ksef.auth import operation as machine
from ksef_mock.ksef.auth.operation import State
from ksef_mock.system.system import System
from ksef_mock.trail.journal import Entry


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
    #: Whether there is a session to be ended.
    can_end: bool
    #: Other attempts with the same challenge, oldest first.
    siblings: Sequence[Row]


async def login_view(system: System, key: str) -> LoginView | None:
    """The login with this reference number (or trace id); None if the journal has none."""
    known = await known_logins(system)
    login = next((each for each in known if each.key == key), None)
    if login is None:
        return None
    now = system.clock.now()
    entry = login.main
    checks = _checks(entry)
    report = entry.facts.get("xades")
    siblings = [
        row_of(each, logins.outcome_of(each, now), system)
        for each in reversed(known)
        if each is not login and login.challenge is not None and each.challenge is login.challenge
    ]
    return LoginView(
        row=row_of(login, logins.outcome_of(login, now), system),
        entry=entry,
        failures=[check for check in checks if check.outcome == "failed"],
        checks=checks,
        steps=logins.steps(login),
        facts=_facts(login, system),
        payload=_payload(login),
        report=report,
        octets=octets_of(entry.facts),
        jwts=_jwts(login, now // SECOND),
        can_end=login.operation is not None
        and machine.settle(login.operation, now).state in (State.SUCCEEDED, State.REDEEMED),
        siblings=siblings,
    )


def _checks(entry: Entry) -> list[CheckView]:
    report = entry.facts.get("xades")
    return list(logins.decisions_of(entry)) if report is None else checks_of(report)


def checks_of(report: dict[str, Any]) -> list[CheckView]:
    """The results of a report on a signature (`Report.to_dict`)."""
    return [
        CheckView(
            result["check"],
            result["outcome"],
            result["reason"],
            result["explanation"] or "",
            result["evidence"],
            says(result["consequence"]),
        )
        for result in report["results"]
    ]


def says(consequence: dict[str, Any] | None) -> str:
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


def octets_of(facts: Mapping[str, Any]) -> list[Octets]:
    """What was hashed, of the facts of a request."""
    found = []
    for part in plain(facts.get("hashed", [])):
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


@guarded
async def login(request: Request) -> Response:
    """GET /_mock/ui/logins/{key}: one login in full."""
    key: str = request.path_params["key"]
    view = await login_view(system_of(request), key)
    if view is None:
        return await message(
            request,
            404,
            "No such login",
            f"The journal has no login {key[:64]}. It keeps the last "
            f"{system_of(request).settings.journal_size} requests, and forgets them at a reset.",
            section="logins",
        )
    return await framed(request, "logins", "login.html", login=view)


ROUTES = [Route("/ui/logins/{key}", login, methods=["GET"])]
