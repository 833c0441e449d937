"""Certificates: those that KSeF has issued, those that were ordered for tests, and who issues them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import exchange_of, system_of
from ksef_mock.clock import to_datetime
from ksef_mock.control.certificates import ALL_ISSUED, ISSUED, Chosen, IssuedCertificate, revoke
from ksef_mock.crypto.authority import fingerprint_of
from ksef_mock.crypto.certificate import load_der_certificate
from ksef_mock.crypto.pki import Role
from ksef_mock.crypto.subject_name import readable
from ksef_mock.dashboard.forms import Form, Unusable, done, read_form
from ksef_mock.dashboard.frame import ROWS, framed, guarded, message
from ksef_mock.dashboard.logins import Outcome, Tone
from ksef_mock.dashboard.render import attachment
from ksef_mock.ksef.certificates.certificates import CertificateStatus, KsefCertificate
from ksef_mock.state.paging import page
from ksef_mock.system.system import System

_TONES = {
    CertificateStatus.ACTIVE: Tone.GOOD,
    CertificateStatus.BLOCKED: Tone.WAIT,
    CertificateStatus.REVOKED: Tone.BAD,
    CertificateStatus.EXPIRED: Tone.QUIET,
}


@dataclass(frozen=True, slots=True)
class KsefRow:
    """A certificate that KSeF has issued."""

    certificate: KsefCertificate
    status: Outcome
    valid_from: datetime
    valid_to: datetime
    used: datetime | None
    is_active: bool


@dataclass(frozen=True, slots=True)
class OrderedRow:
    """A certificate that was ordered for a test."""

    serial: str
    issued: IssuedCertificate
    status: Outcome
    valid_from: datetime
    valid_to: datetime
    is_revoked: bool
    is_suspended: bool


@dataclass(frozen=True, slots=True)
class CertificateList:
    """Certificates of one kind, the newest first."""

    #: "ksef" or "test".
    kind: str
    ksef: Sequence[KsefRow]
    test: Sequence[OrderedRow]
    #: Name and subject of the CAs that have issued something.
    authorities: Sequence[tuple[str, str]]
    continuation: str | None
    is_first: bool


@guarded
async def certificates(request: Request) -> Response:
    """GET /_mock/ui/certificates; `kind=test`: those that were ordered for tests."""
    query, system = request.query_params, system_of(request)
    continuation = query.get("page")
    ksef: list[KsefRow] = []
    test: list[OrderedRow] = []
    if query.get("kind") == "test":

        async def shown(serial: str) -> OrderedRow | None:
            issued = await system.store.get(ISSUED, serial)
            return None if issued is None else await _ordered_row(system, serial, issued)

        ordered = await page(system.store, ALL_ISSUED, ROWS, continuation, shown)
        test, following = ordered.items, ordered.continuation
    else:
        known = await system.certificates.of_anybody(ROWS, continuation)
        ksef, following = [_ksef_row(system, each) for each in known.items], known.continuation
    listed = CertificateList(
        "test" if query.get("kind") == "test" else "ksef",
        ksef,
        test,
        [
            (_name_of(role), readable(authority.certificate.subject))
            for role, authority in sorted(system.pki.authorities.items())
        ],
        following,
        continuation is None,
    )
    return await framed(request, "certificates", "certificates.html", list=listed)


def _ksef_row(system: System, certificate: KsefCertificate) -> KsefRow:
    status, used = certificate.status(system.clock.now()), certificate.last_used_at
    return KsefRow(
        certificate,
        Outcome(_TONES[status], status.value, ""),
        to_datetime(certificate.valid_from),
        to_datetime(certificate.valid_to),
        None if used is None else to_datetime(used),
        status is CertificateStatus.ACTIVE,
    )


async def _ordered_row(system: System, serial: str, issued: IssuedCertificate) -> OrderedRow:
    entry, now = await system.revocations.entry_of(issued.fingerprint), system.clock.now()
    if entry is not None:
        status = Outcome(Tone.BAD, entry.status.value.capitalize(), "")
    elif issued.valid_from <= now <= issued.valid_to:
        status = Outcome(Tone.GOOD, "Active", "")
    else:
        status = Outcome(Tone.QUIET, "Expired" if now > issued.valid_to else "Not valid yet", "")
    return OrderedRow(
        serial,
        issued,
        status,
        to_datetime(issued.valid_from),
        to_datetime(issued.valid_to),
        entry is not None and entry.status == "revoked",
        entry is not None and entry.status == "suspended",
    )


@guarded
async def change(request: Request) -> Response:
    """POST /_mock/ui/certificates. `do`: revoke, suspend, reinstate (a `serial`)."""
    form = await read_form(request)
    system = system_of(request)
    chosen = await _chosen(system, form)
    match form["do"]:
        case "revoke":
            await revoke(system, chosen)
        case "suspend":
            await system.revocations.suspend_by(chosen.fingerprint)
        case "reinstate":
            if not await system.revocations.reinstate_by(chosen.fingerprint):
                raise Unusable("the certificate is not suspended")
        case other:
            raise Unusable(f"certificates know no {other[:64]!r}")
    exchange_of(request).noted("certificate", f"{form['do']} {chosen.fingerprint}")
    return done(form, "certificate")


async def _chosen(system: System, form: Form) -> Chosen:
    serial = form["serial"][:40]
    issued = await system.store.get(ISSUED, serial)
    enrolled = await system.certificates.get(serial)
    if issued is not None:
        return Chosen(issued.fingerprint, enrolled)
    if enrolled is None:
        raise Unusable("there is no such certificate")
    return Chosen(fingerprint_of(load_der_certificate(enrolled.der)), enrolled)


@guarded
async def authority(request: Request) -> Response:
    """GET /_mock/ui/certificates/authorities/{name}: the certificate of a CA, in PEM."""
    named = request.path_params["name"]
    authorities = system_of(request).pki.authorities.items()
    found = next((known for role, known in authorities if _name_of(role) == named), None)
    if found is None:
        text = f"No CA {named[:64]} has issued anything."
        return await message(request, 404, "No such CA", text, section="certificates", back=_LIST)
    pem = found.certificate.public_bytes(Encoding.PEM)
    return attachment(pem, f"ca-{named}.pem", "application/x-pem-file")


def _name_of(role: Role) -> str:
    """In addresses and names of files."""
    return role.name.lower().replace("_", "-")


_LIST = "/_mock/ui/certificates"

ROUTES = [
    Route("/ui/certificates", certificates, methods=["GET"]),
    Route("/ui/certificates", change, methods=["POST"]),
    Route("/ui/certificates/authorities/{name}", authority, methods=["GET"]),
]
