"""A bare client of batch sessions: packs, cuts, encrypts, uploads, by HTTP alone."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import time
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from ksef_mock.ksef.invoices.samples import invoice
from ksef_mock.testing import MockServer
from tests.sending.erp import FA3, Erp, Session, sha256
from tests.support import NIP, Api

#: Seconds until a package of a test is surely processed.
PATIENCE = 120.0


def zipped(files: Mapping[str, bytes]) -> bytes:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return octets.getvalue()


def tarred(files: Mapping[str, bytes], form: int = tarfile.USTAR_FORMAT) -> bytes:
    octets = io.BytesIO()
    with tarfile.open(fileobj=octets, mode="w", format=form) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(octets.getvalue(), 6)


def invoices(number: int, seller: str = NIP, **options: Any) -> dict[str, bytes]:
    """So many good ones, each with a number of its own."""
    return {
        f"faktura_{each}.xml": invoice(seller, number=f"{os.urandom(6).hex()}/{each}", **options)
        for each in range(1, number + 1)
    }


@dataclass
class Batch:
    """A package on its way: what it is, and the session that it is sent in."""

    package: bytes
    session: Session
    #: Encrypted.
    parts: list[bytes]
    reference: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Sender:
    """Somebody who is logged in and sends packages."""

    erp: Erp

    @classmethod
    def of(cls, mock: MockServer, api: Api, nip: str = NIP, **options: Any) -> Sender:
        token = mock.issue_token(nip, **options)
        return cls(Erp(api, api.login(token, nip=nip).access_token, nip))

    def packed(self, package: bytes, cuts: int = 1) -> Batch:
        """The package in so many parts of about one size."""
        _, session = self.erp.opening()
        size = -(-len(package) // cuts)
        pieces = [package[start : start + size] for start in range(0, len(package), size)]
        return Batch(package, session, [session.seal(piece) for piece in pieces])

    def opening(
        self,
        batch: Batch,
        *,
        form: dict[str, str] | None = None,
        parts: Sequence[Mapping[str, Any]] | None = None,
        encryption: Mapping[str, Any] | None = None,
        offline: bool | None = None,
        **changes: Any,
    ) -> dict[str, Any]:
        """The body that opens its session, but for `changes` of `batchFile` (None removes a member)."""
        body, session = self.erp.opening(form=form or FA3, **(encryption or {}))
        if not batch.parts or batch.session.reference == "":
            # The key that the body carries is the one that the parts are sealed with.
            size = -(-len(batch.package) // max(1, len(batch.parts)))
            batch.parts = [
                session.seal(batch.package[start : start + size])
                for start in range(0, len(batch.package), size)
            ]
            batch.session = session
        file = {
            "fileSize": len(batch.package),
            "fileHash": sha256(batch.package),
            "fileParts": list(parts) if parts is not None else declared(batch.parts),
        } | changes
        body["batchFile"] = {name: value for name, value in file.items() if value is not None}
        if offline is not None:
            body["offlineMode"] = offline
        return body

    def open(self, package: bytes, cuts: int = 1, **options: Any) -> Batch:
        batch = self.packed(package, cuts)
        answer = self.erp.call("POST", "/sessions/batch", json=self.opening(batch, **options))
        assert answer.status_code == 201, answer.text
        batch.reference = batch.session.reference = answer.json()["referenceNumber"]
        batch.requests = answer.json()["partUploadRequests"]
        return batch

    def put(self, batch: Batch, ordinal: int, octets: bytes | None = None, **options: Any) -> httpx.Response:
        request = next(each for each in batch.requests if each["ordinalNumber"] == ordinal)
        headers = dict(options.pop("headers", request["headers"]))
        with httpx.Client(timeout=60) as http:  # without the bearer
            return http.request(
                request["method"],
                options.pop("url", request["url"]),
                content=batch.parts[ordinal - 1] if octets is None else octets,
                headers=headers,
            )

    def upload(self, batch: Batch, ordinals: Iterable[int] | None = None) -> None:
        for ordinal in ordinals if ordinals is not None else range(1, len(batch.parts) + 1):
            answer = self.put(batch, ordinal)
            assert (answer.status_code, answer.content) == (201, b""), answer.text

    def close(self, batch: Batch) -> httpx.Response:
        return self.erp.call("POST", f"/sessions/batch/{batch.reference}/close")

    def closed(self, batch: Batch) -> None:
        answer = self.close(batch)
        assert (answer.status_code, answer.content) == (204, b""), answer.text

    def status(self, batch: Batch) -> dict[str, Any]:
        return self.erp.status(batch.session)

    def ended(self, batch: Batch) -> dict[str, Any]:
        """The status once it is no more 150."""
        return ended(lambda: self.status(batch))

    def sent(self, package: bytes, cuts: int = 1, **options: Any) -> tuple[Batch, dict[str, Any]]:
        """A package that was opened, uploaded, closed, and what it has come to."""
        batch = self.open(package, cuts, **options)
        self.upload(batch)
        self.closed(batch)
        return batch, self.ended(batch)

    def invoices(self, batch: Batch, *, failed: bool = False) -> list[dict[str, Any]]:
        """All of the session, in order."""
        path = f"/sessions/{batch.reference}/invoices" + ("/failed" if failed else "")
        found: list[dict[str, Any]] = []
        headers: dict[str, str] = {}
        while True:
            body = self.erp.call("GET", path, params={"pageSize": 1000}, headers=headers).json()
            found += body["invoices"]
            if "continuationToken" not in body:
                return found
            headers = {"x-continuation-token": body["continuationToken"]}


def declared(parts: Sequence[bytes]) -> list[dict[str, Any]]:
    """`fileParts` as it should be."""
    return [
        {"ordinalNumber": ordinal, "fileSize": len(part), "fileHash": sha256(part)}
        for ordinal, part in enumerate(parts, 1)
    ]


def ended(status: Any) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while (found := status())["status"]["code"] == 150:
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    answer: dict[str, Any] = found
    return answer
