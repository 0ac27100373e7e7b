# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The browser, and pages in it that are held to say nothing to console and network."""

from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.page import page as make_page
from ansible_collections.kvm.hostdev.tests.pages.hosts import GENERATED

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="session")
def browser() -> t.Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Picture:
    """A page with some hosts, open in a browser; `complaints` are what console and network had to say."""

    def __init__(self, browser: Browser, folder: Path, hosts: t.Mapping[str, t.Any], **context: t.Any) -> None:
        self.file = folder / "picture.html"
        self.file.write_text(make_page(hosts, generated=GENERATED), encoding="ascii")
        self.context = browser.new_context(viewport={"width": 1400, "height": 900}, **context)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        self.page.on("request", self._requested)

    def _requested(self, request: t.Any) -> None:
        if request.url.partition("#")[0] != self.file.as_uri():
            self.complaints.append(f"request: {request.url}")

    def go(self, fragment: str = "") -> Page:
        self.page.goto("about:blank")
        self.page.goto(f"{self.file.as_uri()}#{fragment}")
        return self.page

    def open_all(self) -> None:
        """Open every stack, and those that show themselves in it."""
        while self.page.evaluate(
            "() => { const shut = [...document.querySelectorAll('main details:not([open])')];"
            " shut.forEach((one) => { one.makeAll?.(); one.open = true; }); return shut.length; }"
        ):
            pass

    def texts(self, selector: str) -> list[str]:
        return self.page.locator(selector).all_text_contents()


Opener = t.Callable[..., Picture]


@pytest.fixture
def picture(browser: Browser, tmp_path: Path) -> t.Iterator[Opener]:
    """Opens hosts as a page; at the end none of the pages may have complained or asked for anything."""
    with contextlib.ExitStack() as stack:
        opened = []

        def open_page(hosts: t.Mapping[str, t.Any], **context: t.Any) -> Picture:
            opened.append(Picture(browser, tmp_path, hosts, **context))
            stack.callback(opened[-1].context.close)
            return opened[-1]

        yield open_page
        assert [complaint for one in opened for complaint in one.complaints] == []
