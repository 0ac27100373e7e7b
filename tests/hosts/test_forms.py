# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small hosts of our own in each form: what is told is read, and what is not told is unknown."""

from __future__ import annotations

import bz2
import io
import json
import tarfile
import typing as t
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Topology
from tests.hosts.finding import recorded, recordings
from tests.hosts.forms import tarball, umockdev
from tests.hosts.recording import DRIVERS, GROUPS, NODES, WAYS, Recording
from tests.unit.helpers.recorded import files

ALIAS = "pci:v0000{}d0000{}sv00001028sd00000ABCbc{}sc{}i{}"


def write(folder: Path, name: str, text: str) -> Recording:
    """The recording in a file of this text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    (found,) = recordings(path)
    return found.read()


# nixos-facter


def hexadecimal(digits: str) -> dict[str, t.Any]:
    return {"hex": digits, "value": int(digits, 16)}


def hardware(address: str, path: str, **fields: t.Any) -> dict[str, t.Any]:
    return {
        "bus_type": {"name": "PCI"},
        "sysfs_bus_id": address,
        "sysfs_id": f"/devices/pci0000:40{path}/{address}",
        "vendor": hexadecimal("15b3"),
        "device": hexadecimal("101b"),
        "base_class": hexadecimal("0002"),
        "sub_class": hexadecimal("0007"),
        "module_alias": ALIAS.format("15B3", "101B", "02", "07", "00"),
        **fields,
    }


def facter(*entries: object, **more: list[t.Any]) -> str:
    return json.dumps({"version": 1, "hardware": {"network_controller": [*entries], "bios": {}, **more}})


def test_a_report_is_merged_from_its_lists(tmp_path: Path) -> None:
    port = hardware(
        "0000:40:01.0", "", detail={"header_type": 1}, module_alias=ALIAS.format("1022", "14AB", "06", "04", "00")
    )
    nic = hardware("0000:41:00.0", "/0000:40:01.0", sysfs_iommu_group_id=7, drivers=["mlx5_core"])
    link = {"class_list": ["network_interface"], "sysfs_id": "/class/net/ib0", "sysfs_device_link": nic["sysfs_id"]}
    text = facter(
        nic, pci=[{"sysfs_bus_id": "0000:41:00.0", "driver": "vfio-pci"}], bridge=[port], network_interface=[link]
    )
    recording = write(tmp_path, "rack.json", text)
    device = recording.inventory.devices["0000:41:00.0"]
    assert (device.vendor_id, device.product_id, device.class_id) == ("15b3", "101b", "020700")
    assert (device.driver, device.vfio, device.iommu_group, device.parent) == ("vfio-pci", True, 7, "0000:40:01.0")
    assert [(child.kind, child.name) for child in device.children] == [("net", "ib0")]
    assert recording.inventory.devices["0000:40:01.0"].is_bridge
    assert recording.tells == {WAYS, DRIVERS, GROUPS}


def test_a_function_without_a_group_has_none_where_others_have_one_and_else_it_is_unknown(tmp_path: Path) -> None:
    grouped, other = hardware("0000:41:00.0", "", sysfs_iommu_group_id=7), hardware("0000:42:00.0", "")
    assert write(tmp_path, "some.json", facter(grouped, other)).inventory.host.iommu is True
    assert write(tmp_path, "none.json", facter(other)).inventory.host.iommu is None


@pytest.mark.parametrize(
    ("base", "sub", "told"),
    [("0002", "0080", "0280"), ("0002", "0082", "02"), ("010b", "0000", ""), ("0006", "0004", "0604")],
)
def test_classes_are_the_kernels_and_hwinfos_own_are_not_held_against_them(
    tmp_path: Path, base: str, sub: str, told: str
) -> None:
    entry = hardware("0000:41:00.0", "", base_class=hexadecimal(base), sub_class=hexadecimal(sub))
    recording = write(tmp_path, "rack.json", facter(entry))
    assert recording.inventory.devices["0000:41:00.0"].class_id == "020700"
    assert recording.ids["0000:41:00.0"] == ("15b3", "101b", told)


def test_a_report_of_which_much_is_missing_is_read(tmp_path: Path) -> None:
    bare = {
        "sysfs_bus_id": "0000:41:00.0",
        "vendor": {"value": 0x115B3},
        "base_class": {},
        "detail": None,
        "drivers": None,
    }
    recording = write(tmp_path, "rack.json", facter(bare, None, {"sysfs_bus_id": "usb1"}))
    device = recording.inventory.devices["0000:41:00.0"]
    assert (device.vendor_id, device.product_id, device.class_id) == ("15b3", "0000", "ff0000")
    assert recording.ids["0000:41:00.0"] == ("15b3", "", "")
    assert (device.driver, device.path) == (None, "/sys/bus/pci/devices/0000:41:00.0")


# Trees of sysfs


PLACE = "sys/devices/pci0000:40/0000:40:01.0"
TREE = {
    f"/{PLACE}/vendor": "0x15b3\n",
    f"/{PLACE}/device": "0x101b\n",
    f"/{PLACE}/class": "0x020000\n",
    f"/{PLACE}/numa_node": "1\n",
    "/sys/bus/pci/devices/0000:40:01.0": "-> ../../../devices/pci0000:40/0000:40:01.0",
    "/sys/devices/system/node/node1/cpulist": "0-3\n",
}


def packed(contents: t.Mapping[str, str], top: str) -> bytes:
    """A tarball of files and links, with its compression."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:bz2") as archive:
        for path, text in contents.items():
            member = tarfile.TarInfo(f"{top}{path}")
            if text.startswith("->"):
                member.type, member.linkname = tarfile.SYMTYPE, text[2:].strip()
            else:
                member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["folder", "tarball"])
def test_a_tree_is_read_as_a_host_is(tmp_path: Path, form: str) -> None:
    place = tmp_path / "rack"
    if form == "folder":
        files(place, TREE)
    else:
        place.write_bytes(packed(TREE, "rack"))
    (found,) = recordings(place)
    recording = found.read()
    device = recording.inventory.devices["0000:40:01.0"]
    assert (recording.form, device.vendor_id, device.numa_node) == (form, "15b3", 1)
    assert recording.inventory.host.numa_nodes[1].cpus == {0, 1, 2, 3}
    assert recording.ids == {"0000:40:01.0": ("15b3", "101b", "020000")}
    # No function has a driver, a group or what it is reset by: these were not recorded.
    assert recording.tells == {WAYS, NODES}
    assert recording.inventory.host.iommu is None
    assert device.reset_methods is None


def test_a_tree_with_groups_tells_whose_they_are_and_with_none_that_there_is_no_iommu(tmp_path: Path) -> None:
    files(tmp_path / "off", {**TREE, "/sys/kernel/iommu_groups/.keep": ""})
    (tmp_path / "off/sys/kernel/iommu_groups/.keep").unlink()
    assert recorded(tmp_path / "off").host.iommu is False
    links = {
        f"/{PLACE}/iommu_group": "-> ../../../kernel/iommu_groups/9",
        f"/{PLACE}/reset_method": "flr\n",
        "/sys/kernel/iommu_groups/9/devices/0000:40:01.0": "-> ../../../../devices/pci0000:40/0000:40:01.0",
    }
    files(tmp_path / "on", {**TREE, **links})
    (found,) = recordings(tmp_path / "on")
    recording = found.read()
    assert (recording.inventory.host.iommu, recording.inventory.groups) == (True, {9: ["0000:40:01.0"]})
    assert recording.members == {9: {"0000:40:01.0"}}
    assert recording.inventory.devices["0000:40:01.0"].reset_methods == ("flr",)


@pytest.mark.parametrize("target", ["/etc/hostname", "../../../../../../../etc/hostname"])
def test_what_a_tarball_would_put_or_link_outside_is_left_out(tmp_path: Path, target: str) -> None:
    contents = {**TREE, f"/{PLACE}/serial": f"-> {target}", "/../../escaped": "x"}
    path = tmp_path / "deep/er/rack.tar.bz2"
    path.parent.mkdir(parents=True)
    path.write_bytes(packed(contents, "rack"))
    root = tmp_path / "deep/er/root"
    tarball.lay_out(bz2.decompress(path.read_bytes()), root)
    assert (root / f"rack/{PLACE}/vendor").is_file()
    assert not (root / f"rack/{PLACE}/serial").is_symlink()
    assert not list(tmp_path.rglob("escaped"))


def test_a_recording_of_our_own_is_a_tree_with_uses(tmp_path: Path) -> None:
    function: dict[str, t.Any] = {
        "vendor": "0x144d\n",
        "device": "0xa808\n",
        "class": "0x010802\n",
        "config": ["bytes", "4d1408a8"],
        "rom": None,
    }
    link = ["link", "../../../devices/pci0000:40/0000:40:01.0"]
    tree: dict[str, t.Any] = {
        "sys": {"bus": {"pci": {"devices": {"0000:40:01.0": link, "away": ["link", "/etc"], "../x": "y"}}}}
    }
    tree["sys"]["devices"] = {"pci0000:40": {"0000:40:01.0": function}}
    use = {
        "code": "root_disk",
        "detail": "/ is on it",
        "path": "/sys/devices/pci0000:40/0000:40:01.0",
        "address": "0000:40:01.0",
    }
    recording = write(tmp_path, "rack.json", json.dumps({"kvm_hostdev_recording": 1, "tree": tree, "uses": [use]}))
    assert list(recording.inventory.devices) == ["0000:40:01.0"]
    assert [one.code for one in recording.inventory.host_uses["0000:40:01.0"]] == ["root_disk"]
    assert recording.ids == {"0000:40:01.0": ("144d", "a808", "010802")}


# umockdev


UMOCKDEV = """P: /devices/pci0000:40/0000:40:01.0
E: DRIVER=pcieport
E: MODALIAS=pci:v00001022d000014ABsv00001028sd00000AF9bc06sc04i00
E: PCI_CLASS=60400
E: PCI_ID=1022:14AB
E: PCI_SLOT_NAME=0000:40:01.0
E: PCI_SUBSYS_ID=1028:0AF9
E: SUBSYSTEM=pci
A: class=0x060400\\n
A: device=0x14ab\\n
A: vendor=0x1022\\n
H: config=2210AB14000000000000000000000100000000000000000000414100
L: driver=../../../bus/pci/drivers/pcieport
L: iommu_group=../../../kernel/iommu_groups/3
A: numa_node=0\\n

P: /devices/pci0000:40/0000:40:01.0/0000:41:00.0
E: PCI_ID=10DE:25B6
E: PCI_CLASS=30200
E: PCI_SUBSYS_ID=10DE:157E
E: PCI_SLOT_NAME=0000:41:00.0
E: MODALIAS=pci:v000010DEd000025B6sv000010DEsd0000157Ebc03sc02i00
E: SUBSYSTEM=pci
A: numa_node=0\\n
A: reset_method=flr bus\\n
A: physlot=a\\\\b\\101
L: iommu_group=../../../../kernel/iommu_groups/3
L: outside=../../../../../../../../../../etc

P: /devices/../../escaped
A: x=1
"""


def test_umockdev_is_laid_out_as_a_tree(tmp_path: Path) -> None:
    recording = write(tmp_path, "rack.umockdev", UMOCKDEV)
    port, gpu = recording.inventory.devices.values()
    assert (port.is_bridge, port.driver, gpu.parent) == (True, "pcieport", "0000:40:01.0")
    assert (gpu.vendor_id, gpu.class_id, gpu.reset_methods, gpu.numa_node) == ("10de", "030200", ("flr", "bus"), 0)
    assert recording.inventory.groups == {3: ["0000:40:01.0", "0000:41:00.0"]}
    assert recording.inventory.host.iommu is True
    assert recording.tells == {WAYS, DRIVERS, GROUPS, NODES}
    assert gpu.stable_path == "0000_40_01.0-00_00.0"


def test_umockdevs_escapes_are_undone_and_nothing_leads_outside(tmp_path: Path) -> None:
    root = (tmp_path / "deep/root").resolve()
    umockdev.lay_out(UMOCKDEV, root)
    folder = root / "sys/devices/pci0000:40/0000:40:01.0/0000:41:00.0"
    assert (folder / "physlot").read_bytes() == b"a\\bA"
    assert not (folder / "outside").is_symlink()
    assert not list(tmp_path.rglob("escaped"))


# Node devices


def node(address: str, parent: str, *capabilities: str, driver: str = "", path: str = "") -> str:
    domain, bus, rest = address.split(":")
    slot, number = rest.split(".")
    return f"""<device><name>pci_{domain}_{bus}_{slot}_{number}</name>{path and f"<path>{path}</path>"}
    <parent>{parent}</parent>{driver and f"<driver><name>{driver}</name></driver>"}
    <capability type='pci'><class>0x020000</class><domain>{int(domain, 16)}</domain><bus>{int(bus, 16)}</bus>
    <slot>{int(slot, 16)}</slot><function>{number}</function><product id='0x101b'/><vendor id='0x15b3'/>
    {"".join(capabilities)}</capability></device>"""


BRIDGE = "<capability type='pci-bridge'/>"
GROUP = """<iommuGroup number='3'><address domain='0x0000' bus='0x40' slot='0x01' function='0x0'/>
<address domain='0x0000' bus='0x41' slot='0x00' function='0x0'/></iommuGroup>"""
PF = """<capability type='virt_functions' maxCount='4'>
<address domain='0x0000' bus='0x41' slot='0x00' function='0x2'/></capability>"""
VF = "<capability type='phys_function'><address domain='0x0000' bus='0x41' slot='0x00' function='0x0'/></capability>"
NODE_DEVICES = [
    node("0000:40:01.0", "computer", BRIDGE, GROUP, driver="pcieport"),
    node("0000:41:00.0", "pci_0000_40_01_0", PF, GROUP, "<numa node='1'/>", driver="mlx5_core"),
    node("0000:41:00.2", "pci_0000_40_01_0", VF),
    node("10000:e0:02.0", "pci_0000_41_00_0", BRIDGE),
    node("0000:51:00.0", "pci_0000_50_00_0"),
    node("0000:61:00.0", "computer", path="/sys/devices/pci0000:60/0000:60:03.0/0000:61:00.0"),
]


@pytest.mark.parametrize("several", [False, True])
def test_node_devices_in_one_file_and_in_one_each_are_the_same_host(tmp_path: Path, several: bool) -> None:
    for number, text in enumerate(NODE_DEVICES if several else [f"<node>{''.join(NODE_DEVICES)}</node>"]):
        (tmp_path / f"{number}.xml").write_text(f"<?xml version='1.0'?>\n{text}", encoding="utf-8")
    (found,) = recordings(tmp_path)
    recording = found.read()
    assert len(recording.inventory.devices) == len(NODE_DEVICES)
    pf, vf = (recording.inventory.devices[f"0000:41:00.{number}"] for number in (0, 2))
    assert (pf.driver, pf.numa_node, pf.total_vfs, pf.virtual_functions) == ("mlx5_core", 1, 4, ("0000:41:00.2",))
    assert (vf.physical_function, vf.device_type, vf.iommu_group) == ("0000:41:00.0", "type-VF", None)
    assert recording.members == {3: {"0000:40:01.0", "0000:41:00.0"}}


def test_places_of_node_devices_follow_from_their_paths_or_parents_or_are_unknown(tmp_path: Path) -> None:
    recording = write(tmp_path, "rack.xml", "".join(NODE_DEVICES))
    topology = Topology(recording.inventory)
    told = {
        address: (topology[address].pcie_root, topology[address].bridges) for address in recording.inventory.devices
    }
    assert told["0000:41:00.0"] == ("pci0000:40", ("0000:40:01.0",))
    assert told["0000:61:00.0"] == ("pci0000:60", ("0000:60:03.0",))
    assert told["0000:51:00.0"] == (None, ())
    # A domain of its own below an endpoint: that is no bridge.
    assert told["10000:e0:02.0"] == ("pci0000:40", ("0000:40:01.0",))


def test_files_that_tell_of_the_same_function_are_samples_and_no_host(tmp_path: Path) -> None:
    for name in ("a.xml", "b.xml"):
        (tmp_path / name).write_text(NODE_DEVICES[0], encoding="utf-8")
    assert [found.path.name for found in recordings(tmp_path)] == ["a.xml", "b.xml"]


# Lists


def test_a_list_tells_what_some_function_of_it_has(tmp_path: Path) -> None:
    entries = [
        {"address": "00:01.0", "vendor": "0x1022", "device": "1483", "class": "0x060400", "iommu_group": 1},
        {"address": "0000:01:00.0", "vendor": "10de", "device": "0x25b6", "class": "0302", "iommu_group": 1},
    ]
    recording = write(tmp_path, "list.json", json.dumps(entries))
    port, gpu = recording.inventory.devices.values()
    assert (port.address, port.is_bridge, gpu.class_id, gpu.vendor_id) == ("0000:00:01.0", True, "030200", "10de")
    assert recording.inventory.groups == {1: ["0000:00:01.0", "0000:01:00.0"]}
    assert recording.tells == {GROUPS}
    assert Topology(recording.inventory)["0000:01:00.0"].pcie_root is None


def test_files_of_other_kinds_are_no_recordings(tmp_path: Path) -> None:
    for name, text in {"a.json": '{"hardware": 3}', "b.json": "[1]", "c.json": "{", "d.xml": "<domain/>"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert list(recordings(tmp_path)) == []
