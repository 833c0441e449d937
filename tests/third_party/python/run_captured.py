"""PyPI `ksef-client` and `ksef2`, told nothing but the name of an environment, within `capture_hosts`.

    run_captured.py NIP

The last line of the output is a JSON object of what they and the mock have seen.
"""
# mypy: ignore-errors

import json
import sys

from ksef2 import Client, Environment
from ksef_client import KsefClient, KsefClientOptions, KsefEnvironment
from ksef_client.services.workflows import AuthCoordinator

from ksef_mock.testing import MockServer

nip = sys.argv[1]
seen = {}

with MockServer() as mock:
    token = mock.issue_token(nip)
    # Made before: their TLS contexts have no idea of the mock.
    early = KsefClient(KsefClientOptions(base_url=KsefEnvironment.TEST.value))
    with mock.capture_hosts():
        certificates = [
            key
            for key in early.security.get_public_key_certificates()
            if "KsefTokenEncryption" in [usage.value for usage in key.usage]
        ]
        result = AuthCoordinator(early.auth).authenticate_with_ksef_token(
            token=token,
            public_certificate=certificates[0].certificate,
            public_key_id=certificates[0].public_key_id,
            method="rsa",
            context_identifier_type="nip",
            context_identifier_value=nip,
            poll_interval_seconds=0.05,
        )
        seen["ksef-client"] = early.limits.get_context_limits(
            result.tokens.access_token.token
        ).online_session.max_invoices
        seen["lighthouse"] = str(early.lighthouse.get_status().status)
        with Client(Environment.TEST) as client:
            session = client.authentication.with_token(ksef_token=token, nip=nip)
            seen["ksef2"] = session.limits.get_context_limits().online_session.max_invoices
    early.close()
    seen["redeemed"] = [entry.status for entry in mock.journal.entries(path="/auth/token/redeem")]

sys.stdout.write(f"\n{json.dumps(seen)}\n")
