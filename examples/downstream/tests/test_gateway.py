from __future__ import annotations

import pytest
from billing.gateway import Gateway, LoginRefused, Unavailable

from ksef_mock.clock import Clock
from ksef_mock.testing import Faults, MockServer

NIP = "5265877635"


@pytest.mark.ksef(token_key="ec", profile="prod")
def test_session_outlives_the_access_token(ksef_mock: MockServer, ksef_token: str, ksef_clock: Clock) -> None:
    with Gateway(ksef_mock.url, NIP, ksef_token) as gateway:
        gateway.connect()
        ksef_clock.advance(seconds=15 * 60)
        assert gateway.open_sessions() == 1


def test_revoked_token_is_told(ksef_mock: MockServer, ksef_token: str) -> None:
    ksef_mock.revoke_token(ksef_token)
    with Gateway(ksef_mock.url, NIP, ksef_token) as gateway, pytest.raises(LoginRefused) as caught:
        gateway.connect()
    assert caught.value.code == 450


def test_outage_is_told(ksef_mock: MockServer, ksef_token: str, ksef_faults: Faults) -> None:
    ksef_faults.add(path="/auth/ksef-token", status=500)
    with Gateway(ksef_mock.url, NIP, ksef_token) as gateway, pytest.raises(Unavailable):
        gateway.connect()
