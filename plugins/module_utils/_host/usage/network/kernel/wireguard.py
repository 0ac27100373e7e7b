# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the peers of a WireGuard interface are, asked of the running kernel by generic netlink."""

from __future__ import annotations

import ipaddress
import struct
import typing as t

from .... import netlink
from ..routes import scoped, unmapped

if t.TYPE_CHECKING:
    from ..routes import Address

# include/uapi/linux/genetlink.h
_CONTROLLER = 0x10
_CTRL_CMD_GETFAMILY = 3
_CTRL_ATTR_FAMILY_ID = 1
_CTRL_ATTR_FAMILY_NAME = 2
# include/uapi/linux/wireguard.h
_FAMILY = b"wireguard\0"
_WG_CMD_GET_DEVICE = 0
_WGDEVICE_A_IFNAME = 2
_WGDEVICE_A_PEERS = 8
_WGPEER_A_ENDPOINT = 4

_HEADER = struct.Struct("=BBxx")  # genlmsghdr: command, version
_FAMILY_ID = struct.Struct("=H")
# sockaddr_in, sockaddr_in6: where the address begins, and its end
_PLACES = {16: slice(4, 8), 28: slice(8, 24)}
_SCOPE = slice(24, 28)  # sin6_scope_id


def endpoints(interface: str) -> list[Address]:
    """The addresses that packets to the peers are sent to; none where the kernel does not tell, as to all but root."""
    try:
        return list(_endpoints(interface))
    except (OSError, LookupError, ValueError, struct.error):
        return []


def _endpoints(interface: str) -> t.Iterator[Address]:
    question = _HEADER.pack(_CTRL_CMD_GETFAMILY, 1) + netlink.attribute(_CTRL_ATTR_FAMILY_NAME, _FAMILY)
    family = netlink.attribute_map(netlink.ask(_CONTROLLER, question, netlink.NETLINK_GENERIC)[0][_HEADER.size :])
    (number,) = _FAMILY_ID.unpack_from(family[_CTRL_ATTR_FAMILY_ID])
    question = _HEADER.pack(_WG_CMD_GET_DEVICE, 1) + netlink.attribute(_WGDEVICE_A_IFNAME, interface.encode() + b"\0")
    for answer in netlink.dump(number, question, netlink.NETLINK_GENERIC):
        device = netlink.attribute_map(answer[_HEADER.size :])
        for _place, peer in netlink.attributes(device.get(_WGDEVICE_A_PEERS, b"")):
            endpoint = netlink.attribute_map(peer).get(_WGPEER_A_ENDPOINT, b"")
            if len(endpoint) in _PLACES:
                address = unmapped(ipaddress.ip_address(endpoint[_PLACES[len(endpoint)]]))
                scope = netlink.number(endpoint[_SCOPE]) if len(endpoint) > _SCOPE.start else 0
                yield scoped(address, str(scope) if scope else "")
