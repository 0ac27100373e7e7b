# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a function can be compared by more and less. What is not known, or was not read, is None."""

from __future__ import annotations

import functools
import typing as t

if t.TYPE_CHECKING:
    from .device import PciDevice, PcieLink
    from .inventory import Inventory


def memory(device: PciDevice) -> int | None:
    """The largest prefetchable BAR in bytes, which need not be all of a card's memory."""
    bars = () if device.details is None else device.details.bars
    return max((register.size for register in bars if register.prefetchable), default=None)


class Link(t.NamedTuple):
    """The most that a link can do: `speed` in GT/s, `width` in lanes."""

    speed: float | None
    width: int | None


_UNKNOWN = Link(None, None)


def link(inventory: Inventory, device: PciDevice) -> Link:
    """The lesser of what the device and the port above it can do, whatever the link does now: an idle one is slow.

    A VF that does not tell has the link of its PF. Of a port that does not tell, the device alone counts.
    """
    own, port = _most(device), _most(inventory.devices.get(device.parent or ""))
    if own == _UNKNOWN:
        own = _most(inventory.devices.get(device.physical_function or ""))
    return Link(_lesser(own.speed, port.speed), _lesser(own.width, port.width))


def group_size(inventory: Inventory, device: PciDevice) -> int | None:
    """How many functions, bridges too, are in the IOMMU group; None without one."""
    return None if device.iommu_group is None else len(inventory.groups.get(device.iommu_group, ())) or None


_Number = t.TypeVar("_Number", int, float)


def _lesser(own: _Number | None, port: _Number | None) -> _Number | None:
    return own if own is None or port is None else min(own, port)


def _most(device: PciDevice | None) -> Link:
    known: PcieLink | None = None if device is None or device.details is None else device.details.link
    return _UNKNOWN if known is None else Link(_speed(known.max_speed), known.max_width)


@functools.cache
def _speed(text: str | None) -> float | None:
    """A speed as the kernel prints it (`16.0 GT/s PCIe`)."""
    number, unit, _rest = (text or "").partition(" GT/s")
    try:
        return float(number) if unit else None
    except ValueError:
        return None
