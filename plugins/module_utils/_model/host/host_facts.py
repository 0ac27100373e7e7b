# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host as far as passthrough is concerned: its kernel, its IOMMU, its NUMA nodes."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

# The kernel's own limit for CPUs is far below (CONFIG_NR_CPUS).
_LARGEST = 1 << 16


@dataclass(frozen=True)
class NumaNode:
    """A NUMA node of the host: its CPUs that are online, none of a node that is memory alone, and their socket.

    `socket` is None where there are no CPUs, and where the kernel does not tell.
    """

    cpus: frozenset[int] = frozenset()
    socket: int | None = None


def parse_set(text: str | None) -> frozenset[int]:
    """Numbers of a list such as `0-3,^2,8`, in which `^` takes one out; what makes no sense counts for nothing."""
    members: set[int] = set()
    for part in (text or "").split(","):
        span = re.fullmatch(r"(\^?)(\d{1,18})(?:-(\d{1,18}))?", part.strip())
        if span is not None:
            numbers = range(int(span[2]), min(int(span[3] or span[2]), _LARGEST) + 1)
            (members.difference_update if span[1] else members.update)(numbers)
    return frozenset(members)


@dataclass(frozen=True)
class HostFacts:
    """The host as far as passthrough is concerned; `kernel` is the release's leading numbers, such as (6, 12).

    `vfio_available` says whether vfio-pci is loaded or could be, `denylist` whether it refuses the devices that the
    kernel's developers found unsafe to give away. `iommu` is None where nothing tells, and `iommu_reason` says so: of a
    host that was recorded without its groups. `numa_nodes` are those that are online. `machine_id` tells the
    installation from others, the empty text where it has none yet.
    """

    kernel_release: str
    kernel: tuple[int, int]
    boot_id: str
    iommu: bool | None
    iommu_reason: str
    vfio_present: bool
    vfio_available: bool = True
    denylist: bool = True
    numa_nodes: t.Mapping[int, NumaNode] = field(default_factory=dict)
    machine_id: str = ""
