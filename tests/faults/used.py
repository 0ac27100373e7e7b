# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices that somebody begins to use in the middle of a run: the host, or another domain that is started with them."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET

from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import parse_layout
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import LIVE, LibvirtError, domain_xml

VFS, DISK = ("0000:01:10.0", "0000:01:10.2"), "0000:04:00.0"
_BLOCK = "nvme2n1"
# The disks of a USB stick and of a SCSI device, by the kind of their elements, where a change has plugged them in.
_NODES = {"usb": "sdx", "scsi": "sdy"}
_NAME, _UUID = "meanwhile", "0b8a1f0e-52a1-4f0a-9d0a-6d6a3f0b7c11"
_VFIO = "vfio-pci"


class Use:
    """What begins to be used in one run. Raises AssertionError where it is taken from its user."""

    def __init__(self, host: FakeHost) -> None:
        self.host = host
        self.drivers: dict[str, str | None] = {}
        self.mounted: set[str] = set()  # kinds of USB and SCSI devices

    @property
    def begun(self) -> bool:
        """Whether there was anything to be used."""
        return bool(self.drivers or self.mounted)

    def told(self) -> str:
        """All that it remembers beside the host."""
        return str({name: what for name, what in vars(self).items() if name != "host"})

    def begin(self) -> None:
        """Use all that can be used by now."""
        raise NotImplementedError

    def end(self) -> None:
        """Use nothing any more."""
        raise NotImplementedError

    def check_free(self, address: str) -> None:
        """What is used must not be taken from its driver."""
        assert address not in self.drivers, f"{address} is taken from {self.drivers[address]} while it is used"

    def check(self) -> None:
        """All that is used is where it was."""
        for address, driver in self.drivers.items():
            now = self.host.kernel.driver(address)
            assert now == driver, f"{address} is used, and is with {now} instead of {driver}"
        for kind in self.mounted:
            assert not _in_domains(self.host, kind), f"the {kind} device is mounted, and given to a domain"


class UseByHost(Use):
    """The disks are mounted, one VF carries the ssh connection, and another one has an address."""

    def begin(self) -> None:
        root = self.host.root
        self._before = {path: self._read(path) for path in ("/proc/self/mountinfo", "/proc/net/route")}
        self._environ = self.host.system.environ
        if self.host.kernel.driver(DISK) == "nvme":
            self.drivers[DISK] = "nvme"
            self.host.mount(_BLOCK)
        for kind, block in _NODES.items():
            if (root / f"sys/class/block/{block}/dev").exists() and not _in_domains(self.host, kind):
                self.mounted.add(kind)
                self.host.mount(block)
        for index, address in enumerate(VFS):
            net = root / f"sys/bus/pci/devices/{address}/net"
            if self.host.kernel.driver(address) in (None, _VFIO) or not net.is_dir():
                continue
            self.drivers[address] = self.host.kernel.driver(address)
            network = f"{index + 1:02X}0200C0"
            self._append(
                "/proc/net/route", f"{os.listdir(net)[0]}\t{network}\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0"
            )
            self.host.system.environ = {"SSH_CONNECTION": "192.0.2.50 50000 192.0.2.5 22"}

    def end(self) -> None:
        for path, text in self._before.items():
            self.host.write(path, text)
        self.host.system.environ = self._environ
        self.drivers.clear()
        self.mounted.clear()

    def _read(self, path: str) -> str:
        return (self.host.root / path[1:]).read_text()

    def _append(self, path: str, line: str) -> None:
        self.host.write(path, f"{self._read(path).rstrip()}\n{line}\n")


class UseByDomain(Use):
    """A transient domain is started with all devices that libvirt gives it; libvirt binds them."""

    def begin(self) -> None:
        for address in (*VFS, DISK):
            if not self._has(address):
                self._start(address)

    def _start(self, address: str) -> None:
        uuid = _UUID[:-1] + str(len(self.drivers))
        text = domain_xml(hostdev_xml(address, managed=True), name=_NAME, uuid=uuid)
        domain = self.host.libvirt.define(f"{_NAME}{address}", uuid, config=text)
        try:
            domain.create()
        except LibvirtError:
            self.host.libvirt.domains.remove(domain)
            return
        self.drivers[address] = _VFIO

    def _has(self, address: str) -> bool:
        layouts = (domain.xml[LIVE] for domain in self.host.libvirt.domains)
        return any(address in parse_layout(text).assigned for text in layouts if text is not None)

    def check(self) -> None:
        super().check()
        for address in self.drivers:
            assert self._has(address), f"{address} is gone from the domain that was started with it"

    def check_not_given(self, before: set[str]) -> None:
        """What the domain runs with was given to no other; who had it on record `before` still has, which is drift."""
        given = held(self.host) - before
        assert not given & self.drivers.keys(), f"two have it: {sorted(given & self.drivers.keys())}"

    def end(self) -> None:
        for domain in [domain for domain in self.host.libvirt.domains if domain.name().startswith(_NAME)]:
            domain.destroy()
            self.host.libvirt.domains.remove(domain)
        self.drivers.clear()


def _in_domains(host: FakeHost, kind: str) -> bool:
    layouts = (ET.fromstring(text) for domain in host.libvirt.domains for text in domain.xml.values() if text)
    return any(layout.find(f"devices/hostdev[@type='{kind}']") is not None for layout in layouts)


def held(host: FakeHost) -> set[str]:
    """The addresses of the functions on record."""
    record = host.record_or_none() or {"claims": []}
    return {device["address"] for claim in record["claims"] for device in claim["devices"]}
