# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks that come over a network: iSCSI, NVMe over fabrics, nbd, rbd, DRBD, ATA and Fibre Channel over Ethernet."""

from __future__ import annotations

import contextlib
import re
import typing as t

from .ssh import socket_address
from .storage_connection import StorageConnection, parse_addresses

if t.TYPE_CHECKING:
    from ...sysfs import Tree
    from .routes import Address

# In DRBD's configuration (drbd.conf-9.0(5)): address [ipv4] 192.0.2.1:7789; address ipv6 [2001:db8::1]:7789.
_DRBD_ADDRESS = re.compile(r"\baddress\s+(?:ipv4\s+|ipv6\s+|sdp\s+|ssocks\s+)?([^\s;]+)\s*;")
# What open-iscsi and the kernel have where nothing is set.
_UNSET = frozenset({"", "default", "<NULL>", "(null)"})


def disk_connections(tree: Tree, vital: t.Collection[str]) -> t.Iterator[StorageConnection]:
    """`vital` are the sysfs paths of the block devices that the host runs from."""
    yield from _iscsi(tree, vital)
    yield from _nvme(tree, vital)
    yield from _fcoe(tree, vital)
    for name in tree.names("/sys/class/block"):
        reader = next((reader for start, reader in _READERS.items() if name.startswith(start)), None)
        if reader is None or tree.exists(f"/sys/class/block/{name}/partition"):
            continue
        path = tree.real(f"/sys/class/block/{name}")
        for connection in reader(tree, name):
            yield connection._replace(vital=_lies_below(path, vital))


def _lies_below(path: str, vital: t.Iterable[str]) -> bool:
    return any(f"{block}/".startswith(f"{path}/") for block in vital)


def _iscsi(tree: Tree, vital: t.Collection[str]) -> t.Iterator[StorageConnection]:
    """Sessions (Documentation of open-iscsi, drivers/scsi/scsi_transport_iscsi.c), of software and of HBAs."""
    connections = tree.names("/sys/class/iscsi_connection")
    for session in tree.names("/sys/class/iscsi_session"):
        folder = f"/sys/class/iscsi_session/{session}"
        number = session.replace("session", "", 1)
        path = re.sub(r"/iscsi_session/[^/]+$", "", tree.real(folder))
        hosts = re.findall(r"/(host\d+)(?=/|$)", path)
        texts: list[str | None] = []
        for connection in connections:
            if connection.startswith(f"connection{number}:"):
                below = f"/sys/class/iscsi_connection/{connection}"
                texts += [tree.text(f"{below}/{file}") for file in ("address", "persistent_address", "local_ipaddr")]
        host = f"/sys/class/iscsi_host/{hosts[-1]}" if hosts else ""
        texts.append(tree.text(f"{host}/ipaddress"))
        interface = tree.text(f"{host}/netdev") or ""
        bound = [interface] if interface not in _UNSET else _with_mac(tree, tree.text(f"{host}/hwaddress"))
        yield StorageConnection(
            f"iSCSI session {number} with {tree.text(f'{folder}/targetname') or 'a target'}",
            _lies_below(path, vital),
            parse_addresses(*texts),
            tuple(bound),
            (path,),
        )


def _with_mac(tree: Tree, mac: str | None) -> list[str]:
    """The interfaces that have a hardware address; virtual ones do not count, which share that of what is below."""
    if mac is None or mac in _UNSET or not mac.strip("0:"):
        return []
    return [name for name in tree.names("/sys/class/net") if tree.text(f"/sys/class/net/{name}/address") == mac]


def _nvme(tree: Tree, vital: t.Collection[str]) -> t.Iterator[StorageConnection]:
    """Controllers over fabrics (drivers/nvme/host/fabrics.c, nvmf_get_address)."""
    for name in tree.names("/sys/class/nvme"):
        folder = f"/sys/class/nvme/{name}"
        transport = tree.text(f"{folder}/transport") or "pcie"
        if transport in ("pcie", "loop", "apple-nvme"):
            continue
        address = dict(part.partition("=")[::2] for part in (tree.text(f"{folder}/address") or "").split(","))
        path = tree.real(folder)
        interface = address.get("host_iface", "")
        told = [address.get(key) for key in ("traddr", "host_traddr", "src_addr")]
        yield StorageConnection(
            f"NVMe over fabrics {name} ({transport}, {address.get('traddr') or 'no address told'})",
            _nvme_vital(tree, name, path, vital),
            parse_addresses(*told),
            (interface,) if interface not in _UNSET else (),
            tuple(_fibre_channel(tree, address.get("host_traddr", ""))) if transport == "fc" else (),
        )


def _nvme_vital(tree: Tree, controller: str, path: str, vital: t.Collection[str]) -> bool:
    """Whether the host runs from a disk of the controller; one with several paths hangs below their subsystem."""
    subsystems = {match.group() for block in vital if (match := re.match(r".*/nvme-subsystem/[^/]+", block))}
    return _lies_below(path, vital) or any(controller in tree.names(subsystem) for subsystem in subsystems)


def _fibre_channel(tree: Tree, port: str) -> t.Iterator[str]:
    """The adapter with a port, nn-0x20000090fa942779:pn-0x10000090fa942779."""
    name = port.rpartition("pn-")[2]
    for host in tree.names("/sys/class/fc_host") if name else ():
        if tree.text(f"/sys/class/fc_host/{host}/port_name") == name:
            yield tree.real(f"/sys/class/fc_host/{host}")


def _fcoe(tree: Tree, vital: t.Collection[str]) -> t.Iterator[StorageConnection]:
    """Fibre Channel over an interface (Documentation/ABI/testing/sysfs-bus-fcoe)."""
    for name in tree.names("/sys/bus/fcoe/devices"):
        path = tree.real(f"/sys/bus/fcoe/devices/{name}")
        interface = re.search(r"/net/([^/]+)/", f"{path}/")
        if name.startswith("ctlr_") and interface:
            what = f"Fibre Channel over Ethernet ({name})"
            yield StorageConnection(what, _lies_below(path, vital), interfaces=(interface.group(1),))


def _nbd(tree: Tree, name: str) -> t.Iterator[StorageConnection]:
    """A network block device has the process that serves it; netlink's has the kernel alone (drivers/block/nbd.c)."""
    process = tree.text(f"/sys/class/block/{name}/pid")
    if process is None:
        return
    links = [tree.link_target(f"/proc/{process}/fd/{number}") or "" for number in tree.names(f"/proc/{process}/fd")]
    sockets = {link[8:-1] for link in links if link.startswith("socket:[")}
    ends = tuple(_peers(tree, sockets)) if sockets else ()
    if ends or not sockets:
        yield StorageConnection(f"network block device {name}", vital=False, ends=ends)


def _peers(tree: Tree, inodes: t.Container[str]) -> t.Iterator[Address]:
    """The other ends of TCP sockets."""
    for file in ("tcp", "tcp6"):
        for line in tree.lines(f"/proc/net/{file}")[1:]:
            # proc_net_tcp: sl local_address rem_address st queues tr retrnsmt uid timeout inode
            parts = line.split()
            if len(parts) > 9 and parts[9] in inodes and parts[3] == "01":
                with contextlib.suppress(ValueError):
                    yield socket_address(parts[2].partition(":")[0])


def _rbd(tree: Tree, name: str) -> t.Iterator[StorageConnection]:
    """A Ceph block device (Documentation/ABI/testing/sysfs-bus-rbd)."""
    folder = f"/sys/bus/rbd/devices/{name[3:]}"
    monitors = (tree.text(f"{folder}/config_info") or "").partition(" ")[0]
    own = re.sub(r"/\d+$", "", tree.text(f"{folder}/client_addr") or "")
    yield StorageConnection(f"Ceph's {name}", vital=False, ends=parse_addresses(own, *monitors.split(",")))


def _drbd(tree: Tree, name: str) -> t.Iterator[StorageConnection]:
    """DRBD tells its peers over netlink only; what it was configured with are all that it may have."""
    files = ["/etc/drbd.conf", *(f"/etc/drbd.d/{file}" for file in tree.names("/etc/drbd.d") if file.endswith(".res"))]
    told = [address for file in files for address in _DRBD_ADDRESS.findall(tree.text(file) or "")]
    yield StorageConnection(f"DRBD's {name}", vital=False, ends=parse_addresses(*told))


def _aoe(tree: Tree, name: str) -> t.Iterator[StorageConnection]:
    """ATA over Ethernet tells its interfaces (Documentation/ABI/testing/sysfs-block-aoe)."""
    interfaces = (tree.text(f"/sys/class/block/{name}/netif") or "").split(",")
    yield StorageConnection(f"ATA over Ethernet {name}", vital=False, interfaces=tuple(filter(None, interfaces)))


_READERS = {"nbd": _nbd, "rbd": _rbd, "drbd": _drbd, "etherd!": _aoe}
