# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Routes and addresses of the host, and how much of them the files of /proc show. Lines that make no sense are none."""

from __future__ import annotations

import contextlib
import ipaddress
import sys
import typing as t

if t.TYPE_CHECKING:
    from ...sysfs import Tree

Address = t.Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

MAIN = 254
"""The routing table that holds without any rule (RT_TABLE_MAIN, include/uapi/linux/rtnetlink.h)."""

# include/uapi/linux/route.h, include/uapi/linux/ipv6_route.h
_RTF_UP = 0x1
_RTF_GATEWAY = 0x2
_RTF_REJECT = 0x200


class Route(t.NamedTuple):
    """A route to elsewhere; a multipath route leaves by several interfaces."""

    interfaces: tuple[str, ...]
    network: Network
    table: int = MAIN


class Local(t.NamedTuple):
    """An address of an interface; a network, when all that is known of the address is that it lies in there."""

    interface: str
    address: Address | Network


class Link(t.NamedTuple):
    """What the kernel tells of an interface without a device of its own, and sysfs does not.

    `lower` is the interface that it hangs on, of a veth (`paired`) its other end; `abroad` says that this is in another
    network namespace. `ends` are the addresses between which a tunnel's packets travel.
    """

    lower: str | None = None
    paired: bool = False
    abroad: bool = False
    ends: tuple[Address, ...] = ()


class Routing(t.NamedTuple):
    """Without the loopback interface and the table `local`. Routes that the kernel prefers come first.

    `switch_ports` are the internal ports of Open vSwitch, of which neither /sys nor /proc tells. `links` has the
    interfaces of which there is more to tell than sysfs does. `programs` are those with an XDP program. `names` are
    those of interfaces by number.
    """

    routes: list[Route]
    addresses: list[Local]
    switch_ports: frozenset[str] = frozenset()
    links: t.Mapping[str, Link] = {}
    programs: frozenset[str] = frozenset()
    names: t.Mapping[int, str] = {}

    def _interface(self, end: Address) -> str:
        """The interface that an end's scope names, by its name or its number; "" for none."""
        scope = scope_of(end)
        return self.names.get(int(scope), "") if scope.isdecimal() else scope

    def _links(self, ends: t.Sequence[Address]) -> list[str]:
        """The interfaces on whose link the ends are that hold on one link only (IPv6, RFC 4007).

        Their scope tells; else the end that is the host's own; else each interface with such a route may be it.
        """
        local = [end for end in ends if end.version == 6 and end.is_link_local]
        if not local:
            return []
        routes = (route for route in self.routes if route.network.is_link_local and route.network.version == 6)
        plain = {unscoped(end) for end in local}
        return (
            [interface for interface in map(self._interface, local) if interface]
            or [interface for interface, address in self.addresses if address in plain]
            or [interface for route in routes for interface in route.interfaces]
        )

    def ways_to(self, address: Address) -> tuple[str, ...]:
        """The interfaces of the narrowest route; of other tables than main only where that has none."""
        fitting = [
            route for route in self.routes if route.network.version == address.version and address in route.network
        ]
        if not fitting:
            return ()
        return max(fitting, key=lambda route: (route.table == MAIN, route.network.prefixlen)).interfaces

    def between(self, *ends: Address) -> list[str]:
        """The interfaces that carry what travels between the host and elsewhere: by its addresses, and the routes."""
        own = {address for _interface, address in self.addresses}
        links = self._links(ends)
        wide = [end for end in ends if not (links and end.version == 6 and end.is_link_local)]
        carrying = [interface for interface, address in self.addresses if address in wide]
        away = [interface for end in wide if end not in own for interface in self.ways_to(end)]
        return list(dict.fromkeys([*carrying, *links, *away]))


def printed_words(digits: str) -> bytes:
    """The bytes of 32-bit words that the kernel prints as numbers (%08X), in its byte order. Raises ValueError."""
    data = bytes.fromhex(digits)
    if sys.byteorder == "big":
        return data
    return b"".join(data[place : place + 4][::-1] for place in range(0, len(data), 4))


def unmapped(address: Address) -> Address:
    """IPv4 of a socket for IPv6."""
    return getattr(address, "ipv4_mapped", None) or address


def scoped(address: Address, scope: str) -> Address:
    """A link-local address of IPv6 on the link of an interface, whose name or number the scope is; "" for none."""
    if not scope or "%" in scope or address.version == 4 or not address.is_link_local:
        return address
    return ipaddress.IPv6Address(f"{unscoped(address)}%{scope}")


def scope_of(address: Address) -> str:
    return getattr(address, "scope_id", None) or ""


def unscoped(address: Address) -> Address:
    return type(address)(int(address))


def proc_routing(tree: Tree) -> Routing:
    """What /proc shows: the main tables, of IPv4 no addresses but the networks that a route reaches directly."""
    routes_v4 = list(_routes_v4(tree))
    connected = [
        Local(route.interfaces[0], route.network)
        for route, gateway in routes_v4
        if not gateway and route.network.prefixlen
    ]
    numbers, addresses_v6 = _addresses_v6(tree)
    return Routing(
        [*(route for route, _gateway in routes_v4), *_routes_v6(tree)], [*connected, *addresses_v6], names=numbers
    )


def _routes_v4(tree: Tree) -> t.Iterator[tuple[Route, bool]]:
    """Routes, and whether a gateway lies on the way."""
    for line in tree.lines("/proc/net/route")[1:]:
        parts = line.split()
        with contextlib.suppress(ValueError, IndexError):
            flags = int(parts[3], 16)
            target, mask = (int.from_bytes(printed_words(parts[index]), "big") for index in (1, 7))
            network = ipaddress.IPv4Network((target, bin(mask).count("1")), strict=False)
            if flags & _RTF_UP and not flags & _RTF_REJECT:
                yield Route((parts[0],), network), bool(flags & _RTF_GATEWAY)


def _routes_v6(tree: Tree) -> t.Iterator[Route]:
    for line in tree.lines("/proc/net/ipv6_route"):
        parts = line.split()
        with contextlib.suppress(ValueError, IndexError):
            flags = int(parts[8], 16)
            # Not ip_network: it takes a small number such as that of ::/0 for IPv4.
            network = ipaddress.IPv6Network((int(parts[0], 16), int(parts[1], 16)), strict=False)
            if flags & _RTF_UP and not flags & _RTF_REJECT and parts[9] != "lo":
                yield Route((parts[9],), network)


def _addresses_v6(tree: Tree) -> tuple[dict[int, str], list[Local]]:
    """The interfaces that have addresses, by their numbers, and the addresses."""
    names: dict[int, str] = {}
    addresses = []
    for line in tree.lines("/proc/net/if_inet6"):
        parts = line.split()
        with contextlib.suppress(ValueError, IndexError):
            if parts[5] != "lo":
                addresses.append(Local(parts[5], ipaddress.IPv6Address(int(parts[0], 16))))
                names[int(parts[1], 16)] = parts[5]
    return names, addresses
