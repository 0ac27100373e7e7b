# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interfaces, routes and addresses of a made host, and what it uses its NICs for."""

from __future__ import annotations

import ipaddress

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.routes import (
    Local,
    Route,
    Routing,
    proc_routing,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.uses import network_uses
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

ROUTES = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
TCP = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def nic(name, address, **contents):
    path = f"/sys/devices/pci0000:00/{address}/net/{name}"
    made = {f"{path}/operstate": "up\n", f"/sys/class/net/{name}": f"-> ../../..{path}"}
    made.update({f"{path}/{key}": text for key, text in contents.items()})
    return made


def upper(name, *below):
    """A bridge, bond or VLAN above other interfaces; both sides link to each other."""
    path = f"/sys/devices/virtual/net/{name}"
    made = {f"{path}/operstate": "up\n", f"/sys/class/net/{name}": f"-> ../../..{path}"}
    made.update({f"{path}/lower_{lower}": f"-> ../../../../class/net/{lower}" for lower in below})
    return made


def below(name, *uppers):
    return (
        {f"upper_{upper_name}": f"-> ../../../../../virtual/net/{upper_name}" for upper_name in uppers} if name else {}
    )


def digits(address):
    """An IPv4 address as /proc prints it on a little-endian host."""
    return ipaddress.IPv4Address(address).packed[::-1].hex().upper()


def route(interface, network, gateway="0.0.0.0", flags="0001"):
    net = ipaddress.IPv4Network(network)
    return "\t".join(
        [
            interface,
            digits(net.network_address),
            digits(gateway),
            flags,
            "0",
            "0",
            "0",
            digits(net.netmask),
            "0",
            "0",
            "0\n",
        ]
    )


def route6(interface, network, flags="00000001"):
    net = ipaddress.IPv6Network(network)
    zero = "0" * 32
    return (
        f"{net.network_address.packed.hex()} {net.prefixlen:02x} {zero} 00 {zero} 00000400 00000001 00000000 {flags} "
        f"{interface:>8}\n"
    )


def address6(interface, address, scope="00"):
    return f"{ipaddress.IPv6Address(address).packed.hex()} 02 40 {scope} 80 {interface:>8}\n"


def uses(folder, *parts, routes="", routes6="", addresses6="", environ=None, **proc):
    contents = {
        "/proc/net/route": ROUTES + routes,
        "/proc/net/ipv6_route": routes6,
        "/proc/net/if_inet6": addresses6,
        **{f"/proc/{name.replace('__', '/')}": text for name, text in proc.items()},
    }
    for part in parts:
        contents.update(part)
    files(folder, contents)
    tree = Tree(str(folder))
    return told(network_uses(tree, proc_routing(tree), environ or {}))


def routed_uses(folder, *parts, routes=(), addresses=(), switch_ports=(), links=None, elsewhere=(), environ=None):
    """The uses where the kernel told all of its routes, addresses and links."""
    files(folder, {path: text for part in parts for path, text in part.items()})
    routing = Routing(
        [Route(interfaces, ipaddress.ip_network(network), table) for interfaces, network, table in routes],
        [Local(interface, ipaddress.ip_address(address)) for interface, address in addresses],
        frozenset(switch_ports),
        links or {},
    )
    return network_uses(Tree(str(folder)), routing, environ or {}, elsewhere)


def told(host_uses):
    return [(use.code, use.address, use.detail) for use in host_uses]
