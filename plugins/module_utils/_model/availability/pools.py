# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pools: free devices that look the same to a request, counted."""

from __future__ import annotations

import typing as t

from ..address import address_order

if t.TYPE_CHECKING:
    from ..host.inventory import Inventory


def pools(inventory: Inventory, free: t.Iterable[str]) -> list[dict[str, t.Any]]:
    """One mapping for each pool: ids, class, type, NUMA node, the PF of VFs, and the count of the free addresses."""
    counts: dict[tuple[t.Any, ...], int] = {}
    for address in sorted(free, key=address_order):
        device = inventory.devices[address]
        key = (*device.kind, device.physical_function)
        counts[key] = counts.get(key, 0) + 1
    names = ("vendor_id", "product_id", "class", "device_type", "numa_node", "physical_function")
    return [{**dict(zip(names, key)), "count": count} for key, count in counts.items()]
