# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet: what there is and where, filtered and sorted, counted here from the facts."""

from __future__ import annotations

import collections
import typing as t
from urllib.parse import urlencode

import pytest

from ansible_collections.kvm.hostdev.tests.pages import hosts as made
from ansible_collections.kvm.hostdev.tests.pages.conftest import Opener, Picture
from ansible_collections.kvm.hostdev.tests.pages.test_drawn import functions

Row = tuple[str, str, int, int]
ROWS = """() => [...document.querySelectorAll('tr[data-host]')].map((row) =>
    [row.dataset.host, row.dataset.ids, Number(row.cells[2].dataset.free), Number(row.cells[2].dataset.total)])"""


@pytest.fixture(scope="module")
def hosts() -> dict[str, made.Facts | None]:
    other = made.gpu_host()
    for device in other["devices"]:  # the same on the other node, with nothing held, and all of one GPU free
        device["numa_node"] = None if device["numa_node"] is None else 1 - device["numa_node"]
        if device["product_id"] == "20b2":
            device.update(owner=None, claimable=True, blockers=[])
    return {"kvm10": made.gpu_host(), "kvm9": other, "lab": made.recorded_host("lab-trixie"), "silent": None}


def counted(hosts: t.Mapping[str, made.Facts | None], node: int | None = None) -> dict[tuple[str, str], list[int]]:
    """Free and total of each host and vendor:product, of functions that are no parts of the platform."""
    rows: dict[tuple[str, str], list[int]] = collections.defaultdict(lambda: [0, 0])
    for host, facts in hosts.items():
        for device in functions(facts).values() if facts else ():
            if device["class"].startswith(("01", "02", "03", "04", "12", "0c03", "0c04", "0b40")):
                row = rows[host, f"{device['vendor_id']}:{device['product_id']}"]
                row[1] += 1
                row[0] += device["claimable"] and (node is None or device["numa_node"] == node)
    return rows


def rows(shown: Picture, **query: str) -> list[Row]:
    page = shown.go(urlencode(query))
    return [tuple(row) for row in page.evaluate(ROWS)]


def test_rows_are_what_the_facts_count(picture: Opener, hosts: dict[str, t.Any]) -> None:
    shown = picture(hosts)
    assert {row[:2]: list(row[2:]) for row in rows(shown)} == counted(hosts)
    free = sum(row[0] for row in counted(hosts).values())
    assert f"{free} devices free to claim" in shown.page.locator("header").inner_text()
    assert shown.page.locator("[role=status]").inner_text() == f"{free} devices free on 3 hosts."


def test_of_each_numa_node_it_is_told_what_is_free(picture: Opener, hosts: dict[str, t.Any]) -> None:
    shown = picture(hosts)
    shown.go("q=kvm9+10de:20b2")
    assert shown.texts("tr[data-host] .node") == ["node 0: 2 of 2", "node 1: 5 of 5"]


def test_a_model_is_found_by_its_ids(picture: Opener, hosts: dict[str, t.Any]) -> None:
    shown = picture(hosts)
    shown.go()
    shown.page.get_by_label("Find").fill("10de:20b2")
    assert {tuple(row) for row in shown.page.evaluate(ROWS)} == {
        ("kvm9", "10de:20b2", 7, 7),
        ("kvm10", "10de:20b2", 2, 7),
    }
    assert shown.page.evaluate("() => document.activeElement.id") == "q"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "a100"}, {("kvm9", 7), ("kvm10", 2)}),
        ({"q": "A100 kvm10"}, {("kvm10", 2)}),
        ({"q": "web1", "kind": "GPU"}, {("kvm10", 2)}),
        ({"q": "10de", "free": "3"}, {("kvm9", 7)}),
        ({"q": "10de", "node": "1"}, {("kvm9", 5), ("kvm10", 0)}),
        ({"q": "10de", "node": "0", "free": "2"}, {("kvm9", 2), ("kvm10", 2)}),
        ({"q": "10de", "node": "one", "free": "3"}, {("kvm9", 5)}),
        ({"q": "10de", "free": "8"}, set()),
        ({"q": "enp65s0f0 kvm9"}, {("kvm9", 0)}),
        ({"q": "nvme0n1", "kind": "NVMe"}, {("kvm9", 0), ("kvm10", 0)}),
        ({"q": "0000:41:10.2"}, {("kvm9", 3), ("kvm10", 3)}),
        ({"q": "nothing is called so"}, set()),
        ({"q": "10de", "free": "nonsense", "node": "nonsense"}, set()),
        ({"q": "10de", "kind": "GPU", "node": "7"}, set()),
    ],
)
def test_filters(picture: Opener, hosts: dict[str, t.Any], query: dict[str, str], expected: set[t.Any]) -> None:
    shown = picture(hosts)
    assert {(row[0], row[2]) for row in rows(shown, **query)} == expected
    if not expected:
        near = " With fewer free, or on another NUMA node, there are 2." if query["q"] == "10de" else ""
        assert shown.page.locator("[role=status]").inner_text() == f"Nothing is like this.{near}"


def test_controls_filter_and_the_address_remembers(picture: Opener, hosts: dict[str, t.Any]) -> None:
    shown = picture(hosts)
    page = shown.go()
    page.get_by_label("free at least").fill("3")
    page.get_by_label("on", exact=True).select_option("one")
    page.locator("[data-kind=GPU]").click()
    assert [tuple(row) for row in page.evaluate(ROWS)] == [("kvm9", "10de:20b2", 5, 7)]
    assert page.locator("[data-kind=GPU]").get_attribute("aria-pressed") == "true"
    page.reload()
    assert [tuple(row) for row in page.evaluate(ROWS)] == [("kvm9", "10de:20b2", 5, 7)]
    assert page.get_by_label("free at least").input_value() == "3"


def test_parts_of_the_platform_come_when_they_are_asked_for(picture: Opener, hosts: dict[str, t.Any]) -> None:
    shown = picture(hosts)
    page = shown.go("q=8086:09a2")
    assert page.evaluate(ROWS) == []
    assert page.locator("[role=status]").inner_text() == "Nothing but parts of the platform is like this."
    page.get_by_label("parts of the platform too").check()
    assert {tuple(row) for row in page.evaluate(ROWS)} == {("kvm9", "8086:09a2", 4, 4), ("kvm10", "8086:09a2", 4, 4)}


def test_what_is_looked_for_and_free_comes_first(picture: Opener, hosts: dict[str, t.Any]) -> None:
    assert rows(picture(hosts))[:2] == [("kvm9", "10de:20b2", 7, 7), ("kvm10", "10de:20b2", 2, 7)]


def test_rows_are_sorted_by_column_there_and_back(picture: Opener, hosts: dict[str, t.Any]) -> None:
    shown = picture(hosts)
    page = shown.go()
    button = page.locator("[data-sort=host]")

    def names() -> list[str]:
        return [row[0] for row in page.evaluate(ROWS)]

    button.click()
    upwards = names()
    assert list(dict.fromkeys(upwards)) == ["kvm9", "kvm10", "lab"]  # 9 comes before 10
    assert upwards == sorted(upwards, key=["kvm9", "kvm10", "lab"].index)
    assert page.locator("th[aria-sort=ascending] [data-sort=host]").count() == 1
    assert page.evaluate("() => document.activeElement.dataset.sort") == "host"
    button.click()
    assert list(dict.fromkeys(names())) == ["lab", "kvm10", "kvm9"]
    page.locator("[data-sort=free]").click()
    free = [row[2] for row in page.evaluate(ROWS)]
    assert free == sorted(free, reverse=True)
    assert page.locator("th[aria-sort=descending] [data-sort=free]").count() == 1


def test_from_the_row_to_the_free_device(picture: Opener, hosts: dict[str, t.Any]) -> None:
    shown = picture(hosts)
    page = shown.go()
    page.locator("[data-kind=GPU]").click()
    page.locator("tr[data-host=kvm10] a").click()
    page.wait_for_function("() => document.querySelector('h1').innerText === 'kvm10'")
    assert page.locator(".box.marked").count() == 7
    assert page.locator(".box.free.marked").first.is_visible()
    page.get_by_text("all hosts").click()
    page.wait_for_function("() => document.querySelector('h1').innerText === 'PCI devices of 4 hosts'")
    assert page.locator("[data-kind=GPU]").get_attribute("aria-pressed") == "true"


def test_on_the_node_that_was_asked_for_the_free_device_is_in_view(picture: Opener, hosts: dict[str, t.Any]) -> None:
    shown = picture(hosts)
    shown.page.set_viewport_size({"width": 720, "height": 350})
    seen = {}
    for node in ("0", "1"):
        page = shown.go(f"q=20b2&node={node}")
        page.locator("tr[data-host=kvm9] a").click()
        page.wait_for_function("() => document.querySelector('.box.free.marked')")
        seen[node] = page.evaluate(
            """() => [...document.querySelectorAll('.box.free.marked')].filter((box) => {
                const {top, bottom} = box.getBoundingClientRect();
                return top >= 0 && bottom <= innerHeight;
            }).map((box) => box.closest('.numa').dataset.node)"""
        )
    assert "0" in seen["0"]
    assert "1" in seen["1"]


def test_from_the_address_of_a_device_to_its_box(picture: Opener, hosts: dict[str, t.Any]) -> None:
    shown = picture(hosts)
    shown.page.set_viewport_size({"width": 720, "height": 350})
    page = shown.go("q=0000:43:00.0")
    page.locator("tr[data-host=kvm10] a").click()
    page.wait_for_function("() => document.querySelector('.marked')")
    top = "() => document.querySelector(\"[data-address='0000:43:00.0']\").getBoundingClientRect().top"
    assert 0 <= page.evaluate(top) <= 350


def test_models_are_counted_over_all_hosts(picture: Opener, hosts: dict[str, t.Any]) -> None:
    shown = picture(hosts)
    page = shown.go()
    line = page.locator("tr", has=page.locator("[data-model='10de:20b2']"))
    assert "9 of 14" in line.inner_text()
    assert line.locator("td").last.inner_text() == "2"
    page.locator("[data-model='10de:20b2']").click()
    page.wait_for_function(f"() => new Set(({ROWS})().map((row) => row[1])).size === 1")
    assert {row[1] for row in page.evaluate(ROWS)} == {"10de:20b2"}
