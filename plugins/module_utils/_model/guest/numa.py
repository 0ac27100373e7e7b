# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of the host's NUMA nodes a domain is bound to (https://libvirt.org/formatdomain.html, numatune and cputune)."""

from __future__ import annotations

import typing as t

from ..host.host_facts import NumaNode, parse_set

if t.TYPE_CHECKING:
    from .domain import DomainLayout


def numa_cells(layout: DomainLayout, nodes: t.Mapping[int, NumaNode]) -> frozenset[int]:
    """The nodes that a domain's memory is bound to; without such a binding those of the CPUs that it is pinned to.

    Empty for a domain that is bound to none: its guest may run anywhere.
    """
    bound = [*layout.elements("numatune/memory"), *layout.elements("numatune/memnode")]
    cells = frozenset().union(*(parse_set(element.get("nodeset")) for element in bound))
    if cells:
        return cells
    pinned = [element.get("cpuset") for element in layout.elements("cputune/vcpupin")] or [
        element.get("cpuset") for element in layout.elements("vcpu")
    ]
    cpus = frozenset().union(*map(parse_set, pinned))
    return frozenset(number for number, node in nodes.items() if node.cpus & cpus)
