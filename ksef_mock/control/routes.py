"""All routes under /_mock."""

from __future__ import annotations

from ksef_mock.control import (
    api,
    certificates,
    clock,
    coverage,
    faults,
    invoices,
    journal,
    keys,
    lighthouse,
    metrics,
    peppol,
    processing,
    requests,
    sign,
    snapshot,
    tenants,
    warning,
)

ROUTES = [
    *api.ROUTES,
    *certificates.ROUTES,
    *clock.ROUTES,
    *coverage.ROUTES,
    *faults.ROUTES,
    *invoices.ROUTES,
    *journal.ROUTES,
    *keys.ROUTES,
    *lighthouse.ROUTES,
    *metrics.ROUTES,
    *peppol.ROUTES,
    *processing.ROUTES,
    *requests.ROUTES,
    *sign.ROUTES,
    *snapshot.ROUTES,
    *tenants.ROUTES,
    *warning.ROUTES,
]
