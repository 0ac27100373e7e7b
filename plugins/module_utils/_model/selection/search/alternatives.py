# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which alternatives of several requests may go together: those for which there are devices enough."""

from __future__ import annotations

import collections
import typing as t

if t.TYPE_CHECKING:
    from .problem import Wanted

    Numbers = tuple[int, ...]


class Alternatives:
    """One alternative of each request at a time, earlier ones first; `look` is called at each look at a device.

    Twenty requests of two alternatives are a million ways. Most of them begin with requests that are too many for the
    devices of what they begin with, and are left out as soon as that shows.
    """

    def __init__(self, wanted: t.Sequence[Wanted], look: t.Callable[[], None]) -> None:
        self._wanted = wanted
        self._look = look
        self._fit = [[sorted(ranks) for ranks in one.alternatives] for one in wanted]
        self._any = [sorted({address for ranks in one.alternatives for address in ranks}) for one in wanted]

    def __iter__(self) -> t.Iterator[Numbers]:
        if all(len(one.alternatives) == 1 for one in self._wanted):
            yield (0,) * len(self._wanted)
            return
        serving: dict[str, int] = {}
        places = [place for place, one in enumerate(self._wanted) for _device in range(one.count)]
        if all(self._one_more(place, (), serving) for place in places):
            yield from self._from((), serving)

    def _from(self, begun: Numbers, serving: t.Mapping[str, int]) -> t.Iterator[Numbers]:
        """All that begin so. `serving` are devices that could serve all requests, later ones by any alternative."""
        index = len(begun)
        if index == len(self._wanted):
            yield begun
            return
        for number, ranks in enumerate(self._wanted[index].alternatives):
            numbers = (*begun, number)
            more = {address: place for address, place in serving.items() if place != index or address in ranks}
            if all(self._one_more(index, numbers, more) for _device in range(len(serving) - len(more))):
                yield from self._from(numbers, more)

    def _one_more(self, index: int, numbers: Numbers, serving: dict[str, int]) -> bool:
        """Find a device for a request, for which others may have to take another one: an augmenting way (Kuhn 1955)."""
        instead: dict[str, str | None] = {}
        pending: collections.deque[tuple[int, str | None]] = collections.deque([(index, None)])
        while pending:
            place, given_up = pending.popleft()
            for address in self._fitting(place, numbers):
                self._look()
                if address in instead:
                    continue
                instead[address] = given_up
                if address in serving:
                    pending.append((serving[address], address))
                    continue
                way: str | None = address
                while way is not None:
                    before = instead[way]
                    serving[way] = index if before is None else serving[before]
                    way = before
                return True
        return False

    def _fitting(self, place: int, numbers: Numbers) -> t.Iterable[str]:
        if place < len(numbers):
            return self._fit[place][numbers[place]]
        return self._any[place]
