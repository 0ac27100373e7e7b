# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host itself: kernel, boot, and whether its IOMMU is on, with the reason."""

from __future__ import annotations

import hmac
import re
import typing as t

from ..._model.host.host_facts import HostFacts, NumaNode, parse_set
from .iommu_groups import has_iommu

if t.TYPE_CHECKING:
    from ..sysfs import Tree


def read_host(tree: Tree) -> HostFacts:
    """The host's facts; a recorded tree without them gives an unknown kernel, taken for a new one."""
    release = tree.text("/proc/sys/kernel/osrelease") or ""
    numbers = re.match(r"(\d{1,9})\.(\d{1,9})", release)
    iommu = has_iommu(tree)
    present = tree.exists("/sys/bus/pci/drivers/vfio-pci") or tree.exists("/sys/module/vfio_pci")
    return HostFacts(
        kernel_release=release,
        kernel=(int(numbers.group(1)), int(numbers.group(2))) if numbers else (99, 0),
        boot_id=tree.text("/proc/sys/kernel/random/boot_id") or "",
        iommu=iommu,
        iommu_reason=_iommu_reason(tree, iommu, release),
        vfio_present=present,
        vfio_available=present or _has_vfio_module(tree, release),
        denylist=tree.text("/sys/module/vfio_pci/parameters/disable_denylist") != "Y",
        numa_nodes=dict(_numa_nodes(tree)),
        machine_id=machine_id(tree),
    )


def machine_id(tree: Tree) -> str:
    """What tells the installation from others, made of the machine's id as machine-id(5) asks for: it is to be kept
    to itself, so that only a hash of it with a name of ours is told. The empty text where there is none yet.
    """
    text = tree.text("/etc/machine-id") or ""
    if not re.fullmatch("[0-9a-f]{32}", text):
        return ""
    return hmac.new(bytes.fromhex(text), b"kvm.hostdev", "sha256").hexdigest()[:32]


def _numa_nodes(tree: Tree) -> t.Iterator[tuple[int, NumaNode]]:
    """Nodes that are online (Documentation/ABI/stable/sysfs-devices-node), also those that are memory alone.

    Where that was not recorded each node that has a folder is, as of a running kernel.
    """
    folder = "/sys/devices/system/node"
    online = parse_set(tree.text(f"{folder}/online"))
    for name in tree.names(folder):
        if re.fullmatch(r"node\d+", name) and (not online or int(name[4:]) in online):
            cpus = parse_set(tree.text(f"{folder}/{name}/cpulist"))
            yield int(name[4:]), NumaNode(cpus, _socket(tree, min(cpus)) if cpus else None)


def _socket(tree: Tree, cpu: int) -> int | None:
    """The socket that a CPU sits in, None where the kernel does not tell."""
    package = tree.number(f"/sys/devices/system/cpu/cpu{cpu}/topology/physical_package_id")
    return package if package is not None and package >= 0 else None


def _has_vfio_module(tree: Tree, release: str) -> bool:
    """Whether modprobe would find vfio-pci; true where the lists of modules themselves are not there to tell."""
    lists = [tree.data(f"/lib/modules/{release}/{name}") for name in ("modules.dep", "modules.builtin")]
    return all(modules is None for modules in lists) or any(b"/vfio-pci.ko" in modules for modules in lists if modules)


def _iommu_reason(tree: Tree, iommu: bool, release: str) -> str:
    if iommu:
        return f"on: {', '.join(tree.names('/sys/class/iommu')) or 'the kernel lists IOMMU groups'}"
    from .iommu_reason import why_off

    return why_off(tree, release)
