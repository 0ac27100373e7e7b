# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which free devices fit a request, and how gladly each is taken for it."""

from __future__ import annotations

import typing as t

from ..host.device import TYPE_VF
from ..requests.numa_policy import numa_tier
from .search.problem import Rank

if t.TYPE_CHECKING:
    from ..availability.free_devices import Pool
    from ..availability.states import DeviceStates
    from ..host.device import PciDevice
    from ..requests.request import Request
    from .nearness import Guest


def fitting(states: DeviceStates, request: Request, guest: Guest) -> t.Iterator[tuple[str, Rank]]:
    """The free devices that fit a request without alternatives, each with its rank: nearness, tags, VF or not."""
    if request.address is not None:
        if request.address in states.free:
            state = states[request.address]
            yield request.address, Rank(tags=len(state.tags), vf=int(state.device.device_type == TYPE_VF))
        return
    for pool in states.free.pools:
        if not pool.free:
            continue
        device = pool.sample
        tier = numa_tier(request.numa_policy, guest.cells, guest.sockets, device.numa_node)
        if tier is None:
            continue
        rank = Rank(tier=tier, tags=len(pool.tags), vf=int(device.device_type == TYPE_VF))
        for address in _fitting(states, request, pool, device):
            yield address, rank


def _fitting(states: DeviceStates, request: Request, pool: Pool, device: PciDevice) -> t.Collection[str]:
    """Those of a pool that fit: the whole of it where no spec picks among devices that look the same."""
    specs = [spec for spec in request.specs if spec.fits_kind(device) and spec.demands(pool.tags, device.device_type)]
    if request.asks_for(device, pool.tags) and not all(spec.picks for spec in specs):
        return pool.free
    if any(spec.picks for spec in specs):
        return [address for address in pool.free if request.fits(states[address].device, pool.tags)]
    return ()
