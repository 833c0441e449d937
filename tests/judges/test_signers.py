"""Signers that share no code with us: what they sign is accepted, and refused with an octet changed.

libxmlsec judges beside us, by the program xmlsec1 and in process: where it and we disagree, the test fails.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ksef_mock.xades import Report, verify
from ksef_mock.xades.reading import read
from ksef_mock.xades.second_opinion import Missing, Unasked, second_opinion
from tests.judges.programs import PROGRAMS, Case
from tests.support import Api, error
from tests.xades.xmlsec1 import needs_xmlsec1, xmlsec1_accepts

CASES = [case for name, program in PROGRAMS.items() for case in program.cases(name)]
#: Octets changed in each document, one at a time.
CHANGES = 4
#: Where a changed octet has to matter: the request, SignedInfo, the value, the signed properties.
_SIGNED = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        rb"<AuthTokenRequest.*?<(?:\w+:)?Signature\b",
        rb"<(?:\w+:)?SignedInfo.*</(?:\w+:)?SignedInfo>",
        rb"<(?:\w+:)?SignatureValue\b[^>]*>([^<]{40})",  # the last characters of base64 may have spare bits
        rb"<(?:\w+:)?SignedProperties.*</(?:\w+:)?SignedProperties>",
    )
)
Read = Callable[[Case], bytes]
each_case = pytest.mark.parametrize("case", CASES, ids=str)


def changed(document: bytes, seed: str) -> Iterator[bytes]:
    """The document with one letter or digit of a signed part replaced, at places that differ by `seed`."""
    chance = random.Random(seed)
    for number in range(CHANGES):
        found = _SIGNED[number % len(_SIGNED)].search(document)
        assert found is not None
        places = [
            place for place in range(*found.span(found.lastindex or 0)) if chr(document[place]).isalnum()
        ]
        place = chance.choice(places)
        others = (b"A", b"B") if document[place : place + 1].isupper() else (b"2", b"3")
        new = others[document[place : place + 1] == others[0]]
        yield document[:place] + new + document[place + 1 :]


def judged(document: bytes) -> Report:
    """Our verdict, after libxmlsec has said the same of the plain signature."""
    reading = read(document)
    report = verify(reading, at=datetime.now(UTC), explain=False)
    try:
        opinion = second_opinion(reading, report)
    except (Missing, Unasked):
        return report
    assert opinion.agrees, (opinion, document)
    return report


@each_case
def test_what_they_sign_is_accepted(document_of: Read, case: Case) -> None:
    report = judged(document_of(case))
    assert report.ok, (report.failure, document_of(case))
    assert report.facts.canonicalization == case.c14n


@each_case
def test_with_an_octet_changed_it_is_refused(document_of: Read, case: Case) -> None:
    for document in changed(document_of(case), str(case)):
        assert not judged(document).ok, document


@each_case
def test_it_logs_in_over_http_and_only_unchanged(document_of: Read, waiting: Api, case: Case) -> None:
    headers = {"Content-Type": "application/xml"}
    document = document_of(case)
    altered = document.replace(b"<Challenge>", b"<Challenge> ")
    assert altered != document
    refused = waiting.call("POST", "/auth/xades-signature", content=altered, headers=headers)
    assert error(refused)[0] == 9105
    accepted = waiting.call("POST", "/auth/xades-signature", content=document, headers=headers)
    assert waiting.status(accepted)["code"] == 200


@needs_xmlsec1
@each_case
def test_the_program_xmlsec1_agrees(document_of: Read, case: Case, tmp_path: Path) -> None:
    document = document_of(case)
    assert xmlsec1_accepts(document, tmp_path)
    assert not xmlsec1_accepts(document.replace(b"<Challenge>", b"<Challenge> "), tmp_path)
