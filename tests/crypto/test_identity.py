from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ksef_mock.core.codes import Code
from ksef_mock.core.identifiers import Identifier
from ksef_mock.crypto.authority import ORGANIZATION_IDENTIFIER
from ksef_mock.crypto.pki import Pki, person, provider, seal, subject
from ksef_mock.xades.identity import SignerKind, SubjectIdentifierType, SubjectRefused, identify, signer_of
from ksef_mock.xades.report import Check, Outcome, Refusal

NIP, PESEL = "5265877635", "90010112349"
CONTEXT = Identifier("Nip", NIP)

PERSON = {
    NameOID.COUNTRY_NAME: "PL",
    NameOID.GIVEN_NAME: "Anna",
    NameOID.SURNAME: "Nowak",
    NameOID.COMMON_NAME: "Anna Nowak",
}
SEAL = {
    NameOID.COUNTRY_NAME: "PL",
    NameOID.ORGANIZATION_NAME: "Firma",
    NameOID.COMMON_NAME: "Firma",
    ORGANIZATION_IDENTIFIER: f"VATPL-{NIP}",
}


def certificate(pki: Pki, *attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Certificate:
    return pki.self_signed(subject(attributes), key="ec").certificate


def by_subject(pki: Pki, attributes: dict[x509.ObjectIdentifier, str]) -> tuple[SignerKind, str]:
    signer = signer_of(certificate(pki, *attributes.items()), SubjectIdentifierType.SUBJECT)
    return signer.kind, str(signer.identifier)


@pytest.mark.parametrize(
    ("serial_number", "identifier"),
    [
        (f"PNOPL-{PESEL}", f"Pesel:{PESEL}"),
        (f"PNOPL{PESEL}", f"Pesel:{PESEL}"),
        (f"PESEL: {PESEL}", f"Pesel:{PESEL}"),
        (f"PESEL no. {PESEL}", f"Pesel:{PESEL}"),
        (f"TINPL-{NIP}", f"Nip:{NIP}"),
        (f"NIP {NIP}", f"Nip:{NIP}"),
        # Both: the PESEL is looked for first.
        (f"NIP:{NIP}, PESEL:{PESEL}", f"Pesel:{PESEL}"),
    ],
)
def test_a_person_by_serial_number(pki: Pki, serial_number: str, identifier: str) -> None:
    found = by_subject(pki, PERSON | {NameOID.SERIAL_NUMBER: serial_number})
    assert found == (SignerKind.PERSON, identifier)


@pytest.mark.parametrize(
    "serial_number",
    [
        PESEL,
        f"PNODE-{PESEL}",
        f"PNOPL-{PESEL[:-1]}",
        f"TINPL-{NIP[:-1]}",
        f"pnopl-{PESEL}",
        f"VATPL-{NIP}",
    ],
)
def test_other_serial_numbers_name_nobody(pki: Pki, serial_number: str) -> None:
    with pytest.raises(SubjectRefused, match="no identifier"):
        by_subject(pki, PERSON | {NameOID.SERIAL_NUMBER: serial_number})


@pytest.mark.parametrize(
    ("missing", "name"),
    [
        (NameOID.GIVEN_NAME, "givenName"),
        (NameOID.SURNAME, "surname"),
        (NameOID.COMMON_NAME, "CN"),
        (NameOID.COUNTRY_NAME, "C"),
    ],
)
def test_a_person_needs_a_whole_name(pki: Pki, missing: x509.ObjectIdentifier, name: str) -> None:
    attributes = PERSON | {NameOID.SERIAL_NUMBER: f"PNOPL-{PESEL}"}
    del attributes[missing]
    with pytest.raises(SubjectRefused, match=rf"a person's certificate must have {name} in"):
        by_subject(pki, attributes)


def test_a_seal_by_organization_identifier(pki: Pki) -> None:
    assert by_subject(pki, SEAL) == (SignerKind.SEAL, f"Nip:{NIP}")


def test_a_peppol_provider_by_common_name(pki: Pki) -> None:
    attributes = {attribute.oid: str(attribute.value) for attribute in provider("PPL123456", "Dostawca")}
    assert by_subject(pki, attributes) == (SignerKind.PROVIDER, "PeppolId:PPL123456")
    # A seal's or a person's identifier counts more.
    vat = {ORGANIZATION_IDENTIFIER: f"VATPL-{NIP}"}
    assert by_subject(pki, attributes | vat) == (SignerKind.SEAL, f"Nip:{NIP}")
    for changed in ({NameOID.COMMON_NAME: "PPL12345"}, {NameOID.COMMON_NAME: "XPPL123456"}):
        with pytest.raises(SubjectRefused, match="no identifier"):
            by_subject(pki, attributes | changed)
    del attributes[NameOID.ORGANIZATION_NAME]
    with pytest.raises(SubjectRefused, match="must have O in"):
        by_subject(pki, attributes)


@pytest.mark.parametrize(
    "value",
    [
        NIP,
        f"VATDE-{NIP}",
        f"VATPL-{NIP[:-1]}",
        f"NTRPL-{NIP}",
        f"TINPL-{NIP}",
        "VATPL-\u0665\u0662\u0666\u0665\u0668\u0667\u0667\u0666\u0663\u0665",  # digits, but not ours
    ],
)
def test_other_organization_identifiers_name_nobody(pki: Pki, value: str) -> None:
    with pytest.raises(SubjectRefused, match="no identifier"):
        by_subject(pki, SEAL | {ORGANIZATION_IDENTIFIER: value})


@pytest.mark.parametrize(
    ("missing", "name"),
    [(NameOID.ORGANIZATION_NAME, "O"), (NameOID.COMMON_NAME, "CN"), (NameOID.COUNTRY_NAME, "C")],
)
def test_a_seal_needs_a_whole_name(pki: Pki, missing: x509.ObjectIdentifier, name: str) -> None:
    attributes = dict(SEAL)
    del attributes[missing]
    with pytest.raises(SubjectRefused, match=rf"a seal's certificate must have {name} in"):
        by_subject(pki, attributes)


@pytest.mark.parametrize(("extra", "name"), [(NameOID.GIVEN_NAME, "givenName"), (NameOID.SURNAME, "surname")])
def test_a_seal_has_no_person_s_name(pki: Pki, extra: x509.ObjectIdentifier, name: str) -> None:
    with pytest.raises(SubjectRefused, match=f"must not have {name}"):
        by_subject(pki, SEAL | {extra: "Anna"})


def test_an_employee_s_certificate_is_a_person_s(pki: Pki) -> None:
    attributes = SEAL | PERSON | {NameOID.SERIAL_NUMBER: f"PNOPL-{PESEL}"}
    assert by_subject(pki, attributes) == (SignerKind.PERSON, f"Pesel:{PESEL}")


def test_two_different_identifiers_name_nobody(pki: Pki) -> None:
    numbers = [(NameOID.SERIAL_NUMBER, f"TINPL-{nip}") for nip in (NIP, "1111111111")]
    with pytest.raises(SubjectRefused, match=f"several identifiers in serialNumber: 1111111111, {NIP}"):
        signer_of(certificate(pki, *PERSON.items(), *numbers), SubjectIdentifierType.SUBJECT)


def test_the_same_identifier_twice_is_one(pki: Pki) -> None:
    numbers = [(NameOID.SERIAL_NUMBER, f"TINPL-{NIP}"), (NameOID.SERIAL_NUMBER, f"NIP-{NIP}")]
    signer = signer_of(certificate(pki, *PERSON.items(), *numbers), SubjectIdentifierType.SUBJECT)
    assert signer.identifier == Identifier("Nip", NIP)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (person("Erika", "Mustermann"), SignerKind.PERSON),
        (seal("Firma", nip=NIP), SignerKind.SEAL),
        (subject([(NameOID.COMMON_NAME, "?")]), SignerKind.UNKNOWN),
    ],
)
def test_anybody_can_be_named_by_fingerprint(pki: Pki, name: x509.Name, kind: SignerKind) -> None:
    made = pki.self_signed(name, key="ec")
    signer = signer_of(made.certificate, SubjectIdentifierType.FINGERPRINT)
    assert (signer.kind, signer.identifier) == (kind, Identifier("Fingerprint", made.fingerprint))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b"\x0c\x0aAnna Nowak", b"\x0c\x0aAnna\xff\xfe\xff\xffak"),  # no UTF-8
        (b"\x0c\x05Nowak", b"\x03\x05\x00owak"),  # a bit string
    ],
)
def test_a_subject_that_cannot_be_read_is_refused(pki: Pki, right: bytes, wrong: bytes) -> None:
    der = certificate(pki, *PERSON.items()).public_bytes(Encoding.DER)
    assert right in der
    broken = x509.load_der_x509_certificate(der.replace(right, wrong))
    with pytest.raises(SubjectRefused, match="cannot be read"):
        signer_of(broken, SubjectIdentifierType.SUBJECT)


def test_identification_gives_the_signer_and_two_passed_checks(pki: Pki) -> None:
    made = pki.self_signed(person("Anna", "Nowak", pesel=PESEL), key="ec")
    found = identify(made.certificate, "certificateSubject", CONTEXT)
    assert found.signer is not None
    assert (found.signer.name, found.signer.identifier) == ("Anna Nowak", Identifier("Pesel", PESEL))
    assert [(result.check, result.outcome) for result in found.results] == [
        (Check.SIGNER_IDENTITY, Outcome.PASSED),
        (Check.SUBJECT_IDENTIFIER_TYPE, Outcome.PASSED),
    ]


def test_a_certificate_that_names_nobody_is_refused_with_21115(pki: Pki) -> None:
    made = pki.self_signed(person("Erika", "Mustermann"), key="ec")
    found = identify(made.certificate, "certificateSubject", CONTEXT)
    assert found.signer is None
    identity, conflict = found.results
    assert (identity.check, identity.outcome) == (Check.SIGNER_IDENTITY, Outcome.FAILED)
    assert identity.consequence == Refusal(Code.INVALID_CERTIFICATE)
    assert conflict.outcome is Outcome.SKIPPED
    assert identify(made.certificate, "certificateFingerprint", CONTEXT).signer is not None


@pytest.mark.parametrize(
    ("context", "by"),
    [
        (Identifier("NipVatUe", f"{NIP}-DE123456789"), "certificateSubject"),
        (Identifier("NipVatUe", f"{NIP}-DE123456789"), "certificateFingerprint"),
        (CONTEXT, "certificateSubject"),
        (CONTEXT, "certificateFingerprint"),
        (Identifier("InternalId", f"{NIP}-12345"), "certificateSubject"),
    ],
)
def test_every_context_takes_subjects_and_fingerprints(pki: Pki, context: Identifier, by: str) -> None:
    made = pki.self_signed(person("Anna", "Nowak", pesel=PESEL), key="ec")
    found = identify(made.certificate, by, context)
    assert found.signer is not None
    identity, agreement = found.results
    assert identity.outcome is Outcome.PASSED
    assert agreement.consequence is None
