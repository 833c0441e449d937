"""Interactive sessions: opening, sending, verdicts, closing, lists."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives import hashes

from contract_tests.server import cipher
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal
from contract_tests.server.identity import random_nip
from contract_tests.server.probe import Probe
from contract_tests.server.reply import Reply
from contract_tests.server.sending import (
    NAMESPACE,
    Sending,
    body_of,
    close,
    comes_to,
    document,
    ends,
    judged,
    open_,
    opened,
    order,
    sealed,
    send,
    sent,
    status,
    symmetric_key,
    without,
)

_OWN = {Capability.SELF_SIGNED}
_OPEN = "OpenAPI POST /sessions/online"
_SEND = "OpenAPI POST /sessions/online/{referenceNumber}/invoices"
_CLOSE = "OpenAPI POST /sessions/online/{referenceNumber}/close"
_STATUS = "OpenAPI GET /sessions/{referenceNumber}"
_VERDICT = "OpenAPI GET /sessions/{referenceNumber}/invoices/{invoiceReferenceNumber}"
_RECORDED = "answers recorded on TEST"
#: The time by which days are told.
_WARSAW = ZoneInfo("Europe/Warsaw")
_UNKNOWN = "20250101-SO-0000000000-0000000000-00"


def _absent(reply: Reply, *names: str) -> None:
    equal("members without a value", sorted(set(names) & set(reply.json())), [])


# -- opening ----------------------------------------------------------------------------------------------


@requirement(
    "KSEF-SEND-001",
    "An interactive session is opened with 201, a reference number and the end of its validity.",
    source=_OPEN,
)
def session_is_opened(ctx: Probe) -> None:
    opened(ctx)


@requirement("KSEF-SEND-002", "A key without publicKeyId is tried with the published keys.", source=_OPEN)
def key_id_is_optional(ctx: Probe) -> None:
    sending = opened(ctx, publicKeyId=None)
    comes_to(ctx, sending, document(sending.login.nip), 200)


@family(
    {
        "KSEF-SEND-003": "formCode",
        "KSEF-SEND-004": "encryption",
        "KSEF-SEND-005": "formCode.systemCode",
        "KSEF-SEND-006": "formCode.schemaVersion",
        "KSEF-SEND-007": "formCode.value",
        "KSEF-SEND-008": "encryption.encryptedSymmetricKey",
        "KSEF-SEND-009": "encryption.initializationVector",
    },
    "A session is not opened without {}: 21405.",
    source=f"{_OPEN}: required members, 21405",
)
def opening_needs(ctx: Probe, place: str) -> None:
    open_(ctx, without(order(ctx)[0], place)).refused(21405, None)


@family(
    {
        "KSEF-SEND-010": ("FA (4)", "1-0E", "FA"),
        "KSEF-SEND-011": ("FA (3)", "1-1E", "FA"),
        "KSEF-SEND-012": ("FA (3)", "1-0E", "FA_RR"),
        "KSEF-SEND-013": ("FA3", "1-0E", "FA"),
        "KSEF-SEND-014": ("PEF (3)", "2-1", "PEF"),
    },
    lambda code: f"The form code {' / '.join(code)} opens no session of a NIP: 21405.",
    source=f"{_OPEN}; {_RECORDED}",
)
def unknown_forms_are_refused(ctx: Probe, code: tuple[str, str, str]) -> None:
    body, *_ = order(ctx)
    form = dict(zip(("systemCode", "schemaVersion", "value"), code, strict=True))
    open_(ctx, body | {"formCode": form}).refused(21405, "Wskazany kod formularza nie jest wspierany.")


@family(
    {"KSEF-SEND-015": 8, "KSEF-SEND-016": 15, "KSEF-SEND-017": 17, "KSEF-SEND-018": 24, "KSEF-SEND-019": 32},
    "An initialisation vector of {} octets opens no session: 21405 names both lengths.",
    source=f"{_RECORDED} since 2025-10-03",
)
def vector_has_16_octets(ctx: Probe, length: int) -> None:
    body, *_ = order(ctx, initializationVector=base64.b64encode(os.urandom(length)).decode())
    open_(ctx, body).refused(
        21405,
        f"Nieprawidłowa długość wektora inicjującego (IV). Oczekiwano 16 bajtów, otrzymano {length}.",
    )


@family(
    {"KSEF-SEND-020": "unknown", "KSEF-SEND-021": "of another usage"},
    "A publicKeyId that is {} opens no session: 21470.",
    source=f"{_OPEN}: 21470",
)
def key_id_must_be_published(ctx: Probe, which: str) -> None:
    identifier = "A" * 43 + "="
    if which != "unknown":
        identifier, _ = symmetric_key(ctx, "KsefTokenEncryption")
    body, *_ = order(ctx, publicKeyId=identifier)
    open_(ctx, body).refused(21470, f"Klucz o identyfikatorze {identifier} nie jest wspierany.")


def _sha1(ctx: Probe) -> bytes:
    _, public = symmetric_key(ctx)
    return cipher.oaep(os.urandom(32), public, algorithm=hashes.SHA1(), mgf1=hashes.SHA1())  # noqa: S303


def _mgf1_sha1(ctx: Probe) -> bytes:
    return cipher.oaep(os.urandom(32), symmetric_key(ctx)[1], mgf1=hashes.SHA1())  # noqa: S303


def _short(ctx: Probe) -> bytes:
    return cipher.oaep(os.urandom(16), symmetric_key(ctx)[1])


def _pkcs1(ctx: Probe) -> bytes:
    return cipher.pkcs1(os.urandom(32), symmetric_key(ctx)[1])


def _noise(_: Probe) -> bytes:
    return os.urandom(256)


_WRAPPED: dict[str, Callable[[Probe], bytes]] = {
    "encrypted by OAEP with SHA-1": _sha1,
    "encrypted by OAEP with MGF1 of SHA-1": _mgf1_sha1,
    "of 16 octets": _short,
    "encrypted by PKCS#1 v1.5": _pkcs1,
    "that is noise": _noise,
}


@family(
    {f"KSEF-SEND-{22 + place:03}": name for place, name in enumerate(_WRAPPED)},
    "A symmetric key {} is found out later: 201, then status 415, and nothing is sent or closed (21180).",
    source=f"{_OPEN}; {_RECORDED}",
)
def wrong_key_is_415(ctx: Probe, name: str) -> None:
    wrapped = base64.b64encode(_WRAPPED[name](ctx)).decode()
    sending = opened(ctx, encryptedSymmetricKey=wrapped)
    reply = ends(ctx, sending, 415)
    equal("description", reply.at("status", "description"), "Błąd odszyfrowania dostarczonego klucza")
    _absent(reply, "invoiceCount", "successfulInvoiceCount", "failedInvoiceCount", "upo")
    send(ctx, sending, body_of(sending, document(sending.login.nip))).refused(21180, None)
    close(ctx, sending).refused(21180, None)


# -- sending ----------------------------------------------------------------------------------------------


@family(
    {
        "KSEF-SEND-031": "invoiceHash",
        "KSEF-SEND-032": "invoiceSize",
        "KSEF-SEND-033": "encryptedInvoiceHash",
        "KSEF-SEND-034": "encryptedInvoiceSize",
        "KSEF-SEND-035": "encryptedInvoiceContent",
    },
    "An invoice is not taken without {}: 21405.",
    source=f"{_SEND}: required members, 21405",
)
def send_needs(ctx: Probe, member: str) -> None:
    sending = opened(ctx)
    body = body_of(sending, document(sending.login.nip), **{member: None})
    send(ctx, sending, body).refused(21405, None)


@family(
    {
        "KSEF-SEND-036": ("encryptedInvoiceSize", 1, 21402),
        "KSEF-SEND-037": ("encryptedInvoiceHash", "A" * 43 + "=", 21403),
        "KSEF-SEND-038": ("invoiceSize", 0, 21405),
        "KSEF-SEND-039": ("invoiceHash", "AAAA", 21405),
        "KSEF-SEND-040": ("encryptedInvoiceContent", "no Base64!", 21405),
        "KSEF-SEND-041": ("hashOfCorrectedInvoice", "A" * 43 + "=", 21405),
    },
    lambda case: f"A send with {case[0]} {case[1]!r} is refused at once: {case[2]}.",
    source=f"{_SEND}: 21402, 21403, 21405",
)
def wrong_send_is_refused_at_once(ctx: Probe, case: tuple[str, Any, int]) -> None:
    member, value, code = case
    sending = opened(ctx)
    body = body_of(sending, document(sending.login.nip), **{member: value})
    send(ctx, sending, body).refused(code, None)


@requirement(
    "KSEF-SEND-042",
    "A right invoice is taken with 202 and comes to 200, with its number, UPO and mode.",
    source=_VERDICT,
)
def invoice_is_accepted(ctx: Probe) -> None:
    sending = opened(ctx)
    octets = document(sending.login.nip, "FV/1 " + os.urandom(6).hex())
    reply = comes_to(ctx, sending, octets, 200)
    equal("description", reply.at("status", "description"), "Sukces")
    equal("ordinalNumber", reply.at("ordinalNumber"), 1)
    equal("seller in the KSeF number", reply.at("ksefNumber")[:10], sending.login.nip)
    equal("invoiceHash", reply.at("invoiceHash"), body_of(sending, octets)["invoiceHash"])
    for member in ("invoiceNumber", "acquisitionDate", "upoDownloadUrl", "invoicingMode"):
        reply.at(member)
    _absent(reply, "invoiceFileName")


@family(
    {"KSEF-SEND-043": False, "KSEF-SEND-044": True},
    lambda declared: (
        "An invoice of today is Online, unless offlineMode says otherwise."
        if not declared
        else "An invoice of today with offlineMode is Offline."
    ),
    source="documented: tryby offline; OpenAPI invoicingMode",
)
def mode_of_today(ctx: Probe, declared: bool) -> None:
    sending = opened(ctx)
    today = _day_in_warsaw(ctx)
    while True:
        day = today
        reply = comes_to(ctx, sending, document(sending.login.nip, day=day), 200, offlineMode=declared)
        today = _day_in_warsaw(ctx)
        if today == day:  # else it was midnight meanwhile
            break
    equal("invoicingMode", reply.at("invoicingMode"), "Offline" if declared else "Online")


def _day_in_warsaw(ctx: Probe) -> str:
    return ctx.challenge().moment.astimezone(_WARSAW).date().isoformat()


@requirement(
    "KSEF-SEND-045",
    "An invoice of an earlier day is Offline, whatever was declared.",
    source="documented: tryby offline; asserted by the official C# client",
)
def mode_of_the_past(ctx: Probe) -> None:
    sending = opened(ctx)
    reply = comes_to(ctx, sending, document(sending.login.nip, day="2026-02-02"), 200)
    equal("invoicingMode", reply.at("invoicingMode"), "Offline")


@requirement(
    "KSEF-SEND-046",
    "The invoice of a seller whom the context may not stand for comes to 410, and names both.",
    source=f"{_VERDICT}: 410; {_RECORDED}",
)
def foreign_seller_is_410(ctx: Probe) -> None:
    sending, seller = opened(ctx), random_nip()
    reply = comes_to(ctx, sending, document(seller), 410)
    equal(
        "details",
        reply.at("status", "details"),
        [
            f"Kontekst {sending.login.nip} nie jest uprawniony do wystawienia faktury w imieniu "
            f"sprzedawcy (NIP: {seller})"
        ],
    )
    _absent(reply, "ksefNumber", "invoicingMode", "acquisitionDate", "upoDownloadUrl")


@family(
    {"KSEF-SEND-047": "the same session", "KSEF-SEND-048": "another session"},
    "What was accepted comes to 440 in {}, with the number and session of the original.",
    source=f"{_VERDICT}: 440",
)
def duplicate_is_440(ctx: Probe, where: str) -> None:
    first = opened(ctx)
    second = first if where == "the same session" else opened(ctx)
    octets = document(first.login.nip)
    original = comes_to(ctx, first, octets, 200).at("ksefNumber")
    reply = comes_to(ctx, second, octets, 440)
    equal(
        "extensions",
        reply.at("status", "extensions"),
        {"originalSessionReferenceNumber": first.reference, "originalKsefNumber": original},
    )
    _absent(reply, "ksefNumber", "invoicingMode")


@family(
    {"KSEF-SEND-049": "kind", "KSEF-SEND-050": "number"},
    "Two invoices that differ in their {} are no duplicates.",
    source="documented: the key of a duplicate is NIP, RodzajFaktury and P_2",
)
def no_duplicate(ctx: Probe, differs: str) -> None:
    sending = opened(ctx)
    number = os.urandom(8).hex()
    comes_to(ctx, sending, document(sending.login.nip, number), 200)
    other = (
        document(sending.login.nip, number, kind="UPR")
        if differs == "kind"
        else document(sending.login.nip, number + "a")
    )
    comes_to(ctx, sending, other, 200)


def _bom(octets: bytes) -> bytes:
    return b"\xef\xbb\xbf" + octets


_DAMAGES: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "begins with a byte order mark": (430, _bom),
    "is no XML": (450, lambda _: b"no XML at all"),
    "ends too early": (450, lambda octets: octets[:-3]),
    "is not UTF-8": (450, lambda octets: octets.replace(b"Nabywca", b"Nabywc\xb1")),
    "names another encoding": (450, lambda octets: octets.replace(b"UTF-8", b"ISO-8859-2")),
    "has a document type": (450, lambda octets: octets.replace(b"<Faktura ", b"<!DOCTYPE x><Faktura ", 1)),
    "has an entity": (
        450,
        lambda octets: octets.replace(b"<Faktura ", b'<!DOCTYPE x [<!ENTITY a "a">]><Faktura ', 1).replace(
            b"Nabywca", b"&a;"
        ),
    ),
    "has a processing instruction": (450, lambda octets: octets.replace(b"<Fa>", b"<?x y?><Fa>")),
    "has a discouraged character": (450, lambda octets: octets.replace(b"Nabywca", b"Nab\xc2\x80ywca")),
    "is of another namespace": (450, lambda octets: octets.replace(NAMESPACE.encode(), b"urn:other")),
    "has an unknown element": (450, lambda octets: octets.replace(b"<P_15>", b"<P_00/><P_15>")),
    "lacks an element": (450, lambda octets: octets.replace(b"<P_15>123.00</P_15>", b"")),
    "has a NIP of three digits": (
        450,
        lambda octets: octets.replace(b"<NIP>1111111111<", b"<NIP>123<"),
    ),
    "was made before 2025-09-01": (
        450,
        lambda octets: octets.replace(b"2026-02-02T10:00:00Z", b"2025-08-31T10:00:00Z"),
    ),
    "names another form": (450, lambda octets: octets.replace(b'"FA (3)"', b'"FA (2)"')),
    "has an unknown kind": (450, lambda octets: octets.replace(b">VAT<", b">VATX<")),
}


@family(
    {f"KSEF-SEND-{51 + place:03}": name for place, name in enumerate(_DAMAGES)},
    lambda name: f"An invoice that {name} comes to {_DAMAGES[name][0]}.",
    source=f"{_VERDICT}: 430, 450; documented: weryfikacja-faktury.md",
)
def damaged_invoice_is_refused(ctx: Probe, name: str) -> None:
    code, damage = _DAMAGES[name]
    sending = opened(ctx)
    reply = comes_to(ctx, sending, damage(document(sending.login.nip)), code)
    _absent(reply, "ksefNumber", "invoicingMode", "acquisitionDate", "upoDownloadUrl")


@requirement(
    "KSEF-SEND-067",
    "An invoice that is dated the day after tomorrow comes to 450.",
    source=f"{_VERDICT}: 450; asserted by the official clients",
)
def future_date_is_450(ctx: Probe) -> None:
    sending = opened(ctx)
    day = (ctx.challenge().moment + timedelta(days=2)).date().isoformat()
    comes_to(ctx, sending, document(sending.login.nip, day=day), 450)


@family(
    {
        "KSEF-SEND-068": ("invoiceHash", 430),
        "KSEF-SEND-069": ("invoiceSize", 430),
    },
    lambda case: f"A file that is not what {case[0]} says comes to {case[1]}.",
    source=f"{_VERDICT}: 430; {_RECORDED}",
)
def declared_file_is_another(ctx: Probe, case: tuple[str, int]) -> None:
    member, code = case
    sending = opened(ctx)
    value: Any = 7 if member == "invoiceSize" else "A" * 43 + "="
    comes_to(ctx, sending, document(sending.login.nip), code, **{member: value})


@family(
    {"KSEF-SEND-070": ("not encrypted", 435), "KSEF-SEND-071": ("with the vector in front", 430)},
    lambda case: f"A file {case[0]} comes to {case[1]}.",
    source=f"{_VERDICT}: 430, 435; {_RECORDED}",
)
def wrongly_encrypted_file(ctx: Probe, case: tuple[str, int]) -> None:
    sending = opened(ctx)
    octets = document(sending.login.nip)
    octets += b" " * (15 - len(octets) % 16)  # never a multiple of the block's length
    content = octets if case[1] == 435 else sending.iv + sealed(sending, octets)
    comes_to(ctx, sending, octets, case[1], content)


# -- closing, status, lists -------------------------------------------------------------------------------


@requirement(
    "KSEF-SEND-072",
    "An open session counts what was sent, and has no other counters and no UPO before there is any.",
    source=f"{_STATUS}; {_RECORDED}: members without a value are absent",
)
def open_session_counts(ctx: Probe) -> None:
    sending = opened(ctx)
    reply = status(ctx, sending)
    equal("status", reply.at("status", "code"), 100)
    equal("description", reply.at("status", "description"), "Sesja interaktywna otwarta")
    _absent(reply, "successfulInvoiceCount", "failedInvoiceCount", "upo")
    judged(ctx, sending, sent(ctx, sending, document(sending.login.nip)))
    judged(ctx, sending, sent(ctx, sending, b"no XML"))
    reply = status(ctx, sending)
    counted = [reply.at(name) for name in ("invoiceCount", "successfulInvoiceCount", "failedInvoiceCount")]
    equal("invoices, good ones, bad ones", counted, [2, 1, 1])
    _absent(reply, "upo")


@requirement(
    "KSEF-SEND-073",
    "A closed session with a good invoice comes to 200, with a UPO and without a count of failures.",
    source=f"{_STATUS}: 200; asserted by the official clients",
)
def closed_session_is_processed(ctx: Probe) -> None:
    sending = opened(ctx)
    comes_to(ctx, sending, document(sending.login.nip), 200)
    reply = close(ctx, sending).answers(204)
    equal("body", reply.text, "")
    reply = ends(ctx, sending, 200)
    equal("description", reply.at("status", "description"), "Sesja interaktywna przetworzona pomyślnie")
    equal("successfulInvoiceCount", reply.at("successfulInvoiceCount"), 1)
    _absent(reply, "failedInvoiceCount")
    reply.at("upo", "pages", 0, "downloadUrl")


@requirement(
    "KSEF-SEND-074",
    "A session that is closed without invoices is cancelled at once: 440.",
    source=f"{_STATUS}: 440; asserted by the official clients",
)
def empty_session_is_cancelled(ctx: Probe) -> None:
    sending = opened(ctx)
    close(ctx, sending).answers(204)
    reply = status(ctx, sending)
    info = [reply.at("status", name) for name in ("code", "description", "details")]
    equal("status", info, [440, "Sesja anulowana", ["Nie przesłano faktur"]])


@requirement(
    "KSEF-SEND-075",
    "A session without a good invoice comes to 445, without a UPO.",
    source=f"{_STATUS}: 445; {_RECORDED}",
)
def session_of_failures(ctx: Probe) -> None:
    sending = opened(ctx)
    judged(ctx, sending, sent(ctx, sending, b"no XML"))
    close(ctx, sending).answers(204)
    reply = ends(ctx, sending, 445)
    equal("failedInvoiceCount", reply.at("failedInvoiceCount"), 1)
    _absent(reply, "successfulInvoiceCount", "upo")


@family(
    {"KSEF-SEND-076": "send", "KSEF-SEND-077": "close"},
    "A closed session refuses another {}: 21180.",
    source=f"{_SEND}; {_CLOSE}: 21180",
)
def closed_session_refuses(ctx: Probe, what: str) -> None:
    sending = opened(ctx)
    close(ctx, sending).answers(204)
    if what == "close":
        close(ctx, sending).refused(21180, None)
    else:
        send(ctx, sending, body_of(sending, document(sending.login.nip))).refused(21180, None)


#: What can be asked of a session -> method and path; with {} for its reference number.
_ASKED = {
    "status": ("GET", "/sessions/{}"),
    "invoices": ("GET", "/sessions/{}/invoices"),
    "failed invoices": ("GET", "/sessions/{}/invoices/failed"),
    "UPO": ("GET", "/sessions/{}/upo/20250101-EU-0000000000-0000000000-00"),
    "close": ("POST", "/sessions/online/{}/close"),
}


@family(
    {f"KSEF-SEND-{78 + place:03}": name for place, name in enumerate(_ASKED)},
    "An unknown session is refused with 21173: {}.",
    source="OpenAPI /sessions/{referenceNumber}: 21173",
)
def unknown_session(ctx: Probe, name: str) -> None:
    method, path = _ASKED[name]
    found = "odnaleziona" if method == "POST" else "znaleziona"
    ctx.request(method, path.format(_UNKNOWN), bearer=ctx.owner.session.access_token).refused(
        21173, f"Sesja o numerze referencyjnym {_UNKNOWN} nie została {found}."
    )


@family(
    {f"KSEF-SEND-{83 + place:03}": name for place, name in enumerate(_ASKED)},
    "A session of another context stays closed to everybody else: {}, 403.",
    source="recorded on production: insufficient-resource-access",
    needs=_OWN,
)
def foreign_session(ctx: Probe, name: str) -> None:
    method, path = _ASKED[name]
    sending, stranger = opened(ctx), ctx.new_session()
    reply = ctx.request(method, path.format(sending.reference), bearer=stranger.access_token)
    reply.problem(403, reason="insufficient-resource-access")


@requirement(
    "KSEF-SEND-088",
    "Another login of the same subject closes a session.",
    source="ministry's statement: any token of the same subject in the same context",
    needs=_OWN,
)
def another_login_closes(ctx: Probe) -> None:
    sending = opened(ctx)
    later = ctx.login_with_certificate(ctx.owner.credentials, nip=sending.login.nip)
    again = Sending(later, sending.reference, sending.key, sending.iv, sending.opening)
    close(ctx, again).answers(204)


@family(
    {"KSEF-SEND-089": (9, "invoices"), "KSEF-SEND-090": (1001, "invoices"), "KSEF-SEND-091": (9, "")},
    lambda case: f"A page of {case[0]} {case[1] or 'sessions'} is refused: 21405.",
    source="OpenAPI pageSize: 10 to 1000",
)
def page_sizes(ctx: Probe, case: tuple[int, str]) -> None:
    size, what = case
    login = ctx.owner.session
    path = f"/sessions/{opened(ctx).reference}/invoices" if what else "/sessions"
    params = {"pageSize": size} | ({} if what else {"sessionType": "Online"})
    ctx.get(path, params=params, bearer=login.access_token).refused(21405, None)


@requirement(
    "KSEF-SEND-092",
    "Invoices are listed in the order in which they were sent, the failed ones apart as well.",
    source="OpenAPI GET /sessions/{referenceNumber}/invoices and /invoices/failed",
)
def invoices_are_listed(ctx: Probe) -> None:
    sending = opened(ctx)
    references = [sent(ctx, sending, document(sending.login.nip)) for _ in range(2)]
    references.append(sent(ctx, sending, b"no XML"))
    for reference in references:
        judged(ctx, sending, reference)
    bearer = sending.login.access_token
    listed = ctx.get(f"{sending.path}/invoices", bearer=bearer).answers(200).at("invoices")
    equal("invoices", [each.get("referenceNumber") for each in listed], references)
    failed = ctx.get(f"{sending.path}/invoices/failed", bearer=bearer).answers(200).at("invoices")
    equal("failed invoices", [each.get("referenceNumber") for each in failed], references[2:])


@requirement(
    "KSEF-SEND-093",
    "A session is found by its number and status, with all three counters.",
    source="OpenAPI GET /sessions",
)
def session_is_found(ctx: Probe) -> None:
    sending = opened(ctx)
    params = {"sessionType": "Online", "referenceNumber": sending.reference}
    bearer = sending.login.access_token

    def found(**more: str) -> list[dict[str, Any]]:
        sessions: list[dict[str, Any]] = (
            ctx.get("/sessions", params=params | more, bearer=bearer).answers(200).at("sessions")
        )
        return sessions

    (listed,) = found(statuses="InProgress") or [{}]
    names = ("referenceNumber", "totalInvoiceCount", "successfulInvoiceCount", "failedInvoiceCount")
    equal("the session", [listed.get(name) for name in names], [sending.reference, 0, 0, 0])
    equal("succeeded", found(statuses="Succeeded"), [])
    close(ctx, sending).answers(204)
    equal("cancelled", len(found(statuses="Cancelled")), 1)


@requirement(
    "KSEF-SEND-094", "Sessions are not listed without sessionType: 21405.", source="OpenAPI GET /sessions"
)
def type_of_sessions_is_required(ctx: Probe) -> None:
    ctx.get("/sessions", bearer=ctx.owner.session.access_token).refused(21405, None)


@requirement(
    "KSEF-SEND-095",
    "A session ends by itself after 12 hours: 440 where nothing was sent.",
    source="documented: sesja-interaktywna.md; OpenAPI validUntil",
    needs={Capability.MOVABLE_CLOCK, Capability.SELF_SIGNED},
)
def session_expires(ctx: Probe) -> None:
    login = ctx.new_session()
    sending = opened(ctx, login)
    ctx.advance(12 * 3_600 + 1)
    later = ctx.login_with_certificate(nip=login.nip)
    again = Sending(later, sending.reference, sending.key, sending.iv, sending.opening)
    equal("status", status(ctx, again).at("status", "code"), 440)
    send(ctx, again, body_of(again, document(login.nip))).refused(21180, None)


@requirement(
    "KSEF-SEND-096",
    "A technical correction is accepted once; a second is 21166, one of an accepted file 21167.",
    source=f"{_SEND}: 21166, 21167",
)
def technical_correction(ctx: Probe) -> None:
    sending = opened(ctx)
    refused = comes_to(ctx, sending, document(random_nip()), 410, offlineMode=True).at("invoiceHash")
    correction = {"offlineMode": True, "hashOfCorrectedInvoice": refused}
    accepted = comes_to(ctx, sending, document(sending.login.nip), 200, **correction)
    for digest, code in ((refused, 21166), (accepted.at("invoiceHash"), 21167)):
        again = correction | {"hashOfCorrectedInvoice": digest}
        send(ctx, sending, body_of(sending, document(sending.login.nip), **again)).refused(code, None)


@requirement(
    "KSEF-SEND-097",
    "A session under maintenance takes no invoice, 21184 names it, and another session takes the invoice.",
    source=f"{_SEND}: 21184",
    needs={Capability.FAULTS},
)
def session_under_maintenance(ctx: Probe) -> None:
    sending = opened(ctx)
    octets = document(sending.login.nip)
    ctx.controls.fault(path=f"/sessions/online/{sending.reference}/*", maintenance=True)
    send(ctx, sending, body_of(sending, octets)).refused(
        21184,
        f"Trwają prace serwisowe i sesja {sending.reference} jest tymczasowo niedostępna. Spróbuj ponownie "
        "później lub otwórz nową sesję, aby wysłać kolejne faktury.",
    )
    comes_to(ctx, opened(ctx, sending.login), octets, 200)
