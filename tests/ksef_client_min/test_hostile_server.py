"""The client against servers that misbehave: each time a typed error, never a hang."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from ksef_client_min import (
    AsyncKsefClient,
    KsefApiError,
    KsefClient,
    KsefConnectionError,
    KsefProtocolError,
    KsefRateLimitError,
    KsefTimeoutError,
    Policy,
)
from ksef_client_min.operations import auth

Answer = Callable[[socket.socket], object]
CHALLENGE = (
    b'{"challenge":"20261124-CR-08BD06BE33-2173DB7BA3-70","timestamp":"2026-11-24T01:02:33.1074099+00:00",'
    b'"timestampMs":1795482153107,"clientIp":"127.0.0.1"}'
)


def http(status: str, body: bytes = b"", *headers: str, media_type: str = "application/json") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", f"Content-Type: {media_type}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


@pytest.fixture
def server() -> Iterator[Callable[..., str]]:
    """Serve one prepared answer after the other, each on a connection of its own; returns the URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopping = threading.Event()

    def start(*answers: bytes | Answer) -> str:
        def serve() -> None:
            for answer in answers:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65_536)
                    if callable(answer):
                        answer(connection)
                    else:
                        connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    stopping.set()
    listener.close()


def hang_up(_connection: socket.socket) -> None:
    pass


def hang(connection: socket.socket) -> None:
    connection.settimeout(60)
    connection.recv(1)  # until the client hangs up


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
    hang(connection)


def flood(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    try:
        for _ in range(1_000):
            connection.sendall(b" " * 65_536)
    except OSError:
        pass  # the client has hung up, as it should


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (hang_up, KsefConnectionError, "POST /auth/challenge"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{", KsefConnectionError, "POST /auth/challenge"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", KsefConnectionError, "POST /auth/challenge"),
        (hang, KsefTimeoutError, "no answer in time"),
        (drip, KsefTimeoutError, "no answer in time"),
        (flood, KsefProtocolError, "more than 1000000 octets"),
        (http("200 OK", b"<html>portal</html>", media_type="text/html"), KsefProtocolError, "'text/html'"),
        (http("200 OK", b""), KsefProtocolError, "unexpected body"),
        (http("200 OK", b"\xff\xfe"), KsefProtocolError, "unexpected body"),
        (http("200 OK", b"[]"), KsefProtocolError, "unexpected body"),
        (http("200 OK", b'{"challenge": "x"}'), KsefProtocolError, "timestamp"),
        (http("200 OK", b"{}", "Content-Encoding: gzip"), KsefProtocolError, "content encoding"),
        (http("302 Found", b"", "Location: http://evil.example/"), KsefProtocolError, "redirect"),
        (http("304 Not Modified"), KsefProtocolError, "redirect"),
    ],
)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_answers_that_ksef_does_not_give(
    server: Callable[..., str],
    answer: bytes | Answer,
    error: type[Exception],
    message: str,
    asynchronous: bool,
) -> None:
    policy = Policy(timeout=0.3 if answer in (hang, drip) else 60, max_answer=1_000_000)
    url = server(answer)

    async def ask_asynchronously() -> None:
        async with AsyncKsefClient(url, policy=policy) as client:
            await client.call(auth.challenge())

    def ask() -> None:
        if asynchronous:
            return asyncio.run(ask_asynchronously())
        with KsefClient(url, policy=policy) as client:
            client.call(auth.challenge())
        return None

    with pytest.raises(error, match=message):
        ask()


def test_nobody_listening(port: int) -> None:
    with KsefClient(f"http://127.0.0.1:{port}") as client, pytest.raises(KsefConnectionError):
        client.call(auth.challenge())


@pytest.mark.parametrize(
    ("answer", "status", "code", "description"),
    [
        (
            http("500 Internal Server Error", b"<h1>Oops</h1>", media_type="text/html"),
            500,
            0,
            "no explanation in the answer (text/html)",
        ),
        (http("502 Bad Gateway", b""), 502, 0, "no explanation in the answer (application/json)"),
        (http("400 Bad Request", b'{"exception": {"exceptionDetailList": 5}}'), 400, 0, None),
        (http("400 Bad Request", b'{"errors": [{"code": "x", "details": 1}]}'), 400, 0, ""),
        (
            http(
                "400 Bad Request",
                '{"exception": {"exceptionDetailList": [{"exceptionCode": 9105, "exceptionDescription":'
                ' "Nieprawidłowy podpis.", "details": ["a", "b"]}], "serviceCode": "00-x"}}'.encode(),
            ),
            400,
            9105,
            "Nieprawidłowy podpis.",
        ),
    ],
)
def test_refusals_in_any_shape(
    server: Callable[..., str], answer: bytes, status: int, code: int, description: str | None
) -> None:
    with KsefClient(server(answer)) as client, pytest.raises(KsefApiError) as caught:
        client.call(auth.challenge())
    assert (caught.value.status, caught.value.code) == (status, code)
    assert description is None or caught.value.description == description


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_retry_after_is_honoured_within_the_budget(server: Callable[..., str], status: str) -> None:
    pauses: list[float] = []
    url = server(http(status, b"", "Retry-After: 7"), http("200 OK", CHALLENGE))
    with KsefClient(url, sleep=pauses.append) as client:
        assert client.call(auth.challenge()).timestamp_ms == 1795482153107
    assert pauses == [7.0]


def test_retry_after_beyond_the_budget_is_an_error(server: Callable[..., str]) -> None:
    body = b'{"status": {"code": 429, "description": "Too Many Requests", "details": ["limit"]}}'
    url = server(http("429 Too Many Requests", body, "Retry-After: 61"))
    with KsefClient(url) as client, pytest.raises(KsefRateLimitError) as caught:
        client.call(auth.challenge())
    assert caught.value.retry_after == 61.0
    assert caught.value.details == ("limit",)


def test_retry_after_again_and_again_ends(server: Callable[..., str]) -> None:
    pauses: list[float] = []
    answers = [http("503 Service Unavailable", b"", "Retry-After: 0")] * 100
    url = server(*answers)
    policy = Policy(retry_budget=5)
    with KsefClient(url, policy=policy, sleep=pauses.append) as client, pytest.raises(KsefApiError):
        client.call(auth.challenge())
    assert len(pauses) == 6


def test_date_in_retry_after_is_no_promise(server: Callable[..., str]) -> None:
    url = server(http("503 Service Unavailable", b"", "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT"))
    with KsefClient(url) as client, pytest.raises(KsefApiError) as caught:
        client.call(auth.challenge())
    assert caught.value.retry_after is None
