"""What flows ask their driver for, and how patiently.

A flow is a generator. It yields effects (send this request, wait so many seconds, have the access token
refreshed), gets their results back, and returns its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from ksef_client_min.call import Send

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wait:
    """Let some seconds pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Refresh:
    """Have the access token be another than `stale`: of concurrent callers one refreshes, for all of them."""

    stale: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Delegate:
    """Have somebody else sign a document; the asynchronous client takes a coroutine function too."""

    sign_xml: Callable[[bytes], Any] = field(repr=False)
    xml: bytes = field(repr=False)


Effect: TypeAlias = Send | Wait | Refresh | Delegate
Flow: TypeAlias = Generator[Effect, Any, T]


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient the client is; all in seconds."""

    #: For an answer to one request.
    timeout: float = 30.0
    #: For a login to be processed.
    login_deadline: float = 120.0
    #: For an invoice, or a closed session, to be processed.
    processing_deadline: float = 120.0
    #: Between the first polls of a status; the pause grows by half each time, up to `poll_at_most`.
    poll_at_first: float = 0.5
    poll_at_most: float = 5.0
    #: How often the upload of a part, or its download, is tried while the storage fails.
    upload_attempts: int = 4
    #: For an export to be made.
    export_deadline: float = 600.0
    #: Altogether, for Retry-After of one call (429, 503).
    retry_budget: float = 60.0
    #: Octets of an answer.
    max_answer: int = 10_485_760
