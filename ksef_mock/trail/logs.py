"""Logs: a line for each decision and one for each request, as text or as JSON, to standard error.

All lines of a request carry its trace id, which error answers name as `traceId`. What stands in a line is
what stands in the journal: secrets are masked or absent.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from ksef_mock.core.codes import SUCCESS
from ksef_mock.core.errors import BadRequest, KsefError
from ksef_mock.core.exchange import Exchange
from ksef_mock.core.paths import api_path
from ksef_mock.core.text import kept, visible

LogFormat: TypeAlias = Literal["text", "json"]

_requests = logging.getLogger("ksef_mock.requests")
# Where nobody has set logging up, a mock in a test process must not write to standard error.
logging.getLogger("ksef_mock").addHandler(logging.NullHandler())

#: Attribute of a log record with the members of its JSON line.
_FIELDS = "ksef_mock"

#: What JSON leaves as it is although some readers end a line there.
_LINE_ENDS = {ord(char): f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"}


def configure(log_format: LogFormat, level: int) -> None:
    """Log everything from `level` on to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def log_request(
    exchange: Exchange,
    status: int,
    error: KsefError | None,
    duration_ms: float,
    base_url: Callable[[], str],
    before: str = "",
) -> None:
    """Log a request that is about to be answered, and before it what was decided on the way.

    What was refused, or will be when its status is asked for, is a warning: one line with the cause and the
    address of its page on the dashboard, which is under `base_url`. `before` stands before its path.
    """
    if not _requests.isEnabledFor(logging.WARNING):
        return
    why = _why(exchange, error)
    level = logging.INFO if why is None else logging.WARNING
    if not _requests.isEnabledFor(level):
        return
    trace = exchange.trace_id
    for check, outcome, reason in exchange.decisions:
        decision = {"check": check, "outcome": outcome.value, "reason": reason}
        event = {"event": "decision", "traceId": trace, **decision}
        _log(logging.INFO, f"{check} {outcome.value}: {reason}", event)
    fields: dict[str, Any] = {
        "event": "request",
        "traceId": trace,
        "method": exchange.method,
        "path": before + exchange.path,
        "status": status,
        "durationMs": round(duration_ms, 3),
        "clientIp": exchange.client_ip,
    }
    if exchange.operation is not None:
        fields["operation"] = exchange.operation
    if isinstance(error, BadRequest):
        fields["code"] = int(error.code)
    if why is not None:
        fields["reason"] = why
    if why is not None and api_path(exchange.path) is not None:
        fields["page"] = f"{base_url()}{_page(exchange)}"
    code = f"/{fields['code']}" if "code" in fields else ""
    message = f"{status}{code} {exchange.method} {fields['path']} {duration_ms:.1f} ms"
    said = f"{message}: {why}" if why else message
    _log(level, f"{said} - see {fields['page']}" if "page" in fields else said, fields)


def _why(exchange: Exchange, error: KsefError | None) -> str | None:
    """Why a request was refused, or the login that it submits is going to fail; None if neither."""
    if error is not None and error.status >= 400:
        return kept(error.reason)
    verdict = exchange.facts.verdict
    if verdict is None or verdict == SUCCESS:
        return None
    # A fault may decide over a login in which nothing else is wrong.
    for wanted in ("failed", "fault"):
        for check, outcome, reason in exchange.decisions:
            if wanted in (outcome.value, check):
                return f"the login will end in {int(verdict.status)}: {check}: {reason}"
    return f"the login will end in {int(verdict.status)}"


def _page(exchange: Exchange) -> str:
    if exchange.operation is not None:
        return f"/_mock/ui/logins/{exchange.operation}"
    return f"/_mock/ui/requests?q={exchange.trace_id}"


def _log(level: int, message: str, fields: dict[str, Any]) -> None:
    _requests.log(level, "%s", message, extra={_FIELDS: fields})


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (UTC), `level`, `logger`, `message`, and what the event has."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False).translate(_LINE_ENDS)


class TextFormatter(logging.Formatter):
    """Time, level, trace id where there is one, message; control characters are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        trace = getattr(record, _FIELDS, {}).get("traceId", "")
        message = visible(record.getMessage())
        line = " ".join(filter(None, (_time(record), f"{record.levelname:7}", trace, message)))
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _time(record: logging.LogRecord) -> str:
    # Real time: logs are read beside those of other programs. The mock's own time is in the journal.
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03}Z"
