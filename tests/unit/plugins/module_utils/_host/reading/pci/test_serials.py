# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The serial number of PCI Express, told also while a guest has the device."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.functions import read_device
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.serials import pcie_serial
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

HERE = "/sys/bus/pci/devices/0000:01:00.0"
BASE = {
    f"{HERE}/uevent": (
        "PCI_CLASS=10802\nPCI_ID=144D:A808\nPCI_SUBSYS_ID=144D:A801\nPCI_SLOT_NAME=0000:01:00.0\n"
        "MODALIAS=pci:v0000144Dd0000A808sv0000144Dsd0000A801bc01sc08i02\n"
    ),
    f"{HERE}/max_link_speed": "8.0 GT/s PCIe\n",
}
AER, SERIAL = 0x0001, 0x0003
NUMBER = bytes.fromhex("881100ffff253800")


def config(*capabilities, header_type=0):
    """A whole configuration space; of each capability its place, id, the next one's place, and what follows."""
    space = bytearray(4096)
    space[:4] = b"\x4d\x14\x08\xa8"
    space[0x0E] = header_type
    for place, identifier, following, data in capabilities:
        space[place : place + 4] = (following << 20 | 1 << 16 | identifier).to_bytes(4, "little")
        space[place + 4 : place + 4 + len(data)] = data
    return bytes(space)


@pytest.mark.parametrize(
    ("data", "serial"),
    [
        (config((0x100, SERIAL, 0, NUMBER)), "00-38-25-ff-ff-00-11-88"),
        (config((0x100, AER, 0x148, b""), (0x148, SERIAL, 0, NUMBER)), "00-38-25-ff-ff-00-11-88"),
        (config((0x100, AER, 0, b""), (0x148, SERIAL, 0, NUMBER)), None),
        (config((0x100, AER, 0x100, b"")), None),
        (config((0x100, AER, 0x40, b"")), None),
        (config((0x100, SERIAL, 0, bytes(8))), None),
        (config((0x100, SERIAL, 0, b"\xff" * 8)), None),
        (config((0x100, SERIAL, 0, bytes.fromhex("00e04c6800000001"))), None),
        (config((0x100, SERIAL, 0, NUMBER))[:0x108], None),
        (config((0x100, SERIAL, 0, NUMBER))[:256], None),
        (config()[:64], None),
    ],
)
def test_the_number_is_found_in_the_list_of_capabilities(data, serial):
    assert pcie_serial(lambda place, size: data[place : place + size]) == serial


def serials(folder, data, **more):
    files(folder, {**BASE, **{f"{HERE}/{name}": text for name, text in more.items()}})
    (folder / HERE[1:] / "config").write_bytes(data)
    device = read_device(Tree(str(folder)), "0000:01:00.0")
    return device.serial, device.pcie_serial


def test_it_is_told_beside_the_serial_of_the_disk(folder):
    data = config((0x100, SERIAL, 0, NUMBER))
    assert serials(folder, data, **{"nvme/nvme0/serial": "S4EV\n"}) == ("S4EV", "00-38-25-ff-ff-00-11-88")


@pytest.mark.parametrize("of_what", ["bridge", "silent"])
def test_bridges_and_what_does_not_respond_are_not_asked(folder, of_what):
    data = config((0x100, SERIAL, 0, NUMBER), header_type=1)
    data = data if of_what == "bridge" else b"\xff" * 64 + data[64:]
    assert serials(folder, data) == (None, None)


def test_without_a_configuration_space_there_is_none(folder):
    files(folder, BASE)
    assert read_device(Tree(str(folder)), "0000:01:00.0").pcie_serial is None


def test_a_virtual_function_is_not_asked(folder):
    assert serials(folder, config((0x100, SERIAL, 0, NUMBER)), physfn="") == (None, None)
