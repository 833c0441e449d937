"""An invoice as a file: decrypted, as large as declared, with the declared hash; and the usual mistakes.

A mistake is named only if undoing it gives the declared hash.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ksef_mock.ksef.invoices import rules
from ksef_mock.ksef.invoices.report import Cause, Check, Report
from ksef_mock.ksef.invoices.rules import InvoiceStatus

BOM = b"\xef\xbb\xbf"
_BLOCK = 16


class Encrypted(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice as it was sent."""

    ciphertext: bytes
    #: 32 octets.
    key: bytes
    #: 16 octets.
    iv: bytes


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """What the request says of the plain file."""

    size: int | None = None
    #: SHA-256 in Base64.
    hash: str | None = None


def decrypt(encrypted: Encrypted) -> bytes:
    """AES-256-CBC with PKCS#7, the IV not part of the ciphertext.

    Raises:
        ValueError: the length is no multiple of the block's, or the padding is wrong.
    """
    unpadder = padding.PKCS7(128).unpadder()
    return unpadder.update(_cbc(encrypted, encrypted.iv)) + unpadder.finalize()


def encrypt(octets: bytes, key: bytes, iv: bytes) -> bytes:
    """What `decrypt` undoes."""
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(padder.update(octets) + padder.finalize()) + encryptor.finalize()


def _cbc(encrypted: Encrypted, iv: bytes) -> bytes:
    decryptor = Cipher(algorithms.AES(encrypted.key), modes.CBC(iv)).decryptor()
    return decryptor.update(encrypted.ciphertext) + decryptor.finalize()


def decrypted(invoice: bytes | Encrypted, declared: Declared, report: Report) -> bytes | None:
    if isinstance(invoice, bytes):
        report.skipped(Check.ENCRYPTION, "the document is not encrypted")
        return invoice
    try:
        octets = decrypt(invoice)
    except ValueError as error:
        report.failed(
            Check.ENCRYPTION,
            Cause.NOT_DECRYPTED,
            f"AES-256-CBC with PKCS#7 fails: {error}",
            InvoiceStatus.DECRYPTION_ERROR,
            rules.NOT_DECRYPTED,
            explanation=_explained(declared.hash, _other_encryptions(invoice, decrypts=False)),
            evidence={"ciphertext": f"{len(invoice.ciphertext)} octets"},
        )
        return None
    report.passed(Check.ENCRYPTION, "AES-256-CBC with PKCS#7")
    return octets


def check_file(octets: bytes, invoice: bytes | Encrypted, declared: Declared, report: Report) -> None:
    explanation = None
    computed = report.digest = b64encode(hashlib.sha256(octets).digest()).decode()
    fits = declared.hash in (None, computed)
    if not fits and isinstance(invoice, Encrypted):
        explanation = _explained(declared.hash, _other_encryptions(invoice, decrypts=True))
    if not fits and explanation is None:
        explanation = _explained(declared.hash, _other_octets(octets, invoice))
    if declared.size is None:
        report.skipped(Check.SIZE, "no size was declared")
    elif declared.size != len(octets):
        report.failed(
            Check.SIZE,
            Cause.WRONG_SIZE,
            f"the file has {len(octets)} octets",
            InvoiceStatus.FILE_ERROR,
            rules.wrong_size(declared.size),
            explanation=explanation,
            evidence={"declared": str(declared.size), "found": str(len(octets))},
        )
    else:
        report.passed(Check.SIZE, f"{len(octets)} octets")
    if declared.hash is None:
        report.skipped(Check.HASH, "no hash was declared")
    elif fits:
        report.passed(Check.HASH, computed)
    else:
        report.failed(
            Check.HASH,
            Cause.WRONG_HASH,
            "the SHA-256 of the file is another one",
            InvoiceStatus.FILE_ERROR,
            rules.wrong_hash(declared.hash or ""),
            explanation=explanation,
            evidence={"declared": declared.hash or "", "computed": computed},
        )
    if octets.startswith(BOM):
        report.failed(
            Check.BYTE_ORDER_MARK,
            Cause.BYTE_ORDER_MARK,
            "the file begins with EF BB BF",
            InvoiceStatus.FILE_ERROR,
            explanation="the file was written as 'UTF-8 with BOM': its first three octets must go",
        )
    else:
        report.passed(Check.BYTE_ORDER_MARK)


#: A mistake, and the octets that there would have been without it.
_Undone = Iterator[tuple[str, Callable[[], bytes]]]


def _explained(declared: str | None, undone: _Undone) -> str | None:
    """The mistake without which the declared hash would be right."""
    for mistake, undo in undone:
        try:
            octets = undo()
        except ValueError:
            continue
        if b64encode(hashlib.sha256(octets).digest()).decode() == declared:
            return mistake
    return None


def _other_encryptions(sent: Encrypted, *, decrypts: bool) -> _Undone:
    ciphertext, key, iv = sent.ciphertext, sent.key, sent.iv
    replaced = msgspec.structs.replace

    def as_stream(mode: modes.CTR | modes.ECB) -> bytes:
        cipher: Any = Cipher(algorithms.AES(key), mode)  # the stubs know authenticated modes only
        decryptor = cipher.decryptor()
        return bytes(decryptor.update(ciphertext) + decryptor.finalize())

    yield (
        "the IV was put in front of the ciphertext: KSeF takes it from the session's initializationVector",
        lambda: decrypt(replaced(sent, iv=ciphertext[:_BLOCK], ciphertext=ciphertext[_BLOCK:])),
    )
    if not decrypts:
        yield "the file was sent without being encrypted", lambda: ciphertext
    yield (
        "the ciphertext was written in Base64 twice",
        lambda: decrypt(replaced(sent, ciphertext=b64decode(ciphertext, validate=True))),
    )
    yield (
        "the file was in Base64 already when it was encrypted",
        lambda: b64decode(decrypt(sent), validate=True),
    )
    yield "the IV was sixteen zeros, not the session's", lambda: decrypt(replaced(sent, iv=bytes(_BLOCK)))
    yield "the last block was filled up with zeros, not as PKCS#7 says", lambda: _cbc(sent, iv).rstrip(b"\0")
    yield "the mode was CTR, not CBC", lambda: as_stream(modes.CTR(iv))
    yield "the mode was ECB, not CBC", lambda: _unpadded(as_stream(modes.ECB()))  # noqa: S305


def _unpadded(octets: bytes) -> bytes:
    unpadder = padding.PKCS7(128).unpadder()
    return unpadder.update(octets) + unpadder.finalize()


def _other_octets(octets: bytes, invoice: bytes | Encrypted) -> _Undone:
    """What clients hash instead of the file."""
    if isinstance(invoice, Encrypted):
        yield "the hash is that of the encrypted content", lambda: invoice.ciphertext
    yield "the hash is that of the file in Base64", lambda: b64encode(octets)
    yield "the hash is that of the file with a byte order mark", lambda: BOM + octets
    yield "the hash is that of the file without its byte order mark", lambda: octets.removeprefix(BOM)
    yield "the hash is that of the file with Windows' line ends", lambda: _lines(octets, b"\r\n")
    yield "the hash is that of the file with Unix' line ends", lambda: _lines(octets, b"\n")
    yield "the hash is that of the file without white space at its end", lambda: octets.rstrip()
    yield "the hash is that of the file with a line end at its end", lambda: octets + b"\n"
    yield "the hash is that of the text in UTF-16", lambda: octets.decode().encode("utf-16-le")
    yield "the hash is that of the hash: it was hashed twice", lambda: hashlib.sha256(octets).digest()
    yield (
        "the hash is that of the hash in hexadecimal",
        lambda: hashlib.sha256(octets).hexdigest().encode(),
    )


def _lines(octets: bytes, end: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n").replace(b"\n", end)
