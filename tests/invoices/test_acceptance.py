"""Accepted invoices: their files, metadata and duplicate keys, in every store and from many processes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
import tracemalloc
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from lxml import etree

from ksef_mock.clock import Clock
from ksef_mock.core.identifiers import Identifier
from ksef_mock.ksef.invoices import documents
from ksef_mock.ksef.invoices.forms import FA3
from ksef_mock.ksef.invoices.invoices import Acceptance, Invoices, Original, Query
from ksef_mock.ksef.invoices.metadata import DateType, Invoice, SubjectType
from ksef_mock.ksef.invoices.numbers import has_checksum
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.state import open_store
from ksef_mock.state.store import Store
from tests.redis_server import RedisServer

NIP, BUYER = "5265877635", "1111111111"
DAY = 86_400 * 10**9
SESSION = "20260202-SO-0000000000-0000000000-00"


def read(file: bytes) -> documents.Document:
    return documents.read(etree.fromstring(file))


def accepted(now: int, *, stored_after: int = 0, corrects: str | None = None) -> Acceptance:
    return Acceptance(
        form=FA3.code,
        mode="Online",
        session=SESSION,
        invoiced_at=now,
        acquired_at=now,
        stored_at=now + stored_after,
        hash_of_corrected=corrects,
    )


@pytest.fixture(params=["memory", "sqlite", "redis"])
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "memory":
        return "memory"
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'state'}"
    server: RedisServer = request.getfixturevalue("redis")
    return f"{server.url}?prefix=acceptance-{tmp_path.name}"


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.freeze()
    return clock


def within(spec: str, clock: Clock, scenario: Callable[[Invoices, Store], object]) -> None:
    async def run() -> None:
        store = open_store(spec, clock)
        try:
            await scenario(Invoices(store, clock=clock), store)  # type: ignore[misc]
        finally:
            await store.close()

    asyncio.run(run())


def query(clock: Clock, subject: SubjectType) -> Query:
    now = clock.now()
    return Query(subject_type=subject, date_type=DateType.INVOICING, start=now - DAY, end=now + DAY)


async def found(invoices: Invoices, clock: Clock, nip: str, subject: SubjectType) -> list[str]:
    page = await invoices.find(
        Identifier("Nip", nip), query(clock, subject), ascending=True, offset=0, size=10
    )
    return [invoice.content.ksef_number for invoice in page.invoices]


def test_an_accepted_invoice_is_kept_with_all_that_it_says(spec: str, clock: Clock) -> None:
    async def scenario(invoices: Invoices, store: Store) -> None:
        file = invoice(
            NIP, BUYER, "FA/1", net="100.01", third=[("5555555555", 2)], authorized=("7777777777", 3)
        )
        kept = await invoices.accept(read(file), file, accepted(clock.now()))
        assert isinstance(kept, Invoice)
        number, content = kept.content.ksef_number, kept.content
        assert has_checksum(number)
        assert await invoices.get(number) == kept
        assert await invoices.file(number) == file
        assert kept.session == SESSION
        assert (content.net_amount, content.vat_amount, content.gross_amount) == (100.01, 23.0, 123.01)
        assert content.invoice_hash == b64encode(hashlib.sha256(file).digest()).decode()
        assert await invoices.by_hash(content.invoice_hash) == [kept]
        for nip, subject in (
            (NIP, SubjectType.SELLER),
            (BUYER, SubjectType.BUYER),
            ("5555555555", SubjectType.THIRD),
            ("7777777777", SubjectType.AUTHORIZED),
        ):
            assert await found(invoices, clock, nip, subject) == [number]
        assert await invoices.get("no such number") is None
        assert await invoices.file("no such number") is None

    within(spec, clock, scenario)


def test_a_duplicate_leads_to_the_original(spec: str, clock: Clock) -> None:
    async def scenario(invoices: Invoices, store: Store) -> None:
        file = invoice(NIP, number="FA/1")
        first = await invoices.accept(read(file), file, accepted(clock.now()))
        assert isinstance(first, Invoice)
        expected = Original(first.content.ksef_number, SESSION)
        same_key = invoice(NIP, "5555555555", " FA/1 ", net=7)
        assert await invoices.original(read(same_key)) == expected
        assert await invoices.accept(read(same_key), same_key, accepted(clock.now())) == expected
        for other in (invoice(NIP, number="FA/1", kind="ROZ"), invoice(BUYER, number="FA/1")):
            assert await invoices.original(read(other)) is None
            assert isinstance(await invoices.accept(read(other), other, accepted(clock.now())), Invoice)

    within(spec, clock, scenario)


def test_an_acceptance_is_one_commit_with_what_else_changes(spec: str, clock: Clock) -> None:
    async def scenario(invoices: Invoices, store: Store) -> None:
        file = invoice(NIP)
        one, writes = invoices.acceptance(read(file), file, accepted(clock.now()))
        two, others = invoices.acceptance(read(file), file, accepted(clock.now()))
        assert one.content.ksef_number != two.content.ksef_number
        assert await store.commit(*writes)
        assert not await store.commit(*others)
        assert await invoices.get(two.content.ksef_number) is None
        assert await invoices.file(two.content.ksef_number) is None

    within(spec, clock, scenario)


def test_a_correction_is_found_by_the_hash_of_the_refused_file(clock: Clock) -> None:
    async def scenario(invoices: Invoices, store: Store) -> None:
        file, refused = invoice(NIP), b64encode(hashlib.sha256(b"refused").digest()).decode()
        kept = await invoices.accept(read(file), file, accepted(clock.now(), corrects=refused))
        assert isinstance(kept, Invoice)
        assert await invoices.by_hash(refused) == [kept]
        assert kept.content.hash_of_corrected_invoice == refused

    within("memory", clock, scenario)


def test_what_is_not_stored_yet_is_not_found(clock: Clock) -> None:
    async def scenario(invoices: Invoices, store: Store) -> None:
        file = invoice(NIP)
        kept = await invoices.accept(read(file), file, accepted(clock.now(), stored_after=10**9))
        assert isinstance(kept, Invoice)
        assert not invoices.is_stored(kept)
        assert await found(invoices, clock, NIP, SubjectType.SELLER) == []
        clock.advance(seconds=1)
        assert invoices.is_stored(kept)
        assert await found(invoices, clock, NIP, SubjectType.SELLER) == [kept.content.ksef_number]

    within("memory", clock, scenario)


def test_files_survive_a_snapshot_and_a_reset_forgets_them(clock: Clock) -> None:
    async def scenario(invoices: Invoices, store: Store) -> None:
        files = [invoice(NIP, number=f"FA/{number}") for number in range(5)]
        kept = [await invoices.accept(read(file), file, accepted(clock.now())) for file in files]
        numbers = [each.content.ksef_number for each in kept if isinstance(each, Invoice)]
        dump = await store.dump()
        await store.clear()
        assert await invoices.file(numbers[0]) is None
        await store.restore(dump)
        for _ in range(2):  # from the dump, then from where it was put
            assert [await invoices.file(number) for number in numbers] == files

    within("memory", clock, scenario)


def test_memory_does_not_grow_with_the_files(clock: Clock) -> None:
    async def scenario(invoices: Invoices, store: Store) -> None:
        file = invoice(NIP, lines=400)
        document = read(file)
        tracemalloc.start()
        for number in range(50):
            each = msgspec.structs.replace(document, number=f"FA/{number}")
            await invoices.accept(each, file + bytes(number), accepted(clock.now()))
        grown, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(file) > 50_000
        assert grown < 50 * len(file) / 4

    within("memory", clock, scenario)


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_of_many_processes_with_one_duplicate_key_one_wins(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if kind == "sqlite":
        spec = f"sqlite:{tmp_path / 'state'}"
    else:
        server: RedisServer = request.getfixturevalue("redis")
        spec = f"{server.url}?prefix=race-{tmp_path.name}"
    command = [sys.executable, "-m", "tests.invoices.contender", spec]
    rivals = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    results = []
    for rival in rivals:
        assert rival.stdout is not None
        assert rival.stdout.readline() == "ready\n"
    for rival in rivals:
        assert rival.stdin is not None
        rival.stdin.write("\n")
        rival.stdin.flush()
    for rival in rivals:
        told, _ = rival.communicate(timeout=300)
        results.append(json.loads(told))
    for number in results[0]:
        answers = [result[number] for result in results]
        assert sum(won for won, _ in answers) == 1, answers
        assert len({ksef_number for _, ksef_number in answers}) == 1
