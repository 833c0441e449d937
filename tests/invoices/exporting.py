"""A bare client of exports: orders them, fetches the parts by their links, decrypts, joins, unpacks."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from cryptography.hazmat.primitives import padding as block_padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.sending.erp import Erp, sha256
from tests.support import b64, encrypt

METADATA = "_metadata.json"


@dataclass
class Ordered:
    """An export that was ordered, and what its package is encrypted with."""

    reference: str
    key: bytes
    iv: bytes


def day(ago: int) -> str:
    """The day so many days ago, YYYY-MM-DD, by the real clock, which is the mock's unless it is set."""
    return (datetime.now(UTC) - timedelta(days=ago)).date().isoformat()


def filters(date_type: str = "PermanentStorage", start: str | None = None, **changes: Any) -> dict[str, Any]:
    """Of the last 50 days, unless they are told to begin at `start`."""
    date_range = {"dateType": date_type, "from": start or day(50), **changes.pop("range_", {})}
    return {"subjectType": "Subject1", "dateRange": date_range} | changes


def ordering(erp: Erp, wanted: Mapping[str, Any], **changes: Any) -> tuple[httpx.Response, bytes, bytes]:
    """The answer to an order, the key and the IV; `changes`: of the body (None removes a member)."""
    key, iv = os.urandom(32), os.urandom(16)
    published = erp.api.public_keys("SymmetricKeyEncryption")[0]
    encryption = {
        "encryptedSymmetricKey": b64(encrypt(published, key)),
        "initializationVector": b64(iv),
        "publicKeyId": published["publicKeyId"],
    } | changes.pop("encryption", {})
    body = {"encryption": encryption, "filters": dict(wanted)} | changes
    body = {name: value for name, value in body.items() if value is not None}
    return erp.call("POST", "/invoices/exports", json=body), key, iv


def ordered(erp: Erp, wanted: Mapping[str, Any] | None = None, **changes: Any) -> Ordered:
    answer, key, iv = ordering(erp, filters() if wanted is None else wanted, **changes)
    assert answer.status_code == 201, answer.text
    assert list(answer.json()) == ["referenceNumber"]
    return Ordered(answer.json()["referenceNumber"], key, iv)


def status(erp: Erp, export: Ordered | str) -> dict[str, Any]:
    reference = export if isinstance(export, str) else export.reference
    answer = erp.call("GET", f"/invoices/exports/{reference}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def finished(erp: Erp, export: Ordered) -> dict[str, Any]:
    """The status, asked for until it is final: how long a package takes is real time."""
    while (found := status(erp, export))["status"]["code"] == 100:
        pass
    return found


def fetched(
    export: Ordered, package: Mapping[str, Any], transport: httpx.BaseTransport | None = None
) -> bytes:
    """The archive, after everything that the package says of its parts has been checked."""
    archive = b""
    with httpx.Client(transport=transport) as http:
        for number, part in enumerate(package["parts"], 1):
            assert part["ordinalNumber"] == number
            answer = http.request(part["method"], part["url"])
            assert answer.status_code == 200, answer.text
            sealed = answer.content
            assert answer.headers["x-ms-meta-hash"] == part["encryptedPartHash"] == sha256(sealed)
            assert len(sealed) == part["encryptedPartSize"]
            plain = opened(export, sealed)
            assert (len(plain), sha256(plain)) == (part["partSize"], part["partHash"])
            archive += plain
    assert len(archive) == package["size"]
    return archive


def opened(export: Ordered, sealed: bytes) -> bytes:
    decryptor = Cipher(algorithms.AES(export.key), modes.CBC(export.iv)).decryptor()
    unpadder = block_padding.PKCS7(128).unpadder()
    return unpadder.update(decryptor.update(sealed) + decryptor.finalize()) + unpadder.finalize()


def unpacked(archive: bytes) -> dict[str, bytes]:
    """Name -> octets of the files in an archive of either kind."""
    if archive.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
            return {name: zipped.read(name) for name in zipped.namelist()}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def exported(erp: Erp, wanted: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, bytes]:
    """The files of an export that succeeds."""
    export = ordered(erp, wanted, **changes)
    package = finished(erp, export)["package"]
    return unpacked(fetched(export, package)) if package["parts"] else {}


def numbers(files: Mapping[str, bytes]) -> list[str]:
    """The KSeF numbers in the metadata of a package, in order."""
    return [each["ksefNumber"] for each in json.loads(files[METADATA])["invoices"]]


def digest(octets: bytes) -> str:
    return base64.b64encode(hashlib.sha256(octets).digest()).decode()
