# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The other network namespaces of the host, and which of their interfaces are of devices here or hang on one here."""

from __future__ import annotations

import os
import socket
import struct
import typing as t

from ... import netlink
from ..storage.mountinfo import parse_mount
from .kernel_links import VETH, kernel_link

if t.TYPE_CHECKING:
    from ...sysfs import Tree

# include/uapi/linux/net_namespace.h, include/uapi/linux/if_link.h
_NETNSA_NSID = 1
_NETNSA_PID = 2
_NETNSA_FD = 3
_IFLA_TARGET_NETNSID = 46


class Namespace(t.NamedTuple):
    """Another network namespace: a process in it, where it is mounted (`ip netns`), or both."""

    process: str | None
    command: str
    mount_point: str

    @property
    def label(self) -> str:
        if self.mount_point:
            return f"network namespace {self.mount_point}"
        return f"the network namespace of process {self.process} ({self.command})"


class ForeignLink(t.NamedTuple):
    """An interface of another namespace, which `namespace` names.

    `device` is the link in sysfs to the device that it is of or "", `lower` the interface here that it hangs on.
    """

    name: str
    namespace: str
    device: str
    lower: str | None


def other_namespaces(tree: Tree) -> list[Namespace]:
    """All that a process is in or that are mounted."""
    own = tree.link_target("/proc/self/ns/net")
    known: dict[str, Namespace] = {}
    for process in sorted(filter(str.isdecimal, tree.names("/proc")), key=int):
        inode = tree.link_target(f"/proc/{process}/ns/net")
        if inode is not None and inode != own and inode not in known:
            known[inode] = Namespace(process, tree.text(f"/proc/{process}/comm") or "?", "")
    for mount in filter(None, map(parse_mount, tree.lines("/proc/self/mountinfo"))):
        if mount.kind == "nsfs" and mount.root.startswith("net:[") and mount.root != own:
            known[mount.root] = known.get(mount.root, Namespace(None, "", ""))._replace(mount_point=mount.point)
    return list(known.values())


def read_foreign_links(tree: Tree) -> list[ForeignLink]:
    """From the kernel, on the host itself; none of another root, and where the kernel does not tell.

    The kernel gives a namespace an id in each other that an interface moves from (net/core/dev.c,
    dev_change_net_namespace), and shows the interfaces of those that have one (rtnetlink, IFLA_TARGET_NETNSID). Nothing
    enters a namespace for that.
    """
    if tree.local("/") != "/":
        return []
    try:
        links = list(_foreign(dict(socket.if_nameindex())))
        if not links:
            return []
        labels = _labels(tree)
    except (OSError, LookupError, ValueError, struct.error):
        return []
    return [link._replace(namespace=labels.get(link.namespace, "another network namespace")) for link in links]


def _foreign(names: t.Mapping[int, str]) -> t.Iterator[ForeignLink]:
    """With the ids of their namespaces in place of names."""
    answers = netlink.patient_dump(netlink.RTM_GETNSID, socket.AF_UNSPEC)
    numbers = [_number(answer) for answer in answers]
    bodies = [(number, body) for number in numbers if number is not None for body in _links(number)]
    # Asked for last: an interface that hangs on one here is what gives this namespace an id.
    home = _ask(_NETNSA_PID, os.getpid())
    for number, body in bodies:
        if number == home:
            continue
        name, kind, link, device = kernel_link(body, names, home)
        if device or (link.lower is not None and kind != VETH):
            yield ForeignLink(name, str(number), device, link.lower if kind != VETH else None)


def _links(number: int) -> t.Iterator[bytes]:
    about = struct.pack("=i", number)
    try:
        answers = netlink.patient_dump(
            netlink.RTM_GETLINK, socket.AF_UNSPEC, netlink.attribute(_IFLA_TARGET_NETNSID, about)
        )
    except OSError:
        return
    # A kernel that does not know the question answers with the interfaces here.
    for answer in answers:
        if netlink.attribute_map(answer[netlink.LINK.size :]).get(_IFLA_TARGET_NETNSID) == about:
            yield answer


def _labels(tree: Tree) -> dict[str, str]:
    """Names of the namespaces by their ids."""
    labels: dict[str, str] = {}
    for namespace in other_namespaces(tree):
        try:
            if namespace.process is not None:
                number = _ask(_NETNSA_PID, int(namespace.process))
            else:
                handle = os.open(namespace.mount_point, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    number = _ask(_NETNSA_FD, handle)
                finally:
                    os.close(handle)
        except OSError:
            continue
        labels.setdefault(str(number), namespace.label)
    return labels


def _ask(kind: int, value: int) -> int | None:
    """The id of a namespace that a process or an open file is of."""
    question = netlink.NAMESPACE.pack(socket.AF_UNSPEC) + netlink.attribute(kind, struct.pack("=I", value))
    return next((_number(answer) for answer in netlink.ask(netlink.RTM_GETNSID, question)), None)


def _number(answer: bytes) -> int | None:
    known = netlink.attribute_map(answer[netlink.NAMESPACE.size :])
    number = netlink.signed(known[_NETNSA_NSID]) if _NETNSA_NSID in known else -1
    return number if number >= 0 else None
