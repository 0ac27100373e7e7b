# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changing of a function's element in a domain just what options name: all else in it stays, whoever wrote it.

An option that was asked for and no longer is leaves what stood there before the claim, else what libvirt makes of a
device that nothing is said of.
"""

from __future__ import annotations

import copy
import typing as t
import xml.etree.ElementTree as ET

from ..elements import same_xml
from ..requests.guest_options import NO_OPTIONS
from .pci_xml import guest_place, is_managed, moved

if t.TYPE_CHECKING:
    from ..requests.guest_options import GuestOptions, Network


class Earlier(t.NamedTuple):
    """What the options were, and the element that stood there before the claim, None where there was none.

    `managed` is who binds the device where nobody says it of that any more.
    """

    options: GuestOptions = NO_OPTIONS
    stood: ET.Element | None = None
    managed: bool = True


FIRST = Earlier()
"""Of a device that was claimed by nobody."""

# What only an <interface> has (virDomainNetDefParseXML); of a <hostdev> it would be no part.
_OF_INTERFACES = ("mac", "vlan", "virtualport")


def adjusted(element: ET.Element, options: GuestOptions, earlier: Earlier = FIRST) -> ET.Element:
    """A copy as the options want it, the element itself where it is so already.

    The driver is written when the option changes: libvirt before 10.0 drops it, and it is the binding that counts.
    """
    made = copy.deepcopy(element)
    if element.tag != "disk":
        _network(made, options.network, earlier)
        _driver(made, options.driver, earlier)
        _attribute(made, ("rom", "bar"), _switch(options.rom_bar), _switch(earlier.options.rom_bar), earlier)
        _attribute(made, ("rom", "file"), options.rom_file, earlier.options.rom_file, earlier)
    _attribute(made, ("boot", "order"), _text(options.boot_order), _text(earlier.options.boot_order), earlier)
    _managed(made, options.managed, earlier)
    if options.address is not None and guest_place(made) != options.address:
        made = moved(made, options.address, multifunction=False)
    return element if same_xml(_written(made), _written(element)) else made


def unsuited(element: ET.Element, options: GuestOptions) -> list[str]:
    """Which of the options an element can't have: QEMU drives a `<disk>` itself, and shows the guest no function."""
    if element.tag != "disk":
        return []
    asked = {"rom": (options.rom_bar, options.rom_file), "network": (options.network,)}
    return [name for name, values in asked.items() if any(value is not None for value in values)]


def _network(element: ET.Element, network: Network | None, earlier: Earlier) -> None:
    before, stood = earlier.options.network, earlier.stood
    if network is not None:
        if element.tag == "hostdev":
            _become(element, "interface", {"type": "hostdev"})
    elif before is None:
        return
    elif stood is None or stood.tag != "interface":
        if element.tag == "interface":
            _become(element, "hostdev", {"mode": "subsystem", "type": "pci"})
        for tag in _OF_INTERFACES:
            _remove(element, tag)
        return
    mac, earlier_mac = (None if part is None else part.mac for part in (network, before))
    present = element.find("mac")
    if mac is None or present is None or present.get("address", "").lower() != mac:
        _attribute(element, ("mac", "address"), mac, earlier_mac, earlier)
    vlan, earlier_vlan = (None if part is None else part.vlan for part in (network, before))
    tags = element.findall("vlan/tag")
    if vlan is not None and [tag.get("id") for tag in tags] != [str(vlan)]:
        _remove(element, "vlan")
        ET.SubElement(ET.SubElement(element, "vlan"), "tag", {"id": str(vlan)})
    elif vlan is None and earlier_vlan is not None:
        _as_it_stood(element, "vlan", earlier)


def _become(element: ET.Element, tag: str, attributes: dict[str, str]) -> None:
    """In an <interface> the address says its own type, in a <hostdev> the element has said it."""
    attributes["managed"] = "yes" if is_managed(element) else "no"
    element.tag, element.attrib = tag, attributes
    for address in element.iterfind("source/address"):
        address.attrib.pop("type", None)
        if tag == "interface":
            address.attrib = {"type": "pci", **address.attrib}


def _driver(element: ET.Element, driver: str | None, earlier: Earlier) -> None:
    if driver == earlier.options.driver:
        return
    if driver is None:
        _as_it_stood(element, "driver", earlier)
        return
    part = element.find("driver")
    part = ET.SubElement(element, "driver") if part is None else part
    part.set("name", "vfio")
    part.set("model", driver)


def _managed(element: ET.Element, managed: bool | None, earlier: Earlier) -> None:
    if managed is None and earlier.options.managed is not None:
        managed = earlier.managed if earlier.stood is None else is_managed(earlier.stood)
    if managed is None or managed == is_managed(element):
        return
    says = element.find("source") if element.tag == "disk" else element
    if says is not None:
        says.set("managed", "yes" if managed else "no")


def _attribute(
    element: ET.Element, where: tuple[str, str], wanted: str | None, asked_before: str | None, earlier: Earlier
) -> None:
    """Set one attribute of a part. Where it was asked for before and is no more it gets the value that stood there."""
    tag, name = where
    if wanted is None:
        stood = None if earlier.stood is None else earlier.stood.find(tag)
        if asked_before is None:
            return
        wanted = None if stood is None else stood.get(name)
    part = element.find(tag)
    if part is None:
        part = ET.SubElement(element, tag)
    if wanted is not None:
        part.set(name, wanted)
        if tag == "rom" and part.get("enabled") == "no":
            del part.attrib["enabled"]  # with which libvirt takes neither of the others
    else:
        part.attrib.pop(name, None)
    if not part.attrib and not len(part):
        element.remove(part)


def _as_it_stood(element: ET.Element, tag: str, earlier: Earlier) -> None:
    stood = None if earlier.stood is None else earlier.stood.find(tag)
    _remove(element, tag)
    if stood is not None:
        element.append(copy.deepcopy(stood))


def _remove(element: ET.Element, tag: str) -> None:
    for part in element.findall(tag):
        element.remove(part)


def _switch(value: bool | None) -> str | None:
    return None if value is None else "on" if value else "off"


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


def _written(element: ET.Element) -> str:
    return ET.tostring(element, encoding="unicode")
