"""The token login of KSeF, step by step, against a mock: `python examples/demo.py`.

Starts `ksef-mock serve` on a free port once for each kind of published key, RSA and EC, logs in with nothing
but HTTP and cryptography, and prints what was sent, what the mock decrypted and decided, and what was issued.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def main() -> None:
    for token_key in ("rsa", "ec"):
        with mock(token_key) as (url, nip, token), httpx.Client(base_url=f"{url}/v2") as http:
            title(f"{token_key.upper()}: a mock on {url}")
            log_in(http, nip, token)
            show_journal(url)
    print("\nBoth logins worked.")


@contextmanager
def mock(token_key: str) -> Iterator[tuple[str, str, str]]:
    """A mock of its own process: its URL, and a NIP and a KSeF token to log in with."""
    command = [sys.executable, "-m", "ksef_mock.cli", "serve", "--port", "0", "--token-key", token_key]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            ready, nip, token = (process.stdout.readline().split() for _ in range(3))
            yield ready[-1], nip[-1], token[-1]
        finally:
            process.terminate()


def log_in(http: httpx.Client, nip: str, token: str) -> None:
    challenge = call(http, "POST", "/auth/challenge")
    step("1. challenge", challenge)

    published = call(http, "GET", "/security/public-key-certificates")
    key = next(key for key in published if "KsefTokenEncryption" in key["usage"])
    certificate = x509.load_der_x509_certificate(base64.b64decode(key["certificate"]))
    public_key = certificate.public_key()
    step("2. public key", {"subject": certificate.subject.rfc4514_string(), "key": described(public_key)})

    # Both the token and the challenge's timestamp, in milliseconds, in one plaintext.
    plaintext = f"{token}|{challenge['timestampMs']}"
    body = {
        "challenge": challenge["challenge"],
        "contextIdentifier": {"type": "Nip", "value": nip},
        "encryptedToken": base64.b64encode(encrypt(public_key, plaintext.encode())).decode(),
        "publicKeyId": key["publicKeyId"],
    }
    started = call(http, "POST", "/auth/ksef-token", json=body)
    step("3. sent", body)
    step("   got", started)

    bearer = {"Authorization": f"Bearer {started['authenticationToken']['token']}"}
    status = call(http, "GET", f"/auth/{started['referenceNumber']}", headers=bearer)
    step("4. status", status["status"])
    assert status["status"]["code"] == 200

    tokens = call(http, "POST", "/auth/token/redeem", headers=bearer)
    step("5. issued", {name: claims(tokens[name]["token"]) for name in ("accessToken", "refreshToken")})

    bearer = {"Authorization": f"Bearer {tokens['accessToken']['token']}"}
    step("6. used", call(http, "GET", "/limits/context", headers=bearer))


def encrypt(public_key: Any, plaintext: bytes) -> bytes:
    if isinstance(public_key, rsa.RSAPublicKey):
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label=None)
        return public_key.encrypt(plaintext, oaep)
    # ECDH with a key made for this one message; its public half travels in front.
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    secret = ephemeral.exchange(ec.ECDH(), public_key)
    nonce = os.urandom(12)
    spki = ephemeral.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return spki + nonce + AESGCM(secret).encrypt(nonce, plaintext, None)


def call(http: httpx.Client, method: str, path: str, **options: Any) -> Any:
    response = http.request(method, path, **options)
    response.raise_for_status()
    return response.json()


def show_journal(url: str) -> None:
    """What the mock saw and decided at the step that matters."""
    journal = httpx.get(f"{url}/_mock/journal", params={"path": "/auth/ksef-token"}).json()
    (entry,) = journal["entries"]
    step("what the mock decrypted", entry["facts"]["decrypted"])
    for decision in entry["decisions"]:
        print(f"   {decision['outcome']:7} {decision['check']:11} {decision['reason']}")


def described(public_key: Any) -> str:
    return f"RSA-{public_key.key_size}" if isinstance(public_key, rsa.RSAPublicKey) else public_key.curve.name


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return decoded


def title(text: str) -> None:
    print(f"\n{text}\n{'=' * len(text)}")


def step(name: str, value: Any) -> None:
    lines = json.dumps(value, ensure_ascii=False, indent=2).splitlines()
    print(f"\n{name}")
    for line in lines:
        print("   " + (line if len(line) <= 110 else f"{line[:100]}… ({len(line)} characters)"))


if __name__ == "__main__":
    main()
