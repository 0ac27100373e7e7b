# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which free devices serve a request, in a fixed order of preference."""

from __future__ import annotations

import contextlib
import typing as t

from ..host.device import TYPE_VF
from ..requests.numa_policy import numa_tier

if t.TYPE_CHECKING:
    from ..availability.free_devices import Pool
    from ..availability.states import DeviceStates
    from ..host.device import PciDevice
    from ..requests.request import Request
    from .nearness import Guest

Admits = t.Callable[["PciDevice", "Request"], bool]


class _Candidates(t.NamedTuple):
    """A pool, of which the `whole` fits, or some devices do."""

    rank: tuple[int, int, bool]
    pool: Pool
    whole: bool


def claim_some(
    states: DeviceStates, owner: str, request: Request, most: int, guest: Guest, admits: Admits | None = None
) -> list[str]:
    """Claim at most so many devices for a request, best first.

    Six parameters, since a request is served in several goes: `most` and `admits` are another in each of them.

    Of the devices that fit, those come first that are nearest to the guest, then those with the fewest tags, then
    whole devices before VFs, then the lowest address. `admits` has the last word on each.
    """
    taken: list[str] = []
    with contextlib.closing(_fitting(states, request, guest, admits)) as candidates:
        while len(taken) < most:
            address = next(candidates, None)
            if address is None:
                break
            states.claim(address, owner)
            taken.append(address)
    return taken


def _fitting(
    states: DeviceStates, request: Request, guest: Guest, admits: Admits | None
) -> t.Generator[str, None, None]:
    """Free devices for the request, best first; each is looked at when the one before has been claimed."""
    if request.address is not None:
        if request.address in states.free and (admits is None or admits(states[request.address].device, request)):
            yield request.address
        return
    ranked: dict[tuple[int, int, bool], list[_Candidates]] = {}
    for candidates in _pools(states, request, guest):
        ranked.setdefault(candidates.rank, []).append(candidates)
    for rank in sorted(ranked):
        passed: list[tuple[Pool, str]] = []
        try:
            while True:
                lowest = [(candidate.pool.lowest(), candidate) for candidate in ranked[rank]]
                there = [(order, candidate) for order, candidate in lowest if order is not None]
                if not there:
                    break
                (_width, address), chosen = min(there, key=lambda pair: pair[0])
                state = states[address]
                fits = chosen.whole or request.fits(state.device, state.tags)
                if fits and (admits is None or admits(state.device, request)):
                    yield address
                if address in chosen.pool.free:
                    chosen.pool.discard(address)
                    passed.append((chosen.pool, address))
        finally:
            for pool, address in passed:
                if address in states.free:
                    pool.add(address)


def _pools(states: DeviceStates, request: Request, guest: Guest) -> t.Iterator[_Candidates]:
    """The pools of which devices may fit."""
    for pool in states.free.pools:
        if not pool.free:
            continue
        device = pool.sample
        tier = numa_tier(request.numa_policy, guest.cells, guest.sockets, device.numa_node)
        if tier is None:
            continue
        specs = [
            spec for spec in request.specs if spec.fits_kind(device) and spec.demands(pool.tags, device.device_type)
        ]
        whole = request.asks_for(device, pool.tags) and not all(spec.picks for spec in specs)
        if whole or any(spec.picks for spec in specs):
            yield _Candidates((tier, len(pool.tags), device.device_type == TYPE_VF), pool, whole)
