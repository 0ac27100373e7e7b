# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Which of the host's NUMA nodes a domain is bound to (https://libvirt.org/formatdomain.html, numatune and cputune)."""

from __future__ import annotations

import re
import typing as t
import xml.etree.ElementTree as ET
from dataclasses import dataclass

# The kernel's own limit for CPUs is far below (CONFIG_NR_CPUS).
_LARGEST = 1 << 16


@dataclass(frozen=True)
class NumaNode:
    """A NUMA node of the host: its CPUs, and the socket that these sit in, None where the kernel does not tell."""

    cpus: frozenset[int] = frozenset()
    socket: int | None = None


def numa_cells(xml: str, nodes: t.Mapping[int, NumaNode]) -> frozenset[int]:
    """The nodes that a domain's memory is bound to; without such a binding those of the CPUs that it is pinned to.

    Empty for a domain that is bound to none: its guest may run anywhere.
    """
    root = ET.fromstring(xml)
    bound = [*root.iterfind("numatune/memory"), *root.iterfind("numatune/memnode")]
    cells = frozenset().union(*(parse_set(element.get("nodeset")) for element in bound))
    if cells:
        return cells
    pinned = [element.get("cpuset") for element in root.iterfind("cputune/vcpupin")] or [
        element.get("cpuset") for element in root.iterfind("vcpu")
    ]
    cpus = frozenset().union(*map(parse_set, pinned))
    return frozenset(number for number, node in nodes.items() if node.cpus & cpus)


def parse_set(text: str | None) -> frozenset[int]:
    """Numbers of a list such as `0-3,^2,8`, in which `^` takes one out; what makes no sense counts for nothing."""
    found: set[int] = set()
    for part in (text or "").split(","):
        one = re.fullmatch(r"(\^?)(\d{1,18})(?:-(\d{1,18}))?", part.strip())
        if one is not None:
            numbers = range(int(one[2]), min(int(one[3] or one[2]), _LARGEST) + 1)
            (found.difference_update if one[1] else found.update)(numbers)
    return frozenset(found)
