# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which request gets too few devices when one is served after the other: what a user is told then."""

from __future__ import annotations

import typing as t

from ...address import address_order
from ...errors import HostdevError
from ..making_vfs import unmade_at
from ..refused.refusals import not_enough

if t.TYPE_CHECKING:
    from ...requests.request import Request
    from ..choice import Selection
    from ..search.problem import Problem, Rank
    from .asking import Asking


def shortage(asking: Asking, problem: Problem) -> HostdevError:
    """The error of the first request that gets too few; those that name their device come first."""
    asked = [(index, *known) for index, known in enumerate(asking.requests) if known is not None]
    for index, one, request in sorted(asked, key=lambda known: known[2].address is None):
        if request.address is not None and request.address not in one.chosen.inventory.devices:
            return _no_such_device(one.chosen, request, request.address)
        wanted = problem.wanted[index]
        held = [address for address in one.chosen.serving if one.chosen.serving[address] == request.name]
        missing = request.count - len(held)
        taken = max((_free(asking, problem, index, ranks) for ranks in wanted.alternatives), key=len)[: max(0, missing)]
        if len(taken) < missing:
            return not_enough(one.chosen, request, missing, taken)
        one.chosen.serving.update(dict.fromkeys(taken, request.name))
    return HostdevError(
        "not_enough_devices",
        subject=", ".join(asking.name(index) for index, _one, _request in asked),
        found="each of these requests can be served, but not all of them together",
        wanted="devices for all of them",
        remedy="ask for less, or widen the requests' specs or the device_spec",
    )


def _free(asking: Asking, problem: Problem, index: int, ranks: t.Mapping[str, Rank]) -> list[str]:
    """The devices that a request could have beside what others have by now, best first."""
    taken = {address for one in asking.parties for address in one.chosen.serving}
    free: list[str] = []
    for address in sorted(ranks, key=lambda address: (ranks[address], address_order(address))):
        device = problem.candidates[address]
        relatives = {*taken, *free}
        vfs = {vf for vf in relatives if vf in problem.candidates and problem.candidates[vf].pf == address}
        if address not in relatives and device.pf not in relatives and not vfs:
            free.append(address)
    return free


def _no_such_device(chosen: Selection, request: Request, address: str) -> HostdevError:
    vfs = unmade_at(chosen, address)
    return HostdevError(
        "no_such_device",
        subject=f"{address}, asked for by request {request.name}",
        found="there is no such PCI function on this host",
        wanted="the address of one that is",
        remedy=(f"if it is a VF that is not made, {vfs}; else " if vfs else "")
        + "see the addresses with kvm.hostdev.pci_facts; after a move of cards ask by specs instead",
    )
