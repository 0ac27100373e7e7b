# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The other network namespaces of the host, and which of their interfaces are of devices here or hang on one here."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import typing as t

from .... import netlink
from ....process import enter_network
from ...storage.mountinfo import parse_mount
from .links import VETH, kernel_link

if t.TYPE_CHECKING:
    from ....sysfs import Tree

# include/uapi/linux/net_namespace.h, include/uapi/linux/if_link.h
_NETNSA_NSID = 1
_NETNSA_PID = 2
_NETNSA_FD = 3
_IFLA_TARGET_NETNSID = 46
_OWN = "/proc/self/ns/net"


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


def foreign_links(tree: Tree) -> list[ForeignLink]:
    """From the kernel. Raises OSError, LookupError, ValueError and struct.error where it does not tell.

    The kernel gives a namespace an id in each other that an interface moves from (net/core/dev.c,
    dev_change_net_namespace), and shows the interfaces of those that have one (rtnetlink, IFLA_TARGET_NETNSID). One in
    which an interface was made right away (`ip link add link eth1 netns ...`) has none here: it is entered and asked.
    """
    names = dict(socket.if_nameindex())
    labels: dict[int, str] = {}
    hidden: list[Namespace] = []
    for namespace in other_namespaces(tree):
        number = _number_of(tree, namespace)
        if number is None:
            hidden.append(namespace)
        else:
            labels.setdefault(number, namespace.label)
    seen = [*_shown(names, labels), *_entered(tree, names, hidden)]
    return list(dict.fromkeys(seen))


def _number_of(tree: Tree, namespace: Namespace) -> int | None:
    """The id that a namespace has here, None for none. Raises OSError where the kernel knows no ids."""
    try:
        if namespace.process is not None:
            return _ask(_NETNSA_PID, int(namespace.process))
        with _opened(tree, namespace) as handle:
            return _ask(_NETNSA_FD, handle)
    except (ProcessLookupError, FileNotFoundError, PermissionError):
        return None  # it went meanwhile


def _shown(names: t.Mapping[int, str], labels: t.Mapping[int, str]) -> t.Iterator[ForeignLink]:
    """Those of namespaces that have an id here."""
    answers = netlink.patient_dump(netlink.RTM_GETNSID, socket.AF_UNSPEC)
    numbers = [_number(answer) for answer in answers]
    bodies = [(number, body) for number in numbers if number is not None for body in _links(number)]
    # Asked for last: an interface that hangs on one here is what gives this namespace an id.
    home = _ask(_NETNSA_PID, os.getpid())
    for number, body in bodies:
        if number != home:
            yield from _foreign(body, names, home, labels.get(number, "another network namespace"))


def _entered(tree: Tree, names: t.Mapping[int, str], namespaces: t.Iterable[Namespace]) -> t.Iterator[ForeignLink]:
    """Those of namespaces that this process moves into, one after another; it stays in the last."""
    with open(tree.local(_OWN), "rb") as own:
        for namespace in namespaces:
            with contextlib.suppress(OSError), _opened(tree, namespace) as handle:
                enter_network(handle)
                bodies = netlink.patient_dump(netlink.RTM_GETLINK, socket.AF_UNSPEC)
                # The dump gives ours an id there if an interface hangs on one of it (rtnl_fill_link_netnsid).
                home = _ask(_NETNSA_FD, own.fileno()) if len(bodies) > 1 else None
                for body in bodies:
                    yield from _foreign(body, names, home, namespace.label)


def _foreign(body: bytes, names: t.Mapping[int, str], home: int | None, label: str) -> t.Iterator[ForeignLink]:
    """What an answer tells of an interface elsewhere, where this namespace has the id `home`."""
    name, kind, link, device, _program = kernel_link(body, names, -1 if home is None else home)
    lower = link.lower if kind != VETH else None
    if device or lower is not None:
        yield ForeignLink(name, label, device, lower)


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


@contextlib.contextmanager
def _opened(tree: Tree, namespace: Namespace) -> t.Iterator[int]:
    path = namespace.mount_point if namespace.process is None else f"/proc/{namespace.process}/ns/net"
    handle = os.open(tree.local(path), os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def _ask(kind: int, value: int) -> int | None:
    """The id of a namespace that a process or an open file is of."""
    question = netlink.NAMESPACE.pack(socket.AF_UNSPEC) + netlink.attribute(kind, struct.pack("=I", value))
    return next((_number(answer) for answer in netlink.ask(netlink.RTM_GETNSID, question)), None)


def _number(answer: bytes) -> int | None:
    known = netlink.attribute_map(answer[netlink.NAMESPACE.size :])
    number = netlink.signed(known[_NETNSA_NSID]) if _NETNSA_NSID in known else -1
    return number if number >= 0 else None
