"""Public vectors (merlin, phaos, aleksey; 2002 and later) through the parts of the verifier.

They are signatures of anything, so not documents of KSeF: their parts are judged. They come with the source
of signxml, which is fetched once.
"""

from __future__ import annotations

import hmac
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

from ksef_mock.xades import parsing
from ksef_mock.xades.canonical import Selection, canonicalize
from ksef_mock.xades.document import identified_elements
from ksef_mock.xades.names import ds, text_of
from ksef_mock.xades.references import Resolved, resolve
from ksef_mock.xades.structure import Malformed, Signature, decode_base64, read_signature
from ksef_mock.xades.transforms import read_canonicalization
from tests.judges.conftest import unavailable
from tests.once import once

_SDIST = "signxml==5.2.0"
_CACHE = Path(__file__).parents[2] / ".cache"
_FOLDERS = (
    "merlin-xmldsig-twenty-three",
    "phaos-xmldsig-three",
    "aleksey-xmldsig-01",
    "aleksey-xmldsig-01-enveloped",
)
#: Wrong on purpose.
_WRONG = {"signature-rsa-enveloped-bad-digest-val.xml", "invalid_enveloped_transform.xml"}
#: What a part refuses, since KSeF does or safety asks for it; each occurs.
_REFUSED = ("leads out of the document", "digest algorithm", "XPath", "never accepted", "0 DigestValue")


@pytest.fixture(scope="module")
def vectors() -> Path:
    """The folder with the folders of vectors."""

    def fetch(folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-binary", ":all:", "--no-deps"]
        command += ["--no-build-isolation", "-d", str(folder), _SDIST]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        archives = list(folder.glob("*.tar.gz"))
        if not archives:
            raise OSError(done.stderr[-300:])
        with tarfile.open(archives[0]) as archive:
            archive.extractall(folder, filter="data")

    _CACHE.mkdir(exist_ok=True)
    try:
        folder = once(_CACHE / _SDIST.replace("==", "-"), fetch)
    except (OSError, subprocess.TimeoutExpired) as error:
        unavailable(f"the source of signxml cannot be fetched: {error}")
    (found,) = folder.glob("*/test/interop")
    return found


def read(path: Path) -> tuple[etree._Element, Signature]:
    root = parsing.parse(path.read_bytes()).getroot()
    return root, read_signature(next(root.iter(ds("Signature"))))


def resolved(root: etree._Element, signature: Signature) -> list[Resolved]:
    known = identified_elements(root)
    return [resolve(reference, root, known, signature.element) for reference in signature.references]


def signed_info(signature: Signature) -> bytes:
    return canonicalize(
        Selection(signature.signed_info, comments=True), read_canonicalization(signature.canonicalization)
    )


def files(vectors: Path) -> list[Path]:
    found = [path for folder in _FOLDERS for path in sorted((vectors / folder).glob("*.xml"))]
    return [path for path in found if b"SignatureValue" in path.read_bytes()]


def test_digests_are_those_of_the_vectors(vectors: Path) -> None:
    right, refused = 0, dict.fromkeys(_REFUSED, 0)
    for path in files(vectors):
        try:
            found = resolved(*read(path))
            reasons = [each.error or each.transform_error or each.algorithm_error for each in found]
            assert all(reason or each.matches for reason, each in zip(reasons, found, strict=True)) is (
                path.name not in _WRONG
            ), path
        except (parsing.NotWellFormed, Malformed) as error:
            found, reasons = [], [str(error)]
        right += sum(each.matches for each in found)
        for reason in filter(None, reasons):
            (kind,) = (kind for kind in _REFUSED if kind in reason)
            refused[kind] += 1
    assert right >= 45
    assert all(refused.values()), refused


@pytest.mark.parametrize(
    "name", ["enveloped-dsa", "enveloping-dsa", "enveloping-hmac-sha1", "enveloping-rsa"]
)
def test_canonical_octets_are_those_of_the_vectors(vectors: Path, name: str) -> None:
    folder = vectors / _FOLDERS[0]
    root, signature = read(folder / f"signature-{name}.xml")
    (found,) = resolved(root, signature)
    assert found.processed is not None
    assert found.processed.octets == (folder / f"signature-{name}-c14n-0.txt").read_bytes()
    assert signed_info(signature) == (folder / f"signature-{name}-c14n-1.txt").read_bytes()


def test_values_sign_our_canonical_signed_info(vectors: Path) -> None:
    verified = 0
    for path in files(vectors):
        try:
            _, signature = read(path)
        except (parsing.NotWellFormed, Malformed):
            continue
        method = signature.method.get("Algorithm", "").rpartition("#")[2]
        kind, _, name = method.rpartition("-")
        if name not in ("sha1", "sha256", "sha384", "sha512") or signature.value is None:
            continue
        if kind == "hmac":
            secret = b"test" if "phaos" in str(path) else b"secret"
            expected = hmac.digest(secret, signed_info(signature), name)
            assert expected.startswith(signature.value), path
        elif kind == "rsa" and (key := bare_key(signature)) is not None:
            algorithm = getattr(hashes, name.upper())()
            key.verify(signature.value, signed_info(signature), padding.PKCS1v15(), algorithm)
        else:
            continue
        verified += 1
    assert verified >= 19


def bare_key(signature: Signature) -> rsa.RSAPublicKey | None:
    """The RSAKeyValue in KeyInfo."""
    numbers = []
    for name in ("Exponent", "Modulus"):
        element = next(signature.element.iter(ds(name)), None)
        octets = None if element is None else decode_base64(text_of(element))
        if octets is None:
            return None
        numbers.append(int.from_bytes(octets, "big"))
    return rsa.RSAPublicNumbers(*numbers).public_key()
