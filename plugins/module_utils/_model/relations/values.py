# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The values that constraints compare, of one device."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..host.topology import Where

_OF_PLACE = ("numa_node", "socket", "slot")


def known_value(attribute: str, device: PciDevice, where: Where, tags: t.Mapping[str, t.Any] | None) -> t.Hashable:
    """The value of an attribute that is not in the tree, None where it is unknown."""
    if attribute in _OF_PLACE:
        return t.cast(t.Hashable, getattr(where, attribute))
    if attribute == "iommu_group":
        return device.iommu_group
    return _compared((tags or {}).get(attribute))


def _compared(tag: object) -> t.Hashable:
    """A tag as it is compared: texts in any case, lists whatever their order."""
    if isinstance(tag, (list, tuple)):
        return tuple(sorted(str(one).casefold() for one in tag))
    return tag if tag is None else str(tag).casefold()
