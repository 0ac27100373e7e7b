# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.ids import read_pci_ids
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files


def tree(folder, contents):
    files(folder, contents)
    return Tree(str(folder))


PCI_IDS = """\
# a comment
1234  Technical Corp.
8086  Intel Corporation
\t10c9  82576 Gigabit Network Connection
\t\t8086 a03c  Gigabit ET Dual Port Server Adapter
\t10d3  82574L Gigabit Network Connection
15b3  Mellanox Technologies
\t10c9  not Intel's

C 02  Network controller
\t00  Ethernet controller
\t\t01  with an interface
C 03  Display controller
"""
CARD = device(
    "0000:01:00.0",
    product_id="10c9",
    subsystem_vendor_id="8086",
    subsystem_product_id="a03c",
)


@pytest.mark.parametrize("place", ["/usr/share/hwdata/pci.ids", "/usr/share/misc/pci.ids", "/usr/share/pci.ids"])
def test_names_come_from_the_hosts_own_file(folder, place):
    names = read_pci_ids(tree(folder, {place: PCI_IDS}), [CARD])
    assert names.vendor("8086") == "Intel Corporation"
    assert names.product("8086", "10c9") == "82576 Gigabit Network Connection"
    assert names.subsystem(CARD) == "Gigabit ET Dual Port Server Adapter"
    assert names.pci_class("020000") == "Ethernet controller"


def test_a_class_without_a_subclass_has_its_own_name(folder):
    devices = [device("0000:01:00.0", class_id=class_id) for class_id in ("030200", "ff0000")]
    names = read_pci_ids(tree(folder, {"/usr/share/misc/pci.ids": PCI_IDS}), devices)
    assert names.pci_class("030200") == "Display controller"
    assert names.pci_class("ff0000") is None


def test_ids_that_no_device_has_are_not_kept(folder):
    names = read_pci_ids(tree(folder, {"/usr/share/misc/pci.ids": PCI_IDS}), [CARD])
    assert names.vendor("15b3") is None
    assert names.product("15b3", "10c9") is None
    assert names.product("8086", "10d3") is None


def test_a_comment_or_an_empty_line_ends_no_section(folder):
    text = PCI_IDS.replace("\t10d3", "# of the same vendor\n\n\t10d3")
    other = device("0000:01:00.0", product_id="10d3")
    names = read_pci_ids(tree(folder, {"/usr/share/misc/pci.ids": text}), [other])
    assert names.product("8086", "10d3") == "82574L Gigabit Network Connection"


def test_the_subsystems_vendor_is_named_too(folder):
    names = read_pci_ids(
        tree(folder, {"/usr/share/misc/pci.ids": PCI_IDS}), [device("0000:01:00.0", subsystem_vendor_id="1234")]
    )
    assert names.vendor("1234") == "Technical Corp."


def test_without_a_file_nothing_has_a_name(folder):
    names = read_pci_ids(tree(folder, {}), [CARD])
    assert [names.vendor("8086"), names.product("8086", "10c9"), names.subsystem(CARD), names.pci_class("020000")] == [
        None,
        None,
        None,
        None,
    ]


def test_odd_lines_do_not_end_the_reading(folder):
    text = "\t\n\t\t\n8086\n\t10c9\n\t\t8086\n\t\nC \nC 02\n\t\n"
    names = read_pci_ids(tree(folder, {"/usr/share/misc/pci.ids": text}), [CARD])
    assert names.product("8086", "10d3") is None
