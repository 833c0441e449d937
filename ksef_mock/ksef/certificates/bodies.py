"""Bodies of /certificates, named as in the OpenAPI document."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import msgspec

from ksef_mock.clock import Instant, iso
from ksef_mock.core import dates
from ksef_mock.core.bodies import Body, Moment, StatusInfo, TypedIdentifier, choice, is_base64
from ksef_mock.core.validation import FORMAT, Broken
from ksef_mock.crypto.pki import Purpose
from ksef_mock.crypto.subject_name import SubjectName
from ksef_mock.ksef.certificates.certificates import (
    CertificateStatus,
    Enrollment,
    EnrollmentState,
    KsefCertificate,
)

_NAME = r"^[a-zA-Z0-9_\- ąćęłńóśźżĄĆĘŁŃÓŚŹŻ]*\Z"
_MAX_RETRIEVED = 10

CertificateType: TypeAlias = Annotated[Purpose, msgspec.Meta(extra={"dotnet": "KsefCertificateType"})]


class EnrollCertificateRequest(Body):
    """OpenAPI: EnrollCertificateRequest."""

    certificate_name: Annotated[str, msgspec.Meta(min_length=5, max_length=100, pattern=_NAME)]
    certificate_type: CertificateType
    csr: str
    valid_from: Moment | None = None

    def rules(self) -> Iterator[Broken]:
        if not is_base64(self.csr):
            yield Broken("csr", FORMAT)

    @property
    def csr_der(self) -> bytes:
        return base64.b64decode(self.csr)

    @property
    def starts_at(self) -> Instant | None:
        return None if self.valid_from is None else dates.parse(self.valid_from)


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
    unique_identifier: str | None = None

    @classmethod
    def of(cls, name: SubjectName) -> CertificateEnrollmentDataResponse:
        return cls(**{member: getattr(name, member) for member in name.__struct_fields__})


class TestDataUpdateCertificateRequest(Body):
    """OpenAPI: TestDataUpdateCertificateRequest."""

    valid_to: Moment

    @property
    def ends_at(self) -> Instant:
        return dates.parse(self.valid_to)


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

    certificate_serial_numbers: Annotated[list[str], msgspec.Meta(min_length=1, max_length=_MAX_RETRIEVED)]

    def each_once(self) -> list[str]:
        """The serial numbers, each once; what is none names no certificate."""
        return list(dict.fromkeys(self.certificate_serial_numbers))


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

    revocation_reason: (
        Annotated[str, choice("CertificateRevocationReason", ("Unspecified", "Superseded", "KeyCompromise"))]
        | None
    ) = None


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
    type: CertificateType | None = None
    status: (
        Annotated[CertificateStatus, msgspec.Meta(extra={"dotnet": "CertificateListItemStatus"})] | None
    ) = None
    expires_after: Moment | None = None

    def filter(self) -> CertificateFilter:
        return CertificateFilter(
            serial=self.certificate_serial_number,
            name=(self.name or "").casefold(),
            purpose=self.type,
            status=self.status,
            expires_after=None if self.expires_after is None else dates.parse(self.expires_after),
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
