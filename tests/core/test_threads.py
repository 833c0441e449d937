"""Calls in threads: over before whoever waited for them goes on."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ksef_mock.core.threads import begun, in_thread, outcome


def test_what_a_call_returns_or_raises_comes_back() -> None:
    async def scenario() -> None:
        assert await in_thread(threading.get_ident) != threading.get_ident()
        with pytest.raises(ValueError, match="no number"):
            await in_thread(lambda: int("no number"))

    asyncio.run(scenario())


def test_who_is_cancelled_goes_on_when_the_call_is_over() -> None:
    async def scenario() -> None:
        may_end = threading.Event()
        running = begun(may_end.wait)
        waiting = asyncio.create_task(outcome(running))
        await asyncio.sleep(0)
        waiting.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not waiting.done()
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert running.result() is True

    asyncio.run(scenario())
