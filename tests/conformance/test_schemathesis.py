"""Requests made from the official document: no 5xx, nothing undocumented, no body off its schema.

KSEF_MOCK_EXAMPLES sets how many requests are made for each operation.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ksef_client_min import KsefClient
from ksef_mock.testing import MockServer
from tests import openapi
from tests.support import NIP

EXAMPLES = int(os.environ.get("KSEF_MOCK_EXAMPLES", "5"))

if not openapi.available():
    pytest.skip(openapi.MISSING, allow_module_level=True)

DOCUMENT = json.loads(openapi.DOCUMENT.read_text())
SIMULATED = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.fixture
def access_token(ksef_mock: MockServer, ksef_token: str) -> str:
    """Of an owner; each operation begins with a fresh mock."""
    with KsefClient(ksef_mock.url) as client:
        client.login_with_token(ksef_token, NIP)
        assert client.session.access_token is not None
        return client.session.access_token


@SIMULATED.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_operation(case: schemathesis.Case[Any], ksef_mock: MockServer, access_token: str) -> None:
    response = case.call(base_url=f"{ksef_mock.url}/v2", headers={"Authorization": f"Bearer {access_token}"})
    if response.status_code == 501:
        return
    case.validate_response(
        response,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )
