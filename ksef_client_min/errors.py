"""Everything that a call can fail with. No message contains a token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class KsefError(Exception):
    """Base of all errors of this client."""


class KsefConnectionError(KsefError):
    """No usable HTTP answer: not reachable, connection cut, TLS failed."""


class KsefTimeoutError(KsefError):
    """No answer in time, or an operation still in progress at its deadline."""


class KsefProtocolError(KsefError):
    """An answer that KSeF does not give: not JSON, a member missing, a redirect, a body too large."""


class KsefNotLoggedInError(KsefError):
    """The call needs a login, and there has been none."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One error of an answer: an exception code (0 where there is none) with its texts."""

    code: int
    description: str
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{self.code} {self.description}" if self.code else self.description
        return f"{text} ({'; '.join(self.details)})" if self.details else text


class KsefApiError(KsefError):
    """An answer other than success, in either of KSeF's formats."""

    def __init__(
        self,
        status: int,
        problems: Sequence[Problem],
        *,
        body: bytes = b"",
        trace_id: str | None = None,
        retry_after: float | None = None,
        reason_code: str | None = None,
    ) -> None:
        self.status = status
        self.problems = tuple(problems)
        #: The answer's body as it came.
        self.body = body
        #: What the ministry's support asks for.
        self.trace_id = trace_id
        #: Seconds, from Retry-After.
        self.retry_after = retry_after
        #: `reasonCode` of a 403.
        self.reason_code = reason_code
        super().__init__(f"HTTP {status}: " + "; ".join(map(str, self.problems)))

    @property
    def code(self) -> int:
        """The first exception code; 0 if there is none."""
        return self.problems[0].code if self.problems else 0

    @property
    def description(self) -> str:
        return self.problems[0].description if self.problems else ""

    @property
    def details(self) -> tuple[str, ...]:
        return self.problems[0].details if self.problems else ()


class KsefUnauthorizedError(KsefApiError):
    """401, and a refresh did not help."""


class KsefForbiddenError(KsefApiError):
    """403; see `reason_code`."""


class KsefRateLimitError(KsefApiError):
    """429, and waiting as long as asked was not in the budget; see `retry_after`."""


class KsefOperationError(KsefError):
    """Something was accepted for processing and failed: a status of 4xx or 5xx."""

    def __init__(self, reference_number: str, code: int, description: str, details: Sequence[str]) -> None:
        self.reference_number = reference_number
        self.code = code
        self.description = description
        self.details = tuple(details)
        text = f"status {code}: {description}"
        super().__init__(f"{text} ({'; '.join(self.details)})" if self.details else text)


class KsefAuthenticationError(KsefOperationError):
    """The login was accepted for processing and failed."""


class KsefExportError(KsefOperationError):
    """The export was accepted for processing and failed."""
