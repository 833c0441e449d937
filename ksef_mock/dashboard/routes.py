"""The dashboard's routes: the list of logins at /_mock/, everything else under /_mock/ui/."""

from __future__ import annotations

from ksef_mock.dashboard.pages import (
    certificates,
    clock,
    collective,
    coverage,
    exports,
    faults,
    invoice,
    keys,
    lighthouse,
    login,
    logins,
    permissions,
    portal,
    requests,
    sending,
    session,
    sessions,
    sign,
    tokens,
    verify,
)

#: Under /_mock.
ROUTES = [
    *logins.ROUTES,
    *login.ROUTES,
    *requests.ROUTES,
    *sending.ROUTES,
    *invoice.ROUTES,
    *exports.ROUTES,
    *collective.ROUTES,
    *keys.ROUTES,
    *faults.ROUTES,
    *tokens.ROUTES,
    *portal.ROUTES,
    *sessions.ROUTES,
    *permissions.ROUTES,
    *certificates.ROUTES,
    *sign.ROUTES,
    *lighthouse.ROUTES,
    *verify.ROUTES,
    *coverage.ROUTES,
    *clock.ROUTES,
    *session.ROUTES,
    *session.LAST_ROUTES,
]
