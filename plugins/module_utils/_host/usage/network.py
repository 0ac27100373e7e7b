# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host needs its network functions for: addresses, default routes, bridge ports, this very ssh connection."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import typing as t

from ..._model.host.uses import HostUse
from ..reading.pci import locate
from .routes import MAIN

if t.TYPE_CHECKING:
    from ..sysfs import Tree
    from .routes import Address, Route, Routing

# The kernel's datapath device of Open vSwitch, master of all ports of all its bridges.
_OVS = "ovs-system"


class InterfaceUse(t.NamedTuple):
    """What the host uses an interface for: the blocker's code, the interface, and the use in words."""

    code: str
    interface: str
    what: str


def network_uses(tree: Tree, routing: Routing, environ: t.Mapping[str, str]) -> list[HostUse]:
    """All uses. `environ` is this process's environment, where sshd leaves the connection that it serves."""
    uses: list[HostUse] = []
    for use in [*_default_routes(routing), *_addresses(routing)]:
        uses.extend(_device_uses(tree, routing, use))
    for interface in tree.names("/sys/class/net"):
        for upper in _uppers(tree, interface):
            port = InterfaceUse("enslaved", interface, f"port of {upper}")
            uses.extend(_device_uses(tree, routing, port, below=False))
    ours = _ssh_connections(tree, environ)
    others = [connection for connection in _ssh_port_connections(tree) if connection not in ours]
    for code, connections in (("ssh_nic", ours), ("mgmt_nic", others)):
        for interface, what in _carrying(routing, connections):
            uses.extend(_device_uses(tree, routing, InterfaceUse(code, interface, what)))
    return list(dict.fromkeys(uses))


def _default_routes(routing: Routing) -> t.Iterator[InterfaceUse]:
    for route in routing.routes:
        if route.network.prefixlen == 0:
            table = "" if route.table == MAIN else f", table {route.table}"
            for interface in route.interfaces:
                yield InterfaceUse("default_route", interface, f"default route ({route.network}{table})")


def _addresses(routing: Routing) -> t.Iterator[InterfaceUse]:
    """What the host configured; link-local addresses of IPv6 come by themselves."""
    for interface, address in routing.addresses:
        if address.version == 4 or not address.is_link_local:
            kind = "address" if isinstance(address, (ipaddress.IPv4Address, ipaddress.IPv6Address)) else "network"
            yield InterfaceUse("ip_configured", interface, f"IPv{address.version} {kind} {address}")


def _device_uses(tree: Tree, routing: Routing, use: InterfaceUse, *, below: bool = True) -> t.Iterator[HostUse]:
    """The use of an interface falls on the device that carries it, and on those below a bridge, bond or VLAN.

    The address is empty for an interface of a device on another bus than PCI.
    """
    pending, seen = [use.interface], set()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        through = "" if name == use.interface else f", through {name}"
        for path, address in locate(tree, f"/sys/class/net/{name}"):
            yield HostUse(use.code, address, f"{use.what} on {use.interface}{through}", path)
        if below:
            pending.extend(_lowers(tree, name))
            # An internal port of Open vSwitch doesn't tell which of the switch's ports it leaves by: any may be it.
            if name in routing.switch_ports:
                pending.extend(_lowers(tree, _OVS))


def _lowers(tree: Tree, interface: str) -> list[str]:
    return [entry[6:] for entry in tree.names(f"/sys/class/net/{interface}") if entry.startswith("lower_")]


def _uppers(tree: Tree, interface: str) -> list[str]:
    return [entry[6:] for entry in tree.names(f"/sys/class/net/{interface}") if entry.startswith("upper_")]


def _carrying(routing: Routing, connections: t.Iterable[tuple[Address, Address]]) -> t.Iterator[tuple[str, str]]:
    """Where ssh connections come in, and where the answers leave."""
    for client, server in connections:
        what = f"ssh connection from {client}"
        for interface, address in routing.addresses:
            if address == server:
                yield interface, what
        for end in (server, client):
            for interface in _ways_to(routing.routes, end):
                yield interface, what


def _ssh_connections(tree: Tree, environ: t.Mapping[str, str]) -> list[tuple[Address, Address]]:
    """Client and server address of the connection that serves this process.

    From SSH_CONNECTION, which become removes: then from the environment of the processes above, and for a process
    without any above (async), from the connections to the ssh port that stand.
    """
    connection = _parse_connection(environ.get("SSH_CONNECTION", ""))
    process = "self"
    while connection is None:
        parent = re.search(r"^PPid:\s*(\d+)", tree.text(f"/proc/{process}/status") or "", re.MULTILINE)
        if parent is None or parent.group(1) in ("0", "1"):
            return _ssh_port_connections(tree)
        process = parent.group(1)
        variables = (tree.data(f"/proc/{process}/environ") or b"").decode("utf-8", "replace").split("\0")
        for variable in variables:
            if variable.startswith("SSH_CONNECTION="):
                connection = _parse_connection(variable.partition("=")[2])
    return [connection]


def _parse_connection(text: str) -> tuple[Address, Address] | None:
    parts = text.split()
    if len(parts) != 4:
        return None
    try:
        client, server = (ipaddress.ip_address(part.partition("%")[0]) for part in (parts[0], parts[2]))
    except ValueError:
        return None
    return _unmapped(client), _unmapped(server)


def _ssh_port_connections(tree: Tree) -> list[tuple[Address, Address]]:
    connections = []
    for name in ("tcp", "tcp6"):
        for line in tree.lines(f"/proc/net/{name}")[1:]:
            parts = line.split()
            # proc_net_tcp: sl local_address rem_address st; st 01 is ESTABLISHED
            if len(parts) > 3 and parts[3] == "01" and parts[1].endswith(":0016"):
                with contextlib.suppress(ValueError):
                    server, client = (_socket_address(part.partition(":")[0]) for part in parts[1:3])
                    if not server.is_loopback:
                        connections.append((client, server))
    return connections


def _socket_address(digits: str) -> Address:
    """Addresses of sockets are printed as 32-bit words in the host's byte order."""
    data = bytes.fromhex(digits)
    words = b"".join(data[place : place + 4][::-1] for place in range(0, len(data), 4))
    return _unmapped(ipaddress.ip_address(words))


def _unmapped(address: Address) -> Address:
    return getattr(address, "ipv4_mapped", None) or address


def _ways_to(routes: t.Sequence[Route], address: Address) -> tuple[str, ...]:
    """The interfaces of the narrowest route; of other tables than main only where that has none."""
    fitting = [route for route in routes if route.network.version == address.version and address in route.network]
    if not fitting:
        return ()
    return max(fitting, key=lambda route: (route.table == MAIN, route.network.prefixlen)).interfaces
