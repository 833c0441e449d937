"""`ksef-mock serve`: what its options make of the settings."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from ksef_mock import cli
from ksef_mock.commands import serve as serving
from ksef_mock.ksef.invoices.export_limits import ExportLimits
from ksef_mock.settings import Settings
from tests.invoices.test_schemas import OFFICIAL, needs_official


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], {"rate_limits": "off", "trusted_proxies": (), "batch_processes": None}),
        (["--rate-limits", "test"], {"rate_limits": "test"}),
        (["--enforce-xades"], {"enforce_xades": True}),
        (["--refuse-tokens-by-tokens"], {"refuse_tokens_by_tokens": True}),
        (["--storage-delay", "2.5"], {"storage_delay": 2.5}),
        (["--hwm-lag", "150"], {"hwm_lag": 150}),
        (["--batch-processes", "0"], {"batch_processes": 0}),
        (
            ["--export-invoices", "3", "--export-part-size", "5000"],
            {"exports": ExportLimits(invoices=3, part_octets=5_000)},
        ),
        (["--rate-limits", "production"], {"rate_limits": "production"}),
        (
            ["--trusted-proxy", "127.0.0.1", "--trusted-proxy", "10.0.0.0/8"],
            {"trusted_proxies": ("127.0.0.1", "10.0.0.0/8")},
        ),
    ],
)
def test_options_reach_the_settings(
    monkeypatch: pytest.MonkeyPatch, options: list[str], expected: dict[str, Any]
) -> None:
    served: list[Settings] = []

    async def serve(settings: Settings, *_: object) -> None:
        served.append(settings)

    monkeypatch.setattr(serving, "_serve", serve)
    result = CliRunner().invoke(cli.main, ["serve", *options])
    assert result.exit_code == 0, result.output
    (settings,) = served
    assert {name: getattr(settings, name) for name in expected} == expected


def test_unknown_rate_limits_are_refused() -> None:
    assert CliRunner().invoke(cli.main, ["serve", "--rate-limits", "on"]).exit_code == 2


@needs_official
def test_the_ministrys_schemas_reach_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = OFFICIAL / "schemas"
    test_options_reach_the_settings(monkeypatch, ["--schemas", str(folder)], {"schemas": folder})
