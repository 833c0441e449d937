"""The XAdES part has no opinion of its own: on each signature that a requirement submits, xmlsec1 agrees.

Compared is every document that the mock accepts, or refuses for its signature (9105). xmlsec1 judges plain
XML Signatures; where XAdES or KSeF ask for more it accepts what they refuse, and each such case is named.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from contract_tests.server.probe import Probe
from contract_tests.server.reply import Reply
from contract_tests.server.runner import run
from tests.xades.xmlsec1 import ask_xmlsec1, needs_xmlsec1

#: Requirements whose documents xmlsec1 accepts and KSeF refuses, and what xmlsec1 does not ask.
BEYOND_XML_SIGNATURE = {
    "KSEF-XADES-156": "what a signature must cover is the application's business",
    "KSEF-XADES-158": "XAdES: SignedProperties",
    "KSEF-XADES-159": "XAdES: SignedProperties must be signed",
    "KSEF-XADES-160": "XAdES: SigningTime",
    "KSEF-XADES-161": "XAdES: SigningTime",
    "KSEF-XADES-162": "XAdES: SigningCertificate",
    "KSEF-XADES-163": "XAdES: SigningCertificate",
    "KSEF-XADES-164": "KSeF takes a few transforms only; xmlsec1 takes XSLT",
    "KSEF-XADES-169": "xmlsec1 takes the first key that it finds",
}

_UNKNOWN_ALGORITHM = re.compile(r"xmlSecTransformIdListFindByHref.*href=(\S+)")


@needs_xmlsec1
def test_xmlsec1_agrees_with_the_requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted: list[tuple[str, bytes, Reply]] = []
    submit = Probe.submit_signed

    def recorded(self: Probe, document: bytes, **options: Any) -> Reply:
        reply = submit(self, document, **options)
        submitted.append((self._requirement.id, document, reply))
        return reply

    monkeypatch.setattr(Probe, "submit_signed", recorded)
    assert run("mock", ["XADES"]).conforms

    verdicts: Counter[tuple[bool, bool]] = Counter()
    disagreements: set[str] = set()
    for requirement, document, reply in submitted:
        ours = _accepted(reply)
        theirs = _xmlsec1_accepts(document, tmp_path)
        if ours is None or theirs is None:
            continue
        verdicts[ours, theirs] += 1
        if ours != theirs:
            assert not ours, f"{requirement}: accepted, but xmlsec1 finds the signature wrong"
            disagreements.add(requirement)
    assert disagreements == set(BEYOND_XML_SIGNATURE)
    # Both verdicts occur, and not only a handful of times.
    assert verdicts[True, True] > 40
    assert verdicts[False, False] >= 5


def _accepted(reply: Reply) -> bool | None:
    """Whether the signature was accepted; None if something else than the signature was wrong."""
    if reply.status == 202:
        return True
    return False if reply.error()[0] == 9105 else None


def _xmlsec1_accepts(document: bytes, folder: Path) -> bool | None:
    """Whether xmlsec1 accepts it; None if it does not know an algorithm (SHA-3, PSS in older versions)."""
    done = ask_xmlsec1(document, folder)
    unknown = _UNKNOWN_ALGORITHM.search(done.stderr)
    # What is no algorithm of anybody is refused by both for the same reason.
    if unknown is not None and re.search(r"sha3|MGF1", unknown[1]):
        return None
    return done.returncode == 0
