"""What the checks of one document work on."""

from __future__ import annotations

from datetime import datetime

import msgspec

from ksef_mock.xades import key_info
from ksef_mock.xades.algorithms import (
    OtherKeyKind,
    SignatureMethod,
    UnfitKey,
)
from ksef_mock.xades.budget import Budget
from ksef_mock.xades.canonical import (
    Canonicalization,
)
from ksef_mock.xades.reading import Reading
from ksef_mock.xades.report import (
    Report,
)
from ksef_mock.xades.structure import Signature


class Rules(msgspec.Struct, frozen=True, gc=False):
    """What an environment asks of a signature beyond its being right."""

    enforce_xades: bool
    allow_sha1: bool
    allow_lxml_octets: bool = False


class Work(msgspec.Struct, frozen=True, gc=False):
    """What all checks of one document share."""

    reading: Reading
    signature: Signature
    moment: datetime
    rules: Rules
    report: Report
    #: None: failures are not to be explained.
    budget: Budget | None


class Signer(msgspec.Struct, frozen=True, gc=False):
    """The signing certificate, or why there is none."""

    candidate: key_info.Candidate | None
    others: tuple[key_info.Candidate, ...] = ()
    error: key_info.Unusable | None = None


class Methods(msgspec.Struct, frozen=True, gc=False):
    """The allowed methods of SignedInfo, and what is wrong where they are not."""

    canonicalization: Canonicalization | None
    signature: SignatureMethod | None
    canonicalization_error: str | None
    signature_error: str | None
    #: Why the signer's key does not fit the method; None too where one of them is missing.
    key_error: UnfitKey | OtherKeyKind | None
