"""All routes under /_mock."""

from __future__ import annotations

from ksef_mock.control import api, coverage, invoices, peppol, warning

ROUTES = [*api.ROUTES, *coverage.ROUTES, *invoices.ROUTES, *peppol.ROUTES, *warning.ROUTES]
