# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the running kernel tells of interfaces that sysfs does not: their kinds, tunnels' ends, what is elsewhere."""

from __future__ import annotations

import ipaddress
import typing as t

from .... import netlink
from ..routes import Link, unmapped

if t.TYPE_CHECKING:
    from ..routes import Address

# include/uapi/linux/if_link.h
_IFLA_LINK = 5
_IFLA_LINKINFO = 18
_IFLA_LINK_NETNSID = 37
_IFLA_XDP = 43
_IFLA_XDP_ATTACHED = 2
_IFLA_PARENT_DEV_NAME = 56
_IFLA_PARENT_DEV_BUS_NAME = 57
_IFLA_INFO_KIND = 1
_IFLA_INFO_DATA = 2
# net/openvswitch/vport-internal_dev.c
_INTERNAL_PORT = "openvswitch"
VETH = "veth"
WIREGUARD = "wireguard"
# Where a kind's own attributes have the interface that a tunnel is bound to, and its two ends: IFLA_IPTUN_*, IFLA_GRE_*
# and IFLA_VTI_* of include/uapi/linux/if_tunnel.h, IFLA_VXLAN_*, IFLA_GENEVE_* and IFLA_XFRM_* of if_link.h.
_IP_TUNNEL, _GRE, _VTI = (1, (2, 3)), (1, (6, 7)), (1, (4, 5))
_TUNNELS: t.Mapping[str, tuple[int | None, tuple[int, ...]]] = {
    **dict.fromkeys(("ipip", "sit", "ip6tnl"), _IP_TUNNEL),
    **dict.fromkeys(("gre", "gretap", "erspan", "ip6gre", "ip6gretap", "ip6erspan"), _GRE),
    **dict.fromkeys(("vti", "vti6"), _VTI),
    "vxlan": (3, (2, 4, 16, 17)),
    "geneve": (None, (2, 7)),
    "xfrm": (1, ()),
}


class KernelLink(t.NamedTuple):
    """One answer of RTM_GETLINK: the interface, its kind ("" for a device's), and what there is to tell of it.

    `device` is the link in sysfs to the device that it is of, "" for none; kernels before 5.14 do not tell.
    `has_program` says that an XDP program sees each packet first.
    """

    name: str
    kind: str
    link: Link
    device: str = ""
    has_program: bool = False

    @property
    def is_switch_port(self) -> bool:
        """Whether it is an internal port of Open vSwitch."""
        return self.kind == _INTERNAL_PORT


def kernel_link(body: bytes, names: t.Mapping[int, str], home: int | None = None) -> KernelLink:
    """`names` are those of the interfaces by number. Raises KeyError, ValueError and struct.error.

    For an interface of another namespace `home` is the id of the one that the names are of.
    """
    own = netlink.LINK.unpack_from(body)[2]
    known = netlink.attribute_map(body[netlink.LINK.size :])
    about = netlink.attribute_map(known.get(_IFLA_LINKINFO, b""))
    kind = about.get(_IFLA_INFO_KIND, b"").rstrip(b"\0").decode()
    bound, ends = _tunnel(kind, netlink.attribute_map(about.get(_IFLA_INFO_DATA, b"")))
    # Where the number is one of another namespace an interface here may have the same.
    elsewhere = known.get(_IFLA_LINK_NETNSID)
    abroad = elsewhere is not None if home is None else elsewhere is None or netlink.signed(elsewhere) != home
    if home is not None and kind not in _TUNNELS:
        own = 0
    numbers = [netlink.number(known[_IFLA_LINK]) if _IFLA_LINK in known else 0, bound]
    lower = None if abroad else next((names[each] for each in numbers if each != own and each in names), None)
    link = Link(lower, paired=kind == VETH, abroad=abroad, ends=ends)
    bus, parent = (
        netlink.text(known.get(number, b"")) for number in (_IFLA_PARENT_DEV_BUS_NAME, _IFLA_PARENT_DEV_NAME)
    )
    device = f"/sys/bus/{bus}/devices/{parent}" if bus and parent else ""
    program = netlink.attribute_map(known.get(_IFLA_XDP, b"")).get(_IFLA_XDP_ATTACHED, b"")
    return KernelLink(netlink.text(known[netlink.IFLA_IFNAME]), kind, link, device, any(program))


def _tunnel(kind: str, data: t.Mapping[int, bytes]) -> tuple[int, tuple[Address, ...]]:
    """The number of the interface that a tunnel is bound to, 0 for none, and the ends that are set."""
    bound, places = _TUNNELS.get(kind, (None, ()))
    number = netlink.number(data[bound]) if bound is not None and bound in data else 0
    packed = [data[place] for place in places if len(data.get(place, b"")) in (4, 16)]
    return number, tuple(unmapped(ipaddress.ip_address(end)) for end in packed if any(end))
