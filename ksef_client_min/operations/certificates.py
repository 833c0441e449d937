"""KSeF certificates: enrolment, download, revocation."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ksef_client_min.call import Call, Send
from ksef_client_min.models import (
    CertificateLimits,
    CertificatePage,
    EnrollmentData,
    EnrollmentStarted,
    EnrollmentStatus,
    RetrievedCertificates,
)

_NOTHING = type(None)


def limits() -> Call[CertificateLimits]:
    """GET /certificates/limits."""
    return Call(Send("GET", "/certificates/limits"), CertificateLimits)


def enrollment_data() -> Call[EnrollmentData]:
    """GET /certificates/enrollments/data: the subject that a certificate signing request must have."""
    return Call(Send("GET", "/certificates/enrollments/data"), EnrollmentData)


def enroll(name: str, kind: str, csr: bytes, valid_from: datetime | None = None) -> Call[EnrollmentStarted]:
    """POST /certificates/enrollments. `kind` is Authentication or Offline, `csr` a PKCS#10 request in DER."""
    body: dict[str, Any] = {
        "certificateName": name,
        "certificateType": kind,
        "csr": base64.b64encode(csr).decode(),
    }
    if valid_from is not None:
        body["validFrom"] = valid_from.isoformat()
    return Call(Send("POST", "/certificates/enrollments", json=body), EnrollmentStarted)


def enrollment_status(reference_number: str) -> Call[EnrollmentStatus]:
    """GET /certificates/enrollments/{referenceNumber}."""
    return Call(Send("GET", f"/certificates/enrollments/{reference_number}"), EnrollmentStatus)


def retrieve(serial_numbers: Sequence[str]) -> Call[RetrievedCertificates]:
    """POST /certificates/retrieve."""
    body = {"certificateSerialNumbers": list(serial_numbers)}
    return Call(Send("POST", "/certificates/retrieve", json=body), RetrievedCertificates)


def query(
    *,
    serial_number: str | None = None,
    name: str | None = None,
    kind: str | None = None,
    status: str | None = None,
    expires_after: datetime | None = None,
    page_size: int = 10,
    page_offset: int = 0,
) -> Call[CertificatePage]:
    """POST /certificates/query."""
    filters = {
        "certificateSerialNumber": serial_number,
        "name": name,
        "type": kind,
        "status": status,
        "expiresAfter": expires_after.isoformat() if expires_after else None,
    }
    body = {member: value for member, value in filters.items() if value is not None}
    params = {"pageSize": str(page_size), "pageOffset": str(page_offset)}
    return Call(Send("POST", "/certificates/query", json=body, params=params), CertificatePage)


def revoke(serial_number: str, reason: str | None = None) -> Call[None]:
    """POST /certificates/{certificateSerialNumber}/revoke: Unspecified, Superseded or KeyCompromise."""
    body = {} if reason is None else {"revocationReason": reason}
    return Call(Send("POST", f"/certificates/{serial_number}/revoke", json=body), _NOTHING)
