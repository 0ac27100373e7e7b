# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A libvirt domain as far as PCI assignment goes, read from its XML (https://libvirt.org/formatdomain.html)."""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

from ..address import PciAddress

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
    PCIe root, which then hot-plugs into conventional slots. `controllers` are the models of all PCI controllers by
    their indexes, which are the guest's bus numbers, `places` the addresses in the guest with what is there: the host
    address of a function, else the kind of device.
    """

    xml: str = ""
    assigned: t.Mapping[str, Assigned] = field(default_factory=dict)
    free_root_ports: tuple[int, ...] | None = None
    conventional_slots: bool = False
    controllers: t.Mapping[int, str] = field(default_factory=dict)
    places: t.Mapping[PciAddress, str] = field(default_factory=dict)

    def has_room(self, place: str, gone: t.Collection[str] = ()) -> bool:
        """Whether a device could be put at a guest's address: there is such a bus, and nothing but what is `gone`.

        Of a root port that is the first slot, and nothing else may be behind it.
        """
        one = PciAddress.parse(place)
        if one.domain or one.bus not in self.controllers:
            return False
        there = [at for at, what in self.places.items() if at.bus == one.bus and what not in gone]
        if self.controllers[one.bus] == "pcie-root-port":
            return one.slot == one.function == 0 and not there
        return all(at.slot != one.slot for at in there)


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
    controllers: dict[int, str] = {}
    places: dict[PciAddress, str] = {}
    for element in devices:
        at = place_of(element)
        if at is not None:
            places[at] = _source_pci(_source_address(element)[1]) or element.tag
        if element.tag == "controller" and element.get("type") == "pci":
            controllers[_number(element.get("index"))] = element.get("model", "")
    used = {at.bus for at in places}
    ports = [index for index, model in controllers.items() if model == "pcie-root-port" and index not in used]
    models = set(controllers.values())
    return DomainLayout(
        xml=xml,
        assigned=assigned,
        free_root_ports=tuple(sorted(ports)) if "pcie-root" in models else None,
        conventional_slots=bool(models & _CONVENTIONAL_HOTPLUG),
        controllers=controllers,
        places=places,
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


def place_of(element: ET.Element) -> PciAddress | None:
    """Where the guest sees an element's device; None of what is no PCI device, and while no place is chosen."""
    place = element.find("address")
    return _pci_address(place) if place is not None and place.get("type") == "pci" else None


def _source_address(element: ET.Element) -> tuple[str, ET.Element | None]:
    if element.tag == "hostdev" and element.get("type") == "pci":
        return "hostdev", element.find("source/address")
    if element.tag == "interface" and element.get("type") == "hostdev":
        return "interface", element.find("source/address")
    if element.tag == "disk" and element.get("type") == "nvme":
        return "disk", element.find("source/address")
    return "", None


def _source_pci(source: ET.Element | None) -> str | None:
    found = None if source is None else _pci_address(source)
    return None if found is None else str(found)


def _pci_address(element: ET.Element) -> PciAddress | None:
    if element.get("bus") is None:
        return None
    return PciAddress(*(_number(element.get(part, "0")) for part in ("domain", "bus", "slot", "function")))


def _number(text: str | None) -> int:
    try:
        return int(text or "0", 0)
    except ValueError:
        return -1
