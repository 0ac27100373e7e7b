# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the picture of many hosts takes: to be made, to be opened in Chromium, and for one host to be drawn."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.page import page as make_page
from ansible_collections.kvm.hostdev.tests.pages.hosts import fleet

CHROMIUM = "/usr/bin/chromium"
# The second frame after the last change: what is drawn is on the screen.
_SHOWN = "() => new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)))"


def run(hosts: int, functions: int, rounds: int) -> None:
    """Print size and seconds, of several rounds the median."""
    facts = fleet(hosts, functions)
    begun = time.monotonic()
    text = make_page(facts, generated="")
    print(f"{hosts} hosts of {functions} functions: {len(text) / 1e6:.1f} MB, made in {time.monotonic() - begun:.1f} s")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder, "picture.html")
        file.write_text(text, encoding="ascii")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        taken = [_measured(browser.new_page(), file.as_uri()) for _round in range(rounds)]
        browser.close()
    opened, found, drawn = (statistics.median(seconds) for seconds in zip(*taken, strict=True))
    print(f"opened in {opened:.2f} s, filtered in {found:.2f} s, a host drawn in {drawn:.2f} s")


def _measured(page: Page, address: str) -> tuple[float, float, float]:
    begun = time.monotonic()
    page.goto(address)
    page.evaluate(_SHOWN)
    opened = time.monotonic()
    page.locator("#q").fill("kvm0123")
    page.evaluate(_SHOWN)
    found = time.monotonic()
    page.locator("tr[data-host] a").first.click()
    page.wait_for_function("() => document.querySelector('.drawing')")
    page.evaluate(_SHOWN)
    drawn = time.monotonic()
    page.close()
    return opened - begun, found - opened, drawn - found
