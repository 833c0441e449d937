"""Certyfikaty: limits, enrolment, download, revocation, list."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock import wire_certificates as wire
from ksef_mock.api.http import (
    answer,
    bearer,
    path_reference,
    query_integer,
    read_json,
    system_of,
)
from ksef_mock.auth.decisions import identifiers_of
from ksef_mock.auth.jwts import Kind, Principal
from ksef_mock.auth.methods import METHOD_INFO, AuthenticationMethod
from ksef_mock.certificates import KsefCertificate
from ksef_mock.clock import iso
from ksef_mock.crypto.subject_name import SubjectName
from ksef_mock.errors import BadRequest, Code, Forbidden, Reason
from ksef_mock.identifiers import Identifier


async def limits(request: Request) -> Response:
    """GET /certificates/limits."""
    principal = bearer(request, Kind.ACCESS)
    certificates = system_of(request).certificates
    enrollments, most_enrollments = await certificates.enrollments_left(principal.subject)
    held, most_held = await certificates.certificates_left(principal.subject)
    can_request = await _subject_name(request, principal) is not None and enrollments > 0 and held > 0
    return answer(
        wire.CertificateLimitsResponse(
            can_request,
            wire.CertificateLimit(enrollments, most_enrollments),
            wire.CertificateLimit(held, most_held),
        )
    )


async def enrollment_data(request: Request) -> Response:
    """GET /certificates/enrollments/data: the subject of the certificate that was logged in with."""
    name = await _subject_name(request, bearer(request, Kind.ACCESS))
    if name is None:
        raise BadRequest(Code.NO_CSR_DATA, reason="the login was not made with a certificate")
    return answer(wire.CertificateEnrollmentDataResponse.of(name))


async def enroll(request: Request) -> Response:
    """POST /certificates/enrollments."""
    principal = bearer(request, Kind.ACCESS)
    order = (await read_json(request, wire.EnrollCertificateRequest)).checked()
    name = await _subject_name(request, principal)
    if name is None:
        raise BadRequest(Code.NO_ENROLLMENT, reason="the login was not made with a certificate")
    enrollment = await system_of(request).certificates.enroll(
        principal.subject, name, order.csr, order.name, order.purpose, order.valid_from
    )
    return answer(wire.EnrollCertificateResponse(enrollment.reference, iso(enrollment.requested_at)), 202)


async def enrollment_status(request: Request) -> Response:
    """GET /certificates/enrollments/{referenceNumber}."""
    own = await _identities(request, bearer(request, Kind.ACCESS))
    reference = path_reference(request)
    enrollment = await system_of(request).certificates.poll(reference)
    if enrollment is None:
        raise BadRequest(Code.NO_SUCH_ENROLLMENT)
    _require_own(enrollment.subject, own)
    return answer(wire.CertificateEnrollmentStatusResponse.of(enrollment))


async def retrieve(request: Request) -> Response:
    """POST /certificates/retrieve. Certificates of others count as those that do not exist: left out."""
    own = await _identities(request, bearer(request, Kind.ACCESS))
    wanted = (await read_json(request, wire.RetrieveCertificatesRequest)).checked()
    found = [await system_of(request).certificates.get(serial) for serial in wanted]
    return answer(
        wire.RetrieveCertificatesResponse(
            [wire.RetrieveCertificatesListItem.of(each) for each in found if each and each.subject in own]
        )
    )


async def revoke(request: Request) -> Response:
    """POST /certificates/{certificateSerialNumber}/revoke."""
    principal = bearer(request, Kind.ACCESS)
    own = await _identities(request, principal)
    serial: str = request.path_params["serial"]
    if wire.SERIAL_NUMBER.fullmatch(serial) is None:
        raise BadRequest(Code.VALIDATION, "Numer seryjny certyfikatu musi mieć 16 znaków 0-9 i A-F.")
    (await read_json(request, wire.RevokeCertificateRequest)).checked()
    method = AuthenticationMethod(principal.claims["aum"])
    if method is AuthenticationMethod.TOKEN:
        raise Forbidden(
            Reason.AUTH_METHOD_NOT_ALLOWED,
            reason="certificates cannot be revoked after a login with a KSeF token",
            security={"authenticationMethodCategory": METHOD_INFO[method].category},
        )
    certificate = await system_of(request).certificates.get(serial)
    if certificate is None:
        raise BadRequest(Code.NO_SUCH_CERTIFICATE)
    _require_own(certificate.subject, own)
    await system_of(request).certificates.revoke(certificate)
    return Response(status_code=204)


async def query(request: Request) -> Response:
    """POST /certificates/query."""
    own = await _identities(request, bearer(request, Kind.ACCESS))
    wanted = (await read_json(request, wire.QueryCertificatesRequest)).checked()
    size = query_integer(request, "pageSize", default=10, minimum=10, maximum=50)
    offset = query_integer(request, "pageOffset", default=0, minimum=0, maximum=2**31 - 1)
    system = system_of(request)
    now = system.clock.now()
    found: list[KsefCertificate] = [
        each for each in await system.certificates.of_subjects(own) if wanted.matches(each, now)
    ]
    page = found[offset * size : (offset + 1) * size]
    return answer(
        wire.QueryCertificatesResponse(
            [wire.CertificateListItem.of(each, now) for each in page], len(found) > (offset + 1) * size
        )
    )


async def _subject_name(request: Request, principal: Principal) -> SubjectName | None:
    operation = await system_of(request).operations.find(principal.operation)
    return None if operation is None else operation.signer


async def _identities(request: Request, principal: Principal) -> tuple[Identifier, ...]:
    person = await system_of(request).subjects.person(principal.subject)
    return identifiers_of(principal.subject, person)


def _require_own(subject: Identifier, own: tuple[Identifier, ...]) -> None:
    if subject not in own:
        raise Forbidden(
            Reason.INSUFFICIENT_RESOURCE_ACCESS, reason=f"it belongs to {subject}, not to {own[0]}"
        )


ROUTES = [
    Route("/certificates/limits", limits, methods=["GET"]),
    Route("/certificates/enrollments/data", enrollment_data, methods=["GET"]),
    Route("/certificates/enrollments", enroll, methods=["POST"]),
    Route("/certificates/enrollments/{reference}", enrollment_status, methods=["GET"]),
    Route("/certificates/retrieve", retrieve, methods=["POST"]),
    Route("/certificates/query", query, methods=["POST"]),
    Route("/certificates/{serial}/revoke", revoke, methods=["POST"]),
]
