"""Invoices that KSeF has: finding and downloading them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ksef_client_min.call import Call, Send
from ksef_client_min.models import InvoicePage


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
