"""QCStatements: how a certificate says of itself that it is qualified, and what for.

Source: RFC 3739, 3.2.6 (the extension); ETSI EN 319 412-5, 4.2.1 and 4.2.3 (QcCompliance, QcType).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from cryptography import x509

QC_STATEMENTS = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3")

_SEQUENCE = 0x30
_OBJECT_IDENTIFIER = 0x06

# DER contents of 0.4.0.1862.1.1 and 0.4.0.1862.1.6; the types are 0.4.0.1862.1.6.1 and .2.
_COMPLIANCE = bytes.fromhex("04008E460101")
_TYPE = bytes.fromhex("04008E460106")


class QcType(StrEnum):
    """What a qualified certificate is for."""

    SIGNATURE = "esign"
    SEAL = "eseal"


_TYPES = {QcType.SIGNATURE: _TYPE + b"\x01", QcType.SEAL: _TYPE + b"\x02"}


def qc_statements(qc_type: QcType) -> x509.UnrecognizedExtension:
    """The extension of a qualified certificate of this type: QcCompliance and QcType."""
    compliance = _tlv(_SEQUENCE, _tlv(_OBJECT_IDENTIFIER, _COMPLIANCE))
    purpose = _tlv(_SEQUENCE, _tlv(_OBJECT_IDENTIFIER, _TYPES[qc_type]))
    kind = _tlv(_SEQUENCE, _tlv(_OBJECT_IDENTIFIER, _TYPE) + purpose)
    return x509.UnrecognizedExtension(QC_STATEMENTS, _tlv(_SEQUENCE, compliance + kind))


def qc_type_of(certificate: x509.Certificate) -> QcType | None:
    """The type of a qualified certificate; None if it does not claim to be qualified, or not readably.

    A qualified certificate without QcType is one for signatures: older than the statement, as EN 319 412-5
    says.

    Raises:
        One of `ksef_mock.crypto.chain.MALFORMED`: the certificate's extensions cannot be read at all.
    """
    try:
        extension = certificate.extensions.get_extension_for_oid(QC_STATEMENTS)
    except x509.ExtensionNotFound:
        return None
    assert isinstance(extension.value, x509.UnrecognizedExtension)
    try:
        statements = dict(_statements(extension.value.value))
    except ValueError:
        return None
    if _COMPLIANCE not in statements:
        return None
    for qc_type, identifier in _TYPES.items():
        if identifier in statements.get(_TYPE, ()):
            return qc_type
    return None if _TYPE in statements else QcType.SIGNATURE


def _statements(der: bytes) -> Iterator[tuple[bytes, tuple[bytes, ...]]]:
    """Each statement's identifier, with the identifiers that it lists, if it is one that lists any."""
    ((_, body),) = _elements(der)
    for _, statement in _elements(body):
        (_, identifier), *information = _elements(statement)
        listed: tuple[bytes, ...] = ()
        if identifier == _TYPE:
            ((_, types),) = information
            listed = tuple(value for _, value in _elements(types))
        yield identifier, listed


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and contents of each element in a row. Raises ValueError where it is no DER."""
    at = 0
    while at < len(der):
        header = der[at : at + 2]
        if len(header) < 2:
            raise ValueError("truncated element")
        tag, length = header
        at += 2
        if length >= 0x80:
            size = length - 0x80
            length = int.from_bytes(der[at : at + size])
            at += size
        if at + length > len(der):
            raise ValueError("truncated element")
        yield tag, der[at : at + length]
        at += length


def _tlv(tag: int, contents: bytes) -> bytes:
    assert len(contents) < 0x80, "short form only"
    return bytes((tag, len(contents))) + contents
