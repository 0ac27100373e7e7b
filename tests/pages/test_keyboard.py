# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""All of it with the keyboard alone."""

from __future__ import annotations

from ansible_collections.kvm.hostdev.tests.pages import hosts as made
from ansible_collections.kvm.hostdev.tests.pages.conftest import Opener, Picture

NAME = "(e) => e.dataset.address || e.dataset.bridge || e.innerText"
FOCUSED = (
    "() => { const f = document.activeElement; return f.dataset.address || f.dataset.bridge || f.id || f.localName; }"
)


def tab_to(shown: Picture, wanted: str, most: int = 60) -> None:
    for _press in range(most):
        if shown.page.evaluate(f"() => document.activeElement.matches({wanted!r})"):
            return
        shown.page.keyboard.press("Tab")
    raise AssertionError(f"{wanted} is not reached by {most} times Tab")


def test_from_the_filter_to_a_device_and_back(picture: Opener) -> None:
    shown = picture({"gpu": made.gpu_host(), "lab": made.recorded_host("lab-trixie")})
    page = shown.go()
    tab_to(shown, "#q")
    page.keyboard.type("20b2")
    tab_to(shown, "tr[data-host=gpu] a")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('.drawing')")
    assert page.evaluate(FOCUSED) == "main"
    tab_to(shown, "[data-address='0000:04:00.0']")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('dialog').open")
    assert page.evaluate("() => document.activeElement.className") == "close"
    assert page.evaluate("() => location.hash").startswith("#host=gpu&device=0000%3A04%3A00.0")
    page.keyboard.press("Escape")
    # The browser closes it first, and tells the page afterwards.
    page.wait_for_function("() => !document.querySelector('dialog').open && !location.hash.includes('device')")
    assert page.evaluate(FOCUSED) == "0000:04:00.0"


def test_each_box_bridge_and_stack_is_reached_in_the_order_of_the_drawing(picture: Opener) -> None:
    shown = picture({"gpu": made.gpu_host()})
    page = shown.go("host=gpu")
    expected = page.evaluate(f"() => [...document.querySelectorAll('.drawing button, .drawing summary')].map({NAME})")
    assert len(expected) > 12
    page.locator(".drawing button").first.focus()
    reached = []
    for _each in expected:
        reached.append(page.evaluate(f"() => ({NAME})(document.activeElement)"))
        page.keyboard.press("Tab")
    assert reached == expected


def test_a_stack_opens_and_its_devices_follow(picture: Opener) -> None:
    shown = picture({"gpu": made.gpu_host()})
    page = shown.go("host=gpu")
    page.locator(".vfs > summary").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('.vfs [data-address]')")
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == "0000:41:10.0"


def test_more_rows_go_on_where_they_were_added(picture: Opener) -> None:
    shown = picture({f"kvm{number:03}": made.gpu_host() for number in range(60)})
    page = shown.go()
    rows = page.locator("tr[data-host]")
    assert rows.count() == 100
    page.locator("section[aria-labelledby=where] .more").focus()
    page.keyboard.press("Enter")
    assert rows.count() == 200
    assert (
        page.evaluate(
            "() => [...document.querySelectorAll('tr[data-host]')].indexOf(document.activeElement.closest('tr'))"
        )
        == 100
    )


def test_the_browser_goes_back_from_a_device_to_the_host_to_the_fleet(picture: Opener) -> None:
    shown = picture({"gpu": made.gpu_host()})
    page = shown.go("q=20b2")
    page.locator("tr[data-host=gpu] a").click()
    page.locator("[data-address='0000:03:00.0']").click()
    page.locator("dialog[open]").wait_for()
    page.go_back()
    page.wait_for_function("() => !document.querySelector('dialog').open")
    assert page.locator(".drawing").is_visible()
    page.go_back()
    page.wait_for_function("() => document.querySelector('tr[data-host]')")
    assert page.locator("#q").input_value() == "20b2"
