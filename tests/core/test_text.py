"""What looks like a secret is found in time that grows with the text, whatever the text."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ksef_mock.core.text import kept, masked
from ksef_mock.crypto.certificate import load_pem_certificates
from ksef_mock.trail.wire import without_secrets

_SIGNATURE = "c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
_JWT = f"eyJhbGciOiJIUzI1NiJ9.eyJ0eXAiOiJDb250ZXh0VG9rZW4ifQ.{_SIGNATURE}"
_LONG = 300_000


@pytest.mark.parametrize(
    "text", [_JWT, f"Bearer {_JWT}", f"x{_JWT}", f"a.b.{_JWT}", f"{_JWT}.more", f"({_JWT})"]
)
def test_a_jwt_is_masked_wherever_it_stands(text: str) -> None:
    assert _SIGNATURE not in kept(text)
    assert _SIGNATURE not in without_secrets(text)
    assert masked(_SIGNATURE) in without_secrets(text)


@pytest.mark.parametrize("text", ["eyJ", "eyJ.eyJ", "x.eyJhbGciOiJIUzI1NiJ9.eyJ0eXAiOiJDb250", "heyJude.a.b"])
def test_what_is_no_jwt_stays(text: str) -> None:
    assert kept(text) == text


def _refused(pem: str) -> None:
    with pytest.raises(ValueError, match=r"no certificate in PEM"):
        load_pem_certificates(pem.encode())


@pytest.mark.parametrize("search", [kept, without_secrets, _refused])
@pytest.mark.parametrize(
    "piece",
    [
        "eyJ",
        "eyJa.",
        "eyJ.eyJ-",
        "x",
        "20260301-EC-",
        "20260301-EC-0123456789-ABCDEF0123-4F|a-",
        '"token":"',
        '"token" ',
        "?sig=",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN A",
        "-----BEGIN CERTIFICATE-----",
    ],
)
def test_a_search_for_secrets_ends_soon(search: Callable[[str], object], piece: str) -> None:
    """Linear: a few ms. Looked at from each of its beginnings the same text takes minutes."""
    began = time.thread_time()
    search(piece * (_LONG // len(piece)))
    assert time.thread_time() - began < 5.0
