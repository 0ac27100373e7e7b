# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where functions sit: the way from the root bus down, the switches above, and how far two of them are apart.

What the kernel's tree says, and nothing else: NVIDIA's words for distances are those of nvidia-smi topo.
"""

from __future__ import annotations

import functools
import re
import typing as t

if t.TYPE_CHECKING:
    from .device import PciDevice
    from .inventory import Inventory

_ROOT = re.compile(r"pci[0-9a-f]{4,8}:[0-9a-f]{2}")
_FUNCTION = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")

# The PCI Express capability's device/port type (PCIe 6.0, 7.5.3.2).
ROOT_PORT, UPSTREAM, DOWNSTREAM, TO_PCI, FROM_PCI = 4, 5, 6, 7, 8
# A bridge of conventional PCI, which has no such capability.
_CONVENTIONAL = (TO_PCI, FROM_PCI)

SAME, PIX, PXB, PHB, NODE, SYS = "SAME", "PIX", "PXB", "PHB", "NODE", "SYS"


class Where(t.NamedTuple):
    """Where a function sits.

    `bridges` are all above it, from the root bus down, `pcie_switches` the upstream ports of those that are switches,
    nearest first. `slot` is its address without the function; a VF is in its PF's. `numa_node` is also known where the
    host has exactly one, whatever the kernel says of the device; None is unknown, as it is of `socket` and `pcie_root`.
    """

    bridges: tuple[str, ...]
    pcie_root: str | None
    pcie_switches: tuple[str, ...]
    slot: str
    numa_node: int | None
    socket: int | None

    @property
    def pcie_switch(self) -> str | None:
        """The nearest switch, None below none."""
        return self.pcie_switches[0] if self.pcie_switches else None

    @property
    def known_switches(self) -> tuple[str, ...] | None:
        """All above it, none of them where it is below none; None where the way from the root bus is not known."""
        return self.pcie_switches if self.pcie_switches or self.pcie_root is not None else None


class Distance(t.NamedTuple):
    """SAME (one slot), PIX (at most one switch on the way), PXB (more), PHB (one PCIe root), NODE, SYS.

    None is unknown. `bridges` is the number of them on the way, None where there is none within the tree.
    """

    kind: str | None
    bridges: int | None


class Topology:
    """The places of all functions of one host."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self._devices = inventory.devices
        self._nodes = inventory.host.numa_nodes
        self._ways: dict[str, _Way] = {}

    def __getitem__(self, address: str) -> Where:
        """Raises KeyError where there is no such function."""
        device = self._devices[address]
        root, bridges, _ports = self._way(device.path)
        node = self.numa_node(device)
        known = self._nodes.get(node) if node is not None else None
        switches = tuple(bridge for bridge in reversed(bridges) if bridge in self._switches)
        slot = (device.physical_function or address).rpartition(".")[0]
        return Where(bridges, root, switches, slot, node, None if known is None else known.socket)

    def numa_node(self, device: PciDevice) -> int | None:
        """The node, also where the kernel does not tell, but the host has only one."""
        if device.numa_node is None and len(self._nodes) == 1:
            return next(iter(self._nodes))
        return device.numa_node

    def _way(self, path: str) -> _Way:
        """The way to what is at a path; kept, since VFs and functions of a card share it."""
        above = path.rpartition("/")[0]
        way = self._ways.get(above)
        if way is None:
            way = self._ways[above] = _way(above)
        return way

    @functools.cached_property
    def _switches(self) -> frozenset[str]:
        """The upstream ports."""
        if self.inventory.switches is not None:
            return frozenset(self.inventory.switches)
        return frozenset(bridge for bridge, port_type in self._types.items() if port_type == UPSTREAM)

    @functools.cached_property
    def _types(self) -> dict[str, int]:
        """The port type of each bridge that anything is below, or that is listed itself."""
        listed = [device for device in self._devices.values() if device.is_bridge]
        ways = {self._way(path) for path in [*(f"{one.path}/" for one in listed), *self._paths()]}
        parents = {above for way in ways for above in way.bridges[:-1]}
        types: dict[str, int] = {}
        for way in ways:
            above = None
            for bridge in way.bridges:
                if bridge not in types:
                    above = None if bridge in way.ports else above
                    types[bridge] = self._type(bridge, above, leads_on=bridge in parents)
                above = types[bridge]
        return types

    def _paths(self) -> t.Iterator[str]:
        return (device.path for device in self._devices.values())

    def _type(self, bridge: str, above: int | None, *, leads_on: bool) -> int:
        """What a bridge says it is, else what it must be where it stands."""
        device = self._devices.get(bridge)
        if device is not None and device.port_type is not None:
            return device.port_type
        if above is None:
            return ROOT_PORT
        if above in _CONVENTIONAL:
            return TO_PCI
        if above == UPSTREAM:
            return DOWNSTREAM
        # Below a root port or a downstream port. The driver of PCIe ports binds to nothing else.
        express = device is not None and device.driver == "pcieport"
        return UPSTREAM if leads_on or express else TO_PCI


class _Way(t.NamedTuple):
    """The first root bus of a path, its bridges, and those of them that are on a root bus."""

    root: str | None
    bridges: tuple[str, ...]
    ports: frozenset[str]


def _way(above: str) -> _Way:
    """What leads to a root bus of its own, as the endpoint of VMD does, is no bridge."""
    parts = above.split("/")
    triples = list(zip(["", *parts], parts, [*parts[1:], ""]))
    bridges = [
        (part, before) for before, part, below in triples if _FUNCTION.fullmatch(part) and not _ROOT.fullmatch(below)
    ]
    return _Way(
        next((part for part in parts if _ROOT.fullmatch(part)), None),
        tuple(bridge for bridge, _before in bridges),
        frozenset(bridge for bridge, before in bridges if _ROOT.fullmatch(before)),
    )


def distance(one: Where, other: Where) -> Distance:
    """How far two functions are apart by the kernel's tree; the same in both directions."""
    if one.slot == other.slot:
        return Distance(SAME, 0)
    if one.pcie_root is not None and one.pcie_root == other.pcie_root:
        common = shared_bridges(one, other)
        between = len(one.bridges) + len(other.bridges) - 2 * common
        if not common:
            return Distance(PHB, between)
        switches = {*one.pcie_switches, *other.pcie_switches} - set(one.bridges[: common - 1])
        return Distance(PIX if len(switches) <= 1 else PXB, between)
    if one.numa_node is None or other.numa_node is None or one.pcie_root is None or other.pcie_root is None:
        return Distance(None, None)
    return Distance(NODE if one.numa_node == other.numa_node else SYS, None)


def shared_bridges(one: Where, other: Where) -> int:
    """How many bridges are above both, from the root bus down."""
    common = 0
    for mine, its in zip(one.bridges, other.bridges):
        if mine != its:
            break
        common += 1
    return common
