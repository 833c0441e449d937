"""QCStatements: how a certificate says of itself that it is qualified, and what for.

Source: RFC 3739, 3.2.6 (the extension); ETSI EN 319 412-5, 4.2.1 and 4.2.3 (QcCompliance, QcType).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from cryptography import x509

from ksef_mock.crypto.certificate import Certificate
from ksef_mock.crypto.der import OBJECT_IDENTIFIER, SEQUENCE, elements, tlv

QC_STATEMENTS = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3")

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
    compliance = tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, _COMPLIANCE))
    purpose = tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, _TYPES[qc_type]))
    kind = tlv(SEQUENCE, tlv(OBJECT_IDENTIFIER, _TYPE) + purpose)
    return x509.UnrecognizedExtension(QC_STATEMENTS, tlv(SEQUENCE, compliance + kind))


def qc_type_of(certificate: Certificate) -> QcType | None:
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
    (body,) = elements(der)
    for statement in elements(body.contents):
        identifier, *information = elements(statement.contents)
        listed: tuple[bytes, ...] = ()
        if identifier.contents == _TYPE:
            (types,) = information
            listed = tuple(each.contents for each in elements(types.contents))
        yield identifier.contents, listed
