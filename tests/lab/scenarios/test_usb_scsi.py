# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A USB disk and a SCSI disk: refused while mounted, claimed for a running guest, left alone, given back."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab import guest, topology
from tests.lab.machine import Lab
from tests.lab.play import play, tasks
from tests.lab.state import read_state, reading, state_at

CLAIM = "kvm.hostdev.pci_passthrough_claim"
RELEASE = "kvm.hostdev.pci_passthrough_release"
NAME = "nodes1"
STICK = {"name": "stick", "usb": {"vendor_id": "46f4", "product_id": "0001", "serial": "LABUSB1"}}


@pytest.fixture
def running(lab: Lab) -> Iterator[Lab]:
    """A running domain with controllers for USB and SCSI, which the lab's have not; its kernel need take no part."""
    text = guest.domain_xml("db1", kernel=False).replace("db1", NAME).replace(guest.DOMAINS["db1"][0], _UUID)
    text = text.replace(
        '<controller type="usb" model="none"/>',
        '<controller type="usb" model="qemu-xhci"/><controller type="scsi" model="virtio-scsi"/>',
    )
    lab.put(text, f"/run/{NAME}.xml")
    lab.sh(f"virsh -q define /run/{NAME}.xml && virsh -q start {NAME}")
    try:
        yield lab
    finally:
        lab.sh(f"virsh -q destroy {NAME}; virsh -q undefine {NAME}", check=False)


_UUID = "6b766d00-0000-4000-8000-000000000009"


def _sources(lab: Lab, *options: str) -> list[tuple[str | None, list[dict[str, str]]]]:
    """The guest's assigned devices as libvirt shows them: type, and what is in each source."""
    text = lab.sh(f"virsh -q dumpxml {' '.join(options)} {NAME}").stdout
    return [
        (hostdev.get("type"), [{"": part.tag, **part.attrib} for part in hostdev.iterfind("source/*")])
        for hostdev in ET.fromstring(text).iterfind("devices/hostdev")
    ]


def _below(lab: Lab, function: str, pattern: str) -> str:
    return lab.sh(f"find /sys/bus/pci/devices/{function}/ -path '{pattern}' -printf '%f\\n'").stdout.split()[0]


def test_usb_and_scsi_disks_are_refused_mounted_and_claimed_and_released(running: Lab) -> None:
    lab = running
    number = _below(lab, topology.SCSI_HBA, "*/scsi_device/*:*")
    host, bus, target, lun = number.split(":")
    disk = {"adapter": f"scsi_host{host}", "bus": int(bus), "target": int(target), "lun": int(lun)}
    claim: dict[str, Any] = {"domain": NAME, "requests": [STICK, {"name": "disk", "scsi": disk}]}
    stick = _below(lab, topology.USB_CONTROLLER, "*/block/sd?")
    before = read_state(lab)

    lab.sh(f"mkfs.btrfs -q -f --mixed -d single -m single /dev/{stick}")
    lab.sh(f"mkdir -p /mnt/stick && mount /dev/{stick} /mnt/stick")
    unmount = f"umount /mnt/stick; rmdir /mnt/stick; wipefs --quiet --all /dev/{stick}; udevadm settle"
    claimed = play(
        lab.inventory(),
        tasks(
            {
                "block": [{"name": "mounted", CLAIM: claim, "ignore_errors": True}],
                "always": [{"name": "unmount", "ansible.builtin.raw": unmount}],
            },
            reading("unmounted"),
            {"name": "claim", CLAIM: claim},
            {"name": "claim again", CLAIM: claim},
            {"name": "facts", "kvm.hostdev.pci_facts": {"gather_subset": ["claims"]}},
        ),
    )
    error = claimed.of("mounted").result["error"]
    assert (error["code"], [blocker["code"] for blocker in error["blockers"]]) == ("device_blocked", ["mounted_fs"])
    assert f"/dev/{stick} is mounted at /mnt/stick" in error["found"]
    assert state_at(claimed, "unmounted") == before
    assert claimed.code == 0, claimed.output
    assert claimed.of("claim").status == "changed"
    again = claimed.of("claim again")
    assert (again.status, again.result["plan"]) == ("ok", [])
    name = _below(lab, topology.USB_CONTROLLER, "*/usb*/[0-9]*-[0-9]")
    held = {device["request"]: device["name"] for device in claimed.of("claim").result["node_devices"]}
    assert held == {"stick": f"usb_{name.replace('-', '_')}", "disk": f"scsi_{number.replace(':', '_')}"}
    facts = claimed.of("facts").result["ansible_facts"]["hostdev"]
    assert facts["claims"][0]["node_devices"] == claimed.of("claim").result["node_devices"]

    ids = [{"": "vendor", "id": "0x46f4"}, {"": "product", "id": "0x0001"}]
    place = lab.sh(f"cat /sys/bus/usb/devices/{name}/busnum /sys/bus/usb/devices/{name}/devnum").stdout.split()
    scsi = [{"": "adapter", "name": f"scsi_host{host}"}, {"": "address", "bus": bus, "target": target, "unit": lun}]
    assert _sources(lab, "--inactive") == [("scsi", scsi), ("usb", ids)]
    assert _sources(lab) == [("scsi", scsi), ("usb", [*ids, {"": "address", "bus": place[0], "device": place[1]}])]
    assert "usb-host" in lab.sh(f"virsh qemu-monitor-command {NAME} --hmp info qtree").stdout

    released = play(
        lab.inventory(),
        tasks({"name": "release", RELEASE: {"domain": NAME}}, {"name": "release again", RELEASE: {"domain": NAME}}),
    )
    assert released.code == 0, released.output
    assert [task.status for task in released.tasks] == ["changed", "ok"]
    assert (_sources(lab), _sources(lab, "--inactive")) == ([], [])
    after = read_state(lab)
    assert (after.bindings, after.domains, after.claims()) == (before.bindings, before.domains, [])
