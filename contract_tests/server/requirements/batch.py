"""Batch sessions: opening, uploads, closing, what a package comes to."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal, one_of
from contract_tests.server.packages import (
    Batch,
    close,
    comes_to,
    declared,
    documents,
    ended,
    invoices,
    open_,
    opened,
    opening,
    put,
    status,
    tarred,
    upload,
    zipped,
)
from contract_tests.server.probe import Probe
from contract_tests.server.sending import comes_to as sent_alone
from contract_tests.server.sending import opened as opened_online
from contract_tests.server.sending import sha256, without

_OPEN = "OpenAPI POST /sessions/batch"
_CLOSE = "OpenAPI POST /sessions/batch/{referenceNumber}/close"
_STATUS = "OpenAPI GET /sessions/{referenceNumber}"
_LIST = "OpenAPI GET /sessions/{referenceNumber}/invoices"
_CLIENTS = "asserted by the official clients"
_OWN = {Capability.SELF_SIGNED}


def _package(ctx: Probe, number: int = 2) -> bytes:
    return zipped(documents(ctx.owner.session, number))


def _opened(ctx: Probe, package: bytes | None = None, cuts: int = 1, **options: Any) -> Batch:
    return opened(ctx, _package(ctx) if package is None else package, ctx.owner.session, cuts, **options)


# -- opening ------------------------------------------------------------------------------------------------


@requirement(
    "KSEF-BATCH-001",
    "A batch session is opened with 201, a reference number and a PUT for each part.",
    source=_OPEN,
)
def session_is_opened(ctx: Probe) -> None:
    batch = _opened(ctx, cuts=3)
    equal("parts to upload", sorted(batch.uploads), [1, 2, 3])
    equal("methods", {each["method"] for each in batch.uploads.values()}, {"PUT"})
    for each in batch.uploads.values():
        equal("headers", each["headers"].get("x-ms-blob-type"), "BlockBlob")
    equal("status", status(ctx, batch).at("status", "code"), 100)


@family(
    {
        "KSEF-BATCH-002": "formCode",
        "KSEF-BATCH-003": "batchFile",
        "KSEF-BATCH-004": "encryption",
        "KSEF-BATCH-005": "batchFile.fileSize",
        "KSEF-BATCH-006": "batchFile.fileHash",
        "KSEF-BATCH-007": "batchFile.fileParts",
        "KSEF-BATCH-008": "batchFile.fileParts.0.ordinalNumber",
        "KSEF-BATCH-009": "batchFile.fileParts.0.fileSize",
        "KSEF-BATCH-010": "batchFile.fileParts.0.fileHash",
    },
    "A batch session is not opened without {}: 21405.",
    source=f"{_OPEN}: required members, 21405",
)
def opening_needs(ctx: Probe, place: str) -> None:
    login = ctx.owner.session
    body, *_ = opening(ctx, _package(ctx), login)
    open_(ctx, without(body, place), login).refused(21405, None)


@requirement(
    "KSEF-BATCH-011",
    "A package of 51 parts is refused with 21161.",
    source=f"{_OPEN}: 21161; {_CLIENTS}",
)
def parts_are_limited(ctx: Probe) -> None:
    login = ctx.owner.session
    body, *_ = opening(ctx, b"x" * 51, login, 51)
    reply = open_(ctx, body, login).refused(21161, None)
    equal("details", reply.error()[2], ["Liczba części pliku musi być mniejsza lub równa niż 50."])


@requirement(
    "KSEF-BATCH-012",
    "A package of more than 5,000,000,000 octets is refused with 21405.",
    source=f"{_OPEN}: fileSize; {_CLIENTS}",
)
def size_is_limited(ctx: Probe) -> None:
    login = ctx.owner.session
    body, *_ = opening(ctx, b"any", login, fileSize=5_000_000_001)
    open_(ctx, body, login).refused(21405, "'fileSize' must be less than or equal to '5000000000'.")


@family(
    {
        "KSEF-BATCH-013": ("PEF (3)", "2-1", "PEF"),
        "KSEF-BATCH-014": ("FA (4)", "1-0E", "FA"),
    },
    lambda code: f"The form code {' / '.join(code)} opens no batch session: 21405.",
    source=f"{_OPEN}: the forms that it lists; recorded",
)
def other_forms_are_refused(ctx: Probe, code: tuple[str, str, str]) -> None:
    login = ctx.owner.session
    body, *_ = opening(ctx, b"any", login)
    body["formCode"] = dict(zip(("systemCode", "schemaVersion", "value"), code, strict=True))
    open_(ctx, body, login).refused(21405, "Wskazany kod formularza nie jest wspierany.")


# -- packages -----------------------------------------------------------------------------------------------

_PACKED: dict[str, tuple[Callable[[dict[str, bytes]], bytes], str | None]] = {
    "KSEF-BATCH-015": (zipped, None),
    "KSEF-BATCH-016": (zipped, "Zip"),
    "KSEF-BATCH-017": (tarred, "TarGz"),
}


@family(
    _PACKED,
    lambda case: f"A package of compressionType {case[1] or '(none: ZIP)'} comes to 200, with all counters.",
    source=f"{_OPEN}: compressionType; {_CLIENTS}",
)
def package_is_processed(ctx: Probe, case: tuple[Callable[[dict[str, bytes]], bytes], str | None]) -> None:
    pack, kind = case
    package = pack(documents(ctx.owner.session, 3))
    reply = comes_to(ctx, _opened(ctx, package, 2, compressionType=kind), 200)
    equal("description", reply.at("status", "description"), "Sesja wsadowa przetworzona pomyślnie")
    counters = [reply.at(f"{name}Count") for name in ("invoice", "successfulInvoice", "failedInvoice")]
    equal("counters, zero among them", counters, [3, 3, 0])


@requirement(
    "KSEF-BATCH-018",
    "Parts may be uploaded in any order, and again: the last one counts.",
    source="sesja-wsadowa.md: each part by a request of its own; the ministry's text",
)
def parts_in_any_order(ctx: Probe) -> None:
    batch = _opened(ctx, cuts=3)
    equal("status of an upload", put(ctx, batch, 2, octets=b"something else").status, 201)
    upload(ctx, batch, [3, 1, 2])
    close(ctx, batch).answers(204)
    equal("status", ended(ctx, batch).at("status", "code"), 200)


@requirement(
    "KSEF-BATCH-019",
    "An upload is answered with 201 and nothing else.",
    source=f"{_OPEN}: partUploadRequests; {_CLIENTS}",
)
def upload_is_created(ctx: Probe) -> None:
    reply = put(ctx, _opened(ctx), 1)
    equal("status and body", (reply.status, reply.text), (201, ""))


@requirement(
    "KSEF-BATCH-020",
    "Invoices of a package are numbered in its order, named as its files, dated as the session was opened.",
    source=f"{_LIST}: ordinalNumber, invoiceFileName, invoicingDate; recorded",
)
def invoices_of_a_package(ctx: Probe) -> None:
    files = documents(ctx.owner.session, 3)
    batch = _opened(ctx, zipped(files))
    reply = comes_to(ctx, batch, 200)
    found = invoices(ctx, batch)
    equal("ordinal numbers", [each["ordinalNumber"] for each in found], [1, 2, 3])
    equal("names", [each.get("invoiceFileName") for each in found], list(files))
    equal("hashes", [each["invoiceHash"] for each in found], list(map(sha256, files.values())))
    equal("dates", {each["invoicingDate"] for each in found}, {reply.at("dateCreated")})


@requirement(
    "KSEF-BATCH-021",
    "A processed batch session has a UPO that lists its accepted invoices.",
    source=f"{_STATUS}: upo; {_CLIENTS}",
)
def upo_of_a_batch(ctx: Probe) -> None:
    batch = _opened(ctx, zipped(documents(ctx.owner.session, 2) | {"bad.xml": b"no XML"}))
    reference = comes_to(ctx, batch, 200).at("upo", "pages", 0, "referenceNumber")
    bearer = batch.login.access_token
    text = ctx.get(f"/sessions/{batch.reference}/upo/{reference}", bearer=bearer).answers(200).text
    numbers = [each["ksefNumber"] for each in invoices(ctx, batch) if each["status"]["code"] == 200]
    equal("its invoices", [number in text for number in numbers], [True, True])


@requirement(
    "KSEF-BATCH-022",
    "A package of good and bad invoices comes to 200; the bad ones are listed apart.",
    source=f"{_STATUS}; {_LIST}/failed",
)
def bad_ones_among_good_ones(ctx: Probe) -> None:
    batch = _opened(ctx, zipped({"bad.xml": b"no XML"} | documents(ctx.owner.session, 1)))
    reply = comes_to(ctx, batch, 200)
    equal("counters", [reply.at(f"{each}Count") for each in ("successfulInvoice", "failedInvoice")], [1, 1])
    (failed,) = invoices(ctx, batch, failed=True)
    equal("the bad one", (failed["ordinalNumber"], failed["status"]["code"]), (1, 450))


@requirement(
    "KSEF-BATCH-023",
    "The same invoice in a batch and in an interactive session is a duplicate, whichever was first.",
    source=f"documented: duplicates across sessions; {_CLIENTS}",
)
def duplicates_across_sessions(ctx: Probe) -> None:
    files = documents(ctx.owner.session, 2)
    one, other = files.values()
    online = opened_online(ctx)
    sent_alone(ctx, online, one, 200)
    batch = _opened(ctx, zipped(files))
    comes_to(ctx, batch, 200)
    equal("statuses", [each["status"]["code"] for each in invoices(ctx, batch)], [440, 200])
    sent_alone(ctx, online, other, 440)


@requirement(
    "KSEF-BATCH-024",
    "Of two equal invoices in a package the second is a duplicate of the first.",
    source=f"{_LIST}: status 440, extensions",
)
def duplicates_within_a_package(ctx: Probe) -> None:
    (content,) = documents(ctx.owner.session, 1).values()
    batch = _opened(ctx, zipped({"a.xml": content, "b.xml": content}))
    comes_to(ctx, batch, 200)
    first, second = invoices(ctx, batch)
    equal("statuses", (first["status"]["code"], second["status"]["code"]), (200, 440))
    equal("the original", second["status"]["extensions"]["originalKsefNumber"], first["ksefNumber"])


@requirement(
    "KSEF-BATCH-025",
    "offlineMode of the session holds for all of its invoices.",
    source=f"{_OPEN}: offlineMode",
)
def offline_package(ctx: Probe) -> None:
    login = ctx.owner.session
    now = ctx.challenge().moment.date().isoformat()
    body, sending, parts = opening(ctx, zipped(documents(login, 2, day=now)), login)
    reply = open_(ctx, body | {"offlineMode": True}, login).answers(201)
    batch = Batch(
        type(sending)(login, reply.at("referenceNumber"), sending.key, sending.iv, reply),
        parts,
        {each["ordinalNumber"]: each for each in reply.at("partUploadRequests")},
    )
    comes_to(ctx, batch, 200)
    equal("modes", {each["invoicingMode"] for each in invoices(ctx, batch)}, {"Offline"})


# -- what a wrong package comes to --------------------------------------------------------------------------

_PADDING = bytes(16)


def _another_hash(ctx: Probe) -> tuple[Batch, list[str]]:
    package = _package(ctx)
    wrong = {"ordinalNumber": 1, "fileSize": len(package), "fileHash": sha256(b"")}
    said = f"Skrót SHA-256 części: '1' nie zgadza się z zadeklarowanym skrótem: '{sha256(b'')}'."
    return _opened(ctx, package, fileParts=[wrong]), [said]


def _another_key(ctx: Probe) -> tuple[Batch, list[str]]:
    garbage = base64.b64encode(bytes(256)).decode()
    said = "Rozszyfrowania klucza symetrycznego zakończone błędem"
    return _opened(ctx, encryption={"encryptedSymmetricKey": garbage}), [said]


def _another_vector(ctx: Probe) -> tuple[Batch, list[str]]:
    package = _package(ctx)
    said = "Skrót SHA-256 przesłanej paczki faktur nie jest zgodny z zadeklarowanym skrótem"
    vector = base64.b64encode(_PADDING).decode()
    return _opened(ctx, package, encryption={"initializationVector": vector}), [said]


def _not_encrypted(ctx: Probe) -> tuple[Batch, list[str]]:
    package = _package(ctx)
    package += bytes(len(package) % 16 == 0)  # never a multiple of the block's length
    batch = _opened(ctx, package, fileParts=declared([package]))
    return Batch(batch.sending, [package], batch.uploads), []


def _empty(ctx: Probe) -> tuple[Batch, list[str]]:
    return _opened(ctx, zipped({})), ["Nie przesłano faktur"]


def _no_archive(ctx: Probe) -> tuple[Batch, list[str]]:
    return _opened(ctx, b"no archive" * 100), []


_WRONG: dict[str, tuple[str, int, str, Callable[[Probe], tuple[Batch, list[str]]]]] = {
    "KSEF-BATCH-026": (
        "a part with another hash than declared",
        405,
        "Błąd weryfikacji poprawności dostarczonych elementów paczki",
        _another_hash,
    ),
    "KSEF-BATCH-027": (
        "a key that nothing decrypts",
        415,
        "Błąd odszyfrowania dostarczonego klucza",
        _another_key,
    ),
    "KSEF-BATCH-028": (
        "another initialisation vector",
        430,
        "Błąd dekompresji pierwotnego archiwum",
        _another_vector,
    ),
    "KSEF-BATCH-029": ("no archive in it", 430, "Błąd dekompresji pierwotnego archiwum", _no_archive),
    "KSEF-BATCH-030": (
        "a part that is not encrypted",
        435,
        "Błąd odszyfrowania zaszyfrowanych części archiwum",
        _not_encrypted,
    ),
    "KSEF-BATCH-031": ("no invoice in it", 440, "Sesja anulowana", _empty),
}


@family(
    _WRONG,
    lambda case: f"A package with {case[0]} comes to {case[1]}, without counters and invoices.",
    source=f"{_STATUS}: statuses of a batch session; {_CLIENTS}",
)
def wrong_package(ctx: Probe, case: tuple[str, int, str, Callable[[Probe], tuple[Batch, list[str]]]]) -> None:
    _, code, description, make = case
    batch, details = make(ctx)
    reply = comes_to(ctx, batch, code)
    equal("description", reply.at("status", "description"), description)
    said = reply.json()["status"].get("details", [])
    equal("details", all(any(detail in each for each in said) for detail in details), True)
    equal("counters", sorted(name for name in reply.json() if name.endswith("Count")), [])
    equal("invoices", invoices(ctx, batch), [])


@requirement(
    "KSEF-BATCH-032",
    "A package without a good invoice comes to 445, with counters.",
    source=f"{_STATUS}: 445; {_CLIENTS}",
)
def none_good(ctx: Probe) -> None:
    reply = comes_to(ctx, _opened(ctx, zipped({"a.xml": b"no XML", "b.xml": b"<a/>"})), 445)
    counters = [reply.at(f"{name}Count") for name in ("invoice", "successfulInvoice", "failedInvoice")]
    equal("counters, zero among them", counters, [2, 0, 2])
    equal("UPO", reply.json().get("upo"), None)


@requirement(
    "KSEF-BATCH-033",
    "A package of more invoices than the context may send comes to 420, which names both numbers.",
    source=f"{_STATUS}: 420; {_CLIENTS}",
    needs={Capability.TEST_DATA, Capability.SELF_SIGNED},
)
def too_many_invoices(ctx: Probe) -> None:
    login = ctx.new_session()
    sizes = {"maxInvoiceSizeInMB": 1, "maxInvoiceWithAttachmentSizeInMB": 3, "maxInvoices": 2}
    limits = {"onlineSession": sizes, "batchSession": sizes, "collectiveIdentifier": {"maxInvoices": 500}}
    ctx.post("/testdata/limits/context/session", bearer=login.access_token, json=limits).answers(200)
    comes_to(ctx, opened(ctx, zipped(documents(login, 2)), login), 200)
    reply = comes_to(ctx, opened(ctx, zipped(documents(login, 3)), login), 420)
    said = "Przekroczono dopuszczalną liczbę faktur w paczce: '2'. Liczba faktur w paczce: '3'."
    equal("details", reply.at("status", "details"), [said])


# -- closing ------------------------------------------------------------------------------------------------


@requirement(
    "KSEF-BATCH-034",
    "A close without all parts is refused with 21205 and spoils nothing: the part can follow.",
    source=f"{_CLOSE}: 21205; {_CLIENTS}",
)
def refused_close_spoils_nothing(ctx: Probe) -> None:
    batch = _opened(ctx, cuts=2)
    upload(ctx, batch, [1])
    close(ctx, batch).refused(21205, "Nie przesłano zadeklarowanej '2' części pliku.")
    equal("status", status(ctx, batch).at("status", "code"), 100)
    upload(ctx, batch, [2])
    close(ctx, batch).answers(204)
    equal("status", ended(ctx, batch).at("status", "code"), 200)


@requirement(
    "KSEF-BATCH-035",
    "A part of another size than declared is refused at the close with 21157.",
    source=f"{_CLOSE}: 21157",
)
def size_of_a_part(ctx: Probe) -> None:
    login = ctx.owner.session
    body, sending, parts = opening(ctx, _package(ctx), login)
    body["batchFile"]["fileParts"][0]["fileSize"] += 16
    reply = open_(ctx, body, login).answers(201)
    uploads = {each["ordinalNumber"]: each for each in reply.at("partUploadRequests")}
    known = type(sending)(login, reply.at("referenceNumber"), sending.key, sending.iv, reply)
    batch = Batch(known, parts, uploads)
    upload(ctx, batch)
    said = "Zadeklarowany rozmiar części '1' nie zgadza się z rzeczywistym."
    close(ctx, batch).refused(21157, said)


@requirement(
    "KSEF-BATCH-036",
    "A batch session is closed once: 21180 then.",
    source=f"{_CLOSE}: 21180; recorded",
)
def closed_once(ctx: Probe) -> None:
    batch = _opened(ctx)
    comes_to(ctx, batch, 200)
    close(ctx, batch).refused(21180, None)


@requirement(
    "KSEF-BATCH-037",
    "A batch session that is not closed within 12 hours is cancelled: 440, and 21208 at the close.",
    source=f"{_CLOSE}: 21208; {_STATUS}: 440",
    needs={Capability.MOVABLE_CLOCK},
)
def closed_too_late(ctx: Probe) -> None:
    batch = _opened(ctx)
    upload(ctx, batch)
    ctx.advance(12 * 3_600 + 1)
    login = ctx.refresh(batch.login).answers(200).at("accessToken", "token")
    path = f"/sessions/batch/{batch.reference}/close"
    ctx.post(path, bearer=login).refused(21208, "Sesja anulowana, przekroczony czas wysyłki.")
    reply = ctx.get(f"/sessions/{batch.reference}", bearer=login).answers(200)
    said = (reply.at("status", "code"), reply.at("status", "details"))
    equal("status", said, (440, ["Przekroczono czas wysyłki"]))


@requirement("KSEF-BATCH-038", "An unknown batch session is 21173.", source=f"{_CLOSE}: 21173")
def unknown_session(ctx: Probe) -> None:
    reference = "20250101-SB-0000000000-0000000000-00"
    said = f"Sesja o numerze referencyjnym {reference} nie została znaleziona."
    bearer = ctx.owner.session.access_token
    ctx.post(f"/sessions/batch/{reference}/close", bearer=bearer).refused(21173, said)


@requirement(
    "KSEF-BATCH-039",
    "From the close on a batch session is at 150, without counters and invoices, until it is processed.",
    source=f"{_STATUS}: 150; recorded",
    needs={Capability.SETTINGS, *_OWN},
)
def processed_meanwhile(ctx: Probe) -> None:
    slow = ctx.beside(delay_polls=2)
    login = slow.owner.session
    batch = opened(slow, zipped(documents(login)), login)
    upload(slow, batch)
    close(slow, batch).answers(204)
    reply = status(slow, batch)
    said = (reply.at("status", "code"), reply.at("status", "description"))
    equal("status", said, (150, "Trwa przetwarzanie"))
    equal("counters", sorted(name for name in reply.json() if name.endswith("Count")), [])
    equal("invoices", invoices(slow, batch), [])
    equal("status in the end", ended(slow, batch).at("status", "code"), 200)


@requirement(
    "KSEF-BATCH-040",
    "Batch sessions are listed under sessionType=Batch, interactive ones are not.",
    source="OpenAPI GET /sessions: sessionType",
)
def listed_by_type(ctx: Probe) -> None:
    batch, online = _opened(ctx), opened_online(ctx)
    bearer = ctx.owner.session.access_token

    def listed(kind: str) -> set[str]:
        params = {"sessionType": kind, "pageSize": 100}
        reply = ctx.get("/sessions", params=params, bearer=bearer).answers(200)
        return {each["referenceNumber"] for each in reply.at("sessions")}

    equal("listed as Batch", batch.reference in listed("Batch"), True)
    equal("listed as Online", online.reference in listed("Batch"), False)
    equal("listed as Online", batch.reference in listed("Online"), False)


# -- links --------------------------------------------------------------------------------------------------


@requirement(
    "KSEF-BATCH-041",
    "A link that was changed takes no part.",
    source=f"{_OPEN}: partUploadRequests, 401; recorded",
)
def changed_link(ctx: Probe) -> None:
    batch = _opened(ctx)
    one_of("status", put(ctx, batch, 1, change=("sig=", "sig=A")).status, (401, 403))


@requirement(
    "KSEF-BATCH-042",
    "A link takes a part for twenty minutes for each part of the package, and not for hours.",
    source="sesja-wsadowa.md: the time for each part; seen on TEST: half an hour for one",
    needs={Capability.MOVABLE_CLOCK},
)
def link_expires(ctx: Probe) -> None:
    single, double = _opened(ctx), _opened(ctx, cuts=2)
    ctx.advance(19 * 60)
    equal("status after 19 minutes", put(ctx, single, 1).status, 201)
    ctx.advance(20 * 60)
    equal("status of one of two parts after 39 minutes", put(ctx, double, 1).status, 201)
    ctx.advance(60 * 60)
    equal("status after 99 minutes", put(ctx, double, 2).status, 403)


@requirement(
    "KSEF-BATCH-043",
    "A part without x-ms-blob-type is not taken: exactly the given headers are to be sent.",
    source=f"{_OPEN}: partUploadRequests; the service of the links is documented",
    severity="should",
)
def headers_are_needed(ctx: Probe) -> None:
    batch = _opened(ctx)
    batch.uploads[1]["headers"] = {}
    equal("status", put(ctx, batch, 1).status, 400)


@requirement(
    "KSEF-BATCH-044",
    "A part with an Authorization header is not taken: the link alone authorizes.",
    source=f"{_OPEN}: partUploadRequests; recorded",
    severity="should",
)
def no_bearer(ctx: Probe) -> None:
    batch = _opened(ctx)
    headers = {"Authorization": f"Bearer {batch.login.access_token}"}
    one_of("status", put(ctx, batch, 1, headers=headers).status, (400, 401, 403))
