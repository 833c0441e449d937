"""axe-core: whether a page in the browser can be used by everybody (WCAG, best practices included)."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from playwright.sync_api import Page

from tests.third_party.node_client import install

_RUN = """async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, html }) => `${id} (${help}): ${target.join(" ")} ${html.slice(0, 160)}`));
}"""


@cache
def _source() -> str:
    return (install(Path(__file__).parent) / "axe-core" / "axe.min.js").read_text("utf-8")


def violations(page: Page) -> list[str]:
    """Every rule that the page as it is shown breaks, and where.

    Skips the test where npm or its registry is out of reach.
    """
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_source())
    found: list[str] = page.evaluate(_RUN)
    return found
