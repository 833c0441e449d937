"""The one table of the operations of KSeF's API 2.9.0: how often each may be called, and by whom.

Source: the paths of the OpenAPI document, the tables of its 429 answers (the rate limit group, `-` there is
`anonymous` here), `x-required-permissions` and `security`. The types of context follow from the descriptions:
whose permissions are granted, in which context, to whom. Which operations the mock simulates is not written
down anywhere: the routes of the application tell.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ksef_mock.core.operation import Operation, shape_of
from ksef_mock.core.permissions import PEF_INVOICE_WRITE, VAT_UE_MANAGE, Permission

#: What the rows refer to.
API_VERSION = "2.9.0"

_MANAGE = Permission.CREDENTIALS_MANAGE.value
_READ = Permission.CREDENTIALS_READ.value
_SUBUNITS = Permission.SUBUNIT_MANAGE.value
_INVOICES = Permission.INVOICE_READ.value
_BATCHES = (Permission.INVOICE_WRITE.value, Permission.ENFORCEMENT_OPERATIONS.value)
_SENDING = (Permission.INVOICE_WRITE.value, PEF_INVOICE_WRITE, Permission.ENFORCEMENT_OPERATIONS.value)
_SESSIONS = (
    Permission.INVOICE_WRITE.value,
    Permission.INTROSPECTION.value,
    Permission.ENFORCEMENT_OPERATIONS.value,
)
_SENT = (
    Permission.INVOICE_WRITE.value,
    Permission.INTROSPECTION.value,
    PEF_INVOICE_WRITE,
    Permission.ENFORCEMENT_OPERATIONS.value,
)
_COLLECTIVE = (
    Permission.INVOICE_READ.value,
    Permission.INVOICE_WRITE.value,
    Permission.COLLECTIVE_IDENTIFIER_MANAGE.value,
)

OPERATIONS = (
    # Aktywne sesje
    Operation("GET", "/auth/sessions", "other"),
    Operation("DELETE", "/auth/sessions/current", "other"),
    Operation("DELETE", "/auth/sessions/{referenceNumber}", "other"),
    # Certyfikaty
    Operation("GET", "/certificates/limits", "other"),
    Operation("GET", "/certificates/enrollments/data", "other"),
    Operation("POST", "/certificates/enrollments", "other"),
    Operation("GET", "/certificates/enrollments/{referenceNumber}", "other"),
    Operation("POST", "/certificates/retrieve", "other"),
    Operation("POST", "/certificates/{certificateSerialNumber}/revoke", "other"),
    Operation("POST", "/certificates/query", "other"),
    Operation("PUT", "/testdata/certificates/{serialNumber}", "other"),
    # Certyfikaty klucza publicznego
    Operation("GET", "/security/public-key-certificates", "anonymous", bearer=False),
    # Dane testowe
    Operation("POST", "/testdata/subject", "anonymous", bearer=False),
    Operation("POST", "/testdata/subject/remove", "anonymous", bearer=False),
    Operation("POST", "/testdata/person", "anonymous", bearer=False),
    Operation("POST", "/testdata/person/remove", "anonymous", bearer=False),
    Operation("POST", "/testdata/permissions", "anonymous", bearer=False),
    Operation("POST", "/testdata/permissions/revoke", "anonymous", bearer=False),
    Operation("POST", "/testdata/attachment", "anonymous", bearer=False),
    Operation("POST", "/testdata/attachment/revoke", "anonymous", bearer=False),
    Operation("POST", "/testdata/context/block", "other", bearer=False),
    Operation("POST", "/testdata/context/unblock", "other", bearer=False),
    # Identyfikatory zbiorcze
    Operation("POST", "/collective-identifiers", "collective_identifier", any_of=_COLLECTIVE),
    Operation("POST", "/collective-identifiers/query", "collective_identifier", any_of=_COLLECTIVE),
    Operation("POST", "/collective-identifiers/invoices", "collective_identifier", any_of=_COLLECTIVE),
    Operation(
        "GET", "/collective-identifiers/ksef/{ksefNumber}", "collective_identifier", any_of=_COLLECTIVE
    ),
    # Limity i ograniczenia
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
    # Nadawanie uprawnień
    Operation(
        "POST", "/permissions/persons/grants", "other", any_of=(_MANAGE,), contexts=("Nip", "InternalId")
    ),
    Operation(
        "POST", "/permissions/entities/grants", "other", any_of=(_MANAGE,), contexts=("Nip", "InternalId")
    ),
    Operation("POST", "/permissions/authorizations/grants", "other", any_of=(_MANAGE,), contexts=("Nip",)),
    Operation("POST", "/permissions/indirect/grants", "other", any_of=(_MANAGE,), contexts=("Nip",)),
    Operation("POST", "/permissions/subunits/grants", "other", any_of=(_SUBUNITS,), contexts=("Nip",)),
    Operation(
        "POST",
        "/permissions/eu-entities/administration/grants",
        "other",
        any_of=(_MANAGE,),
        contexts=("Nip",),
    ),
    Operation(
        "POST", "/permissions/eu-entities/grants", "other", any_of=(VAT_UE_MANAGE,), contexts=("NipVatUe",)
    ),
    # Odbieranie uprawnień
    Operation(
        "DELETE",
        "/permissions/common/grants/{permissionId}",
        "other",
        any_of=(_MANAGE, VAT_UE_MANAGE, _SUBUNITS),
    ),
    Operation(
        "DELETE",
        "/permissions/authorizations/grants/{permissionId}",
        "other",
        any_of=(_MANAGE,),
        contexts=("Nip",),
    ),
    # Operacje
    Operation("GET", "/permissions/operations/{referenceNumber}", "other"),
    Operation("GET", "/permissions/attachments/status", "other", any_of=(_MANAGE, _READ)),
    # Pobieranie faktur
    Operation("GET", "/invoices/ksef/{ksefNumber}", "invoice_download", any_of=(_INVOICES,)),
    Operation("POST", "/invoices/query/metadata", "invoice_metadata", any_of=(_INVOICES,)),
    Operation("POST", "/invoices/exports", "invoice_export", any_of=(_INVOICES,)),
    Operation("GET", "/invoices/exports/{referenceNumber}", "invoice_export_status", any_of=(_INVOICES,)),
    # Status wysyłki i UPO
    Operation("GET", "/sessions", "session_list", any_of=_SESSIONS),
    Operation("GET", "/sessions/{referenceNumber}", "session_misc", any_of=_SENT),
    Operation("GET", "/sessions/{referenceNumber}/invoices", "session_invoice_list", any_of=_SENT),
    Operation(
        "GET", "/sessions/{referenceNumber}/invoices/{invoiceReferenceNumber}", "invoice_status", any_of=_SENT
    ),
    Operation("GET", "/sessions/{referenceNumber}/invoices/failed", "session_invoice_list", any_of=_SENT),
    Operation(
        "GET", "/sessions/{referenceNumber}/invoices/ksef/{ksefNumber}/upo", "session_misc", any_of=_SENT
    ),
    Operation(
        "GET",
        "/sessions/{referenceNumber}/invoices/{invoiceReferenceNumber}/upo",
        "session_misc",
        any_of=_SENT,
    ),
    Operation("GET", "/sessions/{referenceNumber}/upo/{upoReferenceNumber}", "session_misc", any_of=_SENT),
    # Tokeny KSeF
    Operation("POST", "/tokens", "other"),
    Operation("GET", "/tokens", "other"),
    Operation("GET", "/tokens/{referenceNumber}", "other"),
    Operation("DELETE", "/tokens/{referenceNumber}", "other"),
    # Usługi Peppol
    Operation("GET", "/peppol/query", "anonymous", bearer=False),
    # Uzyskiwanie dostępu
    Operation("POST", "/auth/challenge", "anonymous", bearer=False),
    Operation("POST", "/auth/xades-signature", "anonymous", bearer=False),
    Operation("POST", "/auth/ksef-token", "anonymous", bearer=False),
    Operation("GET", "/auth/{referenceNumber}", "anonymous"),
    Operation("POST", "/auth/token/redeem", "anonymous"),
    Operation("POST", "/auth/token/refresh", "anonymous"),
    # Wysyłka interaktywna
    Operation("POST", "/sessions/online", "online_session", any_of=_SENDING),
    Operation("POST", "/sessions/online/{referenceNumber}/invoices", "invoice_send", any_of=_SENDING),
    Operation("POST", "/sessions/online/{referenceNumber}/close", "online_session_close", any_of=_SENDING),
    # Wysyłka wsadowa
    Operation("POST", "/sessions/batch", "batch_session", any_of=_BATCHES),
    Operation("POST", "/sessions/batch/{referenceNumber}/close", "batch_session_close", any_of=_BATCHES),
    # Wyszukiwanie nadanych uprawnień
    Operation("POST", "/permissions/query/personal/grants", "other"),
    Operation(
        "POST",
        "/permissions/query/persons/grants",
        "other",
        any_of=(_MANAGE, _READ, _SUBUNITS),
        contexts=("Nip", "InternalId"),
    ),
    Operation("POST", "/permissions/query/subunits/grants", "other", any_of=(_MANAGE, _READ, _SUBUNITS)),
    Operation("POST", "/permissions/query/entities/grants", "other", any_of=(_MANAGE, _READ)),
    Operation("GET", "/permissions/query/entities/roles", "other", any_of=(_MANAGE, _READ)),
    Operation(
        "POST", "/permissions/query/subordinate-entities/roles", "other", any_of=(_MANAGE, _READ, _SUBUNITS)
    ),
    Operation(
        "POST",
        "/permissions/query/authorizations/grants",
        "other",
        any_of=(_MANAGE, _READ, PEF_INVOICE_WRITE),
        contexts=("Nip", "PeppolId"),
    ),
    Operation(
        "POST",
        "/permissions/query/eu-entities/grants",
        "other",
        any_of=(_MANAGE, _READ, VAT_UE_MANAGE),
        contexts=("Nip", "NipVatUe"),
    ),
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
    return re.compile(shape_of(path).replace("{}", "[^/]+"), re.DOTALL)
