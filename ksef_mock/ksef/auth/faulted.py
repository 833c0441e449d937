"""A login as the faults leave it."""

from __future__ import annotations

import msgspec

from ksef_mock.core.codes import Status, Verdict
from ksef_mock.core.exchange import Exchange
from ksef_mock.ksef.auth.operation import Operation
from ksef_mock.trail.faults import Faults


async def faulted(operation: Operation, faults: Faults, exchange: Exchange) -> Operation:
    """The login as it starts: held for longer, or ending otherwise than it deserves."""
    if not faults.defined:
        return operation
    async for fault in faults.acting_on_login(exchange):
        if fault.hold is not None:
            held = operation.wait.held(fault.hold.polls, fault.hold.seconds)
            operation = msgspec.structs.replace(operation, wait=held)
        elif fault.outcome is not None:
            verdict = Verdict(*fault.outcome.resolved())
            permissions = operation.permissions
            if verdict.status is Status.SUCCESS and not permissions:
                # A login that failed has none; one that succeeds cannot be without.
                permissions = ("Owner",)
            operation = msgspec.structs.replace(operation, verdict=verdict, permissions=permissions)
    return operation
