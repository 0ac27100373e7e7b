# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kernel itself uses functions for that are no disks: memory of theirs, and their engines for copying."""

from __future__ import annotations

import re
import typing as t

from ..._model.host.uses import HostUse
from ..reading.pci.functions import locate

if t.TYPE_CHECKING:
    from ..sysfs import Tree

_CXL, _DMA, _DSA = "/sys/bus/cxl/devices", "/sys/class/dma", "/sys/bus/dsa/devices"


def kernel_client_uses(tree: Tree) -> list[HostUse]:
    """A use for each function with CXL memory that is mapped, and each with an engine that the kernel has taken."""
    return [
        HostUse("kernel_holder", address, detail, path)
        for place, detail in [*_memory(tree), *_engines(tree), *_queues(tree)]
        for path, address in locate(tree, place)
    ]


def _memory(tree: Tree) -> t.Iterator[tuple[str, str]]:
    """Memory expanders whose memory the host's addresses lead to: as its RAM, or what a program has as a device.

    Documentation/ABI/testing/sysfs-bus-cxl; before 6.7 an endpoint does not tell how many of its
    decoders do so, and those count that are of a region.
    """
    for name in tree.names(_CXL):
        endpoint = f"{_CXL}/{name}"
        if not re.fullmatch(r"endpoint\d+", name):
            continue
        committed = tree.number(f"{endpoint}/decoders_committed")
        if committed is None:
            decoders = (part for part in tree.names(endpoint) if part.startswith("decoder"))
            committed = sum(bool(tree.text(f"{endpoint}/{part}/region")) for part in decoders)
        if committed:
            yield f"{endpoint}/uport", f"its CXL memory is part of the host's ({name}, {committed} decoders committed)"


def _engines(tree: Tree) -> t.Iterator[tuple[str, str]]:
    """Channels of DMA engines with clients (Documentation/ABI/testing/sysfs-class-dma), but for the function's own."""
    for name in tree.names(_DMA):
        if tree.number(f"{_DMA}/{name}/in_use"):
            own = {address for _path, address in locate(tree, f"{_DMA}/{name}")}
            client = tree.link_name(f"{_DMA}/{name}/slave")
            if client is None or own.isdisjoint(address for _path, address in locate(tree, f"{_DMA}/{name}/slave")):
                yield f"{_DMA}/{name}", f"the kernel uses its DMA engine ({name})"


def _queues(tree: Tree) -> t.Iterator[tuple[str, str]]:
    """Work queues of accelerators that the kernel keeps for itself (Documentation/ABI/stable/sysfs-driver-dma-idxd)."""
    for name in tree.names(_DSA):
        queue = f"{_DSA}/{name}"
        if name.startswith("wq") and tree.text(f"{queue}/type") == "kernel" and tree.number(f"{queue}/clients"):
            yield queue, f"the kernel uses its work queue {name}"
