# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interfaces that need no address to be in use: whose packets a program takes, or that carry the kernel's messages."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ...sysfs import Tree

_NET = "/sys/class/net"
_NETCONSOLE = "/sys/kernel/config/netconsole"
_IFF_PROMISC = 0x100  # include/uapi/linux/if.h
_ETH_P_ALL = "0003"  # include/uapi/linux/if_ether.h


def packet_sockets(tree: Tree) -> t.Iterator[tuple[str, str]]:
    """Interfaces whose packets all go to a program (Suricata, VPP, a switch in user space), and whose socket it is.

    Most hosts have packet sockets on most NICs: lldpd asks for all packets too, DHCP clients and NetworkManager for
    some. None of these makes an interface take what is for others (promiscuous), which is what those do that live on
    the traffic. What is a port of a bridge does so as well, and is in use by that.
    """
    sockets: dict[str, list[str]] = {}
    for line in tree.lines("/proc/net/packet")[1:]:
        # packet_seq_show (net/packet/af_packet.c): sk RefCnt Type Proto Iface R Rmem User Inode
        parts = line.split()
        if len(parts) > 8 and parts[3] == _ETH_P_ALL and parts[4] != "0":
            sockets.setdefault(parts[4], []).append(parts[8])
    for name in tree.names(_NET) if sockets else ():
        inodes = sockets.get(tree.text(f"{_NET}/{name}/ifindex") or "", [])
        if inodes and _is_promiscuous(tree, name) and not _is_port(tree, name):
            yield name, _holder(tree, inodes)


def netconsoles(tree: Tree) -> t.Iterator[tuple[str, str]]:
    """Interfaces that the kernel's messages leave by, and the target (Documentation/networking/netconsole.rst)."""
    for target in tree.names(_NETCONSOLE):
        interface = tree.text(f"{_NETCONSOLE}/{target}/dev_name")
        if interface and tree.text(f"{_NETCONSOLE}/{target}/enabled") == "1":
            yield interface, target


def _is_promiscuous(tree: Tree, interface: str) -> bool:
    try:
        return bool(int(tree.text(f"{_NET}/{interface}/flags") or "0", 16) & _IFF_PROMISC)
    except ValueError:
        return False


def _is_port(tree: Tree, interface: str) -> bool:
    return any(name.startswith("upper_") for name in tree.names(f"{_NET}/{interface}"))


def _holder(tree: Tree, inodes: t.Iterable[str]) -> str:
    """The process that has one of the sockets; looked for only where there is one, as every open file may be it."""
    links = {f"socket:[{inode}]" for inode in inodes}
    for process in sorted(filter(str.isdecimal, tree.names("/proc")), key=int):
        folder = f"/proc/{process}/fd"
        if any(tree.link_target(f"{folder}/{number}") in links for number in tree.names(folder)):
            return f"process {process} ({tree.text(f'/proc/{process}/comm') or '?'})"
    return "a process that is not seen"
