# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Free devices in pools: what a request can tell apart without looking at each. A host has few pools, however large."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ..host.device import PciDevice


class Pool:
    """Free devices that look the same to a request; `sample` is one that is or was free.

    `tags` are those that the allow list gives them.
    """

    def __init__(self, sample: PciDevice, tags: t.Mapping[str, t.Any]) -> None:
        self.sample = sample
        self.tags = tags
        self.free: set[str] = set()


class FreeDevices:
    """All free devices; each is in exactly one pool."""

    def __init__(self) -> None:
        self._pools: dict[tuple[t.Any, int], Pool] = {}
        self._of: dict[str, Pool] = {}

    def __len__(self) -> int:
        return len(self._of)

    def __contains__(self, address: object) -> bool:
        return address in self._of

    def __iter__(self) -> t.Iterator[str]:
        return iter(self._of)

    @property
    def pools(self) -> t.Iterable[Pool]:
        """Pools, some of which may have no free device now."""
        return self._pools.values()

    def add(self, device: PciDevice, spec_index: int, tags: t.Mapping[str, t.Any]) -> None:
        """Make a device free; `spec_index` is the entry of the allow list that permits it with these tags."""
        key = (device.kind, spec_index)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = Pool(device, tags)
        self._of[device.address] = pool
        pool.free.add(device.address)

    def discard(self, address: str) -> None:
        pool = self._of.pop(address, None)
        if pool is not None:
            pool.free.discard(address)
