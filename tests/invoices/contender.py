"""One of several processes that accept the same invoices at the same time.

`python -m tests.invoices.contender STORE`: prints `ready`, waits for a line, and prints as JSON for each
number whether this process's invoice was accepted, and the KSeF number that it, or the original, has.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys

from lxml import etree

from ksef_mock.clock import Clock
from ksef_mock.ksef.invoices import documents
from ksef_mock.ksef.invoices.forms import FA3
from ksef_mock.ksef.invoices.invoices import Acceptance, Invoices, Original
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.state import open_store


async def main(spec: str) -> None:
    clock = Clock()
    store = open_store(spec, clock)
    invoices = Invoices(store, clock=clock)
    files = {number: invoice("5265877635", number=f"FA/{number}") for number in range(20)}
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    told: dict[int, tuple[bool, str]] = {}

    async def accept(number: int) -> None:
        file, now = files[number], clock.now()
        how = Acceptance(
            form=FA3.code, mode="Online", session="", invoiced_at=now, acquired_at=now, stored_at=now
        )
        result = await invoices.accept(documents.read(etree.fromstring(file)), file, how)
        if isinstance(result, Original):
            told[number] = (False, result.ksef_number)
        else:
            told[number] = (True, result.content.ksef_number)

    numbers = list(files)
    random.shuffle(numbers)
    await asyncio.gather(*map(accept, numbers))
    sys.stdout.write(json.dumps(told))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
