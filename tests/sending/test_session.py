"""A session as a state machine: what each event makes of it, and what happens by itself."""

from __future__ import annotations

from typing import Any

import pytest

from ksef_mock.clock import SECOND, Instant
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.waiting import Delay, Wait
from ksef_mock.ksef.invoices.rules import InvoiceStatus
from ksef_mock.ksef.sending.rules import LIFETIME, SessionStatus
from ksef_mock.ksef.sending.session import NotOpen, SentInvoice, Session, close, poll, settle, took

START: Instant = 1_780_000_000 * SECOND
NOW = START + 60 * SECOND
NO_DELAY = Delay()
GOOD, BAD = InvoiceStatus.SUCCESS, InvoiceStatus.INVALID
NIP = Identifier("Nip", "5265877635")


def new_session(**changes: Any) -> Session:
    fields: dict[str, Any] = {
        "reference": "20260528-SO-0000000000-0000000000-00",
        "context": NIP,
        "opened_by": NIP,
        "system_code": "FA (3)",
        "schema_version": "1-0E",
        "form_value": "FA",
        "key": b"k" * 32,
        "iv": b"i" * 16,
        "created_at": START,
        "valid_until": START + LIFETIME * SECOND,
        "updated_at": START,
        "wait": Wait(START),
    }
    return Session(**(fields | changes))


def invoice(code: InvoiceStatus = InvoiceStatus.SUCCESS, *, ends_at: Instant = NOW) -> SentInvoice:
    return SentInvoice(
        reference="20260528-EE-0000000000-0000000000-00",
        session="",
        ordinal=1,
        hash="",
        invoiced_at=NOW,
        wait=Wait(ends_at),
        code=code,
    )


def settled(session: Session, now: Instant = NOW, delay: Delay = NO_DELAY) -> Session:
    return settle(session, now, delay, lambda processed: ("page",) * processed.good)


@pytest.mark.parametrize(
    ("codes", "expected", "pages"),
    [
        ((GOOD,), SessionStatus.PROCESSED, 1),
        ((BAD, GOOD, BAD), SessionStatus.PROCESSED, 1),
        ((BAD, BAD), SessionStatus.NONE_GOOD, 0),
    ],
)
def test_a_closed_session_ends_by_what_was_good_in_it(
    codes: tuple[InvoiceStatus, ...], expected: SessionStatus, pages: int
) -> None:
    session = new_session()
    for code in codes:
        session = took(session, invoice(code))
    ended = settled(close(session, NOW, NO_DELAY))
    assert (ended.status, len(ended.pages)) == (expected, pages)
    assert (ended.sent, ended.good, ended.bad) == (len(codes), pages, len(codes) - pages)


def test_a_session_closed_without_invoices_is_cancelled_at_once() -> None:
    assert close(new_session(), NOW, Delay(polls=3)).status is SessionStatus.CANCELLED


@pytest.mark.parametrize("status", set(SessionStatus) - {SessionStatus.OPEN})
def test_only_an_open_session_takes_invoices_and_can_be_closed(status: SessionStatus) -> None:
    session = new_session(status=status)
    with pytest.raises(NotOpen):
        took(session, invoice())
    with pytest.raises(NotOpen):
        close(session, NOW, NO_DELAY)


def test_it_closes_by_itself_after_twelve_hours() -> None:
    end = START + 12 * 3_600 * SECOND
    session = took(new_session(), invoice())
    assert settled(session, end - 1).status is SessionStatus.OPEN
    ended = settled(session, end)
    assert (ended.status, ended.closed_at, ended.updated_at) == (SessionStatus.PROCESSED, end, end)
    assert settled(new_session(), end).status is SessionStatus.CANCELLED


def test_a_key_that_cannot_be_decrypted_is_found_out_later() -> None:
    session = new_session(key=None, wait=Wait(NOW, polls=1))
    assert settled(session).status is SessionStatus.OPEN
    after = poll(settled(session), NOW)
    assert settled(after).status is SessionStatus.KEY


def test_a_closed_session_is_processed_after_its_invoices() -> None:
    session = close(took(new_session(), invoice(ends_at=NOW + 5 * SECOND)), NOW, Delay(seconds=2))
    for seconds, expected in (
        (2, SessionStatus.CLOSED),
        (4, SessionStatus.CLOSED),
        (5, SessionStatus.PROCESSED),
    ):
        assert settled(session, NOW + seconds * SECOND).status is expected
    assert settled(session, NOW + 60 * SECOND).updated_at == NOW + 5 * SECOND


def test_polls_are_used_up_one_by_one() -> None:
    session = close(took(new_session(), invoice()), NOW, Delay(polls=2))
    seen = []
    for _ in range(4):
        session = settled(session)
        seen.append(int(session.status))
        session = poll(session, NOW)
    assert seen == [170, 170, 200, 200]
