"""The unmodified npm client `ksef-client-ts` logs in with certificates: it signs, the mock verifies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ksef_mock.crypto.pki import Credential, KeyKind, person, seal
from ksef_mock.testing import MockServer
from tests.third_party.node_client import NODE
from tests.third_party.test_ksef_client_ts import NIP, node

OWNER = person("Jan", "Kowalski", nip=NIP)


def log_in(node_modules: Path, mock: MockServer, credential: Credential, folder: Path) -> dict[str, Any]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(credential.certificate_pem)
    key.write_bytes(credential.key_pem)
    done = node(NODE / "certificate.mjs", node_modules, mock.url, NIP, certificate, key)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.mark.parametrize("key", ["rsa", "ec"])
def test_owner_logs_in_and_is_refreshed(
    node_modules: Path, ksef_mock: MockServer, tmp_path: Path, key: KeyKind
) -> None:
    seen = log_in(node_modules, ksef_mock, ksef_mock.pki.self_signed(OWNER, key=key), tmp_path)
    assert "error" not in seen, (seen, ksef_mock.journal.last().reason)
    assert seen["claims"]["contextIdentifierValue"] == NIP
    assert seen["claims"]["permissions"] == ["Owner"]
    [session] = seen["sessions"]["items"]
    assert session["isCurrent"] is True
    assert session["authenticationMethodInfo"]["category"] == "XadesSignature"
    assert seen["refreshed"] is True
    facts = ksef_mock.journal.last("/auth/xades-signature").facts["xades"]
    assert (facts["ok"], facts["form"]) == (True, "enveloped")


@pytest.mark.parametrize("key", ["rsa", "ec"])
def test_seal_logs_in_where_a_chain_is_required(node_modules: Path, tmp_path: Path, key: KeyKind) -> None:
    with MockServer(profile="demo") as mock:
        credential = mock.pki.ksef(seal("Firma sp. z o.o.", nip=NIP), key=key)
        seen = log_in(node_modules, mock, credential, tmp_path)
        assert "error" not in seen, (seen, mock.journal.last().reason)
        [session] = seen["sessions"]["items"]
        assert session["authenticationMethod"] == "InternalCertificate"


def test_stranger_is_refused(node_modules: Path, ksef_mock: MockServer, tmp_path: Path) -> None:
    stranger = person("Anna", "Nowak", pesel="90010112349")
    seen = log_in(node_modules, ksef_mock, ksef_mock.pki.self_signed(stranger, key="ec"), tmp_path)
    assert "415" in seen["error"]["message"]
