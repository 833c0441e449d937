"""Published keys: several certificates in the answer, rotation, and keys that vanish."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from contract_tests.clients.catalogue import Script, situation
from contract_tests.clients.stage import Stage
from contract_tests.clients.tap import Step

_TOKEN_USAGE = "KsefTokenEncryption"


@situation(
    "CLIENT-KEYS-001",
    "The certificate for symmetric keys is listed before that for KSeF tokens.",
    right="chooses by usage, not by place",
    methods=("token",),
)
def other_usage_first(stage: Stage) -> Script:
    stage.rewrite(Step.KEYS, lambda _, keys: sorted(keys, key=lambda key: _TOKEN_USAGE in key["usage"]))
    run = yield
    run.reached_step(Step.KEYS)
    run.expect_success()


@situation(
    "CLIENT-KEYS-002",
    "A planned rotation is under way: the old and the new key are published side by side.",
    right="takes one that is valid now, and names the one it took",
    methods=("token",),
)
def planned_rotation(stage: Stage) -> Script:
    stage.mock.keys.rotate()
    run = yield
    run.reached_step(Step.KEYS)
    run.expect_success()


@situation(
    "CLIENT-KEYS-003",
    "An expired certificate is listed first; KSeF no longer has its key.",
    right="chooses one that is valid now",
    methods=("token",),
)
def expired_key_first(stage: Stage) -> Script:
    now = datetime.now(UTC)
    entry = _published(_TOKEN_USAGE, now - timedelta(days=800), now - timedelta(days=70))
    stage.rewrite(Step.KEYS, lambda _, keys: [entry, *keys])
    run = yield
    run.reached_step(Step.KEYS)
    run.expect_success()


@situation(
    "CLIENT-KEYS-004",
    "A certificate that becomes valid only next week is listed first; KSeF does not have its key yet.",
    right="chooses one that is valid now, not the newest whatever its validity",
    methods=("token",),
)
def future_key_first(stage: Stage) -> Script:
    now = datetime.now(UTC)
    entry = _published(_TOKEN_USAGE, now + timedelta(days=7), now + timedelta(days=737))
    stage.rewrite(Step.KEYS, lambda _, keys: [entry, *keys])
    run = yield
    run.reached_step(Step.KEYS)
    run.expect_success()


@situation(
    "CLIENT-KEYS-005",
    "A certificate with a usage that is not documented (yet) is listed first.",
    right="passes over it",
    methods=("token",),
)
def unknown_usage_first(stage: Stage) -> Script:
    now = datetime.now(UTC)
    entry = _published("UsageOfTheFuture", now - timedelta(days=7), now + timedelta(days=700))
    stage.rewrite(Step.KEYS, lambda _, keys: [entry, *keys])
    run = yield
    run.reached_step(Step.KEYS)
    run.expect_success()


@situation(
    "CLIENT-KEYS-006",
    "In an emergency all keys are replaced after the client has fetched them: a submission that names a key "
    "is refused with 400, 21470; after one that names none the login ends in 450.",
    right="fetches the keys again and submits once more",
    methods=("token",),
)
def emergency_rotation(stage: Stage) -> Script:
    stage.after(Step.KEYS, stage.replace_keys)
    run = yield
    run.reached_step(Step.KEYS)
    run.expect_success()
    run.expect_challenges_spared()


@situation(
    "CLIENT-KEYS-007",
    "The same, and 21470 comes as problem+json.",
    right="finds the code in `errors` as well as in `exceptionDetailList`",
    severity="should",
    methods=("token",),
)
def emergency_rotation_in_problem_json(stage: Stage) -> Script:
    stage.ask_for_problem_details()
    stage.after(Step.KEYS, stage.replace_keys)
    run = yield
    run.reached_step(Step.KEYS)
    run.reached(
        any(call.status == 400 for call in run.of(Step.SUBMISSION)),
        "sent a publicKeyId that could be refused",
    )
    run.expect_success()


def _published(usage: str, valid_from: datetime, valid_to: datetime) -> dict[str, Any]:
    """An entry of the published keys (OpenAPI: PublicKeyCertificate), with a key unknown to the mock."""
    key = rsa.generate_private_key(65_537, 2_048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ministerstwo Finansów")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid_from)
        .not_valid_after(valid_to)
        .sign(key, hashes.SHA256())
    )
    der = certificate.public_bytes(Encoding.DER)
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {
        "certificate": base64.b64encode(der).decode(),
        "certificateId": base64.b64encode(hashlib.sha256(der).digest()).decode(),
        "publicKeyId": base64.b64encode(hashlib.sha256(spki).digest()).decode(),
        "validFrom": valid_from.isoformat(timespec="seconds"),
        "validTo": valid_to.isoformat(timespec="seconds"),
        "usage": [usage],
    }
