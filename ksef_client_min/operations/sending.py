"""Interactive and batch sessions: invoices sent in them, their status, and the UPO."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from ksef_client_min.call import Call, Send, after
from ksef_client_min.models import (
    InvoiceReference,
    OpenedBatch,
    OpenedSession,
    PartUpload,
    SendingSessionPage,
    SendingStatus,
    SentInvoice,
    SentInvoicePage,
)

_NOTHING = type(None)
_XML = {"Accept": "application/xml, application/problem+json"}

#: systemCode, schemaVersion and value of each form.
FORM_CODES: dict[str, tuple[str, str, str]] = {
    "FA2": ("FA (2)", "1-0E", "FA"),
    "FA3": ("FA (3)", "1-0E", "FA"),
    "FA_RR": ("FA_RR (1)", "1-1E", "FA_RR"),
    "PEF": ("PEF (3)", "2-1", "PEF"),
    "PEF_KOR": ("PEF_KOR (3)", "2-1", "PEF"),
}


def open_online(
    form: str, encrypted_symmetric_key: bytes, iv: bytes, public_key_id: str | None = None
) -> Call[OpenedSession]:
    """POST /sessions/online. `form` is one of `FORM_CODES`; `invoice_cipher.SessionKey` has the rest."""
    body = _opening(form, encrypted_symmetric_key, iv, public_key_id)
    return Call(Send("POST", "/sessions/online", json=body), OpenedSession)


def open_batch(
    form: str,
    file: Mapping[str, Any],
    encrypted_symmetric_key: bytes,
    iv: bytes,
    public_key_id: str | None = None,
    *,
    offline_mode: bool = False,
) -> Call[OpenedBatch]:
    """POST /sessions/batch. `form` is one of `FORM_CODES`; `package.Package.declared` makes `file`."""
    body = _opening(form, encrypted_symmetric_key, iv, public_key_id)
    body |= {"batchFile": dict(file), "offlineMode": offline_mode}
    return Call(Send("POST", "/sessions/batch", json=body), OpenedBatch)


def upload_part(upload: PartUpload, octets: bytes) -> Call[None]:
    """PUT of a part of a package, encrypted, to the storage."""
    headers = {name: value for name, value in upload.headers.items() if value is not None}
    send = Send(upload.method, upload.url, content=octets, headers=headers)
    return Call(send, _NOTHING, authorized=False)


def close_batch(session: str) -> Call[None]:
    """POST /sessions/batch/{referenceNumber}/close."""
    return Call(Send("POST", f"/sessions/batch/{session}/close"), _NOTHING)


def send_invoice(
    session: str,
    document: bytes,
    encrypted: bytes,
    *,
    offline_mode: bool = False,
    hash_of_corrected_invoice: bytes | None = None,
) -> Call[InvoiceReference]:
    """POST /sessions/online/{referenceNumber}/invoices.

    Args:
        session: its reference number.
        document: the invoice, of which size and hash are told.
        encrypted: its ciphertext (`invoice_cipher.SessionKey.encrypt`).
        hash_of_corrected_invoice: SHA-256 of the refused file that this one corrects technically.
    """
    body: dict[str, Any] = {
        "invoiceHash": _sha256(document),
        "invoiceSize": len(document),
        "encryptedInvoiceHash": _sha256(encrypted),
        "encryptedInvoiceSize": len(encrypted),
        "encryptedInvoiceContent": _base64(encrypted),
        "offlineMode": offline_mode,
    }
    if hash_of_corrected_invoice is not None:
        body["hashOfCorrectedInvoice"] = _base64(hash_of_corrected_invoice)
    return Call(Send("POST", f"/sessions/online/{session}/invoices", json=body), InvoiceReference)


def close_online(session: str) -> Call[None]:
    """POST /sessions/online/{referenceNumber}/close."""
    return Call(Send("POST", f"/sessions/online/{session}/close"), _NOTHING)


def sessions(
    session_type: str = "Online", page_size: int = 10, continuation_token: str | None = None
) -> Call[SendingSessionPage]:
    """GET /sessions: Online or Batch."""
    params = {"sessionType": session_type, "pageSize": str(page_size)}
    return Call(
        Send("GET", "/sessions", params=params, headers=after(continuation_token)), SendingSessionPage
    )


def status(session: str) -> Call[SendingStatus]:
    """GET /sessions/{referenceNumber}."""
    return Call(Send("GET", f"/sessions/{session}"), SendingStatus)


def invoices(
    session: str, page_size: int = 10, continuation_token: str | None = None, *, failed: bool = False
) -> Call[SentInvoicePage]:
    """GET /sessions/{referenceNumber}/invoices, or …/invoices/failed."""
    path = f"/sessions/{session}/invoices{'/failed' if failed else ''}"
    params = {"pageSize": str(page_size)}
    return Call(Send("GET", path, params=params, headers=after(continuation_token)), SentInvoicePage)


def invoice(session: str, reference_number: str) -> Call[SentInvoice]:
    """GET /sessions/{referenceNumber}/invoices/{invoiceReferenceNumber}."""
    return Call(Send("GET", f"/sessions/{session}/invoices/{reference_number}"), SentInvoice)


def upo_of_invoice(session: str, reference_number: str) -> Call[bytes]:
    """GET /sessions/{referenceNumber}/invoices/{invoiceReferenceNumber}/upo: XML."""
    return Call(Send("GET", f"/sessions/{session}/invoices/{reference_number}/upo", headers=_XML), bytes)


def upo_of_ksef_number(session: str, ksef_number: str) -> Call[bytes]:
    """GET /sessions/{referenceNumber}/invoices/ksef/{ksefNumber}/upo: XML."""
    return Call(Send("GET", f"/sessions/{session}/invoices/ksef/{ksef_number}/upo", headers=_XML), bytes)


def upo(session: str, upo_reference_number: str) -> Call[bytes]:
    """GET /sessions/{referenceNumber}/upo/{upoReferenceNumber}: a page of the session's UPO, XML."""
    return Call(Send("GET", f"/sessions/{session}/upo/{upo_reference_number}", headers=_XML), bytes)


def _opening(form: str, encrypted_symmetric_key: bytes, iv: bytes, key_id: str | None) -> dict[str, Any]:
    system_code, schema_version, value = FORM_CODES[form]
    encryption = {
        "encryptedSymmetricKey": _base64(encrypted_symmetric_key),
        "initializationVector": _base64(iv),
    }
    if key_id is not None:
        encryption["publicKeyId"] = key_id
    return {
        "formCode": {"systemCode": system_code, "schemaVersion": schema_version, "value": value},
        "encryption": encryption,
    }


def _sha256(octets: bytes) -> str:
    return _base64(hashlib.sha256(octets).digest())


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
