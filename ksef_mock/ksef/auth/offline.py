"""What KSeF would say of a signed document that nobody has sent: for `ksef-mock verify` and the dashboard."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ksef_mock.clock import Clock, Instant
from ksef_mock.core.environment import Profile
from ksef_mock.crypto.certificate import Certificate
from ksef_mock.crypto.pki import Pki
from ksef_mock.ksef.auth.trust import TrustPolicy, TrustService
from ksef_mock.ksef.auth.xades_login import read_and_verify
from ksef_mock.ksef.certificates.revocations import Revocations
from ksef_mock.state.memory import MemoryStore
from ksef_mock.xades.identity import identify
from ksef_mock.xades.reading import Reading
from ksef_mock.xades.report import Report


async def inspect(
    document: bytes,
    at: Instant,
    profile: Profile,
    *,
    enforce_xades: bool = False,
    anchors: Sequence[Certificate] = (),
    trust: TrustService | None = None,
) -> tuple[Reading, Report]:
    """What the document says, and the report on everything but what only the login's server knows.

    Args:
        at: the moment to judge by.
        enforce_xades: whatever the profile says.
        anchors: trusted CAs.
        trust: judges the certificate instead of the profile and `anchors`.

    Raises:
        StoreUnavailable: `trust` cannot reach its store.
    """
    reading, report = await asyncio.to_thread(read_and_verify, document, at, profile, enforce_xades, True)
    if report.certificate is None or reading.request is None:
        return reading, report
    if trust is None:
        clock = Clock()
        trust = TrustService(
            Pki(clock),
            Revocations(MemoryStore(clock), clock),
            TrustPolicy(profile.requires_chain),
            tuple(anchors),
        )
    judged = await trust.judge(report.certificate, report.other_certificates, at=at)
    report.record(judged.result)
    request = reading.request
    for result in identify(report.certificate, request.subject_identifier_type, request.context).results:
        report.record(result)
    return reading, report
