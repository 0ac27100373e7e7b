# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.address import (
    PciAddress,
    address_order,
    normalize_address,
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0000:3b:00.0", "0000:3b:00.0"),
        ("3b:00.1", "0000:3b:00.1"),
        ("3B:1F.7", "0000:3b:1f.7"),
        ("1:2.3", "0000:01:02.3"),
        (" 0000:01:10.6\n", "0000:01:10.6"),
        ("10000:e1:00.0", "10000:e1:00.0"),
        ("00010000:e1:00.0", "10000:e1:00.0"),
        ("pci_0000_3b_00_0", "0000:3b:00.0"),
        ("pci_10000_e1_00_5", "10000:e1:00.5"),
    ],
)
def test_every_spelling_is_read_and_printed_as_sysfs_does(text, wanted):
    assert normalize_address(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0000:3b:00",
        "0000:3b:00.8",
        "0000:3b:20.0",
        "0000:3b:ff.0",
        "000:3b:00.0",
        "0000:13b:00.0",
        "0000:3b:00.0 x",
        "0000:3b:00.0:1",
        "pci_0000_3b_00",
        "pci_0000_3b_20_0",
        "usb_1_2",
        None,
        3,
        ["0000:3b:00.0"],
    ],
)
def test_what_is_no_address_is_refused_with_what_was_found_and_wanted(text):
    with pytest.raises(ValueError, match="is not a PCI address; wanted domain:bus:slot.function") as caught:
        PciAddress.parse(text)
    assert str(caught.value).startswith(f"{text!r} is not")


def test_the_parts_of_an_address_are_numbers():
    assert PciAddress.parse("10000:3b:1f.7") == (0x10000, 0x3B, 0x1F, 7)


@pytest.mark.parametrize(
    ("address", "name"), [("0000:3b:00.1", "pci_0000_3b_00_1"), ("10000:e1:00.0", "pci_10000_e1_00_0")]
)
def test_libvirt_names_node_devices_with_underscores(address, name):
    assert PciAddress.parse(address).nodedev_name == name


def test_addresses_sort_by_number_also_with_wide_domains():
    addresses = sorted(
        ["10000:00:00.0", "0000:81:00.0", "ffff:00:00.0", "0000:0a:00.1", "0000:0a:00.0"], key=address_order
    )
    assert addresses == ["0000:0a:00.0", "0000:0a:00.1", "0000:81:00.0", "ffff:00:00.0", "10000:00:00.0"]
