# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading import bounded
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.usb_scsi import read_usb_and_scsi
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_nodes import HBA, root_hub, scsi, usb, usb_path
from ansible_collections.kvm.hostdev.tests.unit.helpers.from_nodes import read_node_file
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import DATA, files, recorded


def read(folder, *devices, may_hang=False):
    for device in devices:
        files(folder, device)
    tree = Tree(str(folder))
    tree.may_hang = may_hang
    return read_usb_and_scsi(tree)


def test_a_usb_device_is_read_with_what_tells_it_from_others(folder):
    stick = read(folder, usb("1-2.4", 7, block="sdb"))["usb_1_2_4"]
    assert (stick.capability, stick.path) == ("usb_device", usb_path("1-2.4"))
    assert stick.fields == {
        "bus": 1,
        "device": 7,
        "port": "1-2.4",
        "vendor_id": "0951",
        "product_id": "1666",
        "serial": "STICK1",
        "hub": False,
        "root_hub": False,
        "block_paths": ["/dev/sdb"],
    }


def test_interfaces_hosts_and_targets_are_no_devices(folder):
    assert sorted(read(folder, usb("1-2", 2), scsi("2:0:1:3"))) == ["scsi_2_0_1_3", "usb_1_2"]


def test_hubs_and_root_hubs_are_told(folder):
    nodes = read(folder, root_hub(1), usb("1-1", 2, device_class="09"), usb("1-2", 3))
    assert {name: (node.fields["hub"], node.fields["root_hub"]) for name, node in nodes.items()} == {
        "usb_usb1": (True, True),
        "usb_1_1": (True, False),
        "usb_1_2": (False, False),
    }


def test_a_scsi_device_is_read_with_its_serial_from_the_vital_product_data(folder):
    files(folder, scsi("2:0:1:3", block="sdc"))
    page = folder / f"sys/devices/pci0000:00/{HBA}/host2/target2:0:1/2:0:1:3/vpd_pg80"
    page.write_bytes(b"\0\x80\0\x08Z1Z0ABCD")
    node = read(folder)["scsi_2_0_1_3"]
    assert node.fields == {
        "host": 2,
        "bus": 0,
        "target": 1,
        "lun": 3,
        "vendor": "SEAGATE",
        "model": "ST4000NM0023",
        "wwid": "naa.5000c500a1b2c3d4",
        "serial": "Z1Z0ABCD",
        "block_paths": ["/dev/sdc"],
    }


def test_the_links_that_udev_made_to_a_disk_are_its_paths_too(folder):
    links = {"/run/udev/data/b8:32": "S:disk/by-id/wwn-0x5000\nE:ID_BUS=scsi\nS:disk/by-path/pci-1\n"}
    nodes = read(folder, scsi("2:0:0:0", block="sdc"), links)
    assert nodes["scsi_2_0_0_0"].fields["block_paths"] == [
        "/dev/sdc",
        "/dev/disk/by-id/wwn-0x5000",
        "/dev/disk/by-path/pci-1",
    ]


def test_a_device_without_a_serial_or_one_that_is_going_away(folder):
    gone = {"/sys/bus/usb/devices/1-3": "-> ../../../devices/gone", "/sys/bus/scsi/devices/4:0:0:0": "-> ../gone"}
    nodes = read(folder, usb("1-2", 2, serial=None), gone)
    assert list(nodes) == ["usb_1_2"]
    assert nodes["usb_1_2"].fields["serial"] is None


def test_a_usb_device_that_is_stuck_keeps_nobody_waiting(folder, monkeypatch):
    monkeypatch.setattr(bounded, "PATIENCE", 0.1)
    monkeypatch.setattr(bounded, "_GLANCE", 0.05)
    files(folder, {**usb("1-2", 2), **usb("1-3", 3, serial=None)})
    os.mkfifo(f"{folder}{usb_path('1-3')}/serial")
    nodes = read(folder, may_hang=True)
    assert [nodes[name].fields["serial"] for name in ("usb_1_2", "usb_1_3")] == ["STICK1", None]


def test_a_host_without_usb_and_scsi(folder):
    assert read(folder) == {}


def test_names_paths_and_ids_are_those_that_libvirt_gives_on_the_lab_host(folder):
    """The recording has the devices' folders; the links to them on their buses are added here."""
    buses = {}
    entries = recorded("lab-trixie")
    for path in entries:
        device, _slash, attribute = path.rpartition("/")
        if path.startswith("/sys/devices/") and attribute == "busnum":
            buses[f"/sys/bus/usb/devices/{device.rpartition('/')[2]}"] = f"-> ../../..{device[4:]}"
        if path.startswith("/sys/devices/") and attribute == "scsi_level":
            buses[f"/sys/bus/scsi/devices/{device.rpartition('/')[2]}"] = f"-> ../../..{device[4:]}"
    wanted = [path for path in entries if "/usb" in path or "/host" in path]
    made = {path: entries[path].get("file", "") for path in wanted if "file" in entries[path]}
    ours = read(folder, made, buses)
    nodes, _domains = read_node_file((DATA / "lab-trixie.nodedevs.xml").read_text(encoding="utf-8"))
    theirs = {
        libvirt_node.name: libvirt_node for libvirt_node in nodes if libvirt_node.capability in ("usb_device", "scsi")
    }
    assert set(ours) == set(theirs)
    assert len(ours) == 5
    for name, node in ours.items():
        shared = node.fields.keys() & theirs[name].fields.keys()
        assert len(shared) >= 4
        assert {key: node.fields[key] for key in shared} == {key: theirs[name].fields[key] for key in shared}
        assert node.path == theirs[name].path
