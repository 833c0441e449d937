"""A KSeF client, right but for the flaws it is told to have.

    python client.py [FLAW …]

It is written for the tests of client conformance alone: each flaw is a mistake that a client can make.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import sys
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
JSON = "application/json"
FA3 = {"systemCode": "FA (3)", "schemaVersion": "1-0E", "value": "FA"}
#: How often a flaw repeats what it should not: enough to be noticed, and it ends.
AD_NAUSEAM = 30


class Ended(Exception):
    """The client ends, with this exit code."""

    def __init__(self, code: int) -> None:
        self.code = code


class TimeIsUp(Exception):
    """It was to be stopped by then."""


class Answer:
    def __init__(self, response: http.client.HTTPResponse, legacy_only: bool) -> None:
        self.status = response.status
        self.headers = response.headers
        self.octets = response.read()
        self._legacy_only = legacy_only

    @property
    def text(self) -> str:
        return self.octets.decode()

    @property
    def body(self) -> Any:
        return json.loads(self.octets)

    @property
    def codes(self) -> list[int]:
        legacy = self.body.get("exception", {}).get("exceptionDetailList", [])
        problem = [] if self._legacy_only else self.body.get("errors", [])
        return [entry.get("exceptionCode", entry.get("code")) for entry in [*legacy, *problem]]


def sha256(octets: bytes) -> str:
    return base64.b64encode(hashlib.sha256(octets).digest()).decode()


def sealed(plaintext: bytes, key: bytes, iv: bytes) -> bytes:
    """Encrypted as KSeF wants invoices and packages: AES-256-CBC with PKCS#7 padding."""
    missing = 16 - len(plaintext) % 16
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(plaintext + bytes([missing]) * missing)


def target_of(link: str) -> str:
    """Path and query of a signed link."""
    address = urlsplit(link)
    return f"{address.path}?{address.query}"


class Client:
    def __init__(
        self,
        flaws: Collection[str],
        environment: Mapping[str, str],
        say: Callable[[str], object],
        deadline: float = float("inf"),
    ) -> None:
        self.flaws = flaws
        self.environment = environment
        self.say = say
        self.deadline = deadline
        self.nip, self.token = environment["KSEF_NIP"], environment["KSEF_TOKEN"]

    def run(self) -> int:
        """Log in, do what is to be done; the exit code."""
        try:
            self.do(self.environment["KSEF_TASK"], self.log_in())
        except Ended as end:
            return end.code
        self.say("done")
        return 0

    def do(self, task: str, tokens: dict[str, Any]) -> None:
        """Send an invoice, or make two requests."""
        if task == "send":
            self.send_invoice(tokens)
        else:
            self.request(tokens, "/auth/sessions")
            self.request(tokens, "/limits/context")

    def give_up(self, message: str) -> NoReturn:
        self.say(message)
        if "prints-secrets-on-failure" in self.flaws:
            self.say(f"config: token={self.token}")
        raise Ended(0 if "always-0" in self.flaws else 1)

    # -- HTTP

    def exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        if time.monotonic() > self.deadline:
            raise TimeIsUp
        address = urlsplit(self.environment["KSEF_URL"])
        assert address.hostname is not None
        patience = 5 if "impatient" in self.flaws else 60
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=patience)
        try:
            connection.request(method, target, body, headers)
            return Answer(connection.getresponse(), "legacy-errors-only" in self.flaws)
        finally:
            connection.close()

    def send_once(self, method: str, path: str, bearer: str | None, body: bytes | None, kind: str) -> Answer:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        if body is not None:
            headers["Content-Type"] = kind
        return self.exchange(method, f"/v2{path}", headers, body)

    def send(
        self,
        method: str,
        path: str,
        bearer: str | None = None,
        body: bytes | None = None,
        kind: str = JSON,
        *,
        stubborn: bool = False,
        failures_allowed: int = 0,
    ) -> Answer:
        """Send, and send again after 429 and 503 when the time has come."""
        failures = 0
        most = AD_NAUSEAM if stubborn or "repeats-forever" in self.flaws else failures_allowed
        refusals = 0
        while refusals < 10:
            try:
                answer = self.send_once(method, path, bearer, body, kind)
            except OSError as error:
                failures += 1
                if failures > most:
                    self.give_up(f"no answer: {error}")
                continue
            if answer.headers["X-System-Warning"] and "warning-is-error" in self.flaws:
                self.give_up("there is a warning")
            if answer.status == 200 and "strict-members" in self.flaws and "OfTheFuture" in answer.text:
                self.give_up("unknown member")
            if answer.status == 500 and failures < most:
                failures += 1
                continue
            if answer.status != 429 and not (answer.status == 503 and answer.headers["Retry-After"]):
                return answer
            if "no-429" in self.flaws:
                self.give_up("429")
            if "ignores-retry-after" not in self.flaws:
                time.sleep(int(answer.headers["Retry-After"]))
            refusals += 1
        return self.give_up("429 again and again")

    # -- logging in

    def log_in(self) -> dict[str, Any]:
        challenge = self.send("POST", "/auth/challenge").body
        certificate = self.environment["KSEF_METHOD"] == "certificate"
        answer = self.submit_signature(challenge) if certificate else self.submit_token(challenge)
        if answer.status != 202:
            self.give_up(f"the login was refused: {answer.status}")
        started = answer.body
        bearer = started["authenticationToken"]["token"]
        if "redeems-at-once" not in self.flaws:
            self.await_success(started["referenceNumber"], bearer)
        again = "redeems-forever" in self.flaws
        for _ in range(AD_NAUSEAM if again else 1):
            answer = self.send("POST", "/auth/token/redeem", bearer, stubborn=again)
            if answer.status == 200:
                break
        if answer.status != 200:
            self.give_up(f"not redeemed: {answer.status}")
        tokens: dict[str, Any] = answer.body
        if "prints-secrets" in self.flaws:
            self.say(str(tokens))
        return tokens

    def submit_token(self, challenge: dict[str, Any]) -> Answer:
        for _ in range(2):
            key = self.chosen(self.send("GET", "/security/public-key-certificates").body)
            plaintext = f"{self.token}|{self.timestamp_of(challenge)}".encode()
            in_the_clear = "in-the-clear" in self.flaws
            ciphertext = plaintext if in_the_clear else self.encrypted(plaintext, key["certificate"])
            body = {
                "challenge": challenge["challenge"],
                "contextIdentifier": {"type": "Nip", "value": self.nip},
                "encryptedToken": base64.b64encode(ciphertext).decode(),
                "publicKeyId": key["publicKeyId"],
            }
            answer = self.submit("/auth/ksef-token", json.dumps(body).encode(), JSON)
            if answer.status != 400 or 21470 not in answer.codes or "no-21470" in self.flaws:
                break
        return answer

    def submit_signature(self, challenge: dict[str, Any]) -> Answer:
        from ksef_client_min import load_pem
        from ksef_client_min.xades import build_auth_token_request, sign

        certificate, key = (Path(self.environment[name]) for name in ("KSEF_CERTIFICATE", "KSEF_KEY"))
        owner = load_pem(certificate, key)
        if "ec-only" in self.flaws and isinstance(owner.key, rsa.RSAPrivateKey):
            self.give_up("not an EC key")
        unsigned = build_auth_token_request(challenge["challenge"], ("Nip", self.nip))
        signed = sign(unsigned, owner.certificate, owner.key)
        return self.submit("/auth/xades-signature", signed, "application/xml")

    def submit(self, path: str, body: bytes, kind: str) -> Answer:
        answer = self.send("POST", path, None, body, kind)
        if "resubmits" in self.flaws:
            for _ in range(AD_NAUSEAM):
                if answer.status == 202:
                    break
                answer = self.send("POST", path, None, body, kind)
        return answer

    def chosen(self, keys: list[dict[str, Any]]) -> dict[str, Any]:
        if "first-key" in self.flaws:
            return keys[0]
        if "known-usages-only" in self.flaws:
            for key in keys:
                if not set(key["usage"]) <= {"KsefTokenEncryption", "SymmetricKeyEncryption"}:
                    self.give_up("what usage is this?")
        keys = [key for key in keys if "KsefTokenEncryption" in key["usage"]]
        if "one-key-only" in self.flaws and len(keys) != 1:
            self.give_up("which key?")
        newest = sorted(keys, key=lambda key: datetime.fromisoformat(key["validFrom"]), reverse=True)
        if "newest-key" in self.flaws:
            return newest[0]
        if "oldest-key" in self.flaws:
            return newest[-1]
        now = datetime.now(UTC)
        return next(
            key
            for key in newest
            if datetime.fromisoformat(key["validFrom"]) <= now < datetime.fromisoformat(key["validTo"])
        )

    def encrypted(self, plaintext: bytes, certificate: str) -> bytes:
        key = x509.load_der_x509_certificate(base64.b64decode(certificate)).public_key()
        if isinstance(key, rsa.RSAPublicKey):
            return key.encrypt(plaintext, OAEP)
        if "rsa-only" in self.flaws:
            self.give_up("not an RSA key")
        assert isinstance(key, ec.EllipticCurvePublicKey)
        ephemeral = ec.generate_private_key(key.curve)
        nonce = os.urandom(12)
        sealed = AESGCM(ephemeral.exchange(ec.ECDH(), key)).encrypt(nonce, plaintext, None)
        spki = ephemeral.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return spki + nonce + sealed

    def timestamp_of(self, challenge: dict[str, Any]) -> int:
        milliseconds: int = challenge["timestampMs"]
        if "seconds" in self.flaws:
            return milliseconds // 1000
        if "rounds" in self.flaws:
            return round(datetime.fromisoformat(challenge["timestamp"]).timestamp() * 1000)
        return milliseconds

    def await_success(self, reference: str, bearer: str) -> None:
        polls = 0
        while True:
            query = f"?token={bearer}" if "jwt-in-url" in self.flaws else ""
            answer = self.send("GET", f"/auth/{reference}{query}", bearer)
            polls += 1
            if answer.status != 200:
                self.give_up(f"no status: {answer.status}")
            code = answer.body["status"]["code"]
            if code == 200:
                return
            if code != 100 and "polls-forever" not in self.flaws:
                self.give_up(f"the login failed: {code}")
            if polls == 3 and "polls-thrice" in self.flaws:
                self.give_up("it takes too long")
            if "hammers" not in self.flaws:
                time.sleep(0.15)

    # -- the session

    def request(self, tokens: dict[str, Any], path: str) -> None:
        if "refreshes-early" in self.flaws:
            for _ in range(AD_NAUSEAM):
                left = datetime.fromisoformat(tokens["accessToken"]["validUntil"]) - datetime.now(UTC)
                if left > timedelta(seconds=60):
                    break
                self.refresh(tokens)
        answer = self.send("GET", path, tokens["accessToken"]["token"])
        refusals = {401, 403} if "refreshes-on-403" in self.flaws else {401}
        if answer.status in refusals and "never-refreshes" not in self.flaws:
            for _ in range(AD_NAUSEAM if "refreshes-forever" in self.flaws else 1):
                self.refresh(tokens)
                answer = self.send("GET", path, tokens["accessToken"]["token"])
                if answer.status == 200:
                    break
        if answer.status != 200:
            if answer.status == 403 and "insists" in self.flaws:
                for _ in range(AD_NAUSEAM):
                    self.send("GET", path, tokens["accessToken"]["token"])
            self.give_up(f"{path}: {answer.status}")

    def refresh(self, tokens: dict[str, Any]) -> None:
        for _ in range(AD_NAUSEAM if "refreshes-forever" in self.flaws else 1):
            answer = self.send("POST", "/auth/token/refresh", tokens["refreshToken"]["token"])
            if answer.status == 200:
                tokens["accessToken"] = answer.body["accessToken"]
                if "forgets-refresh-token" in self.flaws:
                    tokens["refreshToken"] = answer.body.get("refreshToken", {"token": ""})
                return
        self.give_up(f"no refresh: {answer.status}")

    # -- sending an invoice

    def send_invoice(self, tokens: dict[str, Any]) -> None:
        """Send the invoice in a session, wait for its status, close the session, fetch the UPO."""
        document = Path(self.environment["KSEF_INVOICE"]).read_bytes()
        bearer = tokens["accessToken"]["token"]
        for _ in range(2):
            session, key, iv = self.open(bearer)
            answer = self.send_in(session, bearer, document, key, iv)
            if answer.status != 400 or not {21180, 21184} & set(answer.codes):
                break
            if "stays-in-its-session" in self.flaws:
                break
        if answer.status != 202:
            self.give_up(f"the invoice was not taken: {answer.status}")
        if "closes-nothing" in self.flaws:
            self.await_verdict(session, bearer, answer.body["referenceNumber"])
            return
        if "blind" not in self.flaws:
            code = self.await_verdict(session, bearer, answer.body["referenceNumber"])
            if code == 450 and "resends-refused" in self.flaws:
                self.send_in(session, bearer, document, key, iv)
            accepted = {200} if "440-is-failure" in self.flaws else {200, 440}
            if code not in accepted:
                self.close(session, bearer)
                self.give_up(f"the invoice was refused: {code}")
        self.close(session, bearer)
        self.fetch_confirmation(session, bearer)

    def open(self, bearer: str) -> tuple[str, bytes, bytes]:
        key, iv = os.urandom(32), os.urandom(16)
        opened = self.order("/sessions/online", bearer, key, iv, formCode=FA3)
        return opened["referenceNumber"], key, iv

    def order(self, path: str, bearer: str, key: bytes, iv: bytes, **members: Any) -> dict[str, Any]:
        """Ask for something that is encrypted with this key, which KSeF is told; the answer."""
        published = self.send("GET", "/security/public-key-certificates").body
        chosen = next(each for each in published if "SymmetricKeyEncryption" in each["usage"])
        members["encryption"] = {
            "encryptedSymmetricKey": base64.b64encode(self.encrypted(key, chosen["certificate"])).decode(),
            "initializationVector": base64.b64encode(iv).decode(),
            "publicKeyId": chosen["publicKeyId"],
        }
        ordered = self.send("POST", path, bearer, json.dumps(members).encode())
        if ordered.status != 201:
            self.give_up(f"{path}: {ordered.status}")
        body: dict[str, Any] = ordered.body
        return body

    def send_in(self, session: str, bearer: str, document: bytes, key: bytes, iv: bytes) -> Answer:
        encrypted = sealed(document, key, iv)
        body = {
            "invoiceHash": sha256(document),
            "invoiceSize": len(document),
            "encryptedInvoiceHash": sha256(encrypted),
            "encryptedInvoiceSize": len(encrypted),
            "encryptedInvoiceContent": base64.b64encode(encrypted).decode(),
        }
        path, octets = f"/sessions/online/{session}/invoices", json.dumps(body).encode()
        if "resends-at-once" in self.flaws:
            self.send("POST", path, bearer, octets)
        # Sending twice is no danger: KSeF knows the invoice again.
        return self.send("POST", path, bearer, octets, failures_allowed=1)

    def await_verdict(self, session: str, bearer: str, reference: str) -> int:
        while True:
            found = self.send("GET", f"/sessions/{session}/invoices/{reference}", bearer)
            code: int = found.body["status"]["code"]
            if code not in (100, 150):
                return code
            time.sleep(0.05)

    def close(self, session: str, bearer: str) -> None:
        path = f"/sessions/online/{session}/close"
        answer = self.send("POST", path, bearer)
        if answer.status == 500 and "trusts-any-close" not in self.flaws:
            blindly = "closes-again" in self.flaws
            if blindly or self.send("GET", f"/sessions/{session}", bearer).body["status"]["code"] == 100:
                answer = self.send("POST", path, bearer)
            else:
                return
        if answer.status != 204 and "trusts-any-close" not in self.flaws:
            self.give_up(f"not closed: {answer.status}")

    def fetch_confirmation(self, session: str, bearer: str) -> None:
        for _ in range(1 if "keeps-the-link" in self.flaws else 2):
            while True:
                state = self.send("GET", f"/sessions/{session}", bearer).body
                if state["status"]["code"] not in (100, 170):
                    break
                time.sleep(0.05)
            if "upo" not in state:  # the invoice was accepted in another session, or nobody has asked
                return
            answer = self.exchange("GET", target_of(state["upo"]["pages"][0]["downloadUrl"]), {})
            if answer.status == 200:
                return
        self.give_up(f"no UPO: {answer.status}")


if __name__ == "__main__":
    sys.exit(Client(sys.argv[1:], os.environ, print).run())
