"""Documents signed by the npm client `ksef-client-ts`, by its own signer, are accepted."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ksef_mock.core.identifiers import Identifier
from ksef_mock.xades import Check, read, verify
from tests.third_party.node_client import install
from tests.xades.signer import NIP, POLICY, credentials, request_xml

SCRIPT = """
const path = require('node:path');
const { SignatureService } = require(path.join(process.argv[1], 'ksef-client-ts'));
const { xml, certificate, key } = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
process.stdout.write(SignatureService.sign(xml, certificate, key));
"""


def sign(node_modules: Path, kind: str, xml: str) -> bytes:
    owner = credentials(kind)
    order = {
        "xml": xml,
        "certificate": owner.certificate.public_bytes(Encoding.PEM).decode(),
        "key": owner.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    }
    done = subprocess.run(
        ["node", "-e", SCRIPT, str(node_modules)],
        input=json.dumps(order).encode(),
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("kind", ["rsa", "ec", "SECP384R1"])
@pytest.mark.parametrize("version", ["2.0", "2.1"])
def test_a_document_signed_by_the_client_is_accepted(kind: str, version: str) -> None:
    xml = '<?xml version="1.0" encoding="utf-8"?>\n' + request_xml(version=version, policy=POLICY)
    signed = sign(install(), kind, xml)
    report = verify(signed, at=datetime.now(UTC))
    assert report.failure is None
    assert report.certificate == credentials(kind).certificate
    request = read(signed).request
    assert request is not None
    assert request.version == version
    assert request.context == Identifier("Nip", NIP)

    for altered in (
        signed.replace(NIP.encode(), b"5265877636"),
        signed.replace(b"SigningTime>2", b"SigningTime>1"),
    ):
        assert altered != signed
        assert not verify(altered, at=datetime.now(UTC)).passed(Check.REFERENCES)
