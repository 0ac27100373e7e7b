# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of several hosts a domain that wants devices goes to, by the pools in their records."""

from __future__ import annotations

import typing as t

Pools = t.Iterable[t.Mapping[str, t.Any]]

# With more free devices than this one host is as good as another (Nova's PCIWeigher, nova/scheduler/weights/pci.py).
_MANY = 99


def weight(free: int) -> int:
    """How well a host suits: the fewer free devices, the better, so that hosts with many keep them together."""
    return _MANY + 1 - min(free, _MANY)


def free_devices(pools: Pools, wanted: t.Sequence[t.Mapping[str, t.Any]] = ()) -> int:
    """How many devices are free in pools that have all the values of one of those wanted; in all pools without any."""
    return sum(
        int(pool["count"])
        for pool in pools
        if not wanted or any(all(pool.get(key) == value for key, value in criteria.items()) for criteria in wanted)
    )


def rank_hosts(
    pools: t.Mapping[str, Pools], wanted: t.Sequence[t.Mapping[str, t.Any]] = (), count: int = 1
) -> list[str]:
    """The hosts with at least so many free devices, the best first; equals by name."""
    free = {host: free_devices(host_pools, wanted) for host, host_pools in pools.items()}
    return sorted((host for host in free if free[host] >= count), key=lambda host: (-weight(free[host]), host))
