# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read of the recorded lab host, stated in full."""

from __future__ import annotations

import os

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.functions import (
    pci_addresses,
    read_device,
    read_devices,
    read_identified,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.serials import vpd_serial
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.system import System
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import (
    Bar,
    Child,
    PciDetails,
    PciDevice,
    PcieLink,
    VfOf,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

LINK = PcieLink("2.5 GT/s PCIe", 1, "2.5 GT/s PCIe", 1)


def column(tree, read):
    return {device.address: read(device) for device in read_devices(tree)}


def details(tree, address):
    (pci_details,) = (device.details for device in read_devices(tree, details=True) if device.address == address)
    return pci_details


def where(tree, test):
    return [device.address for device in read_devices(tree) if test(device)]


@pytest.fixture(params=["lab-trixie", "lab-bookworm"])
def either(request, recordings):
    return recordings[request.param]


def test_the_functions_of_the_lab_host_their_ids_and_drivers(either):
    assert column(
        either, lambda device: (f"{device.vendor_id}:{device.product_id}", device.class_id, device.driver)
    ) == {
        "0000:00:00.0": ("8086:29c0", "060000", None),
        "0000:00:01.0": ("1234:1111", "030000", "bochs-drm"),
        "0000:00:02.0": ("1af4:1001", "010000", "virtio-pci"),
        "0000:00:03.0": ("1af4:1000", "020000", "virtio-pci"),
        "0000:00:04.0": ("1af4:1004", "010000", "virtio-pci"),
        "0000:00:05.0": ("1b36:000d", "0c0330", "xhci_hcd"),
        "0000:00:06.0": ("8086:25ab", "088000", "i6300ESB timer"),
        "0000:00:07.0": ("1234:1112", "0c0701", None),
        "0000:00:10.0": ("1b36:000c", "060400", "pcieport"),
        "0000:00:11.0": ("1b36:000c", "060400", "pcieport"),
        "0000:00:12.0": ("1b36:000c", "060400", "pcieport"),
        "0000:00:13.0": ("1b36:000c", "060400", "pcieport"),
        "0000:00:14.0": ("1b36:000e", "060400", None),
        "0000:00:18.0": ("1b36:000b", "060000", None),
        "0000:00:1f.0": ("8086:2918", "060100", "lpc_ich"),
        "0000:00:1f.2": ("8086:2922", "010601", "ahci"),
        "0000:00:1f.3": ("8086:2930", "0c0500", "i801_smbus"),
        "0000:01:00.0": ("8086:10c9", "020000", "igb"),
        "0000:01:10.0": ("8086:10ca", "020000", "igbvf"),
        "0000:01:10.2": ("8086:10ca", "020000", "igbvf"),
        "0000:01:10.4": ("8086:10ca", "020000", "igbvf"),
        "0000:01:10.6": ("8086:10ca", "020000", "igbvf"),
        "0000:02:00.0": ("1b36:0010", "010802", "nvme"),
        "0000:03:00.0": ("8086:10d3", "020000", "e1000e"),
        "0000:03:00.1": ("8086:10d3", "020000", "e1000e"),
        "0000:03:00.2": ("1b36:0010", "010802", "nvme"),
        "0000:04:00.0": ("1b36:0010", "010802", "nvme"),
        "0000:05:01.0": ("8086:100e", "020000", "e1000"),
        "0000:05:02.0": ("1234:11e8", "00ff00", None),
        "0000:80:00.0": ("1b36:000c", "060400", "pcieport"),
        "0000:81:00.0": ("1b36:0010", "010802", "nvme"),
    }


def test_the_iommu_groups(either):
    groups = System(either).inventory().groups
    assert groups == {
        0: ["0000:00:00.0"],
        1: ["0000:00:01.0"],
        2: ["0000:00:02.0"],
        3: ["0000:00:03.0"],
        4: ["0000:00:04.0"],
        5: ["0000:00:05.0"],
        6: ["0000:00:06.0"],
        7: ["0000:00:07.0"],
        8: ["0000:00:10.0"],
        9: ["0000:00:11.0"],
        10: ["0000:00:12.0"],
        11: ["0000:00:13.0"],
        12: ["0000:00:14.0", "0000:05:01.0", "0000:05:02.0"],
        13: ["0000:00:18.0"],
        14: ["0000:00:1f.0", "0000:00:1f.2", "0000:00:1f.3"],
        15: ["0000:01:00.0"],
        16: ["0000:02:00.0"],
        17: ["0000:03:00.0", "0000:03:00.1", "0000:03:00.2"],
        18: ["0000:04:00.0"],
        19: ["0000:80:00.0"],
        20: ["0000:81:00.0"],
        21: ["0000:01:10.0"],
        22: ["0000:01:10.2"],
        23: ["0000:01:10.4"],
        24: ["0000:01:10.6"],
    }


def test_the_sr_iov_nic_and_its_vfs(either):
    pf = read_device(either, "0000:01:00.0")
    assert (pf.device_type, pf.total_vfs, pf.num_vfs, pf.physical_function) == ("type-PF", 7, 4, None)
    assert pf.virtual_functions == ("0000:01:10.0", "0000:01:10.2", "0000:01:10.4", "0000:01:10.6")
    assert (pf.vf_product_id, read_device(either, pf.virtual_functions[0]).vf_product_id) == ("10ca", None)
    vf = read_device(either, "0000:01:10.2")
    assert (vf.device_type, vf.total_vfs, vf.num_vfs, vf.physical_function) == ("type-VF", 0, 0, "0000:01:00.0")
    assert (vf.vf_of, pf.vf_of, read_identified(either, "0000:01:00.0")) == (None, None, pf)
    assert read_identified(either, "0000:01:10.2") == vf._replace(vf_of=VfOf(pf.identity, 1))
    together = {device.address: device for device in read_devices(either)}
    assert [together[address].vf_of for address in pf.virtual_functions] == [VfOf(pf.identity, n) for n in range(4)]
    assert vf.identity.items() <= together["0000:01:10.2"].identity.items()
    nvme = read_device(either, "0000:02:00.0")
    assert (nvme.device_type, nvme.total_vfs, nvme.num_vfs, nvme.virtual_functions) == ("type-PF", 4, 0, ())


def test_numa_nodes_are_those_that_the_kernel_knows(either):
    assert column(either, lambda device: device.numa_node) == {
        **dict.fromkeys(column(either, str)),
        "0000:80:00.0": 1,
        "0000:81:00.0": 1,
    }


def test_bridges_are_told_by_their_header_type(either):
    bridges = ["0000:00:10.0", "0000:00:11.0", "0000:00:12.0", "0000:00:13.0", "0000:00:14.0", "0000:80:00.0"]
    assert where(either, lambda device: device.is_bridge) == bridges


def test_express_functions_are_told_by_their_capability(either):
    conventional = [
        *("0000:00:00.0", "0000:00:01.0", "0000:00:02.0", "0000:00:03.0", "0000:00:04.0", "0000:00:06.0"),
        *("0000:00:07.0", "0000:00:18.0", "0000:00:1f.0", "0000:00:1f.2", "0000:00:1f.3", "0000:05:01.0"),
        "0000:05:02.0",
    ]
    assert where(either, lambda device: not device.express) == conventional


def test_stable_paths_count_each_bus_from_its_bridge(either):
    paths = column(either, lambda device: device.stable_path)
    assert {
        address: paths[address] for address in ("0000:00:02.0", "0000:01:10.2", "0000:05:02.0", "0000:81:00.0")
    } == {
        "0000:00:02.0": "0000_00_02.0",
        "0000:01:10.2": "0000_00_10.0-00_10.2",
        "0000:05:02.0": "0000_00_14.0-00_02.0",
        "0000:81:00.0": "0000_80_00.0-00_00.0",
    }


def test_parents_are_the_bridges_above(either):
    parents = column(either, lambda device: device.parent)
    assert {address: parent for address, parent in parents.items() if parent} == {
        "0000:01:00.0": "0000:00:10.0",
        "0000:01:10.0": "0000:00:10.0",
        "0000:01:10.2": "0000:00:10.0",
        "0000:01:10.4": "0000:00:10.0",
        "0000:01:10.6": "0000:00:10.0",
        "0000:02:00.0": "0000:00:11.0",
        "0000:03:00.0": "0000:00:12.0",
        "0000:03:00.1": "0000:00:12.0",
        "0000:03:00.2": "0000:00:12.0",
        "0000:04:00.0": "0000:00:13.0",
        "0000:05:01.0": "0000:00:14.0",
        "0000:05:02.0": "0000:00:14.0",
        "0000:81:00.0": "0000:80:00.0",
    }


def test_serials_come_from_disks_and_from_burnt_in_addresses_and_vfs_have_none(either):
    serials = column(either, lambda device: device.serial)
    assert {address: serial for address, serial in serials.items() if serial} == {
        "0000:01:00.0": "52:54:00:12:34:57",
        "0000:00:03.0": "52:54:00:12:34:56",
        "0000:02:00.0": "LABNVMEPF",
        "0000:03:00.0": "52:54:00:12:34:58",
        "0000:03:00.1": "52:54:00:12:34:59",
        "0000:03:00.2": "LABNVMEMF",
        "0000:04:00.0": "LABNVME0",
        "0000:05:01.0": "52:54:00:12:34:5a",
        "0000:81:00.0": "LABNVME1",
    }


def test_reset_methods_are_those_of_the_kernel(either):
    methods = column(either, lambda device: device.reset_methods)
    assert methods["0000:01:00.0"] == ("flr", "pm", "bus")
    assert methods["0000:01:10.2"] == ("flr",)
    assert methods["0000:00:14.0"] == ("pm",)
    assert methods["0000:05:01.0"] == ("bus",)
    assert methods["0000:05:02.0"] == ()


def test_the_boot_display_is_one(either):
    assert where(either, lambda device: device.boot_vga) == ["0000:00:01.0"]


def test_links_are_told_as_far_as_the_kernel_knows_them(either):
    assert details(either, "0000:81:00.0").link == LINK
    assert details(either, "0000:00:05.0").link == PcieLink(None, None, None, None)
    assert details(either, "0000:00:02.0").link is None


def test_bars_that_are_in_use(either):
    assert details(either, "0000:01:00.0").bars == (
        Bar(0, 131072, io=False, is_64bit=False, prefetchable=False),
        Bar(1, 131072, io=False, is_64bit=False, prefetchable=False),
        Bar(2, 32, io=True, is_64bit=False, prefetchable=False),
        Bar(3, 16384, io=False, is_64bit=True, prefetchable=False),
    )
    assert details(either, "0000:81:00.0").bars == (Bar(0, 16384, io=False, is_64bit=True, prefetchable=False),)
    assert [(region.number, region.prefetchable) for region in details(either, "0000:01:10.2").bars] == [
        (0, True),
        (3, True),
    ]


def kinds(tree, address):
    return [(child.kind, child.name) for child in read_device(tree, address).children]


def test_children_are_found_through_the_folders_between(either):
    assert kinds(either, "0000:00:02.0") == [("block", "vda")]
    assert kinds(either, "0000:00:03.0") == [("net", "enp0s3")]
    assert kinds(either, "0000:81:00.0") == [("nvme", "nvme3"), ("block", "nvme3n1")]
    assert kinds(either, "0000:00:10.0") == []
    assert [child for child in kinds(either, "0000:00:04.0") if child[0] == "block"] == [("block", "sda")]
    assert [child for child in kinds(either, "0000:00:05.0") if child[0] == "block"] == [("block", "sdb")]
    assert [name for kind, name in kinds(either, "0000:00:1f.2") if kind == "scsi_host"] == [
        *("host1", "host2", "host3", "host4", "host5", "host6")
    ]


def test_children_carry_what_tells_them_apart(lab):
    assert read_device(lab, "0000:04:00.0").children == (
        Child("nvme", "nvme2", {"serial": "LABNVME0", "model": "QEMU NVMe Ctrl", "firmware_rev": "10.0.13"}),
        Child("block", "nvme2n1", {"size": "131072"}),
    )
    assert read_device(lab, "0000:01:00.0").children == (
        Child("net", "enp1s0", {"address": "52:54:00:12:34:57", "operstate": "down", "addr_assign_type": "0"}),
    )


def test_one_function_in_full(lab):
    assert read_device(lab, "0000:81:00.0") == PciDevice(
        address="0000:81:00.0",
        path="/sys/devices/pci0000:80/0000:80:00.0/0000:81:00.0",
        stable_path="0000_80_00.0-00_00.0",
        vendor_id="1b36",
        product_id="0010",
        class_id="010802",
        subsystem_vendor_id="1af4",
        subsystem_product_id="1100",
        parent="0000:80:00.0",
        header_type=0,
        express=True,
        driver="nvme",
        driver_override=None,
        vfio=False,
        modalias="pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02",
        iommu_group=20,
        numa_node=1,
        reset_methods=("flr", "bus"),
        serial="LABNVME1",
        children=(
            Child("nvme", "nvme3", {"serial": "LABNVME1", "model": "QEMU NVMe Ctrl", "firmware_rev": "10.0.13"}),
            Child("block", "nvme3n1", {"size": "131072"}),
        ),
    )
    assert details(lab, "0000:81:00.0") == PciDetails(
        revision="02",
        link=LINK,
        bars=(Bar(0, 16384, io=False, is_64bit=True, prefetchable=False),),
        has_rom=False,
        d3cold_allowed=True,
    )


def test_details_are_only_read_where_they_are_asked_for(lab):
    assert {device.details for device in read_devices(lab)} == {None}
    assert None not in {device.details for device in read_devices(lab, details=True)}
    assert [device._replace(details=None) for device in read_devices(lab, details=True)] == read_devices(lab)


def test_a_function_that_is_not_there_is_none(lab):
    assert read_device(lab, "0000:99:00.0") is None


# What the lab host does not have.

HERE = "/sys/bus/pci/devices/0000:01:00.0"
BASE = {f"{HERE}/vendor": "0x8086\n", f"{HERE}/device": "0x1533\n", f"{HERE}/class": "0x020000\n"}


def made(folder, contents):
    files(folder, {**BASE, **contents})
    return read_device(Tree(str(folder)), "0000:01:00.0")


def made_details(folder, contents):
    files(folder, {**BASE, **contents})
    return details(Tree(str(folder)), "0000:01:00.0")


def test_a_function_of_which_only_the_ids_can_be_read(folder):
    assert made(folder, {}) == PciDevice(
        address="0000:01:00.0",
        path=HERE,
        stable_path="0000_01_00.0",
        vendor_id="8086",
        product_id="1533",
        class_id="020000",
        express=False,
        reset_methods=(),
    )


def test_a_link_that_ends_in_a_slash_leads_to_the_same_function(folder):
    """As in recordings whose links were made by hand."""
    place = "/sys/devices/pci0000:01/0000:01:00.0"
    files(folder, {path.replace(HERE, place): text for path, text in BASE.items()})
    files(folder, {HERE: "-> ../../../devices/pci0000:01/0000:01:00.0/"})
    device = read_device(Tree(str(folder)), "0000:01:00.0")
    assert (device.path, device.stable_path) == (place, "0000_01_00.0")


@pytest.mark.parametrize(("class_id", "header_type"), [("060400", 1), ("060401", 1), ("060700", 2), ("060980", 1)])
def test_a_bridge_whose_header_can_not_be_read_is_told_by_its_class(folder, class_id, header_type):
    """As in recordings without `config`: it must not pass for an endpoint that could be given away."""
    device = made(folder, {f"{HERE}/class": f"0x{class_id}\n"})
    assert (device.header_type, device.is_bridge) == (header_type, True)


def test_attributes_that_make_no_sense_do_not_end_the_reading(folder):
    device = made(
        folder,
        {
            f"{HERE}/device": "what?\n",
            f"{HERE}/numa_node": "\n",
            f"{HERE}/resource": "nothing\n0x0 0x0 0x0\n0x10 0x1f 0x40101\n",
            f"{HERE}/iommu_group": "-> ../nowhere",
            f"{HERE}/config": "",
            f"{HERE}/sriov_totalvfs": "",
        },
    )
    assert (device.product_id, device.numa_node, device.iommu_group, device.total_vfs) == ("0000", None, None, 0)
    assert details(Tree(str(folder)), "0000:01:00.0").bars == (Bar(2, 16, io=True, is_64bit=False, prefetchable=False),)


def test_vfs_are_those_of_the_numbered_links(folder):
    links = {f"{HERE}/virtfn{number}": f"-> ../0000:01:10.{place}" for place, number in enumerate(("10", "2", "", "x"))}
    device = made(folder, {f"{HERE}/sriov_numvfs": "2\n", **links})
    assert device.virtual_functions == ("0000:01:10.1", "0000:01:10.0")


@pytest.mark.parametrize(
    ("text", "override"), [("(null)\n", None), ("\n", None), ("", None), ("vfio-pci\n", "vfio-pci")]
)
def test_an_unset_override_reads_as_none(folder, text, override):
    assert made(folder, {f"{HERE}/driver_override": text}).driver_override == override


@pytest.mark.parametrize(
    ("contents", "vfio"),
    [
        ({f"{HERE}/driver": "-> ../../drivers/igb"}, False),
        ({f"{HERE}/driver": "-> ../../drivers/vfio-pci"}, True),
        ({f"{HERE}/driver": "-> ../../drivers/mlx5_vfio_pci"}, True),
        ({f"{HERE}/driver": "-> ../../drivers/xe", f"{HERE}/vfio-dev/vfio0/dev": "511:0\n"}, True),
        ({f"{HERE}/driver": "-> ../../drivers/vfio-pci-ish"}, False),
    ],
)
def test_a_vfio_driver_is_told_by_its_folder_and_before_6_1_by_its_name(folder, contents, vfio):
    assert made(folder, contents).vfio is vfio


def test_resizable_bars_tell_their_sizes(folder):
    pci_details = made_details(
        folder,
        {
            f"{HERE}/resource": "0x380000000000 0x38000fffffff 0x000000000014220c\n",
            f"{HERE}/resource0_resize": "0000000000000700\n",
        },
    )
    assert pci_details.bars == (
        Bar(0, 1 << 28, io=False, is_64bit=True, prefetchable=True, resizable_sizes=(1 << 28, 1 << 29, 1 << 30)),
    )


@pytest.mark.parametrize(
    ("contents", "methods"),
    [({f"{HERE}/reset_method": "\n", f"{HERE}/reset": ""}, ()), ({f"{HERE}/reset": ""}, None), ({}, ())],
)
def test_no_reset_method_is_told_apart_from_a_kernel_that_does_not_tell(folder, contents, methods):
    assert made(folder, contents).reset_methods == methods


@pytest.mark.parametrize(
    ("contents", "allowed"),
    [({}, None), ({f"{HERE}/d3cold_allowed": "1\n"}, True), ({f"{HERE}/d3cold_allowed": "0\n"}, False)],
)
def test_whether_power_may_be_taken_away_is_as_the_kernel_says(folder, contents, allowed):
    assert made_details(folder, contents).d3cold_allowed is allowed


def test_another_name_of_a_display_is_no_child(folder):
    device = made(folder, {f"{HERE}/drm/card0/dev": "226:0\n", f"{HERE}/drm/controlD64": "-> card0"})
    assert [child.name for child in device.children] == ["card0"]


def test_mediated_device_types_are_children(folder):
    device = made(folder, {f"{HERE}/mdev_supported_types/nvidia-63/available_instances": "8\n"})
    assert device.children == (Child("mdev_type", "nvidia-63", {"available_instances": "8"}),)


def test_a_vdpa_device_is_a_child_whatever_its_name_and_makes_a_vf_vdpa(folder):
    device = made(
        folder,
        {
            f"{HERE}/web1/driver_override": "\n",
            f"{HERE}/other/uevent": "\n",
            f"{HERE}/physfn": "-> ../0000:00:00.0",
            "/sys/bus/vdpa/devices/web1": f"-> ../../../..{HERE}/web1",
        },
    )
    assert (device.children, device.device_type) == ((Child("vdpa", "web1"),), "vdpa")


def test_a_rom_is_seen(folder):
    assert made_details(folder, {f"{HERE}/rom": ""}).has_rom


def test_a_given_address_is_no_serial(folder):
    net = {f"{HERE}/net/eth0/address": "52:54:00:00:00:01\n", f"{HERE}/net/eth0/addr_assign_type": "3\n"}
    assert made(folder, net).serial is None


def vpd(*fields, tag=0x90, name=b"card"):
    body = b"".join(keyword + bytes([len(value)]) + value for keyword, value in fields)
    return (
        b"\x82"
        + len(name).to_bytes(2, "little")
        + name
        + bytes([tag])
        + len(body).to_bytes(2, "little")
        + body
        + b"\x78"
    )


@pytest.mark.parametrize(
    ("data", "serial"),
    [
        (vpd((b"PN", b"X710"), (b"SN", b"3CFDFE123456"), (b"RV", b"\x12")), "3CFDFE123456"),
        (vpd((b"SN", b"  A1 \0\0")), "A1"),
        (vpd((b"SN", b"")), None),
        (vpd((b"PN", b"X710")), None),
        (vpd((b"SN", b"1"), tag=0x91), None),
        (b"", None),
        (b"\xff" * 64, None),
        (b"\0" * 64, None),
        (vpd((b"SN", b"3CFDFE123456"))[:12], None),
    ],
)
def test_the_serial_in_vital_product_data(data, serial):
    assert vpd_serial(data) == serial


def test_vital_product_data_comes_before_the_interfaces_address(folder):
    files(folder, {**BASE, f"{HERE}/net/eth0/address": "m\n", f"{HERE}/net/eth0/addr_assign_type": "0\n"})
    tree = Tree(str(folder))
    assert read_device(tree, "0000:01:00.0").serial == "m"
    (folder / HERE[1:] / "vpd").write_bytes(vpd((b"SN", b"V1")))
    assert read_device(tree, "0000:01:00.0").serial == "V1"


def test_a_stable_path_does_not_change_with_the_bus_numbers(folder):
    def path(bus):
        root = folder / f"{bus:02x}"
        bridge, card = "0000:00:01.0", f"0000:{bus:02x}:00.0"
        config = bytearray(64)
        config[0x19] = bus
        files(
            root,
            {
                f"/sys/devices/pci0000:00/{bridge}/vendor": "0x8086\n",
                f"/sys/devices/pci0000:00/{bridge}/{card}/vendor": "0x8086\n",
                f"/sys/bus/pci/devices/{bridge}": f"-> ../../../devices/pci0000:00/{bridge}",
                f"/sys/bus/pci/devices/{card}": f"-> ../../../devices/pci0000:00/{bridge}/{card}",
            },
        )
        (root / f"sys/devices/pci0000:00/{bridge}/config").write_bytes(bytes(config))
        return read_device(Tree(str(root)), card).stable_path

    assert path(1) == path(7) == "0000_00_01.0-00_00.0"


def test_the_functions_along_a_path_are_found_root_first():
    assert pci_addresses("/sys/devices/pci0000:80/0000:80:00.0/10000:81:1f.7/nvme/nvme3") == [
        "0000:80:00.0",
        "10000:81:1f.7",
    ]


@pytest.mark.parametrize(
    ("class_id", "header_type"), [("0x030200", 0), ("0x060400", 1), ("0x060700", 2), ("0x060000", 0)]
)
def test_what_does_not_respond_is_what_the_kernel_knew_it_as(folder, class_id, header_type):
    files(folder, {**BASE, f"{HERE}/class": f"{class_id}\n", f"{HERE}/revision": "0xa1\n", f"{HERE}/vpd": "x"})
    (folder / HERE[1:] / "config").write_bytes(b"\xff" * 256)
    (device,) = read_devices(Tree(str(folder)), details=True)
    assert (device.responding, device.header_type, device.details.revision) == (False, header_type, "a1")


def test_who_does_not_respond_is_not_asked_for_its_vital_product_data(folder):
    data = vpd((b"SN", b"123"))
    files(folder, {**BASE, f"{HERE}/vpd": ""})
    for config, serial in ((bytes(64), "123"), (b"\xff" * 64, None)):
        (folder / HERE[1:] / "config").write_bytes(config)
        (folder / HERE[1:] / "vpd").write_bytes(data)
        assert read_device(Tree(str(folder)), "0000:01:00.0").serial == serial


def test_a_vf_whose_ids_read_all_ones_responds(folder):
    files(folder, {**BASE, f"{HERE}/physfn": "-> ../0000:01:00.1"})
    (folder / HERE[1:] / "config").write_bytes(b"\xff\xff\xff\xff" + bytes(60))
    assert read_device(Tree(str(folder)), "0000:01:00.0").responding


def test_a_stable_path_outlives_the_bridge_above(folder):
    bridge, card = "0000:00:01.0", "0000:07:00.0"
    path = f"/sys/devices/pci0000:00/{bridge}"
    files(
        folder,
        {
            f"{path}/vendor": "0x8086\n",
            f"{path}/class": "0x060400\n",
            f"{path}/pci_bus/0000:07/cpuaffinity": "f\n",
            f"{path}/{card}/vendor": "0x8086\n",
            f"/sys/bus/pci/devices/{bridge}": f"-> ../../../devices/pci0000:00/{bridge}",
            f"/sys/bus/pci/devices/{card}": f"-> ../../../devices/pci0000:00/{bridge}/{card}",
        },
    )
    for name in (path, f"{path}/{card}"):
        (folder / name[1:] / "config").write_bytes(b"\xff" * 64)
    assert [device.stable_path for device in read_devices(Tree(str(folder)))] == [
        "0000_00_01.0",
        "0000_00_01.0-00_00.0",
    ]
    assert read_device(Tree(str(folder)), card).stable_path == "0000_00_01.0-00_00.0"


@pytest.mark.parametrize(
    ("vendor", "model", "manages"),
    [("0x15b3", b"SMDL=SW_MNG", True), ("0x15b3", b"SMDL=MCX75310", False), ("0x8086", b"SMDL=SW_MNG", False)],
)
def test_what_manages_nvlink_says_so_in_its_vital_product_data(folder, vendor, model, manages):
    files(folder, {**BASE, f"{HERE}/vendor": vendor})
    (folder / HERE[1:] / "vpd").write_bytes(vpd((b"SN", b"1"), (b"VA", model)))
    device = read_device(Tree(str(folder)), "0000:01:00.0")
    assert (device.manages_fabric, device.serial) == (manages, "1")


@pytest.mark.parametrize(
    ("contents", "vgpu_type"),
    [
        ({}, None),
        ({f"{HERE}/nvidia/current_vgpu_type": "0\n"}, 0),
        ({f"{HERE}/nvidia/current_vgpu_type": "1145\n"}, 1145),
        ({f"{HERE}/nvidia/other": "0\n"}, None),
    ],
)
def test_the_vgpu_of_a_vf_is_told(folder, contents, vgpu_type):
    assert made(folder, contents).vgpu_type == vgpu_type


@pytest.mark.parametrize(("number", "known"), [("252:16", "ab-12"), ("252:0", None)])
def test_the_serial_of_a_virtio_disk_is_the_one_that_udev_was_told(folder, number, known):
    disk = f"{HERE}/virtio2/block/vdb"
    udev = {"/run/udev/data/b252:16": "S:x\nE:ID_SERIAL_SHORT=x\nE:ID_SERIAL=ab-12\n"}
    files(folder, {**udev, f"{disk}/dev": f"{number}\n"})
    os.mkfifo(f"{folder}{disk}/serial")  # whoever reads it may wait for the disk, for ever
    device = made(folder, {})
    assert [child.attributes.get("serial") for child in device.children] == [known]
    assert device.serial == known
