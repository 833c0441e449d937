"""The state machine of an authentication operation: every state with every event."""

from __future__ import annotations

import msgspec
import pytest

from ksef_mock.clock import SECOND
from ksef_mock.core.codes import SUCCESS, Code, Status, StatusDetail, Verdict
from ksef_mock.core.environment import Lifetimes
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.identifiers import Identifier
from ksef_mock.core.methods import AuthenticationMethod
from ksef_mock.core.waiting import Delay, Wait
from ksef_mock.ksef.auth import operation as machine
from ksef_mock.ksef.auth.operation import IllegalTransition, Operation, Standing, State

NIP = Identifier("Nip", "5265877635")
FAILURE = Verdict(Status.TOKEN_ERROR, StatusDetail.TOKEN_INVALID)
START = 1_000 * SECOND
STANDING = Standing(("InvoiceRead",), ("VatGroupUnit",))


def operation(state: State, **changes: object) -> Operation:
    fresh = Operation(
        reference="20250514-AU-2DFC46C000-3AC6D5877F-D4",
        started_at=START,
        method=AuthenticationMethod.TOKEN,
        context=NIP,
        subject=NIP,
        verdict=FAILURE if state is State.FAILED else SUCCESS,
        wait=Wait(START),
        state=state,
    )
    return msgspec.structs.replace(fresh, **changes)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (State.IN_PROGRESS, State.SUCCEEDED),
        (State.SUCCEEDED, State.SUCCEEDED),
        (State.FAILED, State.FAILED),
        (State.REDEEMED, State.REDEEMED),
        (State.REVOKED, State.REVOKED),
    ],
)
def test_settle(state: State, expected: State) -> None:
    assert machine.settle(operation(state), START).state is expected


def test_settle_of_a_failed_login() -> None:
    assert machine.settle(operation(State.IN_PROGRESS, verdict=FAILURE), START).state is State.FAILED


@pytest.mark.parametrize(
    ("state", "detail"),
    [
        (State.IN_PROGRESS, "Status uwierzytelniania (100) nie pozwala na pobranie tokenów."),
        (State.SUCCEEDED, None),
        (State.FAILED, "Status uwierzytelniania (450) nie pozwala na pobranie tokenów."),
        (
            State.REDEEMED,
            "Tokeny dla operacji uwierzytelniania 20250514-AU-2DFC46C000-3AC6D5877F-D4 zostały już pobrane.",
        ),
        (State.REVOKED, "Status uwierzytelniania (425) nie pozwala na pobranie tokenów."),
    ],
)
def test_redeem(state: State, detail: str | None) -> None:
    if detail is None:
        redeemed = machine.redeem(operation(state), START + 1, Lifetimes(), STANDING)
        assert (redeemed.permissions, redeemed.roles) == (("InvoiceRead",), ("VatGroupUnit",))
        assert redeemed.state is State.REDEEMED
        assert redeemed.redeemed_at == START + 1
        assert redeemed.refresh_expires_at == START + 7 * 86_400 * SECOND
        return
    with pytest.raises(BadRequest) as refused:
        machine.redeem(operation(state), START, Lifetimes(), Standing())
    assert (refused.value.code, refused.value.details) == (Code.NOT_AUTHORIZED, (detail,))


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (State.IN_PROGRESS, 100),
        (State.SUCCEEDED, 200),
        (State.FAILED, 450),
        (State.REDEEMED, None),
        (State.REVOKED, 425),
    ],
)
def test_refresh(state: State, status: int | None) -> None:
    if status is None:
        refreshed = machine.refresh(operation(state), START + 5, STANDING)
        assert (refreshed.permissions, refreshed.roles) == (("InvoiceRead",), ("VatGroupUnit",))
        assert (refreshed.state, refreshed.refreshed_at) == (State.REDEEMED, START + 5)
        return
    with pytest.raises(BadRequest) as refused:
        machine.refresh(operation(state), START, Standing())
    detail = f"Status uwierzytelnienia ({status}) nie pozwala na odświeżenie tokenu dostępowego."
    assert refused.value.details == (detail,)


@pytest.mark.parametrize("state", list(State))
def test_revoke(state: State) -> None:
    if state in (State.SUCCEEDED, State.REDEEMED):
        assert machine.revoke(operation(state)).state is State.REVOKED
    else:
        with pytest.raises(IllegalTransition, match=state.value):
            machine.revoke(operation(state))


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (State.IN_PROGRESS, (Status.IN_PROGRESS, None)),
        (State.SUCCEEDED, (Status.SUCCESS, None)),
        (State.FAILED, (Status.TOKEN_ERROR, StatusDetail.TOKEN_INVALID)),
        (State.REDEEMED, (Status.SUCCESS, None)),
        (State.REVOKED, (Status.REVOKED, StatusDetail.REVOKED)),
    ],
)
def test_status_that_a_client_sees(state: State, status: tuple[Status, str | None]) -> None:
    assert machine.status_of(operation(state)) == status


def test_verdict_hides_for_the_delay_in_seconds() -> None:
    slow = operation(State.IN_PROGRESS, wait=Delay(seconds=2.5).begin(START))
    assert machine.poll(slow, START + 2 * SECOND).state is State.IN_PROGRESS
    assert machine.poll(slow, START + 5 * SECOND // 2).state is State.SUCCEEDED


def test_verdict_hides_for_the_delay_in_polls() -> None:
    seen = operation(State.IN_PROGRESS, wait=Wait(START, 2))
    states = []
    for _ in range(4):
        seen = machine.poll(seen, START)
        states.append(seen.state)
    assert states == [State.IN_PROGRESS, State.IN_PROGRESS, State.SUCCEEDED, State.SUCCEEDED]


def test_both_delays_have_to_pass() -> None:
    seen = operation(State.IN_PROGRESS, wait=Wait(START + SECOND, 1))
    seen = machine.poll(seen, START)
    assert machine.poll(seen, START).state is State.IN_PROGRESS
    assert machine.poll(seen, START + SECOND).state is State.SUCCEEDED
