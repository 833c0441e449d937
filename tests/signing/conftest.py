from __future__ import annotations

import httpx
import pytest

from ksef_mock.testing import MockServer
from tests.signing.test_stand_in import PESEL
from tests.support import NIP


@pytest.fixture
def owner(ksef_mock: MockServer) -> None:
    """The person with the PESEL may act for the NIP."""
    grant = {
        "contextIdentifier": {"type": "Nip", "value": NIP},
        "authorizedIdentifier": {"type": "Pesel", "value": PESEL},
        "permissions": [{"permissionType": "InvoiceRead", "description": "accountant"}],
    }
    httpx.post(f"{ksef_mock.url}/v2/testdata/permissions", json=grant).raise_for_status()
