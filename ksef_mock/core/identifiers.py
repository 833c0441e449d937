"""Identifiers of contexts and subjects: their types and patterns.

Source: the simple types of the AuthTokenRequest schemas (TNIP, TIID, TNipVatUE, TPeppolId), which the
OpenAPI document's AuthenticationContextIdentifier follows.
"""

from __future__ import annotations

import re

import msgspec

_NIP = r"[1-9](?:[0-9][1-9]|[1-9][0-9])[0-9]{7}"

# VAT number shapes by country, after the VIES FAQ, as the schema has them.
_VAT_UE = "|".join(
    (
        r"ATU[0-9]{8}",
        r"BE[01][0-9]{9}",
        r"BG[0-9]{9,10}",
        r"CY[0-9]{8}[A-Z]",
        r"CZ[0-9]{8,10}",
        r"DE[0-9]{9}",
        r"DK[0-9]{8}",
        r"EE[0-9]{9}",
        r"EL[0-9]{9}",
        r"ES(?:[A-Z][0-9]{8}|[0-9]{8}[A-Z]|[A-Z][0-9]{7}[A-Z])",
        r"FI[0-9]{8}",
        r"FR[A-Z0-9]{2}[0-9]{9}",
        r"HR[0-9]{11}",
        r"HU[0-9]{8}",
        r"IE(?:[0-9]{7}[A-Z]{2}|[0-9][A-Z0-9+*][0-9]{5}[A-Z])",
        r"IT[0-9]{11}",
        r"LT(?:[0-9]{9}|[0-9]{12})",
        r"LU[0-9]{8}",
        r"LV[0-9]{11}",
        r"MT[0-9]{8}",
        r"NL[A-Z0-9+*]{12}",
        r"PT[0-9]{9}",
        r"RO[0-9]{2,10}",
        r"SE[0-9]{12}",
        r"SI[0-9]{8}",
        r"SK[0-9]{10}",
        r"XI(?:[0-9]{9}|[0-9]{12}|(?:GD|HA)[0-9]{3})",
    )
)

#: The VAT number of an EU entity, the second part of a NipVatUe.
VAT_UE_PATTERN = re.compile(_VAT_UE)

#: Type of a context identifier -> the pattern that its whole value matches.
CONTEXT_PATTERNS: dict[str, re.Pattern[str]] = {
    "Nip": re.compile(_NIP),
    "InternalId": re.compile(rf"{_NIP}-[0-9]{{5}}"),
    "NipVatUe": re.compile(rf"{_NIP}-(?:{_VAT_UE})"),
    "PeppolId": re.compile(r"P[A-Z]{2}[0-9]{6}"),
}

#: Type of a subject identifier -> the pattern that its whole value matches (OpenAPI: Nip, Pesel).
#: In a PESEL the century is part of the month.
SUBJECT_PATTERNS: dict[str, re.Pattern[str]] = {
    "Nip": re.compile(_NIP),
    "Pesel": re.compile(r"[0-9]{2}(?:[02468][1-9]|[13579][0-2])[0-9]{7}"),
    "Fingerprint": re.compile(r"[0-9A-F]{64}"),
}


class Identifier(msgspec.Struct, frozen=True, gc=False):
    """A typed identifier of a context or of a subject, e.g. `Identifier("Nip", "5265877635")`."""

    type: str
    value: str

    def __str__(self) -> str:
        return f"{self.type}:{self.value}"

    @property
    def nip(self) -> str | None:
        """The NIP inside a context identifier; None for PeppolId and for anything without one."""
        return self.value[:10] if self.type in ("Nip", "InternalId", "NipVatUe") else None


def is_context_identifier(identifier: Identifier) -> bool:
    """Whether the type is a context type and the whole value has that type's pattern."""
    pattern = CONTEXT_PATTERNS.get(identifier.type)
    return pattern is not None and pattern.fullmatch(identifier.value) is not None


def is_subject_identifier(identifier: Identifier) -> bool:
    """Whether the type is a subject type and the whole value has that type's pattern."""
    pattern = SUBJECT_PATTERNS.get(identifier.type)
    return pattern is not None and pattern.fullmatch(identifier.value) is not None


def is_identifier(identifier: Identifier) -> bool:
    """Whether the type is one of a context or of a subject and the whole value has that type's pattern."""
    return is_subject_identifier(identifier) or is_context_identifier(identifier)


def has_check_digit(internal_id: str) -> bool:
    """Whether the last digit of an InternalId is its checksum: weights 1, 3, 1, 3, ...; the sum modulo 10.

    Source: OpenAPI, POST /permissions/subunits/grants. It is asked for where an InternalId is made, not of
    the context of a login.
    """
    *digits, last = [int(character) for character in internal_id if character.isdigit()]
    return sum(digit * (1, 3)[position % 2] for position, digit in enumerate(digits)) % 10 == last
