# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""All that is asked of the running kernel about its network, by a child that is left behind where it hangs.

The kernel begins to answer while the question is sent (net/netlink/af_netlink.c, netlink_dump_start), and takes its
lock for the network, RTNL, uninterruptibly: a driver that never gives that back would keep us for ever.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import typing as t

from .... import netlink
from ....process import Apart
from ..routes import Routing, proc_routing
from .foreign_links import ForeignLink, foreign_links
from .links import WIREGUARD, kernel_link
from .routes import needs_next_hops, netlink_routing

if t.TYPE_CHECKING:
    from ....sysfs import Tree

# A kernel that makes or removes hundreds of interfaces is busy for seconds.
PATIENCE = 10.0
_ANY = int(socket.AF_UNSPEC)
_QUESTIONS = (
    (netlink.RTM_GETROUTE, netlink.FAMILIES),
    (netlink.RTM_GETADDR, netlink.FAMILIES),
    (netlink.RTM_GETLINK, (socket.AF_UNSPEC,)),
)


class Network(t.NamedTuple):
    """`foreign` are the interfaces of other network namespaces that are of devices here, or hang on interfaces here."""

    routing: Routing
    foreign: list[ForeignLink]


class _Answers(t.NamedTuple):
    """Answers by question and address family; names of interfaces by number; ends of the peers of WireGuard's."""

    dumps: dict[tuple[int, int], list[bytes]]
    names: dict[int, str]
    endpoints: dict[str, list[str]]


class NetworkQuestion:
    """Asks at once, on the host itself; of any other root, and where the kernel does not answer, /proc tells.

    With no `seconds` to wait nothing is asked.
    """

    def __init__(self, tree: Tree, seconds: float = PATIENCE) -> None:
        self._tree = tree
        self._seconds = seconds
        self._apart: Apart | None = None
        if seconds > 0 and tree.local("/") == "/":
            with contextlib.suppress(OSError):
                self._apart = Apart(_ask, lambda: [tuple(link) for link in foreign_links(tree)])

    @property
    def hangs(self) -> bool:
        """Whether the kernel did not answer in time, and the child was left behind."""
        return self._apart is not None and self._apart.left_behind

    def answer(self) -> Network:
        answers, foreign = (None, None) if self._apart is None else self._apart.answers(self._seconds)
        routing = None if answers is None else _routing(_Answers(*answers))
        return Network(routing or proc_routing(self._tree), [ForeignLink(*link) for link in foreign or ()])


def read_network(tree: Tree, seconds: float = PATIENCE) -> Network:
    return NetworkQuestion(tree, seconds).answer()


def _ask() -> tuple[t.Any, ...]:
    """Be in the child. Raises OSError, LookupError, ValueError and struct.error."""
    names = dict(socket.if_nameindex())
    dumps = {
        # Numbers, which can be handed over: socket's are of a class.
        (kind, int(family)): netlink.patient_dump(kind, family)
        for kind, families in _QUESTIONS
        for family in families
    }
    links = dumps[netlink.RTM_GETLINK, _ANY]
    if any(needs_next_hops(dumps[netlink.RTM_GETROUTE, family]) for family in netlink.FAMILIES):
        # Of all families, whichever is asked for.
        dumps[netlink.RTM_GETNEXTHOP, _ANY] = netlink.dump(netlink.RTM_GETNEXTHOP, bytes(netlink.NEXT_HOP_OBJECT.size))
    # The kind is looked for in all of a message first: most hosts have none of it.
    tunnels = [kernel_link(body, names) for body in links if WIREGUARD.encode() in body]
    return tuple(_Answers(dumps, names, {link.name: _endpoints(link.name) for link in tunnels}))


def _endpoints(interface: str) -> list[str]:
    from .wireguard import endpoints

    return [str(address) for address in endpoints(interface)]


def _routing(answers: _Answers) -> Routing | None:
    try:
        return netlink_routing(
            lambda kind, family: answers.dumps.get((kind, family), ()),
            answers.names,
            lambda interface: [ipaddress.ip_address(end) for end in answers.endpoints.get(interface, ())],
        )
    except LookupError:
        return None
