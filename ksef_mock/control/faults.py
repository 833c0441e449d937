"""GET, POST and DELETE /_mock/faults, DELETE /_mock/faults/{id}: what goes wrong on purpose."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, system_of
from ksef_mock.control.bodies import read_order
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest, NotFound
from ksef_mock.core.fault import Fault, InvalidFault
from ksef_mock.trail.faults import FaultState


class FaultList(msgspec.Struct):
    """GET /_mock/faults: all of them, in the order in which they were added."""

    faults: list[dict[str, Any]]


def fault_body(state: FaultState) -> dict[str, Any]:
    """A fault as it was ordered, with its `id`, and what it has done.

    `seen` counts the matching requests (for effects on logins: the logins), `acted` those that it acted on;
    `spent` tells that it has acted as often as it may.
    """
    ordered: dict[str, Any] = msgspec.to_builtins(state.fault)
    return {
        "id": state.id,
        "path": state.fault.path,
        **ordered,
        "effect": state.fault.describe(),
        "seen": state.seen,
        "acted": state.acted,
        "spent": state.is_spent,
    }


async def faults(request: Request) -> Response:
    """List, add, remove all; by method."""
    system = system_of(request)
    if request.method == "POST":
        try:
            added = await system.faults.add(await read_order(request, Fault))
        except InvalidFault as error:
            raise BadRequest(Code.VALIDATION, str(error)) from None
        return answer(fault_body(FaultState(added.id, added.fault, 0, 0)), 201)
    if request.method == "DELETE":
        await system.faults.clear()
        return Response(status_code=204)
    return answer(FaultList([fault_body(state) for state in await system.faults.states()]))


async def remove_fault(request: Request) -> Response:
    """Remove one."""
    fault_id: str = request.path_params["id"]
    if not await system_of(request).faults.remove(fault_id):
        raise NotFound(reason=f"there is no fault {fault_id}")
    return Response(status_code=204)


ROUTES = [
    Route("/faults", faults, methods=["GET", "POST", "DELETE"]),
    Route("/faults/{id}", remove_fault, methods=["DELETE"]),
]
