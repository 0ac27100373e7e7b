# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A libvirt domain as far as PCI assignment goes, read from its XML (https://libvirt.org/formatdomain.html)."""

from __future__ import annotations

import functools
import typing as t
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

from ..address import PciAddress
from ..elements import PARSED, assigned_function, function_source, parse_element, pci_address

CONFIG = "config"
LIVE = "live"
PLACES = (CONFIG, LIVE)

# Controllers on which a conventional PCI device can be hot-plugged (libvirt, src/conf/domain_addr.c).
_CONVENTIONAL_HOTPLUG = frozenset({"pci-root", "pci-bridge", "pcie-to-pci-bridge"})


ONE_SLOT = frozenset({"pcie-root-port", "pcie-switch-downstream-port"})
"""Controllers with one slot, the first (virDomainPCIAddressBusSetModel there)."""
_WITHOUT_SLOT_0 = frozenset({"pci-root", "pcie-root", "pci-bridge", "pcie-to-pci-bridge"})


@dataclass(frozen=True)
class Assigned:
    """A host function inside a domain: `via` hostdev, interface or disk; `xml` is the whole element.

    `element` is the same parsed, not to be changed. `place` is the guest's address for it, None while none is chosen.
    """

    address: str
    via: str
    xml: str
    element: ET.Element = field(compare=False, repr=False)
    place: str | None = None


@dataclass(frozen=True)
class DomainLayout:
    """One XML of a domain, its definition or its live state.

    `free_root_ports` are the indexes of pcie-root-port controllers without a device, None when the machine has no
    PCIe root, which then hot-plugs into conventional slots. `controllers` are the models of all PCI controllers by
    their indexes, which are the guest's bus numbers, `places` the addresses in the guest with what is there: the host
    address of a function, else the kind of device. `mdevs` are the UUIDs of mediated devices. `root`
    is the parsed XML: only copies of it are changed.
    """

    xml: str = ""
    assigned: t.Mapping[str, Assigned] = field(default_factory=dict)
    free_root_ports: tuple[int, ...] | None = None
    conventional_slots: bool = False
    controllers: t.Mapping[int, str] = field(default_factory=dict)
    places: t.Mapping[PciAddress, str] = field(default_factory=dict)
    mdevs: tuple[str, ...] = ()
    root: ET.Element = field(default_factory=lambda: ET.Element("domain"), compare=False, repr=False)

    def elements(self, path: str = "devices/*") -> t.Iterator[ET.Element]:
        """Elements of the XML, of its devices unless said otherwise."""
        return self.root.iterfind(path)

    def has_room(self, place: str, gone: t.Collection[str] = ()) -> bool:
        """Whether a device could be put at a guest's address: there is such a bus, and nothing but what is `gone`.

        Of a port that is the first slot, and nothing else may be behind it.
        """
        address = PciAddress.parse(place)
        if address.domain or address.bus not in self.controllers:
            return False
        there = [at for at, what in self.places.items() if at.bus == address.bus and what not in gone]
        if self.controllers[address.bus] in ONE_SLOT:
            return address.slot == address.function == 0 and not there
        if self.controllers[address.bus] in _WITHOUT_SLOT_0 and not address.slot:
            return False
        return all(at.slot != address.slot for at in there)


@dataclass(frozen=True)
class Domain:
    """`config` is None for a transient domain, `live` None for one that doesn't run.

    `volumes` has paths for each storage pool and volume that a disk of the domain is: only the pools tell them.
    """

    name: str
    uuid: str
    config: DomainLayout | None
    live: DomainLayout | None
    volumes: t.Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        return self.live is not None

    def layout(self, place: str) -> DomainLayout | None:
        return self.config if place == CONFIG else self.live


@functools.lru_cache(maxsize=PARSED)
def parse_layout(xml: str) -> DomainLayout:
    """Read a domain's XML, once for all who ask. Raises xml.etree.ElementTree.ParseError when it is none."""
    root = parse_element(xml)
    devices = root.find("devices")
    if devices is None:
        return DomainLayout(xml, root=root)
    assigned: dict[str, Assigned] = {}
    for element in devices:
        via, address = function_source(element)
        if address is not None:
            at = place_of(element)
            text = ET.tostring(element, encoding="unicode").strip()
            assigned[address] = Assigned(address, via, text, element, None if at is None else str(at))
    controllers: dict[int, str] = {}
    places: dict[PciAddress, str] = {}
    for element in devices:
        at = place_of(element)
        if at is not None:
            places[at] = assigned_function(element) or element.tag
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
        mdevs=tuple(
            address.get("uuid", "").lower() for address in devices.iterfind("hostdev[@type='mdev']/source/address")
        ),
        root=root,
    )


def hostdev_element(address: str, *, managed: bool) -> ET.Element:
    """The `<hostdev>` element that gives the function to a domain."""
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
    return element


def place_of(element: ET.Element) -> PciAddress | None:
    """Where the guest sees an element's device; None of what is no PCI device, and while no place is chosen."""
    place = element.find("address")
    return pci_address(place) if place is not None and place.get("type") == "pci" else None


def _number(text: str | None) -> int:
    try:
        return int(text or "0", 0)
    except ValueError:
        return -1
