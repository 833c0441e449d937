"""What people do in the taxpayer portal: KSeF tokens of a NIP, revoked here; KSeF certificates to download.

Tokens are generated on the page Tokens, which shows each once.
"""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import system_of
from ksef_mock.clock import SECOND, Instant, to_datetime
from ksef_mock.core.errors import KsefError
from ksef_mock.core.identifiers import Identifier, is_context_identifier, is_subject_identifier
from ksef_mock.crypto.certificate import load_der_certificate
from ksef_mock.crypto.pki import Purpose, person, seal
from ksef_mock.crypto.subject_name import SubjectName
from ksef_mock.dashboard.forms import Form, Unusable, done, read_form
from ksef_mock.dashboard.frame import framed, guarded
from ksef_mock.dashboard.logins import Outcome, Tone
from ksef_mock.dashboard.pages.tokens import status_of
from ksef_mock.dashboard.render import HEADERS, Redirect
from ksef_mock.ksef.certificates.certificates import Enrollment, EnrollmentState
from ksef_mock.ksef.tokens.tokens import TokenStatus
from ksef_mock.state.store import Index, Insert, Table
from ksef_mock.system.system import System

_ROWS = 100
#: For so long a key waits for its certificate, and can be downloaded again: as the status of an enrolment.
_KEPT: Instant = 30 * 86_400 * SECOND
_REQUESTS = "portal-requests"
_TONES = {
    EnrollmentState.IN_PROGRESS: Tone.WAIT,
    EnrollmentState.ISSUED: Tone.GOOD,
    EnrollmentState.REJECTED: Tone.BAD,
}


class LockedKey(msgspec.Struct, frozen=True):
    """A private key, PKCS#8 in PEM, encrypted with the password that a person has chosen."""

    locked: bytes


#: By the reference number of the enrolment.
KEYS: Table[LockedKey] = Table("portal-key", LockedKey)


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token, without its text: KSeF shows that once."""

    reference: str
    description: str
    permissions: str
    created: datetime
    status: Outcome
    active: bool


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """A certificate that was requested here."""

    reference: str
    name: str
    type: str
    subject: str
    requested: datetime
    state: Outcome
    detail: str
    #: What can be done with it, if something can.
    action: str
    goes_on: bool


@guarded
async def portal(request: Request) -> Response:
    """GET /_mock/ui/portal, with `nip`: whose tokens."""
    nip = request.query_params.get("nip", "5265877635").strip()[:10]
    system = system_of(request)
    rows, requested = await _tokens(system, nip), await _requests(system)
    return await framed(request, "portal", "portal.html", nip=nip, tokens=rows, certificates=requested)


async def _tokens(system: System, nip: str) -> Sequence[TokenRow]:
    context = Identifier("Nip", nip)
    if not is_context_identifier(context):
        return ()
    page = await system.tokens.of_context(context, lambda _: True, _ROWS, None)
    return [
        TokenRow(
            token.reference,
            token.description,
            ", ".join(token.permissions),
            to_datetime(token.created_at),
            status_of(token),
            token.status is TokenStatus.ACTIVE,
        )
        for token in page.items
    ]


@guarded
async def revoke(request: Request) -> Response:
    """POST /_mock/ui/portal/revoke: the token with this `reference`."""
    form = await read_form(request)
    tokens = system_of(request).tokens
    token = await tokens.get(form["reference"][:36])
    if token is None or token.status is not TokenStatus.ACTIVE:
        raise Unusable("there is no such active token")
    await tokens.revoke(token)
    return done(form, "revoked")


@guarded
async def certificate(request: Request) -> Response:
    """POST /_mock/ui/portal/certificate: a new KSeF certificate and its encrypted key, as a ZIP file.

    If it is not issued at once, back to the page, which has it as soon as it is.
    """
    form = await read_form(request)
    system = system_of(request)
    password = form["password"]
    if not 8 <= len(password.encode()) <= 256:
        raise Unusable("password: 8 to 256 characters; the private key is encrypted with it")
    subject, name = _subject(form)
    try:
        purpose = Purpose(form["type"])
    except ValueError:
        raise Unusable(f"type: {form['type'][:64]!r} is none of {', '.join(Purpose)}") from None
    key, request_der = await asyncio.to_thread(_request, name, form["key"])
    wanted = SubjectName.of(name)
    assert wanted is not None
    try:
        enrollment = await system.certificates.enroll(
            subject, wanted, request_der, form["name"].strip()[:100] or "Portal", purpose, None
        )
    except KsefError as refusal:
        raise Unusable(refusal.reason) from None
    locked = await asyncio.to_thread(
        key.private_bytes, Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode())
    )
    await _keep(system, enrollment, locked)
    return await _files(system, enrollment, locked, 201) or done(form, "requested")


@guarded
async def download(request: Request) -> Response:
    """GET /_mock/ui/portal/certificate/{reference}: the same file, as soon as KSeF has issued it."""
    system = system_of(request)
    reference = request.path_params["reference"]
    kept = await system.store.get(KEYS, reference)
    # As a client asks: where delays are set in polls, this is one.
    enrollment = await system.certificates.poll(reference)
    if kept is None or enrollment is None:
        raise Unusable("no such certificate was requested here")
    answer = await _files(system, enrollment, kept.locked, 200)
    if answer is None:
        return Redirect("/_mock/ui/portal?done=waiting", 303)
    return answer


async def _keep(system: System, enrollment: Enrollment, locked: bytes) -> None:
    at, reference = enrollment.requested_at, enrollment.reference
    await system.store.commit(
        Insert(KEYS, reference, LockedKey(locked), at + _KEPT), Index(_REQUESTS, reference, at, at + _KEPT)
    )


async def _requests(system: System) -> Sequence[CertificateRow]:
    rows = []
    for _, reference in await system.store.newest(_REQUESTS, _ROWS):
        enrollment = await system.certificates.enrollment(reference)
        if enrollment is not None:
            rows.append(
                CertificateRow(
                    reference,
                    enrollment.name,
                    enrollment.purpose,
                    f"{enrollment.subject.type} {enrollment.subject.value}",
                    to_datetime(enrollment.requested_at),
                    Outcome(_TONES[enrollment.state], enrollment.state.capitalize(), ""),
                    enrollment.detail or "",
                    "Download" if enrollment.state is EnrollmentState.ISSUED else "Look again",
                    enrollment.state is not EnrollmentState.REJECTED,
                )
            )
    return rows


async def _files(system: System, enrollment: Enrollment, locked: bytes, status: int) -> Response | None:
    """Certificate and key as a ZIP file; None as long as the certificate is not issued.

    Raises:
        Unusable: it never will be.
    """
    if enrollment.state is EnrollmentState.REJECTED:
        raise Unusable(f"KSeF has rejected the request: {enrollment.detail}")
    issued = None if enrollment.serial is None else await system.certificates.get(enrollment.serial)
    if issued is None:
        return None
    pem = load_der_certificate(issued.der).public_bytes(Encoding.PEM)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("ksef-cert.crt", pem)
        archive.writestr("ksef-cert.key", locked)
    headers = {**HEADERS, "Content-Disposition": f'attachment; filename="ksef-{issued.serial}.zip"'}
    return Response(content.getvalue(), status, headers, media_type="application/zip")


def _subject(form: Form) -> tuple[Identifier, x509.Name]:
    kind, value = form["kind"], form["identifier"].strip()
    subject = Identifier("Pesel" if kind == "pesel" else "Nip", value)
    if kind not in ("pesel", "nip", "seal") or not is_subject_identifier(subject):
        raise Unusable(f"identifier: {value[:40]!r} is no valid {subject.type.upper()}")
    if kind == "seal":
        return subject, seal("Firma sp. z o.o.", nip=value)
    return subject, person("Anna", "Nowak", **{kind: value})


def _request(name: x509.Name, kind: str) -> tuple[rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, bytes]:
    # The portal makes EC keys.
    key = (
        rsa.generate_private_key(65_537, 2_048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    )
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return key, csr.public_bytes(Encoding.DER)


ROUTES = [
    Route("/ui/portal", portal, methods=["GET"]),
    Route("/ui/portal/revoke", revoke, methods=["POST"]),
    Route("/ui/portal/certificate", certificate, methods=["POST"]),
    Route("/ui/portal/certificate/{reference}", download, methods=["GET"]),
]
