"""Does it last? `python -m bench.soak [--operations N]`: mixed work for as long as it takes.

Method
- One mock (`ksef-mock serve`, memory store), one load generator over a few keep-alive connections. What
  it does is drawn at random from a fixed seed: logins with RSA- and EC-encrypted tokens and with signed
  documents, each to the end; refreshes, reads of sessions and limits; and bad inputs, a third of all. Each
  answer's status must be the one that KSeF documents; anything else, and any 5xx, fails the run.
- After every thousandth operation the mock's clock moves on by four hours and a bit, so that after a fifth of
  the run as many logins are forgotten as begin. From there on memory must stay flat: the resident set of the
  server is read after each thousand; compared are the medians of the second and of the last quarter.
- Latency is what the generator sees for each request, beside that of the bare app (`bench._bare`, with the
  same cryptography) under as many connections, in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import random
import sys
import time
from array import array
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

import msgspec

from bench._http import Connection, request
from bench._load import Client, Encryptor, Transcript
from bench._process import ServerProcess, machine
from bench.login import start_bare
from ksef_client_min.xades import build_auth_token_request, sign
from ksef_mock.clock import Clock
from ksef_mock.crypto.authority import UNBOUNDED
from ksef_mock.crypto.pki import Credential, Pki, person

NIP = "5265877635"
_BATCH = 1_000
#: Seconds that the clock moves after a batch: 7 days and 45 minutes, a login's longest life, in 40 batches.
_STEP = 15_200
#: Batches: fewer, and the second quarter begins before as many logins are forgotten as begin.
_LONG_ENOUGH = 160
#: Of the growth of memory from the second to the last quarter, as a part of the whole.
_FLAT = 0.02
_SEED = 20_261_124

Act = Callable[["Worker"], Awaitable[None]]


@dataclass
class Tally:
    """What was seen: latencies in ms by kind, statuses, and whatever should not have been."""

    latencies: dict[str, array[float]] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def note(self, kind: str, milliseconds: float, status: int) -> None:
        self.latencies.setdefault(kind, array("f")).append(milliseconds)
        self.statuses[status] += 1


@dataclass
class Worker:
    """One connection and what it has been given."""

    url: str
    connection: Connection
    client: Client
    encryptors: list[Encryptor]
    signer: Credential
    tally: Tally
    random: random.Random
    refresh_tokens: deque[str] = field(default_factory=lambda: deque(maxlen=64))

    async def send(self, kind: str, message: bytes, *expected: int) -> tuple[int, bytes]:
        """Send a request and note how long the answer took; its status must be one of `expected`."""
        begin = time.perf_counter()
        status, body = await self.connection.send(message)
        self.tally.note(kind, (time.perf_counter() - begin) * 1_000, status)
        if status not in expected:
            self.tally.wrong.append(f"{kind}: {status} instead of {expected}: {body[:200]!r}")
        return status, body

    async def json(self, kind: str, message: bytes, expected: int) -> Any:
        status, body = await self.send(kind, message, expected)
        return msgspec.json.decode(body) if status == expected else {}


# -- what goes well ---------------------------------------------------------------------------------------


async def log_in_with_token(worker: Worker) -> None:
    challenge = await worker.json("challenge", request("POST", "/v2/auth/challenge"), 200)
    await _finish(worker, _submission(worker, worker.client.token, challenge), 200)


async def log_in_with_document(worker: Worker) -> None:
    challenge = await worker.json("challenge", request("POST", "/v2/auth/challenge"), 200)
    await _finish(worker, _signed(worker, challenge["challenge"]), 200)


async def refresh(worker: Worker) -> None:
    if not worker.refresh_tokens:
        await log_in_with_token(worker)
        return
    bearer = worker.random.choice(worker.refresh_tokens)
    body = await worker.json("refresh", request("POST", "/v2/auth/token/refresh", bearer=bearer), 200)
    path = worker.random.choice(["/v2/auth/sessions?pageSize=10", "/v2/limits/context", "/v2/tokens"])
    await worker.send("read", request("GET", path, bearer=body["accessToken"]["token"]), 200)


# -- what does not ----------------------------------------------------------------------------------------


async def wrong_token(worker: Worker) -> None:
    challenge = await worker.json("challenge", request("POST", "/v2/auth/challenge"), 200)
    text = f"20251010-EC-1DCE3E3000-12ECB5B36E-45|nip-{NIP}|{worker.random.getrandbits(256):064x}"
    await _finish(worker, _submission(worker, text, challenge), 450)


async def unknown_challenge(worker: Worker) -> None:
    challenge = {"challenge": "20251010-CR-1DCE3E3000-12ECB5B36E-45", "timestampMs": 1}
    await worker.send("bad input", _submission(worker, worker.client.token, challenge), 400)


async def tampered_document(worker: Worker) -> None:
    challenge = await worker.json("challenge", request("POST", "/v2/auth/challenge"), 200)
    head, _, body = _signed(worker, challenge["challenge"]).partition(b"\r\n\r\n")
    await worker.send("bad input", head + b"\r\n\r\n" + body.replace(NIP.encode(), b"1234563218"), 400)


async def garbage(worker: Worker) -> None:
    octets = worker.random.randbytes(worker.random.randrange(1, 600))
    path, content_type = worker.random.choice(
        [("/v2/auth/ksef-token", "application/json"), ("/v2/auth/xades-signature", "application/xml")]
    )
    await worker.send("bad input", request("POST", path, octets, content_type=content_type), 400)


async def document_type(worker: Worker) -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;&b;">]><a>&d;</a>'
    message = request("POST", "/v2/auth/xades-signature", bomb, content_type="application/xml")
    await worker.send("bad input", message, 400)


async def nested_json(worker: Worker) -> None:
    depth = worker.random.randrange(1_000, 20_000)
    await worker.send("bad input", request("POST", "/v2/auth/ksef-token", b"[" * depth + b"]" * depth), 400)


async def wrong_media_type(worker: Worker) -> None:
    message = request("POST", "/v2/auth/ksef-token", b"{}", content_type="text/plain")
    await worker.send("bad input", message, 415)


async def forged_bearer(worker: Worker) -> None:
    parts = [base64.urlsafe_b64encode(worker.random.randbytes(48)).decode() for _ in range(3)]
    message = request("GET", "/v2/auth/sessions", bearer=".".join(parts))
    await worker.send("bad input", message, 401)


async def unknown_path(worker: Worker) -> None:
    await worker.send(
        "bad input", request("GET", f"/v2/{worker.random.getrandbits(64):x}/{worker.random.random()}"), 404
    )


async def oversized_body(worker: Worker) -> None:
    # The server closes the connection under a body that it does not want: one for this request alone.
    message = request("POST", "/v2/auth/ksef-token", b" " * 1_100_000)
    async with await Connection.open(worker.url) as connection:
        status, _ = await connection.send(message)
    worker.tally.statuses[status] += 1
    if status != 413:
        worker.tally.wrong.append(f"oversized body: {status}")


#: How often each is drawn, of 1,000.
_MIX: dict[Act, int] = {
    log_in_with_token: 330,
    log_in_with_document: 90,
    refresh: 246,
    wrong_token: 60,
    unknown_challenge: 60,
    tampered_document: 40,
    garbage: 80,
    document_type: 20,
    nested_json: 20,
    wrong_media_type: 20,
    forged_bearer: 20,
    unknown_path: 12,
    oversized_body: 2,
}


async def _finish(worker: Worker, submission: bytes, outcome: int) -> None:
    """Submit a login, see it end in the status `outcome`, and if that is a success redeem it."""
    kind = "xades-signature" if b"/xades-signature" in submission[:60] else "ksef-token"
    started = await worker.json(kind, submission, 202)
    if not started:
        return
    bearer = started["authenticationToken"]["token"]
    poll = request("GET", f"/v2/auth/{started['referenceNumber']}", bearer=bearer)
    status = (await worker.json("status", poll, 200))["status"]
    if status["code"] != outcome:
        worker.tally.wrong.append(f"{kind}: ended in {status} instead of {outcome}")
    if outcome == 200:
        redeemed = await worker.json("redeem", request("POST", "/v2/auth/token/redeem", bearer=bearer), 200)
        worker.refresh_tokens.append(redeemed["refreshToken"]["token"])


def _submission(worker: Worker, token: str, challenge: dict[str, Any]) -> bytes:
    encrypt = worker.random.choice(worker.encryptors)
    body = {
        "challenge": challenge["challenge"],
        "contextIdentifier": {"type": "Nip", "value": NIP},
        "encryptedToken": base64.b64encode(encrypt(f"{token}|{challenge['timestampMs']}".encode())).decode(),
        "publicKeyId": encrypt.public_key_id,
    }
    return request("POST", "/v2/auth/ksef-token", msgspec.json.encode(body))


def _signed(worker: Worker, challenge: str) -> bytes:
    unsigned = build_auth_token_request(challenge, ("Nip", NIP))
    document = sign(unsigned, worker.signer.certificate, worker.signer.key)
    return request("POST", "/v2/auth/xades-signature", document, content_type="application/xml")


# -- the run ----------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description="Mixed work, for long.")
    parser.add_argument("--operations", type=int, default=200_000, help="how many (default 200000)")
    parser.add_argument("--connections", type=int, default=4, help="clients at once (default 4)")
    options = parser.parse_args()
    print(f"{machine()}, {options.connections} connections, {options.operations} operations")
    sys.exit(asyncio.run(_soak(max(8 * _BATCH, options.operations) // _BATCH, options.connections)))


async def _soak(batches: int, connections: int) -> int:
    tally = Tally()
    resident: list[float] = []
    begin = time.perf_counter()
    with ExitStack() as stack:
        arguments = ("-m", "ksef_mock.cli", "serve", "--port", "0", "--token-key", "both", "--nip", NIP)
        mock = stack.enter_context(ServerProcess(*arguments))
        mock.line()  # the NIP
        token = mock.line().split()[-1]
        transcript = Transcript()
        async with await Connection.open(mock.url) as connection:
            await (await Client.of(mock.url, NIP, token)).log_in(connection, transcript)
        bare = start_bare(stack, transcript, "rsa")
        floor = await _floor(bare.url, transcript.requests, connections)
        workers = await _workers(mock.url, token, connections, tally)
        acts, weights = list(_MIX), list(_MIX.values())
        chooser = random.Random(_SEED)
        for batch in range(batches):
            orders = chooser.choices(acts, weights, k=_BATCH)
            await asyncio.gather(
                *(_work(worker, orders[at::connections]) for at, worker in enumerate(workers))
            )
            step = json.dumps({"seconds": _STEP}).encode()
            await workers[0].send("clock", request("POST", "/_mock/clock/advance", step), 200)
            resident.append(mock.resident())
            if sys.stderr.isatty():
                print(f"\r{batch + 1}/{batches} {resident[-1]:.1f} MiB ", end="", file=sys.stderr)
        floor = [*floor, *await _floor(bare.url, transcript.requests, connections)]
    return _report(tally, resident, floor, time.perf_counter() - begin)


async def _workers(url: str, token: str, number: int, tally: Tally) -> list[Worker]:
    client = await Client.of(url, NIP, token)
    async with await Connection.open(url) as connection:
        _, published = await connection.send(request("GET", "/v2/security/public-key-certificates"))
    keys = [key for key in msgspec.json.decode(published) if "KsefTokenEncryption" in key["usage"]]
    encryptors = [Encryptor(msgspec.json.encode([key])) for key in keys]
    signer = Pki(Clock()).self_signed(person("Jan", "Kowalski", nip=NIP), key="ec", validity=UNBOUNDED)
    return [
        Worker(
            url,
            await Connection.open(url),
            client,
            encryptors,
            signer,
            tally,
            random.Random(_SEED + position),
        )
        for position in range(number)
    ]


async def _work(worker: Worker, orders: list[Act]) -> None:
    for act in orders:
        await act(worker)


async def _floor(url: str, requests: list[bytes], connections: int) -> list[float]:
    """Latencies, in ms, of the bare app's requests."""
    seen: list[float] = []

    async def client() -> None:
        async with await Connection.open(url) as connection:
            for _ in range(500):
                for message in requests:
                    begin = time.perf_counter()
                    await connection.send(message)
                    seen.append((time.perf_counter() - begin) * 1_000)

    await asyncio.gather(*(client() for _ in range(connections)))
    return seen


def _report(tally: Tally, resident: list[float], floor: list[float], seconds: float) -> int:
    print(f"{'request':16} {'number':>8} {'p50 ms':>7} {'p99 ms':>7} {'slowest':>8}")
    everything = array("f")
    for kind, seen in sorted(tally.latencies.items()):
        if kind != "clock":
            everything.extend(seen)
            _print_latency(kind, seen)
    _print_latency("all", everything)
    _print_latency("bare app", array("f", floor))
    print(f"p99 against the bare app: {_p99(everything) / _p99(floor):.2f} times")
    counts = ", ".join(f"{status}: {number}" for status, number in sorted(tally.statuses.items()))
    print(f"answers by status: {counts}")
    quarter = len(resident) // 4
    early, late = median(resident[quarter : 2 * quarter]), median(resident[-quarter:])
    growth = late / early - 1
    print(
        f"resident: {resident[0]:.1f} MiB after {_BATCH} operations, {early:.1f} in the second quarter,"
        f" {late:.1f} in the last ({growth:+.1%})"
    )
    eighth = len(resident) // 8
    course = ", ".join(f"{median(resident[at : at + eighth]):.1f}" for at in range(0, 8 * eighth, eighth))
    print(f"resident, eighth by eighth: {course} MiB")
    failures = [number for status, number in tally.statuses.items() if status >= 500]
    print(
        f"{sum(tally.statuses.values())} requests in {seconds:.0f} s, 5xx: {sum(failures)},"
        f" unexpected: {len(tally.wrong)}"
    )
    for line in tally.wrong[:10]:
        print(f"  {line}")
    grows = False
    if len(resident) < _LONG_ENOUGH:
        print(f"too short a run to judge memory: that takes {_LONG_ENOUGH * _BATCH} operations")
    else:
        grows = growth > _FLAT
        print(f"memory flat (at most {_FLAT:+.0%}): {'no' if grows else 'yes'}")
    return 0 if not grows and not failures and not tally.wrong else 1


def _print_latency(name: str, seen: array[float]) -> None:
    percentiles = quantiles(seen, n=100)
    print(f"{name:16} {len(seen):8} {percentiles[49]:7.2f} {percentiles[98]:7.2f} {max(seen):8.1f}")


def _p99(seen: array[float] | list[float]) -> float:
    return quantiles(seen, n=100)[98]


if __name__ == "__main__":
    main()
