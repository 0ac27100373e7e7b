# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database of udev as a host: places, drivers and children, and what it can't tell stays unknown."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Topology
from tests.hosts.finding import recorded, recordings

ROOT = "/devices/pci0000:40"
PORT = f"{ROOT}/0000:40:01.1"
NIC = f"{PORT}/0000:41:00.0"
VMD = f"{ROOT}/0000:40:05.5"
DISK = f"{VMD}/pci10000:e0/10000:e0:02.0/10000:e1:00.0"


def entry(path: str, **properties: str) -> str:
    lines = [f"P: {path}", "L: 0", f"E: DEVPATH={path}", *(f"E: {key}={value}" for key, value in properties.items())]
    return "\n".join(lines) + "\n"


def function(path: str, ids: str, class_id: str, **properties: str) -> str:
    slot = path.rpartition("/")[2]
    vendor, product = ids.split(":")
    kind = class_id.zfill(6)
    alias = f"pci:v0000{vendor}d0000{product}sv00001028sd00000ABCbc{kind[:2]}sc{kind[2:4]}i{kind[4:]}"
    return entry(
        path,
        SUBSYSTEM="pci",
        PCI_CLASS=class_id,
        PCI_ID=ids,
        PCI_SUBSYS_ID="1028:0ABC",
        PCI_SLOT_NAME=slot,
        MODALIAS=alias,
        **properties,
    )


DATABASE = "\n".join(
    [
        entry("/devices/LNXSYSTM:00", SUBSYSTEM="acpi"),
        function(PORT, "8086:352D", "60400", DRIVER="pcieport"),
        entry(f"{PORT}/0000:40:01.1:pcie001", SUBSYSTEM="pci_express"),
        function(NIC, "15B3:101B", "20000", DRIVER="mlx5_core"),
        entry(f"{NIC}/net/ens1", SUBSYSTEM="net", INTERFACE="ens1"),
        function(VMD, "8086:28C0", "10400", DRIVER="vmd"),
        function(DISK, "144D:A808", "10802", DRIVER="vfio-pci"),
        entry(f"{DISK}/nvme/nvme0", SUBSYSTEM="nvme"),
        entry(f"{DISK}/nvme/nvme0/nvme0n1", SUBSYSTEM="block", DEVTYPE="disk", ID_SERIAL_SHORT="S1"),
        entry(f"{DISK}/nvme/nvme0/nvme0n1/nvme0n1p1", SUBSYSTEM="block", DEVTYPE="partition"),
    ]
)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "rack7.txt"
    path.write_text(DATABASE, encoding="utf-8")
    return path


def test_functions_have_ids_driver_and_what_they_carry(database: Path) -> None:
    devices = recorded(database).devices
    assert list(devices) == ["0000:40:01.1", "0000:40:05.5", "0000:41:00.0", "10000:e1:00.0"]
    nic = devices["0000:41:00.0"]
    assert (nic.vendor_id, nic.product_id, nic.class_id, nic.driver) == ("15b3", "101b", "020000", "mlx5_core")
    assert (nic.subsystem_vendor_id, nic.subsystem_product_id, nic.vfio) == ("1028", "0abc", False)
    assert [(child.kind, child.name) for child in nic.children] == [("net", "ens1")]
    disk = devices["10000:e1:00.0"]
    assert [(child.kind, child.name) for child in disk.children] == [("nvme", "nvme0"), ("block", "nvme0n1")]
    assert disk.vfio


def test_the_ids_come_a_second_time_from_the_modalias(database: Path) -> None:
    (found,) = recordings(database)
    assert found.read().ids["10000:e1:00.0"] == ("144d", "a808", "010802")


@pytest.mark.parametrize("lost", ["PCI_CLASS", "PCI_ID", "PCI_SLOT_NAME", "SUBSYSTEM", "PCI_SUBSYS_ID"])
def test_an_entry_that_lacks_a_property_is_still_the_function(database: Path, lost: str) -> None:
    lines = [line for line in DATABASE.splitlines() if not line.startswith(f"E: {lost}=")]
    whole = recorded(database).devices["0000:41:00.0"]
    database.write_text("\n".join(lines), encoding="utf-8")
    partial = recorded(database).devices["0000:41:00.0"]
    assert (partial.vendor_id, partial.product_id, partial.class_id) == ("15b3", "101b", "020000")
    assert (partial.path, partial.driver) == (whole.path, whole.driver)


def test_places_follow_from_the_paths_also_where_a_bridge_is_not_listed(database: Path) -> None:
    inventory = recorded(database)
    nic, disk = inventory.devices["0000:41:00.0"], inventory.devices["10000:e1:00.0"]
    assert (nic.parent, nic.stable_path) == ("0000:40:01.1", "0000_40_01.1-00_00.0")
    assert disk.parent == "10000:e0:02.0"
    topology = Topology(inventory)
    assert topology["10000:e1:00.0"].pcie_root == "pci0000:40"
    assert topology["10000:e1:00.0"].bridges == ("10000:e0:02.0",)


def test_what_the_database_lacks_is_unknown(database: Path) -> None:
    inventory = recorded(database)
    nic = inventory.devices["0000:41:00.0"]
    assert (nic.iommu_group, nic.numa_node, nic.reset_methods, nic.details) == (None, None, None, None)
    assert inventory.host.iommu is None
    (blocker,) = Statuses(inventory, Tracker()).blockers("0000:41:00.0")
    assert (blocker.code, blocker.detail) == ("iommu_off", "unknown: the recording does not tell of IOMMU groups")


@pytest.mark.parametrize("packed", ["gzip", "bz2", "lzma"])
def test_packed_files_and_line_ends_of_windows_make_no_difference(database: Path, packed: str) -> None:
    module = __import__(packed)
    other = database.with_suffix(".packed")
    other.write_bytes(module.compress(DATABASE.replace("\n", "\r\n").encode()))
    assert recorded(other).devices == recorded(database).devices


@pytest.mark.parametrize("texts", [{}, {"a.txt": "P: this is a letter\n"}, {"a.txt": DATABASE, "b.txt": DATABASE}])
def test_no_host_and_two_hosts_are_not_one(tmp_path: Path, texts: t.Mapping[str, str]) -> None:
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="recordings of a host; wanted one"):
        recorded(tmp_path)
