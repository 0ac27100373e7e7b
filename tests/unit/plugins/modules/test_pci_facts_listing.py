# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What pci_facts chooses and leaves out, on the lab host with its recorded node devices."""

from __future__ import annotations

import re
import time
import xml.etree.ElementTree as ET

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._module import facts as facts_module
from ansible_collections.kvm.hostdev.plugins.module_utils._module import gathering
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import LibvirtError
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_runner import Runner
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import DATA, files

PF, VF1 = "0000:01:00.0", "0000:01:10.0"
VF1_NAME = "pci_0000_01_10_0"
NODES = [
    ET.tostring(node, encoding="unicode")
    for node in ET.parse(DATA / "lab-trixie.nodedevs.xml").getroot().findall("device")
]
WITH_VPD = 1 << 21


class NodeHandle:
    calls = 0

    def __init__(self, xml):
        self._xml = xml

    def XMLDesc(self, _flags):  # noqa: N802 - libvirt's name
        NodeHandle.calls += 1
        if isinstance(self._xml, Exception):
            raise self._xml
        return self._xml

    def name(self):
        name = re.search("<name>(.*)</name>", str(self._xml))
        return "odd" if name is None else name.group(1)


@pytest.fixture
def runner(lab_host, monkeypatch, capsys):
    NodeHandle.calls = 0
    lab_host.libvirt.nodes = list(NODES)
    monkeypatch.setattr(
        type(lab_host.libvirt),
        "listAllDevices",
        lambda libvirt, flags: [
            NodeHandle(xml) for xml in libvirt.nodes if flags != WITH_VPD or "<capability type='vpd'>" in str(xml)
        ],
    )
    return Runner(lab_host, monkeypatch, capsys)


def facts(runner, **options):
    result = runner.done("pci_facts", **options)
    assert result["changed"] is False
    return result["ansible_facts"]["hostdev"]


def names(runner, **options):
    return [device["name"] for device in facts(runner, gather_subset=["devices", "node_devices"], **options)["devices"]]


def test_node_devices_come_after_the_functions_and_each_is_asked_for_once_if_it_is_no_function(runner):
    devices = facts(runner)["devices"]
    kinds = [device["capability"] for device in devices]
    assert kinds.index("storage") == kinds.count("pci")
    assert "pci" not in kinds[kinds.index("storage") :]
    assert [device["name"] for device in devices if device.get("root_hub")] == ["usb_usb1", "usb_usb2"]
    assert NodeHandle.calls == len(NODES) - kinds.count("pci")


def test_a_function_has_the_vital_product_data_that_libvirt_tells(runner):
    vpd = "<capability type='vpd'><name>X710</name></capability></capability></device>"
    place = next(index for index, xml in enumerate(NODES) if f"<name>{VF1_NAME}</name>" in xml)
    runner.host.libvirt.nodes[place] = re.sub(r"</capability>\s*</device>\s*$", vpd, NODES[place])
    devices = {device["name"]: device for device in facts(runner)["devices"]}
    assert devices[VF1_NAME]["vpd"] == {"name": "X710"}
    assert [name for name, device in devices.items() if "vpd" in device] == [VF1_NAME]


def test_the_tree_is_that_of_libvirt_whether_a_function_is_asked_for_or_not(runner):
    without = facts(runner, gather_subset=["tree"])["tree"]
    asked = NodeHandle.calls
    assert without == facts(runner, gather_subset=["tree"], capability=["pci"])["tree"]
    assert NodeHandle.calls - asked == len(NODES)
    assert [node["name"] for node in without] == ["computer"]


def test_an_odd_node_device_is_listed_with_a_warning_of_the_module(runner):
    runner.host.libvirt.nodes += [LibvirtError("no VPD"), "<device><name>broken</name>"]
    devices = {device["name"]: device for device in facts(runner)["devices"]}
    assert devices["odd"]["warning"] == "libvirt does not describe it: no VPD"
    assert devices["broken"]["capability"] is None
    assert [text.partition(":")[0] for text in runner.warnings] == ["node device odd", "node device broken"]


def test_libvirt_without_node_devices_leaves_the_functions_of_sysfs(runner, monkeypatch):
    def refuse(_libvirt, _flags):
        raise LibvirtError("no virtnodedevd")

    monkeypatch.setattr(type(runner.host.libvirt), "listAllDevices", refuse)
    assert {device["capability"] for device in facts(runner)["devices"]} == {"pci"}
    assert runner.warnings == ["libvirt lists no node devices: no virtnodedevd"]


def test_filters_choose_devices(runner):
    assert names(runner, capability=["usb_device"]) == ["usb_2_1", "usb_usb1", "usb_usb2"]
    assert names(runner, capability=["usb_device"], passthrough=True) == ["usb_2_1"]
    assert names(runner, capability=["phys_function"], specs=[{"address": VF1}]) == ["pci_0000_01_10_0"]
    assert names(runner, capability=["virt_functions"], specs=["8086:10c9"]) == names(
        runner, capability=["virt_functions"]
    )
    eligible = names(runner, passthrough=True, capability=["pci"])
    assert "pci_0000_01_10_0" in eligible
    assert "pci_0000_01_00_0" not in eligible
    assert "pci_0000_00_02_0" not in eligible
    assert "pci_0000_01_10_2" in names(runner, affected_by=PF)


@pytest.mark.parametrize("parts", [["node_devices"], ["devices", "node_devices"]])
def test_a_mounted_usb_disk_is_not_for_a_guest_and_says_why(runner, parts):
    disk = "/sys/devices/pci0000:00/0000:00:05.0/usb2/2-1/2-1:1.0/host7/target7:0:0/7:0:0:0/block/sdb"
    files(runner.host.root, {f"{disk}/size": "1\n", "/sys/class/block/sdb": f"-> {'../' * 3}{disk[1:]}"})
    files(runner.host.root, {"/sys/dev/block/8:16": f"-> {'../' * 3}{disk[1:]}"})
    with open(f"{runner.host.root}/proc/self/mountinfo", "a", encoding="utf-8") as mounts:
        mounts.write("99 1 8:16 / /srv rw - ext4 /dev/sdb rw\n")
    options = {"gather_subset": parts, "capability": ["usb_device", "scsi"]}
    devices = {device["name"]: device for device in facts(runner, **options)["devices"]}
    for name in ("usb_2_1", "scsi_7_0_0_0"):
        assert devices[name]["blockers"] == [
            {
                "code": "mounted_fs",
                "address": name,
                "detail": "/dev/sdb is mounted at /srv",
                "override": None,
                "remedy": "unmount it where the detail says (`umount`), and take it out of `/etc/fstab`",
            }
        ]
    eligible = [device["name"] for device in facts(runner, **options, passthrough=True)["devices"]]
    assert eligible == [name for name, device in devices.items() if device.get("blockers") == []] != []


def test_what_is_claimed_is_eligible_but_not_available(runner):
    runner.done("pci_passthrough_claim", domain="web1", requests=[{"name": "nic", "address": VF1}])
    assert "pci_0000_01_10_0" in names(runner, passthrough=True)
    available = names(runner, available=True)
    assert "pci_0000_01_10_0" not in available
    assert "pci_0000_01_10_2" in available


def test_without_libvirt_children_stand_in(runner):
    assert names(runner, libvirt="none", capability=["net"])[0].startswith("net/")
    assert "net/enp1s0" in names(runner, libvirt="none", affected_by=PF)
    assert {name[:4] for name in names(runner, libvirt="none")} == {"pci_"}


def test_fields_leave_out_the_others(runner):
    devices = facts(runner, fields=["driver", "interface"], capability=["pci", "net"])["devices"]
    assert {tuple(sorted(device)) for device in devices if device["capability"] == "pci"} == {
        ("address", "capability", "driver", "name")
    }
    assert {tuple(sorted(device)) for device in devices if device["capability"] == "net"} == {
        ("address", "capability", "driver", "interface", "name")
    }


def test_the_fields_of_functions_are_known_also_where_none_is_chosen(runner):
    assert facts(runner, fields=["blockers", "root_hub"], specs=[{"vendor_id": "ffff"}])["devices"] == []


def test_of_functions_only_nothing_else_is_asked_for(runner):
    report = facts(runner, gather_subset=["devices"])
    assert list(report) == ["devices"]
    assert {device["capability"] for device in report["devices"]} == {"pci"}
    assert NodeHandle.calls == 0


def test_of_node_devices_only_no_function_is_judged(runner, monkeypatch):
    monkeypatch.delattr(gathering, "device_report")
    assert "pci" not in {device["capability"] for device in facts(runner, gather_subset=["node_devices"])["devices"]}


@pytest.mark.parametrize("parts", [["claims"], ["iommu_groups"], ["claims", "iommu_groups"]])
def test_parts_that_do_without_libvirt_do_not_open_it(runner, monkeypatch, parts):
    monkeypatch.delattr(gathering, "System")
    assert sorted(facts(runner, gather_subset=parts)) == parts
    assert runner.opened == []
    assert sorted(facts(runner, gather_subset=parts, libvirt="required")) == parts
    assert runner.opened == ["qemu:///system"]


def test_each_part_is_the_same_alone_as_with_all(runner, monkeypatch):
    monkeypatch.setattr(facts_module.time, "gmtime", lambda: time.struct_time((2026, 11, 28, 12, 0, 0, 5, 332, 0)))
    whole = facts(runner)
    assert list(whole) == ["devices", "iommu_groups", "tree", "pools", "claims", "drift", "host"]
    for part in whole:
        parts = [part, "node_devices"] if part == "devices" else [part]
        assert facts(runner, gather_subset=parts) == {part: whole[part]}
    assert facts(runner, gather_subset=["!all"]) == {}
    assert list(facts(runner, gather_subset=["!devices", "!node_devices", "!tree", "!host"])) == [
        "iommu_groups",
        "pools",
        "claims",
        "drift",
    ]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"affected_by": "pci_0000_99_00_0"}, "unknown_device"),
        ({"affected_by": PF, "capability": ["pci"]}, "conflicting_filters"),
        ({"capability": ["pcie"]}, "unknown_capability"),
        ({"fields": ["drivers"]}, "unknown_field"),
        ({"gather_subset": ["min"]}, "unknown_subset"),
        ({"specs": [{"vendor": "8086"}]}, "invalid_spec"),
        ({"specs": ["8086"]}, "invalid_spec"),
        ({"specs": []}, "invalid_spec"),
        ({"specs": ["[]"]}, "invalid_spec"),
    ],
)
def test_options_that_make_no_sense_are_refused_with_a_code(runner, options, code):
    assert runner.failed("pci_facts", **options)["error"]["code"] == code


def test_no_spec_at_all_is_answered_with_how_all_devices_are_asked_for(runner):
    told = "wanted: one device spec or more; what to do: leave specs out (`default(omit)`) for all devices."
    assert runner.failed("pci_facts", specs=[])["msg"] == f"specs: found []; {told}"


def test_malformed_options_are_refused_before_the_host_is_looked_at(runner, monkeypatch):
    monkeypatch.delattr(facts_module, "Tree")
    assert runner.failed("pci_facts", gather_subset=["x"])["error"]["code"] == "unknown_subset"
    assert runner.opened == []
