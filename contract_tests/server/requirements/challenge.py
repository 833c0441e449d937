"""POST /auth/challenge, and what a challenge is good for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from contract_tests.server import shapes
from contract_tests.server.capabilities import Capability
from contract_tests.server.catalogue import requirement
from contract_tests.server.expect import different, equal, true
from contract_tests.server.probe import PROBLEM_DETAILS, Challenge, Probe

_SOURCE = "OpenAPI POST /auth/challenge"
_MILLISECOND = timedelta(milliseconds=1)


@requirement(
    "KSEF-CHAL-001",
    "A challenge is answered with 200 and its four documented members.",
    source=f"{_SOURCE}: AuthenticationChallengeResponse",
)
def is_answered(ctx: Probe) -> None:
    ctx.post("/auth/challenge").answers(200, shapes.CHALLENGE)


@requirement(
    "KSEF-CHAL-002",
    "A challenge has 36 characters: the date of its issue, CR, and upper hexadecimal digits.",
    source="OpenAPI: Challenge",
)
def has_36_characters(ctx: Probe) -> None:
    challenge = ctx.challenge()
    equal("length of the challenge", len(challenge.value), 36)
    # Around midnight the number may be a moment older than the timestamp.
    days = {f"{challenge.moment - timedelta(seconds=age):%Y%m%d}" for age in (0, 2)}
    true(
        "date in the challenge",
        challenge.value[:8] in days,
        expected=" or ".join(sorted(days)),
        received=challenge.value[:8],
    )


@requirement(
    "KSEF-CHAL-003",
    "timestamp and timestampMs name the same millisecond in UTC, truncated.",
    source="seen on TEST; clients use the one or the other",
)
def both_timestamps_agree(ctx: Probe) -> None:
    # Several, since a rounded value equals a truncated one every other time.
    for _ in range(8):
        challenge = ctx.challenge()
        equal("timestampMs", challenge.timestamp_ms, _milliseconds(challenge))


@requirement(
    "KSEF-CHAL-004",
    "timestampMs is the present time in milliseconds, not in seconds.",
    source=f"{_SOURCE}: timestampMs",
)
def timestamp_is_now(ctx: Probe) -> None:
    challenge = ctx.challenge()
    age = datetime.now(UTC) - challenge.moment
    # Generous: the clocks of two machines are compared.
    true(
        "age of timestampMs",
        abs(age) < timedelta(minutes=2),
        expected="less than two minutes",
        received=age,
    )


@requirement(
    "KSEF-CHAL-005",
    "Every challenge is another one.",
    source=_SOURCE,
)
def is_unique(ctx: Probe) -> None:
    equal("different challenges of five", len({ctx.challenge().value for _ in range(5)}), 5)


@requirement(
    "KSEF-CHAL-006",
    "A challenge can be asked for with no body, with {}, and with a JSON content type and no body.",
    source="seen in public clients",
)
def takes_every_empty_body(ctx: Probe) -> None:
    json_type = {"Content-Type": "application/json"}
    ctx.post("/auth/challenge").answers(200, shapes.CHALLENGE)
    ctx.post("/auth/challenge", json={}).answers(200, shapes.CHALLENGE)
    ctx.post("/auth/challenge", headers=json_type).answers(200, shapes.CHALLENGE)


@requirement(
    "KSEF-CHAL-007",
    "clientIp is the address that the request came from.",
    source=f"{_SOURCE}: clientIp, since API 2.2.0",
    needs={Capability.SECOND_ADDRESS},
)
def names_the_client_address(ctx: Probe) -> None:
    for address in ("203.0.113.7", "198.51.100.23"):
        equal(
            "clientIp",
            ctx.post("/auth/challenge", address=address).answers(200).at("clientIp"),
            address,
        )


@requirement(
    "KSEF-CHAL-008",
    "A challenge authenticates once: a second login with it is refused with 21111.",
    source="OpenAPI POST /auth/ksef-token: 21111; documented",
)
def authenticates_once(ctx: Probe) -> None:
    challenge = ctx.challenge()
    ctx.start_token_login(challenge=challenge)
    ctx.submit_token(ctx.token_request(challenge=challenge)).refused(21111)


@requirement(
    "KSEF-CHAL-009",
    "A challenge used for a login with a token is used up for a login with a certificate too.",
    source="documented: one challenge, one authentication",
    needs={Capability.SELF_SIGNED},
)
def is_used_up_for_both_methods(ctx: Probe) -> None:
    challenge = ctx.challenge()
    ctx.start_token_login(challenge=challenge)
    ctx.submit(challenge=challenge).refused(21111)


@requirement(
    "KSEF-CHAL-010",
    "A submission that is refused with 400 leaves its challenge usable.",
    source="seen in public clients, which repeat a failed call with the same challenge",
)
def survives_a_refusal(ctx: Probe) -> None:
    challenge = ctx.challenge()
    right = ctx.token_request(challenge=challenge)
    ctx.submit_token(right | {"publicKeyId": "A" * 43 + "="}).refused(21470)
    ctx.submit_token(right | {"encryptedToken": "not Base64!"}).refused(21405)
    ctx.ends(ctx.started(ctx.submit_token(right)), 200)


@requirement(
    "KSEF-CHAL-011",
    "A login that was accepted and failed uses its challenge up.",
    source="documented: one challenge, one authentication",
)
def is_used_up_by_a_failed_login(ctx: Probe) -> None:
    challenge = ctx.challenge()
    ctx.settled(ctx.start_token_login(challenge=challenge, plaintext=f"nothing|{challenge.timestamp_ms}"))
    ctx.submit_token(ctx.token_request(challenge=challenge)).refused(21111)


@requirement(
    "KSEF-CHAL-012",
    "A challenge that was never issued is refused with 21111.",
    source="OpenAPI POST /auth/ksef-token: 21111",
)
def must_have_been_issued(ctx: Probe) -> None:
    body = ctx.token_request()
    ctx.submit_token(body | {"challenge": _other_number(body["challenge"])}).refused(21111)


@requirement(
    "KSEF-CHAL-013",
    "A challenge is good until ten minutes after its issue, and not a moment longer.",
    source="documented: the challenge lives 10 minutes",
    needs={Capability.MOVABLE_CLOCK},
)
def lives_ten_minutes(ctx: Probe) -> None:
    ctx.freeze()
    last, late = ctx.challenge(), ctx.challenge()
    expiry = _moment(last) + timedelta(minutes=10)
    ctx.set_clock(expiry - _MILLISECOND)
    ctx.ends(ctx.start_token_login(challenge=last), 200)
    ctx.set_clock(expiry + timedelta(microseconds=1))
    ctx.submit_token(ctx.token_request(challenge=late)).refused(21111)


@requirement(
    "KSEF-CHAL-014",
    "A challenge that is refused is refused in both error formats, with code and description.",
    source="OpenAPI: ExceptionResponse, BadRequestProblemDetails",
)
def is_refused_in_both_formats(ctx: Probe) -> None:
    body = ctx.token_request()
    body |= {"challenge": _other_number(body["challenge"])}
    legacy = ctx.submit_token(body).refused(21111)
    problem = ctx.submit_token(body, headers=PROBLEM_DETAILS).refused(21111)
    equal("content type without X-Error-Format", legacy.content_type, "application/json")
    equal("content type with X-Error-Format", problem.content_type, "application/problem+json")


@requirement(
    "KSEF-CHAL-015",
    "A challenge issued to one address can be answered from another.",
    source="documented: a challenge is bound to no address",
    severity="should",
    needs={Capability.SECOND_ADDRESS},
)
def is_bound_to_no_address(ctx: Probe) -> None:
    body = ctx.token_request()
    ctx.started(ctx.submit_token(body, address="203.0.113.7"))


def _other_number(challenge: str) -> str:
    """A challenge of the same form, with other random digits."""
    changed = "0" if challenge[-5] != "0" else "1"
    other = f"{challenge[:-5]}{changed}{challenge[-4:]}"
    different("invented challenge", other, challenge)
    return other


def _moment(challenge: Challenge) -> datetime:
    # 7 fractional digits are one more than datetime keeps.
    return datetime.fromisoformat(challenge.timestamp)


def _milliseconds(challenge: Challenge) -> int:
    elapsed = _moment(challenge) - datetime(1970, 1, 1, tzinfo=UTC)
    return elapsed // _MILLISECOND
