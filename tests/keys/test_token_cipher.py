"""Decryption on its own: which key and scheme opens a ciphertext; what is said of those that none opens."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from ksef_mock.ksef.keys.keys import PublishedKey
from ksef_mock.ksef.keys.token_cipher import Scheme, Undecryptable, decrypt, diagnose
from ksef_mock.testing import MockServer
from tests.support import OAEP_SHA256, encrypt_ec

TEXT = b"20251010-EC-1DCE3E3000-12ECB5B36E-45|nip-5265877635|" + b"0" * 64 + b"|1760000000000"


@pytest.fixture(scope="module")
def keys() -> tuple[PublishedKey, ...]:
    with MockServer(token_key="both") as mock:
        return mock.keys.current()


def seal(key: PublishedKey, plaintext: bytes, scheme: Scheme) -> bytes:
    public_key = key.private_key.public_key()
    if isinstance(public_key, rsa.RSAPublicKey):
        return public_key.encrypt(plaintext, OAEP_SHA256)
    layouts = {
        Scheme.EC_JAVA: (False, False),
        Scheme.EC_CSHARP: (True, True),
        Scheme.EC_CSHARP_RAW: (True, False),
        Scheme.EC_JAVA_HASHED: (False, True),
    }
    tag_first, hashed = layouts[scheme]
    return encrypt_ec(public_key, plaintext, tag_first=tag_first, hashed=hashed)


def key_for(keys: tuple[PublishedKey, ...], scheme: Scheme) -> PublishedKey:
    wanted = rsa.RSAPrivateKey if scheme is Scheme.RSA_OAEP else ec.EllipticCurvePrivateKey
    return next(key for key in keys if isinstance(key.private_key, wanted))


@pytest.mark.parametrize("scheme", list(Scheme))
@pytest.mark.parametrize("plaintext", [TEXT, b"x", b"\xff\x00"])
def test_key_and_scheme_are_found(keys: tuple[PublishedKey, ...], scheme: Scheme, plaintext: bytes) -> None:
    key = key_for(keys, scheme)
    opened = decrypt(seal(key, plaintext, scheme), keys)
    assert (opened.plaintext, opened.key, opened.scheme) == (plaintext, key, scheme)


@pytest.mark.parametrize("scheme", list(Scheme))
@given(data=st.data())
@settings(max_examples=25)
def test_no_damaged_ciphertext_opens(
    keys: tuple[PublishedKey, ...], scheme: Scheme, data: st.DataObject
) -> None:
    key = key_for(keys, scheme)
    sealed = bytearray(seal(key, TEXT, scheme))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Undecryptable):
        decrypt(bytes(sealed), keys)


@given(st.binary(max_size=600))
@settings(max_examples=100)
def test_no_bytes_raise_anything_else(keys: tuple[PublishedKey, ...], ciphertext: bytes) -> None:
    with pytest.raises(Undecryptable):
        decrypt(ciphertext, keys)
    assert diagnose(ciphertext, keys) is None


def test_without_keys_nothing_opens() -> None:
    with pytest.raises(Undecryptable, match="no key"):
        decrypt(b"x", [])


def test_reason_names_each_key_that_was_tried(keys: tuple[PublishedKey, ...]) -> None:
    with pytest.raises(Undecryptable) as caught:
        decrypt(b"x" * 100, keys)
    assert str(caught.value).count("RSA-2048 key") == 2
    assert "the ciphertext has 100 bytes, RSA-2048 makes 256" in str(caught.value)
    assert "does not begin with the DER form of an EC public key" in str(caught.value)


@pytest.mark.parametrize(
    ("scheme", "mistake"),
    [
        (padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA256(), None), "MGF1-SHA1"),
        (padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None), "OAEP-SHA1"),
        (padding.PKCS1v15(), "PKCS#1 v1.5"),
    ],
)
def test_usual_mistakes_are_proven(
    keys: tuple[PublishedKey, ...], scheme: padding.AsymmetricPadding, mistake: str
) -> None:
    public_key = keys[0].private_key.public_key()
    assert isinstance(public_key, rsa.RSAPublicKey)
    assert mistake in (diagnose(public_key.encrypt(TEXT, scheme), keys) or "")


def test_noise_out_of_pkcs1_is_no_proof(keys: tuple[PublishedKey, ...]) -> None:
    public_key = keys[0].private_key.public_key()
    assert isinstance(public_key, rsa.RSAPublicKey)
    assert diagnose(public_key.encrypt(b"no bar, no digits", padding.PKCS1v15()), keys) is None
