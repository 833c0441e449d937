"""Logins as a client sends them, many at once, against the mock or against the bare app."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench._http import Connection, request

OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label=None)

_CHALLENGE = request("POST", "/v2/auth/challenge")


class Encryptor:
    """Encrypts tokens to the first published key, as clients do: RSA-OAEP, or ECDH in the Java layout."""

    def __init__(self, certificates: bytes) -> None:
        published = msgspec.json.decode(certificates)
        first = next(entry for entry in published if "KsefTokenEncryption" in entry["usage"])
        self.public_key_id: str = first["publicKeyId"]
        self._key = x509.load_der_x509_certificate(base64.b64decode(first["certificate"])).public_key()

    def __call__(self, plaintext: bytes) -> bytes:
        if isinstance(self._key, rsa.RSAPublicKey):
            return self._key.encrypt(plaintext, OAEP)
        assert isinstance(self._key, ec.EllipticCurvePublicKey)
        ephemeral = ec.generate_private_key(ec.SECP256R1())
        nonce = b"benchmark..."  # each AES key is used once
        sealed = AESGCM(ephemeral.exchange(ec.ECDH(), self._key)).encrypt(nonce, plaintext, None)
        spki = ephemeral.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return spki + nonce + sealed


@dataclass
class Transcript:
    """The requests and the answers' bodies of one login, in order."""

    requests: list[bytes] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)

    def tokens(self) -> list[str]:
        """The authentication, access and refresh token of the login."""
        started, redeemed = (msgspec.json.decode(self.answers[position]) for position in (1, 3))
        return [
            started["authenticationToken"]["token"],
            redeemed["accessToken"]["token"],
            redeemed["refreshToken"]["token"],
        ]


@dataclass(frozen=True)
class Client:
    """Somebody who logs in with a KSeF token."""

    nip: str
    token: str
    encrypt: Encryptor

    @classmethod
    async def of(cls, url: str, nip: str, token: str) -> Client:
        async with await Connection.open(url) as connection:
            _, certificates = await connection.send(request("GET", "/v2/security/public-key-certificates"))
        return cls(nip, token, Encryptor(certificates))

    async def log_in(self, connection: Connection, transcript: Transcript | None = None) -> None:
        """A whole login; the token is encrypted for the challenge that was got."""
        challenge = await _call(connection, 200, _CHALLENGE, transcript)
        plaintext = f"{self.token}|{challenge['timestampMs']}".encode()
        submission = {
            "challenge": challenge["challenge"],
            "contextIdentifier": {"type": "Nip", "value": self.nip},
            "encryptedToken": base64.b64encode(self.encrypt(plaintext)).decode(),
            "publicKeyId": self.encrypt.public_key_id,
        }
        body = msgspec.json.encode(submission)
        started = await _call(connection, 202, request("POST", "/v2/auth/ksef-token", body), transcript)
        bearer = started["authenticationToken"]["token"]
        poll = request("GET", f"/v2/auth/{started['referenceNumber']}", bearer=bearer)
        status = await _call(connection, 200, poll, transcript)
        if status["status"]["code"] != 200:
            raise RuntimeError(f"the login failed: {status}")
        await _call(connection, 200, request("POST", "/v2/auth/token/redeem", bearer=bearer), transcript)


async def _call(
    connection: Connection, expected: int, message: bytes, transcript: Transcript | None
) -> dict[str, Any]:
    status, answer = await connection.send(message)
    if status != expected:
        raise RuntimeError(f"{status} instead of {expected}: {answer!r}")
    if transcript is not None:
        transcript.requests.append(message)
        transcript.answers.append(answer)
    decoded: dict[str, Any] = msgspec.json.decode(answer)
    return decoded


async def replay(connection: Connection, requests: list[bytes]) -> None:
    """Send a recorded login's requests to the bare app."""
    for message in requests:
        status, _ = await connection.send(message)
        assert status in (200, 202)


async def hammer(
    url: str, once: Callable[[Connection], Any], *, connections: int, seconds: float
) -> tuple[int, float]:
    """Repeat `once` on each connection for some seconds: how often it was done, in how many seconds."""
    done = 0
    started = time.perf_counter()
    deadline = started + seconds

    async def work() -> None:
        nonlocal done
        async with await Connection.open(url) as connection:
            while time.perf_counter() < deadline:
                await once(connection)
                done += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(work())
    return done, time.perf_counter() - started
