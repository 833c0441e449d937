"""The checks of time, certificate and XAdES profile, and the report itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

import pytest

from ksef_mock.clock import from_datetime
from ksef_mock.core.codes import Code, Status, StatusDetail, Verdict
from ksef_mock.xades import (
    Cause,
    Check,
    CheckResult,
    Outcome,
    Refusal,
    Report,
    failed,
    passed,
    read,
    skipped,
    verify,
)
from ksef_mock.xades.report import BAD_SIGNATURE, NOT_XADES
from tests.xades import signer
from tests.xades.signer import (
    FILTER,
    NOT_SIGNATURE,
    NOW,
    Signer,
    Transform,
    credentials,
    enveloped_reference,
    properties_reference,
    xpath_filter,
)

SECOND = timedelta(seconds=1)


def result(document: bytes, check: Check, *, at: datetime = NOW, enforce: bool = True) -> CheckResult:
    (found,) = verify(document, at=at, enforce_xades=enforce).of(check)
    return found


# ---- transforms that real signers use


@pytest.mark.parametrize(
    "transforms",
    [
        (Transform(signer.ENVELOPED),),
        (NOT_SIGNATURE,),
        (NOT_SIGNATURE, Transform(signer.EXC)),
        (Transform(signer.XPATH, "<ds:XPath>\n not( ancestor-or-self :: ds:Signature )\n</ds:XPath>"),),
        (
            Transform(
                signer.XPATH,
                f'<ds:XPath xmlns:dsig="{signer.DS}">not(ancestor-or-self::dsig:Signature)</ds:XPath>',
            ),
        ),
        (xpath_filter("/descendant::ds:Signature"),),
        (xpath_filter("//ds:Signature"), Transform(signer.EXC)),
        (xpath_filter("here()/ancestor::ds:Signature[1]"), Transform(signer.EXC)),
        (xpath_filter("/", "intersect"), Transform(signer.ENVELOPED)),
        (Transform(signer.ENVELOPED), NOT_SIGNATURE, Transform(signer.C14N11)),
    ],
)
def test_the_signature_may_be_left_out_in_every_usual_way(transforms: Sequence[Transform]) -> None:
    for uri in ("", "#xpointer(/)"):
        references = [enveloped_reference(*transforms, uri=uri), properties_reference()]
        report = verify(Signer(references=references).sign(), at=NOW)
        assert report.ok
        assert report.facts.references[0].covers == "request"


def test_canonical_octets_may_be_canonicalised_again() -> None:
    transforms = (Transform(signer.ENVELOPED), Transform(signer.C14N), Transform(signer.EXC))
    references = [enveloped_reference(*transforms), properties_reference()]
    assert verify(Signer(references=references).sign(), at=NOW).ok


def test_base64_makes_octets_that_cover_no_element() -> None:
    def mark(root: object) -> None:
        (certificate,) = root.xpath("//ds:X509Certificate", namespaces=signer.NS)  # type: ignore[attr-defined]
        certificate.set("Id", "der")

    certificate = signer.Reference("#der", (Transform(signer.BASE64),), octets=lambda _: credentials().der)
    references = [enveloped_reference(), properties_reference(), certificate]
    report = verify(Signer(references=references, prepare=mark).sign(), at=NOW)
    assert report.ok
    assert report.facts.references[2].octets == credentials().der
    assert report.facts.references[2].covers == "other"


@pytest.mark.parametrize(
    "transforms",
    [
        (Transform(signer.EXC), Transform(signer.ENVELOPED)),
        (Transform(signer.EXC), NOT_SIGNATURE),
        (Transform(signer.EXC), Transform(signer.BASE64)),
        (Transform(signer.ENVELOPED), Transform(signer.BASE64), Transform(signer.EXC)),
        (Transform(FILTER),),
    ],
)
def test_transforms_in_an_order_without_sense_are_refused(transforms: Sequence[Transform]) -> None:
    references = [enveloped_reference(*transforms), properties_reference()]
    report = verify(Signer(references=references).sign(), at=NOW)
    assert report.failure is not None
    assert report.failure.check is Check.TRANSFORMS


# ---- signing time


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("2026-03-01T12:00:00Z", True),
        ("2026-03-01T12:05:00Z", True),
        ("2026-03-01T12:05:00.001Z", False),
        ("2026-03-01T13:05:00+01:00", True),
        ("2026-03-01T13:05:01+01:00", False),
        ("2026-03-01T11:05:00-01:00", True),
        ("2026-03-01T11:05:01-01:00", False),
        ("2026-03-01T12:00:00.1234567+00:00", True),
        (" 2026-03-01T12:00:00Z\n", True),
        ("2026-03-02T02:05:00", True),
        ("2026-03-02T02:05:01", False),
        ("1999-01-01T00:00:00Z", True),
        ("2026-03-01", False),
        ("2026-02-30T12:00:00Z", False),
        ("2026-03-01T25:00:00Z", False),
        ("2026-03-01 12:00:00Z", False),
        ("2026-03-01T12:00:00+99:00", False),
        ("0001-01-01T00:00:00+14:00", False),
        ("today", False),
        ("", False),
    ],
)
def test_the_signing_time_must_be_a_time_and_not_in_the_future(text: str, good: bool) -> None:
    # Put in after assembly: an empty one is not the same as none.
    def write(root: object) -> None:
        (time,) = root.xpath("//xades:SigningTime", namespaces=signer.NS)  # type: ignore[attr-defined]
        time.text = text

    found = result(Signer(prepare=write).sign(), Check.SIGNING_TIME)
    assert found.outcome is (Outcome.PASSED if good else Outcome.FAILED)
    assert found.consequence == (None if good else BAD_SIGNATURE)


def test_a_signing_time_that_is_odd_but_possible_is_remarked_upon() -> None:
    early = result(Signer(signing_time="2020-01-01T00:00:00Z").sign(), Check.SIGNING_TIME)
    assert "before the certificate's validity" in early.reason
    local = result(Signer(signing_time="2026-03-01T11:59:00").sign(), Check.SIGNING_TIME)
    assert "no offset" in local.reason


# ---- validity of the certificate


def test_a_certificate_is_valid_from_its_first_to_its_last_second() -> None:
    certificate = credentials().certificate
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    signed = Signer(signing_time="2020-01-01T00:00:00Z").sign()
    for at, good in ((begin - SECOND, False), (begin, True), (end, True), (end + SECOND, False)):
        report = verify(signed, at=at)
        assert report.passed(Check.VALIDITY) is good
        if not good:
            assert report.failure is not None
            assert report.failure.check is Check.VALIDITY
            verdict = Verdict(Status.CERTIFICATE_ERROR, StatusDetail.CERTIFICATE_EXPIRED)
            assert report.failure.consequence == verdict


def test_the_moment_may_be_given_in_several_ways() -> None:
    signed = Signer(signing_time="2026-03-01T12:05:00Z").sign()
    warsaw = NOW.astimezone(timezone(timedelta(hours=1)))
    for at in (NOW, warsaw, NOW.replace(tzinfo=None), from_datetime(NOW)):
        assert verify(signed, at=at).ok
    for at in (NOW - SECOND, warsaw - SECOND, from_datetime(NOW - SECOND)):
        assert not verify(signed, at=at).ok


# ---- XAdES, enforced or not


def test_a_plain_signature_is_refused_only_where_xades_is_enforced() -> None:
    plain = Signer(with_properties=False).sign()
    report = verify(plain, at=NOW)
    assert report.failure is not None
    assert report.failure.check is Check.SIGNED_PROPERTIES
    assert report.failure.cause is Cause.NO_SIGNED_PROPERTIES
    assert report.failure.consequence == NOT_XADES
    tolerant = verify(plain, at=NOW, enforce_xades=False)
    assert tolerant.ok
    for check in (Check.SIGNED_PROPERTIES, Check.SIGNING_TIME, Check.SIGNING_CERTIFICATE):
        (found,) = tolerant.of(check)
        assert found.outcome is Outcome.SKIPPED
        assert found.reason


@pytest.mark.parametrize(
    ("document", "check"),
    [
        (lambda: Signer(signing_time=None).sign(), Check.SIGNING_TIME),
        (lambda: Signer(signing_certificate=()).sign(), Check.SIGNING_CERTIFICATE),
    ],
)
def test_a_missing_property_is_refused_only_where_xades_is_enforced(document, check: Check) -> None:  # type: ignore[no-untyped-def]
    assert result(document(), check).outcome is Outcome.FAILED
    found = result(document(), check, enforce=False)
    assert found.outcome is Outcome.SKIPPED
    assert "tolerated" in found.reason


@pytest.mark.parametrize(
    "document",
    [
        lambda: Signer(references=[enveloped_reference()]).sign(),
        lambda: Signer(signing_time="never").sign(),
        lambda: Signer(certificate_octets=lambda _: b"other").sign(),
    ],
)
def test_present_properties_must_be_right_even_where_xades_is_not_enforced(document) -> None:  # type: ignore[no-untyped-def]
    assert not verify(document(), at=NOW, enforce_xades=False).ok


def test_an_issuer_or_serial_that_differs_is_remarked_upon_and_the_digest_decides() -> None:
    serial = "<ds:X509IssuerName>CN=?</ds:X509IssuerName><ds:X509SerialNumber>1</ds:X509SerialNumber>"
    found = result(Signer(issuer_serial=serial).sign(), Check.SIGNING_CERTIFICATE)
    assert found.outcome is Outcome.PASSED
    assert "IssuerSerial says 1" in found.reason
    assert result(Signer().sign(), Check.SIGNING_CERTIFICATE).reason == "the digest is right"


def test_a_target_that_differs_is_remarked_upon() -> None:
    found = result(Signer(target="#other").sign(), Check.SIGNED_PROPERTIES)
    assert found.outcome is Outcome.PASSED
    assert "'#other' is not the signature's Id 'sig'" in found.reason


@pytest.mark.parametrize("form", ["enveloped", "enveloping"])
def test_unsigned_properties_up_to_lta_are_ignored(form: str) -> None:
    stamp = "<xades:EncapsulatedTimeStamp>AAAA</xades:EncapsulatedTimeStamp>"
    unsigned = (
        "<xades:UnsignedProperties><xades:UnsignedSignatureProperties>"
        f"<xades:SignatureTimeStamp>{stamp}</xades:SignatureTimeStamp>"
        "<xades:CertificateValues><xades:EncapsulatedX509Certificate>AAAA</xades:EncapsulatedX509Certificate>"
        "</xades:CertificateValues><xades:RevocationValues/>"
        f'<x:ArchiveTimeStamp xmlns:x="http://uri.etsi.org/01903/v1.4.1#">{stamp}</x:ArchiveTimeStamp>'
        "</xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
    )
    assert verify(Signer(form=form, unsigned=unsigned).sign(), at=NOW).ok


# ---- the report


def test_every_check_is_in_the_report_in_order() -> None:
    for document in (b"", b"<a/>", Signer().sign(), Signer(references=[]).sign(), Signer(key_info="").sign()):
        checks = [each.check for each in verify(document, at=NOW).results]
        assert list(dict.fromkeys(checks)) == list(Check)
        assert checks == sorted(checks, key=list(Check).index)


def test_the_first_failure_in_check_order_decides() -> None:
    report = Report([failed(Check.VALIDITY, Cause.EXPIRED, "late", BAD_SIGNATURE), passed(Check.FORM)])
    assert not report.ok
    report.record(failed(Check.CHALLENGE, Cause.CHALLENGE, "unknown", Refusal(Code.INVALID_CHALLENGE)))
    assert report.failure is not None
    assert report.failure.check is Check.CHALLENGE


def test_a_result_takes_the_place_of_a_skipped_one_only() -> None:
    report = verify(Signer().sign(), at=NOW)
    assert report.of(Check.PERMISSION)[0].outcome is Outcome.SKIPPED
    report.record(passed(Check.PERMISSION, "owner"))
    report.record(failed(Check.REFERENCES, Cause.WRONG_DIGEST, "another", BAD_SIGNATURE))
    assert report.of(Check.PERMISSION) == (passed(Check.PERMISSION, "owner"),)
    assert [each.outcome for each in report.of(Check.REFERENCES)] == ["passed", "passed", "failed"]
    assert not report.passed(Check.REFERENCES)
    assert not report.passed(Check.CHALLENGE)
    assert skipped(Check.CHALLENGE, "x") not in report.results


def test_a_reading_can_be_verified_more_than_once() -> None:
    reading = read(Signer().sign())
    before = reading.report.to_dict()
    first, second = verify(reading, at=NOW), verify(reading, at=NOW - timedelta(days=9999))
    assert first.ok
    assert not second.ok
    assert reading.report.to_dict() == before


def test_the_report_as_json_tells_what_was_found() -> None:
    report = verify(Signer(credentials("rsa")).sign().replace(b"11:59:00Z", b"11:59:01Z"), at=NOW)
    told = json.loads(json.dumps(report.to_dict()))
    assert told["ok"] is False
    assert told["failure"] == "references"
    assert told["answer"] == {
        "code": 9105,
        "description": "Nieprawidłowy podpis.",
        "details": ["Nieprawidłowa wartość skrótu dla referencji wskazującej na element 'props'."],
    }
    assert told["version"] == "2.1"
    assert told["form"] == "enveloped"
    assert told["signatureAlgorithm"] == signer.RSA_SHA256
    assert told["canonicalization"] == signer.EXC
    assert told["signingTime"] == "2026-03-01T11:59:01Z"
    assert told["certificate"]["serial"] == str(credentials("rsa").certificate.serial_number)
    assert [each["covers"] for each in told["references"]] == ["request", "signed properties"]
    stated, computed = (told["references"][1][name] for name in ("statedDigest", "computedDigest"))
    assert stated != computed
    assert len(told["results"]) == len(report.results)


def test_a_late_failure_is_told_with_its_status() -> None:
    answer = verify(Signer().sign(), at=NOW + timedelta(days=9999)).to_dict()["answer"]
    assert answer == {
        "status": 460,
        "description": "Uwierzytelnianie zakończone niepowodzeniem z powodu błędu certyfikatu",
        "detail": "Nieważny certyfikat",
    }


def test_the_canonical_octets_are_at_hand() -> None:
    report = verify(Signer().sign(), at=NOW)
    first, second = report.facts.references
    assert first.octets is not None
    assert first.octets.startswith(b"<AuthTokenRequest ")
    assert b"Signature" not in first.octets
    assert second.octets is not None
    assert second.octets.startswith(b"<xades:SignedProperties ")
    assert report.facts.signed_info is not None
    assert report.facts.signed_info.startswith(b"<ds:SignedInfo ")


def test_documents_can_be_verified_by_several_threads_at_once() -> None:
    good, bad = Signer().sign(), Signer(request=signer.request_xml(subject="x")).sign()
    verdicts: list[tuple[bool, int]] = []

    def work() -> None:
        for _ in range(100):
            first, second = verify(good, at=NOW), verify(bad, at=NOW)
            assert second.failure is not None
            assert isinstance(second.failure.consequence, Refusal)
            verdicts.append((first.ok, len(second.failure.consequence.details)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(verdicts) == 400
    assert set(verdicts) == {(True, verdicts[0][1])}
