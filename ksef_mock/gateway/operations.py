"""The operations of KSeF's API 2.6.0: what there is to simulate, and the rate limit group of each.

Source: the paths of the OpenAPI document and the tables of its 429 answers. Which of them the mock simulates
is not written down anywhere: the routes of the application tell.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Operation:
    """A method on a path of the document; `{name}` stands for one segment of any value."""

    method: str
    path: str
    #: The member of `ksef_mock.limits.RateLimits` that it is counted in; None: 60/s of its own.
    group: str | None = None

    @property
    def shape(self) -> tuple[str, str]:
        """What identifies the operation whatever the names of its parameters."""
        return self.method, shape_of(self.path)


def shape_of(path: str) -> str:
    """`path` without the names (and convertors) of its parameters: `/tokens/{}`."""
    return re.sub(r"\{[^}]*\}", "{}", path)


OPERATIONS = (
    Operation("GET", "/auth/sessions", "other"),
    Operation("DELETE", "/auth/sessions/current", "other"),
    Operation("DELETE", "/auth/sessions/{referenceNumber}", "other"),
    Operation("GET", "/certificates/limits", "other"),
    Operation("GET", "/certificates/enrollments/data", "other"),
    Operation("POST", "/certificates/enrollments", "other"),
    Operation("GET", "/certificates/enrollments/{referenceNumber}", "other"),
    Operation("POST", "/certificates/retrieve", "other"),
    Operation("POST", "/certificates/{certificateSerialNumber}/revoke", "other"),
    Operation("POST", "/certificates/query", "other"),
    Operation("GET", "/security/public-key-certificates"),
    Operation("POST", "/testdata/subject"),
    Operation("POST", "/testdata/subject/remove"),
    Operation("POST", "/testdata/person"),
    Operation("POST", "/testdata/person/remove"),
    Operation("POST", "/testdata/permissions"),
    Operation("POST", "/testdata/permissions/revoke"),
    Operation("POST", "/testdata/attachment"),
    Operation("POST", "/testdata/attachment/revoke"),
    Operation("POST", "/testdata/context/block", "other"),
    Operation("POST", "/testdata/context/unblock", "other"),
    Operation("GET", "/limits/context", "other"),
    Operation("GET", "/limits/subject", "other"),
    Operation("GET", "/rate-limits", "other"),
    Operation("POST", "/testdata/limits/context/session", "other"),
    Operation("DELETE", "/testdata/limits/context/session", "other"),
    Operation("POST", "/testdata/limits/subject/certificate", "other"),
    Operation("DELETE", "/testdata/limits/subject/certificate", "other"),
    Operation("POST", "/testdata/rate-limits", "other"),
    Operation("DELETE", "/testdata/rate-limits", "other"),
    Operation("POST", "/testdata/rate-limits/production", "other"),
    Operation("POST", "/permissions/persons/grants", "other"),
    Operation("POST", "/permissions/entities/grants", "other"),
    Operation("POST", "/permissions/authorizations/grants", "other"),
    Operation("POST", "/permissions/indirect/grants", "other"),
    Operation("POST", "/permissions/subunits/grants", "other"),
    Operation("POST", "/permissions/eu-entities/administration/grants", "other"),
    Operation("POST", "/permissions/eu-entities/grants", "other"),
    Operation("DELETE", "/permissions/common/grants/{permissionId}", "other"),
    Operation("DELETE", "/permissions/authorizations/grants/{permissionId}", "other"),
    Operation("GET", "/permissions/operations/{referenceNumber}", "other"),
    Operation("GET", "/permissions/attachments/status", "other"),
    Operation("GET", "/invoices/ksef/{ksefNumber}", "invoice_download"),
    Operation("POST", "/invoices/query/metadata", "invoice_metadata"),
    Operation("POST", "/invoices/exports", "invoice_export"),
    Operation("GET", "/invoices/exports/{referenceNumber}", "invoice_export_status"),
    Operation("GET", "/sessions", "session_list"),
    Operation("GET", "/sessions/{referenceNumber}", "session_misc"),
    Operation("GET", "/sessions/{referenceNumber}/invoices", "session_invoice_list"),
    Operation("GET", "/sessions/{referenceNumber}/invoices/{invoiceReferenceNumber}", "invoice_status"),
    Operation("GET", "/sessions/{referenceNumber}/invoices/failed", "session_invoice_list"),
    Operation("GET", "/sessions/{referenceNumber}/invoices/ksef/{ksefNumber}/upo", "session_misc"),
    Operation("GET", "/sessions/{referenceNumber}/invoices/{invoiceReferenceNumber}/upo", "session_misc"),
    Operation("GET", "/sessions/{referenceNumber}/upo/{upoReferenceNumber}", "session_misc"),
    Operation("POST", "/tokens", "other"),
    Operation("GET", "/tokens", "other"),
    Operation("GET", "/tokens/{referenceNumber}", "other"),
    Operation("DELETE", "/tokens/{referenceNumber}", "other"),
    Operation("GET", "/peppol/query"),
    Operation("POST", "/auth/challenge"),
    Operation("POST", "/auth/xades-signature"),
    Operation("POST", "/auth/ksef-token"),
    Operation("GET", "/auth/{referenceNumber}"),
    Operation("POST", "/auth/token/redeem"),
    Operation("POST", "/auth/token/refresh"),
    Operation("POST", "/sessions/online", "online_session"),
    Operation("POST", "/sessions/online/{referenceNumber}/invoices", "invoice_send"),
    Operation("POST", "/sessions/online/{referenceNumber}/close", "online_session"),
    Operation("POST", "/sessions/batch", "batch_session"),
    Operation("POST", "/sessions/batch/{referenceNumber}/close", "batch_session"),
    Operation("POST", "/permissions/query/personal/grants", "other"),
    Operation("POST", "/permissions/query/persons/grants", "other"),
    Operation("POST", "/permissions/query/subunits/grants", "other"),
    Operation("POST", "/permissions/query/entities/grants", "other"),
    Operation("GET", "/permissions/query/entities/roles", "other"),
    Operation("POST", "/permissions/query/subordinate-entities/roles", "other"),
    Operation("POST", "/permissions/query/authorizations/grants", "other"),
    Operation("POST", "/permissions/query/eu-entities/grants", "other"),
)

BY_SHAPE = {operation.shape: operation for operation in OPERATIONS}


@lru_cache(1_024)
def operation_at(method: str, path: str) -> Operation | None:
    """The operation that a request is meant for; `path` is without the prefix of the API."""
    fitting = [
        operation
        for operation in OPERATIONS
        if operation.method == method and _pattern_of(operation.path).fullmatch(path)
    ]
    # Of two patterns that fit, the one with fewer parameters is meant.
    return min(fitting, key=lambda operation: operation.path.count("{"), default=None)


@lru_cache
def _pattern_of(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path), re.DOTALL)
