# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pools as the record keeps them, for the choice of a host on the controller."""

from __future__ import annotations

import typing as t

from .. import forms
from ..host.device import DEVICE_TYPES

FORM = forms.mapping(
    {"count": forms.number(1)},
    {
        "vendor_id": forms.digits(4),
        "product_id": forms.digits(4),
        "class": forms.digits(6),
        "device_type": forms.one_of(*DEVICE_TYPES),
        "numa_node": forms.nullable(forms.number(0)),
        "pcie_root": forms.nullable(forms.name),
        "pcie_switches": forms.nullable(forms.listed(forms.address)),
        "memory": forms.nullable(forms.number(1)),
        "link_speed": forms.nullable(forms.fraction),
        "link_width": forms.nullable(forms.number(1)),
        "total_vfs": forms.number(0),
        "iommu_group_size": forms.nullable(forms.number(1)),
        "physical_function": forms.nullable(forms.address),
        "parent_ifname": forms.nullable(forms.text),
        "remote_managed": forms.nullable(forms.flag),
    },
)
"""Of a pool; what is left out of it is None."""


def recorded(pools: t.Iterable[t.Mapping[str, t.Any]]) -> list[dict[str, t.Any]]:
    """The pools without what is None: the record is to stay small."""
    return [{key: value for key, value in pool.items() if value is not None} for pool in pools]
