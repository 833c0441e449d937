"""The floor: a bare Starlette app that answers the four requests of a login with canned bodies.

Run as a program it reads its orders from stdin, a JSON object, and prints its URL when ready:
`{"bodies": [4 strings], "crypto": null | "rsa" | "ec"}`. With `crypto` each request also does the
cryptography that no server can avoid there, and throws the result away.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ksef_mock.serving.server import Server, listen, url_of


def create_app(bodies: list[str], crypto: str | None = None) -> Starlette:
    """`bodies`: the answers of challenge, ksef-token, status and redeem."""
    steps: list[list[Callable[[], object]]] = [[], [], [], []]
    if crypto is not None:
        from bench._crypto import LoginCrypto  # the plain app starts without it

        started, tokens = json.loads(bodies[1]), json.loads(bodies[3])
        work = LoginCrypto(
            crypto,
            [
                started["authenticationToken"]["token"],
                tokens["accessToken"]["token"],
                tokens["refreshToken"]["token"],
            ],
        )
        steps = [
            [],
            [work.decrypt, lambda: work.issue(0)],
            [work.verify],
            [lambda: work.issue(1), lambda: work.issue(2)],
        ]
    challenge, submission, status, tokens_ = (
        _canned(body.encode(), code, step)
        for body, code, step in zip(bodies, (200, 202, 200, 200), steps, strict=True)
    )
    return Starlette(
        routes=[
            Route("/v2/auth/challenge", challenge, methods=["POST"]),
            Route("/v2/auth/ksef-token", submission, methods=["POST"]),
            Route("/v2/auth/token/redeem", tokens_, methods=["POST"]),
            Route("/v2/auth/{reference}", status, methods=["GET"]),
        ]
    )


def _canned(
    body: bytes, status: int, steps: list[Callable[[], object]]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if request.method == "POST":
            await request.body()
        for step in steps:
            step()
        return Response(body, status, media_type="application/json")

    return endpoint


async def _main() -> None:
    orders = json.load(sys.stdin)
    app = create_app(orders["bodies"], orders["crypto"])
    listener = listen("127.0.0.1", 0)
    server = Server(app, on_ready=lambda: print("ready on", url_of(listener), flush=True))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
    await server.serve(sockets=[listener])


if __name__ == "__main__":
    asyncio.run(_main())
