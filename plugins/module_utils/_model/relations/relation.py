# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Devices as constraints see them, and constraints as devices do: no names, no owners."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

if t.TYPE_CHECKING:
    from ..host.topology import Where

PCIE_SWITCH, PCIE_ROOT = "pcie_switch", "pcie_root"
IN_TREE = (PCIE_SWITCH, PCIE_ROOT)
"""The attributes by which near devices are put together."""


@dataclass(frozen=True)
class Candidate:
    """A device that may serve some request.

    `values` are those of the attributes that constraints name, None where unknown; of the two in the tree `where`
    tells. `pf` is the PF of a VF. `group` is of a device that shares its IOMMU group with another function, `mates` are
    those of it that would come along and are not held yet.
    """

    address: str
    where: Where
    values: t.Mapping[str, t.Any] = field(default_factory=dict)
    pf: str | None = None
    group: int | None = None
    mates: frozenset[str] = frozenset()


class Relation(t.NamedTuple):
    """A constraint or a wish: what the devices of requests, given by their places, share (`match`) or do not."""

    wanted: tuple[int, ...]
    attribute: str
    match: bool
    pair: bool = False
