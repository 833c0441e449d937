"""POST /_mock/certificates: a certificate to log in with, for tests in any language; and its revocation.

POST /_mock/certificates/revoke, /suspend and /reinstate take any certificate, whoever has issued it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Literal, NamedTuple

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, system_of
from ksef_mock.clock import Instant, from_datetime, iso
from ksef_mock.control.bodies import read_order
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest, NotFound
from ksef_mock.core.expected import NIP, PESEL, wrong
from ksef_mock.core.identifiers import Identifier, is_subject_identifier
from ksef_mock.crypto.authority import Validity, fingerprint_of
from ksef_mock.crypto.certificate import Certificate, load_der_certificate, load_pem_certificates
from ksef_mock.crypto.chain import MALFORMED
from ksef_mock.crypto.pki import Credential, Pki, Purpose, Role, person, seal
from ksef_mock.crypto.subject_name import readable
from ksef_mock.ksef.certificates.certificates import KsefCertificate
from ksef_mock.state.store import Index, Insert, Table
from ksef_mock.system.system import System

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=31)]

_YEARS = "a moment from 1950 to 9998"

_ROLES = {"qualified": Role.QUALIFIED, "trusted-profile": Role.TRUSTED_PROFILE, "ksef": Role.KSEF}


class CertificateOrder(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """POST /_mock/certificates. A seal if `organization` is given, else a person's.

    A person without NIP and PESEL is known by the certificate's fingerprint only.
    """

    kind: Literal["qualified", "trusted-profile", "ksef", "self-signed"] = "qualified"
    given_name: Name | None = None
    surname: Name | None = None
    organization: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    nip: str | None = None
    pesel: str | None = None
    #: `rsa-1024` and `p-192` are too small for KSeF.
    key: Literal["rsa", "ec", "rsa-1024", "p-192"] = "rsa"
    #: Of a KSeF certificate; one for Offline cannot log in.
    purpose: Purpose | None = None
    #: Two years from a day before the mock's time, unless told otherwise.
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    #: Asks for a PKCS#12 file too, encrypted with this.
    pkcs12_password: Annotated[str, msgspec.Meta(min_length=1, max_length=256)] | None = None

    def subject(self) -> x509.Name:
        """
        Raises:
            ValueError: the members contradict each other, or an identifier is none.
        """
        for kind, value in (("Nip", self.nip), ("Pesel", self.pesel)):
            if value is not None and not is_subject_identifier(Identifier(kind, value)):
                raise ValueError(wrong(kind.lower(), NIP if kind == "Nip" else PESEL, value))
        if self.organization is None:
            if self.nip is not None and self.pesel is not None:
                raise ValueError("nip, pesel: a person's certificate has one of them")
            return person(
                self.given_name or "Jan", self.surname or "Kowalski", pesel=self.pesel, nip=self.nip
            )
        if self.nip is None:
            raise ValueError("nip: a seal (organization) needs one")
        if self.pesel is not None or self.given_name is not None or self.surname is not None:
            raise ValueError("pesel, givenName, surname: an organization has none")
        return seal(self.organization, nip=self.nip)

    def holder(self, fingerprint: str) -> Identifier:
        """Whose it is: the NIP or PESEL that it names, else whoever has it."""
        if self.nip is not None:
            return Identifier("Nip", self.nip)
        return (
            Identifier("Fingerprint", fingerprint) if self.pesel is None else Identifier("Pesel", self.pesel)
        )

    def validity(self, usual: Validity) -> Validity:
        """
        Raises:
            ValueError: it ends before it begins, or X.509 cannot say it.
        """
        begin = usual.begin if self.valid_from is None else _utc("validFrom", self.valid_from)
        end = usual.end if self.valid_to is None else _utc("validTo", self.valid_to)
        if self.valid_from is not None and self.valid_to is None:
            end = max(end, begin + (usual.end - usual.begin))
        if self.valid_to is not None and self.valid_from is None:
            begin = min(begin, end - (usual.end - usual.begin))
        if end <= begin:
            raise ValueError("validTo: must be later than validFrom")
        return Validity(begin, end)


class CertificateDelivery(msgspec.Struct, rename="camel", omit_defaults=True):
    """A new certificate with its private key, all in PEM."""

    certificate_pem: str
    #: Unencrypted PKCS#8.
    private_key_pem: str
    #: The CA that issued it; empty for a self-signed one.
    chain_pem: str
    #: RFC 4514.
    subject: str
    #: Hex digits.
    serial_number: str
    #: SHA-256 of the certificate, 64 upper-case hex digits: KSeF's Fingerprint identifier.
    fingerprint: str
    valid_from: str
    valid_to: str
    #: Base64.
    pkcs12: str | None = None


class CertificateChoice(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Which certificate: exactly one member. By its serial number only if this mock has issued it."""

    #: PEM, or base64 of DER.
    certificate: str | None = None
    serial_number: str | None = None
    fingerprint: str | None = None


class CertificateStatusBody(msgspec.Struct):
    """What the registry of all issuers says of a certificate: `good`, `revoked` or `suspended`."""

    fingerprint: str
    status: str


class IssuedCertificate(msgspec.Struct, frozen=True):
    """Leads from the serial number of a certificate that was ordered here to its fingerprint."""

    fingerprint: str
    #: As ordered, e.g. `qualified`.
    kind: str = ""
    #: RFC 4514.
    subject: str = ""
    valid_from: Instant = 0
    valid_to: Instant = 0


#: Index of the serial numbers, by the moment of the order.
ALL_ISSUED = "issued-certificates"
ISSUED: Table[IssuedCertificate] = Table("issued-certificate", IssuedCertificate)


async def issue(request: Request) -> Response:
    """Make a certificate."""
    system = system_of(request)
    order = await read_order(request, CertificateOrder)
    try:
        credential = await asyncio.to_thread(_make, system.pki, order)
    except ValueError as error:
        raise BadRequest(Code.VALIDATION, str(error)) from None
    certificate = credential.certificate
    serial = f"{certificate.serial_number:016X}"
    valid_from, valid_to = map(
        from_datetime, (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    )
    subject = readable(certificate.subject)
    issued = IssuedCertificate(credential.fingerprint, order.kind, subject, valid_from, valid_to)
    await system.store.commit(
        Insert(ISSUED, serial, issued, None), Index(ALL_ISSUED, serial, system.clock.now(), None)
    )
    if order.purpose is Purpose.OFFLINE:  # KOD II names it by its serial number
        await system.certificates.keep(certificate, order.purpose, order.holder(credential.fingerprint))
    role = _ROLES.get(order.kind)
    chain = b"" if role is None else system.pki.authority(role).certificate.public_bytes(Encoding.PEM)
    pkcs12 = None
    if order.pkcs12_password is not None:
        pkcs12 = await asyncio.to_thread(credential.pkcs12, order.pkcs12_password)
    return answer(
        CertificateDelivery(
            certificate_pem=credential.certificate_pem.decode(),
            private_key_pem=credential.key_pem.decode(),
            chain_pem=chain.decode(),
            subject=subject,
            serial_number=serial,
            fingerprint=credential.fingerprint,
            valid_from=iso(valid_from),
            valid_to=iso(valid_to),
            pkcs12=None if pkcs12 is None else base64.b64encode(pkcs12).decode(),
        ),
        201,
    )


def _make(pki: Pki, order: CertificateOrder) -> Credential:
    name, validity = order.subject(), order.validity(pki.validity())
    if order.purpose is not None and order.kind != "ksef":
        raise ValueError("purpose: only a certificate of kind 'ksef' has one")
    match order.kind:
        case "qualified":
            return pki.qualified(name, key=order.key, validity=validity)
        case "trusted-profile":
            return pki.trusted_profile(name, key=order.key, validity=validity)
        case "ksef":
            return pki.ksef(name, order.purpose or Purpose.AUTHENTICATION, key=order.key, validity=validity)
        case "self-signed":
            return pki.self_signed(name, key=order.key, validity=validity)


def _utc(name: str, moment: datetime) -> datetime:
    try:
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(wrong(name, _YEARS, moment.isoformat())) from None
    if not 1950 <= moment.year <= 9_998:  # RFC 5280, 4.1.2.5, and room for a default's length
        raise ValueError(wrong(name, _YEARS, moment.isoformat()))
    return moment.replace(microsecond=0)


class Chosen(NamedTuple):
    """A certificate by its fingerprint, and KSeF's record of it if it was enrolled."""

    fingerprint: str
    enrolled: KsefCertificate | None = None


def _route(path: str, action: Callable[[System, Chosen], Awaitable[bool]]) -> Route:
    async def endpoint(request: Request) -> Response:
        system = system_of(request)
        chosen = await _chosen(system, await read_order(request, CertificateChoice))
        if not await action(system, chosen):
            raise NotFound(reason=f"the certificate {chosen.fingerprint} is not suspended")
        entry = await system.revocations.entry_of(chosen.fingerprint)
        status = "good" if entry is None else entry.status.value
        return answer(CertificateStatusBody(chosen.fingerprint, status))

    return Route(f"/certificates/{path}", endpoint, methods=["POST"], name=path)


async def revoke(system: System, chosen: Chosen) -> None:
    """For good, in the registry of all issuers and, if KSeF issued it, in its lists."""
    if chosen.enrolled is not None:  # lists of KSeF certificates show it too
        with contextlib.suppress(BadRequest):  # it is revoked already, or has expired
            await system.certificates.revoke(chosen.enrolled)
    await system.revocations.revoke_by(chosen.fingerprint)


async def _revoke(system: System, chosen: Chosen) -> bool:
    await revoke(system, chosen)
    return True


async def _suspend(system: System, chosen: Chosen) -> bool:
    await system.revocations.suspend_by(chosen.fingerprint)
    return True


async def _reinstate(system: System, chosen: Chosen) -> bool:
    return await system.revocations.reinstate_by(chosen.fingerprint)


async def _chosen(system: System, choice: CertificateChoice) -> Chosen:
    given = [value for value in (choice.certificate, choice.serial_number, choice.fingerprint) if value]
    if len(given) != 1:
        raise BadRequest(
            Code.VALIDATION, "exactly one of certificate, serialNumber and fingerprint is needed"
        )
    if choice.certificate:
        certificate = _certificate(choice.certificate)
        enrolled = await system.certificates.get(f"{certificate.serial_number:016X}")
        is_same = enrolled is not None and enrolled.der == certificate.public_bytes(Encoding.DER)
        return Chosen(fingerprint_of(certificate), enrolled if is_same else None)
    if choice.fingerprint:
        fingerprint = choice.fingerprint.upper().replace(":", "")
        if not is_subject_identifier(Identifier("Fingerprint", fingerprint)):
            expected = "64 hex digits, the SHA-256 of the certificate"
            raise BadRequest(Code.VALIDATION, wrong("fingerprint", expected, choice.fingerprint))
        return Chosen(fingerprint)
    assert choice.serial_number is not None
    serial = choice.serial_number.upper().replace(":", "").lstrip("0").rjust(16, "0")
    issued = await system.store.get(ISSUED, serial)
    if issued is not None:
        return Chosen(issued.fingerprint)
    enrolled = await system.certificates.get(serial)
    if enrolled is None:
        raise NotFound(
            reason=wrong("serialNumber", "the hex digits of one that was issued here", choice.serial_number)
        )
    return Chosen(fingerprint_of(load_der_certificate(enrolled.der)), enrolled)


def _certificate(text: str) -> Certificate:
    try:
        if "-----BEGIN" in text:
            return load_pem_certificates(text.encode())[0]
        return load_der_certificate(base64.b64decode("".join(text.split()), validate=True))
    except (*MALFORMED, binascii.Error) as error:
        raise BadRequest(
            Code.VALIDATION, f"{wrong('certificate', 'PEM, or Base64 of DER', text)}: {str(error)[:200]}"
        ) from None


ROUTES = [
    Route("/certificates", issue, methods=["POST"]),
    _route("revoke", _revoke),
    _route("suspend", _suspend),
    _route("reinstate", _reinstate),
]
