"""Unmodified clients send packages of invoices; the own tests of `ksef2` open batch sessions, too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.testing import MockServer
from tests.batch.sender import invoices, tarred, zipped
from tests.third_party.node_client import NODE
from tests.third_party.programs import client, python_client
from tests.third_party.test_clients import last_line
from tests.third_party.test_ksef_client_ts import node
from tests.third_party.tunnel import tunnel

NIP = "5265877635"
SCRIPT = Path(__file__).parent / "python" / "batch_with_ksef_client.py"


def test_pypi_ksef_client_sends_packages(tmp_path: Path) -> None:
    foreign = {"of-another.xml": invoice("1111111111", NIP)}
    files = [invoices(3) | foreign, invoices(2)]
    (tmp_path / "package.zip").write_bytes(zipped(files[0]))
    (tmp_path / "package.tar.gz").write_bytes(tarred(files[1]))
    packages = ("package.zip", "package.tar.gz")
    # It takes no links to this machine nor by http, so it meets KSeF's own address.
    with MockServer(tls=True) as mock, tunnel(urlsplit(mock.url).port or 0) as proxy:
        results: Any = last_line(
            client(
                python_client("ksef-client"),
                *(SCRIPT, "https://api-test.ksef.mf.gov.pl", proxy, NIP, mock.issue_token(NIP), *packages),
                folder=tmp_path,
                SSL_CERT_FILE=str(mock.ca_file),
            )
        )
    first, second = results
    assert (first["session"], second["session"]) == (200, 200)
    assert (first["counts"], second["counts"]) == ([4, 3, 1], [2, 2, 0])
    assert (first["codes"], first["failed"]) == ([200, 200, 200, 410], 1)
    for seen, sent in zip((first, second), files, strict=True):
        assert seen["names"] == list(sent)
        assert all(number in seen["upo"] for number in seen["numbers"])


def test_npm_ksef_client_ts_sends_packages_in_parts(
    node_modules: Path, ksef_mock: MockServer, tmp_path: Path
) -> None:
    files = [invoices(5), invoices(6), invoices(7)]
    packages = []
    for name, pack, content in zip(
        ("1.zip", "2.zip", "3.tar.gz"), (zipped, zipped, tarred), files, strict=True
    ):
        (tmp_path / name).write_bytes(pack(content))
        packages.append(tmp_path / name)
    done = node(NODE / "batch.mjs", node_modules, ksef_mock.url, NIP, ksef_mock.issue_token(NIP), *packages)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-2000:]
    seen: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    for each, sent in zip(seen, files, strict=True):
        assert each["code"] == 200
        assert each["counts"] == [len(sent), len(sent), 0]
        assert each["names"] == list(sent)
        assert each["confirmed"] == each["numbers"]
