# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection.

"""Routes of all tables, addresses and kinds of all interfaces, asked of the running kernel (rtnetlink(7))."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
import typing as t

from .usage.routes import Local, Route, Routing, proc_routing

if t.TYPE_CHECKING:
    from .sysfs import Tree

# include/linux/socket.h, include/uapi/linux/netlink.h. Not every Python knows the family; what counts is the kernel.
_AF_NETLINK = 16
_NETLINK_ROUTE = 0
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_NLM_F_DUMP_INTR = 0x10
_DUMP_REQUEST = 0x301  # NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH
_ASK = 0x5  # NLM_F_REQUEST | NLM_F_ACK
_NLA_TYPE_MASK = 0x3FFF

# include/uapi/linux/rtnetlink.h, include/uapi/linux/if_addr.h
_RTM_GETLINK = 18
_RTM_GETADDR = 22
_RTM_GETROUTE = 26
_RTN_UNICAST = 1
_RTM_F_CLONED = 0x200
_RT_TABLE_LOCAL = 255
_RTA_DST = 1
_RTA_OIF = 4
_RTA_MULTIPATH = 9
_RTA_TABLE = 15
_IFA_ADDRESS = 1
_IFA_LOCAL = 2

# include/uapi/linux/if_link.h; the kind is the one of net/openvswitch/vport-internal_dev.c
_IFLA_IFNAME = 3
_IFLA_LINKINFO = 18
_IFLA_INFO_KIND = 1
_INTERNAL_PORT = b"openvswitch"

_MESSAGE = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence number, port
_ATTRIBUTE = struct.Struct("=HH")  # rtattr: length, type
_NEXT_HOP = struct.Struct("=HBBI")  # rtnexthop: length, flags, hops, interface
_ROUTE = struct.Struct("=8BI")  # rtmsg: family, prefix length, source's, TOS, table, protocol, scope, type, flags
_ADDRESS = struct.Struct("=4BI")  # ifaddrmsg: family, prefix length, flags, scope, interface
LINK = struct.Struct("=BxHiII")  # ifinfomsg: family, type, interface, flags, changes
_HEADERS = {_RTM_GETLINK: LINK, _RTM_GETADDR: _ADDRESS, _RTM_GETROUTE: _ROUTE}

_FAMILIES = (socket.AF_INET, socket.AF_INET6)
# The kernel sends a dump in pieces of 32 KiB at most (net/netlink/af_netlink.c, netlink_recvmsg).
_PIECE = 1 << 16
# An answer about one interface holds all of its VFs, and comes in one piece.
_ANSWER = 1 << 18
_PATIENCE = 10.0
_ATTEMPTS = 3

Names = t.Mapping[int, str]
Dump = t.Callable[[int, int], t.Iterable[bytes]]


def read_routing(tree: Tree) -> Routing:
    """From the kernel on the host itself; of any other root, and where the kernel does not answer, from /proc."""
    if tree.local("/") == "/":
        try:
            return netlink_routing(_patient_dump, dict(socket.if_nameindex()))
        except (OSError, LookupError):
            pass
    return proc_routing(tree)


def netlink_routing(dump: Dump, names: Names) -> Routing:
    """`dump` sends a request (its type, the address family), `names` are those of the interfaces by number.

    Raises LookupError for a route that names no interface, and for what is no message of the kernel's.
    """
    try:
        return _read(dump, names)
    except (struct.error, ValueError) as error:
        raise LookupError(f"a message can't be understood: {error}") from error


def _read(dump: Dump, names: Names) -> Routing:
    routes = (_route(body, names) for family in _FAMILIES for body in dump(_RTM_GETROUTE, family))
    addresses = (_address(body, names) for family in _FAMILIES for body in dump(_RTM_GETADDR, family))
    ports = map(_switch_port, dump(_RTM_GETLINK, socket.AF_UNSPEC))
    return Routing(
        [one for one in routes if one is not None],
        [one for one in addresses if one is not None],
        frozenset(name for name in ports if name is not None),
    )


def _patient_dump(kind: int, family: int) -> list[bytes]:
    for _attempt in range(_ATTEMPTS - 1):
        try:
            return _dump(kind, family)
        except InterruptedError:
            pass
    return _dump(kind, family)


def _dump(kind: int, family: int) -> list[bytes]:
    """All answers to one request, without their headers. Raises OSError; InterruptedError when the table changed."""
    bodies: list[bytes] = []
    with socket.socket(_AF_NETLINK, socket.SOCK_RAW, _NETLINK_ROUTE) as channel:
        channel.settimeout(_PATIENCE)
        channel.send(_request(kind, family))
        while True:
            for answer, flags, content in _messages(channel.recv(_PIECE)):
                if answer in (_NLMSG_ERROR, _NLMSG_DONE):
                    code = -int(struct.unpack_from("=i", content)[0])
                    if code > 0:
                        raise OSError(code, os.strerror(code))
                if flags & _NLM_F_DUMP_INTR:
                    raise InterruptedError
                if answer == _NLMSG_DONE:
                    return bodies
                # Without IPv6 in the kernel a request for it is answered with all other families.
                if content[0] == family:
                    bodies.append(content)


def _request(kind: int, family: int) -> bytes:
    """A request for a dump. Of one whose header is not of its kind's length the kernel complains in its log."""
    body = bytes([family]).ljust(_HEADERS[kind].size, b"\0")
    return _MESSAGE.pack(_MESSAGE.size + len(body), kind, _DUMP_REQUEST, 1, 0) + body


def ask(kind: int, body: bytes) -> list[bytes]:
    """Send one request about one thing, and return what is answered before the kernel says that it is done.

    Raises OSError with the kernel's errno.
    """
    bodies: list[bytes] = []
    with socket.socket(_AF_NETLINK, socket.SOCK_RAW, _NETLINK_ROUTE) as channel:
        channel.settimeout(_PATIENCE)
        channel.send(_MESSAGE.pack(_MESSAGE.size + len(body), kind, _ASK, 1, 0) + body)
        while True:
            for answer, _flags, content in _messages(channel.recv(_ANSWER)):
                if answer == _NLMSG_ERROR:
                    code = -int(struct.unpack_from("=i", content)[0])
                    if code > 0:
                        raise OSError(code, os.strerror(code))
                    return bodies
                bodies.append(content)


def attribute(kind: int, content: bytes) -> bytes:
    """One attribute, filled up to a multiple of four bytes."""
    data = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(content), kind) + content
    return data + bytes(-len(data) % 4)


def attributes(data: bytes) -> list[tuple[int, bytes]]:
    """Attributes with their kinds, of which some come several times."""
    return [(kind & _NLA_TYPE_MASK, content) for (_length, kind), content in _parts(_ATTRIBUTE, data)]


def _messages(data: bytes) -> t.Iterator[tuple[int, int, bytes]]:
    for (_length, kind, flags, _sequence, _port), content in _parts(_MESSAGE, data):
        yield kind, flags, content


def _attributes(data: bytes) -> dict[int, bytes]:
    return dict(attributes(data))


def _parts(header: struct.Struct, data: bytes) -> t.Iterator[tuple[tuple[int, ...], bytes]]:
    """Headers that begin with the length of the part, with what follows each; parts begin at multiples of four."""
    place = 0
    while place + header.size <= len(data):
        fields = header.unpack_from(data, place)
        length = max(fields[0], header.size)
        yield fields, data[place + header.size : place + length]
        place += length + 3 & ~3


def _route(body: bytes, names: Names) -> Route | None:
    """A route to elsewhere; None for one that leads nowhere, or is the kernel's note on one destination."""
    family, prefix, _source, _tos, table, _protocol, _scope, kind, flags = _ROUTE.unpack_from(body)
    if kind != _RTN_UNICAST or flags & _RTM_F_CLONED:
        return None
    found = _attributes(body[_ROUTE.size :])
    table = _number(found[_RTA_TABLE]) if _RTA_TABLE in found else table
    if table == _RT_TABLE_LOCAL:
        return None
    if _RTA_OIF in found:
        numbers = [_number(found[_RTA_OIF])]
    else:
        numbers = [fields[3] for fields, _rest in _parts(_NEXT_HOP, found.get(_RTA_MULTIPATH, b""))]
    if not numbers:
        # It has a nexthop object, and the sysctl nexthop_compat_mode is off. /proc shows the interface all the same.
        raise LookupError("a route names no interface")
    interfaces = tuple(name for name in map(names.get, numbers) if name is not None and name != "lo")
    if not interfaces:
        return None
    if family == socket.AF_INET:
        return Route(interfaces, ipaddress.IPv4Network((found.get(_RTA_DST, bytes(4)), prefix)), table)
    return Route(interfaces, ipaddress.IPv6Network((found.get(_RTA_DST, bytes(16)), prefix)), table)


def _address(body: bytes, names: Names) -> Local | None:
    name = names.get(_ADDRESS.unpack_from(body)[4], "lo")
    found = _attributes(body[_ADDRESS.size :])
    # Of a point-to-point link IFA_ADDRESS is the other end.
    packed = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS)
    return None if name == "lo" or packed is None else Local(name, ipaddress.ip_address(packed))


def _switch_port(body: bytes) -> str | None:
    """The name of an interface that is an internal port of Open vSwitch, None of others."""
    found = _attributes(body[LINK.size :])
    kind = _attributes(found.get(_IFLA_LINKINFO, b"")).get(_IFLA_INFO_KIND, b"")
    return found[_IFLA_IFNAME].rstrip(b"\0").decode() if kind.rstrip(b"\0") == _INTERNAL_PORT else None


def _number(data: bytes) -> int:
    return int(struct.unpack_from("=I", data)[0])
