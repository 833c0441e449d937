"""The login with a signed AuthTokenRequest: the report of the verification decides how it ends.

A document that cannot be accepted as such is refused at once (400). What is wrong with the signer (a
certificate that is not valid or not trusted, no permission, a blocked context) is found out by the
asynchronous operation: the call answers 202 and the status turns to 460, 415, 470 or 480.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from lxml import etree

from ksef_mock.clock import Clock, Instant
from ksef_mock.core.codes import SUCCESS, Code, Verdict
from ksef_mock.core.environment import Profile
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.exchange import Exchange, Outcome
from ksef_mock.crypto.subject_name import SubjectAttributes, SubjectName
from ksef_mock.ksef.auth.challenge import Challenge, Challenges
from ksef_mock.ksef.auth.faulted import faulted
from ksef_mock.ksef.auth.operation import Operation
from ksef_mock.ksef.auth.operations import Operations
from ksef_mock.ksef.auth.trust import CertificateKind, Trust, TrustService
from ksef_mock.ksef.certificates.certificates import Certificates
from ksef_mock.ksef.peppol.providers import Provider, Providers
from ksef_mock.ksef.permissions.permissions import Permissions
from ksef_mock.trail.faults import Faults
from ksef_mock.xades import Cause, Check, Reading, Refusal, Report, failed, passed, read, verify
from ksef_mock.xades import Outcome as Found
from ksef_mock.xades.identity import Signer, identify
from ksef_mock.xades.parsing import canonical_work

#: In octets; signed logins are 3,000 to 15,000 long.
_ORDINARY_SIZE = 32_768
#: `canonical_work`; that of an ordinary login is 10,000.
_ORDINARY_WORK = 10**6
#: Documents that are looked at in threads at the same time; others wait their turn.
_THREADS = 2

#: Of the octets that were hashed people are shown this many.
_SHOWN = 16_384

_OUTCOMES = {Found.PASSED: Outcome.PASSED, Found.FAILED: Outcome.FAILED, Found.SKIPPED: Outcome.NOTED}


@dataclass(frozen=True, slots=True)
class XadesLogin:
    """A POST /auth/xades-signature."""

    document: bytes
    #: `verifyCertificateChain`: TEST asks for a chain only if told to.
    verify_chain: bool
    #: `X-KSeF-Feature: enforce-xades-compliance`.
    enforce_xades: bool


_LXML_WARNING = (
    "[ksef-mock]: KSeF answers 9105: SignedInfo was canonicalised by lxml where it stands (false xmlns)"
)


class XadesAuthenticator:
    """Turns a signed request into an authentication operation."""

    def __init__(
        self,
        clock: Clock,
        profile: Profile,
        challenges: Challenges,
        trust: TrustService,
        permissions: Permissions,
        certificates: Certificates,
        operations: Operations,
        providers: Providers,
        faults: Faults,
    ) -> None:
        self._clock = clock
        self._profile = profile
        self._challenges = challenges
        self._trust = trust
        self._permissions = permissions
        self._certificates = certificates
        self._operations = operations
        self._providers = providers
        self._faults = faults
        # Apart from the threads of stores, keys and snapshots: those must not wait for a stranger's document.
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="ksef-mock-xades")
        self._read_and_verify = read_and_verify
        self._identify = identify

    async def submit(self, login: XadesLogin, exchange: Exchange) -> Operation:
        """Start the operation; the challenge is spent only if this succeeds.

        Raises:
            BadRequest: the code and details of the report's first failed check, if that is a refusal.
        """
        reading, report = await self._verify(login.document, login.enforce_xades)
        if reading.request is not None:
            exchange.about(reading.request.challenge, reading.request.context)
        challenge, unusable = await self._find_challenge(reading)
        if unusable is not None:
            report.record(
                failed(Check.CHALLENGE, Cause.CHALLENGE, unusable.reason, Refusal(Code.INVALID_CHALLENGE))
            )
        elif challenge is not None:
            report.record(passed(Check.CHALLENGE, f"issued to {challenge.client_ip}"))
        trust, signer = await self._judge_signer(
            reading, report, login.verify_chain, lambda: self._faults.issuer_answers(exchange)
        )
        permissions = await self._judge_permission(reading, report, signer)
        self._judge_address(reading, report, exchange.client_ip)
        _write_trail(report, exchange)

        verdict = _verdict(report)
        # No check up to the certificate has failed: whatever they look for is there.
        assert reading.request is not None
        assert challenge is not None
        assert report.certificate is not None
        assert trust is not None
        assert signer is not None
        operation = self._operations.prepare(
            method=trust.method,
            context=reading.request.context,
            subject=signer.identifier,
            permissions=permissions,
            allowed_ips=reading.request.allowed_ips,
            signer=SubjectName.of(report.certificate.subject),
            details=SubjectAttributes.of(report.certificate.subject),
            request_digest=hashlib.sha256(login.document).digest(),
            verdict=verdict,
            extra_delay=trust.delay,
        )
        operation = await faulted(operation, self._faults, exchange)
        spent = self._challenges.spend(challenge, operation.reference)
        operation = await self._operations.start(operation, spent)
        if operation.verdict == SUCCESS:
            await self._note_success(report, trust, signer)
        warning = self._profile.plain_signature_warning
        if warning is not None and not report.facts.is_xades:
            exchange.warnings.append(warning)
        if report.facts.has_lxml_octets:
            # Nothing that a client should get used to: it is told, and so is whoever runs the mock.
            exchange.warnings.append(_LXML_WARNING)
            exchange.failed(Check.SIGNATURE_VALUE, _LXML_WARNING)
        return operation

    async def _note_success(self, report: Report, trust: Trust, signer: Signer | None) -> None:
        assert report.certificate is not None
        if trust.kind is CertificateKind.KSEF:
            await self._certificates.used(report.certificate)
        if signer is not None and signer.identifier.type == "PeppolId":
            # The official clients' tests: a provider is registered by its first login.
            organization = SubjectAttributes.of(report.certificate.subject).organization_name
            provider = Provider(signer.identifier.value, organization or signer.name, self._clock.now())
            await self._providers.register(provider)

    async def _verify(self, document: bytes, enforce_xades: bool) -> tuple[Reading, Report]:
        at = self._clock.now()
        # An ordinary document takes less time than the way to another thread; one that was blown up, and the
        # search for the explanation of a failure, must not keep everybody else waiting.
        if len(document) <= _ORDINARY_SIZE and canonical_work(document) <= _ORDINARY_WORK:
            reading, report = self._read_and_verify(document, at, self._profile, enforce_xades, False)
            if report.ok:
                return reading, report
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, self._read_and_verify, document, at, self._profile, enforce_xades, True
        )

    def close(self) -> None:
        """Look at no document any more; what is under way ends with its budget."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _find_challenge(self, reading: Reading) -> tuple[Challenge | None, BadRequest | None]:
        if reading.request is None:
            return None, None
        try:
            return await self._challenges.find(reading.request.challenge), None
        except BadRequest as refusal:
            return None, refusal

    async def _judge_signer(
        self,
        reading: Reading,
        report: Report,
        verify_chain: bool,
        issuer_answers: Callable[[], Awaitable[bool]],
    ) -> tuple[Trust | None, Signer | None]:
        if report.certificate is None:
            return None, None
        trust = await self._trust.judge(
            report.certificate,
            report.other_certificates,
            at=self._clock.now(),
            verify_chain=verify_chain,
            issuer_answers=issuer_answers,
        )
        report.record(trust.result)
        if reading.request is None:
            return trust, None
        is_own = trust.kind is CertificateKind.KSEF
        enrolled_by = await self._certificates.holder_of(report.certificate) if is_own else None
        identification = self._identify(
            report.certificate,
            reading.request.subject_identifier_type,
            reading.request.context,
            enrolled_by,
        )
        for result in identification.results:
            report.record(result)
        return trust, identification.signer

    async def _judge_permission(
        self, reading: Reading, report: Report, signer: Signer | None
    ) -> tuple[str, ...]:
        if reading.request is None or signer is None:
            return ()
        decision = await self._permissions.admit(signer.identifier, reading.request.context)
        report.record(
            passed(Check.PERMISSION, decision.reason)
            if decision.verdict == SUCCESS
            else failed(Check.PERMISSION, Cause.PERMISSION, decision.reason, decision.verdict)
        )
        return decision.permissions

    def _judge_address(self, reading: Reading, report: Report, client_ip: str) -> None:
        # The policy speaks of the access token's use; that the login itself comes from elsewhere is no fault.
        if reading.request is None:
            return
        policy = reading.request.allowed_ips
        if policy is None:
            report.record(passed(Check.IP_POLICY, "none"))
        elif policy.admits(client_ip):
            report.record(passed(Check.IP_POLICY, f"admits {client_ip}"))
        else:
            report.record(
                passed(Check.IP_POLICY, f"does not admit {client_ip}: its access tokens will be refused here")
            )


def read_and_verify(
    document: bytes, at: Instant, profile: Profile, enforce_xades: bool, explain: bool
) -> tuple[Reading, Report]:
    """What the document says, and the report on everything that it alone can settle, by a profile's rules.

    `enforce_xades`: whatever the profile says. `explain`: as in `ksef_mock.xades.verify`.
    """
    reading = read(document)
    report = verify(
        reading,
        at=at,
        enforce_xades=enforce_xades or profile.enforces_xades,
        allow_sha1=profile.allows_sha1,
        allow_lxml_octets=profile.takes_lxml_octets,
        explain=explain,
    )
    # libxml2's complaints, with what they complain of, would stay in a log of this thread.
    etree.clear_error_log()
    return reading, report


def _verdict(report: Report) -> Verdict:
    """How the operation ends.

    Raises:
        BadRequest: it does not begin.
    """
    failure = report.failure
    if failure is None:
        return SUCCESS
    consequence = failure.consequence
    assert consequence is not None
    if isinstance(consequence, Verdict):
        return consequence
    why = f"{failure.check}: {failure.reason}"
    if failure.explanation:
        why = f"{why} ({failure.explanation})"
    raise BadRequest(consequence.code, *consequence.details, reason=why)


def _write_trail(report: Report, exchange: Exchange) -> None:
    for result in report.results:
        reason = f"{result.reason} ({result.explanation})" if result.explanation else result.reason
        exchange.decisions.append((result.check.value, _OUTCOMES[result.outcome], reason))
    facts = facts_of(report)
    exchange.facts.xades, exchange.facts.hashed = facts["xades"], facts["hashed"]


def facts_of(report: Report) -> dict[str, Any]:
    """What is known of a report: `xades`, itself, and `hashed`, what was. (The journal cuts both further.)"""
    hashed = [
        {"name": name, "length": len(octets), "octets": octets[:_SHOWN]} for name, octets in _hashed(report)
    ]
    return {"xades": report.to_dict(), "hashed": hashed}


def _hashed(report: Report) -> Iterator[tuple[str, bytes]]:
    for reference in report.facts.references:
        if reference.octets is not None:
            yield f"reference {reference.uri!r}", reference.octets
    if report.facts.signed_info is not None:
        yield "SignedInfo", report.facts.signed_info
