"""A login as the faults leave it."""

from __future__ import annotations

import msgspec

from ksef_mock.core.codes import Status, StatusDetail, Verdict
from ksef_mock.core.exchange import Exchange
from ksef_mock.core.fault import LOGIN
from ksef_mock.ksef.auth.operation import Operation
from ksef_mock.trail.faults import Faults


async def faulted(operation: Operation, faults: Faults, exchange: Exchange) -> Operation:
    """The login as it starts: held for longer, or ending otherwise than it deserves."""
    if not faults.defined:
        return operation
    ends, hold = await faults.on_start(LOGIN, exchange)
    held = operation.wait.held(hold.polls, hold.seconds)
    operation = msgspec.structs.replace(operation, wait=held)
    if ends is None:
        return operation
    status, detail = ends.resolved(LOGIN)
    verdict = Verdict(Status(status), None if detail is None else StatusDetail(detail))
    permissions = operation.permissions
    if verdict.status is Status.SUCCESS and not permissions:
        # A login that failed has none; one that succeeds cannot be without.
        permissions = ("Owner",)
    return msgspec.structs.replace(operation, verdict=verdict, permissions=permissions)
