"""Logs: a line a decision and a line a request, tied together by the trace id, without secrets."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from ksef_mock.testing import MockServer
from ksef_mock.trail.logs import JsonFormatter, TextFormatter
from tests.support import OTHER_NIP, Api, altered

Lines = Callable[[], list[dict[str, Any]]]


class Recorder(logging.Handler):
    """Keeps records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    logger, recorder = logging.getLogger("ksef_mock.requests"), Recorder()
    before = logger.level
    logger.addHandler(recorder)
    logger.setLevel(logging.INFO)
    yield recorder
    logger.removeHandler(recorder)
    logger.setLevel(before)


def lines(recorder: Recorder) -> list[dict[str, Any]]:
    return [json.loads(JsonFormatter().format(record)) for record in recorder.records]


def test_a_line_for_each_decision_and_one_for_the_request(
    ksef_mock: MockServer, api: Api, ksef_token: str, recorder: Recorder
) -> None:
    request = api.token_request(ksef_token, nip=OTHER_NIP)
    recorder.records.clear()
    reference = api.submit(request).json()["referenceNumber"]
    *decisions, last = lines(recorder)
    assert {line["event"] for line in decisions} == {"decision"}
    assert [(line["check"], line["outcome"]) for line in decisions][-2:] == [
        ("timestamp", "passed"),
        ("token", "failed"),
    ]
    assert last | {"event": "request", "method": "POST", "path": "/v2/auth/ksef-token", "status": 202} == last
    assert last["operation"] == reference
    entry = ksef_mock.journal.last("/auth/ksef-token")
    assert {line["traceId"] for line in (*decisions, last)} == {entry.trace_id}
    assert {line["level"] for line in decisions} == {"info"}
    assert (last["level"], last["page"]) == ("warning", f"{ksef_mock.url}/_mock/ui/logins/{reference}")
    assert last["reason"].startswith("the login will end in 450: token: ")


def test_the_trace_id_is_that_of_the_answer(ksef_mock: MockServer, api: Api, recorder: Recorder) -> None:
    refused = api.limits(None)
    (line,) = lines(recorder)
    assert line["traceId"] == refused.json()["traceId"]
    assert (line["status"], line["reason"]) == (401, "no Authorization: Bearer header")
    api.submit({})
    assert lines(recorder)[-1]["code"] == 21405


def test_secrets_are_masked(ksef_mock: MockServer, api: Api, ksef_token: str, recorder: Recorder) -> None:
    login = api.login(ksef_token)
    api.submit(api.token_request(altered(ksef_token)))
    api.refresh(login.refresh_token)
    for formatter in (JsonFormatter(), TextFormatter()):
        text = "\n".join(map(formatter.format, recorder.records))
        for secret in (
            ksef_token.rpartition("|")[2][:20],
            login.access_token,
            login.refresh_token,
            login.authentication_token,
        ):
            assert secret not in text


def test_one_event_is_one_line_whatever_is_in_it() -> None:
    record = logging.LogRecord(
        "x", logging.INFO, "", 1, "%s", ("GET /v2/a\nFAKE\x1b[31m zażółć\u2028",), None
    )
    for formatter in (JsonFormatter(), TextFormatter()):
        assert len(formatter.format(record).splitlines()) == 1
    assert "\x1b" not in TextFormatter().format(record)
    assert "zażółć" in TextFormatter().format(record)


def test_exceptions_are_part_of_the_line() -> None:
    try:
        raise ValueError("boom")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 1, "failed", None, sys.exc_info())
    assert "ValueError: boom" in json.loads(JsonFormatter().format(record))["exception"]
    assert TextFormatter().format(record).endswith("ValueError: boom")


def test_nothing_is_logged_unless_asked_for(api: Api, capfd: pytest.CaptureFixture[str]) -> None:
    api.challenge()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("options", [[], ["--log-format", "json"], ["--verbose"]])
def test_a_refusal_is_a_line_with_its_cause_and_the_address_of_its_page(options: list[str]) -> None:
    command = [sys.executable, "-m", "ksef_mock.cli", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        api = Api(process.stdout.readline().split()[-1])
        api.limits(None)
        page = httpx.get(api.http.base_url.join("/_mock/"))
        assert page.status_code == 200
        process.terminate()
        _, log = process.communicate(timeout=60)
    (line,) = [line for line in log.splitlines() if "no Authorization: Bearer header" in line]
    assert "warning" in line.lower()
    address = next(word for word in line.replace('"', " ").split() if word.startswith("http://"))
    assert "/_mock/ui/requests?q=" in address
    api.close()


def test_a_refusal_writes_nothing_where_nobody_has_set_logging_up() -> None:
    code = (
        "from ksef_mock.testing import MockServer; import urllib.request as r, urllib.error\n"
        "with MockServer() as mock:\n"
        "    try: r.urlopen(mock.url + '/v2/tokens')\n"
        "    except urllib.error.HTTPError as error: print(error.code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("401\n", "")


@pytest.mark.parametrize(
    ("options", "logged"),
    [
        ([], False),
        (["--log-level", "warning"], False),
        (["--log-level", "info"], True),
        (["--verbose"], True),
        (["--log-level", "info", "--log-format", "json"], True),
    ],
)
def test_options_of_the_command(options: list[str], logged: bool) -> None:
    command = [sys.executable, "-m", "ksef_mock.cli", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        api = Api(process.stdout.readline().split()[-1])
        api.challenge()
        api.close()
        process.terminate()
        _, log = process.communicate(timeout=60)
    written = [line for line in log.splitlines() if "/v2/auth/challenge" in line]
    assert len(written) == logged
    if "json" in options:
        assert json.loads(written[0])["path"] == "/v2/auth/challenge"
        assert all(json.loads(line) for line in log.splitlines())
