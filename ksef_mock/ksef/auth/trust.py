"""Whether a signing certificate is trusted, and which authentication method that makes.

Sources: the documented differences between the environments (self-signed certificates on TEST only, a chain
and its status on the others) and OpenAPI /auth/xades-signature, `verifyCertificateChain`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509

from ksef_mock.clock import Instant, from_datetime, iso
from ksef_mock.core.codes import Code, Status, StatusDetail, Verdict
from ksef_mock.core.methods import AuthenticationMethod
from ksef_mock.crypto.certificate import Certificate
from ksef_mock.crypto.chain import (
    MALFORMED,
    BrokenChain,
    Chain,
    NoChain,
    build_chain,
    extension_of,
    is_self_issued,
)
from ksef_mock.crypto.pki import Pki, Purpose, Role, role_of
from ksef_mock.crypto.qualified import QcType, qc_type_of
from ksef_mock.ksef.certificates.revocations import Revocations, Withdrawal
from ksef_mock.xades.identity import SignerKind, kind_of
from ksef_mock.xades.report import Cause, Check, CheckResult, Consequence, Refusal, failed, passed


class CertificateKind(StrEnum):
    """What kind of certificate it is, as far as its chain proves it."""

    QUALIFIED_SIGNATURE = "qualified certificate for signatures"
    QUALIFIED_SEAL = "qualified certificate for seals"
    TRUSTED_PROFILE = "Trusted Profile certificate"
    KSEF = "KSeF certificate"
    SELF_SIGNED = "self-signed certificate"
    UNKNOWN = "certificate of no known kind"


_METHODS = {
    CertificateKind.QUALIFIED_SIGNATURE: AuthenticationMethod.QUALIFIED_SIGNATURE,
    CertificateKind.QUALIFIED_SEAL: AuthenticationMethod.QUALIFIED_SEAL,
    CertificateKind.TRUSTED_PROFILE: AuthenticationMethod.TRUSTED_PROFILE,
    CertificateKind.KSEF: AuthenticationMethod.INTERNAL_CERTIFICATE,
}

_QUALIFIED = {
    QcType.SIGNATURE: CertificateKind.QUALIFIED_SIGNATURE,
    QcType.SEAL: CertificateKind.QUALIFIED_SEAL,
}

_WITHDRAWAL_CAUSES = {Withdrawal.REVOKED: Cause.REVOKED, Withdrawal.SUSPENDED: Cause.SUSPENDED}

#: What status 460 says of each cause (OpenAPI).
_DETAILS = {
    Cause.EXPIRED: StatusDetail.CERTIFICATE_EXPIRED,
    Cause.NOT_YET_VALID: StatusDetail.CERTIFICATE_EXPIRED,
    Cause.REVOKED: StatusDetail.CERTIFICATE_REVOKED,
    Cause.SUSPENDED: StatusDetail.CERTIFICATE_SUSPENDED,
    Cause.ISSUER_SILENT: StatusDetail.CERTIFICATE_CHAIN_ERROR,
    Cause.BROKEN_CHAIN: StatusDetail.CERTIFICATE_CHAIN_ERROR,
    Cause.UNTRUSTED: StatusDetail.CERTIFICATE_UNTRUSTED,
    Cause.WRONG_PURPOSE: StatusDetail.CERTIFICATE_INVALID,
    Cause.UNUSABLE_CERTIFICATE: StatusDetail.CERTIFICATE_INVALID,
}

#: Seconds of the mock's clock until an issuer that does not answer is given up.
_ISSUER_TIMEOUT = 15.0


class TrustRefused(Exception):
    """The certificate is not accepted; the message says why. `delay`: seconds until that is found out."""

    def __init__(self, cause: Cause, reason: str, delay: float = 0.0) -> None:
        super().__init__(reason)
        self.cause = cause
        self.reason = reason
        self.delay = delay


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """What an environment asks of a certificate."""

    #: False on TEST: whoever made the certificate, it is accepted.
    requires_chain: bool
    #: Seconds of the mock's clock that an issuer takes to tell a qualified certificate's status.
    status_delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Trust:
    """What is known of a certificate, and the result for the report."""

    kind: CertificateKind
    method: AuthenticationMethod
    result: CheckResult
    #: Seconds that the operation stays at 100 while the issuer is asked.
    delay: float = 0.0

    @property
    def verdict(self) -> Verdict | None:
        """How the operation ends because of the certificate; None if that is good, or refused at once."""
        consequence = self.result.consequence
        return consequence if isinstance(consequence, Verdict) else None


class TrustService:
    """Judges signing certificates for one mock: its own CAs, the extra anchors, the revocation registry."""

    def __init__(
        self,
        pki: Pki,
        revocations: Revocations,
        policy: TrustPolicy,
        extra_anchors: Sequence[Certificate] = (),
    ) -> None:
        self._pki = pki
        self._revocations = revocations
        self._policy = policy
        self._extra_anchors = tuple(extra_anchors)

    async def judge(
        self,
        certificate: Certificate,
        intermediates: Sequence[Certificate] = (),
        *,
        at: Instant,
        verify_chain: bool = False,
        issuer_answers: Callable[[], Awaitable[bool]] | None = None,
    ) -> Trust:
        """What the check "certificate type" says of a signing certificate.

        The registry is asked in every environment: whatever is entered there was put there on purpose; but
        where the issuer has to be asked and does not answer, nobody knows what it would have said.

        Args:
            intermediates: the other certificates of the document's KeyInfo, in any order.
            at: the moment at which everything must be valid.
            verify_chain: the request's `verifyCertificateChain`; makes TEST as strict as the others.
            issuer_answers: called if the issuer has to be asked: whether it tells the status.
        """
        try:
            return await self._judge(certificate, intermediates, at, verify_chain, issuer_answers)
        except MALFORMED as error:
            malformed = TrustRefused(Cause.UNUSABLE_CERTIFICATE, f"a certificate is malformed: {error}")
            return self._refused(CertificateKind.UNKNOWN, AuthenticationMethod.QUALIFIED_SIGNATURE, malformed)

    async def _judge(
        self,
        certificate: Certificate,
        intermediates: Sequence[Certificate],
        at: Instant,
        verify_chain: bool,
        issuer_answers: Callable[[], Awaitable[bool]] | None,
    ) -> Trust:
        anchors: list[Certificate] = [authority.certificate for authority in self._pki.authorities.values()]
        anchors += self._extra_anchors
        chain: Chain | NoChain
        try:
            chain = build_chain(certificate, intermediates, anchors, at)
        except NoChain as missing:
            chain = missing.with_traceback(None)  # which would hold on to this frame, and it to the error
        kind = _kind_of(certificate, chain)
        method = _method_of(kind, certificate.subject)
        strict = self._policy.requires_chain or verify_chain
        asks_issuer = strict and kind in _QUALIFIED.values()
        try:
            if self._policy.requires_chain:
                # Refused at once, and so before whatever the asynchronous operation would find out.
                _require_vouched(chain)
            _require_valid(certificate, at)
            if kind is CertificateKind.KSEF:
                await self._require_not_expired(certificate, at)
            _require_purpose(certificate, kind)
            if asks_issuer and issuer_answers is not None and not await issuer_answers():
                raise TrustRefused(
                    Cause.ISSUER_SILENT,
                    "the issuer did not tell whether the certificate is revoked: OCSP does not answer",
                    _ISSUER_TIMEOUT,
                )
            await self._require_not_withdrawn(certificate)
            if strict:
                _require_trusted(kind, chain)
        except TrustRefused as refused:
            return self._refused(kind, method, refused)
        result = passed(Check.CERTIFICATE_TYPE, _describe(kind, chain))
        return Trust(kind, method, result, self._policy.status_delay if asks_issuer else 0.0)

    def _refused(self, kind: CertificateKind, method: AuthenticationMethod, refused: TrustRefused) -> Trust:
        consequence: Consequence = Verdict(Status.CERTIFICATE_ERROR, _DETAILS[refused.cause])
        # Recorded on DEMO and PRD; where TEST is only asked to verify the chain, the status says it.
        if refused.cause is Cause.UNTRUSTED and self._policy.requires_chain:
            consequence = Refusal(Code.INVALID_CERTIFICATE)
        result = failed(Check.CERTIFICATE_TYPE, refused.cause, refused.reason, consequence)
        return Trust(kind, method, result, refused.delay)

    async def _require_not_expired(self, certificate: Certificate, at: Instant) -> None:
        end = await self._revocations.expires_at(certificate)
        if end is not None and at > end:
            raise TrustRefused(Cause.EXPIRED, f"the certificate was made to expire at {iso(end)}")

    async def _require_not_withdrawn(self, certificate: Certificate) -> None:
        entry = await self._revocations.entry(certificate)
        if entry is not None:
            raise TrustRefused(
                _WITHDRAWAL_CAUSES[entry.status], f"the certificate was {entry.status} at {iso(entry.at)}"
            )


def _require_valid(certificate: Certificate, at: Instant) -> None:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if at < from_datetime(begin):
        raise TrustRefused(Cause.NOT_YET_VALID, f"the certificate is valid only from {begin.isoformat()}")
    if at > from_datetime(end):
        raise TrustRefused(Cause.EXPIRED, f"the certificate expired at {end.isoformat()}")


def _require_purpose(certificate: Certificate, kind: CertificateKind) -> None:
    usage = extension_of(certificate, x509.KeyUsage)
    if kind is CertificateKind.KSEF and (usage is None or not usage.digital_signature):
        raise TrustRefused(
            Cause.WRONG_PURPOSE,
            f"a KSeF certificate of type {Purpose.OFFLINE} (no digitalSignature in keyUsage) cannot log in",
        )
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise TrustRefused(Cause.WRONG_PURPOSE, "keyUsage has neither digitalSignature nor nonRepudiation")


def _require_vouched(chain: Chain | NoChain) -> None:
    if isinstance(chain, NoChain) and not isinstance(chain, BrokenChain):
        raise TrustRefused(Cause.UNTRUSTED, str(chain))


def _require_trusted(kind: CertificateKind, chain: Chain | NoChain) -> None:
    if isinstance(chain, BrokenChain):
        raise TrustRefused(Cause.BROKEN_CHAIN, str(chain))
    _require_vouched(chain)
    assert isinstance(chain, Chain)
    role = role_of(chain.anchor)
    if kind is CertificateKind.UNKNOWN and role is not None:
        raise TrustRefused(
            Cause.WRONG_PURPOSE,
            f"issued by a {role}, but without the QCStatements of a qualified certificate",
        )


def _kind_of(certificate: Certificate, chain: Chain | NoChain) -> CertificateKind:
    if isinstance(chain, Chain):
        role = role_of(chain.anchor)
        if role is Role.KSEF:
            return CertificateKind.KSEF
        if role is Role.TRUSTED_PROFILE:
            return CertificateKind.TRUSTED_PROFILE
        qc_type = qc_type_of(certificate)
        if qc_type is not None:
            return _QUALIFIED[qc_type]
    return CertificateKind.SELF_SIGNED if is_self_issued(certificate) else CertificateKind.UNKNOWN


def _method_of(kind: CertificateKind, subject: x509.Name) -> AuthenticationMethod:
    signer = kind_of(subject)
    if signer is SignerKind.PROVIDER and kind is not CertificateKind.KSEF:
        return AuthenticationMethod.PEPPOL_SIGNATURE
    # A certificate that nobody vouches for counts as the qualified one that it stands in for.
    seal = signer is SignerKind.SEAL
    default = AuthenticationMethod.QUALIFIED_SEAL if seal else AuthenticationMethod.QUALIFIED_SIGNATURE
    return _METHODS.get(kind, default)


def _describe(kind: CertificateKind, chain: Chain | NoChain) -> str:
    return f"{kind}: {chain}" if isinstance(chain, Chain) else f"{kind}; accepted without a chain: {chain}"
