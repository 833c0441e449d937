"""Defects of POST /auth/challenge, and of what a challenge is good for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ksef_mock.clock import SECOND
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.references import Kind, new_reference
from ksef_mock.defects.catalogue import defect
from ksef_mock.defects.mock import Mock
from ksef_mock.ksef.auth.challenge import CHALLENGES, Challenge
from ksef_mock.state.store import Swap

_PATH = "/auth/challenge"


@defect("A challenge authenticates once.")
def challenge_can_be_reused(mock: Mock) -> None:
    """A challenge that has authenticated is accepted again."""

    def make(original: Any) -> Any:
        def spend(challenge: Challenge, operation: str) -> Swap:
            written: Swap = original(challenge, operation)
            return written._replace(new=challenge)

        return spend

    mock.replace(mock.system.challenges, "spend", make)


@defect("A submission that was refused does not use its challenge up.")
def challenge_is_spent_by_refused_login(mock: Mock) -> None:
    """A challenge is spent by the first submission that names it, even one that is refused."""
    challenges, store = mock.system.challenges, mock.system.store
    spend = challenges.spend

    def make(original: Any) -> Any:
        async def find(value: str) -> Challenge:
            challenge: Challenge = await original(value)
            await store.commit(spend(challenge, "a login that may yet be refused"))
            return challenge

        return find

    def spent(challenge: Challenge, operation: str) -> Swap:
        del operation
        written = spend(challenge, "a login that may yet be refused")
        return written._replace(old=written.new)

    mock.replace(challenges, "find", make)
    mock.replace(challenges, "spend", lambda _: spent)


@defect("A challenge lives 10 minutes.")
def challenge_lives_a_second_too_long(mock: Mock) -> None:
    """A challenge is accepted until 10 minutes and 1 second after its issue."""
    mock.replace(mock.system.challenges, "_lifetime", lambda lifetime: lifetime + SECOND)


@defect("A challenge lives 10 minutes.")
def challenge_expires_a_second_early(mock: Mock) -> None:
    """A challenge is refused from 9 minutes and 59 seconds after its issue."""
    mock.replace(mock.system.challenges, "_lifetime", lambda lifetime: lifetime - SECOND)


@defect("A challenge lives 10 minutes.")
def challenge_never_expires(mock: Mock) -> None:
    """A challenge of a day ago is accepted."""
    mock.replace(mock.system.challenges, "_lifetime", lambda lifetime: lifetime * 1_000)


@defect("Only a challenge that was issued authenticates.")
def unknown_challenge_is_accepted(mock: Mock) -> None:
    """A challenge of the right shape that was never issued is accepted."""
    system = mock.system

    def make(original: Any) -> Any:
        async def find(value: str) -> Challenge:
            try:
                found: Challenge = await original(value)
            except BadRequest:
                now = system.clock.now()
                found = Challenge(value, now, "127.0.0.1")
                if not await system.store.insert(CHALLENGES, value, found, now + 600 * SECOND):
                    raise
            return found

        return find

    mock.replace(system.challenges, "find", make)


@defect("timestampMs is the timestamp in milliseconds, truncated.")
def timestamp_ms_is_rounded_up(mock: Mock) -> None:
    """timestampMs is the next whole millisecond after the timestamp."""

    def change(body: Any) -> None:
        body["timestampMs"] += 1

    mock.edit_json(change, path=_PATH, status=200)


@defect("timestampMs is in milliseconds.")
def timestamp_ms_is_in_seconds(mock: Mock) -> None:
    """timestampMs is in seconds."""

    def change(body: Any) -> None:
        body["timestampMs"] //= 1_000

    mock.edit_json(change, path=_PATH, status=200)


@defect("timestamp is in UTC.")
def timestamp_is_local_time(mock: Mock) -> None:
    """The timestamp is Polish local time, marked as UTC."""

    def change(body: Any) -> None:
        moment = datetime.fromisoformat(body["timestamp"]) + timedelta(hours=1)
        body["timestamp"] = f"{moment:%Y-%m-%dT%H:%M:%S}{body['timestamp'][19:]}"

    mock.edit_json(change, path=_PATH, status=200)


@defect("Timestamps have 7 fractional digits and the offset +00:00.")
def timestamp_has_3_digits(mock: Mock) -> None:
    """The timestamp of a challenge has 3 fractional digits and ends in Z."""

    def change(body: Any) -> None:
        body["timestamp"] = f"{body['timestamp'][:23]}Z"

    mock.edit_json(change, path=_PATH, status=200)


@defect("The type of a challenge's reference number is CR.")
def challenge_has_wrong_type(mock: Mock) -> None:
    """The reference number of a challenge has the type AU, that of an operation."""
    system = mock.system

    async def issue(client_ip: str) -> Challenge:
        now = system.clock.now()
        challenge = Challenge(new_reference(Kind.AUTHENTICATION, now), now, client_ip)
        await system.store.insert(CHALLENGES, challenge.value, challenge, now + 600 * SECOND)
        return challenge

    mock.replace(system.challenges, "issue", lambda _: issue)


@defect("Every challenge is another one.")
def challenge_repeats_within_a_second(mock: Mock) -> None:
    """Whoever asks twice in the same second gets the same challenge."""
    last: dict[int, Challenge] = {}

    def make(original: Any) -> Any:
        async def issue(client_ip: str) -> Challenge:
            second = mock.system.clock.now() // SECOND
            if second not in last:
                last.clear()
                last[second] = await original(client_ip)
            return last[second]

        return issue

    mock.replace(mock.system.challenges, "issue", make)


@defect("The answer to a challenge has clientIp.")
def challenge_lacks_client_ip(mock: Mock) -> None:
    """The answer to POST /auth/challenge has no clientIp."""
    mock.edit_json(lambda body: body.pop("clientIp"), path=_PATH, status=200)


@defect("clientIp is the address that the request came from.")
def client_ip_is_the_servers(mock: Mock) -> None:
    """clientIp is an address of the server's network, the same for everybody."""

    def change(body: Any) -> None:
        body["clientIp"] = "10.0.0.1"

    mock.edit_json(change, path=_PATH, status=200)


@defect("A challenge is asked for with any empty body: none, {}, or none with a JSON content type.")
def challenge_needs_a_json_body(mock: Mock) -> None:
    """POST /auth/challenge without a body is refused with 21405."""
    mock.refuse(
        lambda ask: None if ask.body else BadRequest(Code.VALIDATION, "Treść żądania jest wymagana."),
        method="POST",
        path=_PATH,
    )


@defect("A challenge that cannot be used is refused with the exception code 21111.")
def unusable_challenge_has_other_code(mock: Mock) -> None:
    """A challenge that cannot be used is refused with 21405."""
    mock.recode(21111, 21405)


@defect("timestamp and timestampMs name the moment at which the challenge was issued.")
def challenge_is_dated_ahead(mock: Mock) -> None:
    """Both timestamps of a challenge lie five minutes in the future, and the login expects them so."""
    system = mock.system

    async def issue(client_ip: str) -> Challenge:
        moment = system.clock.now() + 300 * SECOND
        challenge = Challenge(new_reference(Kind.CHALLENGE, moment), moment, client_ip)
        await system.store.insert(CHALLENGES, challenge.value, challenge, moment + 600 * SECOND)
        return challenge

    mock.replace(system.challenges, "issue", lambda _: issue)
