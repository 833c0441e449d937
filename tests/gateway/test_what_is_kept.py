"""What strangers send is cut before the journal keeps it, and what looks like a secret is masked."""

from __future__ import annotations

import gc
import logging
import tracemalloc
from collections.abc import Callable, Iterator
from urllib.parse import quote

import httpx
import msgspec
import pytest

from ksef_mock.core.exchange import Exchange
from ksef_mock.core.text import LONGEST, Allowance, kept
from ksef_mock.crypto.pki import person
from ksef_mock.ksef.auth.jwts import new_secret
from ksef_mock.testing import MockServer
from ksef_mock.trail import journal
from tests.auth.test_xades_login import signed, submit
from tests.support import NIP, Api

#: Octets: a thousand entries stay under 20 MB, with 3 MiB for the latest requests as they were on the wire.
AN_ENTRY = 16_800
REQUESTS = 5
ROUNDS = 3
WIDE = "\N{PARTY POPPER}" * 3_000
JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "application/xml"}
Send = Callable[[MockServer, Api], object]


def json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def post(path: str, body: str, headers: dict[str, str]) -> Send:
    return lambda _mock, api: api.call("POST", path, content=body.encode(), headers=headers)


HOSTILE: dict[str, Send] = {
    "path": lambda _mock, api: api.http.get("/nowhere/" + quote("ł" * 4_000)),
    "reference number": lambda _mock, api: api.http.get("/auth/" + "9" * 8_000),
    "query": lambda _mock, api: api.http.get("/auth/sessions?pageSize=" + "9" * 30_000),
    "bearer": lambda _mock, api: api.call("GET", "/limits/context", bearer="x" * 30_000),
    "accept": lambda mock, _api: httpx.post(
        f"{mock.url}/v2/auth/challenge", headers={"Accept": "x" * 30_000}
    ),
    "warning": lambda _mock, api: api.call(
        "POST", "/auth/challenge", headers={"X-Test-System-Warning": "x" * 30_000}
    ),
    "challenge": post("/auth/ksef-token", json({"challenge": WIDE}), JSON),
    "context": post(
        "/auth/ksef-token",
        json({"challenge": "x", "encryptedToken": "x", "contextIdentifier": {"type": "Nip", "value": WIDE}}),
        JSON,
    ),
    "enum": post("/testdata/subject", json({"subjectNip": "1", "subjectType": WIDE}), JSON),
    "member": post("/testdata/subject", json({WIDE: 1}), JSON),
    "list": post("/testdata/person", json([{}] * 500), JSON),
    "element": post("/auth/xades-signature", f"<{'a' * 60_000}/>", XML),
    "attribute": post("/auth/xades-signature", f'<a xmlns="{WIDE}"/>', XML),
}


def on_the_wire(mock: MockServer) -> int:
    """Octets kept of the latest requests and answers as they were: they have a bound of their own."""
    return sum(len(bytes(journal._decode(row).wire)) for _, row in mock.journal._rows)


@pytest.fixture
def traced() -> Iterator[None]:
    logging.disable()  # pytest would keep each line for its report
    tracemalloc.start()
    yield
    tracemalloc.stop()
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("send", HOSTILE.values(), ids=HOSTILE)
def test_a_thousand_hostile_requests_take_less_than_20_mb(
    ksef_mock: MockServer, api: Api, send: Send, traced: None
) -> None:
    taken = []
    for _ in range(ROUNDS):
        entries, held = len(ksef_mock.journal), on_the_wire(ksef_mock)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(REQUESTS):
            send(ksef_mock, api)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        assert len(ksef_mock.journal) - entries >= REQUESTS
        taken.append((after - before - (on_the_wire(ksef_mock) - held)) / REQUESTS)
    # What is made once (modules, threads, caches) is in some rounds; what each entry takes is in all of them.
    assert min(taken) < AN_ENTRY
    # As a journal in Redis or SQLite keeps them.
    assert max(len(msgspec.msgpack.encode(entry)) for entry in ksef_mock.journal) < AN_ENTRY


def test_an_ordinary_login_is_kept_whole(ksef_mock: MockServer, api: Api) -> None:
    credential = ksef_mock.pki.qualified(person("Jan", "Kowalski", nip=NIP), key="rsa")
    submit(api, signed(ksef_mock, api, credential))
    facts = ksef_mock.journal.last("/auth/xades-signature").facts
    assert all(len(part["octets"]) == part["length"] for part in facts["hashed"])
    assert "…" not in str(facts["xades"])


JWT = f"eyJhbGciOiJIUzI1NiJ9.{'eyJ0eXAiOiJDb250ZXh0VG9rZW4ifQ'}.{new_secret().hex()}"


@pytest.mark.parametrize("place", ["/v2/limits/context/{}", "/v2/tokens/{}", "/{}", "/v2/auth/{}?x={}"])
def test_secrets_in_a_path_are_masked_in_journal_and_log(
    ksef_mock: MockServer, api: Api, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    caplog.set_level(logging.DEBUG, "ksef_mock")
    for secret in (JWT, ksef_mock.issue_token(NIP)):
        private = secret.rpartition("." if secret is JWT else "|")[2]
        response = httpx.get(ksef_mock.url + place.format(*[quote(secret)] * 2))
        assert response.status_code >= 400
        assert private not in httpx.get(f"{ksef_mock.url}/_mock/journal").text
        assert private not in " ".join(
            each.getMessage() for each in caplog.records if "ksef_mock" in each.name
        )
    assert "…(" in ksef_mock.journal.last().path


@pytest.mark.parametrize(
    "text", ["/v2/tokens/20261126-EC-0929BB3000-6A2F7C0D11-5E", f"nip-{NIP}|x", "eyJ.a.b", "plain", ""]
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    assert kept(text) == text


def test_an_allowance_is_used_up_in_order() -> None:
    allowance = Allowance(1_500)
    first, *others = [allowance.take("\N{PARTY POPPER}" * 300) for _ in range(5)]
    assert first == "\N{PARTY POPPER}" * 300
    assert max(map(len, others)) < 100
    assert len(kept("x" * 10**6)) == LONGEST


def test_trimming_twice_changes_nothing_more() -> None:
    exchange = Exchange("GET", f"/{JWT}/{'x' * 10_000}", "127.0.0.1", 0, "0" * 32)
    exchange.failed("x", JWT)
    exchange.trim()
    once = exchange.path, list(exchange.decisions)
    exchange.trim()
    assert (exchange.path, exchange.decisions) == once
