# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How near devices are to their guest, by NUMA nodes."""

from __future__ import annotations

import typing as t

from ..errors import of_all
from ..requests.numa_policy import numa_tier

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..requests.request import Request


class Guest(t.NamedTuple):
    """Where the owner runs: the host's NUMA nodes that it is bound to, if any, and the socket of each of the host's."""

    cells: frozenset[int] = frozenset()
    sockets: t.Mapping[int, int | None] = {}


ANYWHERE = Guest()


def too_far(guest: Guest, request: Request, device: PciDevice) -> str | None:
    """Why the request's NUMA policy rules the device out, None when it doesn't."""
    if request.address is not None:
        return None
    if numa_tier(request.numa_policy, guest.cells, guest.sockets, device.numa_node) is not None:
        return None
    node = "no known NUMA node" if device.numa_node is None else f"NUMA node {device.numa_node}"
    cells = ", ".join(map(str, sorted(guest.cells)))
    return f"it is on {node}, the owner is bound to {cells}, and the request's numa_policy is {request.numa_policy}"


def affinity_warnings(devices: t.Iterable[PciDevice], guest: Guest) -> list[str]:
    """A sentence for the devices of each node that serve a guest which is bound to other nodes."""
    if not guest.cells:
        return []
    cells = ", ".join(map(str, sorted(guest.cells)))
    distant: dict[str, list[str]] = {}
    for device in devices:
        if device.numa_node not in guest.cells:
            node = "no known NUMA node" if device.numa_node is None else f"NUMA node {device.numa_node}"
            distant.setdefault(node, []).append(device.address)
    return [
        sentence
        for node, addresses in distant.items()
        for sentence in of_all(
            addresses,
            f"is on {node}, its owner is bound to {cells}: it works without NUMA affinity",
            f"are on {node}, their owner is bound to {cells}: they work without NUMA affinity",
        )
    ]


def policy_warnings(requests: t.Iterable[Request], guest: Guest, owner: object) -> list[str]:
    """A sentence for each request whose NUMA policy can't be followed, since nothing binds the owner to a node."""
    return [
        f"numa_policy {request.numa_policy} of request {request.name} has no effect: {owner} is not bound to NUMA "
        "nodes (by numatune or vcpupin), and numa_cells is not set"
        for request in requests
        if not guest.cells and request.numa_policy in ("required", "socket")
    ]
