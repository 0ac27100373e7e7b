# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""USB and SCSI devices: where they hang, who has them, why they stay."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.node_devices import node_devices

PORT, XHCI = "0000:00:1c.0", "0000:03:00.0"
STICK = f"/sys/devices/pci0000:00/{PORT}/{XHCI}/usb1/1-1"
DISK = f"{STICK}/1-1:1.0/host7/target7:0:0/7:0:0:0"
FUNCTION = {
    "address": XHCI,
    "capability": "pci",
    "class": "0c0330",
    "header_type": 0,
    "claimable": True,
    "owner": None,
    "blockers": [],
    "used_by": [],
}


def usb(**fields):
    return {"name": "usb_1_1", "capability": "usb_device", "path": STICK, "blockers": [], "used_by": [], **fields}


def scsi(**fields):
    return {"name": "scsi_7_0_0_0", "capability": "scsi", "path": DISK, "blockers": [], "used_by": [], **fields}


def claim(*names):
    return {"owner": {"kind": "domain", "id": "1", "label": "backup1"}, "node_devices": [{"name": n} for n in names]}


def states(*devices, function=None, claims=()):
    found = node_devices({"devices": [{**FUNCTION, **(function or {})}, *devices], "claims": list(claims)})
    return {node.device["name"]: (node.state, node.owner or node.code) for node in found}


def test_each_hangs_on_the_nearest_function():
    platform = usb(name="usb_9_1", path="/sys/devices/platform/usb9/9-1")
    unknown = usb(name="odd", path=None)
    nodes = node_devices({"devices": [FUNCTION, usb(), scsi(), platform, unknown]})
    assert [(node.device["name"], node.above) for node in nodes] == [
        ("usb_1_1", XHCI),
        ("scsi_7_0_0_0", XHCI),
        ("usb_9_1", None),
        ("odd", None),
    ]


def test_hubs_and_what_else_no_guest_is_given_are_left_out():
    hub = {key: value for key, value in usb(hub=True).items() if key != "blockers"}
    net = {"name": "net_eth0", "capability": "net", "path": f"{STICK}/net/eth0"}
    assert states(hub, net) == {}


@pytest.mark.parametrize("held", ["usb_1_1", "scsi_7_0_0_0"])
def test_a_stick_and_the_disk_on_it_are_held_together(held):
    other = usb(name="usb_1_10", path=f"{STICK}0")
    assert states(usb(), scsi(), other, claims=[claim(held)]) == {
        "usb_1_1": ("held", "backup1"),
        "scsi_7_0_0_0": ("held", "backup1"),
        "usb_1_10": ("free", None),
    }


def test_what_the_host_or_a_domain_uses_stays():
    mounted = [{"code": "mounted_fs", "detail": "/srv"}]
    assert states(usb(blockers=mounted, used_by=[{"domain": "db1"}])) == {"usb_1_1": ("kept", "mounted_fs")}
    assert states(usb(used_by=[{"domain": "db1"}])) == {"usb_1_1": ("kept", "in_domain_xml")}


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ({"claimable": False, "owner": {"label": "web1"}}, "kept"),
        ({"claimable": False, "blockers": [{"code": "set_aside"}]}, "kept"),
        ({"claimable": False, "used_by": [{"domain": "db1"}]}, "kept"),
        ({"claimable": False, "blockers": [{"code": "no_reset"}]}, "free"),
        ({}, "free"),
    ],
)
def test_what_hangs_on_a_function_that_somebody_has_is_not_free(function, expected):
    (state, code) = states(usb(), function=function)["usb_1_1"]
    assert (state, code) == (expected, "group_used_by_domain" if expected == "kept" else None)


def test_facts_that_do_not_tell_of_domains_or_claims_are_no_trouble():
    bare = {key: value for key, value in usb().items() if key != "used_by"}
    (node,) = node_devices({"devices": [bare]})
    assert (node.state, node.above) == ("free", XHCI)
