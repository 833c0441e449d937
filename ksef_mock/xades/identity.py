"""Who signed, as the certificate's subject says it, and as which identifier that counts in KSeF.

Source: the documented rules for the subject of a signing certificate. A person is told by serialNumber
(2.5.4.5), an organisation by organizationIdentifier (2.5.4.97); everybody else only by the certificate's
fingerprint, to which somebody must have granted a permission beforehand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509
from cryptography.x509.oid import NameOID

from ksef_mock.core.codes import Code
from ksef_mock.core.identifiers import CONTEXT_PATTERNS, Identifier
from ksef_mock.crypto.authority import ORGANIZATION_IDENTIFIER, fingerprint_of
from ksef_mock.crypto.certificate import Certificate
from ksef_mock.crypto.chain import MALFORMED
from ksef_mock.xades.report import Cause, Check, CheckResult, Refusal, failed, passed, skipped

# From the first such name on: behind the others there is nothing that is not behind it.
_PESEL = re.compile(r"(?>.*?(?:PNOPL|PESEL)).*?([0-9]{11})", re.DOTALL)
_PERSON_NIP = re.compile(r"(?>.*?(?:TINPL|NIP)).*?([0-9]{10})", re.DOTALL)
_SEAL_NIP = re.compile(r"(?>.*?VATPL).*?([0-9]{10})", re.DOTALL)

#: A Peppol service provider, as the CN of its certificates names it (XSD: TPeppolId).
_PEPPOL = CONTEXT_PATTERNS["PeppolId"]

_PERSON_NEEDS = {
    "givenName": NameOID.GIVEN_NAME,
    "surname": NameOID.SURNAME,
    "CN": NameOID.COMMON_NAME,
    "C": NameOID.COUNTRY_NAME,
}
_SEAL_NEEDS = {
    "O": NameOID.ORGANIZATION_NAME,
    "CN": NameOID.COMMON_NAME,
    "C": NameOID.COUNTRY_NAME,
}
_SEAL_FORBIDS = {"givenName": NameOID.GIVEN_NAME, "surname": NameOID.SURNAME}


class SubjectIdentifierType(StrEnum):
    """SubjectIdentifierType of AuthTokenRequest: what names the signer."""

    SUBJECT = "certificateSubject"
    FINGERPRINT = "certificateFingerprint"


class SignerKind(StrEnum):
    """Whose certificate it is, by the shape of its subject."""

    PERSON = "person"
    SEAL = "seal"
    PROVIDER = "Peppol service provider"
    UNKNOWN = "unknown"


class SubjectRefused(Exception):
    """The subject names nobody that KSeF knows; the message says what is wrong with it."""

    def __init__(self, cause: Cause, reason: str) -> None:
        super().__init__(reason)
        self.cause = cause

    @property
    def code(self) -> Code:
        """21406 (seen on TEST): complete, but nothing in it can be read as an identifier; else 21115."""
        if self.cause is Cause.MALFORMED_IDENTIFIER:
            return Code.SIGNATURE_TYPE_CONFLICT
        return Code.INVALID_CERTIFICATE


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed. `identifier` is a Nip, Pesel, PeppolId or Fingerprint: permissions are looked up by it."""

    kind: SignerKind
    identifier: Identifier
    #: CN of the subject; empty if it has none.
    name: str


@dataclass(frozen=True, slots=True)
class Identification:
    """The signer, if the request may name one this way, and the results for the report."""

    signer: Signer | None
    results: tuple[CheckResult, ...]


def identify(
    certificate: Certificate,
    subject_identifier_type: str,
    context: Identifier,
    enrolled_by: Identifier | None = None,
) -> Identification:
    """The checks "signer identity" (refused: 21115, 21406) and "subject identifier type".

    `enrolled_by`: whose KSeF certificate it is. Whoever was known by a fingerprint when they enrolled it is
    known by that fingerprint still (ministry's documentation of KSeF certificates).
    """
    # What 21117 is for nobody knows: the ministry's own example names a subject in a NipVatUe context.
    agreed = passed(Check.SUBJECT_IDENTIFIER_TYPE, f"{subject_identifier_type} in a {context.type} context")
    try:
        if enrolled_by is not None and enrolled_by.type == "Fingerprint":
            signer = Signer(kind_of(certificate.subject), enrolled_by, _name(certificate.subject))
            return Identification(
                signer, (passed(Check.SIGNER_IDENTITY, f"enrolled as {enrolled_by}"), agreed)
            )
        signer = signer_of(certificate, SubjectIdentifierType(subject_identifier_type))
    except SubjectRefused as refused:
        return Identification(
            None,
            (
                failed(Check.SIGNER_IDENTITY, refused.cause, str(refused), Refusal(refused.code)),
                skipped(Check.SUBJECT_IDENTIFIER_TYPE, "the certificate names no signer"),
            ),
        )
    return Identification(
        signer, (passed(Check.SIGNER_IDENTITY, f"{signer.kind} {signer.identifier}"), agreed)
    )


def signer_of(certificate: Certificate, by: SubjectIdentifierType) -> Signer:
    """The signer as `by` names them.

    Raises:
        SubjectRefused: by subject only: no identifier or several, an attribute missing or in excess.
    """
    try:
        subject = certificate.subject
        if by is SubjectIdentifierType.FINGERPRINT:
            identifier = Identifier("Fingerprint", fingerprint_of(certificate))
            return Signer(kind_of(subject), identifier, _name(subject))
        return _signer_by_subject(subject)
    except MALFORMED as error:
        reason = f"the certificate's subject cannot be read: {error}"
        raise SubjectRefused(Cause.UNUSABLE_CERTIFICATE, reason) from None


def kind_of(subject: x509.Name) -> SignerKind:
    """Person or seal by the attributes that are there, whether or not they are complete."""
    if any(_values(subject, oid) for oid in _SEAL_FORBIDS.values()):
        return SignerKind.PERSON
    # The official clients write the Peppol id into both attributes.
    if _PEPPOL.fullmatch(_name(subject)) is not None and set(_values(subject, ORGANIZATION_IDENTIFIER)) <= {
        _name(subject)
    }:
        return SignerKind.PROVIDER
    return SignerKind.SEAL if _values(subject, NameOID.ORGANIZATION_NAME) else SignerKind.UNKNOWN


def _signer_by_subject(subject: x509.Name) -> Signer:
    serial_numbers = _values(subject, NameOID.SERIAL_NUMBER)
    for kind, pattern in (("Pesel", _PESEL), ("Nip", _PERSON_NIP)):
        value = _only(pattern, serial_numbers, "serialNumber")
        if value is not None:
            _require(subject, _PERSON_NEEDS, "a person's certificate")
            return Signer(SignerKind.PERSON, Identifier(kind, value), _name(subject))
    value = _only(_SEAL_NIP, _values(subject, ORGANIZATION_IDENTIFIER), "organizationIdentifier")
    if value is not None:
        for attribute, oid in _SEAL_FORBIDS.items():
            if _values(subject, oid):
                reason = f"a seal's certificate (VATPL-{value}) must not have {attribute}"
                raise SubjectRefused(Cause.EXCESS_ATTRIBUTE, reason)
        _require(subject, _SEAL_NEEDS, "a seal's certificate")
        return Signer(SignerKind.SEAL, Identifier("Nip", value), _name(subject))
    kind = kind_of(subject)
    if kind is SignerKind.PROVIDER:
        _require(subject, _SEAL_NEEDS, "a Peppol service provider's certificate")
        return Signer(SignerKind.PROVIDER, Identifier("PeppolId", _name(subject)), _name(subject))
    raise SubjectRefused(
        Cause.MALFORMED_IDENTIFIER if _is_complete(subject, kind) else Cause.NO_IDENTIFIER,
        "the subject has no identifier: neither a serialNumber with PNOPL or PESEL and 11 digits, or with "
        "TINPL or NIP and 10 digits, nor an organizationIdentifier with VATPL and 10 digits; "
        f"only {SubjectIdentifierType.FINGERPRINT} can name this signer",
    )


def _is_complete(subject: x509.Name, kind: SignerKind) -> bool:
    """Whether a person or a seal has every attribute, the one for the identifier too."""
    needed = {
        SignerKind.PERSON: [*_PERSON_NEEDS.values(), NameOID.SERIAL_NUMBER],
        SignerKind.SEAL: [*_SEAL_NEEDS.values(), ORGANIZATION_IDENTIFIER],
    }.get(kind)
    return needed is not None and all(any(_values(subject, oid)) for oid in needed)


def _only(pattern: re.Pattern[str], values: Sequence[str], attribute: str) -> str | None:
    found = {match[1] for match in map(pattern.match, values) if match is not None}
    if len(found) > 1:
        reason = f"the subject names several identifiers in {attribute}: {', '.join(sorted(found))}"
        raise SubjectRefused(Cause.SEVERAL_IDENTIFIERS, reason)
    return found.pop() if found else None


def _require(subject: x509.Name, needed: dict[str, x509.ObjectIdentifier], what: str) -> None:
    missing = [attribute for attribute, oid in needed.items() if not any(_values(subject, oid))]
    if missing:
        reason = f"{what} must have {', '.join(missing)} in its subject"
        raise SubjectRefused(Cause.MISSING_ATTRIBUTE, reason)


def _name(subject: x509.Name) -> str:
    return next(iter(_values(subject, NameOID.COMMON_NAME)), "")


def _values(subject: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    values = (attribute.value for attribute in subject.get_attributes_for_oid(oid))
    return [value if isinstance(value, str) else value.decode("latin-1") for value in values]
