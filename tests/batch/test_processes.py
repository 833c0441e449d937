"""Packages in several processes, and in processes that die in the middle of them."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.batch import halting
from tests.batch.sender import PATIENCE, Sender, ended, invoices, zipped
from tests.redis_server import LOSSLESS, RedisServer, needs_redis
from tests.sending.erp import Erp
from tests.served import Served, serving
from tests.support import NIP, Api

#: Twice as many as the process that is killed comes to.
MANY = 2 * halting.AT_MOST

#: A store by its name, and how many invoices are in it.
Kept = tuple[str, Callable[[], int]]
SenderAt = Callable[..., Sender]


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=needs_redis)])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    if request.param == "sqlite":
        path = tmp_path / "mock.db"

        def rows() -> int:
            with sqlite3.connect(path, timeout=60) as connection:
                query = "SELECT count(*) FROM record WHERE \"table\" = 'sent-invoice'"
                (found,) = connection.execute(query).fetchone()
            return int(found)

        yield f"sqlite:{path}", rows
        return
    server = RedisServer(*LOSSLESS)
    server.start()

    def length() -> int:
        found = re.fullmatch(rb":(\d+)\r\n", server.command("HLEN", "{ksef-mock}:table:sent-invoice"))
        return int(found[1]) if found else 0

    yield server.url, length
    server.stop()


@pytest.fixture
def sender_at() -> Iterator[SenderAt]:
    """Somebody at a mock, with a connection of his own: logged in there, or with a token of another."""
    apis: list[Api] = []

    def make(served: Served, access: str = "") -> Sender:
        api = Api(served.url)
        apis.append(api)
        return Sender(Erp(api, access or api.login(served.token, nip=NIP).access_token))

    yield make
    for api in apis:
        api.close()


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_parts_come_through_one_process_and_the_close_through_another(
    kept: Kept, sender_at: SenderAt
) -> None:
    store, _ = kept
    with serving("--store", store, "--workers", "2") as served:
        sender = sender_at(served)
        batch = sender.open(zipped(invoices(60)), 8)
        sender.upload(batch)  # each by a connection of its own
        other = sender_at(served, sender.erp.access)
        other.closed(batch)
        assert sender.ended(batch)["successfulInvoiceCount"] == 60
        assert [each["ordinalNumber"] for each in other.invoices(batch)] == list(range(1, 61))


def test_what_was_killed_in_the_middle_ends_after_a_restart(kept: Kept, sender_at: SenderAt) -> None:
    store, count = kept
    files = invoices(MANY)
    with serving("--store", store, program=halting.__name__) as served:
        sender = sender_at(served)
        batch = sender.open(zipped(files), 3)
        sender.upload(batch)
        sender.closed(batch)
        until(lambda: count() > 0)
        served.kill()
    assert 0 < count() < MANY
    with serving("--store", store) as served:
        # Nobody asks for it: whoever starts goes on by himself.
        until(lambda: count() == MANY)
        sender = sender_at(served, sender.erp.access)
        status = ended(lambda: sender.status(batch))
        assert [status["status"]["code"], status["successfulInvoiceCount"]] == [200, MANY]
        found = sender.invoices(batch)
    assert [each["ordinalNumber"] for each in found] == list(range(1, MANY + 1))
    assert [each["invoiceFileName"] for each in found] == list(files)
    assert len({each["ksefNumber"] for each in found}) == MANY


def test_another_process_takes_over_what_one_has_left(kept: Kept, sender_at: SenderAt) -> None:
    store, count = kept
    with (
        serving("--store", store, program=halting.__name__) as first,
        serving("--store", store) as second,
    ):
        sender = sender_at(first)
        batch = sender.open(zipped(invoices(MANY)))
        sender.upload(batch)
        sender.closed(batch)
        witness = sender_at(second, sender.erp.access)
        assert witness.status(batch)["status"]["code"] == 150
        until(lambda: count() > 0)
        first.kill()
        status = witness.ended(batch)
        assert [status["status"]["code"], status["successfulInvoiceCount"]] == [200, MANY]
