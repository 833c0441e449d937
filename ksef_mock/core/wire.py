"""One request and its answer as they were on the wire, as far as they are kept."""

from __future__ import annotations

import msgspec

#: Octets of a body that are kept: every signed document of common size, not every invoice.
LONGEST_BODY = 65_536

#: Characters of the first line that outlive the rest.
_LONGEST_TARGET = 500

#: As the server passes them on, their names in lower case.
Headers = list[tuple[bytes, bytes]]


class Wire(msgspec.Struct, array_like=True):
    """What was received and sent. Collected by the gateway."""

    #: Path and query string, as they came.
    target: str
    #: Of HTTP, such as 1.1.
    version: str
    headers: Headers
    body: bytes = b""
    #: Octets of the body, and how many of them at its end are not kept.
    length: int = 0
    missing: int = 0
    answer_headers: Headers = []
    #: Of an answer in several parts, the first.
    answer: bytes = b""
    answer_length: int = 0
    answer_missing: int = 0
    #: Whether the bodies were dropped for those of newer requests.
    forgotten: bool = False

    def received(self, octets: bytes) -> None:
        """The next part of the request's body."""
        room = LONGEST_BODY - len(self.body)
        self.body += octets[:room]
        self.length += len(octets)
        self.missing = self.length - len(self.body)

    def answered(self, headers: Headers, octets: bytes) -> None:
        """The answer's headers, and its body as far as it is there."""
        self.answer_headers = headers
        self.answer = octets[:LONGEST_BODY]
        self.answer_length = len(octets)
        self.answer_missing = self.answer_length - len(self.answer)

    def forget(self) -> None:
        """Let go of all but the first line and the lengths."""
        self.target = self.target[:_LONGEST_TARGET]
        self.headers, self.answer_headers = [], []
        self.body = self.answer = b""
        self.missing, self.answer_missing = self.length, self.answer_length
        self.forgotten = True
