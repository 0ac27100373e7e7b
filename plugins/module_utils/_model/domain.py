# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""A libvirt domain as far as PCI assignment goes, read from its XML (https://libvirt.org/formatdomain.html)."""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

from .address import PciAddress

CONFIG = "config"
LIVE = "live"
PLACES = (CONFIG, LIVE)

# Controllers on which a conventional PCI device can be hot-plugged (libvirt, src/conf/domain_addr.c).
_CONVENTIONAL_HOTPLUG = frozenset({"pci-root", "pci-bridge", "pcie-to-pci-bridge"})


@dataclass(frozen=True)
class Assigned:
    """A host function inside a domain: `via` hostdev, interface or disk; `xml` is the whole element."""

    address: str
    via: str
    xml: str


@dataclass(frozen=True)
class DomainLayout:
    """One XML of a domain, its definition or its live state.

    `free_root_ports` are the indexes of pcie-root-port controllers without a device, None when the machine has no
    PCIe root, which then hot-plugs into conventional slots.
    """

    xml: str = ""
    assigned: t.Mapping[str, Assigned] = field(default_factory=dict)
    free_root_ports: tuple[int, ...] | None = None
    conventional_slots: bool = False


@dataclass(frozen=True)
class Domain:
    """`config` is None for a transient domain, `live` None for one that doesn't run."""

    name: str
    uuid: str
    config: DomainLayout | None
    live: DomainLayout | None

    @property
    def active(self) -> bool:
        return self.live is not None

    def layout(self, place: str) -> DomainLayout | None:
        return self.config if place == CONFIG else self.live


def parse_layout(xml: str) -> DomainLayout:
    """Read a domain's XML. Raises xml.etree.ElementTree.ParseError when it is none."""
    devices = ET.fromstring(xml).find("devices")
    if devices is None:
        return DomainLayout(xml)
    assigned: dict[str, Assigned] = {}
    for element in devices:
        via, source = _source_address(element)
        address = _source_pci(source)
        if address is not None:
            assigned[address] = Assigned(address, via, ET.tostring(element, encoding="unicode").strip())
    ports: dict[int, bool] = {}
    models: set[str] = set()
    used: set[int] = set()
    for element in devices:
        place = element.find("address")
        if place is not None and place.get("type") == "pci":
            used.add(_number(place.get("bus")))
        if element.tag == "controller" and element.get("type") == "pci":
            models.add(element.get("model", ""))
            if element.get("model") == "pcie-root-port":
                ports[_number(element.get("index"))] = True
    pcie = "pcie-root" in models
    return DomainLayout(
        xml=xml,
        assigned=assigned,
        free_root_ports=tuple(sorted(index for index in ports if index not in used)) if pcie else None,
        conventional_slots=bool(models & _CONVENTIONAL_HOTPLUG),
    )


def hostdev_xml(address: str, *, managed: bool, guest_address: str | None = None) -> str:
    """The `<hostdev>` element that gives the function to a domain; `guest_address` is an `<address>` element."""
    host = PciAddress.parse(address)
    element = ET.Element("hostdev", {"mode": "subsystem", "type": "pci", "managed": "yes" if managed else "no"})
    source = ET.SubElement(element, "source")
    ET.SubElement(
        source,
        "address",
        {
            "domain": f"0x{host.domain:04x}",
            "bus": f"0x{host.bus:02x}",
            "slot": f"0x{host.slot:02x}",
            "function": f"0x{host.function:x}",
        },
    )
    if guest_address is not None:
        element.append(ET.fromstring(guest_address))
    return ET.tostring(element, encoding="unicode")


def guest_address(xml: str) -> str | None:
    """The `<address>` element that says where the guest sees an assigned element's device, None while it is unset."""
    place = ET.fromstring(xml).find("address")
    return None if place is None else ET.tostring(place, encoding="unicode").strip()


def guest_bus(address: str) -> int:
    """The guest bus, that is the root port's index, of an `<address>` element."""
    return _number(ET.fromstring(address).get("bus"))


def _source_address(element: ET.Element) -> tuple[str, ET.Element | None]:
    if element.tag == "hostdev" and element.get("type") == "pci":
        return "hostdev", element.find("source/address")
    if element.tag == "interface" and element.get("type") == "hostdev":
        return "interface", element.find("source/address")
    if element.tag == "disk" and element.get("type") == "nvme":
        return "disk", element.find("source/address")
    return "", None


def _source_pci(source: ET.Element | None) -> str | None:
    if source is None or source.get("bus") is None:
        return None
    return str(PciAddress(*(_number(source.get(part, "0")) for part in ("domain", "bus", "slot", "function"))))


def _number(text: str | None) -> int:
    try:
        return int(text or "0", 0)
    except ValueError:
        return -1
