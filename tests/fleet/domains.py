# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: N802 - the names are libvirt's

"""A libvirt for simulated hosts, whose domains are files: FOLDER/NAME.xml is the definition of one that is shut off.

What a claim asks of it is here and nothing more: domains are found, read, and devices enter and leave a definition.
It runs on the simulated host: nothing is imported but Python's own library.
"""

from __future__ import annotations

import os
import types
import typing as t
import xml.etree.ElementTree as ET

_NO_DOMAIN = 42  # VIR_ERR_NO_DOMAIN
_SHUT_OFF = 5
_AUTOSTART = 1024


class LibvirtError(Exception):
    """Like libvirt.libvirtError."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self._code = code

    def get_error_code(self) -> int:
        return self._code


class _Domain:
    def __init__(self, path: str) -> None:
        self._path = path

    def _root(self) -> ET.Element:
        return ET.parse(self._path).getroot()

    def name(self) -> str:
        return str(self._root().findtext("name"))

    def UUIDString(self) -> str:
        return str(self._root().findtext("uuid"))

    def XMLDesc(self, _flags: int) -> str:
        with open(self._path) as file:
            return file.read()

    def isActive(self) -> int:
        return 0

    def isPersistent(self) -> int:
        return 1

    def autostart(self) -> int:
        return 0

    def state(self) -> list[int]:
        return [_SHUT_OFF, 0]

    def attachDeviceFlags(self, xml: str, _flags: int) -> int:
        root = self._root()
        devices = root.find("devices")
        assert devices is not None
        devices.append(ET.fromstring(xml))
        return self._write(root)

    def detachDeviceFlags(self, xml: str, _flags: int) -> int:
        root = self._root()
        devices, wanted = root.find("devices"), _source(ET.fromstring(xml))
        assert devices is not None
        for element in [element for element in devices if _source(element) == wanted]:
            devices.remove(element)
        return self._write(root)

    def _write(self, root: ET.Element) -> int:
        written = f"{self._path}.new"
        with open(written, "w") as file:
            file.write(ET.tostring(root, encoding="unicode"))
        os.rename(written, self._path)
        return 0


def _source(element: ET.Element) -> dict[str, int] | None:
    """The address of a hostdev on the host."""
    address = element.find("source/address")
    if element.tag != "hostdev" or address is None:
        return None
    return {key: int(value, 0) for key, value in address.attrib.items() if key != "type"}


class _Connection:
    def __init__(self, folder: str) -> None:
        self._folder = folder

    def listAllDomains(self, flags: int) -> list[_Domain]:
        names = sorted(name for name in os.listdir(self._folder) if name.endswith(".xml"))
        return [] if flags == _AUTOSTART else [_Domain(f"{self._folder}/{name}") for name in names]

    def lookupByName(self, name: str) -> _Domain:
        return self._look_up(lambda domain: domain.name() == name, name)

    def lookupByUUIDString(self, uuid: str) -> _Domain:
        return self._look_up(lambda domain: domain.UUIDString() == uuid.lower(), uuid)

    def _look_up(self, wanted: t.Callable[[_Domain], bool], what: str) -> _Domain:
        for domain in self.listAllDomains(0):
            if wanted(domain):
                return domain
        raise LibvirtError(f"Domain not found: {what}", _NO_DOMAIN)

    def listAllDevices(self, _flags: int) -> list[t.Any]:
        return []

    def getLibVersion(self) -> int:
        return 11003000

    def getVersion(self) -> int:
        return 10000003

    def getType(self) -> str:
        return "QEMU"

    def getURI(self) -> str:
        return "qemu:///system"

    def getHostname(self) -> str:
        return os.uname().nodename

    def isAlive(self) -> int:
        return 1

    def close(self) -> int:
        return 0


def binding(folder: str) -> types.ModuleType:
    """What `import libvirt` finds on a host whose domains lie in a folder."""
    module: t.Any = types.ModuleType("libvirt")
    module.libvirtError = LibvirtError
    module.registerErrorHandler = lambda _handler, _context: None
    module.open = lambda _uri: _Connection(folder)
    return t.cast("types.ModuleType", module)
