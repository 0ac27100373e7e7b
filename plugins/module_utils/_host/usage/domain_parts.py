# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which domains, running or not, have something that a function carries: a disk, a node in /dev, an interface ...

That is a use of the function, which the domain would miss what it has; so is a function among QEMU's own arguments.
"""

from __future__ import annotations

import functools
import typing as t

from ..._model.guest.disk_nodes import device_nodes, volume_nodes
from ..._model.guest.host_parts import functions_of_arguments, interfaces_below
from ..._model.guest.sources import device_marks, source_marks
from ..._model.host.uses import DISK, PART, DomainUse
from ..reading.pci.functions import locate
from .processes.device_nodes import DeviceNodes
from .storage.block_devices import BlockDevices

if t.TYPE_CHECKING:
    from ..._model.guest.domain import Domain, DomainLayout
    from ..sysfs import Tree

_NET = "/sys/class/net"
_HOSTDEVS = ("type='usb'", 'type="usb"', "type='scsi'", 'type="scsi"')


class _Part(t.NamedTuple):
    """What a domain has, by its name or path; empty where that is the function itself."""

    via: str
    name: str


def part_uses(tree: Tree, domains: t.Iterable[Domain]) -> t.Iterator[tuple[str, DomainUse]]:
    """A use for each domain and function, with the function's address and the first part that leads there."""
    parts = _Parts(tree)
    for domain in domains:
        config, live = parts.of(domain, domain.config), parts.of(domain, domain.live)
        for address, part in {**config, **live}.items():
            places = {"config": address in config, "live": address in live}
            yield address, DomainUse(domain.name, domain.uuid, part.via, domain.active, **places, node=part.name)


class _Parts:
    """Finds the functions of what domains have. Each thing of the host is read once, and when it is asked for."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._blocks = BlockDevices(tree)
        self._nodes = DeviceNodes(tree, with_input=True)

    def of(self, domain: Domain, layout: DomainLayout | None) -> dict[str, _Part]:
        """The functions below what one XML of a domain names, by address."""
        functions: dict[str, _Part] = {}
        if layout is not None:
            for address, part in self._found(domain, layout):
                functions.setdefault(address, part)
        return functions

    def _found(self, domain: Domain, layout: DomainLayout) -> t.Iterator[tuple[str, _Part]]:
        for node in sorted({*device_nodes(layout), *volume_nodes(domain, layout)}):
            via, addresses = self._node(node)
            yield from ((address, _Part(via, node)) for address in addresses)
        for interface in interfaces_below(layout):
            yield from ((address, _Part(PART, interface)) for address in self._interface(interface))
        for address in functions_of_arguments(layout):
            yield address, _Part(PART, "")
        if any(mark in layout.xml for mark in _HOSTDEVS):
            hostdevs = layout.elements("devices/hostdev")
            for mark in dict.fromkeys(mark for element in hostdevs for mark in source_marks(element)):
                yield from ((address, _Part(PART, name)) for name, address in self._usb_and_scsi.get(mark, ()))

    def _node(self, node: str) -> tuple[str, list[str]]:
        """What a node in /dev is, and the functions below it."""
        block = self._blocks.named(node)
        if block is not None:
            return DISK, [address for _path, address in self._blocks.locations(block) if address]
        try:
            number = self._tree.node_number(node)
            known = None if number is None else self._nodes.by_number(number)
        except OSError:
            known = self._nodes.by_name(node)  # it is not there now, or is recorded by its name alone
        return PART, [] if known is None else [address for _path, address in known.places if address]

    def _interface(self, name: str) -> list[str]:
        """The functions below an interface of this network namespace, which may be a bond or a VLAN of others."""
        addresses, pending, seen = [], [name], set()
        while pending:
            interface = pending.pop()
            if not interface or "/" in interface or interface in seen:
                continue
            seen.add(interface)
            addresses += [address for _path, address in locate(self._tree, f"{_NET}/{interface}") if address]
            names = self._tree.names(f"{_NET}/{interface}")
            pending += [entry[len("lower_") :] for entry in names if entry.startswith("lower_")]
        return addresses

    @functools.cached_property
    def _usb_and_scsi(self) -> dict[tuple[t.Any, ...], list[tuple[str, str]]]:
        """The USB and SCSI devices on functions by each of the ways to name them: name and address."""
        from ..reading.usb_scsi import read_usb_and_scsi

        found: dict[tuple[t.Any, ...], list[tuple[str, str]]] = {}
        for device in read_usb_and_scsi(self._tree).values():
            for _path, address in locate(self._tree, device.path or ""):
                for mark in device_marks(device) if address else ():
                    if None not in mark:
                        found.setdefault(mark, []).append((device.name, address))
        return found
