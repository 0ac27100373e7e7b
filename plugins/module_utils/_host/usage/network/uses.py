# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host needs its network functions for: addresses, default routes, bridge ports, storage, this very ssh."""

from __future__ import annotations

import ipaddress
import typing as t

from ...._model.host.uses import HostUse
from ...reading.pci.functions import locate
from ..storage.system_storage import read_mounts, system_storage
from .carriers import Carrier, Carriers, related
from .network_mounts import mounted_connections, nfs_servers
from .programs import netconsoles, packet_sockets
from .routes import MAIN, scope_of, unscoped
from .ssh import ssh_connections, ssh_port_connections
from .storage_connection import NETWORK_BLOCKS

if t.TYPE_CHECKING:
    from ...._model.host.device import PciDevice
    from ...sysfs import Tree
    from .routes import Network, Route, Routing
    from .storage_connection import StorageConnection

_CLASS_NETWORK = "02"
_OTHER_BUSES = tuple(f"/sys/bus/{bus}/devices" for bus in ("usb", "thunderbolt", "sdio"))


class InterfaceUse(t.NamedTuple):
    """What the host uses an interface for: the blocker's code, the interface, and the use in words."""

    code: str
    interface: str
    what: str
    allowable: bool = True

    def of(self, carriers: t.Iterable[Carrier]) -> list[HostUse]:
        """The use of the devices that carry the interface."""
        return [
            HostUse(self.code, address, f"{self.what} on {self.interface}{how}", path, self.allowable)
            for path, address, how in carriers
        ]


def network_uses(
    tree: Tree, routing: Routing, environ: t.Mapping[str, str], elsewhere: t.Iterable[HostUse] = ()
) -> list[HostUse]:
    """All uses. `environ` is this process's environment, where sshd leaves the connection that it serves.

    `elsewhere` are the uses of functions whose interface is in another network namespace.
    """
    away = [
        Carrier(use.path, use.address, "its interface in another network namespace")
        for use in elsewhere
        if use.code == "other_netns"
    ]
    carriers = Carriers(tree, routing, away)
    uses: list[HostUse] = []
    for use in _default_routes(routing):
        uses.extend(use.of(carriers.of(use.interface)))
    addresses = list(_addresses(routing))
    for use in (*addresses, *_routes(routing, {use.interface for use in addresses})):
        uses.extend(use.of(carriers.of_address(use.interface)))
    for interface in tree.names("/sys/class/net"):
        for upper in related(tree, interface, "upper_"):
            uses.extend(InterfaceUse("enslaved", interface, f"port of {upper}").of(carriers.itself(interface)))
    for use in _programs(tree, routing):
        uses.extend(use.of(carriers.itself(use.interface)))
    for interface, target in netconsoles(tree):
        what = f"netconsole {target} sends the kernel's messages"
        uses.extend(InterfaceUse("ip_configured", interface, what).of(carriers.of(interface)))
    for use in _ssh(tree, routing, environ):
        uses.extend(use.of(carriers.of(use.interface)))
    uses.extend(_storage(tree, routing, carriers))
    return list(dict.fromkeys(uses))


def without_interface(tree: Tree, device: PciDevice) -> bool:
    """Whether a driver of the host has it, and it shows no interface although it should.

    Of network functions all are looked into; of others, of which a host has thousands, whose own folder `net` is there.
    """
    if device.driver is None or device.vfio or device.interfaces:
        return False
    return device.class_id.startswith(_CLASS_NETWORK) or tree.exists(f"{device.path}/net")


def parts_without_interface(tree: Tree) -> list[str]:
    """The links in sysfs to devices of other buses below a function (a USB NIC, a Thunderbolt link), of the same kind.

    Their folder `net` is there, and shows nothing.
    """
    return [
        f"{bus}/{name}"
        for bus in _OTHER_BUSES
        for name in tree.names(bus)
        if tree.exists(f"{bus}/{name}/net") and not tree.any_in(f"{bus}/{name}/net")
    ]


def _default_routes(routing: Routing) -> t.Iterator[InterfaceUse]:
    for route in routing.routes:
        if route.network.prefixlen == 0:
            for interface in route.interfaces:
                yield InterfaceUse("default_route", interface, f"default route ({route.network}{_in_table(route)})")


def _addresses(routing: Routing) -> t.Iterator[InterfaceUse]:
    """What the host configured. Link-local addresses come by themselves, of IPv4 from zeroconf (RFC 3927).

    They count where a route to elsewhere leaves from them.
    """
    routed = {
        (name, route.network.version) for route in routing.routes if _leads_on(route) for name in route.interfaces
    }
    for interface, address in routing.addresses:
        if not address.is_link_local or (interface, address.version) in routed:
            kind = "address" if isinstance(address, (ipaddress.IPv4Address, ipaddress.IPv6Address)) else "network"
            yield InterfaceUse("ip_configured", interface, f"IPv{address.version} {kind} {address}")


def _routes(routing: Routing, configured: t.Container[str]) -> t.Iterator[InterfaceUse]:
    """What routes lead on from interfaces that have no address of their own.

    As of BGP unnumbered (RFC 8950), or to the addresses of guests and containers.
    """
    found: dict[str, list[Route]] = {}
    for route in routing.routes:
        if _leads_on(route):
            for interface in route.interfaces:
                if interface not in configured:
                    found.setdefault(interface, []).append(route)
    for interface, (first, *others) in found.items():
        more = f" and {len(others)} more" if others else ""
        yield InterfaceUse("ip_configured", interface, f"route to {first.network}{_in_table(first)}{more}")


def _in_table(route: Route) -> str:
    return "" if route.table == MAIN else f", table {route.table}"


def _programs(tree: Tree, routing: Routing) -> t.Iterator[InterfaceUse]:
    """Whose packets a program takes before the host's network does."""
    for interface, holder in packet_sockets(tree):
        yield InterfaceUse("enslaved", interface, f"packet socket of {holder} that takes all packets")
    for interface in sorted(routing.programs):
        yield InterfaceUse("enslaved", interface, "XDP program that sees all packets first")


def _leads_on(route: Route) -> bool:
    """Whether it leads beyond the link. Default routes are a use of their own."""
    network: Network = route.network
    return bool(network.prefixlen) and not network.is_link_local and not network.is_multicast


def _ssh(tree: Tree, routing: Routing, environ: t.Mapping[str, str]) -> t.Iterator[InterfaceUse]:
    """Where ssh connections come in, and where the answers leave."""
    ours = ssh_connections(tree, environ)
    # A socket's scope is not among what /proc tells of it.
    plain = [(unscoped(client), unscoped(server)) for client, server in ours]
    others = [connection for connection in ssh_port_connections(tree) if connection not in plain]
    for client, server in ours:
        for interface in routing.between(server, client):
            yield InterfaceUse("ssh_nic", interface, f"ssh connection from {client}")
    for client, server in others:
        for interface in routing.between(server, client):
            yield InterfaceUse("mgmt_nic", interface, f"ssh connection from {client}")


def _storage(tree: Tree, routing: Routing, carriers: Carriers) -> t.Iterator[HostUse]:
    """The devices that file systems and disks come over."""
    mounts = read_mounts(tree)
    system = system_storage(tree, mounts)
    mounted = list(mounted_connections(mounts, system.mount_points))
    # The client's servers are told without their scope: what a mount tells more of is not meant by that.
    placed = {unscoped(end) for connection in mounted for end in connection.ends if scope_of(end)}
    servers = (connection for connection in nfs_servers(tree) if placed.isdisjoint(connection.ends))
    for connection in (*mounted, *servers, *_disks(tree, system.blocks)):
        what, vital, _ends, interfaces, paths = connection
        if connection.inside:
            continue
        adapters = [(place, address) for path in paths for place, address in locate(tree, path) if address]
        for place, address in adapters:
            yield HostUse("network_storage", address, what, place, not vital)
        ways = list(dict.fromkeys([*interfaces, *routing.between(*connection.ends)]))
        for interface in ways:
            yield from InterfaceUse("network_storage", interface, what, not vital).of(carriers.of(interface))
        if not ways and not adapters:
            for path, address, how in carriers.possible():
                yield HostUse("network_storage", address, f"{what}{how}", path, not vital)


def _disks(tree: Tree, vital: t.Collection[str]) -> t.Iterable[StorageConnection]:
    """The disks of a network; most hosts have none, and do not load what reads them."""
    blocks = tree.names("/sys/class/block")
    transports = (tree.text(f"/sys/class/nvme/{name}/transport") for name in tree.names("/sys/class/nvme"))
    if (
        any(name.startswith(NETWORK_BLOCKS) for name in blocks)
        or any(tree.any_in(folder) for folder in ("/sys/class/iscsi_session", "/sys/bus/fcoe/devices"))
        or any(transport not in ("pcie", None) for transport in transports)
    ):
        from .network_disks import disk_connections

        return disk_connections(tree, vital)
    return ()
