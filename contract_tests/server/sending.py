"""Sending invoices: documents, their encryption, sessions, and the wait for what becomes of them."""

from __future__ import annotations

import base64
import hashlib
import os
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from contract_tests.server import cipher, shapes
from contract_tests.server.documents import BUYER, FA3, NAMESPACE
from contract_tests.server.documents import fa as document
from contract_tests.server.expect import Failed, equal
from contract_tests.server.probe import Probe
from contract_tests.server.reply import Reply
from contract_tests.server.workspace import Session

__all__ = ["BUYER", "FA3", "NAMESPACE", "document"]  # of use wherever something is sent

USAGE = "SymmetricKeyEncryption"

OPENED = shapes.obj(referenceNumber=shapes.reference("SO"), validUntil=shapes.timestamp)
SENT = shapes.obj(referenceNumber=shapes.reference("EE"))
_INFO = shapes.obj(
    {"details": shapes.array(shapes.text), "extensions": shapes.anything},
    code=shapes.integer,
    description=shapes.text,
)
SESSION_STATUS = shapes.obj(
    {
        "validUntil": shapes.timestamp,
        "upo": shapes.obj(
            pages=shapes.array(
                shapes.obj(
                    referenceNumber=shapes.reference("EU"),
                    downloadUrl=shapes.text,
                    downloadUrlExpirationDate=shapes.timestamp,
                )
            )
        ),
        "invoiceCount": shapes.integer,
        "successfulInvoiceCount": shapes.integer,
        "failedInvoiceCount": shapes.integer,
    },
    status=_INFO,
    dateCreated=shapes.timestamp,
    dateUpdated=shapes.timestamp,
)
INVOICE_STATUS = shapes.obj(
    {
        "invoiceNumber": shapes.text,
        "ksefNumber": shapes.pattern("[0-9]{10}-[0-9]{8}-[0-9A-F]{12}-[0-9A-F]{2}"),
        "acquisitionDate": shapes.timestamp,
        "permanentStorageDate": shapes.timestamp,
        "upoDownloadUrl": shapes.text,
        "upoDownloadUrlExpirationDate": shapes.timestamp,
        "invoicingMode": shapes.choice("Online", "Offline"),
    },
    ordinalNumber=shapes.integer,
    referenceNumber=shapes.reference("EE"),
    invoiceHash=shapes.base64_text(32),
    invoicingDate=shapes.timestamp,
    status=_INFO,
)


@dataclass(frozen=True)
class Sending:
    """An open interactive session."""

    login: Session
    reference: str
    key: bytes
    iv: bytes
    opening: Reply

    @property
    def path(self) -> str:
        return f"/sessions/{self.reference}"


def sha256(octets: bytes) -> str:
    return base64.b64encode(hashlib.sha256(octets).digest()).decode()


def sealed(sending: Sending, octets: bytes) -> bytes:
    """AES-256-CBC with PKCS#7."""
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(sending.key), modes.CBC(sending.iv)).encryptor()
    return encryptor.update(padder.update(octets) + padder.finalize()) + encryptor.finalize()


def symmetric_key(ctx: Probe, usage: str = USAGE) -> tuple[str, rsa.RSAPublicKey]:
    """Identifier and key of a published RSA key of this usage."""
    for key in ctx.published_keys(usage):
        if isinstance(key.public_key, rsa.RSAPublicKey):
            return key.id, key.public_key
    raise Failed(f"expected a published RSA key for {usage}, received none")


def order(ctx: Probe, form: dict[str, str] = FA3, **changes: Any) -> tuple[dict[str, Any], bytes, bytes]:
    """The body of a right opening, but for `changes` of `encryption` (None removes), its key and IV."""
    key, iv = os.urandom(32), os.urandom(16)
    identifier, public = symmetric_key(ctx)
    encryption = {
        "encryptedSymmetricKey": base64.b64encode(cipher.oaep(key, public)).decode(),
        "initializationVector": base64.b64encode(iv).decode(),
        "publicKeyId": identifier,
    } | changes
    encryption = {name: value for name, value in encryption.items() if value is not None}
    return {"formCode": form, "encryption": encryption}, key, iv


def without(body: dict[str, Any], place: str) -> dict[str, Any]:
    """A body without one member, `batchFile.fileParts.0.fileHash`; what it shares with others stays."""
    body = deepcopy(body)
    *path, name = place.split(".")
    inside: Any = body
    for step in path:
        inside = inside[int(step) if step.isdigit() else step]
    del inside[name]
    return body


def open_(ctx: Probe, body: Any, login: Session | None = None) -> Reply:
    """POST /sessions/online."""
    return ctx.post("/sessions/online", json=body, bearer=(login or ctx.owner.session).access_token)


def opened(ctx: Probe, login: Session | None = None, form: dict[str, str] = FA3, **changes: Any) -> Sending:
    """A session that could be opened."""
    login = login or ctx.owner.session
    body, key, iv = order(ctx, form, **changes)
    reply = open_(ctx, body, login).answers(201, OPENED)
    return Sending(login, reply.at("referenceNumber"), key, iv, reply)


def body_of(sending: Sending, octets: bytes, content: bytes | None = None, **changes: Any) -> dict[str, Any]:
    """The body of a right send, but for `changes`; None removes a member."""
    content = sealed(sending, octets) if content is None else content
    body = {
        "invoiceHash": sha256(octets),
        "invoiceSize": len(octets),
        "encryptedInvoiceHash": sha256(content),
        "encryptedInvoiceSize": len(content),
        "encryptedInvoiceContent": base64.b64encode(content).decode(),
    } | changes
    return {name: value for name, value in body.items() if value is not None}


def send(ctx: Probe, sending: Sending, body: Any) -> Reply:
    """POST /sessions/online/{referenceNumber}/invoices."""
    path = f"/sessions/online/{sending.reference}/invoices"
    return ctx.post(path, json=body, bearer=sending.login.access_token)


def sent(ctx: Probe, sending: Sending, octets: bytes, content: bytes | None = None, **changes: Any) -> str:
    """The reference number of an invoice that was taken."""
    reply = send(ctx, sending, body_of(sending, octets, content, **changes)).answers(202, SENT)
    return str(reply.at("referenceNumber"))


def judged(ctx: Probe, sending: Sending, reference: str) -> Reply:
    """The status of an invoice, once it is neither 100 nor 150."""
    replies: list[Reply] = []

    def over() -> bool:
        path = f"{sending.path}/invoices/{reference}"
        replies.append(ctx.get(path, bearer=sending.login.access_token).answers(200, INVOICE_STATUS))
        return replies[-1].at("status", "code") not in (100, 150)

    ctx.until(over, "a verdict on the invoice")
    return replies[-1]


def comes_to(
    ctx: Probe, sending: Sending, octets: bytes, code: int, content: bytes | None = None, **changes: Any
) -> Reply:
    """Send an invoice and expect that it ends in this status."""
    reply = judged(ctx, sending, sent(ctx, sending, octets, content, **changes))
    equal("status of the invoice", reply.at("status", "code"), code)
    return reply


def close(ctx: Probe, sending: Sending) -> Reply:
    """POST /sessions/online/{referenceNumber}/close."""
    return ctx.post(f"/sessions/online/{sending.reference}/close", bearer=sending.login.access_token)


def status(ctx: Probe, sending: Sending) -> Reply:
    """GET /sessions/{referenceNumber}."""
    return ctx.get(sending.path, bearer=sending.login.access_token).answers(200, SESSION_STATUS)


def ends(ctx: Probe, sending: Sending, code: int) -> Reply:
    """Expect that a session comes to this status."""
    replies: list[Reply] = []

    def over() -> bool:
        replies.append(status(ctx, sending))
        return bool(replies[-1].at("status", "code") == code)

    ctx.until(over, f"status {code} of the session")
    return replies[-1]
