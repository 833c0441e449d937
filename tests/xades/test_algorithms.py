"""Each allowed algorithm is verified, each other one refused."""

from __future__ import annotations

from itertools import product

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from ksef_mock.core.codes import Code
from ksef_mock.xades import Check, Refusal, verify
from tests.xades import signer
from tests.xades.signer import (
    C14N_METHODS,
    DIGESTS,
    DS,
    ECDSA_METHODS,
    MORE_2001,
    MORE_2007,
    NOW,
    PKCS1_METHODS,
    PSS_METHODS,
    SHA256,
    Reference,
    Signer,
    Transform,
    credentials,
    enveloped_reference,
    properties_reference,
)

NEGATIVE = Refusal(Code.INVALID_SIGNATURE, ("Podpis zweryfikowany negatywnie.",))
UNSUPPORTED = Refusal(
    Code.INVALID_SIGNATURE, ("Podpis złożony z użyciem niewspieranego algorytmu kryptograficznego.",)
)


def combinations() -> list[tuple[str, str]]:
    rsa = product(["rsa"], PKCS1_METHODS + PSS_METHODS)
    curves = product(["ec", "SECP384R1", "SECP521R1", "BrainpoolP256R1"], ECDSA_METHODS)
    return [*rsa, *curves]


@pytest.mark.parametrize(("kind", "method"), combinations(), ids=lambda value: value.rpartition("#")[2])
def test_every_signature_method_with_every_kind_of_key_is_accepted(kind: str, method: str) -> None:
    report = verify(Signer(credentials(kind), method=method).sign(), at=NOW)
    assert report.failure is None
    assert report.passed(Check.ALGORITHMS)
    assert report.passed(Check.SIGNATURE_VALUE)


@pytest.mark.parametrize("method", [*PKCS1_METHODS, *PSS_METHODS, *ECDSA_METHODS])
def test_every_signature_method_notices_another_signed_info(method: str) -> None:
    kind = "ec" if method in ECDSA_METHODS else "rsa"
    signed = Signer(credentials(kind), method=method, to_sign=lambda octets: octets + b" ").sign()
    report = verify(signed, at=NOW)
    assert report.failure is not None
    assert report.failure.check is Check.SIGNATURE_VALUE
    assert report.failure.consequence == NEGATIVE


@pytest.mark.parametrize("digest", DIGESTS)
@pytest.mark.parametrize("version", [1, 2])
def test_every_digest_is_accepted_in_references_and_in_the_signing_certificate(
    digest: str, version: int
) -> None:
    assert verify(Signer(digest=digest, signing_certificate=[version]).sign(), at=NOW).ok


@pytest.mark.parametrize(("of_signed_info", "of_reference"), [*product(C14N_METHODS, repeat=2)])
def test_every_canonicalisation_is_accepted(of_signed_info: str, of_reference: str) -> None:
    references = [
        enveloped_reference(Transform(signer.ENVELOPED), Transform(of_reference)),
        properties_reference(Transform(of_reference)),
    ]
    assert verify(Signer(c14n=of_signed_info, references=references).sign(), at=NOW).ok


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_rsa_keys_from_2048_bits_on_are_accepted(bits: int) -> None:
    assert verify(Signer(credentials(f"rsa-{bits}")).sign(), at=NOW).ok


@pytest.mark.parametrize(("kind", "said"), [("rsa-1024", "1024 bits"), ("SECP224R1", "fewer than 256 bits")])
def test_a_key_that_is_too_small_makes_the_certificate_invalid(kind: str, said: str) -> None:
    report = verify(Signer(credentials(kind)).sign(), at=NOW)
    assert report.failure is not None
    assert report.failure.check is Check.ALGORITHMS
    assert report.failure.consequence == Refusal(Code.INVALID_CERTIFICATE)
    assert said in report.failure.reason
    assert report.passed(Check.SIGNATURE_VALUE)  # the value itself is right, and the report says so


@pytest.mark.parametrize(
    "method",
    [
        f"{DS}hmac-sha1",
        f"{MORE_2001}hmac-sha256",
        f"{DS}dsa-sha1",
        f"{MORE_2001}rsa-md5",
        f"{MORE_2001}rsa-ripemd160",
        f"{MORE_2001}rsa-sha224",
        f"{MORE_2001}ecdsa-sha224",
        "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519",
        "urn:none",
        "",
    ],
)
def test_any_other_signature_method_is_refused(method: str) -> None:
    report = verify(Signer(credentials("rsa"), method=method).sign(), at=NOW)
    assert report.failure is not None
    assert report.failure.check is Check.ALGORITHMS
    assert report.failure.consequence == UNSUPPORTED


@pytest.mark.parametrize(
    "digest", [f"{MORE_2001}sha224", f"{MORE_2001}md5", f"{MORE_2007}sha3-224", "urn:none", ""]
)
def test_any_other_digest_is_refused(digest: str) -> None:
    references = [enveloped_reference(digest=digest), properties_reference(Transform(signer.EXC))]
    report = verify(Signer(references=references).sign(), at=NOW)
    assert report.failure is not None
    assert report.failure.check is Check.ALGORITHMS
    assert report.failure.consequence == UNSUPPORTED
    assert digest in report.failure.reason


def test_any_other_digest_is_refused_in_the_signing_certificate() -> None:
    signed = Signer(
        digest=f"{MORE_2001}sha224", references=[enveloped_reference(), properties_reference()]
    ).sign()
    report = verify(signed, at=NOW)
    assert report.failure is not None
    assert report.failure.check is Check.SIGNING_CERTIFICATE


@pytest.mark.parametrize(
    "c14n", ["", "urn:none", f"{DS}enveloped-signature", "http://www.w3.org/2010/xml-c14n2"]
)
def test_any_other_canonicalisation_of_signed_info_is_refused(c14n: str) -> None:
    report = verify(Signer(c14n=c14n).sign(), at=NOW)
    assert report.failure is not None
    assert report.failure.check is Check.ALGORITHMS


@pytest.mark.parametrize(("kind", "method"), [("rsa", ECDSA_METHODS[1]), ("ec", PKCS1_METHODS[1])])
def test_a_method_for_another_kind_of_key_is_refused(kind: str, method: str) -> None:
    report = verify(Signer(credentials(kind), method=method).sign(), at=NOW)
    assert report.failure is not None
    assert report.failure.check is Check.ALGORITHMS
    assert "but the certificate's key is" in report.failure.reason


def test_a_certificate_with_another_kind_of_key_is_refused() -> None:
    other = ed25519.Ed25519PrivateKey.generate().public_key()
    certificate = signer.certify(credentials().key, public_key=other)
    der = certificate.public_bytes(Encoding.DER)
    report = verify(Signer(key_info=signer.key_info(der)).sign(), at=NOW)
    assert report.failure is not None
    assert "Ed25519" in report.failure.reason


def pss_parameters(digest: str = SHA256, mgf: str = SHA256, salt: str = "32", trailer: str = "1") -> str:
    return (
        f'<p:RSAPSSParams xmlns:p="{MORE_2007}"><ds:DigestMethod Algorithm="{digest}"/>'
        f'<p:MaskGenerationFunction Algorithm="{MORE_2007}MGF1"><ds:DigestMethod Algorithm="{mgf}"/>'
        f"</p:MaskGenerationFunction><p:SaltLength>{salt}</p:SaltLength>"
        f"<p:TrailerField>{trailer}</p:TrailerField></p:RSAPSSParams>"
    )


RSA_PSS = f"{MORE_2007}rsa-pss"
SHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"


@pytest.mark.parametrize(
    ("content", "pss"),
    [
        ("", (hashes.SHA256(), hashes.SHA256(), 32)),
        (pss_parameters(), (hashes.SHA256(), hashes.SHA256(), 32)),
        (pss_parameters(SHA512, SHA256, "20"), (hashes.SHA512(), hashes.SHA256(), 20)),
        (pss_parameters(SHA512, f"{DS}sha1", "0"), (hashes.SHA512(), hashes.SHA1(), 0)),
    ],
)
def test_rsa_pss_is_verified_with_its_parameters(
    content: str, pss: tuple[hashes.HashAlgorithm, hashes.HashAlgorithm, int]
) -> None:
    signed = Signer(credentials("rsa"), method=RSA_PSS, method_content=content, pss=pss).sign()
    assert verify(signed, at=NOW).ok
    other = (pss[0], pss[1], pss[2] + 1)
    signed = Signer(credentials("rsa"), method=RSA_PSS, method_content=content, pss=other).sign()
    assert not verify(signed, at=NOW).ok


@pytest.mark.parametrize(
    "content",
    [
        pss_parameters(digest=f"{MORE_2001}md5"),
        pss_parameters(mgf=f"{MORE_2001}sha224"),
        pss_parameters(salt="-1"),
        pss_parameters(salt="many"),
        pss_parameters(trailer="2"),
        pss_parameters() * 2,
        pss_parameters().replace("<p:SaltLength>32</p:SaltLength>", "<p:SaltLength>32</p:SaltLength>" * 2),
        pss_parameters().replace("#MGF1", "#MGF2"),
        pss_parameters().replace("p:TrailerField", "p:Surprise"),
        "<other/>",
    ],
)
def test_rsa_pss_with_senseless_parameters_is_refused(content: str) -> None:
    signed = Signer(
        credentials("rsa"),
        method=RSA_PSS,
        method_content=content,
        pss=(hashes.SHA256(), hashes.SHA256(), 32),
    ).sign()
    report = verify(signed, at=NOW)
    assert report.failure is not None
    assert report.failure.check is Check.ALGORITHMS


def test_a_truncated_hmac_is_refused_even_when_nothing_else_is_wrong() -> None:
    signed = Signer(
        method=f"{DS}hmac-sha1", method_content="<ds:HMACOutputLength>8</ds:HMACOutputLength>"
    ).sign()
    report = verify(signed, at=NOW)
    assert report.failure is not None
    assert report.failure.check is Check.ALGORITHMS
    assert not report.passed(Check.SIGNATURE_VALUE)


def test_an_output_length_is_refused_with_any_method() -> None:
    signed = Signer(method_content="<ds:HMACOutputLength>8</ds:HMACOutputLength>").sign()
    report = verify(signed, at=NOW)
    assert report.failure is not None
    assert report.failure.check is Check.ALGORITHMS
    assert "takes no parameters" in report.failure.reason


def test_a_digest_of_every_size_is_compared_whole() -> None:
    """A stated digest that is a prefix of the right one, or empty, is wrong."""
    for cut in (0, 1, 16, 31):

        def shorten(root: object, cut: int = cut) -> None:
            (value,) = root.xpath("(//ds:DigestValue)[1]", namespaces=signer.NS)  # type: ignore[attr-defined]
            value.text = signer.b64(b"\0" * cut)

        report = verify(Signer(finish=shorten).sign(), at=NOW)
        assert report.failure is not None
        assert report.failure.check is Check.REFERENCES


def test_references_may_use_different_digests() -> None:
    for first, second in zip(DIGESTS, reversed(DIGESTS), strict=True):
        references = [enveloped_reference(digest=first), properties_reference(digest=second)]
        assert verify(Signer(references=references).sign(), at=NOW).ok


def test_a_reference_of_its_own_to_the_certificate_is_welcome() -> None:
    def mark(root: object) -> None:
        (info,) = root.xpath("//ds:KeyInfo", namespaces=signer.NS)  # type: ignore[attr-defined]
        info.set("Id", "key")

    references = [enveloped_reference(), properties_reference(), Reference("#key", (Transform(signer.EXC),))]
    assert verify(Signer(references=references, prepare=mark).sign(), at=NOW).ok
