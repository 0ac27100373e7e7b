# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Network functions whose interface is in another network namespace, where neither /sys nor rtnetlink shows it."""

from __future__ import annotations

import re
import typing as t

from ..._model.host.uses import HostUse
from ..reading.pci import locate
from .foreign_links import other_namespaces

if t.TYPE_CHECKING:
    from ..._model.host.device import PciDevice
    from ..sysfs import Tree
    from .foreign_links import ForeignLink

_CLASS_INFINIBAND = "0207"
# They hold a function for somebody else, a process or another machine, and make nothing of it.
_STUBS = re.compile(r"pci-stub|(?:xen-)?pciback|.*uio.*")
_VIRTIO = re.compile(r"virtio\d+")
# The part of a function that a driver of its own makes the interface of (Documentation/driver-api/auxiliary_bus.rst);
# a function that has parts without such a one is set to make none (devlink-params(7), enable_eth).
_PART = re.compile(r"\w+\.[a-z][\w-]*\.\d+")
_ETHERNET_PART = re.compile(r"\w+\.eth\.\d+")
_SHOWN = 3


def namespace_uses(tree: Tree, bare: t.Iterable[PciDevice], foreign: t.Sequence[ForeignLink] = ()) -> list[HostUse]:
    """A use for each device that has an interface in another namespace, and for each interface here that carries one.

    The kernel tells these where it can (`foreign`); else one of the network functions whose drivers show no interface
    (`bare`) has it elsewhere. Its folder `net` is left then, and empty (drivers/base/core.c: the folder is there for
    any interface, its entries are for those of the namespace that sysfs was mounted in).
    """
    uses = list(_foreign_uses(tree, foreign))
    known = {use.address for use in uses if use.code == "other_netns"}
    away = [
        device
        for device in bare
        if _STUBS.fullmatch(device.driver or "") is None
        and device.address not in known
        and _makes_interface(tree, device)
    ]
    where = _namespaces(tree) if away else ""
    for device in away:
        finding = f"driver {device.driver}, and {_finding(tree, device)}{where}"
        uses.append(HostUse("other_netns", device.address, finding, device.path))
    return list(dict.fromkeys(uses))


def _foreign_uses(tree: Tree, foreign: t.Iterable[ForeignLink]) -> t.Iterator[HostUse]:
    for name, namespace, device, lower in foreign:
        for path, address in locate(tree, device) if device else ():
            yield HostUse("other_netns", address, f"its interface {name} is in {namespace}", path)
        for path, address in locate(tree, f"/sys/class/net/{lower}") if lower is not None else ():
            yield HostUse("enslaved", address, f"carries {name} in {namespace} on {lower}", path)


def _makes_interface(tree: Tree, device: PciDevice) -> bool:
    """Whether the function has an interface somewhere, or nothing tells why it has none."""
    if _net_folders(tree, device):
        return True
    # Made for something else: vDPA, InfiniBand without IP, a process by way of UIO, or there is no driver for virtio.
    names = tree.names(device.path)
    if device.class_id.startswith(_CLASS_INFINIBAND) or any(child.kind == "vdpa" for child in device.children):
        return False
    if "infiniband" in names or "uio" in names:
        return False
    parts = [name for name in names if _PART.fullmatch(name)]
    ethernet = [name for name in parts if _ETHERNET_PART.fullmatch(name) or _VIRTIO.fullmatch(name)]
    ethernet += [name for name in names if _VIRTIO.fullmatch(name)]
    if parts or ethernet:
        return any(tree.link_name(f"{device.path}/{name}/driver") is not None for name in ethernet)
    return True


def _net_folders(tree: Tree, device: PciDevice) -> list[str]:
    """The folders for interfaces: the function's, and those of what its driver divides it into."""
    names = [name for name in tree.names(device.path) if _VIRTIO.fullmatch(name) or _PART.fullmatch(name)]
    folders = [f"{device.path}/net", *(f"{device.path}/{name}/net" for name in names)]
    return [folder for folder in folders if tree.exists(folder)]


def _finding(tree: Tree, device: PciDevice) -> str:
    if _net_folders(tree, device):
        return "its interface is in another network namespace"
    return "no interface in this network namespace"


def _namespaces(tree: Tree) -> str:
    """The other network namespaces that have interfaces, by a process that is in there or where they are mounted."""
    known = other_namespaces(tree)
    named = [
        namespace.label
        for namespace in known
        if namespace.process is None or not _only_loopback(tree, namespace.process)
    ]
    if not named:
        return ""
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return f" (there is {', '.join(named[:_SHOWN])}{more})"


def _only_loopback(tree: Tree, process: str) -> bool:
    lines = tree.lines(f"/proc/{process}/net/dev")[2:]
    return bool(lines) and all(line.strip().startswith("lo:") for line in lines)
