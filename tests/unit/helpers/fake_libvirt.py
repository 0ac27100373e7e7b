# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: N802 - the names are libvirt's

"""Two stand-ins for libvirt's Python binding: a script of the exact calls expected, and a small libvirt of its own."""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET

from ansible_collections.kvm.hostdev.plugins.module_utils._model.address import PciAddress
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import parse_layout, place_of
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.pci_xml import root_port_xml

NO_DOMAIN = 42
INTERNAL_ERROR = 1
OPERATION_FAILED = 9
OPERATION_INVALID = 55
INACTIVE = 2
LIVE, CONFIG = 1, 2
RUNNING, PAUSED, SHUT_OFF = 1, 3, 5

UUID = "6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02"
OTHER_UUID = "0d4ba7e8-1f6f-4f0b-9a35-7e6f6a0a5c11"


class LibvirtError(Exception):
    """Like libvirt.libvirtError."""

    def __init__(self, message: str, code: int = INTERNAL_ERROR) -> None:
        super().__init__(message)
        self._code = code

    def get_error_code(self) -> int:
        return self._code


class Expected(t.NamedTuple):
    """One call: on which object, what, with which arguments, and what comes back (an exception is raised)."""

    target: str
    method: str
    arguments: tuple[t.Any, ...]
    result: t.Any


class Script:
    """The calls expected, in their order; any other call, and any that does not come, fails the test."""

    def __init__(self, *calls: tuple[str, str, tuple[t.Any, ...], t.Any]) -> None:
        self._calls = [Expected(*call) for call in calls]

    def __enter__(self) -> Script:
        return self

    def __exit__(self, kind: object, _error: object, _trace: object) -> None:
        if kind is None:
            assert self._calls == [], "calls that did not come"

    def object(self, name: str) -> t.Any:
        return _Scripted(self, name)

    def play(self, target: str, method: str, arguments: tuple[t.Any, ...]) -> t.Any:
        assert self._calls, f"unexpected call: {target}.{method}{arguments}"
        call = self._calls.pop(0)
        assert (target, method, arguments) == call[:3]
        if isinstance(call.result, Exception):
            raise call.result
        if isinstance(call.result, Handle):
            return self.object(call.result.name)
        if isinstance(call.result, list):
            return [self.object(one.name) if isinstance(one, Handle) else one for one in call.result]
        return call.result


class Handle(t.NamedTuple):
    """In a result of a script: another object of the script."""

    name: str


class _Scripted:
    def __init__(self, script: Script, name: str) -> None:
        self._script, self._name = script, name

    def __getattr__(self, method: str) -> t.Callable[..., t.Any]:
        return lambda *arguments: self._script.play(self._name, method, arguments)


def domain_xml(
    *hostdevs: str, name: str = "web1", uuid: str = UUID, ports: int = 4, extra: str = "", machine: str = "pcie-root"
) -> str:
    """A q35 domain with `ports` root ports, indexes from 1, and these elements among its devices."""
    controllers = f'<controller type="pci" index="0" model="{machine}" />' + "".join(
        f'<controller type="pci" index="{index}" model="pcie-root-port">'
        f'<address type="pci" domain="0x0000" bus="0x00" slot="0x{index:02x}" function="0x0" /></controller>'
        for index in range(1, ports + 1)
    )
    return (
        f"<domain type='kvm'><name>{name}</name><uuid>{uuid}</uuid>"
        f"<devices>{controllers}{extra}{''.join(hostdevs)}</devices></domain>"
    )


class FakeDomain:
    """A domain; `config` and `live` are its XML, None where there is none; `standing` its state while it is active."""

    def __init__(self, libvirt: FakeLibvirt, name: str, uuid: str, config: str | None, live: str | None) -> None:
        self._libvirt = libvirt
        self._name, self._uuid = name, uuid
        self.xml = {CONFIG: config, LIVE: live}
        self.standing = RUNNING

    def name(self) -> str:
        return self._name

    def UUIDString(self) -> str:
        return self._uuid

    def isPersistent(self) -> int:
        self._libvirt.called("isPersistent")
        return int(self.xml[CONFIG] is not None)

    def isActive(self) -> int:
        self._libvirt.called("isActive")
        return int(self.xml[LIVE] is not None)

    def state(self) -> list[int]:
        if self.xml[LIVE] is None:
            return [SHUT_OFF, 0]
        return [self.standing, 0]

    def memoryStats(self) -> dict[str, int]:
        self._libvirt.called("memoryStats")
        if self.xml[LIVE] is None:
            raise LibvirtError("Requested operation is not valid: domain is not running", OPERATION_INVALID)
        return {"actual": 1048576}

    def destroy(self) -> int:
        self._libvirt.changes("destroy")
        if self.xml[LIVE] is None:
            raise LibvirtError("Requested operation is not valid: domain is not running", OPERATION_INVALID)
        self.xml[LIVE] = None
        return 0

    def XMLDesc(self, flags: int) -> str:
        self._libvirt.called(f"XMLDesc {flags}")
        place = CONFIG if flags & INACTIVE else LIVE
        text = self.xml[place]
        if place == LIVE and text is None:
            text = self.xml[CONFIG]
        assert text is not None
        return text

    def attachDeviceFlags(self, xml: str, flags: int) -> int:
        self._libvirt.changes(f"attach {_what(xml)} {_PLACE[flags]}")
        root = self._parse(flags)
        if ET.fromstring(xml).tag == "controller":
            return self._attach_controller(root, ET.fromstring(xml), flags)
        layout = parse_layout(ET.tostring(root, encoding="unicode"))
        known = [_source(ET.tostring(one, encoding="unicode")) for one in root.iterfind("devices/hostdev")]
        if _source(xml) in [*known, *layout.assigned]:
            raise LibvirtError("device is already in the domain")
        element = ET.fromstring(xml)
        free = list(layout.free_root_ports or ())
        if element.tag == "interface" and element.find("mac") is None:
            # libvirt makes one up at each attach: one of these bytes is another each time.
            self._libvirt.macs += 1
            ET.SubElement(element, "mac", {"address": f"52:54:00:00:00:{self._libvirt.macs:02x}"})
        wanted = element.find("address")
        if element.get("type") in ("usb", "scsi"):
            pass  # on the guest's controller, where there is always room
        elif wanted is None and layout.free_root_ports is None:
            pass  # a machine without PCI Express has slots enough
        elif wanted is None:
            if not free:
                raise LibvirtError("internal error: No more available PCI slots")
            bus = f"0x{free[0]:02x}"
            ET.SubElement(
                element, "address", {"type": "pci", "domain": "0x0000", "bus": bus, "slot": "0x00", "function": "0x0"}
            )
        else:
            self._check_place(root, xml, flags)
        devices = root.find("devices")
        assert devices is not None
        devices.append(element)
        self.xml[flags] = ET.tostring(root, encoding="unicode")
        return 0

    def detachDeviceFlags(self, xml: str, flags: int) -> int:
        self._libvirt.changes(f"detach {_what(xml)} {_PLACE[flags]}")
        if flags == LIVE and self._libvirt.deaf:
            return 0
        root = self._parse(flags)
        if flags == LIVE:
            _check_unplug(root, xml)
        devices = root.find("devices")
        assert devices is not None
        for element in list(devices):
            if element.tag == ET.fromstring(xml).tag and _what(ET.tostring(element, encoding="unicode")) == _what(xml):
                devices.remove(element)
                self.xml[flags] = ET.tostring(root, encoding="unicode")
                return 0
        raise LibvirtError("device not found", 99)

    def _check_place(self, root: ET.Element, xml: str, flags: int) -> None:
        """What libvirt makes of an address that was given, and the root ports that it adds for one to a definition."""
        layout = parse_layout(ET.tostring(root, encoding="unicode"))
        element = ET.fromstring(xml)
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
        there = {one: name for one, name in layout.places.items() if one[:3] == at[:3]}
        first = at._replace(function=0)
        whole = any(
            _at(one) == first and one.get("multifunction") != "on" for one in root.iterfind("devices/*/address")
        )
        if at in there or whole:
            raise LibvirtError("XML error: Attempted double use of PCI Address")
        if there and not at.function and not multifunction:
            raise LibvirtError("XML error: Attempted double use of PCI slot (may need multifunction='on')")

    def _attach_controller(self, root: ET.Element, element: ET.Element, flags: int) -> int:
        assert flags == CONFIG, "libvirt hot-plugs no PCI controller"
        devices = root.find("devices")
        assert devices is not None
        if element.find("model") is None or element.find("target") is None:
            raise LibvirtError("internal error: Required option 'modelName' is not set for PCI controller")
        if any(_what(ET.tostring(one, encoding="unicode")) == f"controller {element.get('index')}" for one in devices):
            raise LibvirtError("operation failed: Target already exists")
        slot = f"0x{int(element.get('index', '0')):02x}"
        place = {"type": "pci", "domain": "0x0000", "bus": "0x00", "slot": slot, "function": "0x0"}
        ET.SubElement(element, "address", place)
        devices.append(element)
        self.xml[flags] = ET.tostring(root, encoding="unicode")
        return 0

    def _parse(self, flags: int) -> ET.Element:
        text = self.xml[flags]
        if text is None:
            raise LibvirtError("Requested operation is not valid: domain is not running", OPERATION_INVALID)
        return ET.fromstring(text)


_PLACE = {LIVE: "live", CONFIG: "config"}


def _at(address: ET.Element) -> PciAddress | None:
    holder = ET.Element("hostdev")
    holder.append(address)
    return place_of(holder)


def _check_unplug(root: ET.Element, xml: str) -> None:
    at = place_of(ET.fromstring(xml))
    places = [place_of(one) for one in root.iterfind("devices/*")]
    if at is not None and any(one is not None and one != at and one[:3] == at[:3] for one in places):
        raise LibvirtError("operation failed: cannot hot unplug device with multifunction PCI guest address")


def _what(xml: str) -> str:
    element = ET.fromstring(xml)
    return f"controller {element.get('index')}" if element.tag == "controller" else _source(xml)


def _source(xml: str) -> str:
    """What libvirt finds a device by: a function by its address, a USB device by its number, without one by its ids."""
    element = ET.fromstring(xml)
    source = element.find("source/address")
    if element.get("type") == "scsi":
        adapter = element.find("source/adapter")
        assert source is not None
        assert adapter is not None
        return ":".join([adapter.get("name", ""), *(source.get(part, "") for part in ("bus", "target", "unit"))])
    if element.get("type") == "usb":
        vendor, product = element.find("source/vendor"), element.find("source/product")
        if source is not None:
            return f"usb {source.get('bus')}.{source.get('device')}"
        assert vendor is not None
        assert product is not None
        return f"usb {vendor.get('id')}:{product.get('id')}"
    if source is None:
        return ""
    domain, bus, slot, function = (int(source.get(part, "0"), 0) for part in ("domain", "bus", "slot", "function"))
    return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"


class FakeLibvirt:
    """A connection. `log` has every change that was asked of it; `deaf` guests let no device go."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.deaf = False
        self.macs = 0
        self.domains: list[FakeDomain] = []
        self._failures: dict[int, Exception] = {}
        self._hooks: dict[str, Exception] = {}

    def define(
        self, name: str = "web1", uuid: str = UUID, *, config: str | None = None, live: str | None = None
    ) -> FakeDomain:
        domain = FakeDomain(self, name, uuid, config, live)
        self.domains.append(domain)
        return domain

    def fail(self, number: int, error: Exception) -> None:
        """Let the change of this number, counted from 1 from now on, raise the error and do nothing else."""
        self._failures[len(self.log) + number] = error

    def fail_call(self, name: str, error: Exception) -> None:
        """Let every reading call of this name raise the error."""
        self._hooks[name] = error

    def changes(self, what: str) -> None:
        self.log.append(what)
        if len(self.log) in self._failures:
            raise self._failures[len(self.log)]

    def called(self, name: str) -> None:
        if name in self._hooks:
            raise self._hooks[name]

    def state(self) -> dict[str, dict[int, str | None]]:
        return {domain.UUIDString(): dict(domain.xml) for domain in self.domains}

    # virConnect

    def listAllDomains(self, _flags: int) -> list[FakeDomain]:
        self.called("listAllDomains")
        return list(self.domains)

    def lookupByName(self, name: str) -> FakeDomain:
        return self._look_up(lambda domain: domain.name() == name, name)

    def lookupByUUIDString(self, uuid: str) -> FakeDomain:
        self.called("lookupByUUIDString")
        return self._look_up(lambda domain: domain.UUIDString() == uuid.lower(), uuid)

    def _look_up(self, wanted: t.Callable[[FakeDomain], bool], what: str) -> FakeDomain:
        for domain in self.domains:
            if wanted(domain):
                return domain
        raise LibvirtError(f"Domain not found: {what}", NO_DOMAIN)

    def listAllDevices(self, _flags: int) -> list[t.Any]:
        return []

    def getLibVersion(self) -> int:
        return 11003000

    def getVersion(self) -> int:
        return 10000003

    def getType(self) -> str:
        self.called("getType")
        return "QEMU"

    def isAlive(self) -> int:
        return 1
