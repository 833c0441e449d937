"""Requests that are refused leave nothing behind but their entry in the journal."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import pytest
from starlette.requests import Request

from ksef_mock.core.errors import KsefError
from ksef_mock.crypto.chain import NoChain
from ksef_mock.crypto.pki import person
from tests.support import NIP, Api
from tests.world import World

JSON = {"content-type": "application/json"}
XML = {"content-type": "application/xml"}
REFUSED = [
    pytest.param("/auth/ksef-token", b'{"challenge": "%s"}', JSON, 400, id="not valid"),
    pytest.param("/auth/ksef-token", b'{"challenge": %s', JSON, 400, id="not JSON"),
    pytest.param("/auth/ksef-token", b"[%s]", {"content-type": "text/plain"}, 415, id="media type"),
    pytest.param("/auth/xades-signature", b"<a>%s</a>", XML, 400, id="no signature"),
    pytest.param("/auth/xades-signature", b"<a>%s", XML, 400, id="not XML"),
    pytest.param("/auth/token/redeem", b"%s", {"authorization": "Bearer a.b.c"}, 401, id="not a token"),
]


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize(("path", "body", "headers", "status"), REFUSED)
def test_refused_bodies_do_not_stay_in_memory(
    api: Api, path: str, body: bytes, headers: dict[str, str], status: int, traced: None
) -> None:
    sent = body % (b"x" * 500_000)
    assert api.http.post(path, content=sent, headers=headers).status_code == status
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(10):
        assert api.http.post(path, content=sent, headers=headers).status_code == status
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    assert after - before < 2 * len(sent)


@pytest.mark.parametrize(("path", "body", "headers", "status"), REFUSED)
def test_refusals_are_no_garbage_to_collect(
    api: Api, path: str, body: bytes, headers: dict[str, str], status: int, no_collector: None
) -> None:
    for _ in range(10):
        assert api.http.post(path, content=body % b"x", headers=headers).status_code == status
    # The last one may not be over when its answer is read.
    assert sum(type(kept) is Request for kept in gc.get_objects()) <= 1
    assert sum(isinstance(kept, KsefError) for kept in gc.get_objects()) <= 1


def test_certificates_without_a_chain_are_no_garbage_to_collect(world: World, no_collector: None) -> None:
    certificate = world.certificate(person("Jan", "Kowalski", nip=NIP))
    for _ in range(5):
        assert world.status(certificate, ("Nip", NIP)) == 200
    assert not any(isinstance(kept, NoChain) for kept in gc.get_objects())
