# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages to and from the running kernel over netlink (netlink(7), rtnetlink(7))."""

from __future__ import annotations

import os
import socket
import struct
import typing as t

# include/linux/socket.h, include/uapi/linux/netlink.h. Not every Python knows the family; what counts is the kernel.
_AF_NETLINK = 16
_NETLINK_ROUTE = 0
NETLINK_GENERIC = 16
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_NLM_F_DUMP_INTR = 0x10
_DUMP_REQUEST = 0x301  # NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH
_ASK = 0x5  # NLM_F_REQUEST | NLM_F_ACK
_NLA_TYPE_MASK = 0x3FFF

# include/uapi/linux/rtnetlink.h
RTM_GETLINK = 18
RTM_GETADDR = 22
RTM_GETROUTE = 26
RTM_GETNSID = 90
RTM_GETNEXTHOP = 106

# include/uapi/linux/if_link.h
IFLA_IFNAME = 3

_MESSAGE = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence number, port
_ATTRIBUTE = struct.Struct("=HH")  # rtattr: length, type
NEXT_HOP = struct.Struct("=HBBI")  # rtnexthop: length, flags, hops, interface
ROUTE = struct.Struct("=8BI")  # rtmsg: family, prefix length, source's, TOS, table, protocol, scope, type, flags
ADDRESS = struct.Struct("=4BI")  # ifaddrmsg: family, prefix length, flags, scope, interface
LINK = struct.Struct("=BxHiII")  # ifinfomsg: family, type, interface, flags, changes
NAMESPACE = struct.Struct("=Bxxx")  # rtgenmsg: family
NEXT_HOP_OBJECT = struct.Struct("=BBBxI")  # nhmsg: family, scope, protocol, flags
_HEADERS = {RTM_GETLINK: LINK, RTM_GETADDR: ADDRESS, RTM_GETROUTE: ROUTE, RTM_GETNSID: NAMESPACE}

FAMILIES = (socket.AF_INET, socket.AF_INET6)
# The kernel sends a dump in pieces of 32 KiB at most (net/netlink/af_netlink.c, netlink_recvmsg).
_PIECE = 1 << 16
_PATIENCE = 10.0
_ATTEMPTS = 3

Dump = t.Callable[[int, int], t.Iterable[bytes]]


def patient_dump(kind: int, family: int, about: bytes = b"") -> list[bytes]:
    """All answers to a request for a dump, with attributes that say about what.

    Without IPv6 in the kernel a request for it is answered with all other families; these are left out.
    """
    # Of a request whose header is not of its kind's length the kernel complains in its log.
    body = bytes([family]).ljust(_HEADERS[kind].size, b"\0") + about
    return [answer for answer in dump(kind, body) if answer[0] == family]


def dump(kind: int, body: bytes, protocol: int = _NETLINK_ROUTE) -> list[bytes]:
    """All answers to one request, without their headers, asked for again while the table changes. Raises OSError."""
    for _attempt in range(_ATTEMPTS - 1):
        try:
            return _dump(kind, body, protocol)
        except InterruptedError:
            pass
    return _dump(kind, body, protocol)


def _dump(kind: int, body: bytes, protocol: int) -> list[bytes]:
    bodies: list[bytes] = []
    with socket.socket(_AF_NETLINK, socket.SOCK_RAW, protocol) as channel:
        channel.settimeout(_PATIENCE)
        channel.send(_MESSAGE.pack(_MESSAGE.size + len(body), kind, _DUMP_REQUEST, 1, 0) + body)
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
                bodies.append(content)


def ask(kind: int, body: bytes, protocol: int = _NETLINK_ROUTE) -> list[bytes]:
    """Send one request about one thing, and return what is answered before the kernel says that it is done.

    Raises OSError with the kernel's errno.
    """
    bodies: list[bytes] = []
    with socket.socket(_AF_NETLINK, socket.SOCK_RAW, protocol) as channel:
        channel.settimeout(_PATIENCE)
        channel.send(_MESSAGE.pack(_MESSAGE.size + len(body), kind, _ASK, 1, 0) + body)
        while True:
            for answer, _flags, content in _messages(channel.recv(_PIECE)):
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
    return [(kind & _NLA_TYPE_MASK, content) for (_length, kind), content in parts(_ATTRIBUTE, data)]


def _messages(data: bytes) -> t.Iterator[tuple[int, int, bytes]]:
    for (_length, kind, flags, _sequence, _port), content in parts(_MESSAGE, data):
        yield kind, flags, content


def attribute_map(data: bytes) -> dict[int, bytes]:
    """Netlink attributes by their kind, the last of each."""
    return dict(attributes(data))


def parts(header: struct.Struct, data: bytes) -> t.Iterator[tuple[tuple[int, ...], bytes]]:
    """Headers that begin with the length of the part, with what follows each; parts begin at multiples of four."""
    place = 0
    while place + header.size <= len(data):
        fields = header.unpack_from(data, place)
        length = max(fields[0], header.size)
        yield fields, data[place + header.size : place + length]
        place += length + 3 & ~3


def number(data: bytes) -> int:
    return int(struct.unpack_from("=I", data)[0])


def signed(data: bytes) -> int:
    return int(struct.unpack_from("=i", data)[0])


def text(data: bytes) -> str:
    return data.rstrip(b"\0").decode()
