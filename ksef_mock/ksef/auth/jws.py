"""Signed text in three parts: JWS compact serialisation (RFC 7515) with HS256 (RFC 7518), and nothing else.

A mock reads only what mocks wrote, so there is one header, one algorithm and one spelling of every token.
Whatever differs is refused before any of it is believed: no `alg` is looked up, nothing is negotiated.
"""

from __future__ import annotations

import binascii
import hmac

#: The protected header of every token.
HEADER = b'{"alg":"HS256","typ":"JWT"}'


class Refused(ValueError):
    """Not a token with this header and a signature by this secret; the text says which of the two."""


def sign(payload: bytes, secret: bytes) -> str:
    """`payload` as a token, signed with `secret` (at least 32 octets: RFC 7518, 3.2)."""
    signing_input = _PREFIX + _encoded(payload)
    return (signing_input + b"." + _signature(signing_input, secret)).decode("ascii")


def verify(token: str, secret: bytes) -> bytes:
    """The payload of a token that `sign` made with this secret.

    Raises:
        Refused: it is anything else.
    """
    try:
        octets = token.encode("ascii")
    except UnicodeEncodeError:
        raise Refused("not a compact JWS: characters beyond ASCII") from None
    signing_input, _, signature = octets.rpartition(b".")
    if octets.count(b".") != 2:
        raise Refused(f"not a compact JWS: {octets.count(b'.') + 1} parts instead of 3")
    if not signing_input.startswith(_PREFIX):
        raise Refused(f"the header is not {HEADER.decode()}")
    # The encoded signatures are compared, not the decoded ones: base64url has several spellings of one value
    # (padding, unused bits of the last character), and only one of them is right.
    if not hmac.compare_digest(signature, _signature(signing_input, secret)):
        raise Refused("the signature is not of this mock (or not since its reset)")
    # What has been signed here was encoded here.
    return _decoded(signing_input[len(_PREFIX) :])


def _signature(signing_input: bytes, secret: bytes) -> bytes:
    return _encoded(hmac.digest(secret, signing_input, "sha256"))


def _encoded(octets: bytes) -> bytes:
    """base64url without padding (RFC 7515, 2)."""
    return binascii.b2a_base64(octets, newline=False).translate(_TO_URL, b"=")


def _decoded(text: bytes) -> bytes:
    return binascii.a2b_base64(text.translate(_FROM_URL) + b"=" * (-len(text) % 4))


_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_PREFIX = _encoded(HEADER) + b"."
