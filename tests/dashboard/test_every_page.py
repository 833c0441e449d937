"""Every page of the dashboard, whichever there are: safe, and usable by everybody, everywhere."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests import axe
from tests.chromium import DESKTOP, NARROW, PATIENCE, PHONE, Scheme, needs_chromium
from tests.dashboard import site
from tests.dashboard.support import HOSTILE, Dashboard

#: Controls that a screen reader has no words for.
NAMELESS = """[...document.querySelectorAll("a, button, select, textarea, input:not([type=hidden])")]
  .filter((each) => !each.getAttribute("aria-label") && !each.labels?.length)
  .filter((each) => each.textContent.trim() === "")
  .map((each) => each.outerHTML)"""

#: Texts whose contrast with what is behind them is below 4.5:1 (WCAG 1.4.3).
FAINT = """() => {
  const parts = (color) => {
    const context = new OffscreenCanvas(1, 1).getContext("2d");
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (rgb) => rgb.slice(0, 3)
    .map((each) => each / 255)
    .map((each) => (each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
    .reduce((sum, each, at) => sum + each * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (element) => {
    for (let each = element; each !== null; each = each.parentElement) {
      const color = parts(getComputedStyle(each).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (texts.currentNode.data.trim() === "" || !element.checkVisibility()) continue;
    const pair = [luminance(parts(getComputedStyle(element).color)), luminance(behind(element))];
    const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (contrast < 4.5) faint.push(`${contrast.toFixed(2)}: ${texts.currentNode.data.trim()}`);
  }
  return faint;
}"""


#: Words of letters alone that are broken in the middle, and identifiers in slivers: a column is too narrow.
BROKEN = """() => {
  const broken = [];
  const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode;
    const around = node.parentElement;
    if (!around.checkVisibility() || around.closest("pre, .unseen, textarea")) continue;
    for (const word of node.data.matchAll(/[^\\s-]+/gu)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map((each) => Math.round(each.top))).size;
      const most = /^\\p{L}{1,24}[.,:]?$/u.test(word[0]) ? 1 : Math.ceil(word[0].length / 12);
      if (lines > most) broken.push(`${word[0]} in ${lines} lines`);
    }
  }
  return broken;
}"""


def test_every_page_is_found_from_the_first_one(town: Dashboard) -> None:
    assert [route for route, addresses in site.pages(town).items() if not addresses] == []


def test_names_of_ill_will_are_never_markup(town: Dashboard) -> None:
    pages = [town.http.get(address) for address in site.shown(town)]
    assert sum("&lt;script&gt;alert(1)" in page.text for page in pages) >= 2
    for page in pages:
        assert HOSTILE not in page.text, page.url
        assert page.text.count("<script") <= 1, page.url


def test_no_page_lets_anything_in_from_elsewhere(town: Dashboard) -> None:
    for address in site.shown(town):
        response = town.http.get(address)
        policy = response.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'"), address
        assert "unsafe" not in policy, address
        assert response.headers["cache-control"] == "no-store", address
        assert "style=" not in response.text, address


def visit(browser: Browser, town: Dashboard, **options: Any) -> Page:
    context = browser.new_context(base_url=str(town.http.base_url), **options)
    context.set_default_timeout(PATIENCE)
    return context.new_page()


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_page_breaks_a_rule_of_accessibility(
    browser: Browser, town: Dashboard, scheme: Scheme, viewport: ViewportSize
) -> None:
    page = visit(browser, town, color_scheme=scheme, viewport=viewport)
    found = {}
    for address in site.shown(town):
        page.goto(address)
        page.evaluate("for (const each of document.querySelectorAll('main details')) each.open = true")
        found[address] = axe.violations(page)
    assert {address: rules for address, rules in found.items() if rules} == {}


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_and_controls_have_names(browser: Browser, town: Dashboard, scheme: Scheme) -> None:
    page = visit(browser, town, color_scheme=scheme)
    page.goto("/_mock/")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(246, 247, 249)") is (scheme == "light")
    for address in site.shown(town):
        page.goto(address)
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        assert page.evaluate(FAINT) == [], address
        assert page.evaluate(NAMELESS) == [], address


@needs_chromium
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_column_is_so_narrow_that_it_breaks_words(
    browser: Browser, town: Dashboard, viewport: ViewportSize
) -> None:
    page = visit(browser, town, viewport=viewport)
    found = {}
    for address in site.shown(town):
        page.goto(address)
        found[address] = page.evaluate(BROKEN)
    assert {address: words for address, words in found.items() if words} == {}


@needs_chromium
@pytest.mark.parametrize("viewport", [PHONE, NARROW], ids=["phone", "narrow"])
def test_no_page_scrolls_sideways(browser: Browser, town: Dashboard, viewport: ViewportSize) -> None:
    page = visit(browser, town, viewport=viewport)
    for address in site.shown(town):
        page.goto(address)
        page.evaluate("for (const each of document.querySelectorAll('main details')) each.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"], address
    page.locator("#clock summary").click()
    box = page.locator(".panel").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= viewport["width"]
