"""The sample certificates: each kind with RSA and with EC, and one for each thing that can be wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ksef_mock.crypto.authority import ORGANIZATION_IDENTIFIER, Authority, Validity, commitment_usage
from ksef_mock.crypto.pki import Credential, KeyKind, Pki, Purpose, Role, new_authority, person, seal, subject

# Made up, with right checksums.
NIP = "5265877635"
SEAL_NIP = "8432123452"
PESEL = "90010112349"

_ANNA = person("Anna", "Przykładowa", pesel=PESEL)
_JAN = person("Jan", "Przykładowy", nip=NIP)
_COMPANY = seal("Przykład sp. z o.o.", nip=SEAL_NIP)

_EXPIRED = Validity(datetime(2020, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC))
_FUTURE = Validity(datetime(2098, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Sample:
    """A certificate to be written. `name` is that of its files, `about` a sentence for the reader."""

    name: str
    about: str
    make: Callable[[Pki], Credential]
    #: Whether a PKCS#12 file is written too.
    pkcs12: bool = False


_KEYS: tuple[KeyKind, ...] = ("rsa", "ec")


def samples() -> tuple[Sample, ...]:
    """All samples, those to log in with first."""
    return (*(sample for key in _KEYS for sample in _good(key)), *_wrong())


def _good(key: KeyKind) -> Iterator[Sample]:
    yield Sample(
        f"qualified-person-pesel-{key}",
        "Qualified certificate of a person with a PESEL.",
        lambda pki: pki.qualified(_ANNA, key=key),
        pkcs12=True,
    )
    yield Sample(
        f"qualified-person-nip-{key}",
        "Qualified certificate of a person with a NIP.",
        lambda pki: pki.qualified(_JAN, key=key),
    )
    yield Sample(
        f"qualified-seal-{key}",
        "Qualified seal of a company.",
        lambda pki: pki.qualified(_COMPANY, key=key),
        pkcs12=True,
    )
    yield Sample(
        f"trusted-profile-{key}",
        "Certificate of the Trusted Profile's issuer.",
        lambda pki: pki.trusted_profile(_ANNA, key=key),
    )
    yield Sample(
        f"ksef-authentication-{key}",
        "KSeF certificate of type Authentication.",
        lambda pki: pki.ksef(_JAN, key=key),
        pkcs12=True,
    )
    yield Sample(
        f"self-signed-person-{key}",
        "Self-signed certificate of a person with a NIP.",
        lambda pki: pki.self_signed(_JAN, key=key),
    )
    yield Sample(
        f"self-signed-seal-{key}",
        "Self-signed seal of a company.",
        lambda pki: pki.self_signed(_COMPANY, key=key),
    )
    yield Sample(
        f"fingerprint-person-{key}",
        "Qualified certificate of a person without PESEL and NIP, such as a foreigner's.",
        lambda pki: pki.qualified(person("Erika", "Mustermann"), key=key),
    )
    yield Sample(
        f"ksef-offline-{key}",
        "KSeF certificate of type Offline: signs invoices, cannot log in.",
        lambda pki: pki.ksef(_JAN, Purpose.OFFLINE, key=key),
    )


def _wrong() -> Iterator[Sample]:
    yield Sample(
        "wrong-expired",
        "Expired at the end of 2021.",
        lambda pki: pki.qualified(_JAN, validity=_EXPIRED),
    )
    yield Sample(
        "wrong-not-yet-valid",
        "Valid from 2098 on.",
        lambda pki: pki.qualified(_JAN, validity=_FUTURE),
    )
    yield Sample(
        "wrong-rsa-1024",
        "RSA key of 1024 bits; KSeF takes 2048 and more.",
        lambda pki: pki.self_signed(_JAN, key="rsa-1024"),
    )
    yield Sample(
        "wrong-p-192",
        "EC key on a curve of 192 bits; KSeF takes 256 and more.",
        lambda pki: pki.self_signed(_JAN, key="p-192"),
    )
    yield Sample(
        "wrong-no-identifier",
        "Neither serialNumber nor organizationIdentifier.",
        lambda pki: pki.self_signed(
            subject([(NameOID.COUNTRY_NAME, "PL"), (NameOID.COMMON_NAME, "Nikt Nieznany")]), key="ec"
        ),
    )
    yield Sample(
        "wrong-seal-with-given-name",
        "A seal whose subject has a givenName.",
        lambda pki: pki.self_signed(
            subject(
                [
                    (NameOID.COUNTRY_NAME, "PL"),
                    (NameOID.ORGANIZATION_NAME, "Przykład sp. z o.o."),
                    (ORGANIZATION_IDENTIFIER, f"VATPL-{SEAL_NIP}"),
                    (NameOID.GIVEN_NAME, "Anna"),
                    (NameOID.COMMON_NAME, "Przykład sp. z o.o."),
                ]
            ),
            key="ec",
        ),
    )
    yield Sample(
        "wrong-person-without-surname",
        "A person's certificate whose subject has no surname.",
        lambda pki: pki.self_signed(
            subject(
                [
                    (NameOID.COUNTRY_NAME, "PL"),
                    (NameOID.GIVEN_NAME, "Jan"),
                    (NameOID.COMMON_NAME, "Jan Przykładowy"),
                    (NameOID.SERIAL_NUMBER, f"TINPL-{NIP}"),
                ]
            ),
            key="ec",
        ),
    )
    yield Sample(
        "wrong-untrusted-issuer",
        "Of a CA that calls itself qualified, but that nobody trusts.",
        lambda pki: pki.issue(
            new_authority("Nobody's CA", Role.QUALIFIED), _JAN, commitment_usage(), key="ec"
        ),
    )
    yield Sample(
        "wrong-forged-issuer",
        "Names the qualified CA as its issuer, but was signed with another key.",
        lambda pki: pki.issue(_forged(pki), _JAN, commitment_usage(), key="ec"),
    )


def _forged(pki: Pki) -> Authority:
    genuine = pki.authority(Role.QUALIFIED)
    return Authority(ec.generate_private_key(ec.SECP256R1()), genuine.certificate)
