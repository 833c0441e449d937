"""Certificates for tests and experiments: of every kind that logs in to KSeF, and of some that must not.

    pki = Pki(clock)
    anna = pki.qualified(person("Anna", "Nowak", pesel="90010112349"))
    seal = pki.self_signed(seal("Firma sp. z o.o.", nip="5265877635"), key="ec")
    anna.certificate, anna.key, anna.chain          # cryptography's objects
    anna.certificate_pem, anna.key_pem              # bytes, ready for a file

The subject says who it is, the method which kind of certificate: any combination can be made, wrong ones too.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Literal, TypeAlias

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from ksef_mock.clock import Clock
from ksef_mock.crypto.authority import (
    ORGANIZATION_IDENTIFIER,
    UNBOUNDED,
    Authority,
    Extension,
    PrivateKey,
    PublicKey,
    Validity,
    authentication_usage,
    certify,
    commitment_usage,
    end_entity_extensions,
    fingerprint_of,
)
from ksef_mock.crypto.certificate import Certificate
from ksef_mock.crypto.qualified import QcType, qc_statements
from ksef_mock.state.shared import Shared, SharedState

#: `rsa` is 2048 bits, `ec` is P-256; the others are too small for KSeF.
KeyKind: TypeAlias = Literal["rsa", "ec", "rsa-1024", "p-192"]

_GENERATORS: dict[KeyKind, Callable[[], PrivateKey]] = {
    "rsa": lambda: rsa.generate_private_key(65_537, 2_048),
    "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa-1024": lambda: rsa.generate_private_key(65_537, 1_024),  # noqa: S505
    "p-192": lambda: ec.generate_private_key(ec.SECP192R1()),
}

_VALID_FOR = timedelta(days=730)


class Role(StrEnum):
    """What a CA issues; it says so in its certificate policies."""

    QUALIFIED = "qualified trust service provider"
    TRUSTED_PROFILE = "Trusted Profile"
    KSEF = "KSeF"


# UUID-based identifiers (ITU-T X.667): unique without any registration.
_POLICIES = {
    Role.QUALIFIED: x509.ObjectIdentifier("2.25.219474675396046053647057465631714937127"),
    Role.TRUSTED_PROFILE: x509.ObjectIdentifier("2.25.239321978728730882935763541704941973937"),
    Role.KSEF: x509.ObjectIdentifier("2.25.37410262708869393642870425011348048588"),
}


class Purpose(StrEnum):
    """OpenAPI: KsefCertificateType, told apart by key usage."""

    AUTHENTICATION = "Authentication"
    OFFLINE = "Offline"


@dataclass(frozen=True)
class Credential:
    """A certificate with its private key, and the intermediate CAs up to the anchor (usually none)."""

    certificate: x509.Certificate
    key: PrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @cached_property
    def certificate_der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key, unencrypted PKCS#8."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint_of(self.certificate)

    def pkcs12(self, password: str, *, name: str = "ksef-mock") -> bytes:
        """Key, certificate and chain in one encrypted file."""
        return pkcs12.serialize_key_and_certificates(
            name.encode(), self.key, self.certificate, self.chain, BestAvailableEncryption(password.encode())
        )


def person(given_name: str, surname: str, *, pesel: str | None = None, nip: str | None = None) -> x509.Name:
    """The subject of a person's certificate; with no PESEL and no NIP only the fingerprint tells who."""
    attributes = [
        (NameOID.COUNTRY_NAME, "PL"),
        (NameOID.GIVEN_NAME, given_name),
        (NameOID.SURNAME, surname),
        (NameOID.COMMON_NAME, f"{given_name} {surname}"),
    ]
    if pesel is not None:
        attributes.append((NameOID.SERIAL_NUMBER, f"PNOPL-{pesel}"))
    if nip is not None:
        attributes.append((NameOID.SERIAL_NUMBER, f"TINPL-{nip}"))
    return subject(attributes)


def seal(organization: str, *, nip: str) -> x509.Name:
    """The subject of an organisation's certificate."""
    return subject(
        [
            (NameOID.COUNTRY_NAME, "PL"),
            (NameOID.ORGANIZATION_NAME, organization),
            (ORGANIZATION_IDENTIFIER, f"VATPL-{nip}"),
            (NameOID.COMMON_NAME, organization),
        ]
    )


def provider(peppol_id: str, organization: str) -> x509.Name:
    """The subject of a Peppol service provider's certificate: its identifier is the common name."""
    return subject(
        [
            (NameOID.COUNTRY_NAME, "PL"),
            (NameOID.ORGANIZATION_NAME, organization),
            (NameOID.COMMON_NAME, peppol_id),
        ]
    )


def subject(attributes: Sequence[tuple[x509.ObjectIdentifier, str]]) -> x509.Name:
    """Any subject, attribute by attribute."""
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


class Pki:
    """The CAs of one mock, each made when it is first needed, and the certificates that they issue.

    Every method takes `key`, the kind of key pair to make, and `validity`; certificates are valid for two
    years from a day before the clock's time unless told otherwise. Safe to use from any thread.
    """

    def __init__(
        self, clock: Clock, shared: SharedState | None = None, *, valid_for: timedelta = _VALID_FOR
    ) -> None:
        """`shared`: has the CAs of a mock of several processes; the first process to make one wins."""
        self._clock = clock
        self._shared = shared
        self._valid_for = valid_for
        self._lock = threading.RLock()
        self._authorities: dict[Role, Authority] = {}
        if shared is not None:
            shared.on_change(self._adopt)

    @property
    def authorities(self) -> dict[Role, Authority]:
        """The CAs made so far. No other CA of this mock has issued anything yet."""
        with self._lock:
            return dict(self._authorities)

    def authority(self, role: Role) -> Authority:
        """The CA of this role. It outlives every move of the clock.

        Raises:
            StoreUnavailable: it is new, and the remote store that is to keep it cannot be reached.
        """
        known = self._authorities.get(role)
        if known is not None:
            return known
        made = new_authority(f"KSeF Mock CA: {role}", role)
        if self._shared is None:
            with self._lock:
                return self._authorities.setdefault(role, made)
        self._shared.change(lambda shared: _with_authority(shared, role, made))
        return self._authorities[role]

    def _adopt(self, shared: Shared) -> None:
        for name, record in shared.authorities.items():
            role = Role(name)
            known = self._authorities.get(role)
            if known is None or known.record != record:
                with self._lock:
                    self._authorities[role] = Authority.of(record)

    def qualified(
        self, name: x509.Name, *, key: KeyKind = "rsa", validity: Validity | None = None
    ) -> Credential:
        """A qualified certificate, for seals if the subject has an organizationIdentifier."""
        qc_type = QcType.SEAL if name.get_attributes_for_oid(ORGANIZATION_IDENTIFIER) else QcType.SIGNATURE
        return self.issue(
            self.authority(Role.QUALIFIED),
            name,
            commitment_usage(),
            key=key,
            validity=validity,
            extensions=(Extension(qc_statements(qc_type)),),
        )

    def trusted_profile(
        self, name: x509.Name, *, key: KeyKind = "rsa", validity: Validity | None = None
    ) -> Credential:
        """A certificate of the Trusted Profile's own issuer."""
        return self.issue(
            self.authority(Role.TRUSTED_PROFILE), name, commitment_usage(), key=key, validity=validity
        )

    def ksef(
        self,
        name: x509.Name,
        purpose: Purpose = Purpose.AUTHENTICATION,
        *,
        key: KeyKind = "rsa",
        validity: Validity | None = None,
    ) -> Credential:
        """A certificate issued by KSeF itself; one with the purpose Offline cannot log in."""
        private_key = _GENERATORS[key]()
        certificate = self.ksef_certificate(name, private_key.public_key(), purpose, validity=validity)
        return Credential(certificate, private_key)

    def ksef_certificate(
        self,
        name: x509.Name,
        public_key: PublicKey,
        purpose: Purpose,
        *,
        validity: Validity | None = None,
    ) -> x509.Certificate:
        """The same for somebody else's key pair. The serial number has 16 hex digits (OpenAPI)."""
        usage = authentication_usage() if purpose is Purpose.AUTHENTICATION else commitment_usage()
        return self.authority(Role.KSEF).certify(
            name,
            public_key,
            validity=validity or self.validity(),
            extensions=end_entity_extensions(usage),
            serial=1 << 63 | secrets.randbits(63),
        )

    @cached_property
    def _ministry(self) -> Credential:
        name = seal("Ministerstwo Finansów", nip="5260250274")
        return self.qualified(name, validity=UNBOUNDED)

    def ministry(self) -> Credential:
        """The seal that the ministry signs UPO with: of the qualified CA, for ever."""
        with self._lock:
            return self._ministry

    def self_signed(
        self, name: x509.Name, *, key: KeyKind = "rsa", validity: Validity | None = None
    ) -> Credential:
        """A certificate that nobody vouches for: accepted on TEST only."""
        private_key = _GENERATORS[key]()
        certificate = certify(
            name,
            private_key.public_key(),
            issuer=name,
            signing_key=private_key,
            validity=validity or self.validity(),
            extensions=end_entity_extensions(authentication_usage()),
        )
        return Credential(certificate, private_key)

    def issue(
        self,
        issuer: Authority,
        name: x509.Name,
        usage: x509.KeyUsage,
        *,
        key: KeyKind = "rsa",
        validity: Validity | None = None,
        extensions: Sequence[Extension] = (),
        chain: tuple[x509.Certificate, ...] = (),
    ) -> Credential:
        """An end-entity certificate of any CA."""
        private_key = _GENERATORS[key]()
        certificate = issuer.certify(
            name,
            private_key.public_key(),
            validity=validity or self.validity(),
            extensions=(*end_entity_extensions(usage), *extensions),
        )
        return Credential(certificate, private_key, chain)

    def validity(self) -> Validity:
        """The validity of a certificate made now."""
        return Validity.since(self._clock.now(), self._valid_for)


def _with_authority(shared: Shared, role: Role, made: Authority) -> Shared:
    if role.value in shared.authorities:
        return shared
    return msgspec.structs.replace(shared, authorities={**shared.authorities, role.value: made.record})


def new_authority(common_name: str, role: Role) -> Authority:
    """A root CA of this role, of no mock yet. It outlives every move of a clock."""
    policy = x509.CertificatePolicies([x509.PolicyInformation(_POLICIES[role], None)])
    return Authority.create(common_name, validity=UNBOUNDED, extensions=(Extension(policy),))


def role_of(authority: Certificate) -> Role | None:
    """What a CA certificate says that it issues; None for one that the mock has not made.

    Meaningful only for a CA that is trusted already: anybody can write anything into a certificate.
    """
    try:
        policies = authority.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except x509.ExtensionNotFound:
        return None
    stated = {policy.policy_identifier for policy in policies}
    return next((role for role, policy in _POLICIES.items() if policy in stated), None)
