# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Readable by everybody: axe-core, states without their colours, paper, forced colours."""

from __future__ import annotations

import hashlib
import typing as t
from pathlib import Path

import axe_playwright_python
import pytest

from ansible_collections.kvm.hostdev.tests.pages import hosts as made
from ansible_collections.kvm.hostdev.tests.pages.conftest import Opener
from ansible_collections.kvm.hostdev.tests.pages.test_drawn import functions
from ansible_collections.kvm.hostdev.tests.pages.test_nodes import host_with_nodes

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
AXE_SHA256 = "84494fec757e4710dc751c8d7a636e457f4532f08f85c86dc9070133fbff53bc"
VIEWS = {"fleet": "", "host": "host=gpu", "device": "host=gpu&device=0000:43:00.0", "recorded": "host=lab"}


@pytest.fixture(scope="module")
def axe() -> str:
    """axe-core 4.12.1, the file that is known."""
    assert hashlib.sha256(AXE.read_bytes()).hexdigest() == AXE_SHA256
    return AXE.read_text(encoding="utf-8")


@pytest.fixture
def three() -> dict[str, made.Facts]:
    return {
        "gpu": host_with_nodes(),
        "lab": made.recorded_host("lab-trixie"),
        "bookworm": made.recorded_host("lab-bookworm"),
    }


@pytest.mark.parametrize(
    "media", [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"media": "print"}], ids=["light", "dark", "print"]
)
def test_axe_finds_nothing_serious(picture: Opener, three: dict[str, t.Any], axe: str, media: dict[str, t.Any]) -> None:
    shown = picture(three)
    shown.page.emulate_media(**media)
    for view, fragment in VIEWS.items():
        page = shown.go(fragment)
        if view == "host":
            shown.open_all()
        page.evaluate(axe)
        found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        assert found["testEngine"]["version"] == "4.12.1"
        assert len(found["passes"]) > 10
        wrong = [
            (view, violation["id"], node["html"][:200], node["failureSummary"])
            for violation in found["violations"]
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
        ]
        assert wrong == []


def test_axe_does_find_what_is_wrong(picture: Opener, three: dict[str, t.Any], axe: str) -> None:
    page = picture(three).go()
    page.evaluate("() => document.querySelector('#q').parentElement.querySelector('label').remove()")
    page.evaluate("() => document.querySelector('#q').removeAttribute('placeholder')")
    page.evaluate(axe)
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    assert "label" in [violation["id"] for violation in found["violations"]]


def test_states_differ_in_more_than_colour(picture: Opener) -> None:
    page = picture({"gpu": made.gpu_host()}).go("host=gpu")
    patterns = page.evaluate(
        """() => ['free', 'held', 'kept', 'set_aside'].map((state) => {
            const band = getComputedStyle(document.querySelector(`.box.${state}`), '::before');
            return band.backgroundImage.replace(/rgba?\\([^)]*\\)/g, 'colour');
        })"""
    )
    assert len(set(patterns)) == 4
    assert patterns[0] == "none"  # plain


def test_forced_colours_keep_patterns_and_words(picture: Opener) -> None:
    shown = picture({"gpu": made.gpu_host()}, forced_colors="active")
    page = shown.go("host=gpu")
    assert "gradient" in page.evaluate(
        "() => getComputedStyle(document.querySelector('.box.kept'), '::before').backgroundImage"
    )
    assert "held by web1" in page.locator("[data-address='0000:03:00.0']").inner_text()


def test_on_paper_all_is_open_and_then_closed_again(picture: Opener) -> None:
    facts = made.gpu_host()
    shown = picture({"gpu": facts})
    page = shown.go("host=gpu")
    page.emulate_media(media="print")
    page.wait_for_function("() => document.querySelector('.vfs').open")
    assert page.locator(".drawing [data-address]:visible").count() == len(functions(facts))
    page.emulate_media(media="screen")
    page.wait_for_function("() => !document.querySelector('.vfs').open")


def test_a_small_fleet_is_printed_with_its_drawings(picture: Opener, three: dict[str, t.Any]) -> None:
    shown = picture(three)
    page = shown.go()
    page.emulate_media(media="print")
    page.wait_for_function("() => document.querySelectorAll('.printed .drawing').length === 3")
    assert page.locator(".printed [data-address]").count() == sum(len(functions(facts)) for facts in three.values())
    assert not page.locator("form").is_visible()
    page.emulate_media(media="screen")
    page.wait_for_function("() => !document.querySelector('.printed')")


def test_all_rows_are_printed(picture: Opener) -> None:
    shown = picture({f"kvm{number:03}": made.gpu_host() for number in range(40)})
    page = shown.go()
    page.emulate_media(media="print")
    page.wait_for_function("() => document.querySelectorAll('tr[data-host]').length > 100")
    assert page.locator("tr[data-host]").count() == 40 * 4
    assert page.locator(".printed").count() == 0


@pytest.mark.parametrize("width", [1280, 640, 400], ids=["laptop", "200 % zoom", "telephone"])
def test_the_free_ones_are_in_view_and_the_page_is_no_wider_than_its_window(
    picture: Opener, three: dict[str, t.Any], width: int
) -> None:
    """Tables and drawings that are wider scroll in their own places."""
    shown = picture(three)
    shown.page.set_viewport_size({"width": width, "height": 900})
    for fragment in ("kind=GPU", "host=gpu", "host=gpu&device=0000:43:00.0"):
        page = shown.go(fragment)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    page = shown.go("kind=GPU")
    free = page.locator("tr[data-host=gpu] .free-of").bounding_box()
    hosts = page.locator("section[aria-labelledby=where] .table").bounding_box()
    assert free is not None
    assert hosts is not None
    assert free["x"] + free["width"] <= hosts["x"] + hosts["width"]
    models = page.locator("section[aria-labelledby=what] .table")
    assert models.evaluate("(table) => table.scrollWidth <= table.clientWidth")


def test_it_prints(picture: Opener, tmp_path: Path) -> None:
    shown = picture({"gpu": made.gpu_host()})
    paper = shown.go("host=gpu").pdf()
    assert paper.startswith(b"%PDF")
    assert len(paper) > 20_000
