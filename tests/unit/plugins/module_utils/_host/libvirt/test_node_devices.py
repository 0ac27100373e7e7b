# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.libvirt.node_devices import read_node_devices
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import Handle, LibvirtError, Script
from ansible_collections.kvm.hostdev.tests.unit.helpers.from_nodes import read_node_file
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import DATA

NO_NODE_DEVICE = 53
WITH_VPD = 1 << 21


@pytest.fixture(scope="module")
def lab_nodes():
    nodes, _domains = read_node_file((DATA / "lab-trixie.nodedevs.xml").read_text(encoding="utf-8"))
    return {node.name: node for node in nodes}


def test_every_recorded_node_device_is_read_whole(lab_nodes):
    assert [node.warning for node in lab_nodes.values() if node.warning is not None] == []
    kinds = {node.capability for node in lab_nodes.values()}
    assert kinds >= {"pci", "net", "storage", "scsi", "scsi_host", "scsi_target", "usb", "usb_device", "system", "drm"}


def test_pci_node_devices_have_their_address_and_others_have_none(lab_nodes):
    assert lab_nodes["pci_0000_81_00_0"].address == "0000:81:00.0"
    assert lab_nodes["pci_0000_01_10_2"].address == "0000:01:10.2"
    assert {node.address for node in lab_nodes.values() if node.capability != "pci"} == {None}


def test_the_recorded_root_hubs_are_hubs(lab_nodes):
    assert [name for name, node in lab_nodes.items() if node.fields.get("root_hub")] == ["usb_usb1", "usb_usb2"]
    assert [name for name, node in lab_nodes.items() if node.fields.get("hub")] == ["usb_usb1", "usb_usb2"]


def test_a_disk_in_full(lab_nodes):
    assert lab_nodes["block_nvme2n1_QEMU_NVMe_Ctrl_LABNVME0_1"].as_dict() == {
        "name": "block_nvme2n1_QEMU_NVMe_Ctrl_LABNVME0_1",
        "parent": "pci_0000_04_00_0",
        "path": "/sys/devices/pci0000:00/0000:00:13.0/0000:04:00.0/nvme/nvme2/nvme2n1",
        "driver": None,
        "capability": "storage",
        "capabilities": [],
        "devnode": "/dev/nvme2n1",
        "devlinks": [
            "/dev/disk/by-diskseq/3",
            "/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_LABNVME0",
            "/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_LABNVME0_1",
            "/dev/disk/by-id/nvme-nvme.1b36-4c41424e564d4530-51454d55204e564d65204374726c-00000001",
            "/dev/disk/by-path/pci-0000:04:00.0-nvme-1",
        ],
        "block": "/dev/nvme2n1",
        "drive_type": "disk",
        "model": "QEMU NVMe Ctrl",
        "serial": "QEMU_NVMe_Ctrl_LABNVME0_1",
        "size": 67108864,
        "logical_block_size": 512,
        "num_blocks": 131072,
    }


def test_reading_asks_for_all_and_for_each_once_and_sorts_them():
    xml = "<device><name>{}</name><capability type='drm'/></device>"
    with Script(
        ("connection", "listAllDevices", (0,), [Handle("b"), Handle("gone"), Handle("a")]),
        ("b", "XMLDesc", (0,), xml.format("b")),
        ("gone", "XMLDesc", (0,), LibvirtError("no node device with matching name", NO_NODE_DEVICE)),
        ("a", "XMLDesc", (0,), xml.format("a")),
    ) as script:
        nodes, warnings, _functions = read_node_devices(script.object("connection"), LibvirtError)
    assert [node.name for node in nodes] == ["a", "b"]
    assert warnings == []


def test_of_functions_that_are_known_only_those_with_vital_product_data_are_asked_for():
    xml = "<device><name>{}</name><capability type='drm'/></device>"
    with Script(
        ("connection", "listAllDevices", (0,), [Handle("plain"), Handle("card"), Handle("other")]),
        ("plain", "name", (), "plain"),
        ("card", "name", (), "card"),
        ("other", "name", (), "other"),
        ("connection", "listAllDevices", (WITH_VPD,), [Handle("card")]),
        ("card", "name", (), "card"),
        ("card", "XMLDesc", (0,), xml.format("card")),
        ("other", "XMLDesc", (0,), xml.format("other")),
    ) as script:
        reading = read_node_devices(script.object("connection"), LibvirtError, {"plain", "card", "gone"})
    assert [node.name for node in reading.devices] == ["card", "other"]
    assert reading.functions == {"plain"}


def test_a_libvirt_that_can_not_tell_which_have_vital_product_data_is_asked_for_all():
    with Script(
        ("connection", "listAllDevices", (0,), [Handle("plain")]),
        ("plain", "name", (), "plain"),
        ("connection", "listAllDevices", (WITH_VPD,), LibvirtError("unsupported flags (0x200000)")),
        ("plain", "XMLDesc", (0,), "<device><name>plain</name><capability type='pci'/></device>"),
    ) as script:
        reading = read_node_devices(script.object("connection"), LibvirtError, {"plain"})
    assert [node.name for node in reading.devices] == ["plain"]
    assert reading.functions == frozenset()


def test_odd_devices_are_listed_with_their_names_and_warnings():
    with Script(
        ("connection", "listAllDevices", (0,), [Handle("refused"), Handle("broken"), Handle("odd")]),
        ("refused", "XMLDesc", (0,), LibvirtError("internal error: no VPD")),
        ("refused", "name", (), "refused"),
        ("broken", "XMLDesc", (0,), "<device"),
        ("broken", "name", (), "broken"),
        ("odd", "XMLDesc", (0,), "<device><name>odd</name></device>"),
    ) as script:
        nodes, warnings, _functions = read_node_devices(script.object("connection"), LibvirtError)
    assert [(node.name, node.capability, node.warning) for node in nodes] == [
        ("broken", None, "its XML is broken: unclosed token: line 1, column 0"),
        ("odd", None, "it has no capability"),
        ("refused", None, "libvirt does not describe it: internal error: no VPD"),
    ]
    assert warnings == [
        "node device refused: libvirt does not describe it: internal error: no VPD",
        "node device broken: its XML is broken: unclosed token: line 1, column 0",
        "node device odd: it has no capability",
    ]


def test_a_host_whose_libvirt_lists_no_devices_is_told_of():
    with Script(
        ("connection", "listAllDevices", (0,), LibvirtError("Failed to connect socket to virtnodedevd-sock")),
    ) as script:
        nodes, warnings, _functions = read_node_devices(script.object("connection"), LibvirtError)
    assert nodes == []
    assert warnings == ["libvirt lists no node devices: Failed to connect socket to virtnodedevd-sock"]
