# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A page of 1,000 hosts with 60 functions each; how long it takes is printed, and measured by `./run bench page`."""

from __future__ import annotations

import time

from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.page import page as make_page
from ansible_collections.kvm.hostdev.tests.pages import hosts as made
from ansible_collections.kvm.hostdev.tests.pages.conftest import Opener

NODES = "() => document.getElementsByTagName('*').length"


def test_a_thousand_hosts_are_a_small_page_with_few_elements(picture: Opener) -> None:
    hosts = made.fleet(1_000, 60)
    assert sum(len(facts["devices"]) for facts in hosts.values()) == 60_000
    shown = picture(hosts)
    size = shown.file.stat().st_size
    begun = time.monotonic()
    page = shown.go()
    page.wait_for_function("() => document.querySelector('tr[data-host]')")
    opened = time.monotonic() - begun
    assert page.locator("h1").inner_text() == "PCI devices of 1,000 hosts"
    assert size < 15_000_000
    assert page.evaluate(NODES) < 8_000
    begun = time.monotonic()
    page.locator("tr[data-host] a").first.click()
    page.wait_for_function("() => document.querySelector('.drawing')")
    drawn = time.monotonic() - begun
    assert page.evaluate(NODES) < 2_500
    print(f"\n{size / 1e6:.1f} MB, opened in {opened:.1f} s, a host drawn in {drawn:.1f} s")


def test_a_host_more_costs_no_more_than_what_is_new_of_it() -> None:
    few, many = (len(make_page(made.fleet(number, 60), generated="")) for number in (10, 20))
    assert many - few < 10 * 60 * 250
