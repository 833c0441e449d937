"""Identifiers of contexts: the patterns accept what the ministry's schemas accept, and nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ksef_mock.core.identifiers import CONTEXT_PATTERNS, Identifier, is_context_identifier
from tests import openapi

SCHEMAS = openapi.DOCUMENT.parent
TYPES = {"Nip": "TNIP", "InternalId": "TIID", "NipVatUe": "TNipVatUE", "PeppolId": "TPeppolId"}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("Nip", "5265877635"),
        ("InternalId", "5265877635-12345"),
        ("NipVatUe", "5265877635-DE123456789"),
        ("NipVatUe", "5265877635-XIGD123"),
        ("NipVatUe", "5265877635-NL123456789B01"),
        ("PeppolId", "PPL123456"),
    ],
)
def test_identifiers_of_contexts(kind: str, value: str) -> None:
    assert is_context_identifier(Identifier(kind, value))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("Nip", ""),
        ("Nip", "526587763"),
        ("Nip", "52658776355"),
        ("Nip", "0265877635"),
        ("Nip", "5005877635"),
        ("Nip", "526-587-76-35"),
        ("Nip", "5265877635\n"),
        ("Nip", "\u0665265877635"),
        ("InternalId", "5265877635"),
        ("InternalId", "5265877635-1234"),
        ("NipVatUe", "5265877635-PL5265877635"),
        ("NipVatUe", "DE123456789"),
        ("PeppolId", "P12123456"),
        ("PeppolId", "ppl123456"),
        ("Pesel", "90010112349"),
        ("", "5265877635"),
    ],
)
def test_what_is_no_identifier_of_a_context(kind: str, value: str) -> None:
    assert not is_context_identifier(Identifier(kind, value))


@pytest.mark.parametrize(
    ("kind", "value", "nip"),
    [
        ("Nip", "5265877635", "5265877635"),
        ("InternalId", "5265877635-12345", "5265877635"),
        ("NipVatUe", "5265877635-DE123456789", "5265877635"),
        ("PeppolId", "PPL123456", None),
        ("Pesel", "90010112349", None),
    ],
)
def test_nip_inside_of_an_identifier(kind: str, value: str, nip: str | None) -> None:
    assert Identifier(kind, value).nip == nip


def official(kind: str) -> re.Pattern[str]:
    """The ministry's pattern, whose anchors and word boundaries .NET takes as such, as Python does."""
    tree = etree.parse(next(SCHEMAS.glob("*2-1*.xsd")))
    xsd = "{http://www.w3.org/2001/XMLSchema}"
    (simple_type,) = [each for each in tree.iter(f"{xsd}simpleType") if each.get("name") == TYPES[kind]]
    (pattern,) = simple_type.iter(f"{xsd}pattern")
    return re.compile(str(pattern.get("value")), re.ASCII)


@pytest.mark.skipif(not openapi.available(), reason=f"the ministry's schemas are not in {SCHEMAS}")
@pytest.mark.parametrize("kind", list(TYPES))
def test_patterns_agree_with_the_ministrys(kind: str) -> None:
    ministry, ours = official(kind), CONTEXT_PATTERNS[kind]
    # From either pattern, and with one character changed: near misses are where patterns differ.
    samples = st.one_of(
        st.from_regex(ours, fullmatch=True),
        st.from_regex(ministry, fullmatch=True),
        st.tuples(
            st.from_regex(ours, fullmatch=True), st.integers(0, 20), st.sampled_from("0159AZaz-+* ")
        ).map(lambda part: part[0][: part[1]] + part[2] + part[0][part[1] + 1 :]),
    )

    @given(samples)
    def agree(value: str) -> None:
        assert bool(ours.fullmatch(value)) == bool(ministry.fullmatch(value)), value

    agree()
