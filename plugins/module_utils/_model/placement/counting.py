# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of several hosts a domain that wants devices goes to, by what is free on them."""

from __future__ import annotations

import typing as t

PACK = "pack"
SPREAD = "spread"
STRATEGIES = (PACK, SPREAD)

# With more free devices than this one host is as good as another (Nova's PCIWeigher, nova/scheduler/weights/pci.py).
_MANY = 99


def weight(free: int) -> int:
    """How well a host suits: the fewer free devices, the better, so that hosts with many keep them together."""
    return _MANY + 1 - min(free, _MANY)


def rank_hosts(free: t.Mapping[str, t.Sequence[int]], count: int = 1, strategy: str = PACK) -> list[str]:
    """The hosts with at least so many free devices in one place, the best first; equals by name.

    `free` tells how many are free in each place of a host: in all of it, or on each of its NUMA nodes. Of the places
    that suffice the best one counts: to pack that with the fewest, as in Nova, to spread that with the most.
    """
    enough = {host: [number for number in places if number >= count] for host, places in free.items()}
    if strategy == SPREAD:
        return sorted((host for host in enough if enough[host]), key=lambda host: (-max(enough[host]), host))
    return sorted((host for host in enough if enough[host]), key=lambda host: (-weight(min(enough[host])), host))
