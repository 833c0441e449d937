"""Certificates of strangers: whatever is in their fields gets a report that says what is wrong."""

from __future__ import annotations

import asyncio
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs7,
    pkcs12,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from ksef_mock.clock import Clock, from_datetime
from ksef_mock.core.codes import Code
from ksef_mock.core.identifiers import Identifier
from ksef_mock.crypto.der import SEQUENCE, elements, tlv
from ksef_mock.crypto.pki import Pki
from ksef_mock.ksef.auth.trust import TrustPolicy, TrustService
from ksef_mock.ksef.certificates.revocations import Revocations
from ksef_mock.state import MemoryStore
from ksef_mock.xades import Cause, Check, Refusal, Report, verify
from ksef_mock.xades.identity import identify
from tests.xades.signer import NIP, NOW, Signer, credentials, key_info

_INTEGER, _UTC_TIME, _GENERALIZED_TIME, _UTF8 = 0x02, 0x17, 0x18, 0x0C


@cache
def fields() -> list[bytes]:
    """The fields of a certificate's tbsCertificate: version, serial number, algorithm, issuer, validity, …"""
    (certificate,) = elements(credentials().der)
    tbs, _, _ = elements(certificate.contents)
    return [field.octets for field in elements(tbs.contents)]


def certificate_of(changed: list[bytes]) -> bytes:
    (certificate,) = elements(credentials().der)
    _, algorithm, value = elements(certificate.contents)
    return tlv(SEQUENCE, tlv(SEQUENCE, b"".join(changed)) + algorithm.octets + value.octets)


def report_of(der: bytes) -> Report:
    """The report of a document whose KeyInfo has this, with the checks that only a server makes."""
    report = verify(Signer(key_info=key_info(der)).sign(), at=NOW)
    if report.certificate is not None:
        clock = Clock()
        policy = TrustPolicy(requires_chain=True)
        trust = TrustService(Pki(clock), Revocations(MemoryStore(clock), clock), policy)
        judged = trust.judge(report.certificate, report.other_certificates, at=from_datetime(NOW))
        report.record(asyncio.run(judged).result)
        for result in identify(report.certificate, "certificateSubject", Identifier("Nip", NIP)).results:
            report.record(result)
    assert report.to_dict()
    return report


@pytest.mark.parametrize("size", [1_786, 4_000, 30_000])
def test_a_serial_number_that_cannot_be_written_out_is_no_certificate(size: int) -> None:
    changed = [*fields()]
    changed[1] = tlv(_INTEGER, b"\x7f" * size)
    (result,) = report_of(certificate_of(changed)).of(Check.KEY_INFO)
    assert result.cause is Cause.UNUSABLE_CERTIFICATE
    assert result.consequence == Refusal(Code.INVALID_CERTIFICATE)


@pytest.mark.parametrize("time", ["00000101000000Z", "20260230000000Z", "99991231235960Z"])
def test_a_validity_that_does_not_exist_is_no_certificate(time: str) -> None:
    moment = tlv(_GENERALIZED_TIME, time.encode())
    for validity in (moment + fields()[4][-17:], fields()[4][2:17] + moment, moment * 2):
        changed = [*fields()]
        changed[4] = tlv(SEQUENCE, validity)
        (result,) = report_of(certificate_of(changed)).of(Check.KEY_INFO)
        assert result.consequence == Refusal(Code.INVALID_CERTIFICATE)


def test_a_certificate_beyond_its_bound_is_not_read() -> None:
    (result,) = report_of(certificate_of([*fields(), bytes(33_000)])).of(Check.KEY_INFO)
    assert "at most 32768" in result.reason


_VALUES = st.one_of(
    st.builds(tlv, st.just(_INTEGER), st.binary(max_size=3_000)),
    st.builds(
        tlv,
        st.sampled_from([_UTC_TIME, _GENERALIZED_TIME]),
        st.text("0123456789Z+-.", max_size=20).map(str.encode),
    ),
    st.builds(tlv, st.integers(0, 255), st.binary(max_size=60)),
    st.builds(
        lambda parts: tlv(SEQUENCE, b"".join(parts)),
        st.lists(
            st.builds(
                tlv, st.sampled_from([0x06, 0x0C, 0x13, 0x30, 0x31, 0xA0, 0x04]), st.binary(max_size=40)
            )
        ),
    ),
)


@settings(max_examples=200)
@given(st.integers(0, 8), _VALUES)
def test_whatever_a_field_holds_gets_a_report(position: int, value: bytes) -> None:
    changed = [*fields()]
    changed[min(position, len(changed) - 1)] = value
    report = report_of(certificate_of(changed))
    assert not report.ok


@settings(max_examples=200)
@given(st.data())
def test_whatever_octets_of_a_certificate_change_it_gets_a_report(data: st.DataObject) -> None:
    der = bytearray(credentials().der)
    for _ in range(data.draw(st.integers(1, 3))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    report_of(bytes(der))


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["2.5.4.3", "2.5.4.4", "2.5.4.5", "2.5.4.6", "2.5.4.10", "2.5.4.42", "2.5.4.97"]),
            st.sampled_from([_UTF8, 0x13, 0x16, 0x1E, 0x04, 0x03]),
            st.binary(max_size=30),
        ),
        max_size=8,
    )
)
def test_whatever_a_subject_says_gets_a_report(attributes: list[tuple[str, int, bytes]]) -> None:
    name = b"".join(
        tlv(0x31, tlv(SEQUENCE, _oid(dotted) + tlv(tag, value))) for dotted, tag, value in attributes
    )
    changed = [*fields()]
    changed[5] = tlv(SEQUENCE, name)
    report_of(certificate_of(changed))


def _oid(dotted: str) -> bytes:
    _, _, *rest = (int(part) for part in dotted.split("."))
    return tlv(0x06, bytes([0x55, *rest]))


def _pkcs12(password: bytes | None) -> bytes:
    owner = credentials("rsa")
    encryption = NoEncryption() if password is None else BestAvailableEncryption(password)
    return pkcs12.serialize_key_and_certificates(b"x", owner.key, _parsed(), None, encryption)


def _parsed() -> x509.Certificate:
    return x509.load_der_x509_certificate(credentials("rsa").der)


def _private(encryption: object = None) -> bytes:
    key = credentials("rsa").key
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, encryption or NoEncryption())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (lambda: _pkcs12(b"secret"), "PKCS#12"),
        (lambda: _pkcs12(None), "PKCS#12"),
        (lambda: pkcs7.serialize_certificates([_parsed()], Encoding.DER), "PKCS#7"),
        (_private, "PKCS#8"),
        (lambda: _private(BestAvailableEncryption(b"secret")), "PKCS#8"),
        (
            lambda: (
                credentials("rsa")
                .key.public_key()
                .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            ),
            "a bare public key",
        ),
    ],
)
def test_what_is_taken_for_a_certificate_is_named(octets, said: str) -> None:  # type: ignore[no-untyped-def]
    (result,) = report_of(octets()).of(Check.KEY_INFO)
    assert result.consequence == Refusal(Code.INVALID_CERTIFICATE)
    assert result.explanation is not None
    assert said in result.explanation


def test_nothing_is_named_without_a_proof() -> None:
    (result,) = report_of(b"\x30\x03\x02\x01\x03").of(Check.KEY_INFO)
    assert result.explanation is None
