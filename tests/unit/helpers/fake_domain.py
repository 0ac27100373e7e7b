# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: N802 - the names are libvirt's

"""A domain of the small libvirt that stands in for the real one."""

from __future__ import annotations

import itertools
import typing as t
import xml.etree.ElementTree as ET
from collections import UserDict

from ansible_collections.kvm.hostdev.plugins.module_utils._model.address import PciAddress
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import parse_layout, place_of
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.pci_xml import root_port_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_hostdevs import PCI, named
from ansible_collections.kvm.hostdev.tests.unit.helpers.libvirt_api import (
    CONFIG,
    INACTIVE,
    INVALID_ARG,
    LIVE,
    NO_DOMAIN,
    RUNNING,
    SHUT_OFF,
    LibvirtError,
    invalid,
)

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import FakeLibvirt


class _Texts(UserDict):  # type: ignore[type-arg]
    """A domain's definition and its live XML, by CONFIG and LIVE, None where there is none.

    To set one is what an administrator does with virsh: define and undefine, start (LIVE, where it was None), shutdown
    (None), attach-device and detach-device (another LIVE). Raises LibvirtError, and changes nothing, as they would.
    """

    def __init__(self, domain: FakeDomain) -> None:
        super().__init__()
        self.data = {CONFIG: None, LIVE: None}
        self._domain = domain

    def __setitem__(self, place: int, text: str | None) -> None:
        if place == LIVE:
            self._domain.runs_with(text)
        self.data[place] = text
        self._domain.vanish_if_gone()


class FakeDomain:
    """A domain; `standing` is its state while it is active, `autostarts` whether it starts with the host."""

    def __init__(self, libvirt: FakeLibvirt, name: str, uuid: str) -> None:
        self._libvirt = libvirt
        self._name, self._uuid = name, uuid
        self._process: int | None = None
        self._texts = _Texts(self)
        self.standing = RUNNING
        self.autostarts = False

    @property
    def xml(self) -> _Texts:
        return self._texts

    @xml.setter
    def xml(self, texts: t.Mapping[int, str | None]) -> None:
        # None comes last, so that a domain that stays does not seem to be gone in between.
        for place, text in sorted(texts.items(), key=lambda entry: entry[1] is None):
            self._texts[place] = text

    def name(self) -> str:
        return self._name

    def UUIDString(self) -> str:
        return self._uuid

    def autostart(self) -> int:
        self._called("autostart")
        return int(self.autostarts)

    def isPersistent(self) -> int:
        self._called("isPersistent")
        return int(self.xml[CONFIG] is not None)

    def isActive(self) -> int:
        self._called("isActive")
        return int(self.xml[LIVE] is not None)

    def state(self) -> list[int]:
        if self.xml[LIVE] is None:
            return [SHUT_OFF, 0]
        return [self.standing, 0]

    def memoryStats(self) -> dict[str, int]:
        self._called("memoryStats")
        self._check_runs()
        return {"actual": 1048576}

    def create(self) -> int:
        """As `virsh start`."""
        self._check_there()
        if self.xml[LIVE] is not None:
            raise invalid("domain is already running")
        config = self.xml[CONFIG]
        assert config is not None
        root = ET.fromstring(config)
        for element in root.iterfind("devices/*"):
            _show_live(element, root)
        self.xml[LIVE] = ET.tostring(root, encoding="unicode")
        return 0

    def destroy(self) -> int:
        self._libvirt.changes("destroy")
        self._check_runs()
        self.xml[LIVE] = None
        return 0

    def XMLDesc(self, flags: int) -> str:
        self._called(f"XMLDesc {flags}")
        first, second = (CONFIG, LIVE) if flags & INACTIVE else (LIVE, CONFIG)
        text = self.xml[second] if self.xml[first] is None else self.xml[first]
        assert text is not None
        return text

    def attachDeviceFlags(self, xml: str, flags: int) -> int:
        element = ET.fromstring(xml)
        self._libvirt.changes(f"attach {_what(element)} {_PLACE[flags]}")
        root = self._parse(flags)
        if element.tag == "controller":
            self._attach_controller(root, element, flags)
        elif flags == CONFIG:
            if named(element)[1] in _names(root):
                raise LibvirtError("invalid argument: device is already in the domain configuration", INVALID_ARG)
            self._attach(root, element, flags)
        else:
            self._libvirt.devices.prepare(self._name, [element])
            try:
                self._attach(root, element, flags)
            except LibvirtError:
                self._libvirt.devices.give_back(self._name, [element])
                raise
        self._keep(root, flags)
        return 0

    def detachDeviceFlags(self, xml: str, flags: int) -> int:
        wanted = ET.fromstring(xml)
        self._libvirt.changes(f"detach {_what(wanted)} {_PLACE[flags]}")
        if flags == LIVE and self._libvirt.deaf:
            return 0
        root = self._parse(flags)
        if flags == LIVE:
            _check_unplug(root, wanted)
        devices = root.find("devices")
        assert devices is not None
        for element in list(devices):
            if element.tag == wanted.tag and _what(element) == _what(wanted):
                devices.remove(element)
                self._keep(root, flags)
                if flags == LIVE:
                    self._libvirt.devices.give_back(self._name, [element])
                return 0
        raise LibvirtError("device not found", 99)

    # What the stand-in does inside.

    def runs_with(self, text: str | None) -> None:
        """Let the guest run with this XML from now on: prepare what comes, give back what leaves."""
        before, after = _hostdevs(self.xml[LIVE]), _hostdevs(text)
        if text is not None and self.xml[LIVE] is None:
            self._process = self._libvirt.next_process()
        self._libvirt.devices.prepare(self._name, [after[name] for name in after.keys() - before.keys()])
        self._libvirt.show(self._process, None if text is None else after)
        self._libvirt.devices.give_back(self._name, [before[name] for name in before.keys() - after.keys()])

    def vanish_if_gone(self) -> None:
        """A transient domain is no more once it does not run, and nor is one that is undefined then."""
        if self.xml[CONFIG] is self.xml[LIVE] is None and self in self._libvirt.domains:
            self._libvirt.domains.remove(self)

    def memory(self) -> tuple[t.Any, ...]:
        return dict(self.xml), self._process

    def restore(self, memory: tuple[t.Any, ...]) -> None:
        self._texts.data, self._process = memory

    def _called(self, name: str) -> None:
        self._libvirt.called(name)
        self._check_there()

    def _check_there(self) -> None:
        if self not in self._libvirt.domains:
            raise LibvirtError(
                f"Domain not found: no domain with matching uuid '{self._uuid}' ({self._name})", NO_DOMAIN
            )

    def _check_runs(self) -> None:
        self._check_there()
        if self.xml[LIVE] is None:
            raise invalid("domain is not running")

    def _keep(self, root: ET.Element, flags: int) -> None:
        text = ET.tostring(root, encoding="unicode")
        self._texts.data[flags] = text
        if flags == LIVE:
            self._libvirt.show(self._process, _hostdevs(text))

    def _attach(self, root: ET.Element, element: ET.Element, flags: int) -> None:
        layout = parse_layout(ET.tostring(root, encoding="unicode"))
        free = list(layout.free_root_ports or ())
        if element.tag == "interface" and element.find("mac") is None:
            # libvirt makes one up at each attach: one of these bytes is another each time.
            self._libvirt.macs += 1
            ET.SubElement(element, "mac", {"address": f"52:54:00:00:00:{self._libvirt.macs:02x}"})
        if flags == LIVE:
            _show_live(element, root)
        else:
            _define(element)
        wanted = element.find("address")
        if element.get("type") in ("usb", "scsi"):
            pass  # on the guest's controller, where there is always room
        elif wanted is None and layout.free_root_ports is None:
            pass  # a machine without PCI Express has slots enough
        elif wanted is None and not self._libvirt.is_express(named(element)[1]):
            self._attach_behind_bridge(root, element, flags)
        elif wanted is None:
            if not free:
                raise LibvirtError("internal error: No more available PCI slots")
            bus = f"0x{free[0]:02x}"
            ET.SubElement(
                element, "address", {"type": "pci", "domain": "0x0000", "bus": bus, "slot": "0x00", "function": "0x0"}
            )
        else:
            self._check_place(root, element, flags)
        devices = root.find("devices")
        assert devices is not None
        devices.append(element)

    def _attach_behind_bridge(self, root: ET.Element, element: ET.Element, flags: int) -> None:
        """A conventional device of a PCIe machine: to a definition libvirt adds the bridge, behind a root port."""
        layout = parse_layout(ET.tostring(root, encoding="unicode"))
        bus = next((bus for bus, model in layout.controllers.items() if model == "pcie-to-pci-bridge"), None)
        if bus is None and flags == LIVE:
            raise LibvirtError("internal error: No more available PCI slots")
        if bus is None:
            bus = max(layout.controllers) + 1
            port = (layout.free_root_ports or (0,))[0]
            if not port:
                port, bus = bus, bus + 1
                self._attach_controller(root, ET.fromstring(root_port_xml(port)), flags)
            bridge = {"type": "pci", "index": str(bus), "model": "pcie-to-pci-bridge"}
            controller = ET.SubElement(t.cast("ET.Element", root.find("devices")), "controller", bridge)
            ET.SubElement(controller, "address", _pci(port, 0))
        used = {place.slot for place in layout.places if place.bus == bus}
        ET.SubElement(element, "address", _pci(bus, next(slot for slot in range(1, 32) if slot not in used)))

    def _check_place(self, root: ET.Element, element: ET.Element, flags: int) -> None:
        """What libvirt makes of an address that was given, and the root ports that it adds for one to a definition."""
        layout = parse_layout(ET.tostring(root, encoding="unicode"))
        at = place_of(element)
        assert at is not None
        multifunction = element.find("address[@multifunction='on']") is not None
        if flags == LIVE and at.function != 0:
            raise LibvirtError("internal error: Only PCI device addresses with function=0 are supported")
        if at.bus not in layout.controllers:
            if flags == LIVE:
                raise LibvirtError("XML error: The PCI controller with index does not exist")
            for index in range(max(layout.controllers) + 1, at.bus + 1):
                self._attach_controller(root, ET.fromstring(root_port_xml(index)), flags)
            return
        there = {place: name for place, name in layout.places.items() if place[:3] == at[:3]}
        first = at._replace(function=0)
        whole = any(
            _at(address) == first and address.get("multifunction") != "on"
            for address in root.iterfind("devices/*/address")
        )
        if at in there or whole:
            raise LibvirtError("XML error: Attempted double use of PCI Address")
        if there and not at.function and not multifunction:
            raise LibvirtError("XML error: Attempted double use of PCI slot (may need multifunction='on')")

    def _attach_controller(self, root: ET.Element, element: ET.Element, flags: int) -> None:
        assert flags == CONFIG, "libvirt hot-plugs no PCI controller"
        devices = root.find("devices")
        assert devices is not None
        if element.find("model") is None or element.find("target") is None:
            raise LibvirtError("internal error: Required option 'modelName' is not set for PCI controller")
        if any(_what(other) == f"controller {element.get('index')}" for other in devices):
            raise LibvirtError("operation failed: Target already exists")
        slot = f"0x{int(element.get('index', '0')):02x}"
        place = {"type": "pci", "domain": "0x0000", "bus": "0x00", "slot": slot, "function": "0x0"}
        ET.SubElement(element, "address", place)
        devices.append(element)

    def _parse(self, flags: int) -> ET.Element:
        self._check_there()
        text = self.xml[flags]
        if text is None and flags == CONFIG:
            raise invalid("transient domains do not have any persistent configuration")
        if text is None:
            raise invalid("domain is not running")
        return ET.fromstring(text)


_PLACE = {LIVE: "live", CONFIG: "config"}


def _pci(bus: int, slot: int) -> dict[str, str]:
    return {"type": "pci", "domain": "0x0000", "bus": f"0x{bus:02x}", "slot": f"0x{slot:02x}", "function": "0x0"}


def _at(address: ET.Element) -> PciAddress | None:
    holder = ET.Element("hostdev")
    holder.append(address)
    return place_of(holder)


def _check_unplug(root: ET.Element, element: ET.Element) -> None:
    at = place_of(element)
    places = [place_of(other) for other in root.iterfind("devices/*")]
    if at is not None and any(place is not None and place != at and place[:3] == at[:3] for place in places):
        raise LibvirtError("operation failed: cannot hot unplug device with multifunction PCI guest address")


def _what(element: ET.Element) -> str:
    return f"controller {element.get('index')}" if element.tag == "controller" else named(element)[1]


def _names(root: ET.Element) -> dict[str, ET.Element]:
    """The elements that give devices of the host, by what names those."""
    return {name: element for element in root.iterfind("devices/*") for _kind, name in [named(element)] if name}


def _hostdevs(text: str | None) -> dict[str, ET.Element]:
    return {} if text is None else _names(ET.fromstring(text))


def _show_live(element: ET.Element, root: ET.Element) -> None:
    """Add what only the XML of a running domain has of a host's device."""
    if element.tag not in ("hostdev", "interface") or not named(element)[1]:
        return
    if element.find("alias") is None:
        used = {alias.get("name") for alias in root.iterfind("devices/*/alias")}
        number = next(number for number in itertools.count() if f"hostdev{number}" not in used)
        ET.SubElement(element, "alias", {"name": f"hostdev{number}"})
    if named(element)[0] == PCI:
        driver = element.find("driver")
        (ET.SubElement(element, "driver") if driver is None else driver).set("name", "vfio")


def _define(element: ET.Element) -> None:
    """Leave out what a definition does not keep: an alias that is libvirt's and not the user's."""
    alias = element.find("alias")
    if alias is not None and not alias.get("name", "").startswith("ua-"):
        element.remove(alias)
