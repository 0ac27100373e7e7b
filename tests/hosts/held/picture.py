# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tree and the nodes, against the picture that hwloc drew of the same host."""

from __future__ import annotations

import itertools
import typing as t
from dataclasses import replace

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.host_facts import NumaNode
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Topology, distance

from .verdict import Held

if t.TYPE_CHECKING:
    from ..recording import Recording
    from .lstopo import Picture, Pictured


def picture(recording: Recording, seen: Picture) -> Held:
    """Each device hangs below as many bridges, and shares those that it shares in the picture."""
    held = Held("picture")
    devices = recording.inventory.devices
    other_hardware = _of_other_hardware(recording.inventory, seen.devices)
    held.left_out = len(other_hardware)
    there = [device for device in seen.devices if device.above[:1] not in other_hardware]
    topology = Topology(_with_nodes(recording.inventory, seen))
    # What stands for what: a bridge of the picture for one of the host, in both directions.
    drawn_as: dict[str, str] = {}
    drawn_for: dict[str, str] = {}
    for device in there:
        told = devices[device.address].numa_node
        place = topology[device.address]
        above = (_root(devices[device.address].path), *place.bridges)
        held.equal(f"{device.address} bridges above", len(above), len(device.above))
        for drawn, bridge in zip(device.above, above):
            held.equal(f"{device.address} {drawn}", bridge, drawn_for.setdefault(drawn, bridge))
            held.equal(f"{device.address} {bridge}", drawn, drawn_as.setdefault(bridge, drawn))
        if told is not None and device.node is not None:
            held.equal(f"{device.address} node", told, device.node)
    for first, second in itertools.combinations(there, 2):
        # What is behind Intel's VMD has a host bridge of its own in the picture, and the kernel's root of the VMD.
        if all(topology[one.address].pcie_root == _root(devices[one.address].path) for one in (first, second)):
            _apart(held, topology, first, second)
    return held


def _of_other_hardware(inventory: Inventory, seen: t.Iterable[Pictured]) -> set[tuple[str, ...]]:
    """The host bridges below which cards were changed between picture and recording, which gives all there new buses.

    A device that is drawn there is not recorded, or is recorded as something that can't carry what is drawn in it.
    """
    changed = set()
    for device in seen:
        recorded = inventory.devices.get(device.address)
        if recorded is None or not device.classes <= {recorded.class_id[:2]}:
            changed.add(device.above[:1])
    return changed


def _root(path: str) -> str:
    """The nearest root bus above."""
    return next((part for part in reversed(path.split("/")) if part.startswith("pci")), "?")


def _with_nodes(inventory: Inventory, seen: Picture) -> Inventory:
    """The host with the nodes of the picture where the recording tells none, for the distances between them."""
    if inventory.host.numa_nodes:
        return inventory
    drawn = {device.address: device.node for device in seen.devices}
    devices = [device._replace(numa_node=drawn.get(address)) for address, device in inventory.devices.items()]
    nodes = {number: NumaNode() for number in seen.nodes}
    return Inventory(replace(inventory.host, numa_nodes=nodes), devices)


def _apart(held: Held, topology: Topology, first: Pictured, second: Pictured) -> None:
    """How far two devices are apart by the picture: one slot, one bridge, one host bridge; and by their nodes."""
    kind = distance(topology[first.address], topology[second.address]).kind
    common = sum(1 for one, other in zip(first.above, second.above) if one == other)
    if first.address[:-2] == second.address[:-2]:
        wanted: t.Sequence[str | None] = ("SAME",)
    elif common > 1:
        wanted = ("PIX", "PXB")
    elif common:
        wanted = ("PHB",)
    else:
        nodes = [topology[device.address].numa_node for device in (first, second)]
        wanted = (None if None in nodes else "NODE" if nodes[0] == nodes[1] else "SYS",)
    held.true(f"{first.address} to {second.address} is {kind}, drawn {wanted}", kind in wanted)
