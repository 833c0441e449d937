"""Sending under stress: several processes, a crash in the middle, hostile documents and bodies."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.testing import MockServer
from tests.redis_server import LOSSLESS, RedisServer, needs_redis
from tests.sending.erp import Erp
from tests.sending.test_online import erp_of, good
from tests.served import Served, serving
from tests.support import NIP, Api


@contextlib.contextmanager
def erp_at(served: Served) -> Iterator[Erp]:
    api = Api(served.url)
    try:
        yield Erp(api, api.login(served.token, nip=NIP).access_token)
    finally:
        api.close()


def race(store: str) -> None:
    """Two processes are sent invoices with one duplicate key at once, in two sessions."""
    with serving("--store", store, "--workers", "2") as served, erp_at(served) as erp:
        sessions = [erp.open(), erp.open()]
        documents = [invoice(NIP, number="FA/1", lines=lines) for lines in range(1, 9)]

        def send(position: int) -> tuple[int, str]:
            # A connection of its own, so that both processes get some.
            api = Api(served.url)
            session = sessions[position % 2]
            answer = Erp(api, erp.access).send(session, documents[position])
            api.close()
            assert answer.status_code == 202, answer.text
            return position % 2, answer.json()["referenceNumber"]

        with ThreadPoolExecutor(8) as threads:
            sent = list(threads.map(send, range(8)))
        verdicts = Counter(erp.invoice(sessions[which], name)["status"]["code"] for which, name in sent)
        assert verdicts == {200: 1, 440: 7}
        counted = [erp.status(session) for session in sessions]
        assert [each["invoiceCount"] for each in counted] == [4, 4]
        assert sum(each.get("successfulInvoiceCount", 0) for each in counted) == 1
        assert sum(each.get("failedInvoiceCount", 0) for each in counted) == 7
        listed = erp.call("GET", f"/sessions/{sessions[0].reference}/invoices").json()["invoices"]
        assert [each["ordinalNumber"] for each in listed] == [1, 2, 3, 4]


def test_of_duplicates_at_once_one_wins_with_sqlite(tmp_path: Path) -> None:
    race(f"sqlite:{tmp_path / 'mock.db'}")


@needs_redis
def test_of_duplicates_at_once_one_wins_with_redis() -> None:
    server = RedisServer(*LOSSLESS)
    server.start()
    try:
        race(server.url)
    finally:
        server.kill()


def test_a_crash_in_mid_session_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'mock.db'}"
    with serving("--store", store) as served, erp_at(served) as erp:
        session = erp.open()
        document = good("FA/1")
        accepted = erp.sent(session, document)
        refused = erp.sent(session, b"no invoice")
        served.kill()
    with serving("--store", store) as served:
        api = Api(served.url)
        again = Erp(api, erp.access)
        assert again.invoice(session, accepted["referenceNumber"])["ksefNumber"] == accepted["ksefNumber"]
        assert again.invoice(session, refused["referenceNumber"])["status"]["code"] == 450
        assert again.call("GET", f"/invoices/ksef/{accepted['ksefNumber']}").content == document
        # The session goes on where it was, with its key, its counters and what is a duplicate.
        assert again.sent(session, document)["status"]["code"] == 440
        third = again.sent(session, good("FA/2"))
        assert (third["status"]["code"], third["ordinalNumber"]) == (200, 4)
        ended = again.closed(session)
        assert (ended["status"]["code"], ended["invoiceCount"]) == (200, 4)
        api.close()


def test_a_crash_amid_sends_leaves_each_whole_or_not_there(tmp_path: Path) -> None:
    store = f"sqlite:{tmp_path / 'mock.db'}"
    answered: dict[str, bytes] = {}
    numbers = count(1)
    with serving("--store", store) as served, erp_at(served) as erp:
        session = erp.open()

        def send_until_it_is_gone(worker: int) -> None:
            with contextlib.closing(Api(served.url)) as api, contextlib.suppress(httpx.TransportError):
                for number in range(1_000):
                    document = invoice(NIP, number=f"FA/{worker}/{number}")
                    answer = Erp(api, erp.access).send(session, document)
                    if answer.status_code != 202:
                        return
                    answered[answer.json()["referenceNumber"]] = document
                    if next(numbers) == 40:  # of one of them alone
                        served.kill()

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(send_until_it_is_gone, range(4)))
    assert len(answered) >= 40
    with serving("--store", store) as served, contextlib.closing(Api(served.url)) as api:
        again = Erp(api, erp.access)
        found = {reference: again.invoice(session, reference) for reference in answered}
        assert {each["status"]["code"] for each in found.values()} == {200}
        for reference, document in list(answered.items())[-8:]:
            assert again.call("GET", f"/invoices/ksef/{found[reference]['ksefNumber']}").content == document
        path = f"/sessions/{session.reference}/invoices?pageSize=1000"
        listed = again.call("GET", path).json()["invoices"]
        counted = again.status(session)
        # A send that was under way is in all of it, or in none.
        assert [each["ordinalNumber"] for each in listed] == list(range(1, len(listed) + 1))
        assert counted["invoiceCount"] == counted["successfulInvoiceCount"] == len(listed) >= len(answered)


# -- hostile documents and bodies -------------------------------------------------------------------------


@pytest.fixture
def erp(ksef_mock: MockServer, api: Api) -> Erp:
    return erp_of(ksef_mock, api)


BILLION = (
    b'<!DOCTYPE Faktura [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + level, b"&%c;" % (97 + level) * 10) for level in range(9))
    + b"]>"
)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param((b"<Faktura ", BILLION + b"<Faktura ", b"Nabywca", b"&j;"), id="billion laughs"),
        pytest.param(
            (
                b"<Faktura ",
                b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><Faktura ',
                b"Nabywca",
                b"&e;",
            ),
            id="XXE",
        ),
        pytest.param(
            (b"<Faktura ", b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><Faktura ', b"", b""), id="DTD"
        ),
        pytest.param((b"<Fa>", b"<Fa>" + b"<a>" * 50_000, b"", b""), id="depth"),
    ],
)
def test_hostile_documents_are_no_xml(erp: Erp, damage: tuple[bytes, bytes, bytes, bytes]) -> None:
    document = good()
    for old, new in (damage[:2], damage[2:]):
        document = document.replace(old, new, 1) if old else document
    refused = erp.sent(erp.open(), document)
    assert refused["status"]["code"] == 450
    assert refused["status"]["details"] == ["Nieprawidłowy XML"]


XSI = b' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


@pytest.mark.parametrize(
    ("element", "attributes", "found"),
    [
        pytest.param(b"<P_2>", b' xml:lang="pl"', None, id="xml:lang"),
        pytest.param(b"<P_2>", XSI + b' xsi:schemaLocation="a b"', None, id="xsi:schemaLocation"),
        pytest.param(
            b"<P_2>",
            XSI + b' xsi:nil="false"',
            "If the 'nillable' attribute is false in the schema, the 'xsi:nil' attribute must not be present"
            " in the instance.",
            id="xsi:nil",
        ),
        pytest.param(
            b"<P_15>",
            XSI + b' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xsi:type="xsd:decimal"',
            "The xsi:type attribute value 'http://www.w3.org/2001/XMLSchema:decimal' is not valid for the"
            " element 'http://crd.gov.pl/wzor/2025/06/25/13775/:P_15', either because it is not a type"
            " validly derived from the type in the schema, or because it has xsi:type derivation blocked.",
            id="xsi:type",
        ),
    ],
)
def test_what_serializers_put_into_invoices_is_judged_as_by_dotnet(
    erp: Erp, element: bytes, attributes: bytes, found: str | None
) -> None:
    answered = erp.sent(erp.open(), good().replace(element, element[:-1] + attributes + b">", 1))
    assert answered["status"].get("details") == (None if found is None else [found])
    assert answered["status"]["code"] == (200 if found is None else 450)


@pytest.mark.parametrize("what", [b"<?print twice?>", "\x86".encode()])
def test_production_takes_loose_xml_until_a_day(serve: Any, what: bytes) -> None:
    mock, api = serve(profile="prod")
    mock.clock.set(datetime(2026, 10, 18, 12, tzinfo=UTC))

    def code() -> int:
        erp = erp_of(mock, api)
        document = good().replace(b"Sprzedawca", b"Sprzedawca" + what)
        found: int = erp.sent(erp.open(), document)["status"]["code"]
        return found

    assert code() == 200
    mock.clock.advance(86_400)
    assert code() == 450


def test_a_value_may_stand_on_a_line_of_its_own(erp: Erp) -> None:
    document = good()
    for name in (b"DataWytworzeniaFa", b"P_1", b"P_2", b"P_15"):
        document = document.replace(b"<%s>" % name, b"<%s>\n\t" % name).replace(
            b"</%s>" % name, b"\n </%s>" % name
        )
    assert erp.sent(erp.open(), document)["status"]["code"] == 200


def test_a_body_that_no_invoice_needs_is_not_read(ksef_mock: MockServer, erp: Erp) -> None:
    session = erp.open()
    path = f"{ksef_mock.url}/v2/sessions/online/{session.reference}/invoices"
    headers = {"Authorization": f"Bearer {erp.access}", "Content-Type": "application/json"}
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b" " * 1_000_000

    with contextlib.suppress(httpx.WriteError, httpx.ReadError):
        assert httpx.post(path, content=endless(), headers=headers).status_code == 413
    assert sent < 50
    assert erp.sent(session, good())["status"]["code"] == 200


def test_an_invoice_of_the_largest_size_is_taken_and_one_octet_more_is_refused(erp: Erp) -> None:
    session = erp.open()
    document = good().replace(b"</Faktura>", b"<!--%s--></Faktura>")
    room = 1_000_000 - len(document) + 2
    assert erp.sent(session, document % (b"x" * room))["status"]["code"] == 200
    other = good().replace(b"</Faktura>", b"<!--%s--></Faktura>")
    room = 1_000_000 - len(other) + 2
    assert erp.sent(session, other % (b"x" * (room + 1)))["status"]["code"] == 430


def test_what_a_refused_invoice_says_is_kept_in_part(erp: Erp) -> None:
    document = invoice(NIP, number="FA/1", lines=150).replace(b"<P_12>23<", b"<P_12>" + b"x" * 5_000 + b"<")
    refused = erp.sent(erp.open(), document)
    assert refused["status"]["code"] == 450
    details = refused["status"]["details"]
    assert details[0].startswith("The 'http://crd.gov.pl/wzor/2025/06/25/13775/:P_12' element is invalid")
    assert max(map(len, details)) <= 1_000
    assert 10 <= len(details) <= 100
    assert sum(map(len, details)) <= 65_536
    # Ordinary sentences come whole, a hundred of them.
    document = invoice(NIP, number="FA/2", lines=150).replace(b"<P_12>23<", b"<P_12>x<")
    ordinary = erp.sent(erp.open(), document)["status"]["details"]
    assert len(ordinary) == 100
    assert {each[-32:] for each in ordinary} == {"The Enumeration constraint failed."[-32:]}
