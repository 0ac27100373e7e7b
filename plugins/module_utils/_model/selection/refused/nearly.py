# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Devices that would fit a request but for a comparison, with what they have."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ...errors import few
from ...host.measures import group_size, link, memory
from ...requests.specs.device_spec import COMPARED

if t.TYPE_CHECKING:
    from ...host.device import PciDevice
    from ...host.inventory import Inventory
    from ...requests.request import Request
    from ..choice import Selection

_SIZES = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1))


def nearly_fitting(chosen: Selection, request: Request) -> list[str]:
    """A sentence with the first few of them; none where no spec compares, or nothing else fits either."""
    told = {}
    for spec in request.specs:
        keys = [key for key in COMPARED if getattr(spec, key) is not None]
        if not keys:
            continue
        bare = replace(spec, iommu_group_size=None, total_vfs=None, memory=None, link_speed=None, link_width=None)
        loose = replace(request, specs=(bare,)).resolved(chosen.inventory, chosen.held)
        for address, device in chosen.inventory.devices.items():
            if not request.wants(device, chosen.allow_list) and loose.wants(device, chosen.allow_list):
                has = _has(chosen.inventory, device)
                told[address] = f"{address} ({', '.join(f'{key} {has[key]}' for key in keys)})"
    return [f"but for what is compared these would fit: {few(list(told.values()))}"] if told else []


def _has(inventory: Inventory, device: PciDevice) -> dict[str, str]:
    """What is compared, as it is written in specs."""
    speed, width = link(inventory, device)
    values: dict[str, object] = {
        "iommu_group_size": group_size(inventory, device),
        "total_vfs": device.total_vfs,
        "memory": _size(memory(device)),
        "link_speed": None if speed is None else f"{speed:g} GT/s",
        "link_width": width,
    }
    return {key: "unknown" if value is None else str(value) for key, value in values.items()}


def _size(size: int | None) -> str | None:
    return None if size is None else next(f"{size // each} {unit}" for unit, each in _SIZES if size % each == 0)
