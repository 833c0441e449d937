"""Exports: ordered, waited for, fetched by their links, decrypted, unpacked."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from contract_tests.server import shapes
from contract_tests.server.expect import Failed, equal
from contract_tests.server.probe import Probe
from contract_tests.server.reply import Reply
from contract_tests.server.sending import comes_to, document, opened, order, sha256
from contract_tests.server.workspace import Session

METADATA = "_metadata.json"
ORDERED = shapes.obj(referenceNumber=shapes.reference("EH"))
_PART = shapes.obj(
    ordinalNumber=shapes.integer,
    partName=shapes.text,
    method=shapes.choice("GET"),
    url=shapes.text,
    partSize=shapes.integer,
    partHash=shapes.base64_text(32),
    encryptedPartSize=shapes.integer,
    encryptedPartHash=shapes.base64_text(32),
    expirationDate=shapes.timestamp,
)
STATUS = shapes.obj(
    {
        "completedDate": shapes.timestamp,
        "packageExpirationDate": shapes.timestamp,
        "package": shapes.obj(
            {
                "lastIssueDate": shapes.pattern(r"\d{4}-\d\d-\d\d"),
                "lastInvoicingDate": shapes.timestamp,
                "lastPermanentStorageDate": shapes.timestamp,
                "permanentStorageHwmDate": shapes.timestamp,
            },
            invoiceCount=shapes.integer,
            size=shapes.integer,
            parts=shapes.array(_PART),
            isTruncated=shapes.boolean,
            compressionType=shapes.choice("Zip", "TarGz"),
        ),
    },
    status=shapes.STATUS_INFO,
)


@dataclass(frozen=True)
class Export:
    """An export that was ordered, and what its package is encrypted with."""

    login: Session
    reference: str
    key: bytes
    iv: bytes

    @property
    def path(self) -> str:
        return f"/invoices/exports/{self.reference}"


def filters(ctx: Probe, date_type: str = "PermanentStorage", **changes: Any) -> dict[str, Any]:
    """As the seller, since yesterday; `range_` changes the range, the rest the filters."""
    start = (ctx.challenge().moment - timedelta(days=1)).isoformat()
    date_range = {"dateType": date_type, "from": start, **changes.pop("range_", {})}
    return {"subjectType": "Subject1", "dateRange": date_range} | changes


def ordering(ctx: Probe, login: Session, wanted: Any, **changes: Any) -> tuple[Reply, bytes, bytes]:
    """The answer to an order, its key and IV; `encryption` changes that member, the rest the body."""
    body, key, iv = order(ctx, **changes.pop("encryption", {}))
    body = {"encryption": body["encryption"], "filters": wanted} | changes
    body = {name: value for name, value in body.items() if value is not None}
    return ctx.post("/invoices/exports", json=body, bearer=login.access_token), key, iv


def ordered(ctx: Probe, login: Session, wanted: Any = None, **changes: Any) -> Export:
    """An export that was taken."""
    reply, key, iv = ordering(ctx, login, filters(ctx) if wanted is None else wanted, **changes)
    return Export(login, reply.answers(201, ORDERED).at("referenceNumber"), key, iv)


def status(ctx: Probe, export: Export) -> Reply:
    """GET /invoices/exports/{referenceNumber}."""
    return ctx.get(export.path, bearer=export.login.access_token).answers(200, STATUS)


def finished(ctx: Probe, export: Export, code: int = 200) -> Reply:
    """The status once it is not 100, which must be this one."""
    replies: list[Reply] = []

    def over() -> bool:
        replies.append(status(ctx, export))
        return bool(replies[-1].at("status", "code") != 100)

    ctx.until(over, "the end of the export")
    equal("status of the export", replies[-1].at("status", "code"), code)
    return replies[-1]


def part(ctx: Probe, entry: dict[str, Any], **options: Any) -> Reply:
    """What the link of a part gives, without a token."""
    if not entry["url"].startswith(ctx.target.url):
        ctx.skip("the links lead to another host")
    url = urlsplit(entry["url"])
    return ctx.get(f"{url.path}?{url.query}", prefix="", **options)


def plain(export: Export, sealed: bytes) -> bytes:
    """A part, decrypted.

    Raises:
        Failed: the key and IV of the order do not decrypt it.
    """
    decryptor = Cipher(algorithms.AES(export.key), modes.CBC(export.iv)).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    try:
        return unpadder.update(decryptor.update(sealed) + decryptor.finalize()) + unpadder.finalize()
    except ValueError as error:
        raise Failed(f"expected AES-256-CBC with PKCS#7 by key and IV of the order: {error}") from None


def archive(ctx: Probe, export: Export, package: dict[str, Any]) -> bytes:
    """All parts, decrypted and joined in their order."""
    return b"".join(plain(export, part(ctx, each).answers(200).content) for each in package["parts"])


def unpacked(octets: bytes, compression: str = "Zip") -> dict[str, bytes]:
    """Name -> octets of each file in an archive, in order.

    Raises:
        Failed: it is none of this kind.
    """
    try:
        if compression == "Zip":
            with zipfile.ZipFile(io.BytesIO(octets)) as zipped:
                return {name: zipped.read(name) for name in zipped.namelist()}
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(octets))) as tar:
            members = [(each.name, tar.extractfile(each)) for each in tar]
            return {name: file.read() for name, file in members if file is not None}
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise Failed(f"expected a package that is a {compression}: {error}") from None


def exported(ctx: Probe, login: Session, wanted: Any = None, **changes: Any) -> dict[str, bytes]:
    """The files of an export that succeeds."""
    export = ordered(ctx, login, wanted, **changes)
    package = finished(ctx, export).at("package")
    return unpacked(archive(ctx, export, package)) if package["parts"] else {}


def metadata(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """What `_metadata.json` says.

    Raises:
        Failed: there is none, or it is not what is documented.
    """
    try:
        found: list[dict[str, Any]] = json.loads(files[METADATA])["invoices"]
    except (KeyError, TypeError, ValueError):
        raise Failed(f"expected {METADATA} with a member invoices, received {', '.join(files)}") from None
    return found


def stored(ctx: Probe, login: Session, count: int) -> dict[str, bytes]:
    """KSeF number -> file of so many invoices that were accepted and are found."""
    sending = opened(ctx, login)
    invoices: dict[str, bytes] = {}
    for _ in range(count):
        octets = document(login.nip)
        invoices[comes_to(ctx, sending, octets, 200).at("ksefNumber")] = octets
    for number in invoices:
        path = f"/invoices/ksef/{number}"
        ctx.until(lambda path=path: ctx.get(path, bearer=login.access_token).status == 200, "the invoice")  # type: ignore[misc]
    return invoices


def moment(text: str) -> datetime:
    """A date and time of an answer."""
    return datetime.fromisoformat(text)


def digest(octets: bytes) -> str:
    """SHA-256 in Base64."""
    return sha256(octets)
