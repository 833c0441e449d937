"""Invoices that KSeF has: finding, downloading and exporting them."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from ksef_client_min.call import Call, Send
from ksef_client_min.models import ExportReference, ExportStatus, InvoicePage


def query_metadata(
    subject_type: str,
    date_from: datetime,
    date_to: datetime | None = None,
    *,
    date_type: str = "PermanentStorage",
    page_size: int = 10,
    page_offset: int = 0,
    sort_order: str = "Asc",
    **filters: Any,
) -> Call[InvoicePage]:
    """POST /invoices/query/metadata.

    Args:
        subject_type: Subject1 (seller), Subject2 (buyer), Subject3, SubjectAuthorized.
        date_type: Issue, Invoicing or PermanentStorage.
        filters: any other member of the request, by its name in the API.
    """
    date_range: dict[str, str] = {"dateType": date_type, "from": date_from.isoformat()}
    if date_to is not None:
        date_range["to"] = date_to.isoformat()
    body = {"subjectType": subject_type, "dateRange": date_range, **filters}
    params = {"pageSize": str(page_size), "pageOffset": str(page_offset), "sortOrder": sort_order}
    return Call(Send("POST", "/invoices/query/metadata", json=body, params=params), InvoicePage)


def get(ksef_number: str) -> Call[bytes]:
    """GET /invoices/ksef/{ksefNumber}: the XML as it was sent."""
    headers = {"Accept": "application/xml, application/problem+json"}
    return Call(Send("GET", f"/invoices/ksef/{ksef_number}", headers=headers), bytes)


def export(
    filters: dict[str, Any],
    encrypted_symmetric_key: bytes,
    iv: bytes,
    public_key_id: str | None = None,
    *,
    only_metadata: bool = False,
    compression: str | None = None,
) -> Call[ExportReference]:
    """POST /invoices/exports.

    Args:
        filters: as those of `query_metadata`, whole: see `export_filters`.
        compression: Zip or TarGz; None: Zip, without saying so.
    """
    encryption = {
        "encryptedSymmetricKey": base64.b64encode(encrypted_symmetric_key).decode(),
        "initializationVector": base64.b64encode(iv).decode(),
    }
    if public_key_id is not None:
        encryption["publicKeyId"] = public_key_id
    body: dict[str, Any] = {"encryption": encryption, "filters": filters}
    if only_metadata:
        body["onlyMetadata"] = True
    if compression is not None:
        body["compressionType"] = compression
    return Call(Send("POST", "/invoices/exports", json=body), ExportReference)


def export_filters(
    subject_type: str,
    date_from: str,
    date_to: str | None = None,
    *,
    date_type: str = "PermanentStorage",
    restricted: bool = False,
    **filters: Any,
) -> dict[str, Any]:
    """Filters of an export.

    Args:
        date_from: ISO 8601.
        restricted: to what is complete (`restrictToPermanentStorageHwmDate`).
        filters: any other member, by its name in the API.
    """
    date_range: dict[str, Any] = {"dateType": date_type, "from": date_from}
    if date_to is not None:
        date_range["to"] = date_to
    if restricted:
        date_range["restrictToPermanentStorageHwmDate"] = True
    return {"subjectType": subject_type, "dateRange": date_range, **filters}


def export_status(reference_number: str) -> Call[ExportStatus]:
    """GET /invoices/exports/{referenceNumber}."""
    return Call(Send("GET", f"/invoices/exports/{reference_number}"), ExportStatus)
