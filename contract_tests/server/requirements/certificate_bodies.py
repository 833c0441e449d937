"""/certificates: bodies with one fault, who may call what, and what is not there."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import family, requirement
from contract_tests.server.expect import equal, true
from contract_tests.server.orders import ABSENT, Fault
from contract_tests.server.probe import Probe
from contract_tests.server.requirements.certificates import csr_of, issued, listed, ordered_certificate

_OWN = {Capability.SELF_SIGNED}
_ENROLL = "OpenAPI POST /certificates/enrollments"
_QUERY = "OpenAPI POST /certificates/query"
_SERIAL = "0123456789ABCDEF"


@family(
    {
        "KSEF-CERT-130": ("certificateName", ABSENT, "is missing", 21405),
        "KSEF-CERT-131": ("certificateName", "x" * 101, "has 101 characters", 21405),
        "KSEF-CERT-132": ("certificateType", ABSENT, "is missing", 21405),
        "KSEF-CERT-133": ("certificateType", "Qualified", "is of no known kind", 21001),
        "KSEF-CERT-134": ("csr", ABSENT, "is missing", 21405),
        "KSEF-CERT-135": ("validFrom", "tomorrow", "is no date", 21001),
    },
    lambda case: f"A request for a certificate whose {case[0]} {case[2]} is refused with {case[3]}.",
    source=f"{_ENROLL}: EnrollCertificateRequest; 21405, 21001 since API 2.9.0",
    needs=_OWN,
)
def wrong_request_is_refused(ctx: Probe, case: tuple[str, Any, str, int]) -> None:
    name, value, _, code = case
    body: dict[str, Any] = {
        "certificateName": "ksef-conformance",
        "certificateType": "Authentication",
        "csr": base64.b64encode(csr_of(ctx, ctx.session)).decode(),
    }
    body |= {name: value}
    sent = {member: each for member, each in body.items() if each is not ABSENT}
    reply = ctx.post("/certificates/enrollments", bearer=ctx.session.access_token, json=sent)
    reply.refused(code, None)


_WRONG = (
    Fault("certificate retrieval", ("certificateSerialNumbers",), ABSENT, "is missing"),
    Fault("certificate retrieval", ("certificateSerialNumbers",), [], "is empty"),
    Fault("certificate retrieval", ("certificateSerialNumbers",), [_SERIAL] * 11, "has 11 entries"),
    Fault("certificate retrieval", ("certificateSerialNumbers",), _SERIAL, "is a text", unreadable=True),
    Fault("certificate query", ("type",), "Qualified", "is of no known kind", unreadable=True),
    Fault("certificate query", ("status",), "Lost", "is of no known kind", unreadable=True),
    Fault("certificate query", ("expiresAfter",), "soon", "is no date", unreadable=True),
)


@family(
    {f"KSEF-CERT-{number}": fault for number, fault in enumerate(_WRONG, 140)},
    str,
    source="OpenAPI: the schemas of the request bodies under /certificates; 21405",
    needs=_OWN,
)
def wrong_body_is_refused(ctx: Probe, fault: Fault) -> None:
    fault.expect(ctx.post(fault.path, bearer=ctx.session.access_token, json=fault.body()))


@family(
    {
        "KSEF-CERT-150": {"pageSize": "9"},
        "KSEF-CERT-151": {"pageSize": "51"},
        "KSEF-CERT-152": {"pageOffset": "-1"},
    },
    lambda parameters: "A query for certificates with {} is refused with 21405.".format(
        " and ".join(f"{name}={value}" for name, value in parameters.items())
    ),
    source=f"{_QUERY}: pageSize from 10 to 50, pageOffset from 0",
    needs=_OWN,
)
def wrong_page_is_refused(ctx: Probe, parameters: dict[str, str]) -> None:
    bearer = ctx.session.access_token
    ctx.post("/certificates/query", bearer=bearer, json={}, params=parameters).refused(21405, None)


@family(
    {
        f"KSEF-CERT-{number}": call
        for number, call in enumerate(
            (
                ("GET", "/certificates/limits"),
                ("GET", "/certificates/enrollments/data"),
                ("POST", "/certificates/enrollments"),
                ("GET", "/certificates/enrollments/20250514-CE-2DFC46C000-3AC6D5877F-D4"),
                ("POST", "/certificates/retrieve"),
                ("POST", f"/certificates/{_SERIAL}/revoke"),
                ("POST", "/certificates/query"),
            ),
            160,
        )
    },
    lambda call: f"{call[0]} {call[1]} without a bearer token is 401.",
    source="OpenAPI: security, 401",
)
def bearer_is_needed(ctx: Probe, call: tuple[str, str]) -> None:
    method, path = call
    if method == "POST":
        ctx.post(path, json={}).unauthorized()
    else:
        ctx.get(path).unauthorized()


@requirement(
    "KSEF-CERT-170",
    "A reference number of no request is refused with 25005.",
    source="OpenAPI GET /certificates/enrollments/{referenceNumber}: 25005",
    needs=_OWN,
)
def unknown_request_is_refused(ctx: Probe) -> None:
    path = "/certificates/enrollments/20250514-CE-2DFC46C000-3AC6D5877F-D4"
    ctx.get(path, bearer=ctx.session.access_token).refused(25005)


@requirement(
    "KSEF-CERT-171",
    "The request of somebody else is nobody's business: 25005, or 403.",
    source="OpenAPI GET /certificates/enrollments/{referenceNumber}: 25005, 403",
    needs=_OWN,
)
def request_of_others_is_refused(ctx: Probe) -> None:
    session, stranger = ctx.new_session(), ctx.new_session()
    reference = ordered_certificate(ctx, session).answers(202).at("referenceNumber")
    reply = ctx.get(f"/certificates/enrollments/{reference}", bearer=stranger.access_token)
    if reply.status == 403:
        reply.problem(403, reason="insufficient-resource-access")
    else:
        reply.refused(25005)


@requirement(
    "KSEF-CERT-172",
    "Revoking a certificate that is not there is refused with 25008.",
    source="OpenAPI POST /certificates/{certificateSerialNumber}/revoke: 25008",
    needs=_OWN,
)
def unknown_certificate_is_not_revoked(ctx: Probe) -> None:
    ctx.post(f"/certificates/{_SERIAL}/revoke", bearer=ctx.session.access_token, json={}).refused(25008)


@requirement(
    "KSEF-CERT-173",
    "Nobody revokes the certificate of somebody else: 25008, and it stays active.",
    source="OpenAPI POST /certificates/{certificateSerialNumber}/revoke: 25008, 403",
    needs=_OWN,
)
def certificate_of_others_stays(ctx: Probe) -> None:
    session, stranger = ctx.new_session(), ctx.new_session()
    _, serial = issued(ctx, session)
    reply = ctx.post(f"/certificates/{serial}/revoke", bearer=stranger.access_token, json={})
    if reply.status != 403:
        reply.refused(25008)
    equal("status after", listed(ctx, session).at("certificates", 0, "status"), "Active")


@family(
    {
        "KSEF-CERT-174": {},
        "KSEF-CERT-175": {"revocationReason": "Superseded"},
        "KSEF-CERT-176": {"revocationReason": "KeyCompromise"},
    },
    lambda body: f"A certificate is revoked with {body.get('revocationReason', 'no reason')}.",
    source="OpenAPI POST /certificates/{certificateSerialNumber}/revoke: revocationReason",
    needs=_OWN,
)
def every_reason_is_taken(ctx: Probe, body: dict[str, str]) -> None:
    session = ctx.new_session()
    _, serial = issued(ctx, session)
    ctx.post(f"/certificates/{serial}/revoke", bearer=session.access_token, json=body).answers(204)
    equal("status after", listed(ctx, session).at("certificates", 0, "status"), "Revoked")


@requirement(
    "KSEF-CERT-177",
    "A certificate begins when it was asked to: validFrom.",
    source=f"{_ENROLL}: validFrom",
    needs=_OWN,
)
def begin_is_as_asked(ctx: Probe) -> None:
    session = ctx.new_session()
    begin = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    credentials, _ = issued(ctx, session, validFrom=begin.isoformat())
    equal("begin of the certificate", credentials.certificate.not_valid_before_utc, begin)


@requirement(
    "KSEF-CERT-178",
    "A certificate lives two years at most.",
    source="documented: certyfikaty-KSeF.md, two years",
    needs=_OWN,
)
def life_is_two_years(ctx: Probe) -> None:
    credentials, _ = issued(ctx, ctx.new_session())
    certificate = credentials.certificate
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    true("life of the certificate", life <= timedelta(days=732), expected="two years at most", received=life)


@requirement(
    "KSEF-CERT-179",
    "The list says whose a certificate is, by subjectIdentifier, and when it was asked for.",
    source=f"{_QUERY}: CertificateListItem",
    needs=_OWN,
)
def list_names_the_holder(ctx: Probe) -> None:
    session = ctx.new_session()
    issued(ctx, session)
    entry = listed(ctx, session).at("certificates", 0)
    equal("subjectIdentifier", entry["subjectIdentifier"], {"type": "Nip", "value": session.nip})
    asked = datetime.fromisoformat(entry["requestDate"])
    true(
        "requestDate",
        asked <= datetime.fromisoformat(entry["validTo"]),
        expected="before its end",
        received=asked,
    )
