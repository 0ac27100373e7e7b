# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Routes of all tables, addresses, and kinds of interfaces, asked of the running kernel (rtnetlink(7))."""

from __future__ import annotations

import ipaddress
import socket
import struct
import typing as t

from ... import netlink
from .kernel_links import WIREGUARD, kernel_link
from .routes import Link, Local, Route, Routing, proc_routing

if t.TYPE_CHECKING:
    from ...sysfs import Tree
    from .routes import Address

# include/uapi/linux/rtnetlink.h
_RTN_UNICAST = 1
_RTM_F_CLONED = 0x200
_RT_TABLE_LOCAL = 255
_RTA_DST = 1
_RTA_OIF = 4
_RTA_MULTIPATH = 9
_RTA_TABLE = 15
# include/uapi/linux/if_addr.h
_IFA_ADDRESS = 1
_IFA_LOCAL = 2

InterfaceNames = t.Mapping[int, str]


def read_routing(tree: Tree) -> Routing:
    """From the kernel on the host itself; of any other root, and where the kernel does not answer, from /proc."""
    if tree.local("/") == "/":
        try:
            return netlink_routing(netlink.patient_dump, dict(socket.if_nameindex()), _endpoints)
        except (OSError, LookupError):
            pass
    return proc_routing(tree)


def _endpoints(interface: str) -> list[Address]:
    from .wireguard import endpoints

    return endpoints(interface)


def netlink_routing(
    dump: netlink.Dump, names: InterfaceNames, endpoints: t.Callable[[str], t.Iterable[Address]] | None = None
) -> Routing:
    """`dump` sends a request (its type, the address family), `names` are those of the interfaces by number.

    `endpoints` asks for those of the peers of a WireGuard interface. Raises LookupError for a route that names no
    interface, and for what is no message of the kernel's.
    """
    try:
        return _read(dump, names, endpoints or (lambda _interface: ()))
    except (struct.error, ValueError) as error:
        raise LookupError(f"a message can't be understood: {error}") from error


def _read(dump: netlink.Dump, names: InterfaceNames, endpoints: t.Callable[[str], t.Iterable[Address]]) -> Routing:
    routes = (_route(body, names) for family in netlink.FAMILIES for body in dump(netlink.RTM_GETROUTE, family))
    addresses = (_address(body, names) for family in netlink.FAMILIES for body in dump(netlink.RTM_GETADDR, family))
    links = [kernel_link(body, names) for body in dump(netlink.RTM_GETLINK, socket.AF_UNSPEC)]
    known = {link.name: link.link for link in links if link.link._replace(paired=False) != Link()}
    known.update({link.name: Link(ends=tuple(endpoints(link.name))) for link in links if link.kind == WIREGUARD})
    return Routing(
        [route for route in routes if route is not None],
        [address for address in addresses if address is not None],
        frozenset(link.name for link in links if link.is_switch_port),
        known,
    )


def _route(body: bytes, names: InterfaceNames) -> Route | None:
    """A route to elsewhere; None for one that leads nowhere, or is the kernel's note on one destination."""
    family, prefix, _source, _tos, table, _protocol, _scope, kind, flags = netlink.ROUTE.unpack_from(body)
    if kind != _RTN_UNICAST or flags & _RTM_F_CLONED:
        return None
    known = netlink.attribute_map(body[netlink.ROUTE.size :])
    table = netlink.number(known[_RTA_TABLE]) if _RTA_TABLE in known else table
    if table == _RT_TABLE_LOCAL:
        return None
    if _RTA_OIF in known:
        numbers = [netlink.number(known[_RTA_OIF])]
    else:
        numbers = [fields[3] for fields, _rest in netlink.parts(netlink.NEXT_HOP, known.get(_RTA_MULTIPATH, b""))]
    if not numbers:
        # It has a nexthop object, and the sysctl nexthop_compat_mode is off. /proc shows the interface all the same.
        raise LookupError("a route names no interface")
    interfaces = tuple(name for name in map(names.get, numbers) if name is not None and name != "lo")
    if not interfaces:
        return None
    if family == socket.AF_INET:
        return Route(interfaces, ipaddress.IPv4Network((known.get(_RTA_DST, bytes(4)), prefix)), table)
    return Route(interfaces, ipaddress.IPv6Network((known.get(_RTA_DST, bytes(16)), prefix)), table)


def _address(body: bytes, names: InterfaceNames) -> Local | None:
    name = names.get(netlink.ADDRESS.unpack_from(body)[4], "lo")
    known = netlink.attribute_map(body[netlink.ADDRESS.size :])
    # Of a point-to-point link IFA_ADDRESS is the other end.
    packed = known.get(_IFA_LOCAL) or known.get(_IFA_ADDRESS)
    return None if name == "lo" or packed is None else Local(name, ipaddress.ip_address(packed))
