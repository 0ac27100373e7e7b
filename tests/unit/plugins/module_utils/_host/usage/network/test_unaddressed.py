# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""NICs that are in use without an address: by routes, packet sockets, XDP programs, the kernel's messages."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.routes import Routing
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.uses import network_uses
from ansible_collections.kvm.hostdev.tests.unit.helpers.made_network import (
    below,
    nic,
    route,
    route6,
    routed_uses,
    told,
    upper,
    uses,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

A, B = "0000:01:00.0", "0000:02:00.0"
ADDRESS = ("ip_configured", A, "IPv4 address 192.0.2.2 on eth0")


def of_b(folder, *parts, **keywords):
    return [use for use in told(routed_uses(folder, nic("eth0", A), nic("eth1", B), *parts, **keywords)) if use[1] == B]


@pytest.mark.parametrize("addresses", [[], [("eth1", "fe80::b")], [("eth0", "192.0.2.2"), ("eth1", "fe80::b")]])
@pytest.mark.parametrize(
    ("network", "table", "words"),
    [
        ("10.0.0.0/8", 254, "route to 10.0.0.0/8"),
        ("198.51.100.7/32", 254, "route to 198.51.100.7/32"),
        ("10.0.0.0/8", 100, "route to 10.0.0.0/8, table 100"),
    ],
)
def test_a_route_counts_on_an_interface_that_has_no_address(folder, addresses, network, table, words):
    assert ("ip_configured", B, f"{words} on eth1") in of_b(
        folder, routes=[(("eth1",), network, table)], addresses=addresses
    )


def test_a_route_of_ipv6_counts_without_any_address(folder):
    routes = [(("eth1",), "2001:db8::7/128", 254)]
    assert of_b(folder, routes=routes) == [("ip_configured", B, "route to 2001:db8::7/128 on eth1")]


def test_of_many_routes_one_is_named(folder):
    routes = [(("eth1",), f"10.{number}.0.0/16", 254) for number in range(4)]
    assert of_b(folder, routes=routes) == [("ip_configured", B, "route to 10.0.0.0/16 and 3 more on eth1")]


def test_where_there_is_an_address_the_routes_go_without_saying(folder):
    routes = [(("eth0",), "192.0.2.0/24", 254), (("eth0",), "10.0.0.0/8", 254)]
    assert told(routed_uses(folder, nic("eth0", A), routes=routes, addresses=[("eth0", "192.0.2.2")])) == [ADDRESS]


def test_a_route_by_a_bridge_or_to_guests_alone_is_followed_as_an_address_is(folder):
    parts = [upper("br0", "eth1"), nic("eth1", B, **below("eth1", "br0")), upper("virbr0")]
    routes = [(("br0",), "10.0.0.0/8", 254), (("virbr0",), "10.9.0.0/16", 254), (("eth0",), "0.0.0.0/0", 254)]
    host_uses = routed_uses(folder, nic("eth0", A), *parts, routes=routes)
    assert [use for use in told(host_uses) if use[0] == "ip_configured"] == [
        ("ip_configured", B, "route to 10.0.0.0/8 on br0, through eth1")
    ]


@pytest.mark.parametrize("network", ["fe80::/64", "ff00::/8", "169.254.0.0/16", "224.0.0.0/4"])
def test_an_interface_that_is_up_has_routes_of_its_own_link(folder, network):
    assert of_b(folder, routes=[(("eth1",), network, 254)], addresses=[("eth1", "fe80::b")]) == []


def test_proc_tells_of_a_route_without_an_address(folder):
    routes, routes6 = route("eth0", "10.0.0.0/8", "192.0.2.1", "0003"), route6("eth1", "2001:db8:9::/48", "00000003")
    assert uses(folder, nic("eth0", A), nic("eth1", B), routes=routes, routes6=routes6) == [
        ("ip_configured", A, "route to 10.0.0.0/8 on eth0"),
        ("ip_configured", B, "route to 2001:db8:9::/48 on eth1"),
    ]


# Packet sockets; eth1 has the number 3.

_ROW = "ffff888100000000 3      3    {protocol}   {number:<5d} 1 0      0      {inode:<6d}\n"
PROMISCUOUS, PLAIN = "0x1103\n", "0x1003\n"


def packet(*sockets, protocol="0003"):
    rows = [_ROW.format(protocol=protocol, number=number, inode=inode) for number, inode in sockets]
    return {"/proc/net/packet": "sk       RefCnt Type Proto  Iface R Rmem   User   Inode\n" + "".join(rows)}


def number(flags, **more):
    return nic("eth1", B, ifindex="3\n", flags=flags, **more)


HOLDER = {
    "/proc/41/fd/3": "-> socket:[77]",
    "/proc/41/comm": "lldpd\n",
    "/proc/300/fd/9": "-> socket:[4242]",
    "/proc/300/comm": "Suricata-Main\n",
}
TAKEN = ("enslaved", B, "packet socket of process 300 (Suricata-Main) that takes all packets on eth1")


def test_a_program_that_takes_all_packets_of_an_interface_uses_it(folder):
    host_uses = routed_uses(folder, number(PROMISCUOUS), packet((3, 4242), (3, 4243)), HOLDER)
    assert told(host_uses) == [TAKEN]
    assert all(use.allowable for use in host_uses)


@pytest.mark.parametrize(
    "parts",
    [
        [number(PLAIN), packet((3, 77))],
        [number(PROMISCUOUS), packet((3, 4242), protocol="88cc")],
        [number(PROMISCUOUS), packet((0, 4242), (2, 4242))],
        [number(PROMISCUOUS), packet()],
        [number("what\n"), packet((3, 4242))],
        [number(PROMISCUOUS), {"/proc/net/packet": "sk\nshort\n"}],
    ],
    ids=["lldpd", "one protocol", "another interface", "none", "no flags", "no row"],
)
def test_a_socket_that_does_not_live_on_the_traffic_is_no_use(folder, parts):
    assert routed_uses(folder, *parts, HOLDER) == []


def test_a_port_of_a_bridge_is_promiscuous_for_the_bridge(folder):
    parts = [number(PROMISCUOUS, **below("eth1", "br0")), upper("br0", "eth1"), packet((3, 77)), HOLDER]
    assert told(routed_uses(folder, *parts)) == [("enslaved", B, "port of br0 on eth1")]


def test_a_socket_whose_process_is_not_seen_counts_all_the_same(folder):
    assert told(routed_uses(folder, number(PROMISCUOUS), packet((3, 5)), HOLDER)) == [
        ("enslaved", B, "packet socket of a process that is not seen that takes all packets on eth1")
    ]


def test_an_xdp_program_is_a_use(folder):
    files(folder, nic("eth1", B))
    routing = Routing([], [], programs=frozenset({"eth1"}))
    assert told(network_uses(Tree(str(folder)), routing, {})) == [
        ("enslaved", B, "XDP program that sees all packets first on eth1")
    ]


def netconsole(enabled, interface="eth1"):
    folder = "/sys/kernel/config/netconsole/target1"
    return {f"{folder}/enabled": f"{enabled}\n", f"{folder}/dev_name": f"{interface}\n"}


def test_the_kernels_messages_leave_by_an_interface(folder):
    assert of_b(folder, netconsole(1)) == [
        ("ip_configured", B, "netconsole target1 sends the kernel's messages on eth1")
    ]


@pytest.mark.parametrize("contents", [netconsole(0), netconsole(1, "")])
def test_a_netconsole_that_sends_nothing_is_no_use(folder, contents):
    assert of_b(folder, contents) == []


def test_the_kernels_messages_by_a_bridge_leave_by_its_port(folder):
    parts = [upper("br0", "eth1"), nic("eth1", B, **below("eth1", "br0")), netconsole(1, "br0")]
    assert ("ip_configured", B, "netconsole target1 sends the kernel's messages on br0, through eth1") in told(
        routed_uses(folder, *parts)
    )
