"""What KSeF decides about exports: statuses, limits, who may export as what. Pure.

Sources: OpenAPI 2.9.0 (POST /invoices/exports and the table of its status), hwm.md,
przyrostowe-pobieranie-faktur.md, and the official clients' tests.
"""

from __future__ import annotations

from ksef_mock.clock import SECOND, Instant
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.identifiers import Identifier
from ksef_mock.ksef.invoices.metadata import SubjectType
from ksef_mock.ksef.invoices.packing import Compression

#: Days for which a package can be fetched and its status asked for.
LIFETIME_DAYS = 7
#: Seconds for which a link to a part is valid.
LINK_LIFETIME = 3_600
#: Exports of one subject in one context that may run at once.
MOST_RUNNING = 10

_MINUTE = 60 * SECOND

#: The ending of a package's name (Zip seen; TarGz inferred).
SUFFIXES: dict[Compression, str] = {Compression.ZIP: "zip", Compression.TAR_GZ: "tar.gz"}

#: In which contexts a part in an invoice can be played (inferred; the sentence of 21181 is documented).
_CONTEXTS: dict[SubjectType, frozenset[str]] = {
    SubjectType.SELLER: frozenset(("Nip", "NipVatUe")),
    SubjectType.BUYER: frozenset(("Nip", "NipVatUe")),
    SubjectType.THIRD: frozenset(("Nip", "InternalId")),
    SubjectType.AUTHORIZED: frozenset(("Nip",)),
}


def high_water_mark(now: Instant, lag: float) -> Instant:
    """The PermanentStorageHwmDate: everything that was stored for good before is known.

    Args:
        lag: seconds that it is behind, then at a whole minute as seen on production; 0: it is now.
    """
    if not lag:
        return now
    behind = now - round(lag * SECOND)
    return behind - behind % _MINUTE


def require_available(is_beyond: bool) -> None:
    """
    Raises:
        BadRequest: 21183, a query for what is complete alone begins after the PermanentStorageHwmDate.
    """
    if is_beyond:
        raise BadRequest(
            Code.BEYOND_AVAILABLE_DATA,
            "Parametr dateRange.from jest późniejszy niż PermanentStorageHwmDate "
            "przy włączonym restrictToPermanentStorageHwmDate.",
        )


def require_part(subject_type: SubjectType, context: Identifier) -> None:
    """
    Raises:
        BadRequest: 21181, no invoice names such a context in this part.
    """
    if context.type not in _CONTEXTS[subject_type]:
        raise BadRequest(
            Code.EXPORT_REQUEST,
            f"Nie można wyeksportować paczki faktur dla wybranego podmiotu ({subject_type}) i zalogowanego "
            f"identyfikatora kontekstu ({context.type}).",
        )


def require_room(running: int) -> None:
    """
    Raises:
        BadRequest: 21182, so many exports are running already.
    """
    if running >= MOST_RUNNING:
        raise BadRequest(
            Code.TOO_MANY_EXPORTS,
            "Dla uwierzytelnionego podmiotu w bieżącym kontekście osiągnięto maksymalny limit "
            f"{MOST_RUNNING} równoczesnych eksportów faktur. Spróbuj ponownie później.",
        )


def no_export(reason: str) -> BadRequest:
    """21175, which is documented without details; of another context inferred."""
    return BadRequest(Code.NO_EXPORT, reason=reason)
