"""Invoices as a client sends them, and the bare app that does what no server of them can avoid.

Run as a program it is that app: it reads its orders from stdin, a JSON object, and prints its URL when ready:
`{"key": 32 octets in Base64, "iv": 16 octets in Base64, "answer": the body of a send's answer}`. For each
send it decodes the JSON and the Base64, hashes the ciphertext, decrypts it, hashes the document, parses it
and has libxml2 judge it by the schema: no state, no checks, no report, no journal. Above 64 KB it does that
in a thread, as the mock does, so that others need not wait.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import json
import os
import signal
import sys
from dataclasses import dataclass
from functools import partial

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench._http import Connection, request
from bench._load import OAEP, Client, Transcript
from ksef_mock.ksef.invoices.files import Encrypted, decrypt, encrypt
from ksef_mock.ksef.invoices.forms import FA3
from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.ksef.invoices.schemas import Schemas
from ksef_mock.serving.server import Server, listen, url_of

#: Invoices that a sender puts into one session, of the 10,000 that KSeF allows.
_SESSION = 9_000
#: Octets of a body from which it is worked on in a thread.
_LARGE = 65_536
_NUMBER = "BENCH/0000000000"
_numbers = itertools.count(1)


def document(nip: str, size: int) -> bytes:
    """A valid FA(3) of about so many octets, whose number is to be replaced."""
    bare, line = len(invoice(nip, number=_NUMBER)), len(invoice(nip, number=_NUMBER, lines=2))
    lines = 1 + max(0, round((size - bare) / (line - bare + 2)))
    return invoice(nip, number=_NUMBER, lines=lines)


@dataclass
class Sender:
    """Somebody who sends invoices, each with another number."""

    access: str
    wrapped_key: str
    public_key_id: str
    key: bytes
    iv: bytes
    reference: str = ""
    sent: int = 0
    #: The last answer to a send.
    answer: bytes = b""

    @classmethod
    async def of(cls, url: str, client: Client) -> Sender:
        """Logs in."""
        transcript = Transcript()
        async with await Connection.open(url) as connection:
            await client.log_in(connection, transcript)
            _, keys = await connection.send(request("GET", "/v2/security/public-key-certificates"))
        published = next(
            each for each in msgspec.json.decode(keys) if "SymmetricKeyEncryption" in each["usage"]
        )
        public = x509.load_der_x509_certificate(base64.b64decode(published["certificate"])).public_key()
        assert isinstance(public, rsa.RSAPublicKey)
        key = os.urandom(32)
        wrapped = base64.b64encode(public.encrypt(key, OAEP)).decode()
        return cls(transcript.tokens()[1], wrapped, published["publicKeyId"], key, os.urandom(16))

    async def open(self, connection: Connection) -> None:
        """Opens a session, for this sender's next invoices."""
        body = msgspec.json.encode(
            {
                "formCode": {"systemCode": "FA (3)", "schemaVersion": "1-0E", "value": "FA"},
                "encryption": {
                    "encryptedSymmetricKey": self.wrapped_key,
                    "initializationVector": base64.b64encode(self.iv).decode(),
                    "publicKeyId": self.public_key_id,
                },
            }
        )
        status, answer = await connection.send(
            request("POST", "/v2/sessions/online", body, bearer=self.access)
        )
        if status != 201:
            raise RuntimeError(f"no session: {status} {answer!r}")
        self.reference, self.sent = msgspec.json.decode(answer)["referenceNumber"], 0

    @property
    def needs_session(self) -> bool:
        """Whether the next invoice needs a new session."""
        return not self.reference or self.sent >= _SESSION

    async def send(self, connection: Connection, template: bytes) -> None:
        """Sends one more invoice into the session that is open."""
        self.sent += 1
        octets = template.replace(_NUMBER.encode(), f"BENCH/{next(_numbers):010}".encode(), 1)
        status, self.answer = await connection.send(self.request(octets))
        if status != 202:
            raise RuntimeError(f"not taken: {status} {self.answer!r}")

    def request(self, octets: bytes) -> bytes:
        """The send of an invoice."""
        sealed = encrypt(octets, self.key, self.iv)
        body = msgspec.json.encode(
            {
                "invoiceHash": _sha256(octets),
                "invoiceSize": len(octets),
                "encryptedInvoiceHash": _sha256(sealed),
                "encryptedInvoiceSize": len(sealed),
                "encryptedInvoiceContent": base64.b64encode(sealed).decode(),
            }
        )
        return request("POST", f"/v2/sessions/online/{self.reference}/invoices", body, bearer=self.access)

    def orders(self) -> bytes:
        """Of the bare app, once an invoice was sent."""
        texts = {"key": base64.b64encode(self.key).decode(), "iv": base64.b64encode(self.iv).decode()}
        return json.dumps(texts | {"answer": self.answer.decode()}).encode()


def _sha256(octets: bytes) -> str:
    return base64.b64encode(hashlib.sha256(octets).digest()).decode()


class _Work:
    """What no server can avoid."""

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._encrypted = partial(Encrypted, key=key, iv=iv)
        schema = Schemas().of(FA3)
        assert schema is not None
        self._schema = schema._compiled  # the mock's own way around it is part of what is compared

    def __call__(self, body: bytes) -> None:
        sent = msgspec.json.decode(body)
        ciphertext = base64.b64decode(sent["encryptedInvoiceContent"])
        assert _sha256(ciphertext) == sent["encryptedInvoiceHash"]
        octets = decrypt(self._encrypted(ciphertext=ciphertext))
        assert _sha256(octets) == sent["invoiceHash"]
        assert self._schema.validate(etree.fromstring(octets))


def create_app(key: bytes, iv: bytes, answer: bytes) -> Starlette:
    work = _Work(key, iv)

    async def send(request: Request) -> Response:
        body = await request.body()
        if len(body) < _LARGE:
            work(body)
        else:
            await asyncio.to_thread(work, body)
        return Response(answer, 202, media_type="application/json")

    async def health(request: Request) -> Response:
        del request
        return Response(b"{}", media_type="application/json")

    return Starlette(
        routes=[
            Route("/v2/sessions/online/{reference}/invoices", send, methods=["POST"]),
            Route("/_mock/health", health),
        ]
    )


async def _main() -> None:
    orders = json.load(sys.stdin)
    key, iv = base64.b64decode(orders["key"]), base64.b64decode(orders["iv"])
    listener = listen("127.0.0.1", 0)
    server = Server(
        create_app(key, iv, orders["answer"].encode()),
        on_ready=lambda: print("ready on", url_of(listener), flush=True),
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
    await server.serve(sockets=[listener])


if __name__ == "__main__":
    asyncio.run(_main())
