from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ksef_mock.clock import Clock, from_datetime
from ksef_mock.crypto.authority import (
    UNBOUNDED,
    Authority,
    Extension,
    Validity,
    authentication_usage,
    certify,
    commitment_usage,
    end_entity_extensions,
)
from ksef_mock.crypto.chain import MAX_INTERMEDIATES, BrokenChain, Chain, NoChain, build_chain, load_anchors
from ksef_mock.crypto.pki import Credential, Pki, person
from ksef_mock.crypto.subject_name import readable

ANNA = person("Anna", "Nowak", pesel="90010112349")
NOW = from_datetime(datetime(2030, 1, 1, tzinfo=UTC))
PAST = Validity(datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))
UNKNOWN_CRITICAL = Extension(
    x509.UnrecognizedExtension(x509.ObjectIdentifier("2.25.1"), b"\x05\x00"), critical=True
)


@pytest.fixture(scope="module")
def root() -> Authority:
    return Authority.create("Root", validity=UNBOUNDED)


def leaf(pki: Pki, issuer: Authority, *extensions: Extension) -> x509.Certificate:
    made = pki.issue(issuer, ANNA, commitment_usage(), key="ec", validity=UNBOUNDED, extensions=extensions)
    return made.certificate


def impostor(certificate: x509.Certificate) -> Authority:
    """An authority that has somebody else's certificate, but not the key."""
    return Authority(ec.generate_private_key(ec.SECP256R1()), certificate)


def odd_authority(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, issuer: Authority, *extensions: Extension
) -> Authority:
    """An authority whose certificate has exactly these extensions."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Odd")])
    certificate = issuer.certify(name, key.public_key(), validity=UNBOUNDED, extensions=extensions)
    return Authority(key, certificate)


def test_directly_under_an_anchor(pki: Pki, root: Authority) -> None:
    certificate = leaf(pki, root)
    assert build_chain(certificate, [], [root.certificate], NOW) == Chain((certificate, root.certificate))


def test_over_an_intermediate_from_the_document(pki: Pki, root: Authority) -> None:
    middle = root.subordinate("Middle", validity=UNBOUNDED)
    other = root.subordinate("Other", validity=UNBOUNDED)
    certificate = leaf(pki, middle)
    chain = build_chain(certificate, [other.certificate, middle.certificate], [root.certificate], NOW)
    assert chain.certificates == (certificate, middle.certificate, root.certificate)
    assert chain.anchor == root.certificate
    assert str(chain).startswith(readable(certificate.subject) + " <- CN=Middle")


def test_without_its_intermediate_it_leads_nowhere(pki: Pki, root: Authority) -> None:
    middle = root.subordinate("Middle", validity=UNBOUNDED)
    with pytest.raises(NoChain, match="CN=Middle") as caught:
        build_chain(leaf(pki, middle), [], [root.certificate], NOW)
    assert not isinstance(caught.value, BrokenChain)


def test_an_intermediate_may_be_the_anchor(pki: Pki, root: Authority) -> None:
    middle = root.subordinate("Middle", validity=UNBOUNDED)
    assert build_chain(leaf(pki, middle), [], [middle.certificate], NOW).anchor == middle.certificate


def test_a_root_in_the_document_is_no_anchor(pki: Pki, root: Authority) -> None:
    with pytest.raises(NoChain) as caught:
        build_chain(leaf(pki, root), [root.certificate], [], NOW)
    assert not isinstance(caught.value, BrokenChain)


def test_self_signed_is_said_to_be_so_and_trusted_only_as_an_anchor(pki: Pki, root: Authority) -> None:
    certificate = pki.self_signed(ANNA, key="ec").certificate
    with pytest.raises(NoChain, match="self-signed"):
        build_chain(certificate, [], [root.certificate], NOW)
    assert build_chain(certificate, [], [certificate], NOW).certificates == (certificate,)


def test_a_wrong_signature_breaks_the_chain(pki: Pki, root: Authority) -> None:
    with pytest.raises(BrokenChain, match="the signature is wrong"):
        build_chain(leaf(pki, impostor(root.certificate)), [], [root.certificate], NOW)


def test_a_ca_of_the_same_name_with_another_key_is_another_ca(pki: Pki, root: Authority) -> None:
    namesake = Authority.create("Root", validity=UNBOUNDED)
    with pytest.raises(NoChain) as caught:
        build_chain(leaf(pki, namesake), [], [root.certificate], NOW)
    assert not isinstance(caught.value, BrokenChain)
    both = [root.certificate, namesake.certificate]
    assert build_chain(leaf(pki, namesake), [], both, NOW).anchor == namesake.certificate


def test_an_end_entity_issues_nothing(pki: Pki, root: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    person_as_ca = odd_authority(key, root, *end_entity_extensions(authentication_usage()))
    with pytest.raises(BrokenChain, match="is no CA"):
        build_chain(leaf(pki, person_as_ca), [person_as_ca.certificate], [root.certificate], NOW)


def test_an_issuer_without_basic_constraints_is_no_ca(pki: Pki, root: Authority) -> None:
    odd = odd_authority(ec.generate_private_key(ec.SECP256R1()), root)
    with pytest.raises(BrokenChain, match="is no CA"):
        build_chain(leaf(pki, odd), [odd.certificate], [root.certificate], NOW)


def test_a_ca_that_may_not_sign_certificates_issues_nothing(pki: Pki, root: Authority) -> None:
    odd = odd_authority(
        ec.generate_private_key(ec.SECP256R1()),
        root,
        Extension(x509.BasicConstraints(ca=True, path_length=None), critical=True),
        Extension(authentication_usage(), critical=True),
    )
    with pytest.raises(BrokenChain, match="keyUsage"):
        build_chain(leaf(pki, odd), [odd.certificate], [root.certificate], NOW)


def test_path_length_is_obeyed(pki: Pki, root: Authority) -> None:
    middle = root.subordinate("Middle", validity=UNBOUNDED)
    below = middle.subordinate("Below", validity=UNBOUNDED)
    known = [below.certificate, middle.certificate]
    with pytest.raises(BrokenChain, match="allows 0 CAs below itself, here are 1"):
        build_chain(leaf(pki, below), known, [root.certificate], NOW)


def test_an_issuer_must_be_valid_at_the_moment(pki: Pki, root: Authority) -> None:
    middle = root.subordinate("Middle", validity=PAST)
    certificate, known, anchors = leaf(pki, middle), [middle.certificate], [root.certificate]
    assert build_chain(certificate, known, anchors, from_datetime(PAST.end)).anchor == root.certificate
    with pytest.raises(BrokenChain, match="is valid only from 2020-01-01"):
        build_chain(certificate, known, anchors, from_datetime(PAST.end) + 1)
    with pytest.raises(BrokenChain, match="is valid only from 2020-01-01"):
        build_chain(certificate, known, anchors, from_datetime(PAST.begin) - 1)


def test_an_anchor_must_be_valid_too(pki: Pki) -> None:
    old = Authority.create("Old", validity=PAST)
    with pytest.raises(BrokenChain, match="is valid only"):
        build_chain(leaf(pki, old), [], [old.certificate], NOW)


def test_an_issuer_s_key_must_be_big_enough(pki: Pki, root: Authority) -> None:
    weak = odd_authority(
        rsa.generate_private_key(65537, 1024),
        root,
        Extension(x509.BasicConstraints(ca=True, path_length=None), critical=True),
    )
    with pytest.raises(BrokenChain, match="too small"):
        build_chain(leaf(pki, weak), [weak.certificate], [root.certificate], NOW)


def test_an_rsa_ca_is_fine(pki: Pki, root: Authority) -> None:
    odd = odd_authority(
        rsa.generate_private_key(65537, 2048),
        root,
        Extension(x509.BasicConstraints(ca=True, path_length=None), critical=True),
    )
    assert build_chain(leaf(pki, odd), [odd.certificate], [root.certificate], NOW).anchor == root.certificate


def test_an_unknown_critical_extension_breaks_the_chain_at_both_ends(pki: Pki, root: Authority) -> None:
    with pytest.raises(BrokenChain, match=r"the certificate has the critical extension 2\.25\.1"):
        build_chain(leaf(pki, root, UNKNOWN_CRITICAL), [], [root.certificate], NOW)
    odd = root.subordinate("Odd", validity=UNBOUNDED, extensions=(UNKNOWN_CRITICAL,))
    with pytest.raises(BrokenChain, match=r"the issuer .* has the critical extension 2\.25\.1"):
        build_chain(leaf(pki, odd), [odd.certificate], [root.certificate], NOW)


def test_the_same_extension_is_harmless_when_not_critical(pki: Pki, root: Authority) -> None:
    harmless = UNKNOWN_CRITICAL._replace(critical=False)
    assert build_chain(leaf(pki, root, harmless), [], [root.certificate], NOW).anchor == root.certificate


def usage(*purposes: x509.ObjectIdentifier, critical: bool = True) -> Extension:
    return Extension(x509.ExtendedKeyUsage(purposes), critical=critical)


@pytest.mark.parametrize(
    ("extension", "is_fit"),
    [
        (usage(ExtendedKeyUsageOID.SERVER_AUTH), False),
        (usage(ExtendedKeyUsageOID.TIME_STAMPING), False),
        (usage(ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.OCSP_SIGNING), False),
        (usage(ExtendedKeyUsageOID.SERVER_AUTH, critical=False), True),
        (usage(ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH), True),
        (usage(ExtendedKeyUsageOID.EMAIL_PROTECTION), True),
        (usage(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE), True),
        (usage(x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")), True),
    ],
)
def test_a_critical_extended_key_usage_is_obeyed_at_both_ends(
    pki: Pki, root: Authority, extension: Extension, is_fit: bool
) -> None:
    middle = root.subordinate("Middle", validity=UNBOUNDED, extensions=(extension,))
    for end, intermediates in ((leaf(pki, root, extension), []), (leaf(pki, middle), [middle.certificate])):
        if is_fit:
            assert build_chain(end, intermediates, [root.certificate], NOW).anchor == root.certificate
        else:
            with pytest.raises(BrokenChain, match="for other purposes than signing"):
                build_chain(end, intermediates, [root.certificate], NOW)


def test_cas_that_vouch_for_each_other_do_not_go_on_for_ever(pki: Pki) -> None:
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("A", "B")]
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in names]
    ca = Extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    crossed = [
        certify(
            names[at],
            keys[at].public_key(),
            issuer=names[1 - at],
            signing_key=keys[1 - at],
            validity=UNBOUNDED,
            extensions=(ca,),
        )
        for at in (0, 1)
    ]
    with pytest.raises(NoChain):
        build_chain(leaf(pki, Authority(keys[0], crossed[0])), crossed, [], NOW)


def test_too_many_intermediates_are_not_looked_at(pki: Pki, root: Authority) -> None:
    middle = root.subordinate("Middle", validity=UNBOUNDED)
    certificate = leaf(pki, middle)
    filler = [root.subordinate("Filler", validity=UNBOUNDED).certificate] * (MAX_INTERMEDIATES - 1)
    anchors = [root.certificate]
    assert build_chain(certificate, [*filler, middle.certificate], anchors, NOW).anchor == root.certificate
    with pytest.raises(NoChain):
        build_chain(certificate, [*filler, filler[0], middle.certificate], anchors, NOW)


def test_a_second_way_is_found_when_the_first_is_broken(pki: Pki, root: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    ca = Extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    broken = odd_authority(key, impostor(root.certificate), ca)
    right = odd_authority(key, root, ca)
    found = build_chain(leaf(pki, right), [broken.certificate, right.certificate], [root.certificate], NOW)
    assert found.certificates[1] == right.certificate


def test_anchors_are_loaded_from_pem_files(tmp_path: Path, root: Authority) -> None:
    other = Pki(Clock()).self_signed(ANNA, key="ec")
    both = tmp_path / "both.pem"
    both.write_bytes(root.certificate.public_bytes(Encoding.PEM) + other.certificate_pem)
    assert load_anchors([both]) == (root.certificate, other.certificate)


def test_a_file_without_a_certificate_is_named(tmp_path: Path) -> None:
    made: Credential = Pki(Clock()).self_signed(ANNA, key="ec")
    (tmp_path / "key.pem").write_bytes(made.key_pem)
    with pytest.raises(ValueError, match=r"key\.pem"):
        load_anchors([tmp_path / "key.pem"])
    with pytest.raises(OSError, match="absent"):
        load_anchors([tmp_path / "absent.pem"])
