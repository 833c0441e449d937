"""POST and DELETE /_mock/processing/stop: KSeF takes work and finishes none for a while."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.api.http import answer, system_of
from ksef_mock.clock import SECOND, Instant, iso
from ksef_mock.control.bodies import read_order
from ksef_mock.core.codes import Code
from ksef_mock.core.errors import BadRequest
from ksef_mock.core.expected import between, wrong
from ksef_mock.system import processing

#: Seconds.
_LONGEST = 366 * 86_400.0


class StopOrder(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """POST /_mock/processing/stop, in seconds of the mock's clock."""

    for_seconds: float
    in_seconds: float = 0.0

    def times(self, now: Instant) -> tuple[Instant, Instant]:
        """When it begins and ends.

        Raises:
            ValueError: a number is out of bounds.
        """
        if not 0 < self.for_seconds <= _LONGEST:
            expected = f"a number above 0, at most {_LONGEST:.0f}"
            raise ValueError(wrong("forSeconds", expected, self.for_seconds))
        if not 0 <= self.in_seconds <= _LONGEST:
            raise ValueError(wrong("inSeconds", between(0, _LONGEST), self.in_seconds))
        since = now + round(self.in_seconds * SECOND)
        return since, since + round(self.for_seconds * SECOND)


class StopBody(msgspec.Struct):
    """When it begins and ends: ISO 8601, UTC."""

    since: str
    until: str


async def stop(request: Request) -> Response:
    """Plan a stop, or cancel it; by method."""
    system = system_of(request)
    if request.method == "DELETE":
        await processing.resume(system)
        return Response(status_code=204)
    order = await read_order(request, StopOrder)
    try:
        since, until = order.times(system.clock.now())
    except ValueError as error:
        raise BadRequest(Code.VALIDATION, str(error)) from None
    await processing.stop(system, since, until)
    return answer(StopBody(iso(since), iso(until)), 201)


ROUTES = [Route("/processing/stop", stop, methods=["POST", "DELETE"])]
