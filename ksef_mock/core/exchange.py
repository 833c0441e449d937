"""One HTTP request on its way through the mock: its identity, and the trail of decisions for the journal."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

from ksef_mock.clock import Instant
from ksef_mock.core.errors import Occurrence
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.operation import Operation
from ksef_mock.core.wire import Wire

SCOPE_KEY = "ksef_mock.exchange"

#: Characters; genuine ones have 36. What clients send instead is kept only as far as one wants to read it.
_LONGEST_CHALLENGE = 64


class Outcome(StrEnum):
    """How one check went."""

    PASSED = "passed"
    FAILED = "failed"
    NOTED = "noted"


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
        self.facts: dict[str, Any] = {}
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
        self.facts["challenge"] = challenge[:_LONGEST_CHALLENGE]
        self.facts["context"] = context

    def passed(self, check: str, reason: str) -> None:
        self.decisions.append((check, Outcome.PASSED, reason))

    def failed(self, check: str, reason: str) -> None:
        self.decisions.append((check, Outcome.FAILED, reason))

    def noted(self, check: str, reason: str) -> None:
        self.decisions.append((check, Outcome.NOTED, reason))

    def occurrence(self, moment: Instant) -> Occurrence:
        return Occurrence(self.path, self.trace_id, moment)


_KSEF_TOKEN = re.compile(r"([0-9]{8}-EC-[0-9A-F-]{24}\|[A-Za-z]{1,12}-[^|]{1,40}\|)(.+)", re.DOTALL)


def masked(secret: str) -> str:
    """Enough of a secret to recognise it, too little to use it.

    Of a KSeF token the public parts (reference number, context) stay readable.
    """
    match = _KSEF_TOKEN.fullmatch(secret)
    public, private = (match[1], match[2]) if match else ("", secret)
    visible = private[:4] if len(private) >= 16 else ""
    return f"{public}{visible}…({len(private)} characters)"
