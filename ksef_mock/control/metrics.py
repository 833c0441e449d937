"""GET /_mock/metrics: the counters of this process, for Prometheus."""

from __future__ import annotations

import os
import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock import __version__
from ksef_mock.api.http import exchange_of, system_of
from ksef_mock.clock import SECOND
from ksef_mock.trail.metrics import MEDIA_TYPE


async def metrics(request: Request) -> Response:
    """Everything that is counted.

    Several processes of one mock count each their own requests; whichever answers tells its own numbers, and
    a label `process` keeps them apart.
    """
    exchange_of(request).recorded = False
    system = system_of(request)
    offset = (system.clock.now() - time.time_ns()) / SECOND
    operations = await system.operations.count()
    text = system.metrics.exposition(
        [
            (
                "ksef_mock_info",
                "Version and profile.",
                1,
                {"version": __version__, "profile": system.settings.profile},
            ),
            ("ksef_mock_clock_offset_seconds", "Mock time minus real time.", offset, {}),
            ("ksef_mock_operations", "Authentication operations that are remembered.", operations, {}),
            ("ksef_mock_faults", "Faults that are defined.", len(system.faults.defined), {}),
        ],
        None if system.settings.store == "memory" else {"process": str(os.getpid())},
    )
    return Response(text, headers={"content-type": MEDIA_TYPE})


ROUTES = [Route("/metrics", metrics, methods=["GET"])]
