"""Defects of batch sessions: their packages, uploads, statuses."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from ksef_mock.defects.catalogue import table
from ksef_mock.defects.mock import Answer, Mock
from ksef_mock.ksef.batch.batches import Batches
from ksef_mock.ksef.sending import session as machine
from ksef_mock.ksef.sending.rules import SessionStatus
from ksef_mock.ksef.sending.session import SESSIONS
from ksef_mock.state.update import update

_OPEN = "/sessions/batch"
_CLOSE = "/sessions/batch/[^/]+/close"
_SESSION = "/sessions/[0-9]{8}-SB-[^/]+"
_INVOICES = f"{_SESSION}/invoices"

_Break = Callable[[Mock], None]


def _told(path: str, change: Callable[[Any], object], *, method: str = "GET", status: int = 200) -> _Break:
    def edit(body: Any) -> None:
        change(body)

    return lambda mock: mock.edit_json(edit, method=method, path=path, status=status)


def _opening(change: Callable[[Any], object]) -> _Break:
    return _told(_OPEN, change, method="POST", status=201)


def _answered(path: str, status: int, code: int) -> _Break:
    def change(answer: Answer) -> None:
        answer.status = code

    return lambda mock: mock.edit_answer(change, method="POST", path=path, status=status)


def _read(change: Callable[[dict[str, Any]], object]) -> _Break:
    return lambda mock: mock.edit_body(change, method="POST", path=_OPEN)


def _replaced(code: int, to: int, body: Any) -> None:
    if body["status"]["code"] == code:
        body["status"]["code"] = to


def _without_details(body: Any) -> None:
    body["status"].pop("details", None)


def _without_zeros(body: Any) -> None:
    for name in ("successfulInvoiceCount", "failedInvoiceCount"):
        if body.get(name) == 0:
            del body[name]


def _with_zeros(body: Any) -> None:
    for name in ("invoiceCount", "successfulInvoiceCount", "failedInvoiceCount"):
        body.setdefault(name, 0)


def _of_uploads(change: Callable[[dict[str, Any]], object]) -> Callable[[Any], None]:
    def of_uploads(body: Any) -> None:
        for each in body["partUploadRequests"]:
            change(each)

    return of_uploads


def _of_invoices(change: Callable[[dict[str, Any]], object]) -> Callable[[Any], None]:
    def of_invoices(body: Any) -> None:
        for each in body["invoices"]:
            change(each)

    return of_invoices


def _first_upload(body: Any) -> None:
    del body["partUploadRequests"][1:]


def _file(body: dict[str, Any]) -> dict[str, Any]:
    found = body.get("batchFile")
    return found if isinstance(found, dict) else {}


def _fifty(body: dict[str, Any]) -> None:
    parts = _file(body).get("fileParts")
    if isinstance(parts, list):
        del parts[50:]


def _smaller(body: dict[str, Any]) -> None:
    file = _file(body)
    if isinstance(file.get("fileSize"), int):
        file["fileSize"] = min(file["fileSize"], 5_000_000_000)


def _as_fa(body: dict[str, Any]) -> None:
    if isinstance(body.get("formCode"), dict) and "PEF" in str(body["formCode"].get("systemCode")):
        body["formCode"] = {"systemCode": "FA (3)", "schemaVersion": "1-0E", "value": "FA"}


def _with_hash(body: dict[str, Any]) -> None:
    _file(body).setdefault("fileHash", "A" * 43 + "=")


def _any_link(mock: Mock) -> None:
    mock.replace(mock.system.storage, "check", lambda _: lambda *_arguments: None)


def _no_expiry(mock: Mock) -> None:
    storage = mock.system.storage

    def make(check: Any) -> Any:
        def at_its_beginning(path: str, query: Any, now: int, permission: str = "r") -> Any:
            refusal = check(path, query, now, permission)
            return None if refusal is not None and refusal.name == "EXPIRED" else refusal

        return at_its_beginning

    mock.replace(storage, "check", make)


def _first_upload_counts(mock: Mock) -> None:
    batches: Batches = mock.system.batches

    def make(receive: Any) -> Any:
        async def once(reference: str, ordinal: int, octets: Any) -> bool:
            found = await mock.system.store.get(SESSIONS, reference)
            parts = found.plan.parts if found is not None and found.plan is not None else ()
            if any(part.ordinal == ordinal and part.blob is not None for part in parts):
                return True
            taken: bool = await receive(reference, ordinal, octets)
            return taken

        return once

    mock.replace(batches, "receive", make)


def _spoiled(mock: Mock) -> None:
    system = mock.system

    def make(close: Any) -> Any:
        async def spoiling(reference: str, *rest: Any) -> None:
            try:
                await close(reference, *rest)
            except Exception:
                step = partial(machine.give_up, moment=system.clock.now())
                with contextlib.suppress(machine.NotOpen):
                    await update(system.store, SESSIONS, reference, step)
                raise

        return spoiling

    mock.replace(system.batches, "close", make)


def _any_size(mock: Mock) -> None:
    system = mock.system

    def make(close: Any) -> Any:
        async def measured(reference: str, *rest: Any) -> None:
            def step(session: Any) -> Any:
                if session.plan is None:
                    return session
                parts = tuple(
                    part if part.blob is None else msgspec.structs.replace(part, size=part.blob.size)
                    for part in session.plan.parts
                )
                return msgspec.structs.replace(
                    session, plan=msgspec.structs.replace(session.plan, parts=parts)
                )

            await update(system.store, SESSIONS, reference, step)
            await close(reference, *rest)

        return measured

    mock.replace(system.batches, "close", make)


def _never_too_late(mock: Mock) -> None:
    sessions = mock.system.sessions

    def make(settled: Any) -> Any:
        def open_for_ever(session: Any) -> Any:
            is_open = session.plan is not None and session.status is SessionStatus.OPEN
            return session if is_open else settled(session)

        return open_for_ever

    mock.replace(sessions, "settled", make)


def _coded(code: int, to: int) -> _Break:
    return lambda mock: mock.recode(code, to=to)


def _with_status(code: int, to: int) -> _Break:
    return _told(_SESSION, partial(_replaced, code, to))


DEFECTS = table(
    "batch",
    (
        (
            "batch-is-opened-with-200",
            "A batch session is opened with 200.",
            "A batch session is opened with 201.",
            _answered(_OPEN, 201, 200),
        ),
        (
            "batch-is-closed-with-202",
            "A batch session is closed with 202.",
            "A batch session is closed with 204.",
            _answered(_CLOSE, 204, 202),
        ),
        (
            "batch-is-numbered-as-an-interactive-session",
            "The reference number of a batch session says SO.",
            "The reference number of a batch session says SB.",
            _opening(
                lambda body: body.update(referenceNumber=body["referenceNumber"].replace("-SB-", "-SO-"))
            ),
        ),
        (
            "parts-are-posted",
            "The parts of a package are to be sent by POST.",
            "The parts of a package are sent by PUT.",
            _opening(_of_uploads(lambda each: each.update(method="POST"))),
        ),
        (
            "parts-have-no-headers",
            "The headers of an upload are not told.",
            "An upload has the header x-ms-blob-type.",
            _opening(_of_uploads(lambda each: each.update(headers={}))),
        ),
        (
            "one-upload-for-all-parts",
            "Only the first part has a link.",
            "Each part has a link.",
            _opening(_first_upload),
        ),
        (
            "parts-without-a-limit",
            "A package may have more than 50 parts.",
            "A package has 50 parts at most.",
            _read(_fifty),
        ),
        (
            "too-many-parts-are-21405",
            "51 parts are refused with 21405.",
            "51 parts are refused with 21161.",
            _coded(21161, 21405),
        ),
        (
            "packages-of-any-size",
            "A package may have more than 5 GB.",
            "A package has 5,000,000,000 octets at most.",
            _read(_smaller),
        ),
        (
            "pef-in-a-batch",
            "PEF forms open batch sessions.",
            "PEF forms are for interactive sessions alone.",
            _read(_as_fa),
        ),
        (
            "package-without-a-hash",
            "A batch session is opened without fileHash.",
            "fileHash is required.",
            _read(_with_hash),
        ),
        (
            "compression-type-is-not-read",
            "Every package is taken for a ZIP.",
            "A package is what compressionType says.",
            _read(lambda body: _file(body).pop("compressionType", None)),
        ),
        (
            "offline-mode-of-a-batch-is-not-read",
            "offlineMode of a batch session is not read.",
            "offlineMode holds for all invoices of a package.",
            _read(lambda body: body.pop("offlineMode", None)),
        ),
        (
            "missing-part-is-21180",
            "A close without all parts is refused with 21180.",
            "A close without all parts is refused with 21205.",
            _coded(21205, 21180),
        ),
        (
            "size-of-a-part-is-21405",
            "A part of the wrong size is refused with 21405.",
            "A part of the wrong size is refused with 21157.",
            _coded(21157, 21405),
        ),
        (
            "late-close-is-21180",
            "A close after the session's end is refused with 21180.",
            "A close after the session's end is refused with 21208.",
            _coded(21208, 21180),
        ),
        (
            "refused-close-cancels-the-session",
            "A refused close cancels the batch session.",
            "A refused close leaves the batch session as it is.",
            _spoiled,
        ),
        (
            "parts-of-any-size",
            "Nobody compares the size of a part with the declared one.",
            "A part has the size that was declared.",
            _any_size,
        ),
        (
            "batch-never-ends",
            "A batch session that nobody closes stays open.",
            "A batch session is cancelled after 12 hours.",
            _never_too_late,
        ),
        (
            "first-upload-counts",
            "Of two uploads of a part the first one counts.",
            "An upload replaces the one before.",
            _first_upload_counts,
        ),
        (
            "any-link-opens",
            "Links are not checked.",
            "A link that was changed opens nothing.",
            _any_link,
        ),
        (
            "links-of-parts-last-for-ever",
            "A link never expires.",
            "A link of a part expires.",
            _no_expiry,
        ),
        *(
            (
                f"batch-status-{code}-is-{to}",
                f"A batch session comes to {to} where it should come to {code}.",
                f"{why} comes to {code}.",
                _with_status(code, to),
            )
            for code, to, why in (
                (405, 430, "A part with another hash"),
                (415, 405, "A key that cannot be decrypted"),
                (420, 445, "A package of too many invoices"),
                (430, 435, "A package that cannot be unpacked"),
                (435, 430, "A part that cannot be decrypted"),
                (150, 100, "A closed batch session that is being processed"),
            )
        ),
        (
            "batch-status-without-details",
            "The status of a failed batch session has no details.",
            "The status of a failed batch session says what is wrong.",
            _told(_SESSION, _without_details),
        ),
        (
            "zeros-of-a-batch-are-left-out",
            "A counter of a processed batch session that is zero is absent.",
            "A processed batch session has all counters.",
            _told(_SESSION, _without_zeros),
        ),
        (
            "failed-batch-has-counters",
            "A batch session whose package failed has counters.",
            "A batch session whose package failed has no counters.",
            _told(_SESSION, _with_zeros),
        ),
        (
            "invoices-of-a-batch-without-names",
            "The invoices of a package have no file names.",
            "The invoices of a package have the names of their files.",
            _told(_INVOICES, _of_invoices(lambda each: each.pop("invoiceFileName", None))),
        ),
        (
            "batch-invoices-dated-at-random",
            "invoicingDate of a batch's invoice is its acquisitionDate.",
            "invoicingDate of a batch's invoice is the session's dateCreated.",
            _told(
                _INVOICES,
                _of_invoices(lambda each: each.update(invoicingDate=each.get("acquisitionDate", ""))),
            ),
        ),
    ),
)
