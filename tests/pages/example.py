# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts of the site's example page, and the image of one of them: `python -m ...tests.pages.example FILE.png`."""

from __future__ import annotations

import sys
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.page import page
from ansible_collections.kvm.hostdev.tests.pages import hosts

SHOWN = "kvm1"
_WIDTH, _CHROMIUM = 860, "/usr/bin/chromium"


def example() -> str:
    """The page: two hosts that are made up, one recorded of the lab."""
    facts = {"kvm1": hosts.gpu_host(), "kvm2": hosts.switched_host(), "kvm3": hosts.recorded_host("lab-trixie")}
    return page(facts, generated=hosts.GENERATED)


def take(file: Path) -> None:
    """Write the drawing of one host as an image."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        source = Path(folder, "example.html")
        source.write_text(example(), encoding="ascii")
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": _WIDTH, "height": 900})
        tab.goto(f"{source.as_uri()}#host={SHOWN}")
        tab.locator(".drawing").screenshot(path=file)
        browser.close()


def main(arguments: t.Sequence[str]) -> None:
    take(Path(arguments[0]))


if __name__ == "__main__":
    main(sys.argv[1:])
