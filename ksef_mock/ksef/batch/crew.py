"""Processes beside the mock that judge its large packages, so that those take no turn from its requests.

They are started when parts of a large package come, and ended when none has come for a while. One package has
them all at a time: of its groups each judges every so manieth, and the mock hears them in order. None of them
is more than a few groups ahead, for a pipe holds no more. Whatever is wrong with them, or with one of them,
this process goes on itself after the last invoice that it heard of: they hold nothing that could be lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import IO, Any

from ksef_mock.core.threads import in_thread
from ksef_mock.ksef.batch.archive import BadArchive
from ksef_mock.ksef.batch.judging import GROUP, Judged, Judges, Order, Share
from ksef_mock.ksef.batch.verifier import Found, hear, tell

_log = logging.getLogger("ksef_mock")

#: Octets of a package from which it is worth the start of processes: a ZIP of some hundred invoices.
_WORTH = 200_000
#: Processes that are started unless the settings say otherwise, whatever the machine has.
_MOST = 4
#: Octets that a process may be ahead, some eight groups: with the usual 64 KiB it would often have to wait.
_AHEAD = 1_048_576
#: Real seconds after the last part or package when they are ended.
_IDLE = 60.0
#: Not by `-m`: what is pickled has to be of a module that both sides call the same.
_PROGRAM = "from ksef_mock.ksef.batch.verifier import main; main()"
_PREFIX = "ksef-mock-"


def usual_number() -> int:
    """As many as this process may use cores, four at most; 0 where no interpreter can be started."""
    if getattr(sys, "frozen", False) or not sys.executable:
        return 0  # a program of one file: started again, it would be a second mock
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return min(cores, _MOST)


def _widen(pipe: IO[bytes]) -> None:
    """Let it hold `_AHEAD`, where that can be chosen and is allowed."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _AHEAD)


class _Lost(Exception):
    """A process has ended, or could not be started."""


class _Verifier:
    """One process, as its parent sees it. Its methods wait; they raise `_Lost`."""

    def __init__(self) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-c", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the mock, which ends it then
            )
        except OSError as error:
            raise _Lost(str(error)) from error
        assert self._process.stdout is not None
        _widen(self._process.stdout)

    def tell(self, message: object) -> None:
        assert self._process.stdin is not None
        try:
            tell(self._process.stdin, message)
        except OSError as error:
            raise self._lost() from error

    def hear(self) -> Any:
        assert self._process.stdout is not None
        try:
            return hear(self._process.stdout)
        except (EOFError, OSError) as error:
            raise self._lost() from error

    def end(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):  # it may hold what was never read
                pipe.close()
        self._process.wait()

    def _lost(self) -> _Lost:
        return _Lost(f"process {self._process.pid} of those that verify packages has ended")


class _Together(Judges):
    """Judges a package with the help of others, or alone where they fail."""

    def __init__(self, file: IO[bytes], verifiers: Sequence[_Verifier]) -> None:
        super().__init__(file)
        self._verifiers = verifiers
        self._count = 0
        #: Whether they have done all that they were told and wait for more.
        self.is_done = False

    def open(self, order: Order) -> int:
        if not self._verifiers:
            return super().open(order)
        self.file.flush()
        try:
            for number, verifier in enumerate(self._verifiers):
                verifier.tell((order, Share(number, len(self._verifiers))))
            self._count = _good(self._verifiers[0].hear())
        except _Lost as lost:
            _log.warning("%s: the package is verified without them", lost)
            self._verifiers = ()
            return super().open(order)
        return self._count

    def judged(self, order: Order) -> Iterator[list[Judged]]:
        done = order.done
        if self._verifiers:
            try:
                while done < self._count:
                    whose = done // GROUP % len(self._verifiers)
                    group: list[Found] = _good(self._verifiers[whose].hear())
                    yield [each.judged() for each in group]
                    done = group[-1].ordinal
                for verifier in self._verifiers:
                    verifier.hear()
                self.is_done = True
                return
            except _Lost as lost:
                _log.warning("%s: the rest of the package is verified without them", lost)
        yield from super().judged(replace(order, done=done))


class Crew:
    """The processes of one mock. Used from one event loop."""

    def __init__(self, number: int | None = None) -> None:
        """`number`: of processes; None: the usual one; 0: none, this process does it all."""
        self._number = usual_number() if number is None else number
        self._verifiers: list[_Verifier] = []
        self._turn = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def expect(self, size: int) -> None:
        """A part has come of a package of so many octets: it will soon be there."""
        if self._is_worth(size) and not self._turn.locked():
            self._soon(self._start)

    @asynccontextmanager
    async def judges(self, size: int) -> AsyncIterator[Judges]:
        """Who judges a package of so many octets, which is still to be written into their file."""
        if not self._is_worth(size):
            with tempfile.TemporaryFile(prefix=_PREFIX) as file:
                yield Judges(file)
            return
        async with self._turn:
            if self._idle is not None:
                self._idle.cancel()
            descriptor, path = tempfile.mkstemp(prefix=_PREFIX)
            with open(descriptor, "w+b") as file:
                try:
                    judges = _Together(file, await in_thread(partial(self._shown, path)))
                finally:
                    # Once they have it open it needs no name. Windows lets none go that is open.
                    with contextlib.suppress(PermissionError):
                        os.unlink(path)
                try:
                    yield judges
                finally:
                    if not judges.is_done:  # they are in the middle of it
                        await in_thread(self._end)
                    self._rest()
            with contextlib.suppress(OSError):
                os.unlink(path)

    async def close(self) -> None:
        """End them; no further ones are started."""
        self._number = 0
        if self._idle is not None:
            self._idle.cancel()
        await asyncio.gather(*self._tasks)
        if self._verifiers:
            await in_thread(self._end)

    def _is_worth(self, size: int) -> bool:
        return self._number > 0 and size >= _WORTH

    def _soon(self, change: Callable[[], None]) -> None:
        """Start or end them when no package is at hand."""

        async def changed() -> None:
            async with self._turn:
                await in_thread(change)
                self._rest()

        task = asyncio.get_running_loop().create_task(changed())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _rest(self) -> None:
        """From now on they have nothing to do."""
        if self._idle is not None:
            self._idle.cancel()
        if self._verifiers:
            self._idle = asyncio.get_running_loop().call_later(_IDLE, self._soon, self._end)

    # -- in a thread ------------------------------------------------------------------------------------

    def _start(self) -> None:
        try:
            while len(self._verifiers) < self._number:
                self._verifiers.append(_Verifier())
        except _Lost as lost:
            _log.warning("%s: packages are verified without it", lost)

    def _shown(self, path: str) -> list[_Verifier]:
        """The processes, which have opened the file."""
        self._start()
        try:
            for verifier in self._verifiers:
                verifier.tell(path)
            for verifier in self._verifiers:
                verifier.hear()
        except _Lost as lost:
            _log.warning("%s: the package is verified without them", lost)
            self._end()
        return list(self._verifiers)

    def _end(self) -> None:
        while self._verifiers:
            self._verifiers.pop().end()


def _good(answer: Any) -> Any:
    """
    Raises:
        BadArchive: that is what the answer says.
    """
    if isinstance(answer, BadArchive):
        raise answer
    return answer
