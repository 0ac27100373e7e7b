# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.pci_xml import (
    device_element,
    lacks,
    moved,
    placed,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.guest_options import (
    NO_OPTIONS,
    GuestOptions,
    Network,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import device_xml, hostdev_xml

A = "0000:01:10.2"
SOURCE = 'domain="0x0000" bus="0x01" slot="0x10" function="0x2" />'
MAC = "52:54:00:12:34:56"
PLACE = '<address type="pci" domain="0x0000" bus="0x05" slot="0x00" function="0x0" />'


def element(**options):
    return device_element(A, managed=True, options=GuestOptions(**options))


def text(made):
    return ET.tostring(made, encoding="unicode")


def test_without_options_it_is_a_plain_hostdev():
    assert device_xml(A, managed=False) == hostdev_xml(A, managed=False)


def test_a_vf_with_network_settings_is_an_interface():
    network = Network(mac=MAC, vlan=42, trust=True, spoof_check=False)
    assert device_xml(A, managed=True, options=GuestOptions(network=network), place="0000:05:00.0") == (
        f'<interface type="hostdev" managed="yes"><source><address type="pci" {SOURCE}</source>'
        f'<mac address="{MAC}" /><vlan><tag id="42" /></vlan>{PLACE}</interface>'
    )


def test_a_hostdev_takes_rom_boot_order_driver_and_place():
    options = GuestOptions(rom_bar=False, rom_file='/rom "a" & <b>', boot_order=1, driver="mlx5_vfio_pci")
    assert device_xml(A, managed=True, options=options, place="0000:05:00.0") == (
        f'<hostdev mode="subsystem" type="pci" managed="yes"><source><address {SOURCE}</source>'
        '<driver name="vfio" model="mlx5_vfio_pci" /><boot order="1" />'
        '<rom bar="off" file="/rom &quot;a&quot; &amp; &lt;b&gt;" />'
        f"{PLACE}</hostdev>"
    )


def test_an_element_that_is_moved_keeps_all_else():
    first = device_element(A, managed=True, options=GuestOptions(rom_bar=False), place="0000:05:00.0")
    before = text(first)
    there = moved(first, "0000:06:00.0", multifunction=True)
    assert text(there) == before.replace(PLACE, PLACE.replace("0x05", "0x06").replace(" />", ' multifunction="on" />'))
    assert moved(there, "0000:06:00.0", multifunction=True) is there
    back = moved(moved(there, "0000:06:00.0", multifunction=False), "0000:05:00.0", multifunction=False)
    assert text(back) == text(first) == before


def test_the_running_guest_gets_a_function_alone_at_its_place():
    defined = moved(element(), "0000:05:00.0", multifunction=True)
    live = placed(element(), defined, keep_place=True)
    assert text(defined).count('multifunction="on"') == 1
    assert live == device_xml(A, managed=True, place="0000:05:00.0")


WHOLE = {
    "rom_bar": False,
    "rom_file": "/rom.bin",
    "boot_order": 2,
    "managed": True,
    "network": Network(MAC, 42),
}


def test_an_element_that_was_written_lacks_nothing():
    assert lacks(element(**WHOLE), GuestOptions(**WHOLE)) == []


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({"rom_bar": True}, ["rom.bar"]),
        ({"rom_file": "/other"}, ["rom.file"]),
        ({"boot_order": 1}, ["boot_order"]),
        ({"managed": False}, ["managed"]),
        ({"address": "0000:05:00.0"}, ["guest_address"]),
        ({"network": Network("52:54:00:00:00:01", 42)}, ["network.mac"]),
        ({"network": Network(MAC, 7)}, ["network.vlan"]),
    ],
)
def test_what_an_element_has_otherwise_is_named(options, missing):
    assert lacks(element(**WHOLE), GuestOptions(**options)) == missing


def test_what_a_plain_hostdev_does_not_have_is_named():
    assert lacks(element(), GuestOptions(**{**WHOLE, "address": "0000:05:00.0"})) == [
        "rom.bar",
        "rom.file",
        "boot_order",
        "guest_address",
        "network",
        "network.mac",
        "network.vlan",
    ]


def test_what_nobody_asked_for_is_not_missed():
    assert lacks(element(**WHOLE), NO_OPTIONS) == []


def test_trust_spoof_check_and_driver_are_not_looked_for_in_the_xml():
    assert lacks(element(network=Network()), GuestOptions(network=Network(trust=True, spoof_check=True))) == []
    assert lacks(element(), GuestOptions(driver="mlx5_vfio_pci")) == []


def test_the_running_guest_gets_the_mac_address_that_libvirt_made_up_for_the_definition():
    defined = moved(element(network=Network(mac=MAC)), "0000:05:00.0", multifunction=False)
    live = placed(element(network=Network(vlan=3)), defined, keep_place=True)
    assert lacks(ET.fromstring(live), GuestOptions(address="0000:05:00.0", network=Network(MAC, 3))) == []


def test_a_mac_address_that_was_asked_for_stays():
    other = element(network=Network(mac="52:54:00:00:00:01"))
    live = placed(element(network=Network(mac=MAC)), other, keep_place=False)
    assert live.count("<mac ") == 1
    assert lacks(ET.fromstring(live), GuestOptions(network=Network(MAC))) == []
