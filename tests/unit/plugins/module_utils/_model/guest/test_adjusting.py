# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changing of an element just what options name."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.adjusting import Earlier, adjusted, unsuited
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.guest_options import GuestOptions, Network

SOURCE = '<source><address domain="0x0000" bus="0x01" slot="0x00" function="0x0"/></source>'


def hostdev(inner="", managed="yes"):
    return ET.fromstring(f'<hostdev mode="subsystem" type="pci" managed="{managed}">{SOURCE}{inner}</hostdev>')


def written(element):
    return ET.canonicalize(ET.tostring(element, encoding="unicode"))


def same(element, other):
    return written(element) == written(other)


@pytest.mark.parametrize(
    "options",
    [
        GuestOptions(),
        GuestOptions(boot_order=2),
        GuestOptions(rom_file="/a"),
        GuestOptions(managed=True),
        GuestOptions(address="0000:02:00.0"),
    ],
)
def test_what_is_so_already_is_the_same_element(options):
    there = '<boot order="2"/><rom file="/a"/><address type="pci" domain="0" bus="2" slot="0" function="0"/>'
    element = hostdev(there)
    assert adjusted(element, options) is element


def test_a_mac_address_in_other_letters_is_the_same():
    element = ET.fromstring('<interface type="hostdev"><mac address="52:54:00:AA:BB:CC"/></interface>')
    assert adjusted(element, GuestOptions(network=Network(mac="52:54:00:aa:bb:cc"))) is element


def test_the_element_itself_is_never_changed():
    element = hostdev("<vlan/>")
    before = written(element)
    adjusted(element, GuestOptions(network=Network(vlan=4), rom_bar=False, driver="vfio-pci", managed=False))
    assert written(element) == before


def test_a_rom_that_is_off_altogether_is_on_for_a_file():
    made = adjusted(hostdev('<rom enabled="no"/>'), GuestOptions(rom_file="/a"))
    assert made.find("rom").attrib == {"file": "/a"}


def test_what_else_a_part_says_stays():
    made = adjusted(hostdev('<boot order="2" loadparm="PROMPT"/>'), GuestOptions(boot_order=1))
    assert made.find("boot").attrib == {"order": "1", "loadparm": "PROMPT"}
    zpci = '<address type="pci" bus="0x01" slot="0" function="0"><zpci uid="0x1" fid="0x2"/></address>'
    moved = adjusted(hostdev(zpci), GuestOptions(address="0000:02:00.0"))
    assert moved.find("address").get("bus") == "0x02"
    assert moved.find("address/zpci").get("uid") == "0x1"


def test_several_vlan_tags_become_the_one_that_is_asked_for():
    element = ET.fromstring('<interface type="hostdev"><vlan trunk="yes"><tag id="4"/><tag id="5"/></vlan></interface>')
    made = adjusted(element, GuestOptions(network=Network(vlan=4)))
    assert [tag.get("id") for tag in made.iterfind("vlan/tag")] == ["4"]


def test_what_was_asked_for_and_is_no_more_goes_where_nothing_stood():
    plain = hostdev()
    asked = GuestOptions(
        network=Network(mac="52:54:00:aa:bb:cc", vlan=3), rom_bar=False, boot_order=1, driver="vfio-pci"
    )
    made = adjusted(plain, asked)
    assert made.tag == "interface"
    assert same(adjusted(made, GuestOptions(), Earlier(asked)), plain)


def test_and_is_as_it_stood_where_something_did():
    stood = hostdev('<rom bar="on"/><boot order="9"/><driver name="vfio" model="x_vfio_pci"/>', managed="no")
    asked = GuestOptions(rom_bar=False, rom_file="/a", boot_order=1, driver="vfio-pci", managed=True)
    made = adjusted(stood, asked)
    back = adjusted(made, GuestOptions(), Earlier(asked, stood))
    assert {part.tag: part.attrib for part in back} == {part.tag: part.attrib for part in stood}
    assert back.get("managed") == "no"


def test_the_driver_is_written_when_the_option_changes_and_not_because_libvirt_drops_it():
    asked = GuestOptions(driver="vfio-pci")
    element = hostdev()
    assert adjusted(element, asked).find("driver").get("model") == "vfio-pci"
    assert adjusted(element, asked, Earlier(asked)) is element


def test_who_binds_a_disk_says_its_source():
    disk = ET.fromstring(f'<disk type="nvme">{SOURCE}</disk>')
    disk.find("source").set("managed", "yes")
    assert adjusted(disk, GuestOptions(managed=True)) is disk
    made = adjusted(disk, GuestOptions(managed=False))
    assert (made.get("managed"), made.find("source").get("managed")) == (None, "no")
    assert unsuited(disk, GuestOptions(rom_bar=False, network=Network(), boot_order=1)) == ["rom", "network"]
    assert unsuited(hostdev(), GuestOptions(rom_bar=False)) == []
