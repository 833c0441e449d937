"""Moments that no store can hold in 64 bits of ns are before or after all that happens, in every store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import httpx
import msgspec
import pytest

from ksef_mock.clock import EARLIEST, LATEST, from_datetime, iso
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.support import NIP, Api, b64, encrypt

FAR = ("1000-01-01", "1677-12-31", "2262-12-31", "2999-12-31")


@pytest.fixture(params=["memory", "sqlite"])
def mock(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MockServer]:
    store = "memory" if request.param == "memory" else f"sqlite:{tmp_path / 'store.db'}"
    with MockServer(Settings(store=store)) as server:
        yield server


@pytest.mark.parametrize("day", FAR)
def test_what_ends_far_off_can_be_kept_and_restored(mock: MockServer, day: str) -> None:
    api = Api(mock.url)
    bearer = {"Authorization": f"Bearer {api.login(mock.issue_token(NIP)).access_token}"}
    assert api.http.post("/testdata/attachment", json={"nip": NIP}).status_code == 200
    order = {"nip": NIP, "expectedEndDate": day}
    assert api.http.post("/testdata/attachment/revoke", json=order).status_code == 200
    key = api.public_keys("SymmetricKeyEncryption")[0]
    export = {
        "encryption": {
            "encryptedSymmetricKey": b64(encrypt(key, os.urandom(32))),
            "initializationVector": b64(os.urandom(16)),
        },
        "filters": {
            "subjectType": "Subject1",
            "dateRange": {"dateType": "Invoicing", "from": f"{day}T00:00:00Z", "to": f"{day}T00:00:01Z"},
        },
    }
    assert api.http.post("/invoices/exports", json=export, headers=bearer).status_code == 201
    snapshot = httpx.get(f"{mock.url}/_mock/snapshot")
    assert snapshot.status_code == 200
    headers = {"Content-Type": snapshot.headers["content-type"]}
    restored = httpx.put(f"{mock.url}/_mock/snapshot", content=snapshot.content, headers=headers)
    assert restored.status_code == 204
    api.close()


def test_a_login_works_at_the_latest_time_of_a_clock(mock: MockServer) -> None:
    token = mock.issue_token(NIP)
    mock.clock.set(LATEST - timedelta(hours=1))
    api = Api(mock.url)
    assert api.login(token).access_token
    api.close()


@pytest.mark.parametrize(
    ("moment", "kept"),
    [
        (datetime.min, "1678-01-01"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), "1678-01-01"),
        (datetime.max, "2262-01-01"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))), "2262-01-01"),
        (datetime(1900, 1, 1), "1900-01-01"),
    ],
)
def test_a_moment_fits_into_64_bits(moment: datetime, kept: str) -> None:
    instant = from_datetime(moment)
    assert iso(instant) == f"{kept}T00:00:00+00:00"
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(instant)) == instant
    assert abs(instant) < 2**63


def test_what_a_clock_can_show_is_exact() -> None:
    for moment in (EARLIEST, LATEST, datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC)):
        assert (
            from_datetime(moment)
            == round((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 1_000
        )
