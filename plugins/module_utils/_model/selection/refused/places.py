# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user is told whose specs name a PCIe switch or a root bus that the host does not have."""

from __future__ import annotations

import typing as t

from ...address import address_order
from ...errors import few
from ...host.topology import Topology

if t.TYPE_CHECKING:
    from ...host.inventory import Inventory
    from ...requests.specs.device_spec import DeviceSpec


def unknown_places(inventory: Inventory, specs: t.Iterable[DeviceSpec]) -> list[str]:
    """A sentence for each such place, with those that there are, the nearest switch above it first."""
    specs = [spec for spec in specs if spec.pcie_switch is not None or spec.pcie_root is not None]
    if not specs:
        return []
    topology = Topology(inventory)
    sites = {address: topology[address] for address in inventory.devices}
    switches = sorted({switch for where in sites.values() for switch in where.pcie_switches}, key=address_order)
    roots = sorted({where.pcie_root for where in sites.values() if where.pcie_root is not None})
    told = []
    for wanted in dict.fromkeys(spec.pcie_switch for spec in specs):
        if wanted is not None and wanted not in switches:
            above = sites[wanted].pcie_switches if wanted in sites else ()
            there = few(list(dict.fromkeys([*above, *switches])), "none")
            told.append(f"{wanted} is no PCIe switch of this host, which has {there}")
    for root in dict.fromkeys(spec.pcie_root for spec in specs):
        if root is not None and root not in roots:
            told.append(f"{root} is no root bus of this host, which has {few(roots, 'none')}")
    return told
