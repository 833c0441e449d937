"""The journal's requests put together to logins: challenge, submission, status polls, tokens, their use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from ksef_mock.clock import Instant
from ksef_mock.core.codes import DESCRIPTIONS, STATUS_DESCRIPTIONS, Code, Status
from ksef_mock.core.methods import METHOD_INFO, AuthenticationMethod
from ksef_mock.core.paths import api_path
from ksef_mock.core.references import Kind, issued_at
from ksef_mock.ksef.auth import operation as machine
from ksef_mock.ksef.auth.operation import Operation, State
from ksef_mock.trail.journal import Entry

#: Seconds between two steps of a login that the reader should notice: nothing waits that long by itself.
_LONG_GAP = 5.0

_SUBMISSIONS = {"/auth/ksef-token": "KSeF token", "/auth/xades-signature": "XAdES signature"}


class Tone(StrEnum):
    """How an outcome is shown: its colour and its mark."""

    GOOD = "good"
    BAD = "bad"
    WAIT = "wait"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How something ended, in a few words."""

    tone: Tone
    #: A status or exception code, e.g. "450" or "400 · 9105"; "" if there is none.
    code: str
    #: What KSeF says, in Polish; or, where KSeF says nothing, what is the matter, in English.
    text: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Why:
    """The true cause of a refusal, which KSeF itself would not tell."""

    check: str
    reason: str
    #: The usual mistake that explains it, if recomputing has proven one.
    explanation: str = ""
    evidence: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Login:
    """One attempt to log in, as far as the journal remembers it."""

    #: Reference number of the operation; of an attempt that started none, the trace id of its main request.
    key: str
    submission: Entry | None = None
    challenge: Entry | None = None
    #: What came after the submission, in order of arrival.
    later: list[Entry] = field(default_factory=list)
    #: The operation as the mock has it now; None if there is none, or if it is forgotten.
    operation: Operation | None = None

    @property
    def entries(self) -> list[Entry]:
        """All requests of this login, in order of arrival."""
        first = [entry for entry in (self.challenge, self.submission) if entry is not None]
        return [*first, *self.later]

    @property
    def main(self) -> Entry:
        """The request that says most: the submission, if the journal still has it."""
        return self.submission or self.challenge or self.later[0]

    @property
    def reference(self) -> str | None:
        """Reference number of the authentication operation; None if none was started."""
        return next((entry.operation for entry in self.entries if entry.operation is not None), None)


def group(entries: Iterable[Entry]) -> list[Login]:
    """The logins that these entries of the journal tell of, the newest first.

    A challenge belongs to every submission that names it: clients repeat a refused call with the same one.
    """
    logins: dict[str, Login] = {}
    challenges: dict[str, Entry] = {}
    unused: dict[str, Login] = {}
    for entry in entries:
        path = api_path(entry.path)
        if path == "/auth/challenge" and entry.method == "POST":
            login = Login(entry.trace_id, challenge=entry)
            logins[login.key] = login
            value = entry.facts.get("challenge")
            if value is not None:
                challenges[value] = entry
                unused[value] = login
        elif path in _SUBMISSIONS and entry.method == "POST":
            value = entry.facts.get("challenge", "")
            login = Login(entry.operation or entry.trace_id, entry, challenges.get(value))
            known = logins.pop(login.key, None)  # its status can be asked for before the answer is noted
            if known is not None:
                login.later = known.later
            logins[login.key] = login
            asked = unused.pop(value, None)
            if asked is not None:
                del logins[asked.key]
        else:
            reference = entry.operation or _reference_in(path)
            if reference is not None and path is not None:
                logins.setdefault(reference, Login(reference)).later.append(entry)
    return sorted(logins.values(), key=lambda login: login.main.sequence, reverse=True)


def _reference_in(path: str | None) -> str | None:
    # A status poll that proved nothing (no JWT, a wrong one) still names the operation that it is about.
    if path is None or not path.startswith("/auth/"):
        return None
    reference = path.removeprefix("/auth/")
    return reference if issued_at(reference, Kind.AUTHENTICATION) is not None else None


# ---- what became of it


def outcome_of(login: Login, now: Instant) -> Outcome:
    """How the login ended, or where it stands at the moment `now`."""
    submission = login.submission
    if submission is None:
        return _unsubmitted(login, now)
    if submission.status != 202:
        return refusal(submission)
    operation = login.operation
    if operation is not None:
        return _of_status(*machine.status_of(machine.settle(operation, now)))
    verdict = plain(submission.facts.get("verdict"))
    if verdict is None:
        return Outcome(Tone.QUIET, "", "the mock has forgotten how it ended")
    return _of_status(Status(verdict["status"]), verdict["detail"])


def _unsubmitted(login: Login, now: Instant) -> Outcome:
    if login.operation is not None:
        return _of_status(*machine.status_of(machine.settle(login.operation, now)))
    if login.challenge is not None and login.challenge.status >= 400:
        return refusal(login.challenge)
    if login.challenge is not None:
        return Outcome(Tone.QUIET, "", "a challenge, and nothing submitted with it")
    return refusal(login.later[-1]) if login.later[-1].status >= 400 else Outcome(Tone.QUIET, "", "forgotten")


def _of_status(status: Status, detail: str | None) -> Outcome:
    tone = {Status.SUCCESS: Tone.GOOD, Status.IN_PROGRESS: Tone.WAIT, Status.REVOKED: Tone.QUIET}.get(
        status, Tone.BAD
    )
    return Outcome(tone, str(int(status)), STATUS_DESCRIPTIONS[status], detail or "")


def refusal(entry: Entry) -> Outcome:
    """What the answer to this request was, if it is not a success."""
    details = "; ".join(entry.details)
    if entry.code is not None:
        return Outcome(Tone.BAD, f"{entry.status} · {entry.code}", DESCRIPTIONS[Code(entry.code)], details)
    if entry.status < 400:
        return Outcome(Tone.GOOD, str(entry.status), "")
    return Outcome(Tone.BAD, str(entry.status), details)


def why(entry: Entry) -> Why | None:
    """Why this request (or the login that it submitted) was refused; None if it was not.

    The first failed check decides what KSeF answers.
    """
    report = entry.facts.get("xades")
    if report is not None:
        for result in report["results"]:
            if result["outcome"] == "failed":
                return Why(
                    result["check"],
                    result["reason"],
                    result["explanation"] or "",
                    result["evidence"],
                )
    for decision in entry.decisions:
        if decision.outcome == "failed":
            return Why(decision.check, decision.reason)
    verdict = plain(entry.facts.get("verdict"))
    if verdict is not None and verdict["status"] != Status.SUCCESS:
        for decision in entry.decisions:
            if decision.check == "fault":
                return Why(decision.check, decision.reason)
    if entry.status < 400 or entry.reason is None or entry.reason in entry.details:
        return None  # what KSeF says is all there is to say
    check, colon, reason = entry.reason.partition(": ")
    # Reasons are written `check: what is wrong`, where there is a check to name.
    return Why(check, reason) if colon and len(check) <= 30 else Why("", entry.reason)


def trouble(login: Login) -> Entry | None:
    """The last request after an accepted submission that was refused, e.g. a second redeem.

    An expired JWT is no trouble for a client that went on with another.
    """
    for position, entry in enumerate(reversed(login.later)):
        if entry.status >= 400 and not (entry.status == 401 and position > 0):
            return entry
    return None


_STATES = {
    State.IN_PROGRESS: "in progress",
    State.SUCCEEDED: "tokens not redeemed yet",
    State.REDEEMED: "tokens redeemed",
    State.FAILED: "failed",
    State.REVOKED: "session revoked",
}


def state_of(login: Login, now: Instant) -> str:
    """Where the authentication operation stands at the moment `now`; "" if there is none."""
    if login.operation is None:
        return "operation forgotten" if login.reference is not None else ""
    return _STATES[machine.settle(login.operation, now).state]


# ---- who, where, how


def context_of(login: Login) -> str:
    """The context as `Nip 5265877635`; "" where no request has told it."""
    if login.operation is not None:
        context: Any = login.operation.context
    else:
        context = login.submission.facts.get("context") if login.submission is not None else None
    shown = plain(context)
    return "" if shown is None else f"{shown['type']} {shown['value']}"


def method_of(login: Login) -> str:
    """How the client logs in: the method in KSeF's words, or what was submitted."""
    name = login.operation.method if login.operation is not None else None
    if name is None and login.submission is not None:
        name = login.submission.facts.get("method")
    if name is not None:
        return METHOD_INFO[AuthenticationMethod(name)].display_name
    if login.submission is not None:
        return _SUBMISSIONS[api_path(login.submission.path) or ""]
    return "Challenge only" if login.challenge is not None else "Unknown"


def scheme_of(login: Login) -> str:
    """How the KSeF token was encrypted, or how the document was signed; "" where that is unknown."""
    if login.submission is None:
        return ""
    facts = login.submission.facts
    if "decrypted" in facts:
        return str(facts["decrypted"]["scheme"]).partition(", ")[0].replace("-SHA256", "") + _layout(
            facts["decrypted"]["scheme"]
        )
    report = facts.get("xades")
    algorithm = report.get("signatureAlgorithm") if report else None
    return algorithm.rpartition("#")[2] if algorithm else ""


def _layout(scheme: str) -> str:
    _, found, rest = scheme.partition(", ")
    return f" · {rest.partition(' (')[0]}" if found else ""


def seconds_taken(login: Login) -> float:
    """Seconds of the mock's clock from the first request to the tokens, or else to the last poll."""
    until = [entry for entry in login.later if _belongs_to_login(entry)] or [login.main]
    first = login.entries[0]
    return (moment(until[-1]) - moment(first)).total_seconds() + until[-1].duration_ms / 1_000


def _belongs_to_login(entry: Entry) -> bool:
    path = api_path(entry.path) or ""
    return path == "/auth/token/redeem" or (
        entry.method == "GET" and path.startswith("/auth/") and path != "/auth/sessions"
    )


def moment(entry: Entry) -> datetime:
    """When the request came, by the mock's clock."""
    return datetime.fromisoformat(entry.timestamp)


# ---- the steps


@dataclass(frozen=True, slots=True)
class CheckView:
    """One check of a login, as its row in the table."""

    name: str
    #: "passed", "failed", "noted" or "skipped".
    outcome: str
    reason: str
    explanation: str = ""
    evidence: dict[str, str] = field(default_factory=dict)
    #: What KSeF answers for it, if it failed.
    says: str = ""


def decisions_of(entry: Entry) -> tuple[CheckView, ...]:
    """What was decided about this request, in order."""
    return tuple(CheckView(each.check, each.outcome, each.reason) for each in entry.decisions)


@dataclass(slots=True)
class Step:
    """One request of a login, or a run of equal ones: status polls, calls of the API."""

    entry: Entry
    label: str
    outcome: Outcome
    note: str = ""
    #: Seconds of the mock's clock since the step before, where they are worth a word.
    gap: float | None = None
    #: How many requests in a row this stands for; `entry` is the last of them.
    count: int = 1
    decisions: Sequence[CheckView] = ()


_LABELS = {
    ("POST", "/auth/challenge"): "Challenge",
    ("POST", "/auth/ksef-token"): "Submission",
    ("POST", "/auth/xades-signature"): "Submission",
    ("POST", "/auth/token/redeem"): "Redeem",
    ("POST", "/auth/token/refresh"): "Refresh",
    ("GET", "/auth/sessions"): "Sessions",
    ("DELETE", "/auth/sessions/current"): "Logout",
}


def step(entry: Entry) -> Step:
    """This one request."""
    return Step(entry, _label(entry), _step_outcome(entry), _note(entry), decisions=decisions_of(entry))


def steps(login: Login) -> list[Step]:
    """The login step by step; runs of equal polls or calls become one step."""
    found: list[Step] = []
    for entry in login.entries:
        following = step(entry)
        last = found[-1] if found else None
        if last is not None and last.label in ("Status", "Use") and _same(last, following):
            following.count = last.count + 1
            following.gap = last.gap
            found[-1] = following
        else:
            if last is not None:
                gap = (moment(entry) - moment(last.entry)).total_seconds()
                following.gap = gap if abs(gap) >= _LONG_GAP else None
            found.append(following)
    return found


def _same(one: Step, other: Step) -> bool:
    return (one.entry.method, one.entry.path, one.outcome) == (
        other.entry.method,
        other.entry.path,
        other.outcome,
    )


def _label(entry: Entry) -> str:
    path = api_path(entry.path) or entry.path
    if entry.method == "DELETE" and path.startswith("/auth/sessions/"):
        return "Logout"
    known = _LABELS.get((entry.method, path))
    if known is not None:
        return known
    return "Status" if path.startswith("/auth/") else "Use"


def _step_outcome(entry: Entry) -> Outcome:
    if entry.status >= 400:
        return refusal(entry)
    status = entry.facts.get("status")
    if status is not None:
        shown = _of_status(Status(status), None)
        return Outcome(shown.tone, f"{entry.status} · {shown.code}", shown.text)
    verdict = plain(entry.facts.get("verdict"))
    if verdict is not None and verdict["status"] != Status.SUCCESS:
        shown = _of_status(Status(verdict["status"]), verdict["detail"])
        return Outcome(shown.tone, f"{entry.status} → {shown.code}", shown.text, shown.detail)
    if entry.failed:  # behind a good answer: what was sent comes to nothing
        ended = next((each.reason for each in entry.decisions if each.check == "invoice"), "")
        code = ended.rpartition(": ")[2]
        return Outcome(Tone.BAD, f"{entry.status} → {code}" if code else str(entry.status), "")
    return Outcome(Tone.GOOD, str(entry.status), "")


def _note(entry: Entry) -> str:
    reason = why(entry)
    if reason is not None:
        return f"{reason.check}: {reason.reason}" if reason.check else reason.reason
    return ""


# ---- searching


def matches(login: Login, words: str) -> bool:
    """Whether every word stands somewhere in what identifies the login, or in its reasons."""
    parts = [login.key, context_of(login), method_of(login), scheme_of(login)]
    for entry in login.entries:
        parts += [entry.trace_id, entry.path, entry.client_ip, entry.reason or "", *entry.details]
        parts += [str(entry.code or ""), str(entry.facts.get("challenge", ""))]
        parts += [decision.reason for decision in entry.decisions if decision.outcome == "failed"]
    text = "\n".join(parts).lower()
    return all(word in text for word in words.lower().split())


def plain(value: Any) -> Any:
    """Facts as their JSON has them: what came from another process is no longer a structure."""
    return msgspec.to_builtins(value)
