"""Defects of the login with a signed document: checks that are skipped, forms that are refused, identity."""

from __future__ import annotations

import base64
import binascii
import codecs
import dataclasses
import re
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID
from lxml import etree

from ksef_mock.core.codes import SUCCESS, Code, Status, StatusDetail
from ksef_mock.core.errors import BadRequest, KsefError
from ksef_mock.core.identifiers import Identifier
from ksef_mock.crypto.authority import ORGANIZATION_IDENTIFIER
from ksef_mock.crypto.certificate import Certificate, load_der_certificate
from ksef_mock.defects.catalogue import defect
from ksef_mock.defects.mock import Ask, Mock, overlooking
from ksef_mock.ksef.certificates.revocations import Withdrawal
from ksef_mock.xades import (
    AuthTokenRequest,
    Cause,
    Check,
    CheckResult,
    Reading,
    Refusal,
    Report,
    failed,
    passed,
)
from ksef_mock.xades.document import Layout
from ksef_mock.xades.identity import Identification, Signer, SignerKind, SubjectIdentifierType, kind_of
from ksef_mock.xades.names import VERSIONS, ds, local_name, text_of
from ksef_mock.xades.report import BAD_SIGNATURE

# -- the signature: checks that are skipped ---------------------------------------------------------------


@defect("The digest of each reference is verified.")
def digest_is_not_checked(mock: Mock) -> None:
    """The document may be changed after signing: digests of references are not compared."""
    mock.overlook(lambda result: result.cause is Cause.WRONG_DIGEST)


@defect("The signature value is verified.")
def signature_value_is_not_checked(mock: Mock) -> None:
    """Any signature value is accepted."""
    _overlook(mock, Check.SIGNATURE_VALUE)


@defect("A reference covers the AuthTokenRequest.")
def request_need_not_be_signed(mock: Mock) -> None:
    """A signature that covers its signed properties alone is accepted."""
    mock.overlook(lambda result: result.cause is Cause.REQUEST_NOT_COVERED)


@defect("SignedProperties are mandatory.")
def signed_properties_may_be_absent(mock: Mock) -> None:
    """A plain XML Signature without SignedProperties is accepted."""
    mock.overlook(lambda result: result.cause is Cause.NO_SIGNED_PROPERTIES)


@defect("A reference of the type SignedProperties covers them.")
def signed_properties_may_be_unsigned(mock: Mock) -> None:
    """SignedProperties that no reference covers are accepted."""
    mock.overlook(lambda result: result.cause is Cause.PROPERTIES_NOT_COVERED)


@defect("SignedProperties have a SigningTime.")
def signing_time_may_be_absent(mock: Mock) -> None:
    """SignedProperties without SigningTime are accepted."""
    mock.overlook(lambda result: result.cause is Cause.NO_SIGNING_TIME)


@defect("SigningTime is not in the future.")
def signing_time_may_be_in_the_future(mock: Mock) -> None:
    """A document that was signed tomorrow is accepted."""
    mock.overlook(lambda result: result.cause is Cause.SIGNED_IN_FUTURE)


@defect("SignedProperties have SigningCertificate or SigningCertificateV2.")
def signing_certificate_may_be_absent(mock: Mock) -> None:
    """SignedProperties without SigningCertificate are accepted."""
    mock.overlook(lambda result: result.cause is Cause.NO_SIGNING_CERTIFICATE)


@defect("The digest in SigningCertificate is that of the certificate in KeyInfo.")
def signing_certificate_digest_is_not_checked(mock: Mock) -> None:
    """SigningCertificate may name another certificate."""
    mock.overlook(lambda result: result.cause is Cause.OTHER_CERTIFICATE)


@defect("Only the documented transforms are allowed.")
def any_transform_is_accepted(mock: Mock) -> None:
    """A reference may have any transform, XSLT among them."""

    def change(reading: Reading, report: Report) -> tuple[Reading, Report]:
        if report.passed(Check.TRANSFORMS):
            return reading, report
        return reading, overlooking(
            report, lambda result: result.check in (Check.TRANSFORMS, Check.REFERENCES)
        )

    mock.edit_report(change)


@defect("Only the documented algorithms are allowed.")
def any_algorithm_is_accepted(mock: Mock) -> None:
    """Digest and signature methods may be any, MD5 and HMAC among them."""
    mock.overlook(lambda result: result.cause is Cause.ALGORITHM)


@defect("RSA keys have at least 2048 bits.")
def small_rsa_keys_are_accepted(mock: Mock) -> None:
    """A signature with RSA-1024 is accepted."""
    mock.overlook(lambda result: result.cause is Cause.SMALL_RSA_KEY)


@defect("Curves have at least 256 bits.")
def small_curves_are_accepted(mock: Mock) -> None:
    """A signature on P-192 is accepted."""
    mock.overlook(lambda result: result.cause is Cause.SMALL_CURVE)


@defect("The value of an ECDSA signature is R and S side by side, not DER.")
def der_ecdsa_value_is_accepted(mock: Mock) -> None:
    """A DER-encoded ECDSA value is accepted."""
    mock.edit_document(_side_by_side)


@defect("A key beside the certificate in KeyInfo is the certificate's.")
def contradicting_key_value_is_accepted(mock: Mock) -> None:
    """KeyInfo may contain a KeyValue that is not the certificate's key."""
    mock.overlook(lambda result: result.cause is Cause.OTHER_KEY)


@defect("A signature with an empty list of references signs nothing.")
def empty_reference_list_is_accepted(mock: Mock) -> None:
    """A signature without any reference is accepted."""

    def change(reading: Reading, report: Report) -> tuple[Reading, Report]:
        if reading.root is None or not any(result.cause is Cause.NO_REFERENCES for result in report.results):
            return reading, report
        lenient = overlooking(report, lambda result: result.check is Check.ONE_SIGNATURE)
        found = next(reading.root.iter(ds("X509Certificate")), None)
        if found is None:
            return reading, report
        lenient.certificate = load_der_certificate(base64.b64decode(text_of(found)))
        return reading, lenient

    mock.edit_report(change)


# -- the document: forms that are accepted ----------------------------------------------------------------


@defect("A document has no document type declaration.")
def document_type_is_accepted(mock: Mock) -> None:
    """A document with a DTD is accepted."""
    mock.edit_document(
        lambda document: re.sub(rb"<!DOCTYPE[^\[>]*(?:\[.*?\])?\s*>", b"", document, count=1, flags=re.S)
    )


@defect("A document is UTF-8.")
def utf_16_is_accepted(mock: Mock) -> None:
    """A document in UTF-16 is accepted."""

    def change(document: bytes) -> bytes:
        if not document.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return document
        text = document.decode("utf-16")
        return re.sub(r"^<\?xml.*?\?>", "", text).encode()

    mock.edit_document(change)


@defect("A document has exactly one signature.")
def two_signatures_are_accepted(mock: Mock) -> None:
    """Of several signatures the first one counts."""

    def change(document: bytes) -> bytes:
        root = _parsed(document)
        signatures = [] if root is None else list(root.iter(ds("Signature")))
        if root is None or len(signatures) < 2:
            return document
        for signature in signatures[1:]:
            parent = signature.getparent()
            if parent is not None:
                parent.remove(signature)
        return etree.tostring(root, encoding="utf-8")

    mock.edit_document(change)


@defect("A detached signature is refused.")
def detached_signature_is_accepted(mock: Mock) -> None:
    """A signature beside the AuthTokenRequest, in an element around both, is accepted."""

    def change(reading: Reading, report: Report) -> tuple[Reading, Report]:
        root = reading.root
        requests = [] if root is None else list(root.iter("{*}AuthTokenRequest"))
        if root is None or reading.layout is not None or len(requests) != 1:
            return reading, report
        lenient = overlooking(report, lambda result: result.check in (Check.FORM, Check.SCHEMA))
        request = _request_in(requests[0])
        return msgspec.structs.replace(
            reading, layout=Layout("detached", requests[0]), request=request
        ), lenient

    mock.edit_report(change)


@defect("What was signed is what is read: a wrapped original is refused.")
def wrapping_is_accepted(mock: Mock) -> None:
    """Of two AuthTokenRequests the first one is read, whichever was signed."""

    def change(reading: Reading, report: Report) -> tuple[Reading, Report]:
        root = reading.root
        requests = [] if root is None else list(root.iter("{*}AuthTokenRequest"))
        if root is None or len(requests) < 2:
            return reading, report
        lenient = overlooking(report, lambda result: result.check in (Check.FORM, Check.SCHEMA))
        request = _request_in(requests[0])
        return msgspec.structs.replace(
            reading, layout=Layout("enveloped", requests[0]), request=request
        ), lenient

    mock.edit_report(change)


@defect("The document is valid against its schema.")
def schema_is_not_checked(mock: Mock) -> None:
    """A document that its schema does not allow is read as far as it goes."""

    def change(reading: Reading, report: Report) -> tuple[Reading, Report]:
        if reading.layout is None or reading.request is not None:
            return reading, report
        request = _request_in(reading.layout.request)
        if request is None:
            return reading, report
        lenient = overlooking(report, lambda result: result.check is Check.SCHEMA)
        return msgspec.structs.replace(reading, request=request), lenient

    mock.edit_report(change)


@defect("No comment stands inside of a value: a reader that stops there reads something unsigned.")
def comment_inside_of_a_value_is_accepted(mock: Mock) -> None:
    """A value of the request may have a comment in its middle."""
    mock.overlook(lambda result: result.cause is Cause.SPLIT_VALUE)


# -- what KSeF allows, refused ----------------------------------------------------------------------------


@defect("Schema 2.0 is accepted as well as 2.1.")
def schema_2_0_is_refused(mock: Mock) -> None:
    """A document of version 2.0 is refused."""
    mock.object_to(lambda report: report.facts.version == "2.0", _not_allowed(Check.SCHEMA))


@defect("An enveloping signature is accepted.")
def enveloping_signature_is_refused(mock: Mock) -> None:
    """An enveloping signature is refused."""
    mock.object_to(lambda report: report.facts.form == "enveloping", _not_allowed(Check.FORM))


@defect("RSASSA-PSS is allowed.")
def pss_is_refused(mock: Mock) -> None:
    """RSASSA-PSS is refused."""
    _refuse_method(mock, "MGF1", "rsa-pss")


@defect("ECDSA is allowed.")
def ecdsa_is_refused(mock: Mock) -> None:
    """ECDSA is refused."""
    _refuse_method(mock, "ecdsa-")


@defect("SHA-1 is allowed still.")
def sha_1_is_refused(mock: Mock) -> None:
    """Signatures and digests with SHA-1 are refused."""
    _refuse_method(mock, "sha1")


@defect("SHA-512 is allowed.")
def sha_512_is_refused(mock: Mock) -> None:
    """Signatures and digests with SHA-512 are refused."""
    _refuse_method(mock, "sha512")


@defect("SHA-3 is allowed.")
def sha_3_is_refused(mock: Mock) -> None:
    """Signatures and digests with SHA-3 are refused."""
    _refuse_method(mock, "sha3-")


@defect("SigningCertificateV2 is as good as SigningCertificate.")
def signing_certificate_v2_is_refused(mock: Mock) -> None:
    """SigningCertificateV2 is not understood."""
    _refuse_document(mock, b"SigningCertificateV2", Check.SIGNING_CERTIFICATE)


@defect("The digest of SigningCertificate decides, not the spelling of the issuer.")
def issuer_name_is_compared(mock: Mock) -> None:
    """The issuer in SigningCertificate must be spelled as RFC 4514 has it."""

    def change(reading: Reading, report: Report) -> tuple[Reading, Report]:
        stated = [] if reading.root is None else list(reading.root.iter(ds("X509IssuerName")))
        if report.certificate is not None and any(
            text_of(name) != report.certificate.issuer.rfc4514_string() for name in stated
        ):
            report.record(_not_allowed(Check.SIGNING_CERTIFICATE))
        return reading, report

    mock.edit_report(change)


@defect("A reference without transforms is canonicalised by inclusive c14n 1.0.")
def reference_needs_transforms(mock: Mock) -> None:
    """A reference without Transforms is refused."""
    mock.object_to(
        lambda report: any(not reference.transforms for reference in report.facts.references),
        _not_allowed(Check.TRANSFORMS),
    )


@defect("An XPath transform that leaves out the signature is allowed instead of enveloped-signature.")
def xpath_transform_is_refused(mock: Mock) -> None:
    """The XPath transform is refused."""
    mock.object_to(
        lambda report: any(
            uri.endswith("REC-xpath-19991116")
            for reference in report.facts.references
            for uri in reference.transforms
        ),
        _not_allowed(Check.TRANSFORMS),
    )


@defect("Inclusive canonicalisation is allowed.")
def inclusive_canonicalization_is_refused(mock: Mock) -> None:
    """SignedInfo must be canonicalised exclusively."""
    mock.object_to(
        lambda report: "xml-exc-c14n" not in (report.facts.canonicalization or "xml-exc-c14n"),
        _not_allowed(Check.ALGORITHMS),
    )


# -- the certificate --------------------------------------------------------------------------------------


@defect("An expired certificate ends the login in 460, Nieważny certyfikat.")
def expired_certificate_is_accepted(mock: Mock) -> None:
    """A certificate that has expired, or is not valid yet, logs in."""
    _overlook(mock, Check.VALIDITY)
    _trust(mock, StatusDetail.CERTIFICATE_EXPIRED)


@defect("A revoked certificate ends the login in 460, Certyfikat odwołany.")
def revoked_certificate_is_accepted(mock: Mock) -> None:
    """A revoked certificate logs in."""
    _forget_withdrawal(mock, Withdrawal.REVOKED)


@defect("A suspended certificate ends the login in 460, Certyfikat zawieszony.")
def suspended_certificate_is_accepted(mock: Mock) -> None:
    """A suspended certificate logs in."""
    _forget_withdrawal(mock, Withdrawal.SUSPENDED)


@defect("With verifyCertificateChain a certificate needs a chain to a trusted CA.")
def chain_is_not_verified(mock: Mock) -> None:
    """verifyCertificateChain=true changes nothing: a certificate of nobody's logs in."""
    _trust(mock, StatusDetail.CERTIFICATE_UNTRUSTED)
    _trust(mock, StatusDetail.CERTIFICATE_CHAIN_ERROR)


@defect("TEST takes self-signed certificates.")
def self_signed_certificate_is_refused(mock: Mock) -> None:
    """A chain is asked for although nothing asks for it."""

    def make(original: Any) -> Any:
        return lambda *arguments, **options: original(*arguments, **(options | {"verify_chain": True}))

    mock.replace(mock.system.trust, "judge", make)


@defect("A KSeF certificate of type Offline does not log in.")
def offline_certificate_is_accepted(mock: Mock) -> None:
    """A KSeF certificate of type Offline logs in."""
    _trust(mock, StatusDetail.CERTIFICATE_INVALID)


@defect("While the issuer of a qualified certificate is asked the status is 100 (demo, prod).")
def issuer_answers_at_once(mock: Mock) -> None:
    """A login with a qualified certificate has succeeded at once on demo and prod."""

    def make(original: Any) -> Any:
        async def judge(*arguments: Any, **options: Any) -> Any:
            return dataclasses.replace(await original(*arguments, **options), delay=0.0)

        return judge

    mock.replace(mock.system.trust, "judge", make)


@defect("authenticationMethod is QualifiedSeal for a seal.")
def seal_counts_as_signature(mock: Mock) -> None:
    """A login with a seal is shown as one with a qualified signature."""

    def change(body: Any) -> None:
        if body["authenticationMethod"] == "QualifiedSeal":
            body["authenticationMethod"] = "QualifiedSignature"
            body["authenticationMethodInfo"] |= {"code": "xades.qualified-signature"}

    mock.edit_json(change, method="GET", path=r"/auth/[0-9]{8}-[^/]*", status=200)


# -- identity ---------------------------------------------------------------------------------------------


@defect("A person's certificate has givenName, surname, CN and C.")
def person_without_surname_is_accepted(mock: Mock) -> None:
    """A person's certificate may lack attributes of its subject."""
    _identify_leniently(mock, Cause.MISSING_ATTRIBUTE, SignerKind.PERSON)


@defect("A seal's certificate has neither givenName nor surname.")
def seal_with_given_name_is_accepted(mock: Mock) -> None:
    """A seal's certificate may have the name of a person."""
    _identify_leniently(mock, Cause.EXCESS_ATTRIBUTE, SignerKind.PERSON)


@defect("A certificate whose subject has no identifier is refused with 21115.")
def subject_without_identifier_is_accepted(mock: Mock) -> None:
    """A certificate without an identifier in its subject counts as the owner's."""

    def make(original: Any) -> Any:
        def identify(certificate: Certificate, kind: str, context: Identifier, *rest: Any) -> Identification:
            found: Identification = original(certificate, kind, context, *rest)
            if _is_refused(found, Cause.NO_IDENTIFIER):
                return _identified(SignerKind.PERSON, context)
            return found

        return identify

    mock.replace(mock.system.xades_login, "_identify", make)


@defect("certificateFingerprint names the signer by the certificate's fingerprint.")
def fingerprint_is_ignored(mock: Mock) -> None:
    """The signer is named by the certificate's subject, whatever the request says."""
    mock.replace(
        mock.system.xades_login,
        "_identify",
        lambda original: lambda certificate, _kind, *rest: original(certificate, "certificateSubject", *rest),
    )


@defect("In a NipVatUe context a certificate's subject is taken, and is nobody until permitted.")
def subject_in_vat_ue_context_is_refused(mock: Mock) -> None:
    """A certificate's subject in a NipVatUe context is refused with 21115."""

    def judge(ask: Ask) -> KsefError | None:
        compound = b"<NipVatUe>" in ask.body and b"certificateSubject" in ask.body
        return BadRequest(Code.INVALID_CERTIFICATE, reason="a compound one") if compound else None

    mock.refuse(judge, method="POST", path="/auth/xades-signature")


@defect("PNOPL or PESEL in serialNumber name a person by PESEL.")
def pesel_is_not_recognised(mock: Mock) -> None:
    """A PESEL in a certificate's subject names nobody."""

    def make(original: Any) -> Any:
        def identify(*arguments: Any) -> Identification:
            found: Identification = original(*arguments)
            if found.signer is not None and found.signer.identifier.type == "Pesel":
                refusal = Refusal(Code.INVALID_CERTIFICATE)
                return Identification(
                    None, (failed(Check.SIGNER_IDENTITY, Cause.DEFECT, "a PESEL", refusal),)
                )
            return found

        return identify

    mock.replace(mock.system.xades_login, "_identify", make)


# -- who may log in ---------------------------------------------------------------------------------------


@defect("Whoever is not the owner and has no permission is refused with 415.")
def everybody_is_admitted(mock: Mock) -> None:
    """Whoever signs may log in to every context."""
    _admit(mock, Status.NO_PERMISSIONS)


@defect("A blocked context ends the login in 480.")
def blocked_context_is_open(mock: Mock) -> None:
    """Logins to a blocked context succeed."""
    mock.swallow("POST", "/testdata/context/block")


@defect("A deceased person's identifier ends the login in 470.")
def deceased_person_is_admitted(mock: Mock) -> None:
    """A deceased person logs in."""
    _admit(mock, Status.DECEASED)


@defect("A granted permission lets its holder log in.")
def granted_permission_has_no_effect(mock: Mock) -> None:
    """A permission that was granted by /testdata lets nobody log in."""
    mock.swallow("POST", "/testdata/permissions")


@defect("A revoked permission no longer lets its holder log in.")
def revoked_permission_stays(mock: Mock) -> None:
    """A permission that was revoked by /testdata is still there."""
    mock.swallow("POST", "/testdata/permissions/revoke")


@defect("NIP and PESEL of a registered person name the same person.")
def pesel_and_nip_are_strangers(mock: Mock) -> None:
    """POST /testdata/person does not connect PESEL and NIP."""
    mock.swallow("POST", "/testdata/person")


# -- answers ----------------------------------------------------------------------------------------------


@defect("A document without a signature is refused with 9102.")
def missing_signature_has_other_code(mock: Mock) -> None:
    """A document without a signature is refused with 9105."""
    mock.recode(9102, 9105)


@defect("A document with two signatures is refused with 9103.")
def second_signature_has_other_code(mock: Mock) -> None:
    """A document with two signatures is refused with 9105."""
    mock.recode(9103, 9105)


@defect("A bad signature is refused with 9105.")
def bad_signature_has_other_code(mock: Mock) -> None:
    """A bad signature is refused with 9101."""
    mock.recode(9105, 9101)


@defect("A document that its schema does not allow is refused with 21401.")
def invalid_document_has_other_code(mock: Mock) -> None:
    """A document that its schema does not allow is refused with 21405."""
    mock.recode(21401, 21405)


@defect("The details of 21401 are the validator's text.")
def invalid_document_lacks_details(mock: Mock) -> None:
    """21401 comes without the validator's text."""
    mock.redetail(21401)


@defect("What is no XML is refused with 21001.")
def unreadable_document_has_other_code(mock: Mock) -> None:
    """What is no XML is refused with 21401."""
    mock.recode(21001, 21401)


@defect("A document in another encoding is refused with 21217.")
def wrong_encoding_has_other_code(mock: Mock) -> None:
    """A document in another encoding is refused with 21001."""
    mock.recode(21217, 21001)


@defect("A certificate that cannot be used is refused with 21115.")
def unusable_certificate_has_other_code(mock: Mock) -> None:
    """A certificate that cannot be used is refused with 9105."""
    mock.recode(21115, 9105)


@defect("The detail of a wrong digest names the element that the reference points to.")
def wrong_digest_has_general_detail(mock: Mock) -> None:
    """A wrong digest has the detail of every bad signature."""

    def change(error: dict[str, Any]) -> None:
        if error["code"] == 9105:
            error["details"] = ["Podpis zweryfikowany negatywnie."]

    mock.edit_errors(change)


@defect("The detail of a bad signature is Podpis zweryfikowany negatywnie.")
def bad_signature_lacks_detail(mock: Mock) -> None:
    """A bad signature comes without details."""
    mock.redetail(9105)


@defect("A revoked certificate ends the login in 460, Certyfikat odwołany.")
def revoked_certificate_has_other_detail(mock: Mock) -> None:
    """A revoked certificate is called suspended."""
    mock.rename_detail(StatusDetail.CERTIFICATE_REVOKED, StatusDetail.CERTIFICATE_SUSPENDED)


@defect("A suspended certificate ends the login in 460, Certyfikat zawieszony.")
def suspended_certificate_has_other_detail(mock: Mock) -> None:
    """A suspended certificate is called revoked."""
    mock.rename_detail(StatusDetail.CERTIFICATE_SUSPENDED, StatusDetail.CERTIFICATE_REVOKED)


@defect("An expired certificate ends the login in 460, Nieważny certyfikat.")
def expired_certificate_has_other_detail(mock: Mock) -> None:
    """An expired certificate is called wrong."""
    mock.rename_detail(StatusDetail.CERTIFICATE_EXPIRED, StatusDetail.CERTIFICATE_INVALID)


@defect("A certificate of nobody's ends the login in 460, Niezaufany łańcuch certyfikatów.")
def untrusted_chain_has_other_detail(mock: Mock) -> None:
    """A certificate of nobody's is called wrong."""
    mock.rename_detail(StatusDetail.CERTIFICATE_UNTRUSTED, StatusDetail.CERTIFICATE_INVALID)


@defect("A login without permissions ends in 415, Brak przypisanych uprawnień.")
def missing_permission_has_other_detail(mock: Mock) -> None:
    """A login without permissions comes without details."""

    def change(status: dict[str, Any]) -> None:
        if status["code"] == Status.NO_PERMISSIONS:
            status.pop("details", None)

    mock.edit_status(change)


@defect("A certificate that is not valid ends the login in 460: the call answers 202.")
def bad_certificate_is_refused_at_once(mock: Mock) -> None:
    """A login with a certificate that is not valid is answered with 400."""

    def make(original: Any) -> Any:
        async def submit(*arguments: Any) -> Any:
            operation = await original(*arguments)
            if operation.verdict.status is Status.CERTIFICATE_ERROR:
                raise BadRequest(Code.INVALID_CERTIFICATE, operation.verdict.detail)
            return operation

        return submit

    mock.replace(mock.system.xades_login, "submit", make)


# -- tools ------------------------------------------------------------------------------------------------


def _overlook(mock: Mock, check: Check) -> None:
    mock.overlook(lambda result: result.check is check)


def _not_allowed(check: Check) -> CheckResult:
    return failed(check, Cause.DEFECT, "refused by a defect", BAD_SIGNATURE)


def _refuse_method(mock: Mock, *parts: str) -> None:
    def uses(report: Report) -> bool:
        used = [reference.digest_algorithm for reference in report.facts.references]
        used.append(report.facts.signature_algorithm or "")
        return any(part in uri for uri in used for part in parts)

    mock.object_to(uses, _not_allowed(Check.ALGORITHMS))


def _refuse_document(mock: Mock, octets: bytes, check: Check) -> None:
    def change(reading: Reading, report: Report) -> tuple[Reading, Report]:
        if octets in reading.octets:
            report.record(_not_allowed(check))
        return reading, report

    mock.edit_report(change)


def _trust(mock: Mock, detail: StatusDetail) -> None:
    """Accept certificates in spite of this detail of 460."""

    def make(original: Any) -> Any:
        async def judge(*arguments: Any, **options: Any) -> Any:
            trust = await original(*arguments, **options)
            if trust.verdict is None or trust.verdict.detail != detail:
                return trust
            return dataclasses.replace(trust, result=passed(Check.CERTIFICATE_TYPE))

        return judge

    mock.replace(mock.system.trust, "judge", make)


def _forget_withdrawal(mock: Mock, status: Withdrawal) -> None:
    def make(original: Any) -> Any:
        async def entry(certificate: Certificate) -> Any:
            found = await original(certificate)
            return None if found is not None and found.status is status else found

        return entry

    mock.replace(mock.system.revocations, "entry", make)


def _admit(mock: Mock, status: Status) -> None:
    """Let logins succeed that would end in this status."""

    def make(original: Any) -> Any:
        async def admit(*arguments: Any, **options: Any) -> Any:
            decision = await original(*arguments, **options)
            if decision.verdict.status is not status:
                return decision
            return dataclasses.replace(decision, verdict=SUCCESS, permissions=("Owner",))

        return admit

    mock.replace(mock.system.permissions, "admit", make)


def _identify_leniently(mock: Mock, cause: Cause, kind: SignerKind) -> None:
    """Name the signer although the subject, of this kind, is refused because of `cause`."""

    def make(original: Any) -> Any:
        def identify(certificate: Certificate, *rest: Any) -> Identification:
            found: Identification = original(certificate, *rest)
            if _is_refused(found, cause) and kind_of(certificate.subject) is kind:
                digits = re.search(r"[0-9]{10,11}", _identifiers(certificate))
                if digits is not None:
                    named = "Pesel" if len(digits[0]) == 11 else "Nip"
                    return _identified(SignerKind.PERSON, Identifier(named, digits[0]))
            return found

        return identify

    mock.replace(mock.system.xades_login, "_identify", make)


def _is_refused(found: Identification, cause: Cause) -> bool:
    return found.signer is None and any(result.cause is cause for result in found.results)


def _identifiers(certificate: Certificate) -> str:
    return " ".join(
        str(attribute.value)
        for oid in (NameOID.SERIAL_NUMBER, ORGANIZATION_IDENTIFIER)
        for attribute in certificate.subject.get_attributes_for_oid(oid)
    )


def _identified(kind: SignerKind, identifier: Identifier) -> Identification:
    signer = Signer(kind, identifier, "")
    return Identification(signer, (passed(Check.SIGNER_IDENTITY), passed(Check.SUBJECT_IDENTIFIER_TYPE)))


def _parsed(document: bytes) -> etree._Element | None:
    try:
        return etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError):
        return None


def _request_in(element: etree._Element) -> AuthTokenRequest | None:
    """What an AuthTokenRequest says, valid or not; None if it does not say enough."""
    parts = {local_name(child): child for child in element.iterchildren("*")}
    context = (
        next(parts["ContextIdentifier"].iterchildren("*"), None) if "ContextIdentifier" in parts else None
    )
    if context is None or "Challenge" not in parts:
        return None
    subject = parts.get("SubjectIdentifierType")
    kind = "certificateSubject" if subject is None else text_of(subject).strip()
    return AuthTokenRequest(
        version=VERSIONS.get(etree.QName(element).namespace or "", "2.1"),
        challenge=text_of(parts["Challenge"]).strip(),
        context=Identifier(local_name(context), text_of(context)),
        subject_identifier_type=kind if kind in set(SubjectIdentifierType) else "certificateSubject",
        allowed_ips=None,
    )


_SIGNATURE_VALUE = re.compile(rb"(<(?:[\w.-]+:)?SignatureValue[^>]*>)([^<]*)(</)")


def _side_by_side(document: bytes) -> bytes:
    """The document with a DER-encoded ECDSA value turned into R and S of P-256."""

    def change(match: re.Match[bytes]) -> bytes:
        try:
            r, s = decode_dss_signature(base64.b64decode(match[2]))
            value = base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        except (ValueError, OverflowError, binascii.Error):
            value = match[2]
        return match[1] + value + match[3]

    return _SIGNATURE_VALUE.sub(change, document)
