"""The client's process: what it is given, how long it may take, what it prints."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO

from cryptography.hazmat.primitives.asymmetric import rsa

from contract_tests.clients.observed import Secret
from contract_tests.clients.stage import NIP, Stage
from ksef_client_min.session_file import Config, Home
from ksef_mock.clock import to_datetime
from ksef_mock.crypto.pki import Credential

#: Octets of output that are kept of a run.
_KEPT = 1_000_000
#: Seconds between two looks at whether the command has ended or is to be stopped.
_TICK = 0.02
#: Seconds to wait for the rest of the output when everything that could write is dead.
_PATIENCE = 10.0

#: Characters of a line of a private key from which on it is recognised.
_TELLING = 16

_PLACEHOLDER = re.compile(r"\{([a-z0-9_]+)\}")


class CommandNotFound(Exception):
    """The command cannot be started at all."""


@dataclass(frozen=True)
class Given:
    """What a client is given for one situation."""

    environment: Mapping[str, str]
    #: For the command line: `{url}` and the like.
    placeholders: Mapping[str, str]
    secrets: tuple[Secret, ...]


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    #: None if it had to be stopped; -N if signal N killed it.
    exit_code: int | None
    #: Standard output and standard error, in the order in which they came.
    output: str
    #: Seconds.
    duration: float


def given(stage: Stage, situation: str, folder: Path) -> Given:
    """Write the files that the client is given into `folder`, and say where they are."""
    credential = stage.credential
    password = secrets.token_urlsafe(12)
    certificate, key, p12 = folder / "certificate.pem", folder / "key.pem", folder / "certificate.p12"
    invoice, invoices = folder / "invoice.xml", folder / "invoices"
    home = folder / "home"
    home.mkdir()
    certificate.write_bytes(credential.certificate_pem)
    invoice.write_bytes(stage.invoice)
    invoices.mkdir()
    for name, octets in stage.invoices.items():
        (invoices / name).write_bytes(octets)
    _write_secret(key, credential.key_pem)
    _write_secret(p12, credential.pkcs12(password))
    url = stage.mock.url
    placeholders = {
        "url": url,
        "api_url": f"{url}/v2",
        "nip": NIP,
        "token": stage.token,
        "certificate": str(certificate),
        "key": str(key),
        "p12": str(p12),
        "p12_password": password,
        "method": stage.method,
        "task": stage.task,
        "invoice": str(invoice),
        "invoices": str(invoices),
        "since": f"{to_datetime(stage.mock.clock.now()) - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
        "situation": situation,
    }
    environment = {f"KSEF_{name.upper()}": value for name, value in placeholders.items()}
    # The `ksef` command keeps its login there: that of its user must not get lost.
    environment["KSEF_HOME"] = str(home)
    Home(home).save_config(Config(nip=NIP, environment=url))
    return Given(
        environment,
        placeholders,
        (
            Secret("the KSeF token", stage.token.rpartition("|")[2]),
            Secret("the password of the PKCS#12 file", password),
            *(Secret("the private key", line) for line in _private_lines(credential)),
        ),
    )


def run(command: Sequence[str], given: Given, *, limit: float, stop: threading.Event) -> Ended:
    """Run the command to its end, at most `limit` seconds long; nothing that it started outlives it.

    Args:
        stop: ends it at once when set.

    Raises:
        CommandNotFound: it cannot be started.
    """
    arguments = [filled_in(argument, given.placeholders) for argument in command]
    begin = time.monotonic()
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own command
            arguments,
            env={**os.environ, **given.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise CommandNotFound(f"{arguments[0]!r} cannot be started: {error.strerror}") from None
    assert process.stdout is not None
    output = _Output(process.stdout)
    try:
        ended = _await_end(process, begin + limit, stop)
    finally:
        _kill_group(process)
        duration = time.monotonic() - begin
        text = output.close()
    return Ended(process.returncode if ended else None, text, duration)


def filled_in(argument: str, placeholders: Mapping[str, str]) -> str:
    """`argument` with its placeholders replaced; other braces stay as they are."""
    return _PLACEHOLDER.sub(lambda match: placeholders.get(match[1], match[0]), argument)


class _Output:
    """Reads the pipe to its end, so that the command never waits for a reader."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._kept = bytearray()
        self._dropped = 0
        self._thread = threading.Thread(target=self._read, name="client-output", daemon=True)
        self._thread.start()

    def close(self) -> str:
        self._thread.join(_PATIENCE)
        text = bytes(self._kept).decode("utf-8", "replace")
        return f"{text}\n… ({self._dropped} more octets)" if self._dropped else text

    def _read(self) -> None:
        with self._pipe:
            while chunk := os.read(self._pipe.fileno(), 65_536):
                room = _KEPT - len(self._kept)
                self._kept += chunk[:room]
                self._dropped += max(0, len(chunk) - room)


def _await_end(process: subprocess.Popen[bytes], deadline: float, stop: threading.Event) -> bool:
    while time.monotonic() < deadline and not stop.is_set():
        if process.poll() is not None:
            return True
        time.sleep(_TICK)
    return process.poll() is not None


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # The command leads a process group of its own: what it has started goes with it.
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _private_lines(credential: Credential) -> list[str]:
    """The lines of the PEM file with something in them that the certificate does not have."""
    key = credential.key
    lines = [line for line in credential.key_pem.decode().splitlines() if not line.startswith("-----")]
    der = base64.b64decode("".join(lines))
    if isinstance(key, rsa.RSAPrivateKey):
        # PKCS #1: modulus and public exponent, then the private exponent and whatever follows from it.
        secret = key.private_numbers().d
        begin, end = der.index(secret.to_bytes((secret.bit_length() + 7) // 8)), len(der)
    else:
        # SEC 1: the private key in the octets of the field, then the public key.
        secret = key.private_numbers().private_value
        size = (key.key_size + 7) // 8
        begin = der.index(secret.to_bytes(size))
        end = begin + size
    octets = len(lines[0]) * 3 // 4
    private = lines[begin // octets : (end - 1) // octets + 1]
    return [line for line in private if len(line) >= _TELLING]


def _write_secret(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
