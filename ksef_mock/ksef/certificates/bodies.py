"""Bodies of /certificates, named as in the OpenAPI document."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from ksef_mock.clock import Instant, iso
from ksef_mock.core.bodies import Body, StatusInfo, TypedIdentifier, date_time, invalid
from ksef_mock.crypto.pki import Purpose
from ksef_mock.crypto.subject_name import SubjectName
from ksef_mock.ksef.certificates.certificates import (
    CertificateStatus,
    Enrollment,
    EnrollmentState,
    KsefCertificate,
)

_NAME = re.compile(r"[a-zA-Z0-9_\- ąćęłńóśźżĄĆĘŁŃÓŚŹŻ]{5,100}")
SERIAL_NUMBER = re.compile(r"[0-9A-F]{16}")
_MAX_RETRIEVED = 10
_REASONS = ("Unspecified", "Superseded", "KeyCompromise")


@dataclass(frozen=True, slots=True)
class Order:
    """A well-formed POST /certificates/enrollments."""

    name: str
    purpose: Purpose
    csr: bytes
    valid_from: Instant | None


class EnrollCertificateRequest(Body):
    """OpenAPI: EnrollCertificateRequest."""

    certificate_name: str
    certificate_type: str
    csr: str
    valid_from: str | None = None

    def checked(self) -> Order:
        """
        Raises:
            BadRequest: 21405 naming the field that is wrong.
        """
        if _NAME.fullmatch(self.certificate_name) is None:
            raise invalid("certificateName", "wymagane jest od 5 do 100 znaków: litery, cyfry, spacja, _ i -")
        try:
            csr = base64.b64decode(self.csr, validate=True)
        except (binascii.Error, ValueError):
            raise invalid("csr", "wymagane jest kodowanie Base64") from None
        return Order(
            self.certificate_name,
            _purpose("certificateType", self.certificate_type),
            csr,
            _moment("validFrom", self.valid_from),
        )


class EnrollCertificateResponse(Body):
    """OpenAPI: EnrollCertificateResponse."""

    reference_number: str
    timestamp: str


class CertificateLimit(Body):
    """OpenAPI: CertificateLimit."""

    remaining: int
    limit: int


class CertificateLimitsResponse(Body):
    """OpenAPI: CertificateLimitsResponse."""

    can_request: bool
    enrollment: CertificateLimit
    certificate: CertificateLimit


class CertificateEnrollmentDataResponse(Body):
    """OpenAPI: CertificateEnrollmentDataResponse."""

    common_name: str
    country_name: str
    given_name: str | None = None
    surname: str | None = None
    serial_number: str | None = None
    organization_name: str | None = None
    organization_identifier: str | None = None

    @classmethod
    def of(cls, name: SubjectName) -> CertificateEnrollmentDataResponse:
        return cls(**{member: getattr(name, member) for member in name.__struct_fields__})


class CertificateEnrollmentStatusResponse(Body):
    """OpenAPI: CertificateEnrollmentStatusResponse."""

    request_date: str
    status: StatusInfo
    certificate_serial_number: str | None = None

    @classmethod
    def of(cls, enrollment: Enrollment) -> CertificateEnrollmentStatusResponse:
        code, description = _STATUSES[enrollment.state]
        details = [enrollment.detail] if enrollment.detail else None
        return cls(iso(enrollment.requested_at), StatusInfo(code, description, details), enrollment.serial)


_STATUSES = {
    EnrollmentState.IN_PROGRESS: (100, "Wniosek przyjęty do realizacji"),
    EnrollmentState.ISSUED: (200, "Wniosek obsłużony (certyfikat wygenerowany)"),
    EnrollmentState.REJECTED: (400, "Wniosek odrzucony"),
}


class RetrieveCertificatesRequest(Body):
    """OpenAPI: RetrieveCertificatesRequest."""

    certificate_serial_numbers: list[str]

    def checked(self) -> list[str]:
        """The serial numbers, each once.

        Raises:
            BadRequest: 21405 naming the field that is wrong.
        """
        numbers = self.certificate_serial_numbers
        if not 1 <= len(numbers) <= _MAX_RETRIEVED:
            raise invalid("certificateSerialNumbers", f"wymagane jest od 1 do {_MAX_RETRIEVED} wpisów")
        for position, number in enumerate(numbers):
            if SERIAL_NUMBER.fullmatch(number) is None:
                raise invalid(f"certificateSerialNumbers[{position}]", "wymagane jest 16 znaków 0-9 i A-F")
        return list(dict.fromkeys(numbers))


class RetrieveCertificatesListItem(Body):
    """OpenAPI: RetrieveCertificatesListItem."""

    certificate: str
    certificate_name: str
    certificate_serial_number: str
    certificate_type: str

    @classmethod
    def of(cls, found: KsefCertificate) -> RetrieveCertificatesListItem:
        return cls(base64.b64encode(found.der).decode(), found.name, found.serial, found.purpose.value)


class RetrieveCertificatesResponse(Body):
    """OpenAPI: RetrieveCertificatesResponse."""

    certificates: list[RetrieveCertificatesListItem]


class RevokeCertificateRequest(Body):
    """OpenAPI: RevokeCertificateRequest."""

    revocation_reason: str | None = None

    def checked(self) -> str:
        """
        Raises:
            BadRequest: 21405, no documented reason.
        """
        reason = self.revocation_reason or "Unspecified"
        if reason not in _REASONS:
            raise invalid("revocationReason", f"dozwolone wartości: {', '.join(_REASONS)}")
        return reason


@dataclass(frozen=True, slots=True)
class CertificateFilter:
    """A well-formed POST /certificates/query."""

    serial: str | None
    name: str
    purpose: Purpose | None
    status: CertificateStatus | None
    expires_after: Instant | None

    def matches(self, certificate: KsefCertificate, now: Instant) -> bool:
        """Whether the certificate satisfies every filter that was given."""
        return (
            self.serial in (None, certificate.serial)
            and self.name in certificate.name.casefold()
            and self.purpose in (None, certificate.purpose)
            and self.status in (None, certificate.status(now))
            and (self.expires_after is None or certificate.valid_to > self.expires_after)
        )


class QueryCertificatesRequest(Body):
    """OpenAPI: QueryCertificatesRequest."""

    certificate_serial_number: str | None = None
    name: str | None = None
    type: str | None = None
    status: str | None = None
    expires_after: str | None = None

    def checked(self) -> CertificateFilter:
        """
        Raises:
            BadRequest: 21405 naming the field that is wrong.
        """
        serial = self.certificate_serial_number
        if serial is not None and SERIAL_NUMBER.fullmatch(serial) is None:
            raise invalid("certificateSerialNumber", "wymagane jest 16 znaków 0-9 i A-F")
        try:
            status = None if self.status is None else CertificateStatus(self.status)
        except ValueError:
            raise invalid("status", f"dozwolone wartości: {', '.join(CertificateStatus)}") from None
        return CertificateFilter(
            serial=serial,
            name=(self.name or "").casefold(),
            purpose=None if self.type is None else _purpose("type", self.type),
            status=status,
            expires_after=None
            if self.expires_after is None
            else date_time("expiresAfter", self.expires_after),
        )


class CertificateListItem(Body):
    """OpenAPI: CertificateListItem."""

    certificate_serial_number: str
    name: str
    type: str
    common_name: str
    status: str
    subject_identifier: TypedIdentifier
    valid_from: str
    valid_to: str
    request_date: str
    last_use_date: str | None = None

    @classmethod
    def of(cls, found: KsefCertificate, now: Instant) -> CertificateListItem:
        return cls(
            certificate_serial_number=found.serial,
            name=found.name,
            type=found.purpose.value,
            common_name=found.common_name,
            status=found.status(now).value,
            subject_identifier=TypedIdentifier.of(found.subject),
            valid_from=iso(found.valid_from),
            valid_to=iso(found.valid_to),
            request_date=iso(found.requested_at),
            last_use_date=None if found.last_used_at is None else iso(found.last_used_at),
        )


class QueryCertificatesResponse(Body):
    """OpenAPI: QueryCertificatesResponse."""

    certificates: list[CertificateListItem]
    has_more: bool


def _purpose(field: str, value: str) -> Purpose:
    try:
        return Purpose(value)
    except ValueError:
        raise invalid(field, f"dozwolone wartości: {', '.join(Purpose)}") from None


def _moment(field: str, text: str | None) -> Instant | None:
    return None if text is None else date_time(field, text)
