"""TLS as other languages see it: Node.js with NODE_EXTRA_CA_CERTS, Java with a truststore."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ksef_mock.testing import MockServer
from tests.third_party.node_client import NODE
from tests.third_party.test_ksef_client_ts import NIP, node

JAVA = Path(__file__).parent / "java"


def test_node_client_logs_in(node_modules: Path) -> None:
    with MockServer(tls=True) as mock:
        token = mock.issue_token(NIP)
        done = node(
            NODE / "login.mjs", node_modules, mock.url, NIP, token, NODE_EXTRA_CA_CERTS=str(mock.ca_file)
        )
        assert done.returncode == 0, done.stderr
        assert '"error"' not in done.stdout
        assert mock.journal.last("/auth/token/redeem").status == 200


def test_node_client_refuses_without_the_ca(node_modules: Path) -> None:
    with MockServer(tls=True) as mock:
        done = node(NODE / "login.mjs", node_modules, mock.url, NIP, mock.issue_token(NIP))
        assert '"error"' in done.stdout
        assert not mock.journal.entries(path="/auth")


def test_node_command_with_fixed_addresses_is_led_to_the_mock(node_modules: Path, tmp_path: Path) -> None:
    # It knows no other address than https://api-test.ksef.mf.gov.pl, and is not told another.
    with MockServer(tls=True) as mock:
        token = mock.issue_token(NIP)
        login = node(
            "--require",
            NODE / "resolver.cjs",
            node_modules / "ksef-client-ts" / "dist" / "cli.js",
            *("auth", "login", "--env", "test", "--nip", NIP, "--token", token, "--json"),
            HOME=str(tmp_path),
            USERPROFILE=str(tmp_path),
            KSEF_MOCK_PORT=str(urlsplit(mock.url).port),
            NODE_EXTRA_CA_CERTS=str(mock.ca_file),
        )
        assert login.returncode == 0, login.stdout + login.stderr
        assert mock.journal.last("/auth/token/redeem").status == 200


@pytest.mark.skipif(
    not (shutil.which("java") and shutil.which("keytool")), reason="needs a JDK: java and keytool"
)
def test_java_with_a_truststore(tmp_path: Path) -> None:
    with MockServer(tls=True) as mock:
        store = tmp_path / "truststore.p12"
        run("keytool", "-importcert", "-noprompt", "-alias", "ksef-mock", "-file", str(mock.ca_file),
            "-keystore", str(store), "-storepass", "changeit")  # fmt: skip
        trusting = [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=changeit"]
        port = urlsplit(mock.url).port
        for host in ("127.0.0.1", "localhost"):
            seen = run("java", *trusting, str(JAVA / "Health.java"), f"https://{host}:{port}/_mock/health")
            assert (seen.returncode, seen.stdout) == (0, "200\n"), seen.stderr

        # The same with a resolver that knows KSeF's name only as this machine.
        hosts = tmp_path / "hosts"
        hosts.write_text("127.0.0.1 api-test.ksef.mf.gov.pl\n")
        url = f"https://api-test.ksef.mf.gov.pl:{port}/_mock/health"
        led = run("java", f"-Djdk.net.hosts.file={hosts}", *trusting, str(JAVA / "Health.java"), url)
        assert (led.returncode, led.stdout) == (0, "200\n"), led.stderr

        refused = run("java", str(JAVA / "Health.java"), f"https://127.0.0.1:{port}/_mock/health")
        assert refused.returncode == 1
        assert "PKIX path building failed" in refused.stderr


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
