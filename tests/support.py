"""A bare HTTP driver of the API for the tests: it knows the wire format and nothing of the packages' code."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests import openapi

NIP = "5265877635"
OTHER_NIP = "1234567890"

OAEP_SHA256 = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


@dataclass(frozen=True)
class Login:
    """The tokens of a finished login."""

    reference: str
    authentication_token: str
    access_token: str
    refresh_token: str


class Api:
    """Calls to one mock. Each answer is checked against the official document where that is at hand."""

    #: How requests are sent; tests/spelled replaces it.
    transport: Callable[[], httpx.BaseTransport] = staticmethod(httpx.HTTPTransport)

    def __init__(self, url: str, *, prefix: str = "/v2", problem_details: bool = False) -> None:
        headers = {"X-Error-Format": "problem-details"} if problem_details else {}
        self.http = httpx.Client(
            base_url=url + prefix, headers=headers, timeout=60, transport=self.transport()
        )

    def close(self) -> None:
        self.http.close()

    def call(self, method: str, path: str, *, bearer: str | None = None, **options: Any) -> httpx.Response:
        headers = dict(options.pop("headers", {}))
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        response = self.http.request(method, path, headers=headers, **options)
        if openapi.available():
            openapi.check(response)
        return response

    def challenge(self) -> dict[str, Any]:
        response = self.call("POST", "/auth/challenge")
        assert response.status_code == 200
        body: dict[str, Any] = response.json()
        return body

    def public_keys(self, usage: str = "KsefTokenEncryption") -> list[dict[str, Any]]:
        return [
            key
            for key in self.call("GET", "/security/public-key-certificates").json()
            if usage in key["usage"]
        ]

    def token_request(
        self,
        token: str,
        *,
        nip: str = NIP,
        challenge: dict[str, Any] | None = None,
        key: dict[str, Any] | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        """The body of a correct POST /auth/ksef-token, but for `changes` (None removes a member)."""
        challenge = challenge or self.challenge()
        key = key or self.public_keys()[0]
        plaintext = f"{token}|{challenge['timestampMs']}"
        body = {
            "challenge": challenge["challenge"],
            "contextIdentifier": {"type": "Nip", "value": nip},
            "encryptedToken": b64(encrypt(key, plaintext.encode())),
            "publicKeyId": key["publicKeyId"],
        } | changes
        return {name: value for name, value in body.items() if value is not None}

    def submit(self, body: Any) -> httpx.Response:
        return self.call("POST", "/auth/ksef-token", json=body)

    def status(self, submitted: httpx.Response, bearer: str | None = None) -> dict[str, Any]:
        """The status of an accepted submission."""
        assert submitted.status_code == 202, submitted.text
        started = submitted.json()
        response = self.call(
            "GET",
            f"/auth/{started['referenceNumber']}",
            bearer=bearer or started["authenticationToken"]["token"],
        )
        assert response.status_code == 200, response.text
        status: dict[str, Any] = response.json()["status"]
        return status

    def redeem(self, authentication_token: str) -> httpx.Response:
        return self.call("POST", "/auth/token/redeem", bearer=authentication_token)

    def refresh(self, refresh_token: str) -> httpx.Response:
        return self.call("POST", "/auth/token/refresh", bearer=refresh_token)

    def limits(self, access_token: str | None) -> httpx.Response:
        return self.call("GET", "/limits/context", bearer=access_token)

    def login(self, token: str, **changes: Any) -> Login:
        submitted = self.submit(self.token_request(token, **changes))
        codes = (self.status(submitted)["code"] for _ in range(10))  # it may wait for some polls
        assert next((code for code in codes if code != 100), None) == 200
        started = submitted.json()
        redeemed = self.redeem(started["authenticationToken"]["token"])
        assert redeemed.status_code == 200, redeemed.text
        tokens = redeemed.json()
        return Login(
            started["referenceNumber"],
            started["authenticationToken"]["token"],
            tokens["accessToken"]["token"],
            tokens["refreshToken"]["token"],
        )


def error(response: httpx.Response) -> tuple[int, str, list[str]]:
    """Exception code, description and details of a 400 answer in either format."""
    assert response.status_code == 400, response.text
    body = response.json()
    if response.headers["content-type"] == "application/problem+json":
        (entry,) = body["errors"]
        return entry["code"], entry["description"], entry.get("details", [])
    (entry,) = body["exception"]["exceptionDetailList"]
    return entry["exceptionCode"], entry["exceptionDescription"], entry.get("details", [])


def complaint(response: httpx.Response) -> str:
    """Where the one detail of a 400 finds fault: `$.a.b` in an unreadable body, `a.b` in an invalid one.

    A query parameter that is unreadable has no place: `$`.
    """
    code, _, (detail,) = error(response)
    if code == 21001:
        place = re.search(r" Path: (\S+) \| LineNumber: \d+ \| BytePositionInLine: \d+\.", detail)
        return place[1] if place else "$"
    assert code == 21405
    return str(detail.split("'")[1])


def altered(token: str) -> str:
    """Another text of the same form as a KSeF token: its last digit is another one."""
    return token[:-1] + ("0" if token[-1] != "0" else "1")


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def certificate_of(key: dict[str, Any]) -> x509.Certificate:
    return x509.load_der_x509_certificate(base64.b64decode(key["certificate"]))


def encrypt(key: dict[str, Any], plaintext: bytes, **ec_options: bool) -> bytes:
    """Encrypt to a published key: RSA-OAEP-SHA256, or ECIES in the Java layout unless told otherwise."""
    public_key = certificate_of(key).public_key()
    if isinstance(public_key, rsa.RSAPublicKey):
        return public_key.encrypt(plaintext, OAEP_SHA256)
    assert isinstance(public_key, ec.EllipticCurvePublicKey)
    return encrypt_ec(public_key, plaintext, **ec_options)


def encrypt_ec(
    public_key: ec.EllipticCurvePublicKey, plaintext: bytes, *, tag_first: bool = False, hashed: bool = False
) -> bytes:
    """The four ways in which clients write ECDH + AES-256-GCM."""
    ephemeral = ec.generate_private_key(public_key.curve)
    secret = ephemeral.exchange(ec.ECDH(), public_key)
    aes_key = hashlib.sha256(secret).digest() if hashed else secret
    nonce = os.urandom(12)
    sealed = AESGCM(aes_key).encrypt(nonce, plaintext, None)
    if tag_first:
        sealed = sealed[-16:] + sealed[:-16]
    spki = ephemeral.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return spki + nonce + sealed
