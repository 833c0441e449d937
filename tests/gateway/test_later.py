"""Handlers whose modules are imported at the first need."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ksef_mock.app import create_app
from ksef_mock.gateway.later import LaterOperation
from ksef_mock.gateway.operations import OPERATIONS


def test_an_application_loads_neither_verifier_nor_pages_nor_ciphers() -> None:
    heavy = ["lxml", "jinja2", "cryptography.x509", "ksef_mock.xades", "ksef_mock.control.routes"]
    heavy += ["ksef_mock.dashboard.routes", "ksef_mock.api.permissions", "ksef_mock.seed.model"]
    code = (
        "import sys; from ksef_mock.app import create_app; create_app();"
        f"print(*(name for name in {heavy!r} if name in sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == []


def later_operations() -> list[LaterOperation]:
    applications = [
        handler
        for mount in create_app().routes
        for route in getattr(mount, "routes", None) or ()
        for _, handler in getattr(route.app, "handlers", {}).values()
    ]
    inner = [getattr(handler, "_app", handler) for handler in applications]
    return [handler for handler in inner if isinstance(handler, LaterOperation)]


def test_every_operation_that_is_to_be_found_later_is_there() -> None:
    found = later_operations()
    assert len(found) > 100  # three prefixes
    assert all(handler._find() for handler in found)


def test_an_operation_that_the_module_does_not_answer_is_an_error() -> None:
    nowhere = LaterOperation("ksef_mock.api.tokens", OPERATIONS[0])
    with pytest.raises(LookupError, match="does not answer"):
        nowhere._find()
