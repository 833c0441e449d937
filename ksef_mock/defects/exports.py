"""Defects of exports: their packages, their links, their limits, what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest, Gone
from ksef_mock.core.identifiers import Identifier
from ksef_mock.defects.catalogue import defect, table
from ksef_mock.defects.mock import Answer, Mock
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.invoices.exports import EXPORTS, RUNNING, Export
from ksef_mock.ksef.invoices.invoices import Query
from ksef_mock.ksef.invoices.packing import Compression

_ORDER = "/invoices/exports"
_STATUS = "/invoices/exports/[^/]+"

#: Changes a body in place.
_Change = Callable[[dict[str, Any]], Any]


def _status(change: _Change) -> Callable[[Mock], None]:
    def edit(body: Any) -> None:
        change(body)

    return lambda mock: mock.edit_json(edit, method="GET", path=_STATUS, status=200)


def _package(change: _Change) -> Callable[[Mock], None]:
    """Change the package in a status, if there is one."""
    return _status(lambda body: change(body["package"]) if "package" in body else None)


def _parts(**members: Any) -> _Change:
    def change(package: dict[str, Any]) -> None:
        for part in package["parts"]:
            part |= {name: value(part) if callable(value) else value for name, value in members.items()}

    return change


def _coded(code: int, to: int) -> _Change:
    def change(body: dict[str, Any]) -> None:
        if body["status"]["code"] == code:
            body["status"]["code"] = to

    return change


def _described(code: int, text: str) -> _Change:
    def change(body: dict[str, Any]) -> None:
        if body["status"]["code"] == code:
            body["status"]["description"] = text

    return change


def _dated(name: str) -> _Change:
    """Tell a date of the last invoice where it is not told."""

    def change(package: dict[str, Any]) -> None:
        if not package["isTruncated"]:
            package[name] = "2026-02-02" if name == "lastIssueDate" else "2026-02-02T00:00:00+00:00"

    return change


def _all_dates(package: dict[str, Any]) -> None:
    if package["isTruncated"]:
        package.setdefault("lastIssueDate", "2026-02-02")
        package.setdefault("lastInvoicingDate", "2026-02-02T00:00:00+00:00")


def _without_dates(package: dict[str, Any]) -> None:
    for name in ("lastIssueDate", "lastInvoicingDate", "lastPermanentStorageDate"):
        package.pop(name, None)


TOLD = table(
    "exports",
    (
        (
            "export-that-runs-is-200",
            "An export that is not finished is 200.",
            "An export that is not finished is 100.",
            _status(_coded(100, 200)),
        ),
        (
            "export-with-a-wrong-key-is-500",
            "An export with a wrong key comes to 500.",
            "An export with a wrong key comes to 415.",
            _status(_coded(415, 500)),
        ),
        (
            "export-beyond-available-data-is-200",
            "An export that begins after what is complete comes to 200.",
            "An export that begins after what is complete comes to 420.",
            _status(_coded(420, 200)),
        ),
        (
            "success-of-an-export-is-described-otherwise",
            "The success of an export is described in English.",
            "The success of an export is described as documented.",
            _status(_described(200, "Success")),
        ),
        (
            "package-is-there-for-a-day",
            "A package expires a day after it was made, as its status says.",
            "A package is there for seven days.",
            _status(lambda body: body.update(packageExpirationDate=body["completedDate"])),
        ),
        (
            "size-of-a-package-is-that-of-its-ciphertext",
            "The size of a package is that of its encrypted parts.",
            "The size of a package is that of its parts before encryption.",
            _package(
                lambda package: package.update(
                    size=sum(part["encryptedPartSize"] for part in package["parts"])
                )
            ),
        ),
        (
            "part-size-is-that-of-the-ciphertext",
            "partSize is that of the ciphertext.",
            "partSize is that of the part before encryption.",
            _package(_parts(partSize=lambda part: part["encryptedPartSize"])),
        ),
        (
            "part-hash-is-that-of-the-ciphertext",
            "partHash is that of the ciphertext.",
            "partHash is that of the part before encryption.",
            _package(_parts(partHash=lambda part: part["encryptedPartHash"])),
        ),
        (
            "encrypted-part-size-is-that-of-the-plain-part",
            "encryptedPartSize is that of the part before encryption.",
            "encryptedPartSize is that of the ciphertext.",
            _package(_parts(encryptedPartSize=lambda part: part["partSize"])),
        ),
        (
            "encrypted-part-hash-is-that-of-the-plain-part",
            "encryptedPartHash is that of the part before encryption.",
            "encryptedPartHash is that of the ciphertext.",
            _package(_parts(encryptedPartHash=lambda part: part["partHash"])),
        ),
        (
            "parts-count-from-zero",
            "Ordinal numbers of parts begin with 0.",
            "Ordinal numbers of parts begin with 1.",
            _package(_parts(ordinalNumber=lambda part: part["ordinalNumber"] - 1)),
        ),
        (
            "part-names-have-no-number",
            "All parts have one name.",
            "Part names end with the number of the part.",
            _package(_parts(partName=lambda part: part["partName"].replace("-001.", "."))),
        ),
        (
            "package-does-not-say-its-compression",
            "compressionType is absent.",
            "compressionType is told since API 2.9.0.",
            _package(lambda package: package.pop("compressionType")),
        ),
        (
            "invoices-of-a-package-are-not-counted",
            "invoiceCount is 1, whatever the package holds.",
            "invoiceCount is how many invoices there are in the package.",
            _package(lambda package: package.update(invoiceCount=1)),
        ),
        (
            "truncation-is-not-told",
            "isTruncated is always false.",
            "isTruncated says that not all invoices had room.",
            _package(lambda package: package.update(isTruncated=False)),
        ),
        (
            "truncated-package-does-not-say-where-it-ends",
            "A truncated package has no date of its last invoice.",
            "A truncated package says the date of its last invoice.",
            _package(_without_dates),
        ),
        (
            "truncated-package-says-all-dates",
            "A truncated package says every date of its last invoice.",
            "A truncated package says the date of the filter's type alone.",
            _package(_all_dates),
        ),
        (
            "every-package-says-where-it-ends",
            "Every package says the date of its last invoice.",
            "Only a truncated package says the date of its last invoice.",
            _package(_dated("lastPermanentStorageDate")),
        ),
        (
            "export-does-not-say-what-is-complete",
            "permanentStorageHwmDate is absent.",
            "By PermanentStorage it says up to when the data is complete.",
            _package(lambda package: package.pop("permanentStorageHwmDate", None)),
        ),
        (
            "every-export-says-what-is-complete",
            "permanentStorageHwmDate is told whatever the date of the filter.",
            "permanentStorageHwmDate is told by PermanentStorage alone.",
            _package(
                lambda package: package.setdefault("permanentStorageHwmDate", "2026-02-02T00:00:00+00:00")
            ),
        ),
    ),
)


def _recoded(code: int, to: int) -> Callable[[Mock], None]:
    return lambda mock: mock.recode(code, to)


def _read(change: _Change) -> Callable[[Mock], None]:
    return lambda mock: mock.edit_body(change, method="POST", path=_ORDER)


def _filter(name: str, value: Any) -> _Change:
    def change(body: dict[str, Any]) -> None:
        if isinstance(body.get("filters"), dict):
            body["filters"].setdefault(name, value)

    return change


def _short(body: dict[str, Any]) -> None:
    """Begin at the present where the range is too long."""
    date_range = body.get("filters", {}).get("dateRange", {})
    if date_range.get("from", "9") < "2026-09":
        date_range["from"] = date_range.get("to", "2026-11-01T00:00:00Z")


def _cut_vector(body: dict[str, Any]) -> None:
    encryption = body.get("encryption", {})
    if "initializationVector" in encryption:
        encryption["initializationVector"] = encryption["initializationVector"][:22] + "=="


def _dropped(*place: str) -> _Change:
    def change(body: dict[str, Any]) -> None:
        inside = body
        for step in place[:-1]:
            inside = inside.get(step, {})
        inside.pop(place[-1], None)

    return change


_ENCRYPTION = {"encryptedSymmetricKey": "AAAA", "initializationVector": "A" * 22 + "=="}
_DATES = {"dateType": "Invoicing", "from": "2026-11-01"}

READ = table(
    "exports",
    (
        (f"export-{name}", summary, rule, _read(change))
        for name, summary, rule, change in (
            (
                "without-encryption",
                "An order without encryption is taken.",
                "encryption is required.",
                lambda body: body.setdefault("encryption", _ENCRYPTION),
            ),
            (
                "without-filters",
                "An order without filters is taken.",
                "filters are required.",
                lambda body: body.setdefault("filters", {"subjectType": "Subject1", "dateRange": _DATES}),
            ),
            (
                "without-a-subject-type",
                "Filters without subjectType are taken.",
                "subjectType is required.",
                _filter("subjectType", "Subject1"),
            ),
            (
                "without-a-range",
                "Filters without dateRange are taken.",
                "dateRange is required.",
                _filter("dateRange", _DATES),
            ),
            (
                "of-any-range",
                "A range of more than 100 days is taken.",
                "A range has 100 days at most.",
                _short,
            ),
            (
                "with-any-vector",
                "A vector of more than 16 octets is cut.",
                "An initialisation vector has 16 octets.",
                _cut_vector,
            ),
            (
                "ignores-its-key-id",
                "publicKeyId of an order is not looked at.",
                "A key that is not published is refused.",
                _dropped("encryption", "publicKeyId"),
            ),
            (
                "ignores-only-metadata",
                "onlyMetadata is not looked at.",
                "With onlyMetadata there are no invoices in the package.",
                _dropped("onlyMetadata"),
            ),
            (
                "ignores-its-compression",
                "Every package is a Zip.",
                "A package is compressed as it was ordered.",
                _dropped("compressionType"),
            ),
            (
                "ignores-the-number",
                "The KSeF number among the filters is not looked at.",
                "The filters are those of the query for metadata.",
                _dropped("filters", "ksefNumber"),
            ),
            (
                "ignores-the-restriction",
                "restrictToPermanentStorageHwmDate is not looked at.",
                "A restricted export leaves out what was stored after the mark.",
                _dropped("filters", "dateRange", "restrictToPermanentStorageHwmDate"),
            ),
        )
    ),
)


# -- the package ------------------------------------------------------------------------------------------


@defect("Invoices come in the order of the filter's date, the oldest first.")
def newest_invoice_is_packed_first(mock: Mock) -> None:
    """Invoices come in a package the newest first."""

    def make(original: Any) -> Any:
        async def oldest(*arguments: Any, **options: Any) -> Any:
            chosen, more = await original(*arguments, **options)
            return chosen[::-1], more

        return oldest

    mock.replace(mock.system.invoices, "oldest", make)


@defect("Of invoices without room the newest are cut off.")
def oldest_invoices_are_cut_off(mock: Mock) -> None:
    """A truncated package holds the newest invoices, not the oldest."""

    def make(original: Any) -> Any:
        async def newest(context: Any, query: Query, most: int, *, at: int) -> Any:
            everything, _ = await original(context, query, 100_000, at=at)
            return everything[-most:], len(everything) > most

        return newest

    mock.replace(mock.system.invoices, "oldest", make)


@defect("A package with exactly as many invoices as have room is not truncated.")
def full_package_is_truncated(mock: Mock) -> None:
    """A package that is exactly full is said to be truncated."""

    def make(original: Any) -> Any:
        async def oldest(context: Any, query: Query, most: int, *, at: int) -> Any:
            chosen, more = await original(context, query, most, at=at)
            return chosen, more or len(chosen) == most

        return oldest

    mock.replace(mock.system.invoices, "oldest", make)


_Row = tuple[str, "bytes | None", bytes]


def _packed(mock: Mock, change: Callable[[int, _Row], _Row]) -> None:
    """Change what is packed: the place of an invoice from 1 on; file name, octets, metadata."""

    def make(original: Any) -> Any:
        def packer(export: Export) -> Any:
            made = original(export)
            add = made.add
            made.add = lambda rows: add(change(made.count + 1, row) for row in rows)
            return made

        return packer

    mock.replace(mock.system.exports, "_packer", make)


@defect("Files are called by their KSeF numbers.")
def files_of_a_package_are_numbered(mock: Mock) -> None:
    """Files in a package are called 1.xml, 2.xml, and so on."""
    _packed(mock, lambda place, row: (f"{place}.xml", *row[1:]))


@defect("Invoices are packed as they were sent.")
def packed_invoices_end_with_a_line_feed(mock: Mock) -> None:
    """Each invoice in a package has one octet more."""
    _packed(mock, lambda _, row: (row[0], None if row[1] is None else row[1] + b"\n", row[2]))


@defect("_metadata.json says what the query for metadata says.")
def packed_metadata_lack_the_hash(mock: Mock) -> None:
    """invoiceHash is absent from _metadata.json."""

    def change(_: int, row: _Row) -> _Row:
        said = json.loads(row[2])
        del said["invoiceHash"]
        return (*row[:2], msgspec.json.encode(said))

    _packed(mock, change)


@defect("Each invoice is in a package once.")
def first_invoice_is_packed_twice(mock: Mock) -> None:
    """_metadata.json lists the first invoice of a package twice."""

    def change(place: int, row: _Row) -> _Row:
        return (*row[:2], row[2] + b"," + row[2]) if place == 1 else row

    _packed(mock, change)


@defect("What is ordered as a TarGz is one.")
def every_package_is_a_zip(mock: Mock) -> None:
    """A package is a Zip even if it says that it is a TarGz."""

    def make(original: Any) -> Any:
        return lambda export: original(msgspec.structs.replace(export, compression=Compression.ZIP))

    mock.replace(mock.system.exports, "_packer", make)


@defect("A part is encrypted with the key and the vector of the order.")
def parts_are_encrypted_with_a_vector_of_zeros(mock: Mock) -> None:
    """Parts are encrypted with another vector than that of the order."""
    mock.replace(
        mock.system.exports,
        "_packer",
        lambda original: lambda export: original(msgspec.structs.replace(export, iv=bytes(16))),
    )


@defect("A package is cut into parts of 50 MB.")
def packages_are_never_cut(mock: Mock) -> None:
    """A package is one part, however large it is."""
    mock.replace(mock.system.exports, "_limits", lambda limits: replace(limits, part_octets=10**12))


# -- links ------------------------------------------------------------------------------------------------


def _links(mock: Mock, name: str, change: Callable[..., Any]) -> None:
    """Put something around a method of the storage, for parts of packages alone."""

    def make(original: Any) -> Any:
        def method(*arguments: Any, **options: Any) -> Any:
            path = next(each for each in arguments if str(each).startswith("/"))
            if "/invoice-part/" not in path:
                return original(*arguments, **options)
            return change(original, *arguments, **options)

        return method

    mock.replace(mock.system.storage, name, make)


@defect("A link to a part that was changed opens nothing.")
def links_to_parts_are_not_checked(mock: Mock) -> None:
    """A link to a part opens it whatever its signature."""
    _links(mock, "check", lambda *_, **__: None)


@defect("A link to a part ends after an hour.")
def links_to_parts_last_a_day(mock: Mock) -> None:
    """A link to a part is valid for a day."""
    _links(
        mock, "link", lambda original, base, path, now, _, **rest: original(base, path, now, 86_400, **rest)
    )


@defect("Each look at the status makes new links.")
def links_to_parts_are_made_once(mock: Mock) -> None:
    """The status of an export always shows the first link that was made."""
    made: dict[str, Any] = {}

    def link(original: Any, base: str, path: str, *rest: Any, **options: Any) -> Any:
        return made.setdefault(path, original(base, path, *rest, **options))

    _links(mock, "link", link)


@defect("A part comes with the hash of its ciphertext.")
def parts_come_with_the_hash_of_the_plain_part(mock: Mock) -> None:
    """x-ms-meta-hash of a part is another hash."""

    def make(original: Any) -> Any:
        async def part(*arguments: Any) -> Any:
            found = await original(*arguments)
            if found is None:
                return None
            export, part = found
            wrong = msgspec.structs.replace(part.sealed, digest=bytes(32))
            return export, msgspec.structs.replace(part, sealed=wrong)

        return part

    mock.replace(mock.system.exports, "part", make)


# -- limits and refusals ----------------------------------------------------------------------------------


@defect("Ten exports run at most.")
def any_number_of_exports_runs(mock: Mock) -> None:
    """As many exports run as are ordered."""

    def make(original: Any) -> Any:
        async def order(actor: Actor, *arguments: Any) -> Any:
            await mock.system.store.delete(RUNNING, f"{actor.context}|{actor.subject}")
            return await original(actor, *arguments)

        return order

    mock.replace(mock.system.exports, "order", make)


@defect("An export that is finished makes room for another.")
def ten_exports_are_all(mock: Mock) -> None:
    """After ten exports there is never room for another."""

    async def running(_: str) -> bool:
        return True

    mock.replace(mock.system.exports, "_is_running", lambda _: running)


@defect("An export is its context's own.")
def exports_are_everybodys(mock: Mock) -> None:
    """The export of another context is shown."""

    def make(original: Any) -> Any:
        async def find(reference: str, context: Identifier) -> Any:
            found = await mock.system.store.get(EXPORTS, reference)
            return await original(reference, context if found is None else found.context)

        return find

    mock.replace(mock.system.exports, "find", make)


@defect("After seven days the status of an export is 410.")
def old_exports_are_unknown(mock: Mock) -> None:
    """An export that has expired is refused as if it had never been."""

    def make(original: Any) -> Any:
        async def find(*arguments: Any) -> Any:
            try:
                return await original(*arguments)
            except Gone:
                raise BadRequest(Code.NO_EXPORT) from None

        return find

    mock.replace(mock.system.exports, "find", make)


@defect("An order is answered with 201.")
def orders_of_exports_are_accepted(mock: Mock) -> None:
    """An order is answered with 202."""

    def change(answer: Answer) -> None:
        answer.status = 202

    mock.edit_answer(change, method="POST", path=_ORDER, status=201)


@defect("The reference number of an export is of type EH.")
def exports_are_numbered_as_sessions(mock: Mock) -> None:
    """The reference number of an export is of type SB."""

    def change(body: dict[str, Any]) -> None:
        body["referenceNumber"] = body["referenceNumber"].replace("-EH-", "-SB-")

    mock.edit_json(change, method="POST", path=_ORDER, status=201)


REFUSALS = table(
    "exports",
    (
        (
            f"{name}-is-{to}",
            f"{what} is refused with {to}.",
            f"{what} is refused with {code}.",
            _recoded(code, to),
        )
        for name, what, code, to in (
            ("unknown-export", "An export that does not exist", 21175, 21173),
            ("eleventh-export", "An eleventh export", 21182, 21181),
        )
    ),
)
