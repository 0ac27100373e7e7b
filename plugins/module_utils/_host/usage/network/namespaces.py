# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Functions whose interface is in another network namespace, where neither /sys nor rtnetlink shows it."""

from __future__ import annotations

import re
import typing as t

from ...._model.host.uses import HostUse
from ...reading.pci.functions import locate
from .kernel.foreign_links import other_namespaces

if t.TYPE_CHECKING:
    from ...._model.host.device import PciDevice
    from ...sysfs import Tree
    from .kernel.foreign_links import ForeignLink

# Into which a driver divides a function, and which may have the interface: parts of virtio, and of the auxiliary
# bus (Documentation/driver-api/auxiliary_bus.rst).
_PART = re.compile(r"virtio\d+|\w+\.[a-z][\w-]*\.\d+")
_SHOWN = 3


def namespace_uses(
    tree: Tree, bare: t.Iterable[PciDevice], foreign: t.Sequence[ForeignLink] = (), parts: t.Iterable[str] = ()
) -> list[HostUse]:
    """A use for each device that has an interface in another namespace, and for each interface here that carries one.

    The kernel tells these where it can (`foreign`); else one of the functions whose drivers show no interface (`bare`),
    or of the devices below functions (`parts`, links in sysfs), has it elsewhere where its folder `net` is there, and
    empty (drivers/base/core.c: the folder is there for any interface, its entries are for those of the namespace that
    sysfs was mounted in). Without a folder it has none.
    """
    uses = list(_foreign_uses(tree, foreign))
    known = {use.address for use in uses if use.code == "other_netns"}
    away = [
        (device.address, device.path, str(device.driver))
        for device in bare
        if device.address not in known and _has_interface(tree, device)
    ]
    paths = {use.path for use in uses if use.code == "other_netns"}
    below = [place for part in parts for place in locate(tree, part) if place[0] not in paths]
    away += [(address, path, tree.link_name(f"{path}/driver") or "?") for path, address in below]
    where = _namespaces(tree) if away else ""
    for address, path, driver in away:
        finding = f"driver {driver}, and its interface is in another network namespace{where}"
        uses.append(HostUse("other_netns", address, finding, path))
    return list(dict.fromkeys(uses))


def _foreign_uses(tree: Tree, foreign: t.Iterable[ForeignLink]) -> t.Iterator[HostUse]:
    for name, namespace, device, lower in foreign:
        for path, address in locate(tree, device) if device else ():
            yield HostUse("other_netns", address, f"its interface {name} is in {namespace}", path)
        for path, address in locate(tree, f"/sys/class/net/{lower}") if lower is not None else ():
            yield HostUse("enslaved", address, f"carries {name} in {namespace} on {lower}", path)


def _has_interface(tree: Tree, device: PciDevice) -> bool:
    """Whether there is a folder for interfaces: the function's, or of what its driver divides it into."""
    folders = ["net", *(f"{name}/net" for name in tree.names(device.path) if _PART.fullmatch(name))]
    return any(tree.exists(f"{device.path}/{folder}") for folder in folders)


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
