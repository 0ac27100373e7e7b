# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host needs its network functions for: addresses, default routes, bridge ports, storage, this very ssh."""

from __future__ import annotations

import ipaddress
import typing as t

from ...._model.host.uses import HostUse
from ...reading.pci import locate
from ..storage.system_storage import read_mounts, system_storage
from .carriers import Carrier, Carriers, related
from .network_mounts import mounted_connections, nfs_servers
from .routes import MAIN
from .ssh import ssh_connections, ssh_port_connections
from .storage_connection import NETWORK_BLOCKS

if t.TYPE_CHECKING:
    from ...._model.host.device import PciDevice
    from ...sysfs import Tree
    from .routes import Network, Route, Routing
    from .storage_connection import StorageConnection

_CLASS_NETWORK = "02"


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
    for use in _addresses(routing):
        uses.extend(use.of(carriers.of_address(use.interface)))
    for interface in tree.names("/sys/class/net"):
        for upper in related(tree, interface, "upper_"):
            uses.extend(InterfaceUse("enslaved", interface, f"port of {upper}").of(carriers.itself(interface)))
    for use in _ssh(tree, routing, environ):
        uses.extend(use.of(carriers.of(use.interface)))
    uses.extend(_storage(tree, routing, carriers))
    return list(dict.fromkeys(uses))


def without_interface(device: PciDevice) -> bool:
    """Whether it is a network function that a driver of the host has, and that shows no interface all the same."""
    return (
        device.class_id.startswith(_CLASS_NETWORK)
        and device.driver is not None
        and not device.vfio
        and not device.interfaces
    )


def _default_routes(routing: Routing) -> t.Iterator[InterfaceUse]:
    for route in routing.routes:
        if route.network.prefixlen == 0:
            table = "" if route.table == MAIN else f", table {route.table}"
            for interface in route.interfaces:
                yield InterfaceUse("default_route", interface, f"default route ({route.network}{table})")


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


def _leads_on(route: Route) -> bool:
    """Whether it leads beyond the link. Default routes are a use of their own."""
    network: Network = route.network
    return bool(network.prefixlen) and not network.is_link_local and not network.is_multicast


def _ssh(tree: Tree, routing: Routing, environ: t.Mapping[str, str]) -> t.Iterator[InterfaceUse]:
    """Where ssh connections come in, and where the answers leave."""
    ours = ssh_connections(tree, environ)
    others = [connection for connection in ssh_port_connections(tree) if connection not in ours]
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
    for connection in (
        *mounted_connections(mounts, system.mount_points),
        *nfs_servers(tree),
        *_disks(tree, system.blocks),
    ):
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
