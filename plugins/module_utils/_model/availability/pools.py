# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pools: free devices that look the same to a request, counted."""

from __future__ import annotations

import typing as t

from .. import forms
from ..address import address_order
from ..host.device import DEVICE_TYPES, TYPE_PCI

if t.TYPE_CHECKING:
    from ..host.inventory import Inventory


FORM = forms.mapping(
    {"count": forms.number(1)},
    {
        "vendor_id": forms.digits(4),
        "product_id": forms.digits(4),
        "class": forms.digits(6),
        "device_type": forms.one_of(*DEVICE_TYPES),
        "numa_node": forms.nullable(forms.number(0)),
        "physical_function": forms.nullable(forms.address),
        "parent_ifname": forms.nullable(forms.text),
        "remote_managed": forms.nullable(forms.flag),
    },
)
"""Of a pool as the record keeps it, for the choice of a host on the controller."""


def pools(inventory: Inventory, free: t.Iterable[str]) -> list[dict[str, t.Any]]:
    """One mapping for each pool: ids, class, type, NUMA node, the PF of VFs, and the count of the free addresses.

    `parent_ifname` is the interface of the PF. No tag is known here, so that what could be remote_managed is not, as in
    Nova (nova/pci/stats.py, _create_pool_keys_from_dev); of other devices that is None.
    """
    counts: dict[tuple[t.Any, ...], int] = {}
    for address in sorted(free, key=address_order):
        device = inventory.devices[address]
        key = (*device.kind, device.physical_function)
        counts[key] = counts.get(key, 0) + 1
    names = ("vendor_id", "product_id", "class", "device_type", "numa_node", "physical_function")
    found = (dict(zip(names, key)) for key in counts)
    return [{**pool, **_of_vfs(inventory, pool), "count": count} for pool, count in zip(found, counts.values())]


def _of_vfs(inventory: Inventory, pool: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    upper = inventory.devices.get(pool["physical_function"] or "")
    names = () if upper is None else upper.interfaces
    managed = None if pool["device_type"] == TYPE_PCI else False
    return {"parent_ifname": next(iter(names), None), "remote_managed": managed}
