# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing the element that gives a function to a domain (https://libvirt.org/formatdomain.html), and comparing it.

A VF with network settings is an `<interface type='hostdev'>`: then libvirt sets its MAC address and VLAN through the
PF before the guest starts, and puts back what was there when it stops. Every other function is a `<hostdev>`.
"""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET

from ..address import PciAddress
from ..requests.guest_options import NO_OPTIONS
from .domain import hostdev_xml, place_of

if t.TYPE_CHECKING:
    from ..requests.guest_options import GuestOptions


def device_xml(
    address: str,
    *,
    managed: bool,
    options: GuestOptions = NO_OPTIONS,
    place: str | None = None,
) -> str:
    """The element for a host function; `place` is the guest's address for it, None lets libvirt choose one."""
    network = options.network
    element = ET.fromstring(hostdev_xml(address, managed=managed))
    if network is not None:
        element.tag, element.attrib = "interface", {"type": "hostdev", "managed": element.attrib["managed"]}
        # In an <interface> the address says its own type, in a <hostdev> the element has said it.
        for source in element.iterfind("source/address"):
            source.attrib = {"type": "pci", **source.attrib}
    if options.driver is not None:
        # libvirt 10.0 and later bind it to this driver after a reboot; earlier ones don't know the attribute.
        ET.SubElement(element, "driver", {"name": "vfio", "model": options.driver})
    if network is not None and network.mac is not None:
        ET.SubElement(element, "mac", {"address": network.mac})
    if network is not None and network.vlan is not None:
        ET.SubElement(ET.SubElement(element, "vlan"), "tag", {"id": str(network.vlan)})
    if options.boot_order is not None:
        ET.SubElement(element, "boot", {"order": str(options.boot_order)})
    if options.rom_bar is not None or options.rom_file is not None:
        rom = ET.SubElement(element, "rom")
        if options.rom_bar is not None:
            rom.set("bar", "on" if options.rom_bar else "off")
        if options.rom_file is not None:
            rom.set("file", options.rom_file)
    if place is not None:
        element.append(_place(place, multifunction=False))
    return ET.tostring(element, encoding="unicode")


def moved(xml: str, place: str, *, multifunction: bool) -> str:
    """The element with another place in the guest, and all else as it is; the same text where it is there already."""
    element = ET.fromstring(xml)
    wanted, present = _place(place, multifunction=multifunction), element.find("address")
    if present is not None:
        if guest_place(xml) == place and present.get("multifunction", "off") == wanted.get("multifunction", "off"):
            return xml
        element.remove(present)
    element.append(wanted)
    return ET.tostring(element, encoding="unicode")


def placed(xml: str, defined: str, *, at: str | None) -> str:
    """An element for the running guest, made like the one in the definition where it leaves that open.

    That is the MAC address, which libvirt makes up where none is given: another at each attach. `at` is an
    `<address>` element, None to let libvirt choose.
    """
    element, model = ET.fromstring(xml), ET.fromstring(defined)
    mac = model.find("mac")
    if element.tag == model.tag == "interface" and element.find("mac") is None and mac is not None:
        element.append(mac)
    if at is not None:
        place = ET.fromstring(at)
        # Behind a root port of its own there are no other functions, whatever the definition has.
        place.attrib.pop("multifunction", None)
        element.append(place)
    return ET.tostring(element, encoding="unicode")


def lacks(xml: str, options: GuestOptions) -> list[str]:
    """Which of the options an element in a domain does not have, by their names; what else it has does not matter.

    The driver is not compared: libvirt before 10.0 drops it, and it is the binding that counts.
    """
    element = ET.fromstring(xml)
    network = options.network
    rom, boot, tag = element.find("rom"), element.find("boot"), element.find("vlan/tag")
    mac = element.find("mac")
    found: dict[str, tuple[object, object]] = {
        "rom.bar": (options.rom_bar, None if rom is None else _switch(rom.get("bar"))),
        "rom.file": (options.rom_file, None if rom is None else rom.get("file")),
        "boot_order": (options.boot_order, None if boot is None else int(boot.get("order", "0"))),
        "managed": (options.managed, element.get("managed") == "yes"),
        "guest_address": (options.address, guest_place(xml)),
    }
    if network is not None:
        found["network"] = (True, element.tag == "interface")
        found["network.mac"] = (network.mac, None if mac is None else mac.get("address", "").lower())
        found["network.vlan"] = (network.vlan, None if tag is None else int(tag.get("id", "0")))
    return [name for name, (wanted, there) in found.items() if wanted is not None and wanted != there]


def guest_place(xml: str) -> str | None:
    """Where the guest sees an element's device, as an address; None while no place is chosen."""
    place = place_of(ET.fromstring(xml))
    return None if place is None else str(place)


def _place(address: str, *, multifunction: bool) -> ET.Element:
    one = PciAddress.parse(address)
    attributes = {
        "type": "pci",
        "domain": f"0x{one.domain:04x}",
        "bus": f"0x{one.bus:02x}",
        "slot": f"0x{one.slot:02x}",
        "function": f"0x{one.function:x}",
    }
    if multifunction:
        attributes["multifunction"] = "on"
    return ET.Element("address", attributes)


def _switch(text: str | None) -> bool | None:
    return None if text is None else text == "on"


def root_port_xml(index: int) -> str:
    """The controller. To a device that is attached alone libvirt adds no defaults: these are those of a definition.

    Its place on the root bus is libvirt's to choose.
    """
    element = ET.Element("controller", {"type": "pci", "index": str(index), "model": "pcie-root-port"})
    ET.SubElement(element, "model", {"name": "pcie-root-port"})
    ET.SubElement(element, "target", {"chassis": str(index), "port": f"0x{index & 0xFF:x}"})
    return ET.tostring(element, encoding="unicode")
