"""What the pages of QR verification find out: KOD I by invoices, KOD II by certificates and rights."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ksef_mock.clock import iso, to_datetime
from ksef_mock.core.dates import warsaw
from ksef_mock.core.environment import ProfileName
from ksef_mock.core.identifiers import Identifier, is_context_identifier
from ksef_mock.crypto.authority import fingerprint_of
from ksef_mock.crypto.certificate import Certificate, load_der_certificate
from ksef_mock.crypto.pki import Purpose
from ksef_mock.gateway.operations import operation_at
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.certificates.certificates import CertificateStatus, KsefCertificate
from ksef_mock.ksef.invoices.metadata import Invoice
from ksef_mock.ksef.sending.rights import RightsService
from ksef_mock.qr import signature as signatures
from ksef_mock.qr.links import HOSTS, CertificateLink, InvoiceLink, base64_of, base64url
from ksef_mock.qr.report import Cause, Check, Code, Report
from ksef_mock.qr.signature import PublicKey

if TYPE_CHECKING:
    from ksef_mock.system.system import System

#: Characters of a link's part that a reason repeats.
_SHOWN = 64


def unreadable(code: Code, reason: str) -> Report:
    """The report on a link that is none."""
    report = Report(code)
    report.failed(Check.LINK, Cause.MALFORMED, reason)
    report.skip_missing("the link cannot be read")
    return report


# -- KOD I


async def verify_invoice(system: System, link: InvoiceLink) -> Report:
    """Whether KSeF has the invoice of this seller, issued on this day, with this hash."""
    report = Report(Code.INVOICE)
    digest = base64_of(link.hash)
    if digest is None:
        explanation = await _other_writing(system, link)
        report.failed(
            Check.LINK,
            Cause.MALFORMED,
            f"{link.hash[:_SHOWN]!r} is no SHA-256 in Base64URL: 43 characters without padding",
            explanation,
        )
        report.skip_missing("the link cannot be read")
        return report
    report.passed(Check.LINK, f"the invoice of {link.seller[:_SHOWN]} of {link.date[:_SHOWN]}")
    known = await system.invoices.by_hash(digest)
    if not known:
        report.failed(Check.HASH, Cause.UNKNOWN_INVOICE, f"no invoice has the SHA-256 {digest}")
        report.skip_missing("there is no such invoice")
        return report
    invoice = max(known, key=lambda each: (_fits(each, link), each.acquired_at))
    content = invoice.content
    corrected = ", the technical correction of the file" if content.invoice_hash != digest else ""
    report.passed(Check.HASH, f"{content.ksef_number}{corrected}")
    if link.seller == content.seller.nip:
        report.passed(Check.SELLER, f"the seller is {link.seller}")
    else:
        reason = f"the seller is {content.seller.nip}, the link says {link.seller[:_SHOWN]!r}"
        report.failed(Check.SELLER, Cause.OTHER_SELLER, reason, _other_party(invoice, link))
    issued = _issue_date(invoice)
    if link.issue_date == issued:
        report.passed(Check.ISSUE_DATE, f"P_1 is {issued}")
    else:
        report.failed(
            Check.ISSUE_DATE,
            Cause.OTHER_DATE,
            f"P_1 is {issued:%d-%m-%Y}, the link says {link.date[:_SHOWN]!r}",
            _other_date(invoice, link),
        )
    if system.invoices.is_stored(invoice):
        report.passed(Check.STORAGE, f"stored at {iso(invoice.stored_at)}")
    else:
        reason = f"accepted, but not stored for good before {iso(invoice.stored_at)}"
        report.failed(Check.STORAGE, Cause.NOT_STORED, reason)
    if report.ok:
        report.invoice = invoice
    return report


def _fits(invoice: Invoice, link: InvoiceLink) -> bool:
    return invoice.content.seller.nip == link.seller and _issue_date(invoice) == link.issue_date


def _issue_date(invoice: Invoice) -> date:
    return to_datetime(invoice.issued_at).astimezone(warsaw()).date()


async def _other_writing(system: System, link: InvoiceLink) -> str | None:
    """How the hash is written instead, if the invoice is found when it is read so."""
    for octets, mistakes in signatures.writings(link.hash):
        found = len(octets) == 32 and mistakes and await system.invoices.by_hash(b64encode(octets).decode())
        if found:
            return "; and ".join(mistakes).replace("signature", "hash")
    return None


def _other_party(invoice: Invoice, link: InvoiceLink) -> str | None:
    parties = {party.value: part.value for part, party in invoice.parties}
    part = parties.get(link.seller)
    return None if part is None else f"{link.seller} is another party of this invoice ({part})"


def _other_date(invoice: Invoice, link: InvoiceLink) -> str | None:
    issued = _issue_date(invoice)
    writings = {f"{issued:{form}}": name for form, name in _DATES.items()}
    if link.date in writings:
        return f"the date is written as {writings[link.date]} instead of dd-MM-yyyy"
    moments = {"sent": invoice.invoiced_at, "accepted": invoice.acquired_at}
    for name, moment in moments.items():
        if to_datetime(moment).astimezone(warsaw()).date() == link.issue_date:
            return f"this is the day on which the invoice was {name}, not that of issue (P_1)"
    return None


_DATES = {
    "%Y-%m-%d": "yyyy-MM-dd",
    "%m-%d-%Y": "MM-dd-yyyy",
    "%d.%m.%Y": "dd.MM.yyyy",
    "%d%m%Y": "ddMMyyyy",
    "%Y%m%d": "yyyyMMdd",
    "%d-%m-%y": "dd-MM-yy",
}


# -- KOD II


async def verify_certificate(system: System, link: CertificateLink) -> Report:
    """Whether the holder of the certificate has signed the link, and may issue the seller's invoices."""
    report = Report(Code.CERTIFICATE)
    if not is_context_identifier(link.context):
        reason = f"{str(link.context)[:_SHOWN]!r} is no context: Nip, InternalId, NipVatUe or PeppolId"
        report.failed(Check.LINK, Cause.MALFORMED, reason)
        report.skip_missing("the link cannot be read")
        return report
    report.passed(Check.LINK, f"context {link.context}, seller {link.seller[:_SHOWN]}")
    certificate = await system.certificates.get(link.serial.upper())
    if certificate is None:
        report.failed(
            Check.CERTIFICATE,
            Cause.UNKNOWN_CERTIFICATE,
            f"no certificate has the serial number {link.serial[:_SHOWN]!r}",
            await _other_number(system, link.serial),
        )
        report.skip_missing("there is no such certificate")
        return report
    report.passed(Check.CERTIFICATE, f"{certificate.serial} of {certificate.subject}")
    await _judge_certificate(report, certificate, system)
    await _judge_signature(report, link, certificate, system)
    await _judge_rights(report, link, certificate, system)
    return report


async def _other_number(system: System, text: str) -> str | None:
    if len(text) == 36:
        enrollment = await system.certificates.enrollment(text)
        if enrollment is not None and enrollment.serial is not None:
            return (
                "this is the referenceNumber of the request for the certificate, "
                f"whose serial number is {enrollment.serial}"
            )
    bare = text.replace(":", "").replace(" ", "").upper()
    guesses = {bare.lstrip("0").rjust(16, "0"): "written otherwise than as 16 hex digits"}
    if text.isdecimal() and len(text) <= 20:
        guesses[f"{int(text):016X}"] = "written in decimal instead of hex"
    for serial, mistake in guesses.items():
        if await system.certificates.get(serial) is not None:
            return f"the serial number {serial} is {mistake}"
    return None


async def _judge_certificate(report: Report, certificate: KsefCertificate, system: System) -> None:
    now = system.clock.now()
    status = certificate.status(now)
    # Tests may revoke or suspend a certificate by its fingerprint too.
    entry = await system.revocations.entry_of(fingerprint_of(load_der_certificate(certificate.der)))
    if status is CertificateStatus.REVOKED:
        report.failed(Check.ACTIVE, Cause.REVOKED, f"revoked at {iso(certificate.revoked_at or now)}")
    elif status is CertificateStatus.EXPIRED:
        report.failed(Check.ACTIVE, Cause.EXPIRED, f"expired at {iso(certificate.valid_to)}")
    elif entry is not None:
        report.failed(Check.ACTIVE, Cause.REVOKED, f"it is {entry.status}")
    elif now < certificate.valid_from:
        report.failed(Check.ACTIVE, Cause.NOT_YET_VALID, f"valid from {iso(certificate.valid_from)} on")
    else:
        report.passed(Check.ACTIVE, f"valid until {iso(certificate.valid_to)}")
    if certificate.purpose is Purpose.OFFLINE:
        report.passed(Check.CERTIFICATE_TYPE, "Offline")
    else:
        report.failed(
            Check.CERTIFICATE_TYPE,
            Cause.NOT_OFFLINE,
            f"a certificate of type {certificate.purpose} is for logins; KOD II takes one of type Offline",
        )


async def _judge_signature(
    report: Report, link: CertificateLink, certificate: KsefCertificate, system: System
) -> None:
    others = {
        f"the key of the holder's certificate {other.serial} ({other.purpose}) was used": key
        for other in await system.certificates.of_subjects([certificate.subject])
        if other.serial != certificate.serial and (key := public_key(other.der)) is not None
    }
    key = public_key(certificate.der)
    texts = signed_texts(link, system.settings.profile)
    await asyncio.to_thread(judge_signature, report, link, key, texts, others)


def judge_signature(
    report: Report,
    link: CertificateLink,
    key: PublicKey | None,
    texts: Sequence[str],
    others: dict[str, PublicKey] | None = None,
) -> None:
    """Add the result of the signature. May take a moment where it does not hold."""
    if key is None:
        reason = "the certificate's key is neither RSA nor on an elliptic curve that can be read"
        report.failed(Check.SIGNATURE, Cause.WRONG_SIGNATURE, reason)
        return
    octets = base64url(link.signature)
    signed = None if octets is None else next((t for t in texts if signatures.holds(key, octets, t)), None)
    if octets is not None and signed is not None:
        report.passed(Check.SIGNATURE, f"{signatures.form_of(octets, key)}, of {signed}")
        return
    explanation = signatures.explain(key, link, texts, others or {})
    if octets is None:
        reason = "the signature is no Base64URL without padding"
        report.failed(Check.SIGNATURE, Cause.NOT_BASE64URL, reason, explanation)
    else:
        reason = f"it is no signature of {texts[0]}; {signatures.expectation(octets, key)}"
        report.failed(Check.SIGNATURE, Cause.WRONG_SIGNATURE, reason, explanation)


def judge_file(
    link: CertificateLink, certificate: Certificate, profile: ProfileName, moment: datetime
) -> Report:
    """What can be said of KOD II by the certificate's file alone."""
    report = Report(Code.CERTIFICATE)
    report.passed(Check.LINK, f"context {link.context}, seller {link.seller[:_SHOWN]}")
    serial = f"{certificate.serial_number:016X}"
    if link.serial.upper() == serial:
        report.passed(Check.CERTIFICATE, serial)
    else:
        reason = f"the link names {link.serial[:_SHOWN]!r}, the certificate's serial number is {serial}"
        report.failed(Check.CERTIFICATE, Cause.UNKNOWN_CERTIFICATE, reason)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if moment < begin:
        report.failed(Check.ACTIVE, Cause.NOT_YET_VALID, f"valid from {begin.isoformat()} on")
    elif moment > end:
        report.failed(Check.ACTIVE, Cause.EXPIRED, f"expired at {end.isoformat()}")
    else:
        report.passed(Check.ACTIVE, f"valid until {end.isoformat()}")
    key = certificate.public_key()
    known = key if isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)) else None
    judge_signature(report, link, known, signed_texts(link, profile))
    report.skip_missing("needs the mock that issued the certificate")
    return report


def public_key(der: bytes) -> PublicKey | None:
    """The key of a certificate; None: of no kind that KOD II knows."""
    key = load_der_certificate(der).public_key()
    return key if isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)) else None


def signed_texts(link: CertificateLink, profile: ProfileName) -> list[str]:
    """What may have been signed: the link as it was opened, and as it is made for the real host.

    Clients strip `https://` alone, so at a mock without TLS `http://` is part of the text.
    """
    real = link.at(HOSTS[profile]).text
    if link.address in HOSTS.values() or link.address == "":
        return [real]
    return [link.text, f"http://{link.text}", real]


async def _judge_rights(
    report: Report, link: CertificateLink, certificate: KsefCertificate, system: System
) -> None:
    holder, context, seller = certificate.subject, link.context, link.seller
    rights = _Rights(system)
    found = await rights.of_holder(holder, context)
    ground = await rights.of_context(holder, context, seller)
    explanation = None
    if found is None or ground is None:
        for other in _other_contexts(holder, seller):
            if other != context and await rights.both(holder, other, seller):
                explanation = (
                    f"the context in the path has to be {other.type}/{other.value}: "
                    f"there {holder} may issue invoices of {seller}"
                )
                break
    if found is None:
        reason = f"{holder} holds no right to issue invoices in {context}"
        report.failed(Check.HOLDER, Cause.NO_RIGHT, reason, explanation)
    else:
        report.passed(Check.HOLDER, found)
    if ground is None:
        reason = f"{context} may not issue invoices of {seller[:_SHOWN]}"
        report.failed(Check.CONTEXT, Cause.NO_RIGHT, reason, explanation)
    else:
        report.passed(Check.CONTEXT, ground)


def _other_contexts(holder: Identifier, seller: str) -> list[Identifier]:
    """Contexts that people mean when they write another one."""
    nips = dict.fromkeys((seller, *([holder.value] if holder.type == "Nip" else [])))
    return [each for each in (Identifier("Nip", nip) for nip in nips) if is_context_identifier(each)]


class _Rights:
    """As they are now: when an invoice was issued does not count (seen on TEST)."""

    def __init__(self, system: System) -> None:
        self._permissions = system.permissions
        self._service = RightsService(system.permissions, system.subjects, system.attachments, system.clock)

    async def of_holder(self, holder: Identifier, context: Identifier) -> str | None:
        """What lets the holder send invoices there; None: nothing."""
        operation = operation_at("POST", "/sessions/online")
        assert operation is not None
        actor = await self._actor(holder, context)
        if not actor.holds(*operation.any_of):
            return None
        return f"{holder} has {', '.join(actor.permissions)} in {context}"

    async def of_context(self, holder: Identifier, context: Identifier, seller: str) -> str | None:
        """Why the context may issue the seller's invoices; None: it may not."""
        rights = await self._service.of(await self._actor(holder, context))
        ground = rights.possible(seller)
        return None if ground is None else ground.value

    async def both(self, holder: Identifier, context: Identifier, seller: str) -> bool:
        """Whether neither is missing."""
        return (
            await self.of_holder(holder, context) is not None
            and await self.of_context(holder, context, seller) is not None
        )

    async def _actor(self, holder: Identifier, context: Identifier) -> Actor:
        decision = await self._permissions.admit(holder, context)
        return Actor(context, holder, frozenset([holder]), decision.permissions)
