"""A bare ERP: opens sessions, encrypts and sends invoices, by HTTP alone."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.hazmat.primitives import padding as block_padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.support import NIP, Api, b64, encrypt

FA3 = {"systemCode": "FA (3)", "schemaVersion": "1-0E", "value": "FA"}


def sha256(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


@dataclass
class Session:
    """An open session and what it is encrypted with."""

    reference: str
    key: bytes
    iv: bytes
    valid_until: str = ""

    def seal(self, document: bytes) -> bytes:
        padder = block_padding.PKCS7(128).padder()
        encryptor = Cipher(algorithms.AES(self.key), modes.CBC(self.iv)).encryptor()
        padded = padder.update(document) + padder.finalize()
        return encryptor.update(padded) + encryptor.finalize()

    def body(self, document: bytes, sealed: bytes | None = None, **changes: Any) -> dict[str, Any]:
        """The body of a correct send, but for `changes` (None removes a member)."""
        sealed = self.seal(document) if sealed is None else sealed
        body = {
            "invoiceHash": sha256(document),
            "invoiceSize": len(document),
            "encryptedInvoiceHash": sha256(sealed),
            "encryptedInvoiceSize": len(sealed),
            "encryptedInvoiceContent": b64(sealed),
        } | changes
        return {name: value for name, value in body.items() if value is not None}


@dataclass
class Erp:
    """Somebody who is logged in."""

    api: Api
    access: str
    nip: str = NIP
    sessions: list[Session] = field(default_factory=list)

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.api.call(method, path, bearer=self.access, **options)

    def opening(
        self, *, form: dict[str, str] | None = None, **changes: Any
    ) -> tuple[dict[str, Any], Session]:
        """The body that opens a session; `changes`: of `encryption`."""
        key, iv = os.urandom(32), os.urandom(16)
        published = self.api.public_keys("SymmetricKeyEncryption")[0]
        encryption = {
            "encryptedSymmetricKey": b64(encrypt(published, key)),
            "initializationVector": b64(iv),
            "publicKeyId": published["publicKeyId"],
        } | changes
        encryption = {name: value for name, value in encryption.items() if value is not None}
        return {"formCode": form or FA3, "encryption": encryption}, Session("", key, iv)

    def open(self, *, form: dict[str, str] | None = None, **changes: Any) -> Session:
        body, session = self.opening(form=form, **changes)
        opened = self.call("POST", "/sessions/online", json=body)
        assert opened.status_code == 201, opened.text
        session.reference = opened.json()["referenceNumber"]
        session.valid_until = opened.json()["validUntil"]
        return session

    def send(
        self, session: Session, document: bytes, sealed: bytes | None = None, **changes: Any
    ) -> httpx.Response:
        body = session.body(document, sealed, **changes)
        return self.call("POST", f"/sessions/online/{session.reference}/invoices", json=body)

    def sent(
        self, session: Session, document: bytes, sealed: bytes | None = None, **changes: Any
    ) -> dict[str, Any]:
        """The invoice's status after a send that was accepted."""
        answer = self.send(session, document, sealed, **changes)
        assert answer.status_code == 202, answer.text
        return self.invoice(session, answer.json()["referenceNumber"])

    def invoice(self, session: Session, reference: str) -> dict[str, Any]:
        return self._json(f"/sessions/{session.reference}/invoices/{reference}")

    def status(self, session: Session) -> dict[str, Any]:
        return self._json(f"/sessions/{session.reference}")

    def close(self, session: Session) -> httpx.Response:
        return self.call("POST", f"/sessions/online/{session.reference}/close")

    def closed(self, session: Session) -> dict[str, Any]:
        """The session's status after a close."""
        answer = self.close(session)
        assert (answer.status_code, answer.content) == (204, b""), answer.text
        return self.status(session)

    def _json(self, path: str) -> dict[str, Any]:
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body
