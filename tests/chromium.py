"""Chromium, without a window, for the tests of HTML pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

import pytest
from playwright.sync_api import Browser, ViewportSize, expect, sync_playwright

_CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")

needs_chromium = pytest.mark.skipif(
    not _CHROMIUM and not os.environ.get("CI"), reason="no chromium here: apt-get install chromium"
)

_ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: Milliseconds for whatever the browser is to do: for machines that have other things to do.
PATIENCE = 120_000
expect.set_options(timeout=PATIENCE)

#: prefers-color-scheme.
Scheme: TypeAlias = Literal["light", "dark"]

DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
#: As narrow as a page must be able to get (WCAG 1.4.10).
NARROW: ViewportSize = {"width": 320, "height": 640}


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS, timeout=PATIENCE)
        yield browser
        browser.close()
