# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Network functions whose interface is in another network namespace, where neither /sys nor rtnetlink shows it."""

from __future__ import annotations

import re
import typing as t

from ..._model.host.uses import HostUse
from .system_storage import read_mounts

if t.TYPE_CHECKING:
    from ..._model.host.device import PciDevice
    from ..sysfs import Tree

_CLASS_NETWORK = "02"
_CLASS_INFINIBAND = "0207"
# They hold a function for somebody else, a process or another machine, and make nothing of it.
_STUBS = re.compile(r"pci-stub|(?:xen-)?pciback|.*uio.*")
_VIRTIO = re.compile(r"virtio\d+")
# The part of a function that a driver of its own makes the interface of (Documentation/driver-api/auxiliary_bus.rst);
# a function that has parts without such a one is set to make none (devlink-params(7), enable_eth).
_PART = re.compile(r"\w+\.[a-z][\w-]*\.\d+")
_ETHERNET_PART = re.compile(r"\w+\.eth\.\d+")
_SHOWN = 3


def namespace_uses(tree: Tree, devices: t.Iterable[PciDevice]) -> list[HostUse]:
    """A use for each network function whose driver shows no interface.

    Of an interface in another namespace its folder `net` is left, and empty (drivers/base/core.c: the folder is there
    for any interface, its entries for those of the namespace that sysfs was mounted in).
    """
    away = [device for device in devices if _lacks_interface(device) and _makes_interface(tree, device)]
    if not away:
        return []
    where = _namespaces(tree)
    return [
        HostUse("other_netns", device.address, f"driver {device.driver}, and {_finding(tree, device)}{where}", device.path)
        for device in away
    ]


def _lacks_interface(device: PciDevice) -> bool:
    return (
        device.class_id.startswith(_CLASS_NETWORK)
        and device.driver is not None
        and not device.vfio
        and not any(child.kind == "net" for child in device.children)
        and _STUBS.fullmatch(device.driver) is None
    )


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
    own = tree.link_target("/proc/self/ns/net")
    known: dict[str, str] = {}
    for name in sorted((name for name in tree.names("/proc") if name.isdecimal()), key=int):
        namespace = tree.link_target(f"/proc/{name}/ns/net")
        if namespace is not None and namespace != own and namespace not in known:
            known[namespace] = "" if _only_loopback(tree, name) else f"process {name} ({_command(tree, name)})"
    for mount in read_mounts(tree):
        if mount.kind == "nsfs" and mount.root.startswith("net:[") and mount.root != own:
            known[mount.root] = f"{known.get(mount.root) or 'nobody'} at {mount.mount_point}"
    named = [name.replace("nobody at ", "") for name in known.values() if name]
    if not named:
        return ""
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return f" (there are those of {', '.join(named[:_SHOWN])}{more})"


def _only_loopback(tree: Tree, process: str) -> bool:
    lines = tree.lines(f"/proc/{process}/net/dev")[2:]
    return bool(lines) and all(line.strip().startswith("lo:") for line in lines)


def _command(tree: Tree, process: str) -> str:
    return tree.text(f"/proc/{process}/comm") or "?"
