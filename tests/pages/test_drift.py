# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where record and host differ, told in the fleet and above the drawing."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.tests.pages import hosts as made
from ansible_collections.kvm.hostdev.tests.pages.conftest import Opener

OWNER = {"kind": "domain", "id": "6f1f7c0e-0000-4000-8000-000000000001", "label": "web1"}
REMOVED = {
    "code": "removed",
    "address": "0000:d8:00.0",
    "owner": OWNER,
    "detail": "there is no such device on the host",
}
ASIDE = {
    "code": "set_aside",
    "address": "0000:e3:00.0",
    "owner": None,
    "detail": "set aside: the write hangs; by hand: echo > /sys/one && echo 0000:e3:00.0 > /sys/two",
}


def with_drift(*entries: t.Mapping[str, t.Any]) -> made.Facts:
    return {**made.gpu_host(), "drift": list(entries)}


def test_each_difference_is_told_above_the_drawing(picture: Opener) -> None:
    page = picture({"gpu": with_drift(REMOVED, ASIDE)}).go("host=gpu")
    told = page.locator(".drift").inner_text()
    assert "Drift: 2 differences from the record" in told
    assert "removed 0000:d8:00.0 of web1: there is no such device on the host" in told
    assert "set_aside 0000:e3:00.0: set aside: the write hangs\n" in told
    assert page.locator(".drift .command").all_inner_texts() == ["echo > /sys/one", "echo 0000:e3:00.0 > /sys/two"]
    assert page.locator(".drift p code").inner_text() == "ansible-playbook kvm.hostdev.reconcile --check"


def test_the_fleet_names_hosts_that_differ_and_leads_to_them(picture: Opener) -> None:
    hosts = {f"kvm{number}": with_drift(REMOVED) for number in range(7)}
    page = picture({**hosts, "as-it-was": with_drift(), "silent": None}).go()
    told = page.locator("header").inner_text()
    assert "7 hosts differ from the record: kvm0, kvm1, kvm2, kvm3, kvm4 and 2 more." in told
    page.locator("header").get_by_role("link", name="kvm3").click()
    assert "Drift: 1 difference from the record" in page.locator(".drift").inner_text()


def test_without_a_difference_nothing_is_told(picture: Opener) -> None:
    shown = picture({"gpu": with_drift(), "unasked": made.gpu_host()})
    assert "differ" not in shown.go().locator("header").inner_text()
    for host in ("gpu", "unasked"):
        page = shown.go(f"host={host}")
        page.wait_for_function("() => document.querySelector('.drawing')")
        assert page.locator(".drift").count() == 0


def test_what_a_host_calls_things_is_text(picture: Opener) -> None:
    entries = [
        {"code": text, "address": text, "owner": {**OWNER, "label": text}, "detail": f"{text}; by hand: {text}"}
        for text in made.HOSTILE
    ]
    shown = picture({"gpu": with_drift(*entries)})
    page = shown.go("host=gpu")
    assert page.locator(".drift li").count() == len(made.HOSTILE)
    assert page.locator(".drift img, .drift svg, .drift script").count() == 0
