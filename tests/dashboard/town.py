"""A mock with something for every page of the dashboard to show, names of ill will included."""

from __future__ import annotations

from ksef_mock.testing import MockServer
from tests.auth.test_xades_login import signed, submit
from tests.dashboard.support import HOSTILE, OWNER, refused_signature
from tests.support import NIP, Api


def settle(mock: MockServer, api: Api) -> None:
    """Let everything happen that the dashboard has a page for."""
    token = mock.issue_token(NIP)
    _log_in(mock, api, token)
    mock.faults.add(path="/permissions/*", status=503)
    mock.faults.add(path="/auth/challenge", delay_seconds=0.001, times=1)
    api.http.post(f"{mock.url}/_mock/lighthouse/messages", json={"category": "FAILURE", "text": HOSTILE})
    api.http.get("/nothing-of-ksef")


def _log_in(mock: MockServer, api: Api, token: str) -> None:
    login = api.login(token)
    api.redeem(login.authentication_token)
    submit(api, signed(mock, api, mock.pki.qualified(OWNER)))
    refused_signature(mock, api)
    api.submit(api.token_request(token[:-4] + "0000"))
    api.submit(api.token_request(token, publicKeyId="x" * 44))
    api.submit(api.token_request(token) | {"challenge": HOSTILE})
    api.challenge()
