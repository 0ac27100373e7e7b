# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections by link-local addresses of IPv6, which hold on one link: each NIC has a route to all of them."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host import netlink
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.kernel import wireguard
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.routes import (
    Link,
    Local,
    Route,
    Routing,
    scoped,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.uses import network_uses
from ansible_collections.kvm.hostdev.tests.unit.helpers.made_network import (
    TCP,
    address6,
    nic,
    route6,
    upper,
    uses,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

from .kernel.test_links import Generic, attribute, endpoint

A, B = "0000:01:00.0", "0000:02:00.0"
EVERYWHERE = [(("eth0",), "fe80::/64"), (("eth1",), "fe80::/64")]


def of(folder, code, *parts, environ=None, links=None):
    """The NICs that have a use, where both have a link-local address; eth0 has the number 2, eth1 3."""
    nics = [nic("eth0", A), nic("eth1", B)]
    files(folder, {path: text for part in (*nics, *parts) for path, text in part.items()})
    routing = Routing(
        [Route(interfaces, ip_network(network)) for interfaces, network in EVERYWHERE],
        [Local("eth0", ip_address("fe80::a")), Local("eth1", ip_address("fe80::b"))],
        links=links or {},
        names={2: "eth0", 3: "eth1"},
    )
    found = network_uses(Tree(str(folder)), routing, environ or {})
    return [use.address for use in found if use.code == code]


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        ("fe80::99%eth1 5000 fe80::b%eth1 22", [B]),
        ("fe80::99%3 5000 fe80::b%3 22", [B]),
        ("fe80::99%eth0 5000 fe80::a%eth0 22", [A]),
        ("fe80::99 5000 fe80::b 22", [B]),
        ("fe80::99 5000 fe80::77 22", [A, B]),
        ("fe80::99%9 5000 fe80::77%9 22", [A, B]),
        ("fe80::99%a%b 5000 fe80::77% 22", [A, B]),
    ],
    ids=["named", "numbered", "the other", "no scope", "nothing told", "no such number", "no scope at all"],
)
def test_a_connection_comes_in_on_the_link_that_its_scope_names(folder, connection, expected):
    assert of(folder, "ssh_nic", environ={"SSH_CONNECTION": connection}) == expected


def test_a_scope_on_an_address_that_holds_everywhere_says_nothing(folder):
    assert scoped(ip_address("2001:db8::1"), "eth1") == ip_address("2001:db8::1")
    assert scoped(ip_address("169.254.1.1"), "eth1") == ip_address("169.254.1.1")


@pytest.mark.parametrize(
    ("connection", "expected"),
    [("fe80::99%eth1 5000 fe80::b%eth1 22", []), ("192.0.2.1 1 192.0.2.2 22", [B])],
    ids=["ours", "somebody's"],
)
def test_our_own_connection_is_not_taken_for_somebody_elses(folder, connection, expected):
    """/proc tells of a socket's addresses without their scopes."""
    ends = (f"000080FE{'0' * 16}{end}" for end in ("0B000000", "99000000"))
    sockets = {"/proc/net/tcp6": "{}   0: {}:0016 {}:1388 01 0 0\n".format(TCP, *ends)}
    assert of(folder, "mgmt_nic", sockets, environ={"SSH_CONNECTION": connection}) == expected


def mounted(address):
    return {"/proc/self/mountinfo": f"28 1 0:50 / /srv rw - nfs4 [{address}]:/x rw,addr={address}\n"}


def server(address):
    return {
        "/proc/fs/nfsfs/servers": f"NV SERVER   PORT USE HOSTNAME\nv4 {ip_address(address).packed.hex()}  801   1 nas\n"
    }


@pytest.mark.parametrize("scope", ["eth1", "3"])
def test_a_mount_names_the_link_by_name_or_number(folder, scope):
    assert of(folder, "network_storage", mounted(f"fe80::1%{scope}"), server("fe80::1")) == [B]


def test_the_link_of_a_mount_may_have_any_name(folder):
    bridge = upper("br-lan.7", "eth1")
    assert of(folder, "network_storage", mounted("fe80::1%br-lan.7"), bridge) == [B]


@pytest.mark.parametrize(("mount", "expected"), [({}, [A, B]), (mounted("fe80::2%eth1"), [B, A, B])])
def test_a_server_that_no_mount_tells_more_of_may_be_on_each_link(folder, mount, expected):
    assert of(folder, "network_storage", mount, server("fe80::1")) == expected


def test_a_disk_of_a_network_is_on_the_link_that_is_named(folder):
    path = "/sys/devices/virtual/nvme-fabrics/ctl/nvme0"
    contents = {
        "/sys/class/nvme/nvme0": f"-> ../../..{path}",
        f"{path}/transport": "tcp\n",
        f"{path}/address": "traddr=fe80::1%eth1,trsvcid=4420\n",
    }
    assert of(folder, "network_storage", contents) == [B]


def test_a_wireguard_peers_endpoint_has_its_link(folder, monkeypatch):
    address = endpoint("fe80::9")[:24] + (3).to_bytes(4, "little" if netlink.number(b"\1\0\0\0") == 1 else "big")
    generic = Generic(attribute(4, address))
    monkeypatch.setattr(netlink, "ask", generic.ask)
    monkeypatch.setattr(netlink, "dump", generic.dump)
    ends = tuple(wireguard.endpoints("wg0"))
    assert ends == (ip_address("fe80::9%3"),)
    environ = {"SSH_CONNECTION": "fe80::99%wg0 5000 fe80::77%wg0 22"}
    assert of(folder, "ssh_nic", upper("wg0"), environ=environ, links={"wg0": Link(ends=ends)}) == [B]


def test_proc_has_the_numbers_of_interfaces_too(folder):
    addresses6 = "".join(
        address6(name, address, "20").replace(" 02 ", f" {number} ")
        for name, address, number in (("eth0", "fe80::a", "02"), ("eth1", "fe80::b", "0b"))
    )
    host_uses = uses(
        folder,
        nic("eth0", A),
        nic("eth1", B),
        addresses6=addresses6,
        routes6=route6("eth0", "fe80::/64") + route6("eth1", "fe80::/64"),
        environ={"SSH_CONNECTION": "fe80::99%11 5000 fe80::77%11 22"},
    )
    assert host_uses == [("ssh_nic", B, "ssh connection from fe80::99%11 on eth1")]
