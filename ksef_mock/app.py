"""Builds the Starlette application: routes and the gateway around them. Nothing else."""

from __future__ import annotations

import re

from starlette.applications import Starlette
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp

from ksef_mock.api import auth, sessions
from ksef_mock.clock import Clock
from ksef_mock.control import health
from ksef_mock.control.guard import Guard
from ksef_mock.core.paths import PREFIXES
from ksef_mock.dashboard import door
from ksef_mock.gateway.addresses import Addresses
from ksef_mock.gateway.endpoints import endpoints
from ksef_mock.gateway.gateway import Gateway
from ksef_mock.gateway.later import Later, operations_of
from ksef_mock.gateway.path_table import PathTable
from ksef_mock.lighthouse import app as lighthouse
from ksef_mock.qr import links as qr
from ksef_mock.settings import Settings
from ksef_mock.state import Store
from ksef_mock.system.system import System
from ksef_mock.tenants.dispatch import ByTenant
from ksef_mock.tenants.registry import Tenants

#: What a first login does without: the modules of `ksef_mock.api`, and how the paths begin that they answer.
_ROOMS = {
    "security": ("/security/",),
    "limits": ("/limits/", "/rate-limits", "/testdata/limits/", "/testdata/rate-limits"),
    "testdata": (
        "/testdata/subject",
        "/testdata/person",
        "/testdata/permissions",
        "/testdata/attachment",
        "/testdata/context/",
    ),
    "tokens": ("/tokens",),
    "certificates": ("/certificates/", "/testdata/certificates/"),
    "permissions": ("/permissions/",),
    "collective": ("/collective-identifiers",),
    "invoices": ("/invoices/",),
    "sending": ("/sessions$", "/sessions/online", r"/sessions/\{"),
    "batch": ("/sessions/batch",),
    "peppol": ("/peppol/",),
}
#: The same for /_mock.
_LATER = [
    Route("/", pages := Later("ksef_mock.dashboard.routes")),
    Route("/ui/{rest:path}", pages),
    Route("/{rest:path}", Later("ksef_mock.control.routes")),
]
#: How the names of hosts begin at which KSeF has other services (`api-latarnia-test.ksef.mf.gov.pl`), and
#: where the mock has those.
_HOSTS = {b"api-latarnia": lighthouse.PREFIX} | {host.encode(): qr.PREFIX for host in qr.HOSTS.values()}


def create_app(
    settings: Settings | None = None, store: Store | None = None, clock: Clock | None = None
) -> Starlette:
    """A new simulated KSeF as an ASGI application; `app.state.system` is what stands behind it.

    `app.state.ports` may get ports at which one of its services alone is to answer: port -> its path.
    `app.state.tenants` are the further mocks that it may get.

    Raises:
        ValueError: `settings.defects` names one that there is not.
    """
    app = _application(System(settings, store, clock))

    def tenant(settings: Settings) -> Starlette:
        further = _application(System(settings))
        further.state.system.stays = False
        further.state.ports = app.state.ports
        return further

    app.state.tenants = Tenants(app.state.system.settings, tenant)
    return app


def _application(system: System) -> Starlette:
    routes = [
        *auth.ROUTES,
        *sessions.ROUTES,
        *(
            route
            for module, beginnings in _ROOMS.items()
            for route in operations_of(f"ksef_mock.api.{module}", *beginnings)
        ),
    ]
    api = endpoints(routes, system)
    app = _Application(
        routes=[
            *(_mount(prefix, Router(api, redirect_slashes=False)) for prefix in PREFIXES),
            *door.ROUTES,
            Route("/storage/{rest:path}", Later("ksef_mock.api.storage")),
            Route(lighthouse.PREFIX, lighthouse.LighthouseApp()),
            _mount(lighthouse.PREFIX, lighthouse.LighthouseApp()),
            _mount("/_mock", Guard([*health.ROUTES, *_LATER])),
            _mount(qr.PREFIX, Later("ksef_mock.qr.routes")),
        ],
    )
    app.router.redirect_slashes = False
    app.state.system = system
    app.state.ports = {}
    app.state.tenants = None
    if system.settings.defects:
        # Imported here: nobody else needs it.
        from ksef_mock.defects import apply

        apply(system.settings.defects, app)
    return app


class _Application(Starlette):
    def build_middleware_stack(self) -> ASGIApp:
        # The gateway turns every error into KSeF's formats: Starlette's own error layers are idle.
        gateway = Gateway(PathTable(self.router, self.routes), self.state.system)
        app = Addresses(gateway, _HOSTS, getattr(self.state, "ports", {}))
        tenants = getattr(self.state, "tenants", None)
        return app if tenants is None else ByTenant(app, tenants, self.state.system)


def _mount(prefix: str, application: ASGIApp) -> Mount:
    mount = Mount(prefix, application)
    # Starlette's pattern ends at a line feed, which a path may contain (%0A) as any other character.
    mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)
    return mount
