# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# ruff: noqa: N802 - the names are libvirt's
"""A stand-in for libvirt that has a node device for each function, and a count of the calls into it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

# include/libvirt/libvirt-nodedev.h, VIR_CONNECT_LIST_NODE_DEVICES_CAP_VPD
_WITH_VPD = 1 << 21


class NodeError(Exception):
    """Like libvirt.libvirtError."""


class NodeDevice:
    """A PCI node device with as much XML as libvirt has for a plain function; the first of a card has a serial."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._name = f"pci_{address.replace(':', '_').replace('.', '_')}"
        self.has_vpd = address.endswith(":00.0")

    def name(self) -> str:
        """Return its name, which libvirt's binding knows without asking."""
        return self._name

    def XMLDesc(self, _flags: int) -> str:
        """Return its description."""
        domain, bus, rest = self._address.split(":")
        slot, function = rest.split(".")
        where = f"domain='0x{domain}' bus='0x{bus}' slot='0x{slot}' function='0x{function}'"
        return (
            f"<device><name>{self._name}</name>"
            f"<path>/sys/bus/pci/devices/{self._address}</path><parent>computer</parent>"
            f"<capability type='pci'><class>0x020000</class><domain>{int(domain, 16)}</domain>"
            f"<bus>{int(bus, 16)}</bus><slot>{int(slot, 16)}</slot><function>{function}</function>"
            f"<product id='0x10ca'>82576 Virtual Function</product><vendor id='0x8086'>Intel Corporation</vendor>"
            f"<iommuGroup number='1'><address {where}/></iommuGroup>"
            f"<pci-express><link validity='cap' port='0' width='1'/><link validity='sta' width='0'/></pci-express>"
            + ("<capability type='vpd'><name>Card</name></capability>" if self.has_vpd else "")
            + "</capability></device>"
        )


class NodeDevices:
    """A connection without domains."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._devices = [NodeDevice(address) for address in addresses]

    def listAllDevices(self, flags: int) -> list[NodeDevice]:
        """Return all node devices, or those with vital product data."""
        return [device for device in self._devices if device.has_vpd] if flags & _WITH_VPD else self._devices

    def listAllDomains(self, _flags: int) -> list[Any]:
        """Return no domain."""
        return []

    def getLibVersion(self) -> int:
        """Return the version of libvirt as one number."""
        return 11003000

    def getVersion(self) -> int:
        """Return the hypervisor's version as one number."""
        return 10000003

    def getURI(self) -> str:
        """Return the URI that the connection is at."""
        return "qemu:///system"

    def getHostname(self) -> str:
        """Return the host's name."""
        return os.uname().nodename

    def getType(self) -> str:
        """Return the driver's name."""
        return "QEMU"


class Counted:
    """Passes calls on to an object and counts them, those of the objects that come back included."""

    def __init__(self, target: Any, total: list[int] | None = None) -> None:
        self._target = target
        self._total = [0] if total is None else total

    @property
    def calls(self) -> int:
        """How many calls there were."""
        return self._total[0]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the method NAME, which counts, unless it is one that libvirt's binding answers itself."""
        method = getattr(self._target, name)
        if name == "name":
            return method

        def call(*arguments: Any) -> Any:
            self._total[0] += 1
            answer = method(*arguments)
            return [Counted(handle, self._total) for handle in answer] if isinstance(answer, list) else answer

        return call
