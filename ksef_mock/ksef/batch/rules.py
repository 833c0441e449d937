"""What KSeF decides about packages: how large, how long, what it says of wrong ones.

Sources: OpenAPI (POST /sessions/batch and …/close, the statuses of a batch session), sesja-wsadowa.md, the
official clients' own tests; sentences that none of them has are marked as ours.
"""

from __future__ import annotations

from collections.abc import Sequence

from ksef_mock.clock import SECOND, Instant
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.ksef.sending.rules import SessionStatus
from ksef_mock.ksef.sending.session import Part, Session

LARGEST_PACKAGE = 5_000_000_000
MOST_PARTS = 50
#: Octets of a part before it is encrypted, and after: a block of padding more at most.
LARGEST_PART = 100_000_000
_LARGEST_ENCRYPTED = LARGEST_PART + 16
#: Seconds for which each part may be uploaded: so many times the number of parts (sesja-wsadowa.md) …
_FOR_EACH_PART = 20 * 60
#: … and a little longer: links of one part were seen that last half an hour.
_GRACE = 10 * 60

#: Seconds for which parts are kept after the session's end: whoever processes them may be late.
KEPT_LONGER = 7 * 86_400


def upload_time(parts: int) -> int:
    """Seconds for which a part of a package of so many may be uploaded."""
    return parts * _FOR_EACH_PART + _GRACE


def upload_ends(session: Session) -> Instant:
    """When the links of a batch session expire."""
    parts = session.plan.parts if session.plan is not None else ()
    return session.created_at + upload_time(len(parts)) * SECOND


def require_parts(parts: Sequence[Part]) -> None:
    """
    Raises:
        BadRequest: 21161, too many; 21157, one is larger than any package.
    """
    if len(parts) > MOST_PARTS:
        raise BadRequest(
            Code.TOO_MANY_PARTS,
            f"Liczba części pliku musi być mniejsza lub równa niż {MOST_PARTS}.",
            reason=f"{len(parts)} parts are declared",
        )
    # A part above 100 MB passes here (asserted by the official clients), and not at the close.
    large = next((part for part in parts if part.size > LARGEST_PACKAGE), None)
    if large is not None:
        raise too_large(large.ordinal)


def missing(part: int) -> BadRequest:
    """21205."""
    return BadRequest(Code.MISSING_PART, f"Nie przesłano zadeklarowanej '{part}' części pliku.")


def require_sizes(parts: Sequence[Part]) -> None:
    """
    Raises:
        BadRequest: 21157, a part has another size than was declared, or is too large.
    """
    for part in parts:
        assert part.blob is not None
        if part.blob.size != part.size:
            raise BadRequest(
                Code.PART_SIZE,
                f"Zadeklarowany rozmiar części '{part.ordinal}' nie zgadza się z rzeczywistym.",
                reason=f"part {part.ordinal}: {part.size} octets were declared, {part.blob.size} have come",
            )
        if part.size > _LARGEST_ENCRYPTED:
            raise too_large(part.ordinal)


def too_large(part: int) -> BadRequest:
    """21157, in a sentence of our own."""
    return BadRequest(
        Code.PART_SIZE, f"Rozmiar części '{part}' przekracza dozwolony rozmiar {LARGEST_PART} bajtów."
    )


def most_octets(part: Part) -> int:
    """How much of an upload is taken: a wrong size is found out at the close."""
    return max(part.size, _LARGEST_ENCRYPTED) + 1_000_000


class Rejected(Exception):
    """A package that no invoice is taken from."""

    def __init__(self, status: SessionStatus, *details: str, reason: str) -> None:
        """`reason`: for people, in English."""
        super().__init__(reason)
        self.status = status
        self.details = details
        self.reason = reason


def wrong_key() -> Rejected:
    return Rejected(
        SessionStatus.KEY,
        "Rozszyfrowania klucza symetrycznego zakończone błędem",
        reason="encryptedSymmetricKey could not be decrypted",
    )


def wrong_part(part: Part, computed: str) -> Rejected:
    return Rejected(
        SessionStatus.PACKAGE,
        f"Skrót SHA-256 części: '{part.ordinal}' nie zgadza się z zadeklarowanym skrótem: '{part.hash}'.",
        reason=f"part {part.ordinal} was declared with the SHA-256 {part.hash}, that of what has come is "
        f"{computed}",
    )


def not_decrypted(part: Part, why: str) -> Rejected:
    """The sentence is ours."""
    return Rejected(
        SessionStatus.DECRYPTION,
        f"Odszyfrowanie części: '{part.ordinal}' zakończone błędem.",
        reason=f"part {part.ordinal}: AES-256-CBC with PKCS#7 fails: {why}",
    )


def wrong_package(declared: str, computed: str) -> Rejected:
    return Rejected(
        SessionStatus.DECOMPRESSION,
        f"Skrót SHA-256 przesłanej paczki faktur nie jest zgodny z zadeklarowanym skrótem: '{declared}'.",
        reason=f"the package was declared with the SHA-256 {declared}, that of the decrypted parts is "
        f"{computed}: another initialization vector, another order, or other parts",
    )


def wrong_package_size(declared: int, found: int) -> Rejected:
    """The sentence is ours."""
    return Rejected(
        SessionStatus.DECOMPRESSION,
        f"Rozmiar przesłanej paczki faktur nie jest zgodny z zadeklarowanym rozmiarem: '{declared}'.",
        reason=f"the package was declared with {declared} octets, the decrypted parts have {found}",
    )


def bad_archive(why: str) -> Rejected:
    """The sentence is ours."""
    return Rejected(SessionStatus.DECOMPRESSION, "Paczka faktur nie jest poprawnym archiwum.", reason=why)


def too_many(found: int, most: int) -> Rejected:
    return Rejected(
        SessionStatus.TOO_MANY,
        f"Przekroczono dopuszczalną liczbę faktur w paczce: '{most}'. Liczba faktur w paczce: '{found}'.",
        reason=f"the package has {found} files, {most} are allowed",
    )


def no_invoices() -> Rejected:
    return Rejected(SessionStatus.CANCELLED, "Nie przesłano faktur", reason="the package has no files")
