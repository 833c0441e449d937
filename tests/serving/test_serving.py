"""`ksef-mock serve --tls` with several processes, and the commands that drive a running mock by https."""

from __future__ import annotations

import ssl
import subprocess
import sys
from pathlib import Path

import httpx

from ksef_client_min import KsefClient
from ksef_mock.serving.tls import TlsAuthority
from tests.served import serving
from tests.support import NIP


def command(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ksef_mock.cli", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_worker_serves_by_the_same_certificate(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    options = (
        "--tls",
        "--tls-ca-dir",
        str(folder),
        "--workers",
        "2",
        "--store",
        f"sqlite:{tmp_path / 's.db'}",
    )
    with serving(*options) as mock:
        assert mock.url.startswith("https://")
        context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        with KsefClient(mock.url, transport=httpx.HTTPTransport(verify=context)) as ksef:
            ksef.login_with_token(mock.token, nip=NIP)
        for _ in range(8):  # a connection each: whichever worker takes it
            assert httpx.get(f"{mock.url}/_mock/health", verify=context).status_code == 200
    assert TlsAuthority.kept_in(folder).certificate_pem == (folder / "ca.pem").read_bytes()


def test_commands_reach_it_if_they_trust_the_ca(tmp_path: Path) -> None:
    with serving("--tls", "--tls-ca-dir", str(tmp_path)) as mock:
        done = command("status", "--url", mock.url, SSL_CERT_FILE=str(tmp_path / "ca.pem"))
        assert (done.returncode, done.stderr) == (0, "")
        refused = command("status", "--url", mock.url)
        assert refused.returncode == 3
        assert "certificate is not trusted" in refused.stderr
