"""KSeF certificates: requested with a CSR, issued by the mock's KSeF CA, revoked for good.

    request:      IN_PROGRESS --issue--> ISSUED      certificate:  ACTIVE --revoke--> REVOKED
                       `-------reject--> REJECTED                     `----expire--> EXPIRED

Sources: the descriptions and response tables of /certificates in the OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from enum import StrEnum

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from ksef_mock.clock import Clock, Instant, from_datetime, iso, to_datetime
from ksef_mock.core.bodies import invalid
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.references import Kind, new_reference
from ksef_mock.core.validation import at_most
from ksef_mock.core.waiting import Delay, Wait
from ksef_mock.crypto.authority import Validity
from ksef_mock.crypto.certificate import Certificate, load_der_certificate
from ksef_mock.crypto.pki import Pki, Purpose
from ksef_mock.crypto.subject_name import SubjectName
from ksef_mock.ksef.certificates.csr import check_csr
from ksef_mock.ksef.certificates.revocations import Revocations
from ksef_mock.ksef.limits.limits import Limits
from ksef_mock.state.paging import Page, members, page
from ksef_mock.state.store import Index, Insert, Store, Swap, Table, Write
from ksef_mock.state.update import committed, placed, update

VALID_FOR = timedelta(days=730)


class CertificateStatus(StrEnum):
    """OpenAPI: CertificateListItemStatus. `Blocked`, the way to `Revoked`, takes no time here."""

    ACTIVE = "Active"
    BLOCKED = "Blocked"
    REVOKED = "Revoked"
    EXPIRED = "Expired"


class KsefCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """An issued certificate."""

    #: 16 upper-case hex digits.
    serial: str
    name: str
    purpose: Purpose
    subject: Identifier
    common_name: str
    der: bytes
    requested_at: Instant
    valid_from: Instant
    valid_to: Instant
    last_used_at: Instant | None = None
    revoked_at: Instant | None = None

    def status(self, now: Instant) -> CertificateStatus:
        """What a list shows at the moment `now`."""
        if self.revoked_at is not None:
            return CertificateStatus.REVOKED
        return CertificateStatus.EXPIRED if now > self.valid_to else CertificateStatus.ACTIVE


class EnrollmentState(StrEnum):
    """Where a request stands."""

    IN_PROGRESS = "in progress"
    ISSUED = "issued"
    REJECTED = "rejected"


class Enrollment(msgspec.Struct, frozen=True, kw_only=True):
    """A request for a certificate."""

    reference: str
    name: str
    purpose: Purpose
    subject: Identifier
    #: SubjectPublicKeyInfo, DER.
    public_key: bytes
    subject_name: SubjectName
    requested_at: Instant
    valid_from: Instant
    #: It is decided when this is over.
    wait: Wait
    state: EnrollmentState = EnrollmentState.IN_PROGRESS
    serial: str | None = None
    #: Why it was rejected, as documented with status 400.
    detail: str | None = None


class Event(StrEnum):
    """What can happen to a request."""

    ISSUE = "issue"
    REJECT = "reject"


_TRANSITIONS: dict[tuple[EnrollmentState, Event], EnrollmentState] = {
    (EnrollmentState.IN_PROGRESS, Event.ISSUE): EnrollmentState.ISSUED,
    (EnrollmentState.IN_PROGRESS, Event.REJECT): EnrollmentState.REJECTED,
}


def is_undecided(enrollment: Enrollment) -> bool:
    """Whether anything can still happen to the request."""
    return any(state is enrollment.state for state, _ in _TRANSITIONS)


def is_due(enrollment: Enrollment, now: Instant) -> bool:
    """Whether the request is to be decided now."""
    return is_undecided(enrollment) and enrollment.wait.is_over(now)


def poll(enrollment: Enrollment, now: Instant) -> Enrollment:
    """What a status poll leaves: one that finds the request undecided uses up one of the wait's polls."""
    polled = enrollment.wait.polled(now) if is_undecided(enrollment) else enrollment.wait
    return enrollment if polled is enrollment.wait else msgspec.structs.replace(enrollment, wait=polled)


def decide(enrollment: Enrollment, *, serial: str | None = None, detail: str | None = None) -> Enrollment:
    """The request decided: the certificate `serial` is issued, or none for the reason `detail`."""
    target = _TRANSITIONS[enrollment.state, Event.REJECT if serial is None else Event.ISSUE]
    return msgspec.structs.replace(enrollment, state=target, serial=serial, detail=detail)


class KeyHolder(msgspec.Struct, frozen=True):
    """Whose a certified public key is."""

    subject: Identifier


class Holder(msgspec.Struct, frozen=True):
    """How often what a subject has (requests, certificates) has changed."""

    changes: int


CERTIFICATES: Table[KsefCertificate] = Table("ksef-certificate", KsefCertificate)
ENROLLMENTS: Table[Enrollment] = Table("enrollment", Enrollment)
_KEY_HOLDERS: Table[KeyHolder] = Table("certified-key", KeyHolder)
_HOLDERS: Table[Holder] = Table("certificate-holder", Holder)

_KEY_TAKEN = "Klucz publiczny został już certyfikowany przez inny podmiot."
_TOO_MANY = "Osiągnięto dopuszczalny limit posiadanych certyfikatów."


class Certificates:
    """The KSeF certificates of one mock, and the requests for them."""

    def __init__(
        self, store: Store, clock: Clock, pki: Pki, revocations: Revocations, limits: Limits, delay: Delay
    ) -> None:
        self._store = store
        self._clock = clock
        self._pki = pki
        self._revocations = revocations
        self._limits = limits
        self._delay = delay
        self._check_csr = check_csr

    async def enrollments_left(self, subject: Identifier) -> tuple[int, int]:
        """How many requests the subject may still make, and how many it may make in all."""
        limit = (await self._limits.of_subject(subject)).enrollment.max_enrollments
        return max(0, limit - len(await members(self._store, _enrollments_of(subject)))), limit

    async def certificates_left(self, subject: Identifier) -> tuple[int, int]:
        """How many valid certificates the subject may still have, and how many it may have in all."""
        limit = (await self._limits.of_subject(subject)).certificate.max_certificates
        now = self._clock.now()
        held = [each for each in await self.of_subjects([subject]) if each.status(now) is _ACTIVE]
        return max(0, limit - len(held)), limit

    async def enroll(
        self,
        subject: Identifier,
        subject_name: SubjectName,
        csr: bytes,
        name: str,
        purpose: Purpose,
        valid_from: Instant | None,
    ) -> Enrollment:
        """Take a request.

        Args:
            csr: PKCS#10 in DER.
            valid_from: from now on unless later.

        Raises:
            BadRequest: 25003 (subject), 25004 (format, signature), 25006, 25007 (limits), 25010 (key),
                25011 (signature algorithm).
        """
        public_key = self._check_csr(csr, subject_name)
        now = self._clock.now()
        enrollment = Enrollment(
            reference=new_reference(Kind.ENROLLMENT, now),
            name=name,
            purpose=purpose,
            subject=subject,
            public_key=public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            subject_name=subject_name,
            requested_at=now,
            valid_from=max(now, valid_from or now),
            wait=self._delay.begin(now),
        )

        async def taken() -> tuple[Enrollment, Sequence[Write]]:
            unchanged = await self._unchanged(subject)
            if (await self.enrollments_left(subject))[0] == 0:
                raise BadRequest(Code.ENROLLMENT_LIMIT)
            if (await self.certificates_left(subject))[0] == 0:
                raise BadRequest(Code.CERTIFICATE_LIMIT)
            return enrollment, (
                unchanged,
                Insert(ENROLLMENTS, enrollment.reference, enrollment, None),
                Index(_enrollments_of(subject), enrollment.reference, now, None),
            )

        return await self._settled(await committed(self._store, taken), public_key)

    async def poll(self, reference: str) -> Enrollment | None:
        """What a status poll sees; None if there is no such request."""
        enrollment = await self._store.get(ENROLLMENTS, reference)
        if enrollment is None:
            return None
        settled = await self._settled(enrollment)
        await update(
            self._store, ENROLLMENTS, reference, lambda found: poll(found, self._clock.now()), known=settled
        )
        return settled

    async def enrollment(self, reference: str) -> Enrollment | None:
        """A request as it stands, without a poll of its status."""
        found = await self._store.get(ENROLLMENTS, reference)
        return None if found is None else await self._settled(found)

    async def get(self, serial: str) -> KsefCertificate | None:
        """The certificate with this serial number."""
        return await self._store.get(CERTIFICATES, serial)

    async def keep(self, certificate: Certificate, purpose: Purpose, subject: Identifier) -> None:
        """Know a certificate that the mock's CA has issued without anybody's request."""
        kept = KsefCertificate(
            serial=f"{certificate.serial_number:016X}",
            name="",
            purpose=purpose,
            subject=subject,
            common_name="",
            der=certificate.public_bytes(Encoding.DER),
            requested_at=self._clock.now(),
            valid_from=from_datetime(certificate.not_valid_before_utc),
            valid_to=from_datetime(certificate.not_valid_after_utc),
        )
        await self._store.commit(*_insertion(kept))

    async def of_anybody(self, size: int, continuation: str | None) -> Page[KsefCertificate]:
        """A page of all certificates, the latest request first; for people, not for clients.

        Raises:
            BadRequest: 21418, the continuation token is not one of ours.
        """
        return await page(self._store, _ALL, size, continuation, self.get)

    async def of_subjects(self, subjects: Iterable[Identifier]) -> list[KsefCertificate]:
        """Every certificate of these identifiers, the latest request first."""
        found: list[KsefCertificate] = []
        for subject in subjects:
            for reference in await members(self._store, _enrollments_of(subject)):
                enrollment = await self._store.get(ENROLLMENTS, reference)
                if enrollment is not None:
                    serial = (await self._settled(enrollment)).serial
                    certificate = await self.get(serial) if serial else None
                    found += [certificate] if certificate else []
        return sorted(found, key=lambda each: each.requested_at, reverse=True)

    async def revoke(self, certificate: KsefCertificate) -> None:
        """Revoke: from now on logins with it end in status 460.

        Raises:
            BadRequest: 25009, it is revoked already, or has expired.
        """
        now = self._clock.now()
        issued = load_der_certificate(certificate.der)

        async def revoked() -> tuple[None, Sequence[Write]]:
            # As it is by then: somebody else may have revoked it, or only used it for a login.
            present = await self.get(certificate.serial)
            if present is None or present.status(now) is not _ACTIVE:
                raise BadRequest(Code.CERTIFICATE_NOT_ACTIVE, reason=f"certificate {certificate.serial}")
            following = msgspec.structs.replace(present, revoked_at=now)
            return None, (
                Swap(CERTIFICATES, present.serial, present, following, None),
                *await self._revocations.revocation(issued),
            )

        await committed(self._store, revoked)

    async def holder_of(self, certificate: Certificate) -> Identifier | None:
        """Who enrolled a certificate; None if it was not issued here on anybody's request."""
        known = await self._store.get(CERTIFICATES, f"{certificate.serial_number:016X}")
        if known is None or known.der != certificate.public_bytes(Encoding.DER):
            return None
        return known.subject

    async def shorten(self, certificate: KsefCertificate, valid_to: Instant) -> None:
        """Let it expire at `valid_to`, which may be over: from then on logins with it end in status 460.

        Its DER stays as it is.

        Raises:
            BadRequest: 21405, that would be later than now.
        """
        issued = load_der_certificate(certificate.der)

        async def shortened() -> tuple[None, Sequence[Write]]:
            present = await self.get(certificate.serial) or certificate
            if valid_to > present.valid_to:
                raise invalid("validTo", at_most(iso(present.valid_to)))
            following = msgspec.structs.replace(present, valid_to=valid_to)
            return None, (
                Swap(CERTIFICATES, present.serial, present, following, None),
                await self._revocations.shortening(issued, valid_to),
            )

        await committed(self._store, shortened)

    async def used(self, certificate: Certificate) -> None:
        """Note that somebody logged in with a certificate just now, if it was issued here."""
        der = certificate.public_bytes(Encoding.DER)

        def noted(known: KsefCertificate) -> KsefCertificate:
            if known.der != der:
                return known
            return msgspec.structs.replace(known, last_used_at=self._clock.now())

        await update(self._store, CERTIFICATES, f"{certificate.serial_number:016X}", noted)

    async def _settled(
        self, enrollment: Enrollment, public_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey | None = None
    ) -> Enrollment:
        """Issue the certificate if its time has come, or reject the request; of concurrent polls one does."""
        certificate: KsefCertificate | None = None
        found: Enrollment | None = enrollment

        async def settled() -> tuple[Enrollment, Sequence[Write]]:
            nonlocal certificate, found
            present = found or await self._store.get(ENROLLMENTS, enrollment.reference)
            found = None
            # None: forgotten by a reset meanwhile.
            if present is None or not is_due(present, self._clock.now()):
                return present or enrollment, ()
            writes: list[Write] = [await self._unchanged(present.subject)]
            holder, key = KeyHolder(present.subject), present.public_key.hex()
            known = await self._store.get(_KEY_HOLDERS, key)
            detail = _KEY_TAKEN if known not in (None, holder) else await self._objection(present)
            if detail is None:
                certificate = certificate or self._issue(present, public_key or _load_key(present.public_key))
                done = decide(present, serial=certificate.serial)
                writes += _insertion(certificate)
                if known is None:
                    writes.append(Insert(_KEY_HOLDERS, key, holder, None))
            else:
                done = decide(present, detail=detail)
            writes.append(Swap(ENROLLMENTS, present.reference, present, done, None))
            return done, writes

        return await committed(self._store, settled)

    async def _unchanged(self, subject: Identifier) -> Write:
        """For a commit: nobody has enrolled or got a certificate as this subject since this was called.

        So limits that were looked at hold when it is made.
        """
        known = await self._store.get(_HOLDERS, str(subject))
        return placed(_HOLDERS, str(subject), known, Holder(1 if known is None else known.changes + 1), None)

    async def _objection(self, enrollment: Enrollment) -> str | None:
        limit = (await self._limits.of_subject(enrollment.subject)).certificate.max_certificates
        now = self._clock.now()
        held = 0
        for reference in await members(self._store, _enrollments_of(enrollment.subject)):
            other = await self._store.get(ENROLLMENTS, reference)
            certificate = await self.get(other.serial) if other and other.serial else None
            held += certificate is not None and certificate.status(now) is _ACTIVE
        return _TOO_MANY if held >= limit else None

    def _issue(
        self, enrollment: Enrollment, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
    ) -> KsefCertificate:
        begin = to_datetime(enrollment.valid_from).replace(microsecond=0)
        issued = self._pki.ksef_certificate(
            enrollment.subject_name.to_name(),
            key,
            enrollment.purpose,
            validity=Validity(begin, begin + VALID_FOR),
        )
        return KsefCertificate(
            serial=f"{issued.serial_number:016X}",
            name=enrollment.name,
            purpose=enrollment.purpose,
            subject=enrollment.subject,
            common_name=enrollment.subject_name.common_name,
            der=issued.public_bytes(Encoding.DER),
            requested_at=enrollment.requested_at,
            valid_from=from_datetime(issued.not_valid_before_utc),
            valid_to=from_datetime(issued.not_valid_after_utc),
        )


_ACTIVE = CertificateStatus.ACTIVE
#: Index of all certificates.
_ALL = "ksef-certificates"


def _insertion(certificate: KsefCertificate) -> list[Write]:
    return [
        Insert(CERTIFICATES, certificate.serial, certificate, None),
        Index(_ALL, certificate.serial, certificate.requested_at, None),
    ]


def _load_key(spki: bytes) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    key = load_der_public_key(spki)
    assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    return key


def _enrollments_of(subject: Identifier) -> str:
    return f"enrollments:{subject}"
