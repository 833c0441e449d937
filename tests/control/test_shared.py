"""What several processes of one mock share: here two applications on one store, as two workers are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from ksef_mock.app import create_app
from ksef_mock.clock import SECOND, Clock, to_datetime
from ksef_mock.crypto.pki import Role, person
from ksef_mock.ksef.keys.keys import Algorithm, Usage
from ksef_mock.settings import Settings
from ksef_mock.state import MemoryStore
from ksef_mock.system.system import System

ANNA = person("Anna", "Nowak", pesel="90010112349")


class Worker:
    """One process of a mock."""

    def __init__(self, store: MemoryStore, settings: Settings) -> None:
        app = create_app(settings, store)
        self.system: System = app.state.system
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")

    async def keys(self) -> list[dict[str, Any]]:
        answer = await self.http.get("/v2/security/public-key-certificates")
        keys: list[dict[str, Any]] = answer.json()
        return keys

    async def time(self) -> datetime:
        answer = await self.http.get("/_mock/health")
        return datetime.fromisoformat(answer.json()["time"])


@asynccontextmanager
async def two_workers(**settings: Any) -> AsyncIterator[tuple[Worker, Worker]]:
    store = MemoryStore(Clock())
    one, two = Worker(store, Settings(**settings)), Worker(store, Settings(**settings))
    async with one.http, two.http:
        yield one, two


def on_two(test: Callable[[Worker, Worker], Awaitable[None]], **settings: Any) -> None:
    async def run() -> None:
        async with two_workers(**settings) as (one, two):
            await test(one, two)

    asyncio.run(run())


def test_clock_moves_for_all() -> None:
    async def test(one: Worker, two: Worker) -> None:
        await one.system.controls.freeze()
        await one.system.controls.set_clock(datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC))
        assert await two.time() == datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
        await two.system.controls.advance(1.5)
        assert await one.time() == datetime(2031, 5, 6, 7, 8, 10, 500_000, tzinfo=UTC)
        await two.system.controls.resume()
        assert (
            timedelta() < await one.time() - datetime(2031, 5, 6, 7, 8, 10, tzinfo=UTC) < timedelta(minutes=1)
        )
        two.system.clock.advance(seconds=-3_600)
        assert (await one.time()).hour == 6

    on_two(test)


def test_moves_at_the_same_time_add_up() -> None:
    async def test(one: Worker, two: Worker) -> None:
        before = one.system.clock
        before.freeze()
        start = before.now()
        moves = [asyncio.to_thread(each.system.clock.advance, 1) for each in (one, two) for _ in range(50)]
        await asyncio.gather(*moves)
        await one.keys()
        assert one.system.clock.now() == start + 100 * SECOND

    on_two(test)


def test_all_publish_the_keys_of_the_first() -> None:
    async def test(one: Worker, two: Worker) -> None:
        first, second = await asyncio.gather(one.keys(), two.keys())
        assert first == second
        assert len(first) == 2

    on_two(test)


@pytest.mark.parametrize("emergency", [False, True])
def test_rotation_holds_for_all(emergency: bool) -> None:
    async def test(one: Worker, two: Worker) -> None:
        old = await two.keys()
        (new,) = await one.system.controls.rotate(Usage.TOKEN, emergency=emergency)
        ids = [key["publicKeyId"] for key in await two.keys()]
        assert ids[0] == new.public_key_id
        assert (old[0]["publicKeyId"] in ids) is not emergency
        assert old[1]["publicKeyId"] in ids
        assert await two.system.controls.withdraw(new.public_key_id)
        assert new.public_key_id not in [key["publicKeyId"] for key in await one.keys()]
        assert not await one.system.controls.withdraw(new.public_key_id)

    on_two(test)


def test_recertification_holds_for_all() -> None:
    async def test(one: Worker, two: Worker) -> None:
        old = await one.keys()
        (renewed,) = await two.system.controls.recertify(Usage.SYMMETRIC_KEY)
        new = await one.keys()
        assert [key["publicKeyId"] for key in new] == [key["publicKeyId"] for key in old]
        assert new[0] == old[0]
        assert new[1]["certificateId"] == renewed.certificate_id != old[1]["certificateId"]
        root = one.system.keys.authority.certificate
        renewed.certificate.verify_directly_issued_by(root)

    on_two(test)


def test_algorithms_can_be_changed_and_kept_keys_stay_the_same() -> None:
    async def test(one: Worker, two: Worker) -> None:
        rsa, wrapping = (key["publicKeyId"] for key in await one.keys())
        both = await one.system.controls.publish("both")
        assert [(key.usage, key.algorithm) for key in both] == [
            (Usage.TOKEN, Algorithm.RSA),
            (Usage.TOKEN, Algorithm.EC),
            (Usage.SYMMETRIC_KEY, Algorithm.RSA),
            (Usage.SYMMETRIC_KEY, Algorithm.EC),
        ]
        ids = [key["publicKeyId"] for key in await two.keys()]
        assert [ids[0], ids[2]] == [rsa, wrapping]
        await two.system.controls.publish("ec")
        assert [key["publicKeyId"] for key in await one.keys()] == [ids[1], wrapping]
        await one.system.reset()
        assert [key["publicKeyId"] for key in await two.keys()] == [rsa, wrapping]

    on_two(test)


def test_certificates_of_one_are_trusted_by_all() -> None:
    async def test(one: Worker, two: Worker) -> None:
        issued = one.system.pki.qualified(ANNA, key="ec").certificate
        await two.keys()
        issued.verify_directly_issued_by(two.system.pki.authorities[Role.QUALIFIED].certificate)
        assert (
            two.system.pki.authority(Role.QUALIFIED).certificate
            == one.system.pki.authority(Role.QUALIFIED).certificate
        )

    on_two(test)


def test_first_to_make_a_ca_wins() -> None:
    async def test(one: Worker, two: Worker) -> None:
        made = await asyncio.gather(
            *(
                asyncio.to_thread(each.system.pki.authority, Role.KSEF)
                for each in (one, two)
                for _ in range(8)
            )
        )
        assert len({authority.certificate for authority in made}) == 1

    on_two(test)


def test_warning_is_sent_by_all() -> None:
    async def test(one: Worker, two: Worker) -> None:
        await one.system.controls.warn("[1]: Przerwa")
        answer = await two.http.get("/v2/security/public-key-certificates")
        assert answer.headers["x-system-warning"] == "[1]: Przerwa"
        await two.system.controls.warn(None)
        answer = await one.http.get("/v2/security/public-key-certificates")
        assert "x-system-warning" not in answer.headers

    on_two(test)


def test_reset_is_everybodys() -> None:
    async def test(one: Worker, two: Worker) -> None:
        first = await one.keys()
        await one.system.controls.rotate()
        await one.system.controls.warn("[1]: Przerwa")
        await one.system.controls.advance(86_400)
        secret = two.system.shared.value.secret
        await two.system.controls.reset()
        assert await one.keys() == first
        assert one.system.warning is None
        assert abs(to_datetime(one.system.clock.now()) - datetime.now(UTC)) < timedelta(minutes=1)
        assert one.system.shared.value.secret == two.system.shared.value.secret != secret

    on_two(test)


def test_token_of_one_is_read_by_all() -> None:
    async def test(one: Worker, two: Worker) -> None:
        answer = await one.http.post("/_mock/tokens", json={"nip": "5265877635"})
        assert answer.status_code == 201
        found = await two.system.tokens.find(answer.json()["token"])
        assert found is not None
        assert found.reference == answer.json()["referenceNumber"]

    on_two(test)
