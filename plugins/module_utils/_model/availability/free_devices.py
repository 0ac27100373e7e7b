# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Free devices in pools: what a request can tell apart without looking at each. A host has few pools, however large.

Taking a device costs as much as the number of pools, not that of devices, allows.
"""

from __future__ import annotations

import heapq
import typing as t

from ..address import address_order

if t.TYPE_CHECKING:
    from ..host.device import PciDevice

# Entries of devices that are no longer free stay in a heap until they come up, or are this many times the free ones.
_SLACK = 2


class Pool:
    """Free devices that look the same to a request; `sample` is one that is or was free.

    `tags` are those that the allow list gives them.
    """

    def __init__(self, sample: PciDevice, tags: t.Mapping[str, t.Any]) -> None:
        self.sample = sample
        self.tags = tags
        self.free: set[str] = set()
        self._heap: list[tuple[int, str]] = []
        self._added: list[tuple[int, str]] = []  # not in the heap yet: nobody asked since

    def add(self, address: str) -> None:
        if address not in self.free:
            self.free.add(address)
            self._added.append(address_order(address))

    def discard(self, address: str) -> None:
        self.free.discard(address)
        if len(self._heap) + len(self._added) > _SLACK * len(self.free) + 64:
            self._heap, self._added = [], [address_order(address) for address in self.free]

    def lowest(self) -> tuple[int, str] | None:
        """The lowest free address as its sort key, None when there is none."""
        if self._added:
            self._take_in()
        while self._heap and self._heap[0][1] not in self.free:
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else None

    def _take_in(self) -> None:
        if len(self._added) > len(self._heap) >> 3:
            self._heap += self._added
            self._heap.sort()  # which makes a heap of it too, and of what was added in order in no time
        else:
            for order in self._added:
                heapq.heappush(self._heap, order)
        self._added = []


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
        pool.add(device.address)

    def discard(self, address: str) -> None:
        pool = self._of.pop(address, None)
        if pool is not None:
            pool.discard(address)
