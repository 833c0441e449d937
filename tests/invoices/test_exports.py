"""Exports over HTTP: ordered, waited for, fetched by their links, decrypted and unpacked."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ksef_mock.core.fault import Hold
from ksef_mock.core.waiting import Delay
from ksef_mock.ksef.invoices.export_limits import ExportLimits
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.invoices.exporting import (
    METADATA,
    Ordered,
    day,
    digest,
    exported,
    fetched,
    filters,
    finished,
    numbers,
    ordered,
    ordering,
    status,
    unpacked,
)
from tests.sending.erp import Erp
from tests.sending.test_online import erp_of, good
from tests.support import NIP, OTHER_NIP, Api, b64, error

Serve = Callable[..., tuple[MockServer, Api]]
UNKNOWN = "20250101-EH-0000000000-0000000000-00"
DAY = 86_400


@pytest.fixture
def erp(ksef_mock: MockServer, api: Api) -> Erp:
    return erp_of(ksef_mock, api)


def sent(erp: Erp, count: int, **options: Any) -> dict[str, bytes]:
    """KSeF number -> file of so many accepted invoices, in the order in which they were sent."""
    session = erp.open()
    files = [good(**options) for _ in range(count)]
    return {erp.sent(session, file)["ksefNumber"]: file for file in files}


# -- what is in a package -----------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [None, "Zip", "TarGz"])
def test_a_package_has_the_files_as_they_were_sent_and_their_metadata(
    erp: Erp, compression: str | None
) -> None:
    invoices = sent(erp, 3)
    export = ordered(erp, compressionType=compression)
    body = finished(erp, export)
    assert body["status"] == {"code": 200, "description": "Eksport faktur zakończony sukcesem"}
    package = body["package"]
    assert (package["invoiceCount"], package["isTruncated"]) == (3, False)
    assert package["compressionType"] == (compression or "Zip")
    files = unpacked(fetched(export, package))
    assert files.pop(METADATA)
    assert files == {f"{number}.xml": file for number, file in invoices.items()}
    ending = "tar.gz" if compression == "TarGz" else "zip"
    assert [part["partName"] for part in package["parts"]] == [f"{export.reference}-001.{ending}.aes"]


def test_the_metadata_are_those_of_the_query(erp: Erp) -> None:
    invoices = sent(erp, 2)
    answer = erp.call("POST", "/invoices/query/metadata", json=filters(), params={"sortOrder": "Asc"}).json()
    files = exported(erp)
    assert json.loads(files[METADATA]) == {"invoices": answer["invoices"]}
    assert numbers(files) == list(invoices)


def test_only_the_metadata_are_one_file(erp: Erp) -> None:
    invoices = sent(erp, 2)
    export = ordered(erp, onlyMetadata=True)
    package = finished(erp, export)["package"]
    files = unpacked(fetched(export, package))
    assert list(files) == [METADATA]
    assert numbers(files) == list(invoices)
    assert package["invoiceCount"] == 2


def test_nothing_found_is_no_part(erp: Erp) -> None:
    body = finished(erp, ordered(erp))
    assert body["status"]["code"] == 200
    package = body["package"]
    assert (package["invoiceCount"], package["size"], package["parts"]) == (0, 0, [])
    assert not package["isTruncated"]


def test_the_filters_are_those_of_the_query(erp: Erp, ksef_mock: MockServer) -> None:
    (big,) = sent(erp, 1, net="5000.00")
    sent(erp, 2)
    assert numbers(exported(erp, filters(amount={"type": "Brutto", "from": 1000}))) == [big]
    buyer = erp_of(ksef_mock, erp.api, OTHER_NIP)
    (bought,) = sent(erp, 1, buyer=OTHER_NIP)
    assert numbers(exported(buyer, filters(subjectType="Subject2"))) == [bought]
    assert exported(buyer) == {}


@pytest.mark.parametrize("date_type", ["Issue", "Invoicing", "PermanentStorage"])
def test_invoices_come_in_the_order_of_the_date(erp: Erp, ksef_mock: MockServer, date_type: str) -> None:
    ksef_mock.clock.freeze()
    session = erp.open()
    given = []
    for ago in (10, 14, 12):
        ksef_mock.clock.advance(1)
        given.append(erp.sent(session, good(date=day(ago)))["ksefNumber"])
    expected = [given[1], given[2], given[0]] if date_type == "Issue" else given
    assert numbers(exported(erp, filters(date_type))) == expected


def test_an_invoice_seeded_by_its_metadata_has_no_file(erp: Erp, ksef_mock: MockServer) -> None:
    answer = httpx.post(f"{ksef_mock.url}/_mock/invoices", json={"invoices": [{"seller": {"nip": NIP}}]})
    (seeded,) = answer.json()["ksefNumbers"]
    files = exported(erp, filters("Invoicing"))
    assert list(files) == [METADATA]
    assert numbers(files) == [seeded]


def test_what_is_not_stored_yet_is_in_no_package(serve: Serve) -> None:
    mock, api = serve(settings=Settings(storage_delay=60))
    mock.clock.freeze()
    erp = erp_of(mock, api)
    (number,) = sent(erp, 1)
    before = ordered(erp)
    mock.clock.advance(61)
    # It was ordered before, and asked for later.
    assert finished(erp, before)["package"]["invoiceCount"] == 0
    assert numbers(exported(erp)) == [number]


# -- how a package is cut -----------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["Zip", "TarGz"])
def test_a_package_is_cut_into_parts(serve: Serve, compression: str) -> None:
    mock, api = serve(settings=Settings(exports=ExportLimits(part_octets=1_000)))
    erp = erp_of(mock, api)
    invoices = sent(erp, 12)
    export = ordered(erp, compressionType=compression)
    package = finished(erp, export)["package"]
    sizes = [part["partSize"] for part in package["parts"]]
    assert len(sizes) > 1
    assert sizes[:-1] == [1_000] * (len(sizes) - 1)
    assert 0 < sizes[-1] <= 1_000
    assert numbers(unpacked(fetched(export, package))) == list(invoices)


@pytest.mark.parametrize(
    ("date_type", "member", "date"),
    [
        ("Issue", "lastIssueDate", "issueDate"),
        ("Invoicing", "lastInvoicingDate", "invoicingDate"),
        ("PermanentStorage", "lastPermanentStorageDate", "permanentStorageDate"),
    ],
)
def test_what_has_no_room_is_cut_off_and_told(serve: Serve, date_type: str, member: str, date: str) -> None:
    mock, api = serve(settings=Settings(exports=ExportLimits(invoices=3)))
    erp = erp_of(mock, api)
    invoices = list(sent(erp, 4, date=day(10)))
    export = ordered(erp, filters(date_type))
    package = finished(erp, export)["package"]
    assert (package["invoiceCount"], package["isTruncated"]) == (3, True)
    kept = json.loads(unpacked(fetched(export, package))[METADATA])["invoices"]
    if date_type != "Issue":  # of one day, any order is right
        assert [each["ksefNumber"] for each in kept] == invoices[:3]
    assert package[member] == kept[-1][date]
    lasts = {name for name in package if name.startswith("last")}
    assert lasts == {member}


def test_exactly_as_many_as_have_room_are_not_truncated(serve: Serve) -> None:
    mock, api = serve(settings=Settings(exports=ExportLimits(invoices=3)))
    erp = erp_of(mock, api)
    sent(erp, 3)
    for only in (False, True):
        package = finished(erp, ordered(erp, onlyMetadata=only))["package"]
        assert (package["invoiceCount"], package["isTruncated"]) == (3, False)
        assert not any(name.startswith("last") for name in package)
    sent(erp, 1)
    package = finished(erp, ordered(erp, onlyMetadata=True))["package"]
    assert (package["invoiceCount"], package["isTruncated"]) == (3, True)


@pytest.mark.parametrize("compression", ["Zip", "TarGz"])
def test_a_package_never_grows_beyond_its_size(serve: Serve, compression: str) -> None:
    limit = 400_000
    mock, api = serve(settings=Settings(exports=ExportLimits(octets=limit)))
    erp = erp_of(mock, api)
    # Names that do not compress.
    invoices = list(sent(erp, 1))
    session = erp.open()
    for _ in range(9):
        noise = good().replace(b"Prosta 1", os.urandom(200).hex().encode())
        padded = noise.replace(b"</Faktura>", b"<!--" + os.urandom(60_000).hex().encode() + b"--></Faktura>")
        invoices.append(erp.sent(session, padded)["ksefNumber"])
    export = ordered(erp, compressionType=compression)
    package = finished(erp, export)["package"]
    assert package["isTruncated"]
    assert 1 < package["invoiceCount"] < 10
    assert package["size"] <= limit + 20_000  # the metadata do not count
    assert numbers(unpacked(fetched(export, package))) == invoices[: package["invoiceCount"]]
    # Going on from there, everything is found.
    rest = finished(erp, ordered(erp, filters(start=package["lastPermanentStorageDate"])))["package"]
    assert rest["invoiceCount"] == 10 - package["invoiceCount"] + 1 or rest["isTruncated"]


# -- judges that are not ours -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("compression", "command"),
    [("Zip", ["unzip", "-tq"]), ("TarGz", ["tar", "-tzf"])],
)
def test_other_programs_open_it(erp: Erp, tmp_path: Path, compression: str, command: list[str]) -> None:
    invoices = sent(erp, 3)
    export = ordered(erp, compressionType=compression)
    package = finished(erp, export)["package"]
    sealed = tmp_path / "part.aes"
    sealed.write_bytes(httpx.get(package["parts"][0]["url"]).content)
    archive = tmp_path / "package"
    try:
        subprocess.run(
            f"openssl enc -d -aes-256-cbc -K {export.key.hex()} -iv {export.iv.hex()}".split()
            + f"-in {sealed} -out {archive}".split(),
            check=True,
        )
        shown = subprocess.run([*command, str(archive)], check=True, capture_output=True, text=True).stdout
    except FileNotFoundError as error:
        pytest.skip(f"there is no {error.filename}")
    if compression == "TarGz":
        assert shown.split() == [*(f"{number}.xml" for number in invoices), METADATA]


def test_local_headers_of_the_zip_tell_the_sizes(erp: Erp) -> None:
    """Java reads the ZIP as a stream."""
    sent(erp, 2)
    export = ordered(erp)
    archive = fetched(export, finished(erp, export)["package"])
    with zipfile.ZipFile(io.BytesIO(archive)) as package:
        places = [member.header_offset for member in package.infolist()]
    assert len(places) == 3
    for place in places:
        assert archive[place : place + 4] == b"PK\x03\x04"
        assert not int.from_bytes(archive[place + 6 : place + 8], "little") & 0x08


def test_the_tar_is_bare_ustar(erp: Erp) -> None:
    """C# reads nothing else."""
    import gzip

    sent(erp, 2)
    export = ordered(erp, compressionType="TarGz")
    tar = gzip.decompress(fetched(export, finished(erp, export)["package"]))
    assert tar[257:265] == b"ustar\x0000"
    assert tar[156:157] == b"0"


# -- links --------------------------------------------------------------------------------------------------


def link(erp: Erp, export: Ordered) -> dict[str, Any]:
    part: dict[str, Any] = finished(erp, export)["package"]["parts"][0]
    return part


def test_a_link_is_made_anew_at_each_look_and_is_valid_for_an_hour(erp: Erp, ksef_mock: MockServer) -> None:
    ksef_mock.clock.freeze()
    sent(erp, 1)
    export = ordered(erp)
    first = link(erp, export)
    assert httpx.get(first["url"]).status_code == 200
    ksef_mock.clock.advance(3_599)
    assert httpx.get(first["url"]).status_code == 200
    ksef_mock.clock.advance(1)
    assert httpx.get(first["url"]).status_code == 403
    erp = erp_of(ksef_mock, erp.api)
    second = link(erp, export)
    assert second["url"] != first["url"]
    assert {**second, "url": "", "expirationDate": ""} == {**first, "url": "", "expirationDate": ""}
    assert httpx.get(second["url"]).status_code == 200


def test_a_link_opens_nothing_else_and_nobody_changes_it(erp: Erp) -> None:
    sent(erp, 1)
    url = link(erp, ordered(erp))["url"]
    refused = httpx.get(url.replace("-001.zip.aes", "-002.zip.aes"))
    assert refused.status_code == 401
    assert "<Code>AuthenticationFailed</Code>" in refused.text
    assert httpx.put(url, content=b"").status_code in (401, 403, 405)


def test_a_part_can_be_fetched_in_pieces(erp: Erp) -> None:
    sent(erp, 2)
    part = link(erp, ordered(erp))
    whole = httpx.get(part["url"])
    size = part["encryptedPartSize"]
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-length"] == str(size)
    assert whole.headers["content-type"] == "application/octet-stream"
    for wanted, expected in (
        ("0-99", whole.content[:100]),
        ("100-", whole.content[100:]),
        ("-16", whole.content[-16:]),
    ):
        piece = httpx.get(part["url"], headers={"Range": f"bytes={wanted}"})
        assert (piece.status_code, piece.content) == (206, expected)
    assert piece.headers["content-range"] == f"bytes {size - 16}-{size - 1}/{size}"
    beyond = httpx.get(part["url"], headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")


def test_the_status_and_the_package_are_gone_after_seven_days(erp: Erp, ksef_mock: MockServer) -> None:
    ksef_mock.clock.freeze()
    sent(erp, 1)
    export = ordered(erp)
    body = finished(erp, export)
    assert body["packageExpirationDate"] > body["completedDate"]
    ksef_mock.clock.advance(7 * DAY - 1)
    erp = erp_of(ksef_mock, erp.api)
    url = link(erp, export)["url"]
    ksef_mock.clock.advance(1)
    assert httpx.get(url).status_code == 404
    gone = erp.call("GET", f"/invoices/exports/{export.reference}")
    assert gone.status_code == 410
    assert gone.json()["detail"] == "Operacja wygasła i nie jest już dostępna."


# -- refusals -----------------------------------------------------------------------------------------------


def test_an_export_is_the_context_s_own(erp: Erp, ksef_mock: MockServer) -> None:
    export = ordered(erp)
    stranger = erp_of(ksef_mock, erp.api, OTHER_NIP)
    for who, reference in ((erp, UNKNOWN), (stranger, export.reference)):
        answer = who.call("GET", f"/invoices/exports/{reference}")
        assert error(answer) == (21175, "Wynik zapytania o podanym identyfikatorze nie istnieje.", [])
    short = error(erp.call("GET", "/invoices/exports/1"))
    assert short[0] == 21405


def test_ten_run_at_most(serve: Serve) -> None:
    mock, api = serve(settings=Settings(delay=Delay(seconds=60)))
    mock.clock.freeze()
    erp = logged_in_slowly(mock, api)
    first, *_ = [ordered(erp) for _ in range(10)]
    assert status(erp, first) == {"status": {"code": 100, "description": "Eksport faktur w toku"}}
    code, description, details = error(ordering(erp, filters())[0])
    assert (code, description) == (21182, "Osiągnięto limit trwających eksportów.")
    assert details == [
        "Dla uwierzytelnionego podmiotu w bieżącym kontekście osiągnięto maksymalny limit 10 równoczesnych "
        "eksportów faktur. Spróbuj ponownie później."
    ]
    mock.clock.advance(60)
    assert finished(erp, ordered_later(mock, erp))["status"]["code"] == 200


def logged_in_slowly(mock: MockServer, api: Api, nip: str = NIP) -> Erp:
    """A login where everything takes a minute."""
    token = mock.issue_token(nip)
    started = api.submit(api.token_request(token, nip=nip)).json()
    mock.clock.advance(60)
    tokens = api.redeem(started["authenticationToken"]["token"]).json()
    return Erp(api, tokens["accessToken"]["token"], nip)


def ordered_later(mock: MockServer, erp: Erp) -> Ordered:
    export = ordered(erp)
    mock.clock.advance(60)
    return export


def test_polls_pass_before_it_is_over(serve: Serve) -> None:
    mock, api = serve(settings=Settings(delay=Delay(polls=2)))
    token = mock.issue_token(NIP)
    started = api.submit(api.token_request(token)).json()
    bearer = started["authenticationToken"]["token"]
    for _ in range(2):
        api.call("GET", f"/auth/{started['referenceNumber']}", bearer=bearer)
    erp = Erp(api, api.redeem(bearer).json()["accessToken"]["token"])
    export = ordered(erp)
    assert [status(erp, export)["status"]["code"] for _ in range(2)] == [100, 100]
    assert finished(erp, export)["status"]["code"] == 200


def test_a_key_that_nothing_opens_shows_in_the_status(erp: Erp) -> None:
    sent(erp, 1)
    export = ordered(erp, encryption={"encryptedSymmetricKey": b64(bytes(256))})
    body = status(erp, export)
    assert body["status"] == {"code": 415, "description": "Błąd odszyfrowania dostarczonego klucza"}
    assert set(body) == {"status", "completedDate"}


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"encryption": {"initializationVector": b64(bytes(24))}}, "Oczekiwano 16 bajtów, otrzymano 24."),
        ({"encryption": {"encryptedSymmetricKey": "%"}}, "encryptedSymmetricKey"),
        ({"compressionType": "Rar"}, "compressionType"),
        ({"onlyMetadata": "no"}, "onlyMetadata"),
        ({"filters": {}}, "subjectType"),
        ({"filters": filters(start="yesterday")}, "from"),
        ({"filters": filters(start="2026-10-01", range_={"to": "2027-06-01"})}, "dateRange"),
        ({"filters": filters(start="2026-11-02", range_={"to": "2026-11-01"})}, "dateRange.from"),
    ],
)
def test_what_is_wrong_in_an_order_is_named(erp: Erp, changes: dict[str, Any], detail: str) -> None:
    code, _, details = error(ordering(erp, filters(), **changes)[0])
    assert code in (21001, 21405)
    assert detail in " ".join(details)


def test_a_key_that_is_not_published_is_refused(erp: Erp) -> None:
    key_id = digest(b"another key")
    code, _, details = error(ordering(erp, filters(), encryption={"publicKeyId": key_id})[0])
    assert (code, details) == (21470, [f"Klucz o identyfikatorze {key_id} nie jest wspierany."])


def test_a_unit_exports_as_a_third_party_alone(serve: Serve) -> None:
    unit = {"type": "InternalId", "value": f"{NIP}-12346"}
    _, api = serve(seed={"tokens": [{"context": unit, "token": "unit"}]})
    erp = Erp(api, api.login("unit", contextIdentifier=unit).access_token)
    assert exported(erp, filters(subjectType="Subject3")) == {}
    code, description, details = error(ordering(erp, filters())[0])
    assert (code, description) == (21181, "Nieprawidłowe żądanie eksportu faktur.")
    assert details == [
        "Nie można wyeksportować paczki faktur dla wybranego podmiotu (Subject1) i zalogowanego "
        "identyfikatora kontekstu (InternalId)."
    ]


# -- what is complete ---------------------------------------------------------------------------------------


def test_the_high_water_mark_is_behind_at_a_whole_minute(serve: Serve) -> None:
    mock, api = serve(settings=Settings(hwm_lag=150))
    mock.clock.freeze()
    mock.clock.set("2026-11-20T09:12:36Z")
    erp = erp_of(mock, api)
    (number,) = sent(erp, 1)
    all_of_it = filters(start="2026-11-01")
    restricted = filters(start="2026-11-01", range_={"restrictToPermanentStorageHwmDate": True})
    for wanted, found in ((all_of_it, [number]), (restricted, [])):
        answer = erp.call("POST", "/invoices/query/metadata", json=wanted).json()
        assert answer["permanentStorageHwmDate"] == "2026-11-20T09:10:00+00:00"
        assert [each["ksefNumber"] for each in answer["invoices"]] == found
        export = ordered(erp, wanted)
        package = finished(erp, export)["package"]
        assert package["permanentStorageHwmDate"] == "2026-11-20T09:10:00+00:00"
        assert package["invoiceCount"] == len(found)
    mock.clock.advance(180)
    assert numbers(exported(erp, restricted)) == [number]


def test_it_is_told_of_permanent_storage_alone(erp: Erp) -> None:
    for date_type in ("Issue", "Invoicing"):
        assert "permanentStorageHwmDate" not in finished(erp, ordered(erp, filters(date_type)))["package"]
    end = day(8)
    old = filters(start=day(10), range_={"to": f"{end}T00:00:00Z"})
    assert finished(erp, ordered(erp, old))["package"]["permanentStorageHwmDate"] == f"{end}T00:00:00+00:00"


def test_a_range_that_begins_after_it_fails_later(serve: Serve) -> None:
    mock, api = serve(settings=Settings(hwm_lag=120))
    mock.clock.freeze()
    mock.clock.set("2026-11-20T09:12:36Z")
    erp = erp_of(mock, api)
    wanted = filters(start="2026-11-20T09:10:01Z", range_={"restrictToPermanentStorageHwmDate": True})
    body = status(erp, ordered(erp, wanted))
    assert body["status"]["code"] == 420
    assert body["status"]["description"] == "Zakres filtrowania wykracza poza dostępny zakres danych"
    assert error(erp.call("POST", "/invoices/query/metadata", json=wanted))[0] == 21183


def test_windows_that_begin_where_the_last_ended_repeat_nothing_and_lose_nothing(erp: Erp) -> None:
    start, found, given = day(10), [], []
    for _ in range(3):
        given += list(sent(erp, 2))
        wanted = filters(start=start, range_={"restrictToPermanentStorageHwmDate": True})
        export = ordered(erp, wanted)
        package = finished(erp, export)["package"]
        if package["parts"]:
            found += numbers(unpacked(fetched(export, package)))
        start = package["permanentStorageHwmDate"]
    assert found == given


# -- what a fault arranges ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "description", "detail"),
    [
        (210, "Eksport faktur wygasł i nie jest już dostępny do pobrania", None),
        (415, "Błąd odszyfrowania dostarczonego klucza", None),
        (420, "Zakres filtrowania wykracza poza dostępny zakres danych", None),
        (500, "Nieznany błąd (500)", None),
        (
            550,
            "Operacja została anulowana przez system",
            "Przetwarzanie zostało przerwane z przyczyn wewnętrznych systemu. Spróbuj ponownie",
        ),
    ],
)
def test_an_export_ends_as_a_fault_says_and_the_next_one_well(
    ksef_mock: MockServer, erp: Erp, code: int, description: str, detail: str | None
) -> None:
    sent(erp, 1)
    ksef_mock.faults.add(path="/invoices/exports", outcome=code, times=1)
    refused, _, _ = ordering(erp, filters(subjectType="Nobody"))
    assert refused.status_code == 400  # what is refused at once meets no fault
    found = finished(erp, ordered(erp))
    assert found["status"] == {"code": code, "description": description} | (
        {} if detail is None else {"details": [detail]}
    )
    assert set(found) == {"status", "completedDate"}
    assert len(exported(erp)) == 2


def test_an_export_is_held_by_a_fault(ksef_mock: MockServer, erp: Erp) -> None:
    ksef_mock.faults.add(path="/invoices/exports", hold=Hold(polls=2), times=1)
    held = ordered(erp)
    assert [status(erp, held)["status"]["code"] for _ in range(2)] == [100, 100]
    assert finished(erp, held)["status"]["code"] == 200
