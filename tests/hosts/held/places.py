# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where functions sit, against their paths taken apart here, and how far any two of them are apart."""

from __future__ import annotations

import itertools
import re
import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Topology, Where, distance

from .verdict import Held

if t.TYPE_CHECKING:
    from ..recording import Recording

_ROOT = re.compile(r"pci[0-9a-f]{4,8}:[0-9a-f]{2}")
_MOST_PAIRS = 200_000


def places(recording: Recording) -> Held:
    """Roots, bridges, switches, slots and distances."""
    held = Held("places")
    topology = Topology(recording.inventory)
    where = {address: topology[address] for address in recording.inventory.devices}
    for address, place in where.items():
        device = recording.inventory.devices[address]
        above = [part for part in device.path.split("/")[:-1] if part]
        roots = [part for part in above if _ROOT.fullmatch(part)]
        held.equal(f"{address} pcie_root", place.pcie_root, roots[0] if roots else None)
        held.equal(f"{address} bridges", list(place.bridges), _bridges(above))
        held.equal(f"{address} slot", place.slot, (device.physical_function or address)[:-2])
    _switches(held, recording, where)
    pairs = itertools.combinations(where.values(), 2)
    every = len(where) * (len(where) - 1) // 2 // _MOST_PAIRS + 1
    for one, other in itertools.islice(pairs, 0, None, every):
        _distance(held, one, other)
    return held


def _bridges(above: t.Sequence[str]) -> list[str]:
    """The functions of a path, but what carries a root bus of its own."""
    return [
        part
        for part, below in itertools.zip_longest(above, above[1:], fillvalue="")
        if re.fullmatch(r"[0-9a-f]{4,}(:[0-9a-f]{2}){2}\.[0-7]", part) and not _ROOT.fullmatch(below)
    ]


def _switches(held: Held, recording: Recording, where: t.Mapping[str, Where]) -> None:
    """What is a switch for one function is one for all that is below it, and for nothing else."""
    devices = recording.inventory.devices
    for switch in {switch for place in where.values() for switch in place.pcie_switches}:
        below = {address for address, device in devices.items() if f"/{switch}/" in device.path}
        held.equal(f"below {switch}", {a for a, place in where.items() if switch in place.pcie_switches}, below)
        own = devices.get(switch)
        held.true(f"{switch} is a switch and no bridge", own is None or own.is_bridge)
    for address, place in where.items():
        held.equal(
            f"{address} order of switches",
            list(place.pcie_switches),
            [bridge for bridge in reversed(place.bridges) if bridge in place.pcie_switches],
        )
        nearest = place.pcie_switches[0] if place.pcie_switches else None
        held.equal(f"{address} pcie_switch", place.pcie_switch, nearest)


def _distance(held: Held, one: Where, other: Where) -> None:
    way = distance(one, other)
    what = f"{one.slot} to {other.slot} is {way}"
    held.true(f"{what}, and back {distance(other, one)}", way == distance(other, one))
    if one.slot == other.slot:
        held.true(what, way == ("SAME", 0))
    elif one.pcie_root is None or one.pcie_root != other.pcie_root:
        held.true(what, way.kind in ("NODE", "SYS", None) and way.bridges is None)
    else:
        common = bool(set(one.bridges) & set(other.bridges))
        held.true(what, way.kind == "PHB" if not common else way.kind in ("PIX", "PXB"))
        held.true(what, way.bridges == len(set(one.bridges) ^ set(other.bridges)))
    if set(one.pcie_switches) & set(other.pcie_switches):
        held.true(what, way.kind in ("SAME", "PIX", "PXB"))
