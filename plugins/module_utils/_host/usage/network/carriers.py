# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which devices carry an interface's packets in the end: those below a bridge or bond, and the NICs below a tunnel."""

from __future__ import annotations

import functools
import typing as t

from ...reading.pci.functions import locate

if t.TYPE_CHECKING:
    from ...sysfs import Tree
    from .routes import Routing

_NET = "/sys/class/net"
# The kernel's datapath device of Open vSwitch, master of all ports of all its bridges.
_OVS = "ovs-system"
_IFF_POINTOPOINT = 0x10  # include/uapi/linux/if.h


class Carrier(t.NamedTuple):
    """A device: its path in sysfs, the PCI function or "" for one on another bus, and what led there, in words."""

    path: str
    address: str
    how: str = ""


class Carriers:
    """`elsewhere` are the functions that have an interface in another network namespace."""

    def __init__(self, tree: Tree, routing: Routing, elsewhere: t.Iterable[Carrier] = ()) -> None:
        self._tree = tree
        self._routing = routing
        self._elsewhere = list(elsewhere)

    def of(self, interface: str) -> list[Carrier]:
        """The devices that the packets leave by; where that can't be told, all that they may leave by.

        Nothing tells of what is below a tunnel that a process keeps (OpenVPN), PPP, a switch in user space or a veth
        whose other end is elsewhere. The packets leave by a default route then; and where that leads into the same
        darkness, by any NIC that has a link.
        """
        return self._known(interface) or [
            carrier._replace(how=f", below which no device is seen: perhaps through {carrier.how}")
            for carrier in self._possible(interface)
        ]

    def possible(self) -> list[Carrier]:
        """The devices of what goes by no interface that is told."""
        return [
            carrier._replace(how=f", by no way that is told: perhaps through {carrier.how}")
            for carrier in self._possible("")
        ]

    def of_address(self, interface: str) -> list[Carrier]:
        """As `of`; but an address that is for guests and containers only (virbr0, docker0) may have no NIC at all."""
        return self.of(interface) if self._point_to_point(interface) else self._known(interface)

    def itself(self, interface: str) -> list[Carrier]:
        """The device of the interface, without those below it."""
        return [Carrier(*location) for location in locate(self._tree, f"{_NET}/{interface}")]

    def _known(self, interface: str) -> list[Carrier]:
        known: dict[Carrier, None] = {}
        pending, seen = [interface], set()
        while pending:
            name = pending.pop()
            if name in seen:
                continue
            seen.add(name)
            how = "" if name == interface else f", through {name}"
            known.update(dict.fromkeys(carrier._replace(how=how) for carrier in self.itself(name)))
            pending.extend(self._below(name))
        return list(known)

    def _below(self, interface: str) -> t.Iterator[str]:
        yield from related(self._tree, interface, "lower_")
        # An internal port of Open vSwitch doesn't tell which of the switch's ports it leaves by: any may be it.
        if interface in self._routing.switch_ports:
            yield from related(self._tree, _OVS, "lower_")
        if self._type(interface) == "ppp":
            yield from self._pppoe
        link = self._routing.links.get(interface)
        if link is None:
            return
        # The interface that a tunnel is bound to is the link that its link-local ends are on.
        yield from self._routing.between(*(end for end in link.ends if link.lower is None or not end.is_link_local))
        if link.lower is not None and link.paired:
            # What comes out at the other end goes on from the bridge that this is a port of.
            yield from related(self._tree, link.lower, "upper_")
        elif link.lower is not None:
            yield link.lower

    def _possible(self, interface: str) -> t.Iterator[Carrier]:
        """The devices that may carry what can't be followed, with their names."""
        by_default = [
            carrier._replace(how=f"{name}{carrier.how} (default route)")
            for route in self._routing.routes
            if route.network.prefixlen == 0
            for name in route.interfaces
            if name != interface
            for carrier in self._known(name)
        ]
        yield from by_default
        link = self._routing.links.get(interface)
        if not by_default or (link is not None and link.abroad):
            yield from self._elsewhere
        if not by_default:
            yield from self._with_link

    @functools.cached_property
    def _with_link(self) -> list[Carrier]:
        names = self._tree.names(_NET)
        up = [name for name in names if self._tree.text(f"{_NET}/{name}/operstate") != "down"]
        return [carrier._replace(how=name) for name in up for carrier in self.itself(name)]

    @functools.cached_property
    def _pppoe(self) -> list[str]:
        """The interfaces below PPP over Ethernet (drivers/net/ppp/pppoe.c, pppoe_seq_show): Id Address Device."""
        return [line.split()[-1] for line in self._tree.lines("/proc/net/pppoe")[1:] if line.strip()]

    def _type(self, interface: str) -> str:
        lines = self._tree.lines(f"{_NET}/{interface}/uevent")
        return next((line[8:] for line in lines if line.startswith("DEVTYPE=")), "")

    def _point_to_point(self, interface: str) -> bool:
        try:
            return bool(int(self._tree.text(f"{_NET}/{interface}/flags") or "0", 16) & _IFF_POINTOPOINT)
        except ValueError:
            return False


def related(tree: Tree, interface: str, prefix: str) -> list[str]:
    """The interfaces right below (`lower_`) or above (`upper_`), which sysfs links to."""
    return [entry[6:] for entry in tree.names(f"{_NET}/{interface}") if entry.startswith(prefix)]
