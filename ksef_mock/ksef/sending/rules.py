"""What KSeF decides about sessions: which forms there are, who sees a session, what its codes say.

Sources: OpenAPI (the tables of statuses and of 400 answers of /sessions), the documentation of interactive
and batch sessions; who may do what also from statements of the ministry's developers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from ksef_mock.clock import Instant
from ksef_mock.core import dates
from ksef_mock.core.codes import Code, Reason
from ksef_mock.core.environment import ProfileName
from ksef_mock.core.errors import BadRequest, Forbidden
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.permissions import Permission
from ksef_mock.ksef.access.actor import Actor
from ksef_mock.ksef.invoices.forms import BY_CODE, FA2, Form
from ksef_mock.ksef.invoices.metadata import FormCode, InvoicingMode

#: Seconds for which a session takes invoices, unless it is closed before.
LIFETIME = 12 * 3_600
#: X-KSeF-Feature: NIP and internal identifiers of the parties are checked; on test environments only.
VALIDATE_IDENTIFIERS = "subject-identifier-validation"


class SessionStatus(IntEnum):
    """Codes of a session (OpenAPI: GET /sessions/{referenceNumber})."""

    OPEN = 100
    PROCESSING = 150
    CLOSED = 170
    PROCESSED = 200
    PACKAGE = 405
    KEY = 415
    TOO_MANY = 420
    DECOMPRESSION = 430
    DECRYPTION = 435
    CANCELLED = 440
    NONE_GOOD = 445
    UNKNOWN = 500


ONLINE_TEXTS: dict[SessionStatus, str] = {
    SessionStatus.OPEN: "Sesja interaktywna otwarta",
    SessionStatus.CLOSED: "Sesja interaktywna zamknięta",
    SessionStatus.PROCESSED: "Sesja interaktywna przetworzona pomyślnie",
    SessionStatus.KEY: "Błąd odszyfrowania dostarczonego klucza",
    SessionStatus.CANCELLED: "Sesja anulowana",
    SessionStatus.NONE_GOOD: "Błąd weryfikacji, brak poprawnych faktur",
}

BATCH_TEXTS: dict[SessionStatus, str] = {
    SessionStatus.OPEN: "Sesja wsadowa rozpoczęta",
    SessionStatus.PROCESSING: "Trwa przetwarzanie",
    SessionStatus.PROCESSED: "Sesja wsadowa przetworzona pomyślnie",
    SessionStatus.PACKAGE: "Błąd weryfikacji poprawności dostarczonych elementów paczki",
    SessionStatus.KEY: "Błąd odszyfrowania dostarczonego klucza",
    SessionStatus.TOO_MANY: "Przekroczony limit faktur w sesji",
    SessionStatus.DECOMPRESSION: "Błąd dekompresji pierwotnego archiwum",
    SessionStatus.DECRYPTION: "Błąd odszyfrowania zaszyfrowanych części archiwum",
    SessionStatus.CANCELLED: "Sesja anulowana",
    SessionStatus.NONE_GOOD: "Błąd weryfikacji, brak poprawnych faktur",
    SessionStatus.UNKNOWN: "Nieznany błąd (500)",
}

#: The detail of a status of a session whose record has none.
DETAILS: dict[SessionStatus, str] = {
    SessionStatus.KEY: "Rozszyfrowania klucza symetrycznego zakończone błędem",
    SessionStatus.CANCELLED: "Nie przesłano faktur",
}

#: The detail of a batch session that nobody has closed in time.
TOO_LATE = "Przekroczono czas wysyłki"

#: Statuses of an interactive session that come without any counters (recorded for 415).
COUNTLESS = frozenset((SessionStatus.KEY,))
#: Statuses of a batch session that come with counters (asserted by clients' tests).
COUNTED = frozenset((SessionStatus.PROCESSED, SessionStatus.NONE_GOOD))

#: Value of `statuses` -> the codes that it stands for (from the descriptions; Cancelled by a client's test).
COMMON: dict[str, frozenset[SessionStatus]] = {
    "InProgress": frozenset((SessionStatus.OPEN, SessionStatus.PROCESSING, SessionStatus.CLOSED)),
    "Succeeded": frozenset((SessionStatus.PROCESSED,)),
    "Failed": frozenset(
        (
            SessionStatus.PACKAGE,
            SessionStatus.KEY,
            SessionStatus.TOO_MANY,
            SessionStatus.DECOMPRESSION,
            SessionStatus.DECRYPTION,
            SessionStatus.NONE_GOOD,
            SessionStatus.UNKNOWN,
        )
    ),
    "Cancelled": frozenset((SessionStatus.CANCELLED,)),
}


#: The environments that take a form; those that are not named are taken by all.
_PROFILES: dict[Form, tuple[ProfileName, ...]] = {FA2: ("test",)}


def require_form(
    code: FormCode, context: Identifier, profile: ProfileName, *, in_batch: bool = False
) -> Form:
    """The form that a session is to be opened for.

    Raises:
        BadRequest: 21405, there is none, or not in this environment; PEF outside of a context PeppolId, or in
            a batch session.
    """
    form = BY_CODE.get(code)
    if form is None:
        why = "there is no such form"
    elif profile not in _PROFILES.get(form, (profile,)):
        why = f"{profile} does not take it"
    elif form.is_pef and in_batch:
        why = "it is for interactive sessions"
    elif form.is_pef and context.type != "PeppolId":
        why = f"it is for contexts of Peppol providers, the login is of {context.type}"
    else:
        return form
    raise BadRequest(
        Code.VALIDATION,
        "Wskazany kod formularza nie jest wspierany.",
        reason=f"form code {code.system_code} / {code.schema_version} / {code.value}: {why}",
    )


@dataclass(frozen=True, slots=True)
class Ownership:
    """Whose a session is."""

    context: Identifier
    opened_by: Identifier


def require_sight(actor: Actor, session: Ownership) -> None:
    """Let the actor see a session, its invoices and UPO: who opened it, the context's owner, Introspection.

    Raises:
        Forbidden: insufficient-resource-access (seen for another subject and for another context alike).
    """
    if session.context != actor.context:
        raise Forbidden(
            Reason.INSUFFICIENT_RESOURCE_ACCESS,
            reason=f"the session is of {session.context}, the login of {actor.context}",
        )
    if not (_is_own(actor, session) or sees_all(actor)):
        raise Forbidden(
            Reason.INSUFFICIENT_RESOURCE_ACCESS,
            reason=f"{session.opened_by} opened the session; {actor.subject} is neither the owner of the "
            "context nor has Introspection there",
        )


def require_use(actor: Actor, session: Ownership) -> None:
    """Let the actor send to a session and close it: who opened it, or the owner of the context.

    Raises:
        Forbidden: insufficient-resource-access.
    """
    if session.context == actor.context and (_is_own(actor, session) or actor.owns_context):
        return
    raise Forbidden(
        Reason.INSUFFICIENT_RESOURCE_ACCESS,
        reason=f"{session.opened_by} opened the session in {session.context}; {actor.subject} in "
        f"{actor.context} is not the owner",
    )


def sees_all(actor: Actor) -> bool:
    """Whether the actor sees all sessions of its context, not its own alone."""
    return actor.owns_context or actor.holds(Permission.INTROSPECTION, Permission.ENFORCEMENT_OPERATIONS)


def _is_own(actor: Actor, session: Ownership) -> bool:
    return session.opened_by in actor.identities


def invoicing_mode(offline: bool, issue_date: str | None, sent_at: Instant) -> InvoicingMode:
    """`Offline` if declared so, or if P_1 is a day before that of the sending, in Warsaw; else `Online`."""
    if offline:
        return "Offline"
    return "Offline" if issue_date is not None and issue_date < dates.day(sent_at) else "Online"


#: What a session whose status forbids it answers, by what was to be done.
SEND_REFUSAL = "Status sesji ({}) uniemożliwia wysyłkę faktur."
CLOSE_REFUSAL = "Status sesji ({}) uniemożliwia jej zamknięcie."


def wrong_status(status: SessionStatus, text: str) -> BadRequest:
    """21180: the session's status forbids it. The code is in parentheses, as recorded; documented without."""
    return BadRequest(Code.SESSION_STATUS, text.format(int(status)))


def not_open(status: SessionStatus, details: Sequence[str], text: str) -> BadRequest:
    """The refusal of a session that takes nothing any more: 21208 of one that was given up, else 21180."""
    return too_late() if TOO_LATE in details else wrong_status(status, text)


def too_late() -> BadRequest:
    """21208."""
    return BadRequest(Code.UPLOAD_TOO_LATE, "Sesja anulowana, przekroczony czas wysyłki.")


def no_invoice(reference: str, session: str) -> BadRequest:
    """21405, the only code documented there; a sentence of our own."""
    return BadRequest(
        Code.VALIDATION,
        f"Faktura o numerze referencyjnym {reference[:36]} nie została znaleziona w sesji {session}.",
    )


def no_session(reference: str, *, sending: bool = False) -> BadRequest:
    """21173; the verb differs where something is sent or closed."""
    verb = "odnaleziona" if sending else "znaleziona"
    return BadRequest(Code.NO_SESSION, f"Sesja o numerze referencyjnym {reference} nie została {verb}.")
