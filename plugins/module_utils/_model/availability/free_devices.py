# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Free devices by kind: what a request can tell apart without looking at each. A host has few kinds, however large.

Taking a device costs as much as its kinds, not its number, allows.
"""

from __future__ import annotations

import heapq
import typing as t

from ..address import address_order

if t.TYPE_CHECKING:
    from ..host.device import PciDevice

# Entries of devices that are no longer free stay in a heap until they come up, or are this many times the free ones.
_SLACK = 2


class Kind:
    """Free devices that are alike, with the tags that the allow list gives them; `sample` is one that is or was so."""

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
            self._heap, self._added = [], [address_order(one) for one in self.free]

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
    """All free devices; each is in exactly one kind."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[t.Any, int], Kind] = {}
        self._of: dict[str, Kind] = {}

    def __len__(self) -> int:
        return len(self._of)

    def __contains__(self, address: object) -> bool:
        return address in self._of

    def __iter__(self) -> t.Iterator[str]:
        return iter(self._of)

    @property
    def kinds(self) -> t.Iterable[Kind]:
        """Kinds, some of which may have no free device now."""
        return self._kinds.values()

    def add(self, device: PciDevice, spec_index: int, tags: t.Mapping[str, t.Any]) -> None:
        """Make a device free; `spec_index` is the entry of the allow list that permits it with these tags."""
        key = (device.kind, spec_index)
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = Kind(device, tags)
        self._of[device.address] = kind
        kind.add(device.address)

    def discard(self, address: str) -> None:
        kind = self._of.pop(address, None)
        if kind is not None:
            kind.discard(address)
