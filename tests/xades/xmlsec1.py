"""The program xmlsec1 as a judge of plain signatures."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.xades.signer import DS, XADES

XMLSEC1 = shutil.which("xmlsec1")
needs_xmlsec1 = pytest.mark.skipif(
    XMLSEC1 is None, reason="the program xmlsec1 is not installed (apt-get install xmlsec1)"
)

_IDENTIFIED = (f"{XADES}:SignedProperties", f"{DS}:Object", f"{DS}:Signature", f"{DS}:KeyInfo")


def xmlsec1_accepts(document: bytes, directory: Path) -> bool:
    """Whether xmlsec1 finds the plain signature right, by the key of the certificate in KeyInfo."""
    done = ask_xmlsec1(document, directory)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


def ask_xmlsec1(document: bytes, directory: Path) -> subprocess.CompletedProcess[str]:
    """What xmlsec1 says of the signature: its exit code is 0 where it holds."""
    assert XMLSEC1 is not None
    path = directory / "signed.xml"
    path.write_bytes(document)
    ids = [option for name in _IDENTIFIED for option in ("--id-attr:Id", name)]
    command = [XMLSEC1, "--verify", "--insecure", "--enabled-key-data", "x509,key-value", *ids, str(path)]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60, check=False)
