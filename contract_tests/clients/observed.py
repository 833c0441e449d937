"""What a client has done in a situation, and the judgements that a situation makes on it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from contract_tests.clients.stage import Method
from contract_tests.clients.tap import Call, Step

#: Requests of one run of a client beyond which it hammers, whatever it wants to achieve.
MOST_CALLS = 100
#: Submissions of a challenge that has been accepted: repeating a call of which no answer came is right.
MOST_SUBMISSIONS = 4


class Failed(Exception):
    """The client did not survive; the message says what it should have done and what it did."""


class NotExercised(Exception):
    """The client never came to the point; the message says which."""


@dataclass(frozen=True)
class Secret:
    """What must not be seen, and what it is called."""

    name: str
    text: str


@dataclass(frozen=True)
class Observed:
    """One run of the client."""

    #: How it was asked to log in.
    method: Method
    #: Of the command; None if it had to be stopped; -N if signal N killed it.
    exit_code: int | None
    #: What it printed, standard output and standard error.
    output: str
    #: Seconds.
    duration: float
    calls: Sequence[Call]
    #: The secrets that it was given.
    secrets: Sequence[Secret] = ()
    #: How it survived, where there is a choice.
    remarks: list[str] = field(default_factory=list)

    def of(self, *steps: Step) -> list[Call]:
        """Its requests of these kinds, in order."""
        return [call for call in self.calls if any(call.is_a(step) for step in steps)]

    @property
    def logged_in(self) -> bool:
        """Whether it got an access token."""
        return any(call.is_success for call in self.of(Step.REDEEM))

    # -- whether it came to the point

    def reached(self, condition: object, otherwise: str) -> None:
        """
        Raises:
            NotExercised: the condition does not hold; `otherwise` completes "the client never …".
        """
        if not condition:
            raise NotExercised(f"the client never {otherwise}{self._how_it_ended}")

    def reached_step(self, step: Step, times: int = 1) -> list[Call]:
        """Its requests of this kind.

        Raises:
            NotExercised: there are fewer than `times`.
        """
        calls = self.of(step)
        often = "" if times == 1 else f" {times} times"
        self.reached(len(calls) >= times, f"{_DONE[step]}{often}")
        return calls

    # -- judgements

    def remark(self, text: str) -> None:
        """Say how it survived."""
        self.remarks.append(text)

    def expect(self, condition: object, otherwise: str) -> None:
        """
        Raises:
            Failed: the condition does not hold.
        """
        if not condition:
            raise Failed(otherwise)

    def expect_success(self) -> None:
        """It logged in, what it asked for then it got, and it says so.

        Raises:
            Failed: one of these is not so.
        """
        self.expect_moderation()
        if self.exit_code != 0:
            raise Failed(f"expected a login and exit code 0, received {self._exit}{self._why}")
        self.expect(self.logged_in, f"exit code 0, although it did not log in{self._why}")
        requests = self.of(Step.REQUEST)
        self.expect(
            not requests or requests[-1].is_success,
            "exit code 0, although its last request was refused"
            + (f": {requests[-1].status}" if requests else ""),
        )

    def expect_clean_failure(self) -> None:
        """It gave up: exit code other than 0, by itself, without hammering.

        Raises:
            Failed: one of these is not so.
        """
        self.expect_moderation()
        self.expect(self.exit_code != 0, "expected a failure, received exit code 0")
        self.expect(
            self.exit_code is not None and self.exit_code > 0,
            f"expected an exit code above 0, received {self._exit}",
        )
        self.remark(f"gave up with exit code {self.exit_code}")

    def expect_success_or_clean_failure(self) -> None:
        """Either of both.

        Raises:
            Failed: neither.
        """
        if self.exit_code == 0:
            self.expect_success()
            self.remark("logged in all the same")
        else:
            self.expect_clean_failure()

    def expect_moderation(self) -> None:
        """
        Raises:
            Failed: it hammers.
        """
        number = len(self.calls)
        self.expect(number <= MOST_CALLS, f"hammers: {number} requests in {self.duration:.1f} s")

    def expect_at_most(self, number: int, calls: Sequence[Call], what: str) -> None:
        """
        Raises:
            Failed: there are more of them; `what` is a plural.
        """
        self.expect(len(calls) <= number, f"expected at most {number} {what}, received {len(calls)}")

    def expect_wait(self, refused: Call, seconds: float) -> None:
        """After a refusal with Retry-After it left the same alone for that long.

        Raises:
            Failed: it came again earlier.
        """
        for call in self.calls:
            pause = call.began - refused.ended
            # The client's own clock may run a little differently, hence the tolerance.
            if call.step is refused.step and call.began > refused.began and pause < seconds - 0.05:
                raise Failed(
                    f"expected a pause of {seconds:g} s after {refused.status} with Retry-After,"
                    f" received {pause:.2f} s"
                )

    def expect_challenges_spared(self) -> None:
        """It did not go on submitting a challenge that had been accepted.

        Raises:
            Failed: it did.
        """
        accepted: set[str] = set()
        again: dict[str, int] = {}
        for call in self.of(Step.SUBMISSION):
            challenge = challenge_of(call)
            if challenge in accepted:
                again[challenge] = again.get(challenge, 0) + 1
            elif call.is_success or call.lost:
                accepted.add(challenge)
        worst = max(again.values(), default=0)
        self.expect(
            worst < MOST_SUBMISSIONS,
            f"submitted a used challenge {worst} times more; it never becomes valid again",
        )

    def leaks(self, text: str) -> list[str]:
        """Which secrets `text` contains: "the KSeF token" and the like."""
        found = [secret.name for secret in self.secrets if secret.text in text]
        found += [name for call in self.calls for name, token in _tokens_in(call) if token in text]
        return list(dict.fromkeys(found))

    # -- words

    @property
    def _exit(self) -> str:
        if self.exit_code is None:
            return "none: it was still running"
        if self.exit_code < 0:
            return f"death by signal {-self.exit_code}"
        return f"exit code {self.exit_code}"

    @property
    def _how_it_ended(self) -> str:
        return "" if self.exit_code == 0 else f" ({self._exit}{self._why})"

    @property
    def _why(self) -> str:
        """What may explain a failure: the refusal that came last, if nothing went well since; last words."""
        if not self.calls:
            return f"; it sent no request to the mock{self._last_words}"
        # Without a login whatever was refused explains it; with one only what was refused in the end.
        candidates = self.calls[-1:] if self.logged_in else self.calls
        for call in reversed(candidates):
            if call.refusal is not None or call.status >= 400:
                reason = f", {call.refusal}" if call.refusal else ""
                return f"; {call.method} {call.path}: {call.status}{reason}{self._last_words}"
        return self._last_words

    @property
    def _last_words(self) -> str:
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        return f"; it said: {lines[-1][:200]}" if lines else ""


_DONE = {
    Step.CHALLENGE: "asked for a challenge",
    Step.KEYS: "asked for the published keys",
    Step.SUBMISSION: "submitted a login",
    Step.POLL: "asked for the status of its login",
    Step.REDEEM: "redeemed its login",
    Step.REFRESH: "refreshed its access token",
    Step.LOGOUT: "logged out",
    Step.REQUEST: "made a request with its access token",
    Step.OPEN: "opened a session for invoices",
    Step.SEND: "sent an invoice",
    Step.UPLOAD: "uploaded a part of a package",
    Step.VERDICT: "asked what became of its invoice",
    Step.CLOSE: "closed its session",
    Step.STATE: "asked for the status of its session",
    Step.DOWNLOAD: "fetched something by its link",
    Step.ORDER: "ordered an export",
    Step.PROGRESS: "asked for the status of its export",
}

_XML_CHALLENGE = re.compile(rb"<(?:\w+:)?Challenge>\s*([^<\s]+)")


def challenge_of(call: Call) -> str:
    """The challenge that a submission names; empty if none can be found."""
    match = _XML_CHALLENGE.search(call.request_body)
    if match is not None:
        return match[1].decode("ascii", "replace")
    body = call.sent()
    return str(body.get("challenge", "")) if isinstance(body, dict) else ""


def _tokens_in(call: Call) -> list[tuple[str, str]]:
    """The JWTs of an answer, with their names."""
    if call.step not in (Step.SUBMISSION, Step.REDEEM, Step.REFRESH):
        return []
    body = call.json()
    if not isinstance(body, dict):
        return []
    return [
        (_JWT_NAMES[member], value["token"])
        for member, value in body.items()
        if member in _JWT_NAMES and isinstance(value, dict) and isinstance(value.get("token"), str)
    ]


_JWT_NAMES = {
    "authenticationToken": "the authentication token",
    "accessToken": "the access token",
    "refreshToken": "the refresh token",
}
