"""Interactive sessions over HTTP: opened, sent to, closed, read back."""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ksef_mock.core.fault import Hold
from ksef_mock.core.waiting import Delay
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.sending.erp import FA3, Erp, Session
from tests.support import NIP, OTHER_NIP, Api, b64, encrypt, error

Serve = Callable[..., tuple[MockServer, Api]]
SCALAR = re.compile(r"[0-9]{8}-(SO|EE|EU)-[0-9A-F]{10}-[0-9A-F]{10}-[0-9A-F]{2}")
UNKNOWN = "20250101-SO-0000000000-0000000000-00"


def erp_of(mock: MockServer, api: Api, nip: str = NIP, **options: Any) -> Erp:
    token = mock.issue_token(nip, **options)
    return Erp(api, api.login(token, nip=nip).access_token, nip)


@pytest.fixture
def erp(ksef_mock: MockServer, api: Api) -> Erp:
    return erp_of(ksef_mock, api)


def good(number: str | None = None, seller: str = NIP, **options: Any) -> bytes:
    return invoice(seller, number=number or os.urandom(6).hex(), **options)


# -- opening ----------------------------------------------------------------------------------------------


def test_a_session_is_open_for_twelve_hours(ksef_mock: MockServer, erp: Erp) -> None:
    ksef_mock.clock.freeze()
    session = erp.open()
    assert SCALAR.fullmatch(session.reference)
    body = erp.status(session)
    assert body["status"] == {"code": 100, "description": "Sesja interaktywna otwarta"}
    assert body["validUntil"] == session.valid_until
    assert set(body) == {"status", "dateCreated", "dateUpdated", "validUntil", "invoiceCount"}
    ksef_mock.clock.advance(12 * 3_600)
    erp = erp_of(ksef_mock, erp.api)
    assert erp.status(session)["status"]["code"] == 440
    assert error(erp.send(session, good()))[2] == ["Status sesji (440) uniemożliwia wysyłkę faktur."]


@pytest.mark.parametrize(
    "form",
    [
        {"systemCode": "FA3", "schemaVersion": "1-0E", "value": "FA"},
        {"systemCode": "FA (3)", "schemaVersion": "1-0", "value": "FA"},
        {"systemCode": "FA_RR (1)", "schemaVersion": "1-0E", "value": "FA_RR"},
        {"systemCode": "PEF (3)", "schemaVersion": "2-1", "value": "PEF"},  # for Peppol providers alone
    ],
)
def test_forms_that_are_none_are_refused_at_the_opening(erp: Erp, form: dict[str, str]) -> None:
    body, _ = erp.opening(form=form)
    code, _, details = error(erp.call("POST", "/sessions/online", json=body))
    assert (code, details) == (21405, ["Wskazany kod formularza nie jest wspierany."])


@pytest.mark.parametrize(("profile", "takes"), [("test", True), ("demo", False), ("prod", False)])
def test_fa_2_is_for_test_alone(serve: Serve, profile: str, takes: bool) -> None:
    mock, api = serve(settings=Settings(profile=profile))  # type: ignore[arg-type]
    body, _ = erp_of(mock, api).opening(form=FA3 | {"systemCode": "FA (2)"})
    answer = erp_of(mock, api).call("POST", "/sessions/online", json=body)
    assert answer.status_code == (201 if takes else 400)


def test_a_vector_of_another_length_is_refused_at_the_opening(erp: Erp) -> None:
    body, _ = erp.opening(initializationVector=b64(b"0" * 24))
    assert error(erp.call("POST", "/sessions/online", json=body)) == (
        21405,
        "Błąd walidacji danych wejściowych.",
        ["Nieprawidłowa długość wektora inicjującego (IV). Oczekiwano 16 bajtów, otrzymano 24."],
    )


def test_a_key_id_that_is_not_published_for_this_is_21470(erp: Erp) -> None:
    other = erp.api.public_keys("KsefTokenEncryption")[0]["publicKeyId"]
    body, _ = erp.opening(publicKeyId=other)
    code, _, details = error(erp.call("POST", "/sessions/online", json=body))
    assert (code, details) == (21470, [f"Klucz o identyfikatorze {other} nie jest wspierany."])


def test_without_a_key_id_the_keys_are_tried(erp: Erp) -> None:
    session = erp.open(publicKeyId=None)
    assert erp.sent(session, good())["status"]["code"] == 200


def _sha1(erp: Erp, key: bytes) -> str:
    sha1 = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    published = erp.api.public_keys("SymmetricKeyEncryption")[0]
    public = x509.load_der_x509_certificate(base64.b64decode(published["certificate"])).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    return b64(public.encrypt(key, sha1))


def _other_usage(erp: Erp, key: bytes) -> str:
    return b64(encrypt(erp.api.public_keys("KsefTokenEncryption")[0], key))


def _twice(erp: Erp, key: bytes) -> str:
    return b64(b64(encrypt(erp.api.public_keys("SymmetricKeyEncryption")[0], key)).encode())


def _short(erp: Erp, key: bytes) -> str:
    return b64(encrypt(erp.api.public_keys("SymmetricKeyEncryption")[0], key[:16]))


@pytest.mark.parametrize(
    ("wrap", "why"),
    [(_sha1, "OAEP-SHA1"), (_other_usage, "another usage"), (_twice, "Base64 twice"), (_short, "16 octets")],
)
def test_a_key_that_cannot_be_decrypted_turns_the_session_415(
    ksef_mock: MockServer, erp: Erp, wrap: Callable[[Erp, bytes], str], why: str
) -> None:
    session = erp.open(encryptedSymmetricKey=wrap(erp, os.urandom(32)), publicKeyId=None)
    assert why in " ".join(each.reason for each in ksef_mock.journal.last("/sessions/online").decisions)
    body = erp.status(session)
    assert body["status"] == {
        "code": 415,
        "description": "Błąd odszyfrowania dostarczonego klucza",
        "details": ["Rozszyfrowania klucza symetrycznego zakończone błędem"],
    }
    assert not [name for name in body if name.endswith("Count")]
    for refused in (erp.send(session, good()), erp.close(session)):
        code, description, details = error(refused)
        assert (code, description) == (21180, "Status sesji nie pozwala na wykonanie operacji.")
        assert details[0].startswith("Status sesji (415) uniemożliwia ")


# -- sending ----------------------------------------------------------------------------------------------


def test_an_invoice_that_overtakes_the_look_at_a_wrong_key_fails_with_it(serve: Serve) -> None:
    erp = erp_of(*serve(delay=Delay(polls=1)))
    session = erp.open(encryptedSymmetricKey=b64(b"x" * 256))
    reference = erp.send(session, good()).json()["referenceNumber"]
    seen = [erp.status(session) for _ in range(2)]
    assert [each["status"]["code"] for each in seen] == [100, 415]
    assert "invoiceCount" in seen[0]
    assert set(seen[1]) == {"status", "dateCreated", "dateUpdated", "validUntil"}
    status = erp.invoice(session, reference)["status"]
    assert status == {"code": 405, "description": "Przetwarzanie anulowane z powodu błędu sesji"}


def test_an_invoice_is_accepted_and_the_session_ends_well(erp: Erp) -> None:
    session = erp.open()
    document = good("FA/1")
    accepted = erp.sent(session, document)
    assert list(accepted) == [
        name
        for name in (
            "ordinalNumber",
            "invoiceNumber",
            "ksefNumber",
            "referenceNumber",
            "invoiceHash",
            "acquisitionDate",
            "invoicingDate",
            "permanentStorageDate",
            "upoDownloadUrl",
            "upoDownloadUrlExpirationDate",
            "invoicingMode",
            "status",
        )
        if name in accepted
    ]
    assert accepted["status"] == {"code": 200, "description": "Sukces"}
    assert (accepted["ordinalNumber"], accepted["invoiceNumber"]) == (1, "FA/1")
    assert accepted["ksefNumber"].startswith(f"{NIP}-")
    during = erp.status(session)
    assert (during["invoiceCount"], during["successfulInvoiceCount"]) == (1, 1)
    assert not {"failedInvoiceCount", "upo"} & set(during)
    ended = erp.closed(session)
    assert ended["status"] == {"code": 200, "description": "Sesja interaktywna przetworzona pomyślnie"}
    assert "failedInvoiceCount" not in ended
    (page,) = ended["upo"]["pages"]
    assert SCALAR.fullmatch(page["referenceNumber"])


def test_an_invoice_of_another_seller_is_refused(erp: Erp) -> None:
    session = erp.open()
    refused = erp.sent(session, good(seller=OTHER_NIP))
    assert refused["status"] == {
        "code": 410,
        "description": "Nieprawidłowy zakres uprawnień",
        "details": [
            f"Kontekst {NIP} nie jest uprawniony do wystawienia faktury w imieniu sprzedawcy "
            f"(NIP: {OTHER_NIP})"
        ],
    }
    assert not {"ksefNumber", "invoicingMode", "acquisitionDate", "upoDownloadUrl"} & set(refused)
    during = erp.status(session)
    assert (during["invoiceCount"], during["failedInvoiceCount"]) == (1, 1)
    assert "successfulInvoiceCount" not in during
    assert erp.closed(session)["status"] == {
        "code": 445,
        "description": "Błąd weryfikacji, brak poprawnych faktur",
    }


def test_what_was_accepted_once_is_a_duplicate_for_ever(ksef_mock: MockServer, erp: Erp) -> None:
    session, later = erp.open(), erp.open()
    first = erp.sent(session, good("FA/7"))
    again = erp.sent(later, good("FA/7", lines=3))
    original = {
        "originalSessionReferenceNumber": session.reference,
        "originalKsefNumber": first["ksefNumber"],
    }
    assert again["status"] == {
        "code": 440,
        "description": "Duplikat faktury",
        "details": [
            f"Duplikat faktury. Faktura o numerze KSeF: {first['ksefNumber']} została już prawidłowo "
            f"przesłana do systemu w sesji: {session.reference}"
        ],
        "extensions": original,
    }
    assert erp.sent(later, good("FA/7", kind="ROZ"))["status"]["code"] == 200
    other = erp_of(ksef_mock, erp.api, OTHER_NIP)
    assert other.sent(other.open(), good("FA/7", OTHER_NIP))["status"]["code"] == 200


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"encryptedInvoiceSize": 1},
            (21402, "Nieprawidłowy rozmiar pliku.", "Długość treści nie zgadza się z rozmiarem pliku."),
        ),
        (
            {"encryptedInvoiceHash": "A" * 43 + "="},
            (21403, "Nieprawidłowy skrót pliku.", "Skrót treści nie zgadza się ze skrótem pliku."),
        ),
        (
            {"hashOfCorrectedInvoice": "A" * 43 + "="},
            (
                21405,
                "Błąd walidacji danych wejściowych.",
                "HashOfCorrectedInvoice can only be provided for offline invoices",
            ),
        ),
    ],
)
def test_what_is_wrong_at_once_is_refused_at_once(
    erp: Erp, changes: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    session = erp.open()
    code, description, details = error(erp.send(session, good(), **changes))
    assert (code, description, *details) == expected
    assert erp.status(session)["invoiceCount"] == 0


def test_a_size_is_a_number_of_64_bits_and_no_larger_than_any_invoice(erp: Erp) -> None:
    session = erp.open()
    assert erp.sent(session, good(), invoiceSize=3_000_000)["status"]["code"] == 430
    for size in (3_000_001, 2**63 - 1):
        code, _, details = error(erp.send(session, good(), invoiceSize=size, encryptedInvoiceSize=1))
        assert (code, details) == (21405, ["'invoiceSize' must be less than or equal to '3000000'."])
    for written in ("9223372036854775808", '"1"'):
        body = session.body(good(), invoiceSize=None)
        text = json.dumps(body)[:-1] + f',"INVOICESIZE":{written}}}'
        path = f"/sessions/online/{session.reference}/invoices"
        code, _, details = error(
            erp.call("POST", path, content=text, headers={"Content-Type": "application/json"})
        )
        assert code == 21001
        assert re.fullmatch(
            r"The JSON value could not be converted to System\.Nullable`1\[System\.Int64\]\."
            r" Path: \$\.INVOICESIZE \| LineNumber: 0 \| BytePositionInLine: \d+\.",
            details[0],
        ), details


def test_a_prefixed_vector_is_refused_later_and_explained(ksef_mock: MockServer, erp: Erp) -> None:
    session = erp.open()
    document = good()
    refused = erp.sent(session, document, session.iv + session.seal(document))
    assert refused["status"]["code"] == 430
    reasons = " ".join(each.reason for each in ksef_mock.journal.last("/invoices").decisions)
    assert "the IV was put in front of the ciphertext" in reasons


@pytest.mark.parametrize(
    ("code", "description", "details"),
    [
        (500, "Nieznany błąd (500)", None),
        (
            550,
            "Operacja została anulowana przez system",
            ["Przetwarzanie zostało przerwane z przyczyn wewnętrznych systemu. Spróbuj ponownie"],
        ),
    ],
)
def test_an_invoice_that_a_fault_ends_can_be_sent_again(
    ksef_mock: MockServer, erp: Erp, code: int, description: str, details: list[str] | None
) -> None:
    session = erp.open()
    ksef_mock.faults.add(path=f"/sessions/online/{session.reference}/invoices", outcome=code, times=1)
    assert erp.send(session, good(), encryptedInvoiceSize=1).status_code == 400  # meets no fault
    document = good()
    ended = erp.sent(session, document)
    assert ended["status"] == {"code": code, "description": description} | (
        {} if details is None else {"details": details}
    )
    assert "ksefNumber" not in ended
    assert erp.sent(session, document)["status"]["code"] == 200
    counts = erp.closed(session)
    assert (counts["successfulInvoiceCount"], counts["failedInvoiceCount"]) == (1, 1)


def test_an_invoice_is_held_by_a_fault(ksef_mock: MockServer, erp: Erp) -> None:
    ksef_mock.faults.add(path="/sessions/*", hold=Hold(polls=2), times=1)
    session = erp.open()
    reference = erp.send(session, good()).json()["referenceNumber"]
    assert [erp.invoice(session, reference)["status"]["code"] for _ in range(3)] == [150, 150, 200]


def test_a_closed_session_takes_nothing_and_is_not_closed_twice(erp: Erp) -> None:
    session = erp.open()
    erp.sent(session, good())
    erp.closed(session)
    assert error(erp.send(session, good()))[2] == ["Status sesji (200) uniemożliwia wysyłkę faktur."]
    assert error(erp.close(session))[2] == ["Status sesji (200) uniemożliwia jej zamknięcie."]


def test_a_session_closed_without_invoices_is_cancelled_at_once(erp: Erp) -> None:
    body = erp.closed(erp.open())
    assert body["status"] == {
        "code": 440,
        "description": "Sesja anulowana",
        "details": ["Nie przesłano faktur"],
    }


@pytest.mark.parametrize("name", ["send", "close"])
def test_an_unknown_session_is_21173(erp: Erp, name: str) -> None:
    session = Session(UNKNOWN, b"k" * 32, b"i" * 16)
    refused = erp.send(session, good()) if name == "send" else erp.close(session)
    assert error(refused) == (
        21173,
        "Brak sesji o wskazanym numerze referencyjnym.",
        [f"Sesja o numerze referencyjnym {UNKNOWN} nie została odnaleziona."],
    )
    asked = erp.call("GET", f"/sessions/{UNKNOWN}")
    assert error(asked)[2] == [f"Sesja o numerze referencyjnym {UNKNOWN} nie została znaleziona."]


def test_a_delay_shows_150_and_170_until_it_is_over(serve: Serve) -> None:
    mock, api = serve(settings=Settings(delay=Delay(seconds=5)))
    mock.clock.freeze()
    token = mock.issue_token(NIP)
    submitted = api.submit(api.token_request(token))
    mock.clock.advance(6)
    assert api.status(submitted)["code"] == 200
    started = submitted.json()["authenticationToken"]["token"]
    erp = Erp(api, api.redeem(started).json()["accessToken"]["token"])
    session = erp.open()
    waiting = erp.sent(session, good("FA/1"))
    assert waiting["status"] == {"code": 150, "description": "Trwa przetwarzanie"}
    assert set(waiting) == {"ordinalNumber", "referenceNumber", "invoiceHash", "invoicingDate", "status"}
    assert erp.closed(session)["status"]["code"] == 170
    assert not {"successfulInvoiceCount", "failedInvoiceCount"} & set(erp.status(session))
    mock.clock.advance(6)
    assert erp.invoice(session, waiting["referenceNumber"])["status"]["code"] == 200
    assert erp.status(session)["status"]["code"] == 200


# -- who sees what ----------------------------------------------------------------------------------------


def test_a_session_of_another_context_is_forbidden(ksef_mock: MockServer, erp: Erp) -> None:
    session = erp.open()
    stranger = erp_of(ksef_mock, erp.api, OTHER_NIP)
    for answer in (
        stranger.call("GET", f"/sessions/{session.reference}"),
        stranger.call("GET", f"/sessions/{session.reference}/invoices"),
        stranger.send(session, good()),
        stranger.close(session),
    ):
        _forbidden(answer, "insufficient-resource-access")
    assert stranger.call("GET", "/sessions?sessionType=Online").json()["sessions"] == []


def test_a_login_that_only_reads_opens_nothing(ksef_mock: MockServer, api: Api) -> None:
    reader = erp_of(ksef_mock, api, permissions=["InvoiceRead"])
    body, _ = reader.opening()
    _forbidden(reader.call("POST", "/sessions/online", json=body), "missing-permissions")


def _forbidden(answer: httpx.Response, reason: str) -> None:
    assert answer.status_code == 403, answer.text
    assert answer.json()["reasonCode"] == reason


# -- lists ------------------------------------------------------------------------------------------------


def test_invoices_come_in_the_order_in_which_they_were_sent(erp: Erp) -> None:
    session = erp.open()
    sent = [erp.sent(session, good())["referenceNumber"] for _ in range(12)]
    failed = erp.sent(session, b"no invoice")["referenceNumber"]
    first = erp.call("GET", f"/sessions/{session.reference}/invoices").json()
    assert [each["referenceNumber"] for each in first["invoices"]] == sent[:10]
    headers = {"x-continuation-token": first["continuationToken"]}
    rest = erp.call("GET", f"/sessions/{session.reference}/invoices", headers=headers).json()
    assert [each["referenceNumber"] for each in rest["invoices"]] == [*sent[10:], failed]
    assert "continuationToken" not in rest
    failures = erp.call("GET", f"/sessions/{session.reference}/invoices/failed").json()
    assert [each["referenceNumber"] for each in failures["invoices"]] == [failed]


def test_sessions_are_listed_newest_first_and_filtered(ksef_mock: MockServer, erp: Erp) -> None:
    ksef_mock.clock.freeze()
    empty = erp.open()
    erp.close(empty)
    ksef_mock.clock.advance(60)
    good_one = erp.open()
    erp.sent(good_one, good())
    ksef_mock.clock.advance(60)
    erp.closed(good_one)
    last = erp.open()

    def listed(query: str) -> list[str]:
        found = erp.call("GET", f"/sessions?sessionType=Online{query}").json()["sessions"]
        return [each["referenceNumber"] for each in found]

    assert listed("") == [last.reference, good_one.reference, empty.reference]
    assert listed("&statuses=Cancelled") == [empty.reference]
    assert listed("&statuses=succeeded&statuses=InProgress") == [last.reference, good_one.reference]
    assert listed(f"&referenceNumber={empty.reference}") == [empty.reference]
    created = erp.status(good_one)["dateCreated"].replace("+", "%2B")
    assert listed(f"&dateCreatedFrom={created}") == [last.reference, good_one.reference]
    assert listed(f"&dateClosedFrom={created}") == [good_one.reference]
    assert erp.call("GET", "/sessions?sessionType=Batch").json()["sessions"] == []
    code, _, details = error(erp.call("GET", "/sessions"))
    assert (code, details) == (21405, ["'sessionType' must not be empty."])
