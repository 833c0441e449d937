"""Certyfikaty: limits, enrolment, download, revocation, list."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import (
    actor_of,
    answer,
    path_reference,
    query_page,
    read_json,
    read_optional_json,
    system_of,
    together,
)
from ksef_mock.api.origin import require_test_data
from ksef_mock.clock import iso
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.crypto.subject_name import SubjectName
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.certificates import bodies as wire
from ksef_mock.ksef.certificates import rules as certificates_rules
from ksef_mock.ksef.certificates.certificates import KsefCertificate


async def limits(request: Request) -> Response:
    """GET /certificates/limits."""
    actor = await actor_of(request)
    certificates = system_of(request).certificates
    enrollments, most_enrollments = await certificates.enrollments_left(actor.subject)
    held, most_held = await certificates.certificates_left(actor.subject)
    can_request = await _subject_name(request, actor) is not None and enrollments > 0 and held > 0
    return answer(
        wire.CertificateLimitsResponse(
            can_request,
            wire.CertificateLimit(enrollments, most_enrollments),
            wire.CertificateLimit(held, most_held),
        )
    )


async def enrollment_data(request: Request) -> Response:
    """GET /certificates/enrollments/data: the subject of the certificate that was logged in with."""
    name = await _subject_name(request, await actor_of(request))
    if name is None:
        raise BadRequest(Code.NO_CSR_DATA, reason="the login was not made with a certificate")
    return answer(wire.CertificateEnrollmentDataResponse.of(name))


async def enroll(request: Request) -> Response:
    """POST /certificates/enrollments."""
    actor = await actor_of(request)
    order = await read_json(request, wire.EnrollCertificateRequest)
    name = await _subject_name(request, actor)
    if name is None:
        raise BadRequest(Code.NO_ENROLLMENT, reason="the login was not made with a certificate")
    enrollment = await system_of(request).certificates.enroll(
        actor.subject,
        name,
        order.csr_der,
        order.certificate_name,
        order.certificate_type,
        order.starts_at,
    )
    return answer(wire.EnrollCertificateResponse(enrollment.reference, iso(enrollment.requested_at)), 202)


async def enrollment_status(request: Request) -> Response:
    """GET /certificates/enrollments/{referenceNumber}."""
    actor = await actor_of(request)
    reference = path_reference(request)
    enrollment = await system_of(request).certificates.poll(reference)
    if enrollment is None:
        raise BadRequest(Code.NO_SUCH_ENROLLMENT)
    certificates_rules.require_own_certificate(actor, enrollment.subject)
    certificates_rules.require_recent(enrollment, system_of(request).clock.now())
    return answer(wire.CertificateEnrollmentStatusResponse.of(enrollment))


async def retrieve(request: Request) -> Response:
    """POST /certificates/retrieve. Certificates of others count as those that do not exist: left out."""
    actor = await actor_of(request)
    wanted = (await read_json(request, wire.RetrieveCertificatesRequest)).each_once()
    found = [await system_of(request).certificates.get(serial) for serial in wanted]
    return answer(
        wire.RetrieveCertificatesResponse(
            [
                wire.RetrieveCertificatesListItem.of(each)
                for each in found
                if each and each.subject in actor.identities
            ]
        )
    )


async def revoke(request: Request) -> Response:
    """POST /certificates/{certificateSerialNumber}/revoke."""
    actor = await actor_of(request)
    serial: str = request.path_params["serial"]
    await read_optional_json(request, wire.RevokeCertificateRequest)
    certificates_rules.require_no_token(actor)
    certificate = await system_of(request).certificates.get(serial)
    if certificate is None:
        raise BadRequest(Code.NO_SUCH_CERTIFICATE)
    certificates_rules.require_own_certificate(actor, certificate.subject)
    await system_of(request).certificates.revoke(certificate)
    return Response(status_code=204)


async def update(request: Request) -> Response:
    """PUT /testdata/certificates/{serialNumber}: it expires earlier. Of others' none exists."""
    require_test_data(request)
    actor = await actor_of(request)
    order = await read_json(request, wire.TestDataUpdateCertificateRequest)
    certificates = system_of(request).certificates
    certificate = await certificates.get(request.path_params["serial"])
    if certificate is None or certificate.subject not in actor.identities:
        raise BadRequest(Code.NO_SUCH_CERTIFICATE)
    await certificates.shorten(certificate, order.ends_at)
    return Response()


async def query(request: Request) -> Response:
    """POST /certificates/query."""
    actor = await actor_of(request)
    certificates_rules.require_no_token(actor)
    with together(request):
        page = query_page(request, most=50)
        wanted = (await read_optional_json(request, wire.QueryCertificatesRequest)).filter()
    system = system_of(request)
    now = system.clock.now()
    found: list[KsefCertificate] = [
        each for each in await system.certificates.of_subjects(actor.identities) if wanted.matches(each, now)
    ]
    listed, has_more = page.of(found)
    return answer(
        wire.QueryCertificatesResponse([wire.CertificateListItem.of(each, now) for each in listed], has_more)
    )


async def _subject_name(request: Request, actor: Actor) -> SubjectName | None:
    """The subject for which the actor may request certificates; None if it may request none."""
    operation = await system_of(request).operations.find(actor.operation)
    signer = None if operation is None else operation.signer
    return signer.certified if signer is not None and certificates_rules.may_enroll(actor) else None


ROUTES = [
    Route("/certificates/limits", limits, methods=["GET"]),
    Route("/certificates/enrollments/data", enrollment_data, methods=["GET"]),
    Route("/certificates/enrollments", enroll, methods=["POST"]),
    Route("/certificates/enrollments/{reference}", enrollment_status, methods=["GET"]),
    Route("/certificates/retrieve", retrieve, methods=["POST"]),
    Route("/certificates/query", query, methods=["POST"]),
    Route("/certificates/{serial}/revoke", revoke, methods=["POST"]),
    Route("/testdata/certificates/{serial}", update, methods=["PUT"]),
]
