"""One call of the API as a value: what to send, how to read the answer, on whose behalf.

`ksef_client_min.operations` makes them; `KsefClient.call` and `AsyncKsefClient.call` carry them out:

    ksef.call(tokens.generate(["InvoiceRead"], "reads invoices"))
    await ksef.call(tokens.generate(["InvoiceRead"], "reads invoices"))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Send:
    """A request. Bodies and `bearer` are in no repr. The path may be a whole address."""

    method: str
    path: str
    bearer: str | None = field(default=None, repr=False)
    json: Any = field(default=None, repr=False)
    xml: bytes | None = field(default=None, repr=False)
    #: Takes the octets of a successful answer as they come, however many; None: they are collected.
    into: Callable[[bytes], None] | None = field(default=None, repr=False)
    #: Octets of no kind.
    content: bytes | None = field(default=None, repr=False)
    params: Mapping[str, str | Sequence[str]] | None = None
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request with the type of its answer: `type(None)` for none, `bytes` for an XML document as it is."""

    send: Send
    model: type[T]
    #: Whether the access token of the login goes with it, and is refreshed on 401.
    authorized: bool = True


def after(continuation_token: str | None) -> dict[str, str]:
    """The headers that ask for the page behind this token; none for the first page."""
    return {} if continuation_token is None else {"x-continuation-token": continuation_token}
