"""A minimal client of KSeF, Poland's national e-invoicing system, API v2.

It meets the system over HTTP alone: the same code talks to TEST, DEMO, PRODUCTION and to ksef-mock.
The two clients need httpx, which the extra `client` brings; everything else does without.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ksef_client_min.auth_manager import AuthManager, DefaultAuthManager
from ksef_client_min.call import Call
from ksef_client_min.credentials import BrokenCredentials, Credentials, load_pem, load_pkcs12
from ksef_client_min.effects import Policy
from ksef_client_min.environments import DEMO, ENVIRONMENTS, MOCK, PROD, TEST, Environment
from ksef_client_min.errors import (
    KsefApiError,
    KsefAuthenticationError,
    KsefConnectionError,
    KsefError,
    KsefExportError,
    KsefForbiddenError,
    KsefNotLoggedInError,
    KsefOperationError,
    KsefProtocolError,
    KsefRateLimitError,
    KsefTimeoutError,
    KsefUnauthorizedError,
    Problem,
)
from ksef_client_min.exported import Checkpoint, Export, ExportedInvoice, ExportedPackage, Retrieved
from ksef_client_min.session import BatchSession, OnlineSession, PendingLogin, Session

if TYPE_CHECKING:
    from ksef_client_min.async_client import AsyncKsefClient
    from ksef_client_min.package import Package
    from ksef_client_min.sync_client import KsefClient

__all__ = [
    "DEMO",
    "ENVIRONMENTS",
    "MOCK",
    "PROD",
    "TEST",
    "AsyncKsefClient",
    "AuthManager",
    "BatchSession",
    "BrokenCredentials",
    "Call",
    "Checkpoint",
    "Credentials",
    "DefaultAuthManager",
    "Environment",
    "Export",
    "ExportedInvoice",
    "ExportedPackage",
    "KsefApiError",
    "KsefAuthenticationError",
    "KsefClient",
    "KsefConnectionError",
    "KsefError",
    "KsefExportError",
    "KsefForbiddenError",
    "KsefNotLoggedInError",
    "KsefOperationError",
    "KsefProtocolError",
    "KsefRateLimitError",
    "KsefTimeoutError",
    "KsefUnauthorizedError",
    "OnlineSession",
    "Package",
    "PendingLogin",
    "Policy",
    "Problem",
    "Retrieved",
    "Session",
    "load_pem",
    "load_pkcs12",
]

_LATER = {"AsyncKsefClient": "async_client", "KsefClient": "sync_client", "Package": "package"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{_LATER[name]}")
    except ModuleNotFoundError as error:
        if error.name != "httpx":
            raise
        from ksef_mock.core.installed import how_to_install

        raise ModuleNotFoundError(f"{name} needs httpx: {how_to_install('client')}", name="httpx") from None
    return globals().setdefault(name, getattr(module, name))
