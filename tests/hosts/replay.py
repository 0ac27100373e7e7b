# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A recorded host replayed: its facts made, and held against what was recorded."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Topology

from .held.facts import facts
from .held.groups import groups
from .held.ids import ids
from .held.lstopo import pictured
from .held.outline import outlined
from .held.pairs import pairs
from .held.picture import picture
from .held.places import places
from .recording import DRIVERS, GROUPS, NODES, WAYS

if t.TYPE_CHECKING:
    from pathlib import Path

    from .finding import Found
    from .held.lstopo import Picture
    from .held.verdict import Held

_CHECKS = (facts, places, groups, ids)


@dataclass(frozen=True)
class Replay:
    """What one host has, of which `pairs` are those of GPU and NIC and all GPUs, and what was held of it."""

    name: str
    form: str
    functions: int
    groups: int
    roots: int
    switches: int
    pairs: tuple[int, int]
    tells: frozenset[str]
    held: t.Sequence[Held]

    @property
    def faults(self) -> list[str]:
        return [fault for held in self.held for fault in held.faults]

    @property
    def line(self) -> str:
        """What is told of it, what was held, and how much of that failed."""
        counts = [
            f"{self.functions:>4} functions",
            *([f"{self.groups:>3} groups"] if GROUPS in self.tells else []),
            *([f"{self.roots:>2} roots", f"{self.switches:>2} switches"] if WAYS in self.tells else []),
            *([f"{self.pairs[0]} of {self.pairs[1]} GPUs with a NIC"] if self.switches and self.pairs[1] else []),
            *(f"{told} unknown" for told in (GROUPS, WAYS, DRIVERS, NODES) if told not in self.tells),
        ]
        wrong = f"; FAILED: {len(self.faults)}" if self.faults else ""
        return f"{self.name:<36} {self.form:<12} {', '.join(counts)}; held: {', '.join(map(_held, self.held))}{wrong}"


def _held(held: Held) -> str:
    """In the picture a host bridge is left out below which cards were changed since."""
    left_out = f" ({held.left_out} host bridges left out: other cards)" if held.left_out else ""
    return f"{held.subject} {held.count or 'untold'}{left_out}"


def replay(found: Found) -> Replay:
    """Read a recording and hold all that can be held of it. Raises whatever the collection raises."""
    recording = found.read()
    topology = Topology(recording.inventory)
    places_of_all = [topology[address] for address in recording.inventory.devices]
    held = [check(recording) for check in _CHECKS]
    drawing = drawing_of(found.path)
    if drawing is not None:
        file, reader = drawing
        held.append(picture(recording, reader(file.read_text(encoding="utf-8"))))
    return Replay(
        recording.name,
        recording.form,
        len(recording.inventory.devices),
        len(recording.inventory.groups),
        len({place.pcie_root for place in places_of_all if place.pcie_root is not None}),
        len({switch for place in places_of_all for switch in place.pcie_switches}),
        pairs(recording.inventory),
        recording.tells,
        held,
    )


def drawing_of(path: Path) -> tuple[Path, t.Callable[[str], Picture]] | None:
    """What hwloc told of the same host, beside a recording, with its reader: `NAME.lstopo.svg` beside
    `NAME-facter.json` or another `NAME`, or in words.
    """
    base = path.name.partition(".")[0].removesuffix("-facter")
    for ending, reader in _DRAWINGS.items():
        drawing = path.with_name(f"{base}{ending}")
        if drawing.is_file():
            return drawing, reader
    return None


_DRAWINGS = {".lstopo.svg": pictured, ".lstopo.txt": outlined, ".lstopo.xml": outlined, ".output": outlined}
