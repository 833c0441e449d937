"""Validation of AuthTokenRequest, without its signature, against the schemas of versions 2.0 and 2.1."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path

from lxml import etree

from ksef_mock.core.xsd import Schema
from ksef_mock.xades.canonical import Remainder, cut_out
from ksef_mock.xades.names import VERSIONS, ds

_SCHEMAS = Path(__file__).with_name("schemas")
#: Against which a request of no known version is found wrong.
_NEWEST = "2.1"
#: Faults that are told.
_MOST = 20


class Invalid(Exception):
    """Not valid; `details` are the validator's sentences, as KSeF sends them (recorded: .NET's)."""

    def __init__(self, details: tuple[str, ...]) -> None:
        super().__init__(details[0])
        self.details = details


def validate(
    request: etree._Element, remainder: Remainder | None = None, *, octets: bytes | None = None
) -> str:
    """The version, `2.0` or `2.1`, of a request that is valid but for a signature as a child of it.

    Args:
        remainder: the request without its one signature, where that is known already.
        octets: what it was parsed from (see `Schema.faults`).

    Raises:
        Invalid: with the validator's sentences.
    """
    version = VERSIONS.get(str(request.tag)[1:].partition("}")[0], _NEWEST)
    if remainder is not None:
        subject = remainder.root
    else:
        subject = copy.copy(request)
        for signature in subject.findall(ds("Signature")):
            cut_out(signature)
    faults = _schema(version).faults(subject, _MOST, octets=octets)
    if faults:
        raise Invalid(tuple(fault.message for fault in faults))
    return version


@cache
def _schema(version: str) -> Schema:
    return Schema(_SCHEMAS / f"auth-token-request-{version}.xsd")
