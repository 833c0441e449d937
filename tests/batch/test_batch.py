"""Batch sessions over HTTP: opened, uploaded in parts, closed, processed, read back."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ksef_mock.core.fault import Hold
from ksef_mock.core.waiting import Delay
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.batch.sender import Sender, declared, invoices, tarred, zipped
from tests.sending.erp import Erp, sha256
from tests.support import NIP, Api, b64, error

PEF = {"systemCode": "PEF (3)", "schemaVersion": "2-1", "value": "PEF"}


Serve = Callable[..., tuple[MockServer, Api]]


@pytest.fixture
def sender(ksef_mock: MockServer, api: Api) -> Sender:
    return Sender.of(ksef_mock, api)


# -- the whole way ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pack", "kind"), [(zipped, None), (zipped, "Zip"), (tarred, "TarGz")])
def test_a_package_is_sent_in_parts_and_confirmed(sender: Sender, pack: Any, kind: str | None) -> None:
    files = invoices(5)
    batch, status = sender.sent(pack(files), 3, compressionType=kind)
    assert re.fullmatch(r"[0-9]{8}-SB-[0-9A-F]{10}-[0-9A-F]{10}-[0-9A-F]{2}", batch.reference)
    assert status["status"] == {"code": 200, "description": "Sesja wsadowa przetworzona pomyślnie"}
    assert [status[f"{each}Count"] for each in ("invoice", "successfulInvoice", "failedInvoice")] == [5, 5, 0]
    found = sender.invoices(batch)
    assert [each["ordinalNumber"] for each in found] == [1, 2, 3, 4, 5]
    assert [each["invoiceFileName"] for each in found] == list(files)
    assert [each["invoiceHash"] for each in found] == [sha256(each) for each in files.values()]
    assert {each["status"]["code"] for each in found} == {200}
    assert {each["invoicingDate"] for each in found} == {status["dateCreated"]}
    # The low bits of a reference number count; the rest is the moment of the session.
    assert [int(each["referenceNumber"][19:22], 16) for each in found] == [1, 2, 3, 4, 5]
    assert {each["referenceNumber"][12:19] for each in found} == {batch.reference[12:19]}
    for each, octets in zip(found, files.values(), strict=True):
        assert sender.erp.call("GET", f"/invoices/ksef/{each['ksefNumber']}").content == octets
        path = f"/sessions/{batch.reference}/invoices/ksef/{each['ksefNumber']}/upo"
        assert each["ksefNumber"] in sender.erp.call("GET", path).text
    (page,) = status["upo"]["pages"]
    upo = sender.erp.call("GET", f"/sessions/{batch.reference}/upo/{page['referenceNumber']}").text
    assert all(each["ksefNumber"] in upo for each in found)


def test_an_open_session_has_no_counters(sender: Sender) -> None:
    batch = sender.open(zipped(invoices(1)))
    status = sender.status(batch)
    assert status["status"] == {"code": 100, "description": "Sesja wsadowa rozpoczęta"}
    assert set(status) == {"status", "dateCreated", "dateUpdated", "validUntil"}


def test_parts_may_come_in_any_order_at_once_and_again(sender: Sender) -> None:
    batch = sender.open(zipped(invoices(40)), 12)
    assert sender.put(batch, 7, b"something else").status_code == 201
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda ordinal: sender.put(batch, ordinal), range(12, 0, -1)))
    assert {answer.status_code for answer in answers} == {201}
    sender.closed(batch)
    assert sender.ended(batch)["successfulInvoiceCount"] == 40


def test_parts_may_be_declared_in_any_order(sender: Sender) -> None:
    batch = sender.packed(zipped(invoices(3)), 3)
    body = sender.opening(batch)
    body["batchFile"]["fileParts"].reverse()
    opened = sender.erp.call("POST", "/sessions/batch", json=body).json()
    batch.reference = batch.session.reference = opened["referenceNumber"]
    batch.requests = opened["partUploadRequests"]
    sender.upload(batch)
    sender.closed(batch)
    assert sender.ended(batch)["status"]["code"] == 200


def patient(mock: MockServer, api: Api) -> Sender:
    """Who waits for the login, too, of a mock that is slow with everything."""
    submitted = api.submit(api.token_request(mock.issue_token(NIP)))
    mock.clock.advance(60)
    while api.status(submitted)["code"] != 200:
        pass
    redeemed = api.redeem(submitted.json()["authenticationToken"]["token"]).json()
    return Sender(Erp(api, redeemed["accessToken"]["token"]))


def test_while_it_is_processed_nothing_shows(serve: Serve) -> None:
    mock, api = serve(settings=Settings(delay=Delay(seconds=60)))
    mock.clock.freeze()
    sender = patient(mock, api)
    batch = sender.open(zipped(invoices(2)))
    sender.upload(batch)
    sender.closed(batch)
    for _ in range(3):
        status = sender.status(batch)
        assert status["status"] == {"code": 150, "description": "Trwa przetwarzanie"}
        assert set(status) == {"status", "dateCreated", "dateUpdated", "validUntil"}
        assert sender.invoices(batch) == sender.invoices(batch, failed=True) == []
    mock.clock.advance(60)
    assert sender.ended(batch)["successfulInvoiceCount"] == 2
    (first, second) = sender.invoices(batch)
    assert first["acquisitionDate"] == second["acquisitionDate"]


def test_a_batch_is_processed_for_so_many_polls(serve: Serve) -> None:
    mock, api = serve(settings=Settings(delay=Delay(polls=3)))
    sender = patient(mock, api)
    batch = sender.open(zipped(invoices(1)))
    sender.upload(batch)
    sender.closed(batch)
    assert [sender.status(batch)["status"]["code"] for _ in range(3)] == [150, 150, 150]
    assert sender.ended(batch)["status"]["code"] == 200


def test_a_planned_stop_holds_batches_too(ksef_mock: MockServer, sender: Sender) -> None:
    ksef_mock.clock.freeze()
    ksef_mock.stop_processing(600)
    batch = sender.open(zipped(invoices(1)))
    sender.upload(batch)
    sender.closed(batch)
    assert sender.status(batch)["status"]["code"] == 150
    ksef_mock.clock.advance(minutes=10)
    assert sender.ended(batch)["status"]["code"] == 200


# -- the opening --------------------------------------------------------------------------------------------


def opened(sender: Sender, **changes: Any) -> Any:
    return sender.erp.call("POST", "/sessions/batch", json=sender.opening(sender.packed(b"any"), **changes))


def part(ordinal: int, size: int = 16) -> dict[str, Any]:
    return {"ordinalNumber": ordinal, "fileSize": size, "fileHash": sha256(b"")}


def test_fifty_parts_are_taken_and_one_more_is_not(sender: Sender) -> None:
    assert opened(sender, parts=[part(each) for each in range(1, 51)]).status_code == 201
    assert error(opened(sender, parts=[part(each) for each in range(1, 52)])) == (
        21161,
        "Przekroczono dozwoloną liczbę części pakietów.",
        ["Liczba części pliku musi być mniejsza lub równa niż 50."],
    )


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"fileSize": 5_000_000_001}, "'fileSize' must be less than or equal to '5000000000'."),
        ({"fileSize": 0}, "'fileSize' must be greater than or equal to '1'."),
        ({"fileHash": "short"}, "'batchFile.fileHash' is not in the correct format."),
        ({"fileHash": None}, "'batchFile.fileHash' must not be empty."),
        ({"parts": []}, "'batchFile.fileParts' must not be empty."),
        ({"parts": [part(1), part(1)]}, "The specified condition was not met for 'fileParts'."),
        (
            {"parts": [part(1) | {"fileSize": 0}]},
            "'batchFile.fileParts[0].fileSize' must be greater than or equal to '1'.",
        ),
        ({"parts": [part(2)]}, "The specified condition was not met for 'fileParts'."),
        ({"form": PEF}, "Wskazany kod formularza nie jest wspierany."),
    ],
)
def test_what_breaks_a_rule_is_refused_at_the_opening(
    sender: Sender, changes: dict[str, Any], detail: str
) -> None:
    assert error(opened(sender, **changes)) == (21405, "Błąd walidacji danych wejściowych.", [detail])


def test_the_largest_package_may_be_declared(sender: Sender) -> None:
    assert opened(sender, fileSize=5_000_000_000).status_code == 201


def test_an_unknown_compression_is_unreadable(sender: Sender) -> None:
    assert error(opened(sender, compressionType="Rar"))[0] == 21001
    assert opened(sender, compressionType="targz").status_code == 201


def test_the_key_id_must_be_known(sender: Sender) -> None:
    assert error(opened(sender, encryption={"publicKeyId": "A" * 44}))[0] == 21470


def test_only_writers_open_and_close(ksef_mock: MockServer, api: Api, sender: Sender) -> None:
    reader = Sender.of(ksef_mock, api, permissions=["InvoiceRead"])
    assert opened(reader).json()["reasonCode"] == "missing-permissions"
    batch = sender.open(zipped(invoices(1)))
    assert reader.close(batch).json()["reasonCode"] == "missing-permissions"


def test_links_are_as_they_were_seen(ksef_mock: MockServer, sender: Sender) -> None:
    ksef_mock.clock.freeze()
    batch = sender.open(b"x" * 100, 3)
    assert [each["ordinalNumber"] for each in batch.requests] == [1, 2, 3]
    for request in batch.requests:
        assert request["method"] == "PUT"
        assert request["headers"] == {"x-ms-blob-type": "BlockBlob"}
        assert re.match(
            rf"{re.escape(ksef_mock.url)}/storage/09/{batch.reference.lower()}/batch-parts/"
            rf"{request['ordinalNumber']}\.zip\.enc\?skoid=.*&sp=w&sig=",
            request["url"],
        )


# -- uploads ------------------------------------------------------------------------------------------------


def test_a_link_expires_by_the_clock(ksef_mock: MockServer, sender: Sender) -> None:
    batch = sender.open(zipped(invoices(1)))
    other = sender.open(zipped(invoices(2)), 2)
    ksef_mock.clock.advance(minutes=39)
    assert sender.put(other, 1).status_code == 201  # twenty minutes for each part, however many
    answer = sender.put(batch, 1)
    assert answer.status_code == 403
    assert "<Code>AuthenticationFailed</Code>" in answer.text
    ksef_mock.clock.advance(minutes=12)
    assert sender.put(other, 2).status_code == 403


def test_a_changed_link_is_refused(sender: Sender) -> None:
    batch = sender.open(zipped(invoices(2)), 2)
    first, second = (each["url"] for each in batch.requests)
    other = "AAA%3D" if not first.endswith("AAA%3D") else "BBA%3D"
    assert sender.put(batch, 1, url=first[:-6] + other).status_code == 401
    assert sender.put(batch, 1, url=first.replace("/1.zip", "/2.zip")).status_code == 401
    assert sender.put(batch, 1, url=first.replace("sp=w", "sp=r")).status_code == 401
    assert sender.erp.api.http.get(second).status_code == 401  # it is not for reading


def test_a_part_is_sent_with_its_headers_and_without_a_bearer(sender: Sender) -> None:
    batch = sender.open(zipped(invoices(1)))
    bearer = {"Authorization": f"Bearer {sender.erp.access}", "x-ms-blob-type": "BlockBlob"}
    refused = sender.put(batch, 1, headers=bearer)
    assert (refused.status_code, "Authorization header" in refused.text) == (401, True)
    assert sender.put(batch, 1, headers={}).status_code == 400
    octets = {"x-ms-blob-type": "BlockBlob", "Content-Type": "application/octet-stream"}
    assert sender.put(batch, 1, headers=octets).status_code == 201


def test_no_part_comes_after_the_close(sender: Sender) -> None:
    batch, _ = sender.sent(zipped(invoices(1)))
    assert sender.put(batch, 1).status_code == 403


def test_more_than_any_part_has_is_cut_off(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    from ksef_mock.ksef.batch import rules

    monkeypatch.setattr(rules, "most_octets", lambda _: 1_000)
    batch = sender.open(b"x" * 900)
    assert sender.put(batch, 1, b"y" * 100_000).status_code == 413
    assert sender.put(batch, 1).status_code == 201


# -- the close ----------------------------------------------------------------------------------------------


def test_a_refused_close_spoils_nothing(sender: Sender) -> None:
    batch = sender.open(zipped(invoices(3)), 3)
    sender.upload(batch, [1, 3])
    for _ in range(2):
        assert error(sender.close(batch)) == (
            21205,
            "Pakiet nie może być pusty.",
            ["Nie przesłano zadeklarowanej '2' części pliku."],
        )
    assert sender.status(batch)["status"]["code"] == 100
    sender.upload(batch, [2])
    sender.closed(batch)
    assert sender.ended(batch)["status"]["code"] == 200


def test_a_wrong_size_is_refused_at_the_close(sender: Sender) -> None:
    batch = sender.packed(zipped(invoices(1)))
    sender.opening(batch)
    parts = declared(batch.parts)
    parts[0]["fileSize"] += 16
    body = sender.opening(batch)
    body["batchFile"]["fileParts"] = declared(batch.parts)
    body["batchFile"]["fileParts"][0]["fileSize"] += 16
    opened = sender.erp.call("POST", "/sessions/batch", json=body).json()
    batch.reference = batch.session.reference = opened["referenceNumber"]
    batch.requests = opened["partUploadRequests"]
    sender.upload(batch)
    assert error(sender.close(batch)) == (
        21157,
        "Nieprawidłowy rozmiar części pakietu.",
        ["Zadeklarowany rozmiar części '1' nie zgadza się z rzeczywistym."],
    )
    assert sender.status(batch)["status"]["code"] == 100


def test_a_close_too_late_is_refused(ksef_mock: MockServer, api: Api, sender: Sender) -> None:
    complete, partial = sender.open(zipped(invoices(1))), sender.open(zipped(invoices(2)), 2)
    sender.upload(complete)
    sender.upload(partial, [1])
    late = (
        21208,
        "Czas oczekiwania na requesty upload lub finish został przekroczony.",
        ["Sesja anulowana, przekroczony czas wysyłki."],
    )
    ksef_mock.clock.advance(hours=1)
    sender = Sender.of(ksef_mock, api)
    assert error(sender.close(partial)) == late  # what is missing cannot come any more
    ksef_mock.clock.advance(hours=11)
    sender = Sender.of(ksef_mock, api)
    assert error(sender.close(complete)) == late
    for batch in (complete, partial):
        assert sender.status(batch)["status"] == {
            "code": 440,
            "description": "Sesja anulowana",
            "details": ["Przekroczono czas wysyłki"],
        }
        assert error(sender.close(batch)) == late


def test_a_session_is_closed_once(sender: Sender) -> None:
    batch, _ = sender.sent(zipped(invoices(1)))
    assert error(sender.close(batch)) == (
        21180,
        "Status sesji nie pozwala na wykonanie operacji.",
        ["Status sesji (200) uniemożliwia jej zamknięcie."],
    )


def test_unknown_and_interactive_sessions_are_no_batches(sender: Sender) -> None:
    reference = "20250101-SB-0000000000-0000000000-00"
    answer = sender.erp.call("POST", f"/sessions/batch/{reference}/close")
    assert error(answer)[::2] == (
        21173,
        [f"Sesja o numerze referencyjnym {reference} nie została znaleziona."],
    )
    online = sender.erp.open()
    assert error(sender.erp.call("POST", f"/sessions/batch/{online.reference}/close"))[0] == 21173
    batch = sender.open(zipped(invoices(1)))
    assert error(sender.erp.close(batch.session))[0] == 21173


# -- what a package comes to --------------------------------------------------------------------------------


def rejected(sender: Sender, batch: Any) -> tuple[int, str, list[str]]:
    sender.upload(batch)
    sender.closed(batch)
    status = sender.ended(batch)
    assert set(status) == {"status", "dateCreated", "dateUpdated", "validUntil"}
    assert sender.invoices(batch) == []
    body = status["status"]
    return body["code"], body["description"], body["details"]


def test_405_a_part_with_another_hash_whatever_its_size(sender: Sender) -> None:
    batch = sender.open(zipped(invoices(1)), parts=[part(1, size=5)])
    assert rejected(sender, batch) == (
        405,
        "Błąd weryfikacji poprawności dostarczonych elementów paczki",
        [f"Skrót SHA-256 części: '1' nie zgadza się z zadeklarowanym skrótem: '{sha256(b'')}'."],
    )


def test_415_a_key_that_nothing_opens(sender: Sender) -> None:
    batch = sender.open(zipped(invoices(1)), encryption={"encryptedSymmetricKey": b64(bytes(256))})
    assert rejected(sender, batch) == (
        415,
        "Błąd odszyfrowania dostarczonego klucza",
        ["Rozszyfrowania klucza symetrycznego zakończone błędem"],
    )


def test_430_another_vector(sender: Sender) -> None:
    package = zipped(invoices(1))
    batch = sender.open(package, encryption={"initializationVector": b64(bytes(16))})
    assert rejected(sender, batch) == (
        430,
        "Błąd dekompresji pierwotnego archiwum",
        [
            "Skrót SHA-256 przesłanej paczki faktur nie jest zgodny z zadeklarowanym skrótem: "
            f"'{sha256(package)}'."
        ],
    )


@pytest.mark.parametrize("kind", ["Zip", "TarGz"])
def test_430_no_archive(sender: Sender, kind: str) -> None:
    batch = sender.open(b"not an archive" * 100, compressionType=kind)
    assert rejected(sender, batch)[:2] == (430, "Błąd dekompresji pierwotnego archiwum")


def test_430_the_other_kind_of_archive(sender: Sender) -> None:
    assert rejected(sender, sender.open(zipped(invoices(1)), compressionType="TarGz"))[0] == 430
    assert rejected(sender, sender.open(tarred(invoices(1)), compressionType="Zip"))[0] == 430


def test_430_another_size_of_the_package(sender: Sender) -> None:
    package = zipped(invoices(1))
    assert rejected(sender, sender.open(package, fileSize=len(package) + 1))[0] == 430


def test_435_a_part_that_was_not_encrypted(sender: Sender) -> None:
    package = zipped(invoices(1))
    package += bytes(len(package) % 16 == 0)  # whole blocks might be decrypted, and end like a padding
    batch = sender.open(package, parts=declared([package]))
    batch.parts = [package]
    code, description, _ = rejected(sender, batch)
    assert (code, description) == (435, "Błąd odszyfrowania zaszyfrowanych części archiwum")


@pytest.mark.parametrize(("pack", "kind"), [(zipped, "Zip"), (tarred, "TarGz")])
def test_440_an_empty_package(sender: Sender, pack: Any, kind: str) -> None:
    batch = sender.open(pack({}), compressionType=kind)
    assert rejected(sender, batch) == (440, "Sesja anulowana", ["Nie przesłano faktur"])


@pytest.mark.parametrize(("pack", "kind"), [(zipped, "Zip"), (tarred, "TarGz")])
def test_420_more_invoices_than_the_context_may_send(sender: Sender, pack: Any, kind: str) -> None:
    limits = sender.erp.call("GET", "/limits/context").json()
    limits["batchSession"]["maxInvoices"] = 3
    body = {name: limits[name] for name in ("onlineSession", "batchSession", "collectiveIdentifier")}
    assert sender.erp.call("POST", "/testdata/limits/context/session", json=body).status_code == 200
    assert sender.sent(pack(invoices(3)), compressionType=kind)[1]["successfulInvoiceCount"] == 3
    assert rejected(sender, sender.open(pack(invoices(4)), compressionType=kind)) == (
        420,
        "Przekroczony limit faktur w sesji",
        ["Przekroczono dopuszczalną liczbę faktur w paczce: '3'. Liczba faktur w paczce: '4'."],
    )


def test_445_no_good_invoice(sender: Sender) -> None:
    batch, status = sender.sent(zipped(invoices(3, seller="7777777777")))
    assert status["status"] == {"code": 445, "description": "Błąd weryfikacji, brak poprawnych faktur"}
    assert [status[f"{each}Count"] for each in ("invoice", "successfulInvoice", "failedInvoice")] == [3, 0, 3]
    assert "upo" not in status
    failed = sender.invoices(batch, failed=True)
    assert {each["status"]["code"] for each in failed} == {410}
    assert [each["ordinalNumber"] for each in failed] == [1, 2, 3]


def test_of_two_alike_in_a_package_the_second_is_a_duplicate(sender: Sender) -> None:
    files = invoices(2)
    first, second = files
    batch, status = sender.sent(
        zipped({first: files[first], "again.xml": files[first], second: files[second]})
    )
    assert [status["successfulInvoiceCount"], status["failedInvoiceCount"]] == [2, 1]
    found = sender.invoices(batch)
    assert [each["status"]["code"] for each in found] == [200, 440, 200]
    assert found[1]["status"]["extensions"] == {
        "originalSessionReferenceNumber": batch.reference,
        "originalKsefNumber": found[0]["ksefNumber"],
    }


def test_duplicates_are_found_across_sessions_of_both_kinds(sender: Sender) -> None:
    files = invoices(2)
    one, other = files.values()
    online = sender.erp.open()
    assert sender.erp.sent(online, one)["status"]["code"] == 200
    batch, _ = sender.sent(zipped(files))
    assert [each["status"]["code"] for each in sender.invoices(batch)] == [440, 200]
    assert sender.erp.sent(online, other)["status"]["code"] == 440


def test_offline_is_declared_for_all_of_a_package(sender: Sender) -> None:
    batch, _ = sender.sent(zipped(invoices(2)), offline=True)
    assert {each["invoicingMode"] for each in sender.invoices(batch)} == {"Offline"}


def test_what_is_no_invoice_is_told_apart_and_spoils_nothing(sender: Sender) -> None:
    (good,) = invoices(1).values()
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("folder/", b"")
        link = zipfile.ZipInfo("link.xml")
        link.external_attr = 0o120777 << 16
        package.writestr(link, "/etc/passwd")
        package.writestr("notes.txt", b"no XML")
        package.writestr("huge.xml", bytes(3_000_001))
        package.writestr("folder/good.xml", good)
    batch, status = sender.sent(octets.getvalue())
    assert [status["successfulInvoiceCount"], status["failedInvoiceCount"]] == [1, 4]
    found = {each["invoiceFileName"]: each["status"] for each in sender.invoices(batch)}
    assert [(name, each["code"]) for name, each in found.items()] == [
        ("folder/", 450),
        ("link.xml", 450),
        ("notes.txt", 450),
        ("huge.xml", 430),
        ("folder/good.xml", 200),
    ]
    assert found["folder/"]["details"] == ["Nieprawidłowy XML"]
    assert found["huge.xml"]["details"] == ["Rozmiar faktury przekracza dopuszczalną wartość: '3000000'."]


def test_the_journal_says_why_a_package_failed(ksef_mock: MockServer, sender: Sender) -> None:
    batch = sender.open(b"no archive")
    rejected(sender, batch)
    entry = ksef_mock.journal.last(f"/sessions/{batch.reference}")
    assert any("no ZIP: it has no directory at its end" in str(each) for each in entry.decisions)


def test_500_a_package_that_a_fault_ends(ksef_mock: MockServer, sender: Sender) -> None:
    ksef_mock.faults.add(path="/sessions/batch/*/close", outcome=500, times=1)
    ksef_mock.faults.add(path="/sessions/batch/*/close", hold=Hold(polls=2), times=1)
    batch = sender.open(zipped(invoices(1)))
    assert sender.close(batch).status_code == 400  # its part is missing: that meets no fault
    sender.upload(batch)
    sender.closed(batch)
    path = f"/sessions/{batch.reference}"
    seen = [sender.erp.call("GET", path).json() for _ in range(3)]
    assert [each["status"]["code"] for each in seen] == [150, 150, 500]
    assert seen[-1]["status"] == {"code": 500, "description": "Nieznany błąd (500)"}
    assert "invoiceCount" not in seen[-1]
    assert sender.sent(zipped(invoices(1)))[1]["status"]["code"] == 200


def test_batch_sessions_are_listed_apart(sender: Sender) -> None:
    batch, _ = sender.sent(zipped(invoices(2)))
    (item,) = sender.erp.call("GET", "/sessions", params={"sessionType": "Batch"}).json()["sessions"]
    assert item["referenceNumber"] == batch.reference
    assert (item["totalInvoiceCount"], item["successfulInvoiceCount"], item["failedInvoiceCount"]) == (
        2,
        2,
        0,
    )
    assert sender.erp.call("GET", "/sessions", params={"sessionType": "Online"}).json()["sessions"] == []


def test_of_another_context_nothing_shows(ksef_mock: MockServer, api: Api, sender: Sender) -> None:
    batch = sender.open(zipped(invoices(1)))
    sender.upload(batch)
    stranger = Sender.of(ksef_mock, api, "1234563218")
    assert stranger.close(batch).json()["reasonCode"] == "insufficient-resource-access"
    sender.closed(batch)
    assert sender.ended(batch)["status"]["code"] == 200


def test_a_reset_ends_what_is_processed(ksef_mock: MockServer, sender: Sender) -> None:
    batch = sender.open(zipped(invoices(200)))
    sender.upload(batch)
    sender.closed(batch)
    ksef_mock.reset()
    sender = Sender.of(ksef_mock, sender.erp.api)
    assert sender.erp.call("GET", f"/sessions/{batch.reference}").status_code == 400
