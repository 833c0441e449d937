"""Counters of one process of a mock, in the text format of Prometheus (0.0.4).

Source of the format: https://prometheus.io/docs/instrumenting/exposition_formats/. Times are real time.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: Upper bounds of the buckets, in seconds.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

Labels = tuple[str, ...]


class Histogram:
    """How many durations fell into which bucket."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0


class _Series:
    """The requests of one set of labels: how many, and where their durations are counted."""

    __slots__ = ("durations", "number")

    def __init__(self, durations: Histogram) -> None:
        self.number = 0
        self.durations = durations


class Metrics:
    """Written from one event loop; a request costs one dictionary look-up."""

    def __init__(self) -> None:
        self.started_at = time.time()
        self._requests: dict[tuple[str, str, int, str], _Series] = {}
        #: By method and operation.
        self.durations: dict[Labels, Histogram] = {}
        #: By authentication method, status and detail of the outcome.
        self.logins: dict[Labels, int] = {}
        #: By effect.
        self.faults: dict[Labels, int] = {}

    def request(self, method: str, operation: str, status: int, code: str, seconds: float) -> None:
        """Count an answered request."""
        series = self._requests.get((method, operation, status, code))
        if series is None:
            durations = self.durations.setdefault((method, operation), Histogram())
            series = self._requests[method, operation, status, code] = _Series(durations)
        series.number += 1
        durations = series.durations
        durations.counts[bisect_left(BUCKETS, seconds)] += 1
        durations.total += seconds

    @property
    def requests(self) -> dict[Labels, int]:
        """By method, operation, status, exception code."""
        return {
            (method, operation, str(status), code): series.number
            for (method, operation, status, code), series in self._requests.items()
        }

    def login(self, method: str, status: int, detail: str) -> None:
        """Count a login that was accepted, by the outcome that its status will show."""
        key = (method, str(status), detail)
        self.logins[key] = self.logins.get(key, 0) + 1

    def fault(self, effect: str) -> None:
        """Count a fault that acted."""
        self.faults[effect,] = self.faults.get((effect,), 0) + 1

    def exposition(
        self,
        gauges: Iterable[tuple[str, str, float, Mapping[str, str]]],
        common: Mapping[str, str] | None = None,
    ) -> str:
        """Everything as text.

        Args:
            gauges: name, help, value and labels of what is measured at this moment.
            common: labels of every sample of this process's own counters.
        """
        own = common or {}
        lines: list[str] = []
        lines += _counter(
            "ksef_mock_requests_total",
            "Answered requests.",
            ("method", "operation", "status", "code"),
            self.requests,
            own,
        )
        lines += self._histograms(own)
        lines += _counter(
            "ksef_mock_logins_total",
            "Accepted logins by the outcome that their status shows.",
            ("method", "outcome", "detail"),
            self.logins,
            own,
        )
        lines += _counter("ksef_mock_faults_acted_total", "Faults that acted.", ("effect",), self.faults, own)
        lines += _head("process_start_time_seconds", "Start of the process, seconds since 1970.", "gauge")
        lines.append(f"process_start_time_seconds{_labels(own)} {_number(self.started_at)}")
        for name, about, value, labels in gauges:
            lines += _head(name, about, "gauge")
            lines.append(f"{name}{_labels(labels)} {_number(value)}")
        return "\n".join(lines) + "\n"

    def _histograms(self, own: Mapping[str, str]) -> Iterator[str]:
        name = "ksef_mock_request_duration_seconds"
        yield from _head(name, "How long answers took.", "histogram")
        for (method, operation), histogram in sorted(self.durations.items()):
            labels = {"method": method, "operation": operation, **own}
            count = 0
            for bound, within in zip((*BUCKETS, None), histogram.counts, strict=True):
                count += within
                le = "+Inf" if bound is None else _number(bound)
                yield f"{name}_bucket{_labels(labels | {'le': le})} {count}"
            yield f"{name}_sum{_labels(labels)} {_number(histogram.total)}"
            yield f"{name}_count{_labels(labels)} {count}"


def _counter(
    name: str, about: str, labels: Labels, values: Mapping[Labels, int], own: Mapping[str, str]
) -> Iterator[str]:
    yield from _head(name, about, "counter")
    for key, value in sorted(values.items()):
        yield f"{name}{_labels({**dict(zip(labels, key, strict=True)), **own})} {value}"


def _head(name: str, about: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} {kind}"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")
