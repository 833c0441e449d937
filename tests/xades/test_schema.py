"""The schemas written here accept what the ministry's schemas accept, and nothing else."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from ksef_mock.core import ip_policy
from ksef_mock.core.identifiers import CONTEXT_PATTERNS
from ksef_mock.xades.schema import Invalid, validate
from tests.xades.signer import CHALLENGE, NIP, POLICY, request_xml

OFFICIAL = Path(__file__).resolve().parents[3] / "shared" / "ksef"
VERSIONS = ("2.0", "2.1")

needs_official = pytest.mark.skipif(
    not OFFICIAL.is_dir(), reason=f"the ministry's schemas are not in {OFFICIAL}"
)


def ours(xml: str) -> bool:
    try:
        validate(etree.fromstring(xml.encode()))
    except Invalid:
        return False
    return True


@cache
def official(version: str) -> etree.XMLSchema:
    """The ministry's schema, its patterns brought from .NET's reading of them to that of the XSD standard.

    The patterns use ^, $ and \\b. .NET, which KSeF runs on, takes them for anchors and a word boundary; in
    XSD, and so in libxml2, ^ and $ are ordinary characters and \\b is an error. An XSD pattern is anchored
    anyway, so the former vanish. \\b stands after an octet and its optional dot, in ((octet)\\.?\\b){4}:
    between digits there is no boundary, so a dot must separate the octets, and after the last dot there is
    none either, so there must not be one: three octets with a dot and one without.
    """
    text = (OFFICIAL / f"schemat_auth_v{version.replace('.', '-')}.xsd").read_text()
    text = re.sub(r"\((\(25\[0-5\][^?]*?\\d\))\\\.\?\\b\)\{4\}", r"(\1\\.){3}\1", text)
    text = re.sub(r'(<xsd:pattern value=")\^?([^"]*?)\$?("/>)', r"\1\2\3", text)
    assert "\\b" not in text
    return etree.XMLSchema(etree.fromstring(text.encode()))


def agree(xml: str, version: str) -> bool:
    """Our verdict, which must be the official one."""
    verdict = ours(xml)
    document = etree.fromstring(xml.encode())
    # .NET lets XML's own attributes stand anywhere (AllowXmlAttributes), libxml2 nowhere.
    etree.strip_attributes(document, "{http://www.w3.org/XML/1998/namespace}*")
    assert official(version).validate(document) == verdict, xml
    return verdict


#: VAT UE numbers by the shape of each country, and some that miss it.
VAT_NUMBERS = """
ATU12345678 BE0123456789 BE2123456789 BG123456789 BG1234567890 BG12345678901 CY12345678X CZ12345678
CZ1234567890 DE123456789 DE12345678 DK12345678 EE123456789 EL123456789 GR123456789 ESX12345678
ES12345678X ESX1234567X ES123456789 FI12345678 FRX1123456789 FR+1123456789 HR12345678901 HU12345678
IE1234567AB IE1+12345A IE1A12345A IE1a12345A IT12345678901 LT123456789 LT123456789012 LT1234567890
LU12345678 LV12345678901 MT12345678 NLA+*123456789 NL123456789B01 PT123456789 RO12 RO1 RO1234567890
SE123456789012 SI12345678 SK1234567890 XI123456789 XI123456789012 XIGD123 XIHA123 XIXX123
PL5265877635 DE-123456789 GB123456789
"""


def contexts() -> list[str]:
    nips = [
        NIP,
        "0265877635",
        "5005877635",
        "5105877635",
        "5015877635",
        "526587763",
        "52658776355",
        "",
        "abc",
    ]
    return [
        *(f"<Nip>{nip}</Nip>" for nip in nips),
        *(f"<InternalId>{nip}-12345</InternalId>" for nip in nips),
        *(
            f"<InternalId>{NIP}{tail}</InternalId>"
            for tail in ("", "-", "-1234", "-123456", "-1234a", "12345")
        ),
        *(f"<NipVatUe>{NIP}-{number}</NipVatUe>" for number in ("", "DE123456789 ", *VAT_NUMBERS.split())),
        *(f"<NipVatUe>{nip}-DE123456789</NipVatUe>" for nip in nips),
        *(
            f"<PeppolId>{value}</PeppolId>"
            for value in ("PPL123456", "PXX000000", "QPL123456", "PPL12345", "Ppl123456")
        ),
        f"<Nip> {NIP}</Nip>",
        f"<Nip>{NIP}\n</Nip>",
        "",
        f"<Nip>{NIP}</Nip><Nip>{NIP}</Nip>",
        "<Other>1</Other>",
        f"<Nip>{NIP}</Nip>text",
        f"<Nip a='1'>{NIP}</Nip>",
        f"<Nip><!-- -->{NIP}</Nip>",
        "<Nip/>",
    ]


ADDRESSES = [
    "0.0.0.0",
    "255.255.255.255",
    "256.1.1.1",
    "1.2.3",
    "1.2.3.4.",
    "1.2.3.4.5",
    "01.2.3.4",
    "1.2.3.04",
    "1..2.3",
    "199.99.9.249",
    "1234",
    "1.2.34",
    " 1.2.3.4 ",
    "",
    "1.2.3.a",
    "1 .2.3.4",
    "300.1.1.1",
    "26.25.24.260",
]
MASKS = ["0", "9", "10", "19", "29", "30", "32", "33", "00", "08", "", "-1", "100"]


def policies() -> list[str]:
    entries = [
        *(f"<Ip4Address>{address}</Ip4Address>" for address in ADDRESSES),
        *(f"<Ip4Range>{first}-1.2.3.4</Ip4Range>" for first in ADDRESSES),
        *(f"<Ip4Range>1.2.3.4-{last}</Ip4Range>" for last in ADDRESSES),
        *(f"<Ip4Mask>1.2.3.4/{mask}</Ip4Mask>" for mask in MASKS),
        *(f"<Ip4Mask>{address}/8</Ip4Mask>" for address in ADDRESSES),
        *("<Ip4Address>1.2.3.4</Ip4Address>" * count for count in (10, 11)),
        *("<Ip4Range>1.2.3.4-1.2.3.5</Ip4Range>" * count for count in (10, 11)),
        *("<Ip4Mask>1.2.3.4/5</Ip4Mask>" * count for count in (10, 11)),
        "<Ip4Mask>1.2.3.4/5</Ip4Mask><Ip4Address>1.2.3.4</Ip4Address>",
        "<Other/>",
        "text",
        "",
    ]
    return [
        POLICY,
        POLICY * 2,
        "<AuthorizationPolicy/>",
        "<AllowedIps/>",
        "<AuthorizationPolicy><X/></AuthorizationPolicy>",
        *(
            f"<AuthorizationPolicy><AllowedIps>{entry}</AllowedIps></AuthorizationPolicy>"
            for entry in entries
        ),
    ]


CHALLENGES = [
    CHALLENGE,
    f" {CHALLENGE}\n",
    CHALLENGE.lower(),
    CHALLENGE[:-1],
    f"{CHALLENGE}0",
    CHALLENGE.replace("CR", "AU"),
    "",
    CHALLENGE.replace("A", "G"),
    f"{CHALLENGE[:9]} {CHALLENGE[10:]}",
    CHALLENGE.replace("2026", "20a6"),
]
SUBJECTS = [
    "certificateSubject",
    "certificateFingerprint",
    " certificateSubject ",
    "CertificateSubject",
    "",
    "x",
]


def samples(version: str) -> list[str]:
    xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    good = request_xml(version=version)
    return [
        good,
        *(request_xml(version=version, context=context) for context in contexts()),
        *(request_xml(version=version, policy=policy) for policy in policies()),
        *(request_xml(version=version, challenge=challenge) for challenge in CHALLENGES),
        *(request_xml(version=version, subject=subject) for subject in SUBJECTS),
        *(
            request_xml(version=version, attributes=attributes)
            for attributes in (
                ' Id="a"',
                ' xml:lang="pl"',
                f" {xsi} xsi:nil='false'",
                ' xmlns:a="urn:a" a:b="c"',
                f" {xsi}",
            )
        ),
        good.replace("<Challenge>", "<Challenge/><Challenge>"),
        good.replace("<SubjectIdentifierType>certificateSubject</SubjectIdentifierType>", ""),
        good.replace("<Challenge>", "text<Challenge>"),
        good.replace("<Challenge>", "\n <!-- c --><?pi?><Challenge>"),
        good.replace("Challenge", "Wyzwanie"),
        good.replace("<ContextIdentifier>", '<ContextIdentifier xmlns="urn:other">'),
        "<AuthTokenRequest/>",
    ]


@needs_official
@pytest.mark.parametrize("version", VERSIONS)
def test_samples_are_judged_as_by_the_official_schema(version: str) -> None:
    verdicts = [agree(xml, version) for xml in samples(version)]
    assert 60 < sum(verdicts) < len(verdicts) - 60  # both verdicts are well represented


def mostly(pattern: str) -> st.SearchStrategy[str]:
    """Values of the pattern, and values that miss it by little."""
    good = st.from_regex(pattern, fullmatch=True)
    broken = st.tuples(good, st.integers(0, 40), st.sampled_from("0159AZaz.-/+* ٣")).map(
        lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] + 1 :]
    )
    return st.one_of(good, broken, st.text("0123456789ABZ-.+*/ ", max_size=40))


PATTERNS = {name: pattern.pattern for name, pattern in CONTEXT_PATTERNS.items()}


@needs_official
@settings(max_examples=150)
@given(st.sampled_from(VERSIONS), st.data())
def test_generated_contexts_are_judged_as_by_the_official_schema(version: str, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(PATTERNS)))
    value = data.draw(mostly(PATTERNS[kind]))
    agree(request_xml(version=version, context=f"<{kind}>{value}</{kind}>"), version)


@needs_official
@settings(max_examples=150)
@given(st.sampled_from(VERSIONS), st.data())
def test_generated_addresses_are_judged_as_by_the_official_schema(version: str, data: st.DataObject) -> None:
    kind, pattern = data.draw(
        st.sampled_from(
            [
                ("Ip4Address", ip_policy.ADDRESS_PATTERN),
                ("Ip4Range", ip_policy.RANGE_PATTERN),
                ("Ip4Mask", ip_policy.MASK_PATTERN),
            ]
        )
    )
    entry = f"<{kind}>{data.draw(mostly(pattern.pattern))}</{kind}>"
    policy = f"<AuthorizationPolicy><AllowedIps>{entry}</AllowedIps></AuthorizationPolicy>"
    agree(request_xml(version=version, policy=policy), version)


@needs_official
@settings(max_examples=80)
@given(st.sampled_from(VERSIONS), mostly(r"[0-9]{8}-CR-[A-F0-9]{10}-[A-F0-9]{10}-[A-F0-9]{2}"))
def test_generated_challenges_are_judged_as_by_the_official_schema(version: str, challenge: str) -> None:
    agree(request_xml(version=version, challenge=challenge), version)


@settings(max_examples=200)
@given(st.sampled_from(VERSIONS), st.data())
def test_the_schemas_agree_with_the_patterns_of_identifiers(version: str, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(PATTERNS)))
    value = data.draw(mostly(PATTERNS[kind]).filter(str.isascii))
    valid = ours(request_xml(version=version, context=f"<{kind}>{value}</{kind}>"))
    assert valid == bool(CONTEXT_PATTERNS[kind].fullmatch(value))


@settings(max_examples=200)
@given(st.sampled_from(VERSIONS), st.data())
def test_the_schemas_agree_with_the_patterns_of_the_ip_policy(version: str, data: st.DataObject) -> None:
    kind, pattern = data.draw(
        st.sampled_from([("Ip4Address", ip_policy.ADDRESS_PATTERN), ("Ip4Mask", ip_policy.MASK_PATTERN)])
    )
    value = data.draw(mostly(pattern.pattern).filter(str.isascii))
    policy = f"<AuthorizationPolicy><AllowedIps><{kind}>{value}</{kind}></AllowedIps></AuthorizationPolicy>"
    valid = ours(request_xml(version=version, policy=policy))
    assert valid == bool(pattern.fullmatch(" ".join(value.split())))
