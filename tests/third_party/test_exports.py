"""Unmodified clients export packages of invoices, and find in them what was sent."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ksef_mock.ksef.invoices.export_limits import ExportLimits
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.settings import Settings
from ksef_mock.testing import MockServer
from tests.invoices.exporting import day
from tests.third_party.node_client import NODE
from tests.third_party.programs import client, python_client
from tests.third_party.test_clients import last_line
from tests.third_party.test_ksef_client_ts import node
from tests.third_party.tunnel import tunnel

NIP = "5265877635"
PYTHON = Path(__file__).parent / "python"
START = f"{day(50)}T00:00:00+00:00"


def added(mock: MockServer, count: int) -> dict[str, str]:
    """File name in a package -> SHA-256 in hex of so many invoices, in order."""
    files = [invoice(NIP, number=os.urandom(6).hex()) for _ in range(count)]
    return {f"{mock.add_invoice(file)}.xml": hashlib.sha256(file).hexdigest() for file in files}


def test_pypi_ksef_client_exports_packages_in_parts(tmp_path: Path) -> None:
    settings = Settings(exports=ExportLimits(part_octets=1_000))
    # It takes no links to this machine nor by http, so it meets KSeF's own address.
    with MockServer(settings, tls=True) as mock, tunnel(urlsplit(mock.url).port or 0) as proxy:
        known = added(mock, 5)
        seen: Any = last_line(
            client(
                python_client("ksef-client"),
                *(PYTHON / "export_with_ksef_client.py", "https://api-test.ksef.mf.gov.pl", proxy),
                *(NIP, mock.issue_token(NIP), START),
                folder=tmp_path,
                SSL_CERT_FILE=str(mock.ca_file),
            )
        )
    assert len(seen) == 2
    for each in seen:
        assert each["parts"] > 1
        assert each["hashes"] == known
        assert [f"{number}.xml" for number in each["metadata"]] == list(known)


def test_pypi_ksef2_exports_packages(ksef_mock: MockServer, tmp_path: Path) -> None:
    known = added(ksef_mock, 4)
    seen: Any = last_line(
        client(
            python_client("ksef2"),
            *(PYTHON / "export_with_ksef2.py", NIP, ksef_mock.issue_token(NIP), START),
            folder=tmp_path,
            KSEF_URL=ksef_mock.url,
        )
    )
    assert len(seen) == 2
    for each in seen:
        assert each["hashes"] == known
        assert [f"{number}.xml" for number in each["metadata"]] == list(known)


def test_npm_ksef_client_ts_exports_whole_and_by_increments(node_modules: Path) -> None:
    until = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    with MockServer(Settings(exports=ExportLimits(invoices=3))) as mock:
        known = added(mock, 5)
        done = node(NODE / "export.mjs", node_modules, mock.url, NIP, mock.issue_token(NIP), START, until)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-2000:]
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert (seen["count"], seen["truncated"]) == (3, True)
    assert seen["hashes"].pop("_metadata.json")
    assert seen["hashes"] == dict(list(known.items())[:3])
    assert seen["exports"] > 1, "it goes on where a package was truncated"
