# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Routes of all tables, addresses, and kinds of interfaces, asked of the running kernel (rtnetlink(7))."""

from __future__ import annotations

import ipaddress
import socket
import struct
import typing as t

from .... import netlink
from ..routes import Link, Local, Route, Routing
from .links import WIREGUARD, kernel_link

if t.TYPE_CHECKING:
    from ..routes import Address

# include/uapi/linux/rtnetlink.h
_RTN_UNICAST = 1
_RTM_F_CLONED = 0x200
_RT_TABLE_LOCAL = 255
_RTA_DST = 1
_RTA_OIF = 4
_RTA_MULTIPATH = 9
_RTA_TABLE = 15
_RTA_NH_ID = 30
_HAS_NH_ID = struct.pack("=HH", 8, _RTA_NH_ID)
# include/uapi/linux/nexthop.h
_NHA_ID = 1
_NHA_GROUP = 2
_NHA_OIF = 5
_GROUP_MEMBER = struct.Struct("=I4x")  # nexthop_grp: id, weight
# include/uapi/linux/if_addr.h
_IFA_ADDRESS = 1
_IFA_LOCAL = 2

InterfaceNames = t.Mapping[int, str]
NextHops = t.Mapping[int, t.Sequence[int]]


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
    bodies = [body for family in netlink.FAMILIES for body in dump(netlink.RTM_GETROUTE, family)]
    hops = _next_hops(dump(netlink.RTM_GETNEXTHOP, socket.AF_UNSPEC)) if needs_next_hops(bodies) else {}
    routes = (_route(body, names, hops) for body in bodies)
    addresses = (_address(body, names) for family in netlink.FAMILIES for body in dump(netlink.RTM_GETADDR, family))
    links = [kernel_link(body, names) for body in dump(netlink.RTM_GETLINK, socket.AF_UNSPEC)]
    known = {link.name: link.link for link in links if link.link._replace(paired=False) != Link()}
    known.update({link.name: Link(ends=tuple(endpoints(link.name))) for link in links if link.kind == WIREGUARD})
    return Routing(
        [route for route in routes if route is not None],
        [address for address in addresses if address is not None],
        frozenset(link.name for link in links if link.is_switch_port),
        known,
        frozenset(link.name for link in links if link.has_program),
        names,
    )


def needs_next_hops(bodies: t.Iterable[bytes]) -> bool:
    """Whether a route has a nexthop object and names no interface: the sysctl nexthop_compat_mode is off."""
    # The attribute is looked for in all of a message first: most hosts have none.
    attributes = (netlink.attribute_map(body[netlink.ROUTE.size :]) for body in bodies if _HAS_NH_ID in body)
    return any(_RTA_NH_ID in known and _RTA_OIF not in known and _RTA_MULTIPATH not in known for known in attributes)


def _next_hops(bodies: t.Iterable[bytes]) -> NextHops:
    """The numbers of the interfaces of each nexthop object, or group of these."""
    single: dict[int, list[int]] = {}
    groups: dict[int, list[int]] = {}
    for body in bodies:
        known = netlink.attribute_map(body[netlink.NEXT_HOP_OBJECT.size :])
        number = netlink.number(known[_NHA_ID])
        if _NHA_GROUP in known:
            groups[number] = [member for (member,) in _GROUP_MEMBER.iter_unpack(known[_NHA_GROUP])]
        elif _NHA_OIF in known:
            single[number] = [netlink.number(known[_NHA_OIF])]
    grouped = {number: [oif for each in members for oif in single.get(each, ())] for number, members in groups.items()}
    return {**single, **grouped}


def _route(body: bytes, names: InterfaceNames, hops: NextHops) -> Route | None:
    """A route to elsewhere; None for one that leads nowhere, or is the kernel's note on one destination."""
    family, prefix, _source, _tos, table, _protocol, _scope, kind, flags = netlink.ROUTE.unpack_from(body)
    if kind != _RTN_UNICAST or flags & _RTM_F_CLONED:
        return None
    known = netlink.attribute_map(body[netlink.ROUTE.size :])
    table = netlink.number(known[_RTA_TABLE]) if _RTA_TABLE in known else table
    if table == _RT_TABLE_LOCAL:
        return None
    interfaces = tuple(name for name in map(names.get, _numbers(known, hops)) if name is not None and name != "lo")
    if not interfaces:
        return None
    if family == socket.AF_INET:
        return Route(interfaces, ipaddress.IPv4Network((known.get(_RTA_DST, bytes(4)), prefix)), table)
    return Route(interfaces, ipaddress.IPv6Network((known.get(_RTA_DST, bytes(16)), prefix)), table)


def _numbers(known: t.Mapping[int, bytes], hops: NextHops) -> t.Sequence[int]:
    """Those of the interfaces that a route leaves by; none of one whose nexthop object leads nowhere."""
    if _RTA_OIF in known:
        return [netlink.number(known[_RTA_OIF])]
    if _RTA_MULTIPATH in known:
        return [fields[3] for fields, _rest in netlink.parts(netlink.NEXT_HOP, known[_RTA_MULTIPATH])]
    if _RTA_NH_ID not in known:
        raise LookupError("a route names no interface")
    return hops.get(netlink.number(known[_RTA_NH_ID]), ())


def _address(body: bytes, names: InterfaceNames) -> Local | None:
    name = names.get(netlink.ADDRESS.unpack_from(body)[4], "lo")
    known = netlink.attribute_map(body[netlink.ADDRESS.size :])
    # Of a point-to-point link IFA_ADDRESS is the other end.
    packed = known.get(_IFA_LOCAL) or known.get(_IFA_ADDRESS)
    return None if name == "lo" or packed is None else Local(name, ipaddress.ip_address(packed))
