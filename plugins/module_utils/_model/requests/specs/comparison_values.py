# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading comparisons of a device spec."""

from __future__ import annotations

import typing as t

from . import comparison

if t.TYPE_CHECKING:
    from .comparison import Comparison, Quantity

_QUANTITIES: t.Mapping[str, Quantity] = {
    "iommu_group_size": comparison.GROUP_SIZE,
    "total_vfs": comparison.TOTAL_VFS,
    "memory": comparison.MEMORY,
    "link_speed": comparison.LINK_SPEED,
    "link_width": comparison.LINK_WIDTH,
}


def read_comparison(key: str, value: object, path: str) -> Comparison:
    """Read the one of a spec's key: a text, or a number where that says all.

    Raises HostdevError with code invalid_spec, for a text that is nearly one with what was meant.
    """
    quantity = _QUANTITIES[key]
    text = str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
    read = comparison.parsed(text, quantity) if isinstance(text, str) else None
    if read is None:
        from .comparison_meant import refused

        raise refused(value, path, quantity)
    return read
