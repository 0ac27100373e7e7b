# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several hosts at a glance."""

from __future__ import annotations

from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.terminal.cells import WIDTH, width
from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.terminal.overview import overview, overview_summary
from ansible_collections.kvm.hostdev.tests.unit.helpers.reported import facts_of

HOSTS = {"kvm2": facts_of("gpu-host"), "kvm1": facts_of("odd-host"), "kvm3": None}


def test_the_overview_has_a_line_for_each_host():
    assert overview(HOSTS) == [
        "HOST  FREE          HELD  DRIFT  WHAT IS FREE",
        "kvm2  20 of 53         4      2  2 x 10de:20b2 A100 SXM4 80GB (node 0: 1, node 1: 1), "
        "12 x 15b3:101c ConnectX-6 Vi..",
        "kvm1  0 of 48          0      0  -",
        "kvm3  no facts of devices: gather them with kvm.hostdev.pci_facts",
    ]
    named = overview({"h" * 500: HOSTS["kvm2"], "kvm\u001b[2J\n": None})
    assert max(map(width, named)) <= WIDTH
    assert all(line.isprintable() for line in named)


def test_facts_that_are_old_are_told_with_their_age():
    lines = overview(HOSTS, {"kvm1": "2 days"})
    assert lines[1] == overview(HOSTS)[1]
    assert lines[2] == "kvm1  0 of 48          0      0  [2 days old] -"
    assert overview_summary(HOSTS, {"kvm1": "2 days"}).endswith("; facts older than an hour of 1: kvm1")
    assert "older" not in overview_summary(HOSTS)


def test_drift_that_was_not_gathered_is_not_told():
    facts = {"devices": facts_of("gpu-host")["devices"]}
    assert overview({"kvm1": facts})[1].startswith("kvm1  20 of 53         4      -  2 x")
    assert "drift" not in overview_summary({"kvm1": facts})
    assert "; drift 2" in overview_summary({"kvm1": facts, "kvm2": HOSTS["kvm2"]})


def test_all_hosts_together_are_one_line_that_names_those_without_facts():
    twice = {**HOSTS, "kvm4": HOSTS["kvm2"], "kvm5\n": None}
    assert overview_summary(twice) == (
        "5 hosts: 40 of 154 functions free: 4 x 10de:20b2 A100 SXM4 80GB (2 hosts), "
        "24 x 15b3:101c ConnectX-6 Virtual Function (2 hosts), "
        "2 x 8086:1592 Ethernet Controller E810-C for QSFP (2 hosts), "
        "2 x 144d:a80a NVMe SSD Controller PM9A1/PM9A3/980PRO (2 hosts); 8 held; 2 set aside; drift 4; "
        "no facts of 2: kvm3, kvm5\\n"
    )
