from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from ksef_mock.clock import Clock, Instant, from_datetime
from ksef_mock.core.codes import Code, Status, StatusDetail, Verdict
from ksef_mock.core.methods import AuthenticationMethod
from ksef_mock.crypto.authority import (
    UNBOUNDED,
    Authority,
    Extension,
    authentication_usage,
    commitment_usage,
    encryption_usage,
)
from ksef_mock.crypto.pki import Credential, Pki, Purpose, Role, new_authority, person, seal
from ksef_mock.crypto.qualified import QcType, qc_statements
from ksef_mock.ksef.auth.trust import CertificateKind, Trust, TrustPolicy, TrustService
from ksef_mock.ksef.certificates.revocations import Revocations
from ksef_mock.state import MemoryStore
from ksef_mock.xades.identity import SubjectIdentifierType, SubjectRefused, signer_of
from ksef_mock.xades.report import Check, Consequence, Outcome, Refusal

ANNA = person("Anna", "Nowak", pesel="90010112349")
FIRM = seal("Firma", nip="5265877635")
TEST = TrustPolicy(requires_chain=False, status_delay=5.0)
PROD = TrustPolicy(requires_chain=True, status_delay=5.0)
METHOD = AuthenticationMethod


def judge(
    pki: Pki,
    credential: Credential,
    policy: TrustPolicy = PROD,
    *,
    at: Instant | None = None,
    verify_chain: bool = False,
    extra: Sequence[x509.Certificate] = (),
    revocations: Revocations | None = None,
) -> Trust:
    clock = Clock()
    service = TrustService(pki, revocations or Revocations(MemoryStore(clock), clock), policy, extra)
    return asyncio.run(
        service.judge(
            credential.certificate,
            credential.chain,
            at=clock.now() if at is None else at,
            verify_chain=verify_chain,
        )
    )


def consequence(trust: Trust) -> Consequence | None:
    return trust.result.consequence


def refused(detail: StatusDetail) -> Verdict:
    return Verdict(Status.CERTIFICATE_ERROR, detail)


#: Where the environment asks for a chain it is refused at submit; where only the request does, by the status.
UNTRUSTED = Refusal(Code.INVALID_CERTIFICATE)
UNTRUSTED_ON_TEST = refused(StatusDetail.CERTIFICATE_UNTRUSTED)
INVALID = refused(StatusDetail.CERTIFICATE_INVALID)
EXPIRED = refused(StatusDetail.CERTIFICATE_EXPIRED)


@pytest.mark.parametrize("policy", [TEST, PROD])
@pytest.mark.parametrize(
    ("make", "name", "kind", "method"),
    [
        ("qualified", ANNA, CertificateKind.QUALIFIED_SIGNATURE, METHOD.QUALIFIED_SIGNATURE),
        ("qualified", FIRM, CertificateKind.QUALIFIED_SEAL, METHOD.QUALIFIED_SEAL),
        ("trusted_profile", ANNA, CertificateKind.TRUSTED_PROFILE, METHOD.TRUSTED_PROFILE),
        ("ksef", ANNA, CertificateKind.KSEF, METHOD.INTERNAL_CERTIFICATE),
        ("ksef", FIRM, CertificateKind.KSEF, METHOD.INTERNAL_CERTIFICATE),
    ],
)
def test_what_the_mock_s_cas_issue_is_accepted_everywhere(
    pki: Pki,
    policy: TrustPolicy,
    make: str,
    name: x509.Name,
    kind: CertificateKind,
    method: AuthenticationMethod,
) -> None:
    trust = judge(pki, getattr(pki, make)(name, key="ec"), policy)
    assert (trust.verdict, trust.kind, trust.method) == (None, kind, method)
    assert (trust.result.check, trust.result.outcome) == (Check.CERTIFICATE_TYPE, Outcome.PASSED)


@pytest.mark.parametrize(
    ("name", "method"), [(ANNA, METHOD.QUALIFIED_SIGNATURE), (FIRM, METHOD.QUALIFIED_SEAL)]
)
def test_self_signed_certificates_are_for_test_without_a_chain_only(
    pki: Pki, name: x509.Name, method: AuthenticationMethod
) -> None:
    credential = pki.self_signed(name, key="ec")
    accepted = judge(pki, credential, TEST)
    assert (accepted.verdict, accepted.kind, accepted.method) == (None, CertificateKind.SELF_SIGNED, method)
    assert judge(pki, credential, TEST, verify_chain=True).verdict == UNTRUSTED_ON_TEST
    assert consequence(judge(pki, credential, PROD)) == UNTRUSTED


def test_another_mock_s_certificate_is_not_trusted(pki: Pki) -> None:
    theirs = Pki(Clock()).ksef(ANNA, key="ec")
    assert consequence(judge(pki, theirs, PROD)) == UNTRUSTED
    on_test = judge(pki, theirs, TEST)
    assert (on_test.verdict, on_test.kind) == (None, CertificateKind.UNKNOWN)


def test_a_ca_s_name_without_its_key_is_a_broken_chain(pki: Pki) -> None:
    genuine = pki.authority(Role.KSEF)
    forger = Authority(ec.generate_private_key(ec.SECP256R1()), genuine.certificate)
    forged = pki.issue(forger, ANNA, authentication_usage(), key="ec")
    assert judge(pki, forged, PROD).verdict == refused(StatusDetail.CERTIFICATE_CHAIN_ERROR)
    assert judge(pki, forged, TEST).kind is CertificateKind.UNKNOWN


@pytest.mark.parametrize("policy", [TEST, PROD])
def test_an_offline_certificate_cannot_log_in_anywhere(pki: Pki, policy: TrustPolicy) -> None:
    trust = judge(pki, pki.ksef(ANNA, Purpose.OFFLINE, key="ec"), policy)
    assert trust.verdict == INVALID
    assert "Offline" in trust.result.reason


@pytest.mark.parametrize("policy", [TEST, PROD])
def test_validity_is_asked_everywhere_and_to_the_second(pki: Pki, policy: TrustPolicy) -> None:
    credential = pki.qualified(ANNA, key="ec")
    begin = from_datetime(credential.certificate.not_valid_before_utc)
    end = from_datetime(credential.certificate.not_valid_after_utc)
    assert judge(pki, credential, policy, at=begin - 1).verdict == EXPIRED
    assert judge(pki, credential, policy, at=begin).verdict is None
    assert judge(pki, credential, policy, at=end).verdict is None
    assert judge(pki, credential, policy, at=end + 1).verdict == EXPIRED


def test_a_key_usage_that_signs_nothing_is_refused(pki: Pki) -> None:
    credential = pki.issue(pki.authority(Role.TRUSTED_PROFILE), ANNA, encryption_usage(), key="ec")
    assert judge(pki, credential, TEST).verdict == INVALID


def test_a_qualified_ca_vouches_for_qualified_certificates_only(pki: Pki) -> None:
    plain = pki.issue(pki.authority(Role.QUALIFIED), ANNA, commitment_usage(), key="ec")
    assert judge(pki, plain, PROD).verdict == INVALID
    assert judge(pki, plain, TEST).verdict is None


def test_claiming_to_be_qualified_proves_nothing(pki: Pki) -> None:
    claim = Extension(qc_statements(QcType.SEAL))
    impostor = new_authority("Impostor", Role.QUALIFIED)
    credential = pki.issue(impostor, ANNA, commitment_usage(), key="ec", extensions=(claim,))
    trust = judge(pki, credential, TEST)
    assert (trust.kind, trust.method) == (CertificateKind.UNKNOWN, METHOD.QUALIFIED_SIGNATURE)


def test_an_intermediate_in_the_document_completes_the_chain(pki: Pki) -> None:
    middle = pki.authority(Role.QUALIFIED).subordinate("Middle", validity=UNBOUNDED)
    qualified = Extension(qc_statements(QcType.SIGNATURE))
    complete = pki.issue(
        middle, ANNA, commitment_usage(), key="ec", extensions=(qualified,), chain=(middle.certificate,)
    )
    trust = judge(pki, complete, PROD)
    assert (trust.verdict, trust.kind) == (None, CertificateKind.QUALIFIED_SIGNATURE)
    assert "CN=Middle" in trust.result.reason
    assert consequence(judge(pki, Credential(complete.certificate, complete.key), PROD)) == UNTRUSTED


def test_extra_anchors_are_as_good_as_the_mock_s_own(pki: Pki) -> None:
    theirs = Pki(Clock())
    credential = theirs.trusted_profile(ANNA, key="ec")
    anchor = theirs.authority(Role.TRUSTED_PROFILE).certificate
    trust = judge(pki, credential, PROD, extra=[anchor])
    assert (trust.verdict, trust.method) == (None, METHOD.TRUSTED_PROFILE)


def test_an_extra_anchor_without_a_role_vouches_for_anything(pki: Pki) -> None:
    company = Authority.create("Company CA", validity=UNBOUNDED)
    credential = pki.issue(company, FIRM, commitment_usage(), key="ec")
    assert consequence(judge(pki, credential, PROD)) == UNTRUSTED
    trust = judge(pki, credential, PROD, extra=[company.certificate])
    assert (trust.verdict, trust.method) == (None, METHOD.QUALIFIED_SEAL)


def test_a_self_signed_certificate_can_be_trusted_itself(pki: Pki) -> None:
    credential = pki.self_signed(ANNA, key="ec")
    assert judge(pki, credential, PROD, extra=[credential.certificate]).verdict is None


def test_the_issuer_of_qualified_certificates_takes_its_time(pki: Pki) -> None:
    assert judge(pki, pki.qualified(ANNA, key="ec"), PROD).delay == 5.0
    assert judge(pki, pki.qualified(FIRM, key="ec"), TEST, verify_chain=True).delay == 5.0
    assert judge(pki, pki.qualified(ANNA, key="ec"), TEST).delay == 0.0
    assert judge(pki, pki.ksef(ANNA, key="ec"), PROD).delay == 0.0


def test_no_ca_is_made_to_judge_a_certificate() -> None:
    fresh = Pki(Clock())
    assert judge(fresh, Pki(Clock()).self_signed(ANNA, key="ec"), TEST).verdict is None
    assert fresh.authorities == {}


@pytest.mark.parametrize("policy", [TEST, PROD])
def test_the_registry_counts_everywhere(pki: Pki, policy: TrustPolicy) -> None:
    clock = Clock()
    revocations = Revocations(MemoryStore(clock), clock)
    revoked, suspended, good = (pki.ksef(ANNA, key="ec") for _ in range(3))
    asyncio.run(revocations.revoke(revoked.certificate))
    asyncio.run(revocations.suspend(suspended.certificate))
    details = [
        judge(pki, credential, policy, revocations=revocations).verdict
        for credential in (revoked, suspended, good)
    ]
    assert details == [
        refused(StatusDetail.CERTIFICATE_REVOKED),
        refused(StatusDetail.CERTIFICATE_SUSPENDED),
        None,
    ]


def test_a_suspension_ends_and_a_revocation_does_not(pki: Pki) -> None:
    async def story() -> list[object]:
        clock = Clock()
        revocations = Revocations(MemoryStore(clock), clock)
        certificate = pki.ksef(ANNA, key="ec").certificate

        async def status() -> str | None:
            entry = await revocations.entry(certificate)
            return None if entry is None else entry.status.value

        seen: list[object] = [await revocations.reinstate(certificate)]
        await revocations.suspend(certificate)
        await revocations.suspend(certificate)
        seen += [await status(), await revocations.reinstate(certificate), await status()]
        await revocations.suspend(certificate)
        await revocations.revoke(certificate)
        seen.append(await status())
        await revocations.suspend(certificate)
        seen += [await status(), await revocations.reinstate(certificate), await status()]
        return seen

    assert asyncio.run(story()) == [
        False, "suspended", True, None, "revoked", "revoked", False, "revoked",
    ]  # fmt: skip


def test_an_entry_keeps_the_moment_of_the_first_withdrawal(pki: Pki) -> None:
    async def story() -> Instant:
        clock = Clock()
        clock.freeze()
        clock.set(datetime(2030, 1, 1, tzinfo=UTC))
        revocations = Revocations(MemoryStore(clock), clock)
        certificate = pki.ksef(ANNA, key="ec").certificate
        await revocations.revoke(certificate)
        clock.advance(60)
        await revocations.revoke(certificate)
        entry = await revocations.entry(certificate)
        assert entry is not None
        return entry.at

    assert asyncio.run(story()) == from_datetime(datetime(2030, 1, 1, tzinfo=UTC))


def test_malformed_extensions_are_refused_and_nothing_breaks(pki: Pki) -> None:
    key_usage = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.15"), b"\x30\x00")
    name = ANNA
    authority = pki.authority(Role.KSEF)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority.certify(
        name, key.public_key(), validity=UNBOUNDED, extensions=(Extension(key_usage),)
    )
    trust = judge(pki, Credential(certificate, key), TEST)
    assert trust.verdict == INVALID
    assert "malformed" in trust.result.reason


_SAMPLES = Pki(Clock())
_CERTIFICATE = _SAMPLES.qualified(ANNA, key="ec").certificate_der


# Some changes make the library warn of what it still reads: a country of many letters, a negative serial.
@pytest.mark.filterwarnings("ignore::UserWarning")
@given(at=st.integers(0, len(_CERTIFICATE) * 8 - 1))
def test_no_changed_bit_goes_unnoticed_or_breaks_anything(at: int) -> None:
    changed = bytearray(_CERTIFICATE)
    changed[at // 8] ^= 1 << at % 8
    try:
        certificate = x509.load_der_x509_certificate(bytes(changed))
    except (ValueError, x509.InvalidVersion):
        return
    trust = judge(_SAMPLES, Credential(certificate, ec.generate_private_key(ec.SECP256R1())), PROD)
    assert consequence(trust) is not None
    for by in SubjectIdentifierType:
        try:
            signer_of(certificate, by)
        except SubjectRefused:
            assert by is SubjectIdentifierType.SUBJECT or trust.verdict == INVALID
