"""Verifications a second, against the floor: `python -m bench.xades [--seconds N] [--memory N]`.

Method
- The document is an ordinary XAdES-BES login: enveloped, exclusive c14n, SHA-256, two references, one
  certificate; once signed with RSA-2048, once with P-256.
- The floor is what no verifier of these libraries can avoid: one lxml parse, one public key operation over
  the canonical SignedInfo, and the three digests (document without its signature, signed properties,
  certificate). A digest needs its octets, so canonicalisation belongs to the floor; beside it stands a bare
  floor that hashes octets canonicalised beforehand.
- The certificate is the same throughout, as it is for a client that logs in again. The verifier remembers
  certificates it has parsed; the floor is spared parsing it too.
- Nothing is checked on the floor: no schema, no structure, no whitelist, no coverage, no report.
- Peers, where they are installed: signxml and xmlsec (libxmlsec1 in process), each given the certificate of
  the signer, which it loads each time. They check digests and value, no schema, no XAdES.
- Verifier, floors and peers take turns, in slices of a fifth of a second: what slows the machine down slows
  all of them. The ratio is the median of the rounds, of process CPU time, which neighbours do not disturb.

`--memory N` verifies N documents after that, each different, every third one tampered with (which sets off
the search for an explanation), every fourth one unreadable, and prints the resident set size at intervals.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import copy
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from bench._process import machine
from ksef_mock.xades import verify
from tests.xades.signer import NIP, NOW, NS, Credentials, Signer, credentials

_AIM = 0.60
#: How many times as fast as each peer.
_PEER_AIMS = {"signxml": 2.5, "xmlsec": 1.2}
_SLICE = 0.2
#: MiB by which the resident set may still grow after the first tenth of the verifications.
_GROWTH = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.xades", description="XAdES verifications a second."
    )
    parser.add_argument("--seconds", type=float, default=6.0, help="how long to measure each key (default 6)")
    parser.add_argument("--memory", type=int, default=10_000, help="verifications to watch memory over")
    options = parser.parse_args()
    print(machine())
    for kind in ("rsa", "ec"):
        _compare(kind, options.seconds)
    if options.memory:
        _watch_memory(options.memory)


def _compare(kind: str, seconds: float) -> None:
    owner = credentials(kind)
    document = Signer(owner).sign()
    assert verify(document, at=NOW).ok
    floor = _Floor(document, owner)
    runs: dict[str, Callable[[], object]] = {
        "verify": lambda: verify(document, at=NOW),
        "floor": floor.run,
        "bare floor": floor.run_bare,
    }
    runs |= _peers(document, owner)
    costs: dict[str, list[float]] = {name: [] for name in runs}
    for once in runs.values():
        _cost(once)  # warm up
    for _ in range(max(3, round(seconds / (_SLICE * len(runs))))):
        for name, once in runs.items():
            costs[name].append(_cost(once))
    print(f"{kind}: a document of {len(document)} bytes")
    for name, measured in costs.items():
        print(f"  {name:10} {1e6 / median(measured):7.0f} a second, {median(measured):6.1f} us of CPU each")
    for name, aim in _PEER_AIMS.items():
        if name in costs:
            speed = median(p / v for p, v in zip(costs[name], costs["verify"], strict=True))
            print(f"  ratio      {speed:7.2f} times the speed of {name}, aim {aim}")
    for name in ("floor", "bare floor"):
        ratio = median(f / v for f, v in zip(costs[name], costs["verify"], strict=True))
        verdict = f", aim {_AIM:.0%}: {'reached' if ratio >= _AIM else 'missed'}" if name == "floor" else ""
        print(f"  ratio      {ratio:7.1%} of the {name}{verdict}")


def _cost(once: Callable[[], object]) -> float:
    """CPU time of one call, in microseconds."""
    began, used, done = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - began < _SLICE:
        for _ in range(20):
            once()
        done += 20
    return (time.process_time() - used) / done * 1e6


def _peers(document: bytes, owner: Credentials) -> dict[str, Callable[[], object]]:
    """The same document verified by others; those that are installed."""
    pem = owner.certificate.public_bytes(Encoding.PEM)
    found: dict[str, Callable[[], object]] = {}
    with contextlib.suppress(ImportError):
        from signxml.verifier import XMLVerifier

        found["signxml"] = lambda: XMLVerifier().verify(document, x509_cert=pem.decode(), expect_references=2)
    with contextlib.suppress(ImportError):
        import xmlsec

        def by_xmlsec() -> None:
            root = etree.fromstring(document)
            signature = root[-1]
            context = xmlsec.SignatureContext()
            context.register_id(signature[3][0][0], "Id")
            context.key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatCertPem)
            context.verify(signature)

        found["xmlsec"] = by_xmlsec
    return found


@dataclass
class _Floor:
    """The unavoidable work of verifying one document of known shape."""

    document: bytes
    owner: Credentials

    def __post_init__(self) -> None:
        self._der, self._key = self.owner.der, self.owner.certificate.public_key()
        root = etree.fromstring(self.document)
        self._parts = self._octets(root)
        text = root.findtext(".//ds:SignatureValue", namespaces=NS)
        self._value = _decoded(text or "", self.owner)

    def run(self) -> None:
        """With canonicalisation."""
        self._check(self._octets(etree.fromstring(self.document)))

    def run_bare(self) -> None:
        """With octets made beforehand."""
        etree.fromstring(self.document)
        self._check(self._parts)

    def _octets(self, root: etree._Element) -> tuple[bytes, bytes, bytes]:
        """The request, the signed properties, SignedInfo."""
        bare = copy.deepcopy(root)
        bare.remove(bare[-1])
        signature = root[-1]
        parts = (bare, signature[3][0][0], signature[0])
        request, properties, info = (etree.tostring(part, method="c14n", exclusive=True) for part in parts)
        return request, properties, info

    def _check(self, parts: tuple[bytes, bytes, bytes]) -> None:
        request, properties, info = parts
        for octets in (request, properties, self._der):
            digest = hashes.Hash(hashes.SHA256())
            digest.update(octets)
            digest.finalize()
        key = self._key
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(self._value, info, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(self._value, info, ec.ECDSA(hashes.SHA256()))


def _decoded(text: str, owner: Credentials) -> bytes:
    value = base64.b64decode(text)
    if isinstance(owner.key, rsa.RSAPrivateKey):
        return value
    r, s = int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big")
    return utils.encode_dss_signature(r, s)


def _watch_memory(count: int) -> None:
    document = Signer(credentials("rsa")).sign()
    sizes = []
    print(f"memory over {count} verifications, resident MiB:", end="", flush=True)
    for number in range(count):
        altered = document.replace(b"<ds:SignatureValue>", f"<ds:SignatureValue> <!-- {number} -->".encode())
        if number % 3 == 0:
            altered = altered.replace(NIP.encode(), str(1_111_111_111 + number).encode())
        if number % 4 == 0:
            altered = altered[: -1 - number % 1000]
        assert verify(altered, at=NOW).ok == (number % 3 > 0 and number % 4 > 0)
        if (number + 1) % max(1, count // 10) == 0:
            sizes.append(_resident())
            print(f" {sizes[-1]:.1f}", end="", flush=True)
    grown = sizes[-1] - sizes[0]
    print(f"\n  {grown:+.1f} MiB since the first tenth: {'flat' if grown <= _GROWTH else 'it grows'}")


def _resident() -> float:
    """Resident set size in MiB; its peak where /proc does not exist."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
