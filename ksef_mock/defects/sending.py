"""Defects of interactive sessions, their invoices, the UPO and metadata."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any

from ksef_mock.defects.catalogue import table
from ksef_mock.defects.mock import Answer, Mock
from ksef_mock.ksef.sending import rules
from ksef_mock.ksef.sending.sessions import Sessions

_OPEN = "/sessions/online"
_SEND = "/sessions/online/[^/]+/invoices"
_CLOSE = "/sessions/online/[^/]+/close"
_SESSION = "/sessions/[0-9]{8}-[^/]+"
_INVOICE = f"{_SESSION}/invoices/[0-9]{{8}}-[^/]+"
_UPO = f"{_SESSION}/(?:invoices/.*/upo|upo/[^/]+)"
_QUERY = "/invoices/query/metadata"

_Break = Callable[[Mock], None]


# -- what is read too kindly ------------------------------------------------------------------------------


def _given(path: str, value: Any, *place: str) -> _Break:
    """Read a body without a member as if it had this one."""

    def change(body: dict[str, Any]) -> None:
        inside: Any = body
        for step in place[:-1]:
            inside = inside.get(step) if isinstance(inside, dict) else None
        if isinstance(inside, dict):
            inside.setdefault(place[-1], value)

    return lambda mock: mock.edit_body(change, method="POST", path=path)


KIND = table(
    "sending",
    (
        (
            f"session-without-{name}",
            f"POST {path} is read without {place[-1]}.",
            f"{place[-1]} is required.",
            _given(path, value, *place),
        )
        for name, path, value, place in (
            ("its-system-code", _OPEN, "FA (3)", ("formCode", "systemCode")),
            ("its-schema-version", _OPEN, "1-0E", ("formCode", "schemaVersion")),
            ("the-value-of-its-form", _OPEN, "FA", ("formCode", "value")),
            ("a-vector", _OPEN, "AAAAAAAAAAAAAAAAAAAAAA==", ("encryption", "initializationVector")),
            ("a-key", _OPEN, "AAAA", ("encryption", "encryptedSymmetricKey")),
            ("the-hash-of-a-file", _SEND, "A" * 43 + "=", ("invoiceHash",)),
            ("the-size-of-a-file", _SEND, 1, ("invoiceSize",)),
        )
    ),
)


# -- what is told wrongly ---------------------------------------------------------------------------------


def _told(path: str, status: int, change: Callable[[Any], None], method: str = "GET") -> _Break:
    return lambda mock: mock.edit_json(change, method=method, path=path, status=status)


def _set(*place: str, to: Any) -> Callable[[Any], None]:
    """Set a member, wherever the objects around it are there."""

    def change(body: Any) -> None:
        inside = body
        for step in place[:-1]:
            inside = inside.get(step, {})
        inside[place[-1]] = to

    return change


def _replaced(code: int, to: int) -> Callable[[Any], None]:
    def change(body: Any) -> None:
        if body["status"]["code"] == code:
            body["status"]["code"] = to

    return change


def _dropped(*names: str) -> Callable[[Any], None]:
    def change(body: Any) -> None:
        for name in names:
            body.pop(name, None)

    return change


def _zeros(body: Any) -> None:
    body.setdefault("successfulInvoiceCount", 0)
    body.setdefault("failedInvoiceCount", 0)


def _nulls(body: Any) -> None:
    for name in ("ksefNumber", "invoicingMode", "acquisitionDate", "upoDownloadUrl"):
        body.setdefault(name, None)


def _without_extensions(body: Any) -> None:
    body["status"].pop("extensions", None)


def _without_details(body: Any) -> None:
    body["status"].pop("details", None)


def _reversed(body: Any) -> None:
    body["invoices"].reverse()


def _none(body: Any) -> None:
    body["invoices"].clear()


STATUSES = table(
    "sending",
    (
        (name, summary, rule, _told(path, status, change, method))
        for name, summary, rule, path, status, change, method in (
            (
                "counters-show-zero",
                "Counters of a session are 0 where there is nothing to count.",
                "Counters without a value are absent.",
                _SESSION,
                200,
                _zeros,
                "GET",
            ),
            (
                "members-of-a-refused-invoice-are-null",
                "A refused invoice has null for what it was not given.",
                "Members without a value are absent.",
                _INVOICE,
                200,
                _nulls,
                "GET",
            ),
            (
                "duplicate-does-not-name-the-original",
                "The status of a duplicate has no extensions.",
                "A duplicate's status names number and session of the original.",
                _INVOICE,
                200,
                _without_extensions,
                "GET",
            ),
            (
                "refusal-without-details",
                "The status of a refused invoice has no details.",
                "The status 410 names context and seller.",
                _INVOICE,
                200,
                _without_details,
                "GET",
            ),
            (
                "duplicate-is-450",
                "A duplicate comes to 450.",
                "A duplicate comes to 440.",
                _INVOICE,
                200,
                _replaced(440, 450),
                "GET",
            ),
            (
                "right-to-invoice-is-450",
                "The invoice of a foreign seller comes to 450.",
                "The invoice of a foreign seller comes to 410.",
                _INVOICE,
                200,
                _replaced(410, 450),
                "GET",
            ),
            (
                "file-error-is-450",
                "A file that is not what was declared comes to 450.",
                "A file that is not what was declared comes to 430.",
                _INVOICE,
                200,
                _replaced(430, 450),
                "GET",
            ),
            (
                "decryption-error-is-430",
                "A file that cannot be decrypted comes to 430.",
                "A file that cannot be decrypted comes to 435.",
                _INVOICE,
                200,
                _replaced(435, 430),
                "GET",
            ),
            (
                "invalid-document-is-430",
                "An invalid document comes to 430.",
                "An invalid document comes to 450.",
                _INVOICE,
                200,
                _replaced(450, 430),
                "GET",
            ),
            (
                "wrong-key-is-440",
                "A session with a wrong key comes to 440.",
                "A session with a wrong key comes to 415.",
                _SESSION,
                200,
                _replaced(415, 440),
                "GET",
            ),
            (
                "empty-session-is-445",
                "A session closed without invoices comes to 445.",
                "A session closed without invoices comes to 440.",
                _SESSION,
                200,
                _replaced(440, 445),
                "GET",
            ),
            (
                "session-of-failures-is-200",
                "A session without good invoices comes to 200.",
                "A session without good invoices comes to 445.",
                _SESSION,
                200,
                _replaced(445, 200),
                "GET",
            ),
            (
                "session-without-upo",
                "The status of a processed session has no upo.",
                "A processed session names the pages of its UPO.",
                _SESSION,
                200,
                _dropped("upo"),
                "GET",
            ),
            (
                "mode-is-always-online",
                "Every invoice is Online.",
                "An invoice of an earlier day is Offline.",
                _INVOICE,
                200,
                _set("invoicingMode", to="Online"),
                "GET",
            ),
            (
                "invoices-come-last-first",
                "The last invoice of a session is listed first.",
                "Invoices are listed in the order in which they were sent.",
                f"{_SESSION}/invoices",
                200,
                _reversed,
                "GET",
            ),
            (
                "no-invoice-fails",
                "The list of failed invoices is empty.",
                "Failed invoices are listed apart.",
                f"{_SESSION}/invoices/failed",
                200,
                _none,
                "GET",
            ),
        )
    ),
)


def _of_each(change: Callable[[Any], None]) -> Callable[[Any], None]:
    def of_each(body: Any) -> None:
        for invoice in body["invoices"]:
            change(invoice)

    return of_each


METADATA = table(
    "sending",
    (
        (
            f"metadata-with-another-{name}",
            f"{member} of metadata is {value!r}.",
            f"{member} is what the document says.",
            _told(_QUERY, 200, _of_each(_set(member, to=value)), "POST"),
        )
        for name, member, value in (
            ("net-amount", "netAmount", 0.0),
            ("vat-amount", "vatAmount", 0.0),
            ("gross-amount", "grossAmount", 0.0),
            ("currency", "currency", "EUR"),
            ("mode", "invoicingMode", "Online"),
            ("type", "invoiceType", "Kor"),
            ("hash", "invoiceHash", "A" * 43 + "="),
            ("buyer", "buyer", {"identifier": {"type": "None"}}),
        )
    ),
)


# -- answers ----------------------------------------------------------------------------------------------


def _answered(path: str, status: int, change: Callable[[Answer], None], method: str = "GET") -> _Break:
    return lambda mock: mock.edit_answer(change, method=method, path=path, status=status)


def _status(code: int) -> Callable[[Answer], None]:
    def change(answer: Answer) -> None:
        answer.status = code

    return change


def _without_hash(answer: Answer) -> None:
    answer.set_header("x-ms-meta-hash", None)


def _unsigned(answer: Answer) -> None:
    answer.body = re.sub(rb"<ds:Signature .*</ds:Signature>", b"", answer.body, flags=re.DOTALL)
    _rehashed(answer)


def _rehashed(answer: Answer) -> None:
    digest = base64.b64encode(hashlib.sha256(answer.body).digest()).decode()
    answer.set_header("x-ms-meta-hash", digest)


def _altered(answer: Answer) -> None:
    answer.body = answer.body.replace(b"\n", b"\r\n", 1)
    _rehashed(answer)


def _everybody_sees(mock: Mock) -> None:
    sessions: Sessions = mock.system.sessions

    def make(_: Any) -> Any:
        async def seen(reference: str, _actor: Any) -> Any:
            found = await sessions.find(reference)
            if found is None:
                raise rules.no_session(reference)
            return found

        return seen

    mock.replace(sessions, "seen", make)


ANSWERS = table(
    "sending",
    (
        (
            "send-is-answered-with-200",
            "A send is answered with 200.",
            "A send is answered with 202.",
            _answered(_SEND, 202, _status(200), "POST"),
        ),
        (
            "close-is-answered-with-200",
            "A close is answered with 200.",
            "A close is answered with 204.",
            _answered(_CLOSE, 204, _status(200), "POST"),
        ),
        (
            "opening-is-answered-with-200",
            "An opening is answered with 200.",
            "An opening is answered with 201.",
            _answered(_OPEN, 201, _status(200), "POST"),
        ),
        (
            "upo-without-its-hash",
            "A UPO has no x-ms-meta-hash.",
            "A UPO has its SHA-256 in x-ms-meta-hash.",
            _answered(_UPO, 200, _without_hash),
        ),
        (
            "upo-without-a-signature",
            "A UPO is not signed.",
            "A UPO is signed by the ministry.",
            _answered(_UPO, 200, _unsigned),
        ),
        (
            "invoice-is-given-back-altered",
            "The file of an invoice has another line end than it was sent with.",
            "The file of an invoice is given back as it was sent.",
            _answered("/invoices/ksef/[^/]+", 200, _altered),
        ),
        (
            "maintenance-is-told-as-a-closed-session",
            "A session under maintenance refuses an invoice with 21180.",
            "A session under maintenance refuses an invoice with 21184.",
            lambda mock: mock.recode(21184, to=21180),
        ),
        (
            "everybody-sees-every-session",
            "A session shows to other contexts.",
            "A session of another context is refused with 403.",
            _everybody_sees,
        ),
    ),
)
