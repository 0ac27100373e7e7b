# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pools: free devices that look the same to a request, counted."""

from __future__ import annotations

import typing as t

from .. import forms
from ..address import address_order
from ..host.device import DEVICE_TYPES

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
    },
)
"""Of a pool as the record keeps it, for the choice of a host on the controller."""


def pools(inventory: Inventory, free: t.Iterable[str]) -> list[dict[str, t.Any]]:
    """One mapping for each pool: ids, class, type, NUMA node, the PF of VFs, and the count of the free addresses."""
    counts: dict[tuple[t.Any, ...], int] = {}
    for address in sorted(free, key=address_order):
        device = inventory.devices[address]
        key = (*device.kind, device.physical_function)
        counts[key] = counts.get(key, 0) + 1
    names = ("vendor_id", "product_id", "class", "device_type", "numa_node", "physical_function")
    return [{**dict(zip(names, key)), "count": count} for key, count in counts.items()]
