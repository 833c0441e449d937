"""The HTML reports of the suite in a browser: usable by everybody, whatever was found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import ViewportSize

from contract_tests.clients import report as clients
from contract_tests.clients.reports.html import html as clients_page
from contract_tests.common.exchange import Exchange, Message
from contract_tests.server import report as server
from contract_tests.server.reports.html import page as server_page
from tests import axe
from tests.chromium import DESKTOP, PATIENCE, PHONE, Scheme, chromium, needs_chromium

STARTED = "2026-03-01T12:00:00+00:00"
LONG = "20260301-SO-0123456789-" * 8
EXCHANGE = Exchange(
    "POST",
    f"http://127.0.0.1/v2/auth/{LONG}",
    400,
    1.5,
    Message((("accept", "*/*"),), ""),
    Message((("content-type", "application/json"),), '{"a": "<b>", "b": ["' + LONG * 3 + '"]}'),
    "21405 wrong",
)


def of_a_server(*verdicts: server.Verdict) -> str:
    results = [
        server.Result(
            f"KSEF-{area}-{number:03}",
            f"Sentence {number}, {LONG}.",
            "a test",
            "should" if number % 2 else "must",
            verdict,
            "" if verdict is server.Verdict.PASSED else f"expected 1, received {LONG}",
            2.5,
            (EXCHANGE, replace(EXCHANGE, status=0), EXCHANGE),
        )
        for area in ("CHAL", "AUTH")
        for number, verdict in enumerate(verdicts)
    ]
    left = [] if verdicts == (server.Verdict.PASSED,) else [LONG]
    report = server.Report("mock", "http://127.0.0.1", STARTED, "1.0", results, 1.0)
    report.left_behind = left
    return server_page(report)


def of_a_client(*verdicts: clients.Verdict) -> str:
    results = [
        clients.Result(
            f"CLIENT-LOGIN-{number:03}",
            f"Sentence {number}, {LONG}.",
            "waits",
            "should" if number % 2 else "must",
            verdict,
            "why",
            1.0,
            None if number else 0,
            f"printed\n{LONG}",
            (clients.Request(0.1, LONG, EXCHANGE),),
        )
        for number, verdict in enumerate(verdicts)
    ]
    return clients_page(clients.Report(["client", LONG], "token", STARTED, "1.0", results))


PAGES = {
    "server, all kinds": of_a_server(*server.Verdict),
    "server, all right": of_a_server(server.Verdict.PASSED),
    "client, all kinds": of_a_client(*clients.Verdict),
    "client, all right": of_a_client(clients.Verdict.SURVIVED),
}


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_report_breaks_a_rule_of_accessibility_or_scrolls_sideways(
    tmp_path: Path, scheme: Scheme, viewport: ViewportSize
) -> None:
    found: dict[str, list[str]] = {}
    with chromium() as browser:
        page = browser.new_page(color_scheme=scheme, viewport=viewport)
        page.set_default_timeout(PATIENCE)
        for name, text in PAGES.items():
            path = tmp_path / "report.html"
            path.write_text(text, "utf-8")
            page.goto(path.as_uri())
            page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
            found[name] = axe.violations(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], name
    assert {name: rules for name, rules in found.items() if rules} == {}


@needs_chromium
def test_the_judge_finds_what_is_wrong() -> None:
    with chromium() as browser:
        page = browser.new_page()
        page.set_content("<html><body><img src='x'><input></body></html>")
        found = " ".join(axe.violations(page))
    assert all(rule in found for rule in ("image-alt", "label", "html-has-lang", "document-title"))
