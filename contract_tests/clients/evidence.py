"""Turns what was recorded into what a report keeps: bounded, and without secrets."""

from __future__ import annotations

from collections.abc import Sequence

from contract_tests.clients.observed import Secret
from contract_tests.clients.report import Request
from contract_tests.clients.tap import Call
from contract_tests.common.exchange import Exchange, Message, message_of
from contract_tests.common.masking import masked_text

#: Requests of one run that a report keeps: from its beginning and from its end.
_FIRST, _LAST = 20, 20
#: Characters of output that a report keeps: the last ones.
_LONGEST_OUTPUT = 8_000


def requests_of(calls: Sequence[Call], started: float, base_url: str) -> tuple[Request, ...]:
    """The requests of a run; of very many the first and the last."""
    kept = calls if len(calls) <= _FIRST + _LAST else [*calls[:_FIRST], *calls[-_LAST:]]
    return tuple(_request(call, started, base_url) for call in kept)


def output_of(text: str, secrets: Sequence[Secret]) -> str:
    """The end of what a command printed, without the secrets that it was given."""
    text = masked_text(text)
    for secret in secrets:
        text = text.replace(secret.text, "…masked")
    if len(text) > _LONGEST_OUTPUT:
        text = f"… ({len(text) - _LONGEST_OUTPUT} characters before)\n{text[-_LONGEST_OUTPUT:]}"
    return text


def _request(call: Call, started: float, base_url: str) -> Request:
    exchange = Exchange(
        call.method,
        masked_text(base_url + call.target),
        call.status,
        round((call.ended - call.began) * 1_000, 1),
        message_of(call.request_headers, call.request_body),
        message_of(call.response_headers, call.response_body) if call.status else Message((), ""),
        outcome=_note(call),
    )
    return Request(round(call.began - started, 3), _note(call), exchange)


def _note(call: Call) -> str:
    notes = []
    if call.trail is not None:
        notes += [f"{check}: {reason}" for check, how, reason in call.trail.decisions if how == "failed"]
        notes += [reason for check, _, reason in call.trail.decisions if check == "fault"]
    if call.lost:
        instead = f"{call.status} came" if call.status else "the connection was closed"
        notes.append(f"carried out, but {instead} instead of an answer")
    elif not call.status:
        notes.append("no answer")
    return masked_text("; ".join(notes))
