"""Reads the lighthouse with PyPI `ksef-client`, by its client and by its asynchronous one.

    lighthouse_of_ksef_client.py URL LIGHTHOUSE_URL

The last line of its output is a JSON object of what both made of the two documents, or the HTTP status of the
error that they raised.
"""
# mypy: ignore-errors

import asyncio
import json
import sys

from ksef_client import AsyncKsefClient, KsefClient, KsefClientOptions
from ksef_client.exceptions import KsefHttpError

url, lighthouse = sys.argv[1:]
options = KsefClientOptions(base_url=url, base_lighthouse_url=lighthouse)


def told(status, messages):
    members = ("id", "event_id", "category", "type", "title", "text", "start", "end", "version", "published")
    listed = [
        [{name: getattr(message, name) for name in members} for message in each]
        for each in (status.messages or [], messages)
    ]
    return {"status": status.status, "active": listed[0], "messages": listed[1]}


def read():
    with KsefClient(options) as ksef:
        return told(ksef.lighthouse.get_status(), ksef.lighthouse.get_messages())


async def read_asynchronously():
    async with AsyncKsefClient(options) as ksef:
        return told(await ksef.lighthouse.get_status(), await ksef.lighthouse.get_messages())


try:
    seen = read()
    assert seen == asyncio.run(read_asynchronously())
except KsefHttpError as error:
    seen = {"error": error.status_code}
sys.stdout.write(json.dumps(seen))
