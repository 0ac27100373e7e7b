# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pools: free devices that look the same to a request, counted."""

from __future__ import annotations

import typing as t

from ..address import address_order
from ..host.device import TYPE_PCI
from ..host.measures import group_size, link, memory

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..host.inventory import Inventory
    from ..host.topology import Topology


def pools(topology: Topology, free: t.Iterable[str]) -> list[dict[str, t.Any]]:
    """One mapping for each pool: ids, class, type, where it is, what is compared, and the count of the free addresses.

    `parent_ifname` is the interface of the PF. No tag is known here, so that what could be remote_managed is not, as in
    Nova (nova/pci/stats.py, _create_pool_keys_from_dev); of other devices that is None. Memory and link are known of
    devices that were read with their details.
    """
    inventory = topology.inventory
    counts: dict[_Pool, int] = {}
    for address in sorted(free, key=address_order):
        pool = _pool(topology, inventory.devices[address])
        counts[pool] = counts.get(pool, 0) + 1
    return [{**_as_dict(pool), **_of_vfs(inventory, pool), "count": count} for pool, count in counts.items()]


class _Pool(t.NamedTuple):
    """What the devices of a pool have in common. `switches` is None where nobody knows, as in the facts."""

    vendor_id: str
    product_id: str
    class_id: str
    device_type: str
    numa_node: int | None
    physical_function: str | None
    pcie_root: str | None
    switches: tuple[str, ...] | None
    memory: int | None
    link_speed: float | None
    link_width: int | None
    total_vfs: int
    group_size: int | None


def _pool(topology: Topology, device: PciDevice) -> _Pool:
    inventory, where = topology.inventory, topology[device.address]
    return _Pool(
        *device.kind,
        device.physical_function,
        where.pcie_root,
        where.known_switches,
        memory(device),
        *link(inventory, device),
        device.total_vfs,
        group_size(inventory, device),
    )


def _as_dict(pool: _Pool) -> dict[str, t.Any]:
    return {
        "vendor_id": pool.vendor_id,
        "product_id": pool.product_id,
        "class": pool.class_id,
        "device_type": pool.device_type,
        "numa_node": pool.numa_node,
        "pcie_root": pool.pcie_root,
        "pcie_switches": None if pool.switches is None else list(pool.switches),
        "memory": pool.memory,
        "link_speed": pool.link_speed,
        "link_width": pool.link_width,
        "total_vfs": pool.total_vfs,
        "iommu_group_size": pool.group_size,
        "physical_function": pool.physical_function,
    }


def _of_vfs(inventory: Inventory, pool: _Pool) -> dict[str, t.Any]:
    upper = inventory.devices.get(pool.physical_function or "")
    names = () if upper is None else upper.interfaces
    managed = None if pool.device_type == TYPE_PCI else False
    return {"parent_ifname": next(iter(names), None), "remote_managed": managed}
