# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guests of the lab host: their domains, and what they tell on their consoles about the devices they see."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from string import Template

#: Domains by name: UUID, and how many root ports are free for devices to be plugged in.
DOMAINS = {
    "web1": ("6b766d00-0000-4000-8000-000000000001", 8),
    "db1": ("6b766d00-0000-4000-8000-000000000002", 8),
    # Starts, but has no port for a device: what libvirt reports as "No more available PCI slots".
    "plain1": ("6b766d00-0000-4000-8000-000000000003", 0),
}
#: A NIC with the first MAC address is given the second one by a guest, as soon as its host allows that.
RESTLESS, RESTED = "52:54:00:6d:61:63", "52:54:00:6d:61:64"


@dataclass(frozen=True)
class GuestDevice:
    """A PCI function as the guest's kernel sees it: 'vendor:device', class as six digits, driver or None."""

    address: str
    ids: str
    class_code: str
    driver: str | None


def domain_xml(name: str, *, kernel: bool = True) -> str:
    """Return the definition of the domain NAME.

    Without a KERNEL its firmware finds nothing to boot: it costs nothing while it runs, and answers no hot-unplug.
    """
    uuid, ports = DOMAINS[name]
    controllers = "\n".join(
        f'    <controller type="pci" index="{index}" model="pcie-root-port"/>' for index in range(1, ports + 1)
    )
    text = (Path(__file__).parent / "domain.xml").read_text()
    if not kernel:
        text = re.sub(r" *<(kernel|initrd|cmdline)>.*\n", "", text)
    return Template(text).substitute(name=name, uuid=uuid, ports=controllers)


def console_path(name: str) -> str:
    """Return where on the lab host the console of the domain NAME is logged."""
    return f"/var/log/libvirt/qemu/{name}-console.log"


_BEGIN = re.compile(r"PCI-BEGIN (\d+)\s*$")
_DEVICE = re.compile(r"PCI ([0-9a-f:.]+) ([0-9a-f]{4}:[0-9a-f]{4}) class=([0-9a-f]{6}) driver=(\S+)\s*$")
_END = re.compile(r"PCI-END (\d+) (\d+)\s*$")


class Snapshots:
    """Reads a guest's console line by line; the guest writes a snapshot whenever its devices change."""

    def __init__(self) -> None:
        self.last: list[GuestDevice] | None = None
        self._open: list[GuestDevice] = []

    def feed(self, line: str) -> bool:
        """Take one line; return whether it completed a snapshot. One that lost lines to kernel messages is dropped."""
        if _BEGIN.search(line):
            self._open = []
        elif match := _DEVICE.search(line):
            address, ids, class_code, driver = match.groups()
            self._open.append(GuestDevice(address, ids, class_code, None if driver == "-" else driver))
        elif (end := _END.search(line)) and int(end[2]) == len(self._open):
            self.last = self._open
            return True
        return False

    def feed_all(self, lines: Iterable[str]) -> list[GuestDevice] | None:
        """Take all LINES and return the last complete snapshot."""
        for line in lines:
            self.feed(line)
        return self.last
