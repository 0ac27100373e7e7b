# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import (
    Domain,
    parse_layout,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import domain_xml

ADDRESS = '<address domain="0x0000" bus="0x81" slot="0x1f" function="0x7" />'
PLACE = '<address type="pci" domain="0x0000" bus="0x02" slot="0x00" function="0x0" />'


def hostdev(source=ADDRESS, place=""):
    return f'<hostdev mode="subsystem" type="pci" managed="yes"><source>{source}</source>{place}</hostdev>'


def test_a_hostdev_an_interface_and_an_nvme_disk_assign_functions():
    layout = parse_layout(
        domain_xml(
            hostdev(),
            '<interface type="hostdev"><source><address type="pci" domain="0" bus="1" slot="16" function="2"/></source>'
            "</interface>",
            '<disk type="nvme" device="disk"><source type="pci" managed="yes" namespace="1">'
            '<address domain="0x10000" bus="0xe1" slot="0x00" function="0x0"/></source></disk>',
        )
    )
    assert {address: assignment.via for address, assignment in layout.assigned.items()} == {
        "0000:81:1f.7": "hostdev",
        "0000:01:10.2": "interface",
        "10000:e1:00.0": "disk",
    }


def test_the_whole_element_is_kept_for_an_assigned_function():
    layout = parse_layout(domain_xml(hostdev(place=PLACE)))
    assert layout.assigned["0000:81:1f.7"].xml == (
        f'<hostdev mode="subsystem" type="pci" managed="yes"><source>{ADDRESS}</source>{PLACE}</hostdev>'
    )


@pytest.mark.parametrize(
    "element",
    [
        '<hostdev type="usb"><source><address bus="1" device="2"/></source></hostdev>',
        '<hostdev type="pci"><source/></hostdev>',
        '<hostdev type="pci"/>',
        '<hostdev type="pci"><source><address domain="0"/></source></hostdev>',
        '<interface type="network"><source network="default"/><address type="pci" bus="0x01"/></interface>',
        '<disk type="file"><source file="/x"/></disk>',
        '<hostdev type="mdev"><source><address uuid="c2177883-f1bb-47f0-914d-32a22e3a8804"/></source></hostdev>',
    ],
)
def test_other_elements_assign_no_function(element):
    assert parse_layout(domain_xml(element)).assigned == {}


def test_root_ports_without_a_device_are_free():
    used = '<disk type="file"><address type="pci" domain="0" bus="0x02" slot="0" function="0"/></disk>'
    assert parse_layout(domain_xml(used, ports=4)).free_root_ports == (1, 3, 4)


def test_a_device_on_another_kind_of_bus_takes_no_root_port():
    drive = '<disk type="file"><address type="drive" controller="0" bus="0x02" target="0" unit="0"/></disk>'
    assert parse_layout(domain_xml(drive, ports=2)).free_root_ports == (1, 2)


def test_a_port_that_carries_another_controller_is_taken():
    bridge = (
        '<controller type="pci" index="9" model="pcie-to-pci-bridge">'
        '<address type="pci" domain="0" bus="0x01" slot="0" function="0"/></controller>'
    )
    layout = parse_layout(domain_xml(extra=bridge, ports=2))
    assert (layout.free_root_ports, layout.conventional_slots) == ((2,), True)


def test_a_pcie_machine_without_free_ports_has_none_left():
    layout = parse_layout(domain_xml(ports=0))
    assert (layout.free_root_ports, layout.conventional_slots) == ((), False)


def test_a_machine_without_a_pcie_root_plugs_into_conventional_slots():
    layout = parse_layout(domain_xml(ports=0, machine="pci-root"))
    assert (layout.free_root_ports, layout.conventional_slots) == (None, True)


def test_a_pci_bridge_has_conventional_slots_and_a_dmi_bridge_has_none():
    bridge = '<controller type="pci" index="7" model="{}"/>'
    assert parse_layout(domain_xml(extra=bridge.format("pci-bridge"))).conventional_slots
    assert not parse_layout(domain_xml(extra=bridge.format("dmi-to-pci-bridge"))).conventional_slots


def test_a_domain_without_devices_has_nothing_assigned():
    layout = parse_layout("<domain/>")
    assert (layout.assigned, layout.free_root_ports, layout.xml) == ({}, None, "<domain/>")


def test_numbers_that_are_none_do_not_end_the_reading():
    odd = '<disk type="file"><address type="pci" bus="two"/></disk><disk type="file"><address type="pci"/></disk>'
    assert parse_layout(domain_xml(odd, ports=1)).free_root_ports == (1,)


def test_what_is_no_xml_is_refused():
    with pytest.raises(ET.ParseError):
        parse_layout("domain")


@pytest.mark.parametrize(("managed", "word"), [(True, "yes"), (False, "no")])
def test_the_hostdev_element_names_the_host_function_in_hexadecimal(managed, word):
    assert hostdev_xml("10000:81:1f.7", managed=managed) == (
        f'<hostdev mode="subsystem" type="pci" managed="{word}"><source>'
        '<address domain="0x10000" bus="0x81" slot="0x1f" function="0x7" /></source></hostdev>'
    )


def test_the_hostdev_element_can_say_where_the_guest_is_to_see_it():
    text = hostdev_xml("0000:81:00.0", managed=True, guest_address=PLACE)
    assert text.endswith(f"</source>{PLACE}</hostdev>")
    (assigned,) = parse_layout(domain_xml(text)).assigned.values()
    assert (assigned.place, assigned.element.find("address").get("bus")) == ("0000:02:00.0", "0x02")


def test_a_hostdev_without_a_place_in_the_guest_has_no_guest_address():
    (assigned,) = parse_layout(domain_xml(hostdev())).assigned.values()
    assert assigned.place is None


def test_what_is_written_is_read_back():
    assert list(parse_layout(domain_xml(hostdev_xml("10000:81:1f.7", managed=True))).assigned) == ["10000:81:1f.7"]


def test_a_domain_is_active_when_it_has_a_live_layout():
    layout = parse_layout(domain_xml())
    assert Domain("a", "u", layout, layout).active
    assert not Domain("a", "u", layout, None).active
    assert Domain("a", "u", layout, None).layout("config") is layout
    assert Domain("a", "u", layout, None).layout("live") is None
