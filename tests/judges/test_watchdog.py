"""No request holds the mock, whatever its octets: neither its event loop nor a thread of it.

What is measured is the processor's time, which the machine's other work does not change, as a multiple of an
ordinary verification's in the same run: that takes somewhat less than a millisecond.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ksef_mock.testing import MockServer
from tests.support import Api, b64
from tests.xades.test_budget import DOCUMENTS, ordinary

#: In ordinary verifications, of a third of a millisecond: 0.3 seconds of the event loop, a second
#: in all.
# The client, which shares the process, is counted too. What takes longest is a fifth of it: processors differ
# in what they do fast, and parsing is not verifying.
LOOP_AT_MOST, THREADS_AT_MOST = 870, 2_900
_LARGEST = 1_000_000
_ATTEMPTS = 5


@dataclass
class Watched:
    """A mock, and the processor's seconds that its event loop was held by one step, at the longest."""

    api: Api
    held: float = 0.0

    def cost(self, send: Callable[[], Any]) -> tuple[float, float]:
        """Of the loop's longest step and of the whole process, as multiples of an ordinary verification."""
        self.held, began = 0.0, time.process_time()
        send()
        taken = time.process_time() - began
        return self.held / ordinary(), taken / ordinary()


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    run = asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        run(handle)
        found.held = max(found.held, time.thread_time() - began)

    with MockServer() as mock, pytest.MonkeyPatch.context() as patch:
        found = Watched(Api(mock.url))
        patch.setattr(asyncio.Handle, "_run", timed)
        ordinary()
        # As serving processes do: no step of the loop searches what other tests have left for garbage.
        gc.collect()
        gc.freeze()
        yield found
        gc.unfreeze()
        found.api.close()


def check(watched: Watched, method: str, path: str, **options: Any) -> None:
    def send() -> None:
        response = watched.api.http.request(method, path, **options)
        assert response.status_code < 500, (path, response.text[:500])

    # What happens once is not of the request's making: a module that is imported, the collector's turn.
    costs = []
    for _ in range(_ATTEMPTS):
        loop, threads = watched.cost(send)
        if loop < LOOP_AT_MOST and threads < THREADS_AT_MOST:
            return
        costs.append((loop, threads))
    raise AssertionError(f"{path}: {costs}")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_signed_documents_hold_neither_loop_nor_threads(watched: Watched, name: str) -> None:
    headers = {"Content-Type": "application/xml"}
    check(watched, "POST", "/auth/xades-signature", content=DOCUMENTS[name]()[:_LARGEST], headers=headers)
    check(watched, "POST", "/auth/xades-signature", content=DOCUMENTS[name](), headers=headers)


def filled(piece: bytes) -> bytes:
    return piece * (_LARGEST // len(piece))


BODIES: dict[str, bytes] = {
    "nested arrays": filled(b"["),
    "nested objects": filled(b'{"a":'),
    "nested and closed": b"[" * 499_000 + b"]" * 499_000,
    "a number of a million digits": b'{"challenge": ' + b"9" * (_LARGEST - 20) + b"}",
    "a number with a huge exponent": b'{"challenge": 1e' + b"9" * 900_000 + b"}",
    "many members": b"{" + b",".join(b'"m%d":0' % number for number in range(80_000)) + b"}",
    "one member many times": b"{" + b",".join([b'"challenge":""'] * 60_000) + b"}",
    "many errors": b'{"contextIdentifier":[' + b",".join([b"{}"] * 300_000) + b"]}",
    "many faults in a list": b'{"permissions":[' + b",".join([b"{}"] * 320_000) + b"]}",
    "many values in a list": b'{"permissions":[' + b",".join([b'"InvoiceRead"'] * 70_000) + b"]}",
    "many units": b'{"subunits":[' + b",".join([b"{}"] * 320_000) + b"]}",
    "escapes": b'{"challenge":"' + b"\\u0000" * 160_000 + b'"}',
    "a long token": json.dumps({"encryptedToken": b64(bytes(700_000))}).encode(),
    "a long context": json.dumps(
        {
            "challenge": "20260301-CR-0123456789-ABCDEF0123-4F",
            "contextIdentifier": {"type": "Nip", "value": "1" * 900_000},
            "encryptedToken": "AAAA",
        }
    ).encode(),
    "many addresses": json.dumps(
        {
            "challenge": "20260301-CR-0123456789-ABCDEF0123-4F",
            "contextIdentifier": {"type": "Nip", "value": "5265877635"},
            "encryptedToken": "AAAA",
            "authorizationPolicy": {"allowedIps": {"ip4Masks": ["10.0.0.0/8"] * 60_000}},
        }
    ).encode(),
    "beginnings of JWTs": b'{"challenge":"' + filled(b"eyJ")[:-20] + b'"}',
    "no UTF-8": filled(b"\xff"),
    "blanks": filled(b" "),
    "an element in an element": filled(b"<a>"),
    "attributes": b"<a " + b" ".join(b'a%d=""' % number for number in range(80_000)) + b"/>",
    "namespaces": b"<a " + b" ".join(b'xmlns:a%d="u"' % number for number in range(50_000)) + b"/>",
    "references to characters": b"<a>" + filled(b"&#65;")[:-9] + b"</a>",
    "an unfinished comment": b"<a><!--" + filled(b"-")[:-9],
}
PLACES = {
    "application/json": (
        "/auth/ksef-token",
        "/testdata/person",
        "/testdata/permissions",
        "/testdata/subject",
        "/permissions/persons/grants",
    ),
    "application/xml": ("/auth/xades-signature",),
}


@pytest.mark.parametrize("body", BODIES)
def test_large_bodies_hold_neither_loop_nor_threads(watched: Watched, body: str) -> None:
    for content_type, paths in PLACES.items():
        for path in paths:
            check(watched, "POST", path, content=BODIES[body], headers={"Content-Type": content_type})


@settings(max_examples=60)
@given(
    path=st.sampled_from([path for paths in PLACES.values() for path in paths]),
    head=st.binary(max_size=40),
    piece=st.one_of(
        st.binary(min_size=1, max_size=12),
        st.sampled_from(
            [b"<a>", b"{}", b'"', b"&lt;", b"<!--", b"]]>", b"\\", b"1", b"Ids", b"=\n", b'xmlns=""']
        ),
    ),
    tail=st.binary(max_size=40),
    size=st.sampled_from([100, 30_000, _LARGEST - 100]),
)
def test_nothing_that_is_repeated_holds_the_mock(
    watched: Watched, path: str, head: bytes, piece: bytes, tail: bytes, size: int
) -> None:
    content = head + piece * (size // len(piece)) + tail
    kind = next(kind for kind, paths in PLACES.items() if path in paths)
    check(watched, "POST", path, content=content, headers={"Content-Type": kind})


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer " + "." * 10_000},
        {"Authorization": f"Bearer {'e' * 5_000}.{'e' * 5_000}.{'e' * 5_000}"},
        {"X-KSeF-Feature": "," * 10_000},
        {"X-Test-System-Warning": "x" * 10_000},
        {"X-Forwarded-For": "1.1.1.1," * 1_500},
        {"Accept": "application/json;q=0.1," * 500},
        {"Cookie": "a=b;" * 3_000},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_long_headers_hold_nothing(watched: Watched, headers: dict[str, str]) -> None:
    for path in ("/auth/challenge", "/auth/sessions"):
        check(watched, "POST" if path.endswith("challenge") else "GET", path, headers=headers)


def test_the_watchdog_sees_a_loop_that_is_held(watched: Watched) -> None:
    def hold() -> None:
        ended = time.thread_time() + 2 * LOOP_AT_MOST * ordinary()
        while time.thread_time() < ended:
            pass

    async def holding() -> None:
        hold()

    loop, threads = watched.cost(lambda: asyncio.run(holding()))
    assert loop > LOOP_AT_MOST
    assert threads > LOOP_AT_MOST
