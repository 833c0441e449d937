"""One HTTP request on its way through the mock: its identity, and the trail of decisions for the journal."""

from __future__ import annotations

from enum import StrEnum
from operator import itemgetter
from typing import Any

import msgspec

from ksef_mock.clock import Instant
from ksef_mock.core.codes import Status, Verdict
from ksef_mock.core.errors import Occurrence
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.ip_policy import AllowedIps
from ksef_mock.core.methods import AuthenticationMethod
from ksef_mock.core.operation import Operation
from ksef_mock.core.text import Allowance, fits, kept
from ksef_mock.core.wire import Wire

SCOPE_KEY = "ksef_mock.exchange"
#: Where the gateway leaves the system that a request is for: `app.state` takes ten times as long to ask.
SYSTEM_KEY = "ksef_mock.system"

#: Characters; genuine ones have 36. What clients send instead is kept only as far as one wants to read it.
_LONGEST_CHALLENGE = 64
_LONGEST_PATH = 500
#: Of HTTP's own: no secret is so short.
_LONGEST_METHOD = 7
#: Octets that may be kept of one request: of its reasons, of the report on a signed document, of what was
#: hashed there, and of the claims of its tokens. Ordinary logins stay below them.
_REASONS, _REPORT, _HASHED, _CLAIMS = 3_000, 4_500, 4_000, 2_500
_MOST_DECISIONS = 64


_reason = itemgetter(2)  # of a decision


class Outcome(StrEnum):
    """How one check went."""

    PASSED = "passed"
    FAILED = "failed"
    NOTED = "noted"


class Facts(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """What a request showed beside the decisions; each member is None where it was not about that."""

    #: Of a login: the challenge, as issued or as sent (its first 64 characters).
    challenge: str | None = None
    #: When the challenge was issued, in ms of Unix time: what a token login has to send.
    timestamp_ms: int | None = None
    #: Of a login that was submitted: its context, how it was signed for and how it will end.
    context: Identifier | None = None
    method: AuthenticationMethod | None = None
    verdict: Verdict | None = None
    allowed_ips: AllowedIps | None = None
    #: `publicKeyId` of the key that the client has encrypted for: as it says, or of the one that opens it.
    public_key: str | None = None
    #: What a token login's ciphertext held: `scheme`, `publicKeyId`, `token` (masked), `timestamp`.
    decrypted: dict[str, str] | None = None
    #: The report on a signed document (`xades.Report.to_dict`), and the octets that were hashed: for each
    #: part its `name`, `length` and first `octets`.
    xades: dict[str, Any] | None = None
    hashed: list[dict[str, Any]] | None = None
    #: The claims of the JWTs that were issued, by the name of the token in the answer.
    issued: dict[str, dict[str, Any]] | None = None
    #: The status that was shown.
    status: Status | None = None
    #: Ids of the faults that acted.
    faults: list[str] | None = None


class Exchange:
    """What is known of a request; handlers add to it, the journal keeps it."""

    __slots__ = (
        "client_ip",
        "decisions",
        "facts",
        "method",
        "of_api",
        "operation",
        "path",
        "recorded",
        "routed",
        "started_at",
        "trace_id",
        "warnings",
        "wire",
    )

    def __init__(self, method: str, path: str, client_ip: str, started_at: Instant, trace_id: str) -> None:
        self.method = method
        self.path = path
        self.client_ip = client_ip
        self.started_at = started_at
        self.trace_id = trace_id
        self.decisions: list[tuple[str, Outcome, str]] = []
        self.facts = Facts()
        #: What `X-System-Warning` of the answer says beyond what all answers say.
        self.warnings: list[str] = []
        #: Reference number of the authentication operation that the request is about.
        self.operation: str | None = None
        #: The operation of the official document that it was routed to.
        self.routed: Operation | None = None
        #: Whether the journal keeps it: looking at the journal must not push out what it is about.
        self.recorded = True
        #: Whether it is KSeF's API that answers, not one of the services beside it.
        self.of_api = True
        #: The request and its answer as they were, secrets included; None of those under /_mock.
        self.wire: Wire | None = None

    def about(self, challenge: str, context: Identifier) -> None:
        """Record which login a submission is: its challenge, as sent, and its context."""
        self.facts.challenge = challenge[:_LONGEST_CHALLENGE]
        self.facts.context = context

    def encrypted_for(self, public_key_id: str) -> None:
        """Record for which key the client has encrypted."""
        self.facts.public_key = public_key_id[:_LONGEST_CHALLENGE]

    def passed(self, check: str, reason: str) -> None:
        self.decisions.append((check, Outcome.PASSED, reason))

    def failed(self, check: str, reason: str) -> None:
        self.decisions.append((check, Outcome.FAILED, reason))

    def noted(self, check: str, reason: str) -> None:
        self.decisions.append((check, Outcome.NOTED, reason))

    def occurrence(self, moment: Instant) -> Occurrence:
        return Occurrence(self.path, self.trace_id, moment)

    def trim(self) -> None:
        """Cut what the client may have written, and mask secrets in it: done before anything is kept."""
        if len(self.method) > _LONGEST_METHOD:
            self.method = kept(self.method, _LONGEST_CHALLENGE)
        operation = self.operation or ""
        # Ordinary texts fit, which is seen at once.
        if (
            len(self.decisions) > _MOST_DECISIONS
            or len(self.path) > _LONGEST_PATH
            or len(operation) > _LONGEST_CHALLENGE
            or not fits("\n".join((self.path, operation, *map(_reason, self.decisions))), _REASONS)
        ):
            self._cut()
        facts = self.facts
        # Ordinary claims fit: an answer with their tokens in it is longer than they are.
        shown = self.wire.answer_length if self.wire is not None else 0
        if facts.issued and not 0 < shown <= _CLAIMS:
            facts.issued = Allowance(_CLAIMS).bound(facts.issued)
        if facts.xades is not None:
            facts.xades = Allowance(_REPORT).bound(facts.xades)
            octets = Allowance(_HASHED)
            facts.hashed = [
                {
                    **part,
                    "name": kept(part["name"], _LONGEST_CHALLENGE),
                    "octets": octets.bound(part["octets"]),
                }
                for part in (facts.hashed or ())[:_MOST_DECISIONS]
            ]

    def _cut(self) -> None:
        """Bound the texts of a request one by one."""
        self.path = kept(self.path, _LONGEST_PATH)
        if self.operation is not None:
            self.operation = kept(self.operation, _LONGEST_CHALLENGE)
        allowance = Allowance(_REASONS)
        self.decisions = [
            (check, outcome, allowance.take(reason))
            for check, outcome, reason in self.decisions[:_MOST_DECISIONS]
        ]
