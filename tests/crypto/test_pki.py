from __future__ import annotations

import hashlib
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key, pkcs12
from cryptography.x509.oid import NameOID

from ksef_mock.clock import Clock
from ksef_mock.crypto.authority import ORGANIZATION_IDENTIFIER, Extension, Validity, commitment_usage
from ksef_mock.crypto.pki import Credential, Pki, Purpose, Role, person, role_of, seal
from ksef_mock.crypto.qualified import QC_STATEMENTS, QcType, qc_statements, qc_type_of

ANNA = person("Anna", "Nowak", pesel="90010112349")
FIRM = seal("Firma", nip="5265877635")


def value(name: x509.Name, oid: x509.ObjectIdentifier) -> str | bytes:
    (attribute,) = name.get_attributes_for_oid(oid)
    return attribute.value


def usage(credential: Credential) -> x509.KeyUsage:
    return credential.certificate.extensions.get_extension_for_class(x509.KeyUsage).value


def test_a_person_is_named_by_pesel_or_nip() -> None:
    assert value(ANNA, NameOID.SERIAL_NUMBER) == "PNOPL-90010112349"
    assert value(person("A", "B", nip="5265877635"), NameOID.SERIAL_NUMBER) == "TINPL-5265877635"
    assert person("A", "B").get_attributes_for_oid(NameOID.SERIAL_NUMBER) == []
    assert value(ANNA, NameOID.COMMON_NAME) == "Anna Nowak"


def test_a_seal_is_named_by_vatpl_and_by_no_person_s_name() -> None:
    assert value(FIRM, ORGANIZATION_IDENTIFIER) == "VATPL-5265877635"
    assert FIRM.get_attributes_for_oid(NameOID.GIVEN_NAME) == []
    assert FIRM.get_attributes_for_oid(NameOID.SURNAME) == []


def test_each_issued_certificate_is_signed_by_the_ca_of_its_role(pki: Pki) -> None:
    for credential, role in (
        (pki.qualified(ANNA, key="ec"), Role.QUALIFIED),
        (pki.trusted_profile(ANNA, key="ec"), Role.TRUSTED_PROFILE),
        (pki.ksef(ANNA, key="ec"), Role.KSEF),
    ):
        authority = pki.authority(role).certificate
        credential.certificate.verify_directly_issued_by(authority)
        assert role_of(authority) is role


def test_a_self_signed_certificate_verifies_with_its_own_key(pki: Pki) -> None:
    certificate = pki.self_signed(ANNA, key="ec").certificate
    certificate.verify_directly_issued_by(certificate)


def test_key_kinds(pki: Pki) -> None:
    rsa_2048, rsa_1024 = pki.self_signed(ANNA).key, pki.self_signed(ANNA, key="rsa-1024").key
    assert isinstance(rsa_2048, rsa.RSAPrivateKey)
    assert isinstance(rsa_1024, rsa.RSAPrivateKey)
    assert (rsa_2048.key_size, rsa_1024.key_size) == (2048, 1024)
    p_256, p_192 = pki.self_signed(ANNA, key="ec").key, pki.self_signed(ANNA, key="p-192").key
    assert isinstance(p_256, ec.EllipticCurvePrivateKey)
    assert isinstance(p_192, ec.EllipticCurvePrivateKey)
    assert (p_256.curve.name, p_192.curve.key_size) == ("secp256r1", 192)


def test_ksef_certificates_are_told_apart_by_key_usage_and_have_short_serials(pki: Pki) -> None:
    authentication = pki.ksef(ANNA, key="ec")
    offline = pki.ksef(ANNA, Purpose.OFFLINE, key="ec")
    assert (usage(authentication).digital_signature, usage(authentication).content_commitment) == (
        True,
        False,
    )
    assert (usage(offline).digital_signature, usage(offline).content_commitment) == (False, True)
    for credential in (authentication, offline):
        assert len(f"{credential.certificate.serial_number:X}") == 16


def test_ksef_certifies_somebody_else_s_key(pki: Pki) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    certificate = pki.ksef_certificate(ANNA, key, Purpose.AUTHENTICATION)
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert certificate.public_key().public_bytes(*spki) == key.public_bytes(*spki)
    certificate.verify_directly_issued_by(pki.authority(Role.KSEF).certificate)


def test_qualified_certificates_say_what_for_and_others_do_not(pki: Pki) -> None:
    assert qc_type_of(pki.qualified(ANNA, key="ec").certificate) is QcType.SIGNATURE
    assert qc_type_of(pki.qualified(FIRM, key="ec").certificate) is QcType.SEAL
    assert qc_type_of(pki.ksef(ANNA, key="ec").certificate) is None


def test_qc_statements_are_the_octets_of_the_standard() -> None:
    # ETSI EN 319 412-5: esi4-qcStatement-1, then esi4-qcStatement-6 with id-etsi-qct-eseal.
    expected = "301f 3008 0606 04008e460101 3013 0606 04008e460106 3009 0607 04008e46010602"
    assert qc_statements(QcType.SEAL).value == bytes.fromhex(expected)


@pytest.mark.parametrize(
    ("der", "expected"),
    [
        # QcCompliance alone: an old certificate, for signatures.
        ("300a 3008 0606 04008e460101", QcType.SIGNATURE),
        # QcType alone does not make it qualified.
        ("3015 3013 0606 04008e460106 3009 0607 04008e46010602", None),
        # A type that is neither esign nor eseal: web authentication.
        ("301f 3008 0606 04008e460101 3013 0606 04008e460106 3009 0607 04008e46010603", None),
        # A long-form length.
        ("30810a 3008 0606 04008e460101", QcType.SIGNATURE),
        ("3000", None),
        ("300a 3008 0606", None),
        ("30ff", None),
        ("3000 3000", None),
        ("", None),
        ("3002 3000", None),
    ],
)
def test_qc_statements_of_others_are_read_or_ignored(pki: Pki, der: str, expected: QcType | None) -> None:
    extension = Extension(x509.UnrecognizedExtension(QC_STATEMENTS, bytes.fromhex(der)))
    authority = pki.authority(Role.QUALIFIED)
    made = pki.issue(authority, ANNA, commitment_usage(), key="ec", extensions=(extension,))
    assert qc_type_of(made.certificate) is expected


def test_certificates_begin_a_day_before_the_clock_s_time_and_last_two_years() -> None:
    clock = Clock()
    clock.freeze()
    clock.set(datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC))
    certificate = Pki(clock).ksef(ANNA, key="ec").certificate
    assert certificate.not_valid_before_utc == datetime(2031, 5, 3, 3, 2, 1, tzinfo=UTC)
    assert certificate.not_valid_after_utc == certificate.not_valid_before_utc + timedelta(days=730)


def test_validity_can_be_chosen(pki: Pki) -> None:
    wanted = Validity(datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))
    for make in (pki.qualified, pki.trusted_profile, pki.self_signed):
        certificate = make(ANNA, key="ec", validity=wanted).certificate
        assert (certificate.not_valid_before_utc, certificate.not_valid_after_utc) == wanted


def test_cas_are_made_when_first_needed_and_once() -> None:
    pki = Pki(Clock())
    assert pki.authorities == {}
    seen: list[bytes] = []

    def ask() -> None:
        seen.append(pki.authority(Role.KSEF).certificate.public_bytes(Encoding.DER))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 1
    assert list(pki.authorities) == [Role.KSEF]


def test_cas_of_two_mocks_share_nothing_but_their_names(pki: Pki) -> None:
    ours, theirs = pki.authority(Role.KSEF), Pki(Clock()).authority(Role.KSEF)
    assert ours.certificate.subject == theirs.certificate.subject
    assert ours.certificate.public_key() != theirs.certificate.public_key()


def test_files_of_a_credential_can_be_loaded_again(pki: Pki) -> None:
    made = pki.self_signed(ANNA, key="ec")
    key = load_pem_private_key(made.key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.public_key() == made.certificate.public_key()
    assert x509.load_pem_x509_certificate(made.certificate_pem) == made.certificate
    assert x509.load_der_x509_certificate(made.certificate_der) == made.certificate
    loaded, certificate, _ = pkcs12.load_key_and_certificates(made.pkcs12("secret"), b"secret")
    assert loaded is not None
    assert certificate == made.certificate
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_key_and_certificates(made.pkcs12("secret"), b"wrong")


def test_a_fingerprint_is_the_sha_256_of_the_der_in_upper_case_hex(pki: Pki) -> None:
    made = pki.self_signed(ANNA, key="ec")
    assert made.fingerprint == hashlib.sha256(made.certificate_der).hexdigest().upper()


def test_a_ca_of_nobody_has_no_role(pki: Pki) -> None:
    assert role_of(pki.self_signed(ANNA, key="ec").certificate) is None
