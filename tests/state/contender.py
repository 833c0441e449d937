"""One of several processes that do the same to the same store at the same time.

`python -m tests.state.contender STORE`: reads orders as a line of JSON, prints `ready`, waits for another
line, does it all, and prints how often it has succeeded.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from ksef_mock.core.codes import SUCCESS
from ksef_mock.core.errors import KsefError
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.methods import AuthenticationMethod
from ksef_mock.settings import Settings
from ksef_mock.system.system import System

NIP = Identifier("Nip", "5265877635")
_AT_ONCE = 40


async def main(spec: str) -> None:
    orders: dict[str, Any] = json.loads(sys.stdin.readline())
    system = System(Settings(store=spec))
    await system.catch_up()
    won: Counter[str] = Counter()

    async def redeem(reference: str) -> None:
        await system.operations.redeem(reference)

    async def use(value: str) -> None:
        challenge = await system.challenges.find(value)
        operation = system.operations.prepare(
            method=AuthenticationMethod.TOKEN, context=NIP, subject=NIP, verdict=SUCCESS
        )
        await system.operations.start(operation, system.challenges.spend(challenge, operation.reference))

    async def admit(key: str) -> None:
        await system.rate_limiter.admit(("", "127.0.0.1", key), [(orders["limit"], 3_600 * 10**9)])

    free = asyncio.Semaphore(_AT_ONCE)

    async def attempt(work: Callable[[str], Awaitable[None]], name: str) -> None:
        async with free:
            try:
                await work(name)
                won[name] += 1
            except KsefError as refusal:
                if refusal.status >= 500:
                    raise

    attempts = [
        (work, name)
        for work, names in ((redeem, orders["redeem"]), (use, orders["use"]), (admit, orders["admit"]))
        for name in names
        for _ in range(orders["attempts"])
    ]
    random.shuffle(attempts)
    print("ready", flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.readline)
    await asyncio.gather(*(attempt(*each) for each in attempts))
    print(json.dumps(won), flush=True)  # noqa: T201
    await system.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
