"""A signer that shares nothing with us: Mono's SignedXml, which is .NET's."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ksef_mock.xades import Check, verify
from tests.xades.signer import C14N, EXC, NIP, NOW, b64, credentials, request_xml

_PROGRAM = Path(__file__).with_name("SignWithMono.cs")

pytestmark = pytest.mark.skipif(
    shutil.which("mcs") is None or shutil.which("mono") is None,
    reason="Mono is not installed (apt-get install mono-mcs mono-runtime libmono-system-security4.0-cil)",
)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled signer."""
    compiled = tmp_path_factory.mktemp("mono") / "sign.exe"
    done = subprocess.run(
        ["mcs", "-r:System.Security.dll", f"-out:{compiled}", str(_PROGRAM)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return compiled


@pytest.mark.parametrize("c14n", [C14N, f"{C14N}#WithComments", EXC])
def test_what_mono_signs_is_accepted_and_what_was_changed_is_not(
    program: Path, tmp_path: Path, c14n: str
) -> None:
    signed = _sign(program, tmp_path, c14n)
    assert b"<Signature xmlns=" in signed
    report = verify(signed, at=NOW, enforce_xades=False)
    assert report.failure is None
    assert report.passed(Check.SIGNATURE_VALUE)
    changed = verify(signed.replace(NIP.encode(), b"5265877636"), at=NOW, enforce_xades=False)
    assert not changed.passed(Check.REFERENCES)
    assert changed.passed(Check.SIGNATURE_VALUE)
    changed = verify(signed.replace(b"<Reference ", b"<Reference  Id='x' "), at=NOW, enforce_xades=False)
    assert changed.passed(Check.REFERENCES)
    assert not changed.passed(Check.SIGNATURE_VALUE)


def _sign(program: Path, folder: Path, c14n: str) -> bytes:
    owner = credentials("rsa")
    document, key, certificate = folder / "request.xml", folder / "key.xml", folder / "certificate.der"
    document.write_text(request_xml())
    assert isinstance(owner.key, rsa.RSAPrivateKey)
    key.write_text(_key_xml(owner.key))
    certificate.write_bytes(owner.der)
    command = ["mono", str(program), str(document), str(key), str(certificate), c14n]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def _key_xml(key: rsa.RSAPrivateKey) -> str:
    numbers, size = key.private_numbers(), key.key_size // 8
    values = {
        "Modulus": (numbers.public_numbers.n, size),
        "Exponent": (numbers.public_numbers.e, 3),
        "P": (numbers.p, size // 2),
        "Q": (numbers.q, size // 2),
        "DP": (numbers.dmp1, size // 2),
        "DQ": (numbers.dmq1, size // 2),
        "InverseQ": (numbers.iqmp, size // 2),
        "D": (numbers.d, size),
    }
    parts = (
        f"<{name}>{b64(value.to_bytes(length, 'big'))}</{name}>" for name, (value, length) in values.items()
    )
    return f"<RSAKeyValue>{''.join(parts)}</RSAKeyValue>"
