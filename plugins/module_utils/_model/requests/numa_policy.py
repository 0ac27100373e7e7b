# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""NUMA policies of requests, as OpenStack Nova defines them: which nodes' devices a guest may get, and which first."""

from __future__ import annotations

import typing as t

from ..errors import HostdevError

LEGACY = "legacy"
POLICIES = (LEGACY, "preferred", "required", "socket")
"""`required`: the guest's nodes only; `socket`: also other nodes of their sockets; `legacy`: also devices of which no
node is known; `preferred`: any device."""


def numa_tier(
    policy: str, cells: t.Collection[int] | None, sockets: t.Mapping[int, int | None], node: int | None
) -> int | None:
    """How far a node is from the guest: 0 is the best, None is too far for the policy.

    `cells` are the host's nodes that the guest runs on, None or empty when it is not bound to any: then every node is
    as good as another. `sockets` are the sockets of the host's nodes that have CPUs. A host that does not know a
    socket of these has none that suffices but the guest's own nodes.
    """
    if not cells or node in cells:
        return 0
    if policy == "required":
        return None
    if policy == "socket":
        near = {sockets.get(cell) for cell in cells}
        known = all(socket is not None for socket in sockets.values())
        return 1 if known and node is not None and sockets.get(node) in near - {None} else None
    if node is None:
        return 1
    return 2 if policy == "preferred" else None


def parse_numa_policy(value: object, path: str, code: str) -> str | None:
    """A NUMA policy, None when none is given. Raises HostdevError."""
    if value is not None and value not in POLICIES:
        raise HostdevError(code, subject=path, found=f"found {value!r}", wanted="one of " + ", ".join(POLICIES))
    return None if value is None else str(value)
