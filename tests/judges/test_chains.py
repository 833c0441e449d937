"""Chains: `cryptography.x509.verification`, which follows RFC 5280 in Rust, says the same as our search."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import verification
from cryptography.x509.oid import NameOID

from ksef_mock.clock import from_datetime
from ksef_mock.crypto.authority import UNBOUNDED, Authority, Extension, Validity, end_entity_extensions
from ksef_mock.crypto.authority import authentication_usage as usage
from ksef_mock.crypto.chain import NoChain, build_chain
from ksef_mock.crypto.pki import person

NOW = datetime(2030, 1, 1, tzinfo=UTC)
PAST = Validity(datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))
RIGHT = ("direct", "over one", "over two")
WRONG = ("expired issuer", "forged", "no CA", "too long", "no issuer", "stranger")


def leaf(issuer: Authority) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = person("Anna", "Nowak", pesel="90010112349")
    return issuer.certify(
        name, key.public_key(), validity=UNBOUNDED, extensions=end_entity_extensions(usage())
    )


def middle(issuer: Authority, *, ca: bool = True, depth: int | None = None) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Middle {depth} {ca}")])
    signing = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
    extensions = [Extension(x509.BasicConstraints(ca, depth), True), Extension(signing, True)]
    return Authority(key, issuer.certify(name, key.public_key(), validity=UNBOUNDED, extensions=extensions))


def made(kind: str) -> tuple[x509.Certificate, list[x509.Certificate], Authority]:
    """The certificate, its intermediates, the root that is trusted."""
    root = Authority.create("Root", validity=UNBOUNDED, path_length=1 if kind == "too long" else 3)
    one = middle(root)
    two = middle(one)
    impostor = Authority(ec.generate_private_key(ec.SECP256R1()), one.certificate)
    expired = root.subordinate("Expired", validity=PAST)
    others = [one.certificate, two.certificate]
    match kind:
        case "direct":
            return leaf(root), [], root
        case "over one":
            return leaf(one), others, root
        case "over two" | "too long":
            third = middle(two) if kind == "too long" else two
            return leaf(third), [*others, third.certificate], root
        case "expired issuer":
            return leaf(expired), [expired.certificate], root
        case "forged":
            return leaf(impostor), others, root
        case "no CA":
            below = middle(root, ca=False)
            return leaf(below), [below.certificate], root
        case "no issuer":
            return leaf(two), [two.certificate], root
        case _:
            return leaf(Authority.create("Root", validity=UNBOUNDED)), [], root


@pytest.mark.parametrize("kind", [*RIGHT, *WRONG])
def test_cryptography_s_verifier_agrees_on_chains(kind: str) -> None:
    certificate, intermediates, root = made(kind)
    policy = verification.PolicyBuilder().store(verification.Store([root.certificate])).time(NOW)
    authorities = verification.ExtensionPolicy.permit_all().require_present(
        x509.BasicConstraints, verification.Criticality.AGNOSTIC, None
    )
    anything = verification.ExtensionPolicy.permit_all()
    policy = policy.extension_policies(ca_policy=authorities, ee_policy=anything)
    try:
        policy.build_client_verifier().verify(certificate, intermediates)
        theirs = True
    except verification.VerificationError:
        theirs = False
    try:
        build_chain(certificate, intermediates, [root.certificate], from_datetime(NOW))
        ours = True
    except NoChain:
        ours = False
    assert ours is theirs
    assert ours is (kind in RIGHT)
