"""Batch sessions: packages, their parts and uploads, and the wait for what becomes of them."""

from __future__ import annotations

import gzip
import io
import tarfile
import time
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from contract_tests.server import shapes
from contract_tests.server.expect import Failed, equal
from contract_tests.server.probe import Probe
from contract_tests.server.reply import Reply
from contract_tests.server.sending import (
    SESSION_STATUS,
    Sending,
    document,
    order,
    sealed,
    sha256,
)
from contract_tests.server.workspace import Session

#: Seconds for a target of our own to process a package; pauses between looks at it.
_PATIENCE, _PAUSE = 60.0, 0.02

OPENED = shapes.obj(
    referenceNumber=shapes.reference("SB"),
    partUploadRequests=shapes.array(
        shapes.obj(
            ordinalNumber=shapes.integer,
            method=shapes.text,
            url=shapes.text,
            headers=shapes.anything,
        )
    ),
)


@dataclass(frozen=True)
class Batch:
    """An open batch session; `sending` is what its parts are sealed with."""

    sending: Sending
    parts: list[bytes]
    uploads: dict[int, dict[str, Any]]

    @property
    def login(self) -> Session:
        return self.sending.login

    @property
    def reference(self) -> str:
        return self.sending.reference


def zipped(files: Mapping[str, bytes]) -> bytes:
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return octets.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    octets = io.BytesIO()
    with tarfile.open(fileobj=octets, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(octets.getvalue())


def documents(login: Session, number: int = 2, **options: Any) -> dict[str, bytes]:
    """So many good invoices, as files."""
    return {f"faktura_{each}.xml": document(login.nip, **options) for each in range(1, number + 1)}


def declared(parts: Iterable[bytes]) -> list[dict[str, Any]]:
    """`fileParts` as it should be."""
    return [
        {"ordinalNumber": ordinal, "fileSize": len(part), "fileHash": sha256(part)}
        for ordinal, part in enumerate(parts, 1)
    ]


def opening(
    ctx: Probe, package: bytes, login: Session, cuts: int = 1, **changes: Any
) -> tuple[dict[str, Any], Sending, list[bytes]]:
    """The body that opens a session for a package in so many parts, but for `changes` of `batchFile`."""
    body, key, iv = order(ctx)
    sending = Sending(login, "", key, iv, None)  # type: ignore[arg-type]  # there is no answer yet
    size = -(-len(package) // cuts)
    parts = [sealed(sending, package[start : start + size]) for start in range(0, len(package), size)]
    file = {
        "fileSize": len(package),
        "fileHash": sha256(package),
        "fileParts": declared(parts),
    } | changes
    body["batchFile"] = {name: value for name, value in file.items() if value is not None}
    return body, sending, parts


def open_(ctx: Probe, body: Any, login: Session) -> Reply:
    """POST /sessions/batch."""
    return ctx.post("/sessions/batch", json=body, bearer=login.access_token)


def opened(
    ctx: Probe,
    package: bytes,
    login: Session,
    cuts: int = 1,
    *,
    encryption: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Batch:
    """A session that could be opened."""
    body, sending, parts = opening(ctx, package, login, cuts, **changes)
    body["encryption"] |= encryption or {}
    reply = open_(ctx, body, login).answers(201, OPENED)
    known = Sending(login, reply.at("referenceNumber"), sending.key, sending.iv, reply)
    uploads = {each["ordinalNumber"]: each for each in reply.at("partUploadRequests")}
    return Batch(known, parts, uploads)


def put(
    ctx: Probe,
    batch: Batch,
    ordinal: int,
    *,
    octets: bytes | None = None,
    change: tuple[str, str] = ("", ""),
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Upload a part by its link, without a bearer.

    Args:
        change: what is replaced in the link, and by what.
    """
    upload = batch.uploads[ordinal]
    url = upload["url"]
    if not url.startswith(ctx.target.url):
        ctx.skip("the links lead to another host")
    split = urlsplit(url)
    path = f"{split.path}?{split.query}"
    return ctx.request(
        upload["method"],
        path.replace(*change) if change[0] else path,
        prefix="",
        content=batch.parts[ordinal - 1] if octets is None else octets,
        headers=dict(upload["headers"]) | dict(headers or {}),
    )


def upload(ctx: Probe, batch: Batch, ordinals: Iterable[int] | None = None) -> None:
    """Upload parts, all unless told otherwise."""
    for ordinal in ordinals if ordinals is not None else range(1, len(batch.parts) + 1):
        equal(f"status of the upload of part {ordinal}", put(ctx, batch, ordinal).status, 201)


def close(ctx: Probe, batch: Batch) -> Reply:
    """POST /sessions/batch/{referenceNumber}/close."""
    return ctx.post(f"/sessions/batch/{batch.reference}/close", bearer=batch.login.access_token)


def status(ctx: Probe, batch: Batch) -> Reply:
    """GET /sessions/{referenceNumber}."""
    path = f"/sessions/{batch.reference}"
    return ctx.get(path, bearer=batch.login.access_token).answers(200, SESSION_STATUS)


def ended(ctx: Probe, batch: Batch) -> Reply:
    """The status once it is no more 150."""
    replies: list[Reply] = []

    def over() -> bool:
        replies.append(status(ctx, batch))
        return bool(replies[-1].at("status", "code") != 150)

    if ctx.target.shared:
        ctx.until(over, "the end of the batch session")
        return replies[-1]
    # Its own process works on the package meanwhile: asking faster does not make it faster.
    deadline = time.monotonic() + _PATIENCE
    while not over():
        if time.monotonic() > deadline:
            raise Failed(f"expected the end of the batch session within {_PATIENCE:g} s")
        time.sleep(_PAUSE)
    return replies[-1]


def comes_to(ctx: Probe, batch: Batch, code: int) -> Reply:
    """Upload, close, and expect that the session ends in this status."""
    upload(ctx, batch)
    close(ctx, batch).answers(204)
    reply = ended(ctx, batch)
    equal("status of the session", reply.at("status", "code"), code)
    return reply


def invoices(ctx: Probe, batch: Batch, *, failed: bool = False) -> list[dict[str, Any]]:
    """The invoices of the session: GET /sessions/{referenceNumber}/invoices, or …/failed."""
    path = f"/sessions/{batch.reference}/invoices" + ("/failed" if failed else "")
    reply = ctx.get(path, params={"pageSize": 1_000}, bearer=batch.login.access_token).answers(200)
    found: list[dict[str, Any]] = reply.at("invoices")
    return found
