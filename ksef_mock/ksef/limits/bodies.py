"""Request bodies of /testdata/limits and /testdata/rate-limits, named as in the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, TypeAlias, cast

import msgspec

from ksef_mock.core.bodies import Body, choice
from ksef_mock.core.identifiers import Identifier
from ksef_mock.ksef.limits.limits import (
    PRODUCTION_RATE_LIMITS,
    CertificateLimits,
    CollectiveIdentifierLimits,
    ContextLimits,
    EnrollmentLimits,
    Rate,
    RateLimits,
    SessionLimits,
    SubjectLimits,
    default_limits,
)

_INT32 = 2**31 - 1

#: With less than one request nothing could ever set the rates right.
_Requests: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=_INT32)]
#: The highest rate that can be set is so many times production's. KSeF was seen to refuse more than 1200
#: requests an hour for opening sessions; of the other groups it is inferred.
_TIMES_PRODUCTION = 10
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_INT32)]


class SessionLimitsOverride(Body):
    """OpenAPI: OnlineSessionContextLimitsOverride, BatchSessionContextLimitsOverride. Sizes in MB."""

    max_invoice_size: Annotated[int, msgspec.Meta(ge=0, le=5)] = msgspec.field(name="maxInvoiceSizeInMB")
    max_invoice_with_attachment_size: Annotated[int, msgspec.Meta(ge=0, le=10)] = msgspec.field(
        name="maxInvoiceWithAttachmentSizeInMB"
    )
    max_invoices: Annotated[int, msgspec.Meta(ge=0, le=100_000)]

    def limits(self) -> SessionLimits:
        return SessionLimits(self.max_invoice_size, self.max_invoice_with_attachment_size, self.max_invoices)


class CollectiveIdentifierLimitsOverride(Body):
    """OpenAPI: CollectiveIdentifierContextLimitsOverride."""

    max_invoices: Annotated[int, msgspec.Meta(ge=2, le=5_000)]


class SetSessionLimitsRequest(Body):
    """OpenAPI: SetSessionLimitsRequest."""

    online_session: SessionLimitsOverride
    batch_session: SessionLimitsOverride
    collective_identifier: CollectiveIdentifierLimitsOverride

    def limits(self) -> ContextLimits:
        return ContextLimits(
            self.online_session.limits(),
            self.batch_session.limits(),
            CollectiveIdentifierLimits(self.collective_identifier.max_invoices),
        )


class EnrollmentLimitsOverride(Body):
    """OpenAPI: EnrollmentSubjectLimitsOverride."""

    max_enrollments: _Count | None = None


class CertificateLimitsOverride(Body):
    """OpenAPI: CertificateSubjectLimitsOverride."""

    max_certificates: _Count | None = None


class SetSubjectLimitsRequest(Body):
    """OpenAPI: SetSubjectLimitsRequest. The limits are those of the current subject, whatever its type."""

    subject_identifier_type: (
        Annotated[str, choice("SubjectIdentifierType", ("Nip", "Pesel", "Fingerprint"))] | None
    ) = None
    enrollment: EnrollmentLimitsOverride | None = None
    certificate: CertificateLimitsOverride | None = None

    def limits(self, subject: Identifier) -> SubjectLimits:
        """The limits of `subject`; what is not given, or null, stays at its default."""
        default = default_limits(subject)
        enrollment = self.enrollment.max_enrollments if self.enrollment else None
        certificate = self.certificate.max_certificates if self.certificate else None
        return SubjectLimits(
            default.enrollment if enrollment is None else EnrollmentLimits(enrollment),
            default.certificate if certificate is None else CertificateLimits(certificate),
        )


class RateOverride(Body):
    """OpenAPI: ApiRateLimitValuesOverride."""

    per_second: _Requests
    per_minute: _Requests
    per_hour: _Requests

    def rate(self) -> Rate:
        return Rate(self.per_second, self.per_minute, self.per_hour)


class RateLimitsOverride(Body):
    """OpenAPI: ApiRateLimitsOverride. What GET /rate-limits tells beyond it cannot be set, and is ignored."""

    online_session: RateOverride
    batch_session: RateOverride
    invoice_send: RateOverride
    invoice_status: RateOverride
    session_list: RateOverride
    session_invoice_list: RateOverride
    session_misc: RateOverride
    invoice_metadata: RateOverride
    invoice_export: RateOverride
    invoice_export_status: RateOverride
    invoice_download: RateOverride
    other: RateOverride
    collective_identifier: RateOverride


class SetRateLimitsRequest(Body):
    """OpenAPI: SetRateLimitsRequest."""

    rate_limits: RateLimitsOverride

    def limits(self) -> RateLimits:
        groups = msgspec.structs.asdict(self.rate_limits)
        return RateLimits(**{group: override.rate() for group, override in groups.items()})


def _bounded(group: str) -> type[msgspec.Struct]:
    production = getattr(PRODUCTION_RATE_LIMITS, group)
    windows = [
        (name, Annotated[int, msgspec.Meta(ge=1, le=_TIMES_PRODUCTION * getattr(production, name))])
        for name in RateOverride.__struct_fields__
    ]
    return msgspec.defstruct("ApiRateLimitValuesOverride", windows, bases=(RateOverride,))


_BOUNDED_GROUPS = msgspec.defstruct(
    "ApiRateLimitsOverride",
    [(group, _bounded(group)) for group in RateLimitsOverride.__struct_fields__],
    bases=(RateLimitsOverride,),
)
#: POST /testdata/rate-limits: SetRateLimitsRequest with the bounds of each group.
BOUNDED_RATE_LIMITS = cast(
    type[SetRateLimitsRequest],
    msgspec.defstruct(
        "SetRateLimitsRequest", [("rate_limits", _BOUNDED_GROUPS)], bases=(SetRateLimitsRequest,)
    ),
)
