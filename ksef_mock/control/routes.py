"""All routes under /_mock."""

from __future__ import annotations

from ksef_mock.control import api, coverage, faults, invoices, peppol, warning

ROUTES = [*api.ROUTES, *coverage.ROUTES, *faults.ROUTES, *invoices.ROUTES, *peppol.ROUTES, *warning.ROUTES]
