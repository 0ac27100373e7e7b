# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Binding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.diff import domain_diff, host_diff
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.plan import Plan
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.steps import (
    DriverStep,
    HostdevStep,
    VfSettingsStep,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import VFIO, WEB, domain

A, B = "0000:01:00.0", "0000:02:00.0"
EMPTY = "<domain>\n  <name>web1</name>\n  <devices>\n  </devices>\n</domain>"
WITH_A = f"<domain><name>web1</name><devices>{hostdev_xml(A, managed=True)}</devices></domain>"
PRETTY_EMPTY = "<domain>\n  <name>web1</name>\n  <devices />\n</domain>\n"
PRETTY_A = """\
<domain>
  <name>web1</name>
  <devices>
    <hostdev mode="subsystem" type="pci" managed="yes">
      <source>
        <address domain="0x0000" bus="0x01" slot="0x00" function="0x0" />
      </source>
    </hostdev>
  </devices>
</domain>
"""


def plan(*steps):
    return Plan("claim", steps, Claim(WEB), Claim(WEB))


def enters(place="config", address=A):
    return HostdevStep(address, "web1", WEB.id, place, None, hostdev_xml(address, managed=True))


def test_drivers_that_change_are_one_entry_with_a_line_for_each_function():
    steps = [DriverStep(A, Binding("igb", None), VFIO), enters(), DriverStep(B, VFIO, Binding(None, None))]
    assert host_diff(plan(*steps)) == [
        {
            "before_header": "drivers",
            "after_header": "drivers",
            "before": "0000:01:00.0 driver=igb driver_override=unset\n"
            "0000:02:00.0 driver=vfio-pci driver_override=vfio-pci\n",
            "after": "0000:01:00.0 driver=vfio-pci driver_override=vfio-pci\n"
            "0000:02:00.0 driver=none driver_override=unset\n",
        }
    ]


def test_drivers_come_before_the_settings_of_vfs_whatever_their_order_in_the_plan():
    settings = VfSettingsStep(B, A, 0, {"trust": False}, {"trust": True, "spoof_check": False})
    drivers, vfs = host_diff(plan(settings, DriverStep(A, Binding("igb", None), VFIO)))
    assert drivers["before_header"] == "drivers"
    assert vfs == {
        "before_header": "VF settings",
        "after_header": "VF settings",
        "before": "0000:02:00.0 trust=off\n",
        "after": "0000:02:00.0 trust=on spoof_check=off\n",
    }


def test_nothing_to_do_has_no_diff():
    assert host_diff(plan()) == []
    assert domain_diff(plan(), domain(EMPTY, EMPTY), None) == []


def test_in_check_mode_the_xml_is_foretold():
    assert domain_diff(plan(enters()), domain(EMPTY), None) == [
        {
            "before_header": "domain web1 (config)",
            "after_header": "domain web1 (config)",
            "before": PRETTY_EMPTY,
            "after": PRETTY_A,
        }
    ]


def test_the_element_that_leaves_is_gone_from_the_foretold_xml():
    (entry,) = domain_diff(plan(enters().inverse()), domain(WITH_A), None)
    assert (entry["before"], entry["after"]) == (PRETTY_A, PRETTY_EMPTY)


def test_only_the_function_that_leaves_is_gone():
    both = WITH_A.replace("</devices>", hostdev_xml(B, managed=True) + "</devices>")
    (entry,) = domain_diff(plan(enters(address=B).inverse()), domain(both), None)
    assert entry["after"] == PRETTY_A


def test_after_the_run_the_xml_is_the_one_that_was_read_back():
    placed = WITH_A.replace("</hostdev>", '<alias name="hostdev0"/></hostdev>')
    (entry,) = domain_diff(plan(enters()), domain(EMPTY), domain(placed))
    assert '<alias name="hostdev0" />' in entry["after"]
    assert '<alias name="hostdev0" />' not in entry["before"]


def test_each_place_that_is_touched_has_its_entry():
    entries = domain_diff(plan(enters(), enters("live")), domain(EMPTY, EMPTY), None)
    assert [entry["before_header"] for entry in entries] == ["domain web1 (config)", "domain web1 (live)"]
    entries = domain_diff(plan(enters("live")), domain(EMPTY, EMPTY), None)
    assert [entry["before_header"] for entry in entries] == ["domain web1 (live)"]


def test_a_domain_without_devices_gets_them():
    (entry,) = domain_diff(plan(enters()), domain("<domain><name>web1</name></domain>"), None)
    assert entry["after"] == PRETTY_A
