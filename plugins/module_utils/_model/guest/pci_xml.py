# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing the element that gives a function to a domain (https://libvirt.org/formatdomain.html), and comparing it.

A VF with network settings is an `<interface type='hostdev'>`: then libvirt sets its MAC address and VLAN through the
PF before the guest starts, and puts back what was there when it stops. Every other function is a `<hostdev>`.
"""

from __future__ import annotations

import copy
import typing as t
import xml.etree.ElementTree as ET

from ..address import PciAddress
from ..requests.guest_options import NO_OPTIONS
from .domain import hostdev_element, place_of

if t.TYPE_CHECKING:
    from ..requests.guest_options import GuestOptions


def device_element(
    address: str,
    *,
    managed: bool,
    options: GuestOptions = NO_OPTIONS,
    place: str | None = None,
) -> ET.Element:
    """The element for a host function; `place` is the guest's address for it, None lets libvirt choose one."""
    network = options.network
    element = hostdev_element(address, managed=managed)
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
    return element


def moved(element: ET.Element, place: str, *, multifunction: bool) -> ET.Element:
    """A copy with another place in the guest, and all else as it is; the element itself where it is there already."""
    wanted, present = _place(place, multifunction=multifunction), element.find("address")
    shared = None if present is None else present.get("multifunction", "off")
    if guest_place(element) == place and shared == wanted.get("multifunction", "off"):
        return element
    made = copy.deepcopy(element)
    for earlier in made.findall("address")[:1]:
        # What else it says, such as the ids that a zPCI device has beside its place, is no part of the place.
        wanted.extend(list(earlier) if earlier.get("type") == "pci" else [])
        made.remove(earlier)
    made.append(wanted)
    return made


def unplaced(element: ET.Element) -> ET.Element:
    """A copy that leaves it to libvirt where the guest sees the device."""
    made = copy.deepcopy(element)
    for address in made.findall("address[@type='pci']"):
        made.remove(address)
    return made


def with_own_alias_only(element: ET.Element) -> ET.Element:
    """An element, changed, without the alias that libvirt gave it while it ran: a name of the user's own has ua-."""
    for alias in element.findall("alias"):
        if not alias.get("name", "").startswith("ua-"):
            element.remove(alias)
    return element


def placed(element: ET.Element, model: ET.Element, *, keep_place: bool) -> str:
    """An element for the running guest, made like the one in the definition where it leaves that open.

    That is the MAC address, which libvirt makes up where none is given: another at each attach. With `keep_place` it
    gets the place too, else libvirt chooses one.
    """
    element = copy.deepcopy(element)
    mac = model.find("mac")
    if element.tag == model.tag == "interface" and element.find("mac") is None and mac is not None:
        element.append(copy.deepcopy(mac))
    place = copy.deepcopy(model.find("address"))
    if keep_place and place is not None:
        # Behind a root port of its own there are no other functions, whatever the definition has.
        place.attrib.pop("multifunction", None)
        element.append(place)
    return ET.tostring(element, encoding="unicode")


def lacks(element: ET.Element, options: GuestOptions) -> list[str]:
    """Which of the options an element in a domain does not have, by their names; what else it has does not matter.

    The driver is not compared: libvirt before 10.0 drops it, and it is the binding that counts.
    """
    network = options.network
    rom, boot, tag = element.find("rom"), element.find("boot"), element.find("vlan/tag")
    mac = element.find("mac")
    pairs: dict[str, tuple[object, object]] = {
        "rom.bar": (options.rom_bar, None if rom is None else _switch(rom.get("bar"))),
        "rom.file": (options.rom_file, None if rom is None else rom.get("file")),
        "boot_order": (options.boot_order, None if boot is None else int(boot.get("order", "0"))),
        "managed": (options.managed, is_managed(element)),
        "guest_address": (options.address, guest_place(element)),
    }
    if network is not None:
        pairs["network"] = (True, element.tag == "interface")
        pairs["network.mac"] = (network.mac, None if mac is None else mac.get("address", "").lower())
        pairs["network.vlan"] = (network.vlan, None if tag is None else int(tag.get("id", "0")))
    return [name for name, (wanted, there) in pairs.items() if wanted is not None and wanted != there]


def is_managed(element: ET.Element) -> bool:
    """Whether libvirt binds the function; of a disk its source says so."""
    says = element.find("source") if element.tag == "disk" else element
    return says is not None and says.get("managed") == "yes"


def guest_place(element: ET.Element) -> str | None:
    """Where the guest sees an element's device, as an address; None while no place is chosen."""
    place = place_of(element)
    return None if place is None else str(place)


def _place(address: str, *, multifunction: bool) -> ET.Element:
    place = PciAddress.parse(address)
    attributes = {
        "type": "pci",
        "domain": f"0x{place.domain:04x}",
        "bus": f"0x{place.bus:02x}",
        "slot": f"0x{place.slot:02x}",
        "function": f"0x{place.function:x}",
    }
    if multifunction:
        attributes["multifunction"] = "on"
    return ET.Element("address", attributes)


def _switch(text: str | None) -> bool | None:
    return None if text is None else text == "on"


def root_port_xml(index: int) -> str:
    """The controller as text, see root_port_element."""
    return ET.tostring(root_port_element(index), encoding="unicode")


def root_port_element(index: int) -> ET.Element:
    """The controller. To a device that is attached alone libvirt adds no defaults: these are those of a definition.

    Its place on the root bus is libvirt's to choose.
    """
    element = ET.Element("controller", {"type": "pci", "index": str(index), "model": "pcie-root-port"})
    ET.SubElement(element, "model", {"name": "pcie-root-port"})
    ET.SubElement(element, "target", {"chassis": str(index), "port": f"0x{index & 0xFF:x}"})
    return element
