"""Exports of invoices: what is in a package, how it is cut, for how long it is there, what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import different, equal, one_of, true
from contract_tests.server.exporting import (
    METADATA,
    Export,
    archive,
    digest,
    exported,
    filters,
    finished,
    metadata,
    moment,
    ordered,
    ordering,
    part,
    plain,
    status,
    stored,
    unpacked,
)
from contract_tests.server.probe import Probe

_OWN = {Capability.SELF_SIGNED}
_BESIDE = {Capability.SELF_SIGNED, Capability.SETTINGS}
_CLOCK = {Capability.SELF_SIGNED, Capability.MOVABLE_CLOCK}
_ORDER = "OpenAPI POST /invoices/exports"
_STATUS = "OpenAPI GET /invoices/exports/{referenceNumber}"
_UNKNOWN = "20250101-EH-0000000000-0000000000-00"
_RESTRICTED = {"restrictToPermanentStorageHwmDate": True}


def _one(ctx: Probe, **changes: Any) -> tuple[Export, dict[str, Any], dict[str, bytes]]:
    """The export of an invoice of its own context: it, its package, the invoice."""
    login = ctx.new_session()
    invoices = stored(ctx, login, 1)
    export = ordered(ctx, login, **changes)
    return export, finished(ctx, export).at("package"), invoices


# -- what is in a package ---------------------------------------------------------------------------------


@requirement(
    "KSEF-EXP-001", "An export is ordered with 201 and a reference number of type EH.", source=_ORDER
)
def is_ordered(ctx: Probe) -> None:
    ordered(ctx, ctx.owner.session)


@requirement(
    "KSEF-EXP-002",
    "An export that succeeded says since when, and that its package is there for seven days.",
    source=_STATUS,
)
def says_since_when(ctx: Probe) -> None:
    reply = finished(ctx, ordered(ctx, ctx.owner.session))
    equal("description", reply.at("status", "description"), "Eksport faktur zakończony sukcesem")
    until, since = moment(reply.at("packageExpirationDate")), moment(reply.at("completedDate"))
    equal("lifetime of the package", until - since, timedelta(days=7))


@requirement(
    "KSEF-EXP-003",
    "A package has each invoice as it was sent, in a file called by its KSeF number.",
    source=_ORDER,
    needs=_OWN,
)
def has_the_invoices(ctx: Probe) -> None:
    login = ctx.new_session()
    invoices = stored(ctx, login, 2)
    files = exported(ctx, login)
    equal("files", sorted(files), sorted([METADATA, *(f"{number}.xml" for number in invoices)]))
    for number, octets in invoices.items():
        equal(f"SHA-256 of {number}.xml", digest(files[f"{number}.xml"]), digest(octets))


@requirement(
    "KSEF-EXP-004",
    "_metadata.json says of each invoice what the query for metadata says.",
    source=f"{_ORDER}: _metadata.json",
    needs=_OWN,
)
def has_the_metadata(ctx: Probe) -> None:
    export, package, _ = _one(ctx)
    wanted, bearer = filters(ctx), export.login.access_token
    queried = ctx.post("/invoices/query/metadata", json=wanted, bearer=bearer).answers(200).at("invoices")
    equal(METADATA, metadata(unpacked(archive(ctx, export, package))), queried)


@requirement(
    "KSEF-EXP-005",
    "With onlyMetadata a package is one file, _metadata.json.",
    source=f"{_ORDER}: onlyMetadata; asserted by the official Java client",
    needs=_OWN,
)
def only_metadata(ctx: Probe) -> None:
    export, package, invoices = _one(ctx, onlyMetadata=True)
    files = unpacked(archive(ctx, export, package))
    equal("files", list(files), [METADATA])
    equal("invoices in it", [each["ksefNumber"] for each in metadata(files)], list(invoices))


@family(
    {"KSEF-EXP-006": None, "KSEF-EXP-007": "Zip", "KSEF-EXP-008": "TarGz"},
    lambda wanted: (
        f"A package is a {wanted}, and says so." if wanted else "Unless it is ordered otherwise it is a Zip."
    ),
    source=f"{_ORDER}: compressionType, since API 2.9.0",
    needs=_OWN,
)
def is_compressed(ctx: Probe, wanted: str | None) -> None:
    export, package, invoices = _one(ctx, compressionType=wanted)
    equal("compressionType", package["compressionType"], wanted or "Zip")
    files = unpacked(archive(ctx, export, package), wanted or "Zip")
    equal("invoices in it", [each["ksefNumber"] for each in metadata(files)], list(invoices))


@family(
    {"KSEF-EXP-009": "Invoicing", "KSEF-EXP-010": "PermanentStorage"},
    "Invoices come in the order of the date of the filter, the oldest first: {}.",
    source=f"{_ORDER}: x-sort",
    needs=_OWN,
)
def come_in_order(ctx: Probe, date_type: str) -> None:
    login = ctx.new_session()
    invoices = stored(ctx, login, 3)
    found = metadata(exported(ctx, login, filters(ctx, date_type)))
    equal("invoices", [each["ksefNumber"] for each in found], list(invoices))


@requirement(
    "KSEF-EXP-011",
    "The filters are those of the query for metadata.",
    source=f"{_ORDER}: filters",
    needs=_OWN,
)
def filters_hold(ctx: Probe) -> None:
    login = ctx.new_session()
    first, _ = stored(ctx, login, 2)
    found = metadata(exported(ctx, login, filters(ctx, ksefNumber=first)))
    equal("invoices", [each["ksefNumber"] for each in found], [first])


@requirement(
    "KSEF-EXP-012",
    "An export that finds nothing succeeds, with 0 invoices.",
    source=_STATUS,
    needs=_OWN,
)
def nothing_found(ctx: Probe) -> None:
    package = finished(ctx, ordered(ctx, ctx.new_session())).at("package")
    equal("invoiceCount", package["invoiceCount"], 0)
    equal("isTruncated", package["isTruncated"], False)


# -- parts and links --------------------------------------------------------------------------------------


_TOLD: dict[str, Callable[[Export, bytes], Any]] = {
    "partSize": lambda export, sealed: len(plain(export, sealed)),
    "partHash": lambda export, sealed: digest(plain(export, sealed)),
    "encryptedPartSize": lambda _, sealed: len(sealed),
    "encryptedPartHash": lambda _, sealed: digest(sealed),
}


@family(
    {f"KSEF-EXP-{13 + place:03}": name for place, name in enumerate(_TOLD)},
    "{} is that of the part.",
    source=f"{_STATUS}: InvoicePackagePart",
    needs=_OWN,
)
def part_is_told(ctx: Probe, member: str) -> None:
    export, package, _ = _one(ctx)
    for each in package["parts"]:
        sealed = part(ctx, each).answers(200).content
        equal(member, each[member], _TOLD[member](export, sealed))


@requirement(
    "KSEF-EXP-017",
    "A part comes with the hash of its ciphertext in x-ms-meta-hash.",
    source=f"{_STATUS}: InvoicePackagePart.url",
    needs=_OWN,
)
def part_has_its_hash(ctx: Probe) -> None:
    _, package, _ = _one(ctx)
    reply = part(ctx, package["parts"][0]).answers(200)
    equal("x-ms-meta-hash", reply.headers.get("x-ms-meta-hash"), digest(reply.content))


@requirement(
    "KSEF-EXP-018",
    "Part names begin with the reference number and count from 001; ordinal numbers from 1.",
    source=f"{_STATUS}: InvoicePackagePart.partName",
    needs=_OWN,
)
def parts_are_named(ctx: Probe) -> None:
    export, package, _ = _one(ctx)
    equal("ordinalNumber", [each["ordinalNumber"] for each in package["parts"]], [1])
    equal("partName", package["parts"][0]["partName"], f"{export.reference}-001.zip.aes")


@requirement(
    "KSEF-EXP-019",
    "The size of a package is that of its parts before encryption.",
    source=f"{_STATUS}: InvoicePackage.size",
    needs=_OWN,
)
def size_is_that_of_the_parts(ctx: Probe) -> None:
    _, package, _ = _one(ctx)
    equal("size", package["size"], sum(each["partSize"] for each in package["parts"]))


@requirement(
    "KSEF-EXP-020",
    "A package larger than a part is cut; its parts, decrypted one by one, join to the archive.",
    source=f"{_STATUS}: 50 MB",
    needs=_BESIDE,
)
def is_cut(ctx: Probe) -> None:
    other = ctx.beside(export_part_octets=1_000)
    login = other.new_session()
    invoices = stored(other, login, 3)
    export = ordered(other, login)
    package = finished(other, export).at("package")
    true("parts", len(package["parts"]) > 1, expected="more than one", received=len(package["parts"]))
    for each in package["parts"]:
        true("partSize", each["partSize"] <= 1_000, expected="at most 1000", received=each["partSize"])
    found = metadata(unpacked(archive(other, export, package)))
    equal("invoices", [each["ksefNumber"] for each in found], list(invoices))


@requirement(
    "KSEF-EXP-021",
    "A link that was changed opens nothing.",
    source=f"{_STATUS}: InvoicePackagePart.url; recorded for links of this kind",
    needs=_OWN,
)
def changed_link_opens_nothing(ctx: Probe) -> None:
    _, package, _ = _one(ctx)
    entry = package["parts"][0]
    changed = entry | {"url": re.sub("sig=.", "sig=~", entry["url"])}
    one_of("status", part(ctx, changed).status, (401, 403))


@requirement(
    "KSEF-EXP-022",
    "A link to a part ends after an hour, as it says; a new look at the status makes a new one.",
    source=f"{_STATUS}: expirationDate; one hour seen",
    needs=_CLOCK,
)
def link_expires(ctx: Probe) -> None:
    ctx.freeze()
    now = ctx.challenge().moment
    export, package, _ = _one(ctx)
    entry = package["parts"][0]
    lifetime = moment(entry["expirationDate"]) - now
    one_of("seconds that it is valid", round(lifetime.total_seconds()), range(3_590, 3_610))
    ctx.advance(3_590)
    part(ctx, entry).answers(200)
    ctx.advance(20)
    equal("status", part(ctx, entry).status, 403)
    login = ctx.login_with_certificate(nip=export.login.nip)
    again = finished(ctx, Export(login, export.reference, export.key, export.iv)).at("package", "parts", 0)
    different("url", again["url"], entry["url"])
    part(ctx, again).answers(200)


@requirement(
    "KSEF-EXP-023",
    "Package and hashes stay the same, however often one looks.",
    source=f"{_STATUS}: InvoicePackage",
    needs=_OWN,
)
def package_stays(ctx: Probe) -> None:
    export, package, _ = _one(ctx)
    links = ("url", "expirationDate")
    again = finished(ctx, export).at("package")
    for one, other in zip(package["parts"], again["parts"], strict=True):
        equal("part", {**other, **dict.fromkeys(links)}, {**one, **dict.fromkeys(links)})


@requirement(
    "KSEF-EXP-024",
    "After seven days the status of an export is 410.",
    source=f"{_STATUS}: 410",
    needs=_CLOCK,
)
def is_gone(ctx: Probe) -> None:
    export, _, _ = _one(ctx)
    ctx.advance(7 * 86_400 + 60)
    login = ctx.login_with_certificate(nip=export.login.nip)
    reply = ctx.get(export.path, bearer=login.access_token)
    reply.problem(410)
    equal("detail", reply.at("detail"), "Operacja wygasła i nie jest już dostępna.")


# -- truncation -------------------------------------------------------------------------------------------

_LAST = {
    "Issue": ("lastIssueDate", "issueDate"),
    "Invoicing": ("lastInvoicingDate", "invoicingDate"),
    "PermanentStorage": ("lastPermanentStorageDate", "permanentStorageDate"),
}


@family(
    {f"KSEF-EXP-{25 + place:03}": name for place, name in enumerate(_LAST)},
    "A truncated package says so, and the date of its last invoice alone: {}.",
    source=f"{_STATUS}: isTruncated",
    needs=_BESIDE,
)
def is_truncated(ctx: Probe, date_type: str) -> None:
    other = ctx.beside(export_invoices=2)
    login = other.new_session()
    stored(other, login, 3)
    wanted = filters(other, date_type)
    if date_type == "Issue":
        wanted["dateRange"]["from"] = "2026-02-01"
        wanted["dateRange"]["to"] = "2026-02-03"
    export = ordered(other, login, wanted)
    package = finished(other, export).at("package")
    equal("invoiceCount", package["invoiceCount"], 2)
    equal("isTruncated", package["isTruncated"], True)
    member, date = _LAST[date_type]
    last = metadata(unpacked(archive(other, export, package)))[-1]
    equal(member, package.get(member), last[date])
    others = {name for name, _ in _LAST.values()} - {member}
    equal("other dates", sorted(name for name in others if package.get(name) is not None), [])


@requirement(
    "KSEF-EXP-028",
    "A package with exactly as many invoices as have room is not truncated.",
    source=f"{_STATUS}: isTruncated; asserted by the official C# client",
    needs=_BESIDE,
)
def exactly_full(ctx: Probe) -> None:
    other = ctx.beside(export_invoices=2)
    login = other.new_session()
    stored(other, login, 2)
    package = finished(other, ordered(other, login)).at("package")
    equal("isTruncated", package["isTruncated"], False)
    told = [name for name, _ in _LAST.values() if package.get(name) is not None]
    equal("dates of the last invoice", told, [])


@requirement(
    "KSEF-EXP-029",
    "From where a package was truncated the next one goes on, without a gap.",
    source="przyrostowe-pobieranie-faktur.md",
    needs=_BESIDE,
)
def goes_on(ctx: Probe) -> None:
    other = ctx.beside(export_invoices=2)
    login = other.new_session()
    invoices = stored(other, login, 4)
    found: dict[str, None] = {}
    wanted = filters(other)
    for _ in range(4):
        export = ordered(other, login, wanted)
        package = finished(other, export).at("package")
        files = unpacked(archive(other, export, package))
        found |= dict.fromkeys(each["ksefNumber"] for each in metadata(files))
        if not package["isTruncated"]:
            break
        wanted = filters(other, range_={"from": package["lastPermanentStorageDate"]})
    equal("invoices", list(found), list(invoices))


# -- what is complete -------------------------------------------------------------------------------------


@requirement(
    "KSEF-EXP-030",
    "By PermanentStorage an export says up to when KSeF's data is complete.",
    source=f"{_STATUS}: permanentStorageHwmDate",
)
def says_what_is_complete(ctx: Probe) -> None:
    now = ctx.challenge().moment
    package = finished(ctx, ordered(ctx, ctx.owner.session)).at("package")
    mark = moment(package.get("permanentStorageHwmDate") or "1970-01-01T00:00:00+00:00")
    near = now - timedelta(minutes=30) < mark < now + timedelta(minutes=5)
    true("permanentStorageHwmDate", near, expected="a moment shortly before now", received=str(mark))


@family(
    {"KSEF-EXP-031": "Invoicing", "KSEF-EXP-032": "Issue"},
    "By {} it does not.",
    source=f"{_STATUS}: permanentStorageHwmDate; asserted by the official C# client for Invoicing",
)
def says_nothing_of_it(ctx: Probe, date_type: str) -> None:
    package = finished(ctx, ordered(ctx, ctx.owner.session, filters(ctx, date_type))).at("package")
    equal("permanentStorageHwmDate", package.get("permanentStorageHwmDate"), None)


@requirement(
    "KSEF-EXP-033",
    "Restricted to it, an export leaves out what was stored later.",
    source=f"{_ORDER}: restrictToPermanentStorageHwmDate",
    needs=_BESIDE,
)
def is_restricted(ctx: Probe) -> None:
    other = ctx.beside(hwm_lag=120)
    login = other.new_session()
    stored(other, login, 1)
    package = finished(other, ordered(other, login, filters(other, range_=_RESTRICTED))).at("package")
    equal("invoiceCount", package["invoiceCount"], 0)
    package = finished(other, ordered(other, login, filters(other))).at("package")
    equal("invoiceCount without the restriction", package["invoiceCount"], 1)


@requirement(
    "KSEF-EXP-034",
    "A restricted export that begins after it comes to status 420.",
    source=f"{_STATUS}: 420",
)
def begins_too_late(ctx: Probe) -> None:
    start = (ctx.challenge().moment + timedelta(minutes=5)).isoformat()
    wanted = filters(ctx, range_={"from": start, **_RESTRICTED})
    reply = finished(ctx, ordered(ctx, ctx.owner.session, wanted), 420)
    text = "Zakres filtrowania wykracza poza dostępny zakres danych"
    equal("description", reply.at("status", "description"), text)


# -- running and failing ----------------------------------------------------------------------------------


@requirement(
    "KSEF-EXP-035", "An export that is not finished is 100, without a package.", source=_STATUS, needs=_BESIDE
)
def is_running(ctx: Probe) -> None:
    other = ctx.beside(delay_polls=1)
    reply = status(other, ordered(other, other.new_session()))
    equal("code", reply.at("status", "code"), 100)
    equal("description", reply.at("status", "description"), "Eksport faktur w toku")
    equal("package", reply.json().get("package"), None)


@requirement(
    "KSEF-EXP-036",
    "Ten exports may run at once in a context; one more is refused with 21182.",
    source=f"{_ORDER}: 21182",
    needs=_BESIDE,
)
def ten_at_most(ctx: Probe) -> None:
    other = ctx.beside(delay_polls=1)
    login, wanted = other.new_session(), filters(other)
    exports = [ordered(other, login, wanted) for _ in range(10)]
    ordering(other, login, wanted)[0].refused(
        21182,
        "Dla uwierzytelnionego podmiotu w bieżącym kontekście osiągnięto maksymalny limit 10 równoczesnych "
        "eksportów faktur. Spróbuj ponownie później.",
    )
    finished(other, exports[0])
    ordered(other, login, wanted)


@requirement(
    "KSEF-EXP-037",
    "A symmetric key that cannot be decrypted shows later: status 415.",
    source=f"{_STATUS}: 415",
)
def wrong_key(ctx: Probe) -> None:
    export = ordered(ctx, ctx.owner.session, encryption={"encryptedSymmetricKey": "A" * 342 + "=="})
    reply = finished(ctx, export, 415)
    text = "Błąd odszyfrowania dostarczonego klucza"
    equal("description", reply.at("status", "description").strip(), text)
    equal("package", reply.json().get("package"), None)


# -- refusals ---------------------------------------------------------------------------------------------


@requirement("KSEF-EXP-038", "A key that is not published is refused with 21470.", source=f"{_ORDER}: 21470")
def unknown_key(ctx: Probe) -> None:
    key_id = "A" * 43 + "="
    reply, _, _ = ordering(ctx, ctx.owner.session, filters(ctx), encryption={"publicKeyId": key_id})
    reply.refused(21470, f"Klucz o identyfikatorze {key_id} nie jest wspierany.")


@family(
    {"KSEF-EXP-039": "encryption", "KSEF-EXP-040": "filters"},
    "An order without {} is refused with 21405.",
    source=f"{_ORDER}: InvoiceExportRequest",
)
def member_is_missing(ctx: Probe, member: str) -> None:
    bearer = ctx.owner.session.access_token
    body = {"encryption": {"encryptedSymmetricKey": "AAAA", "initializationVector": "A" * 22 + "=="}}
    body["filters"] = filters(ctx)
    del body[member]
    ctx.post("/invoices/exports", json=body, bearer=bearer).refused(21405, None)


@family(
    {"KSEF-EXP-041": "subjectType", "KSEF-EXP-042": "dateRange"},
    "An order without {} among its filters is refused with 21405.",
    source=f"{_ORDER}: InvoiceQueryFilters",
)
def filter_is_missing(ctx: Probe, member: str) -> None:
    wanted = filters(ctx)
    del wanted[member]
    ordering(ctx, ctx.owner.session, wanted)[0].refused(21405, None)


@requirement(
    "KSEF-EXP-043",
    "A range of more than 100 days is refused with 21405.",
    source=f"{_ORDER}: dateRange, since API 2.9.0",
)
def range_is_too_long(ctx: Probe) -> None:
    start = (ctx.challenge().moment - timedelta(days=101)).isoformat()
    ordering(ctx, ctx.owner.session, filters(ctx, range_={"from": start}))[0].refused(21405, None)


@requirement(
    "KSEF-EXP-044",
    "An initialisation vector that has not 16 octets is refused with 21405.",
    source=f"{_ORDER}: EncryptionInfo; recorded for sessions",
)
def vector_is_too_long(ctx: Probe) -> None:
    wrong = {"initializationVector": "A" * 32}
    ordering(ctx, ctx.owner.session, filters(ctx), encryption=wrong)[0].refused(21405, None)


@requirement(
    "KSEF-EXP-045", "An export that does not exist is refused with 21175.", source=f"{_STATUS}: 21175"
)
def is_unknown(ctx: Probe) -> None:
    ctx.get(f"/invoices/exports/{_UNKNOWN}", bearer=ctx.owner.session.access_token).refused(21175)


@requirement(
    "KSEF-EXP-046",
    "The export of another context is refused with 21175.",
    source=f"{_STATUS}: 21175; inferred for other contexts",
    severity="should",
    needs=_OWN,
)
def is_foreign(ctx: Probe) -> None:
    export = ordered(ctx, ctx.owner.session)
    ctx.get(export.path, bearer=ctx.new_session().access_token).refused(21175)


@family(
    {"KSEF-EXP-047": "POST", "KSEF-EXP-048": "GET"},
    "{} needs InvoiceRead.",
    source=f"{_ORDER}: x-required-permissions",
    needs=_OWN,
)
def needs_a_permission(ctx: Probe, method: str) -> None:
    login = ctx.new_session()
    export = ordered(ctx, login)
    token, _ = ctx.new_token(login, ["InvoiceWrite"])
    bearer = ctx.login_with_token(token, nip=login.nip)
    reply = (
        ordering(ctx, bearer, filters(ctx))[0]
        if method == "POST"
        else ctx.get(export.path, bearer=bearer.access_token)
    )
    reply.problem(403, reason="missing-permissions")
