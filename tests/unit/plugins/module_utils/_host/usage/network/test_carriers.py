# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The NICs that carry an interface of which sysfs shows none below."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.routes import Link
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import HostUse
from ansible_collections.kvm.hostdev.tests.unit.helpers.made_network import (
    below,
    nic,
    route,
    routed_uses,
    told,
    upper,
    uses,
)

A, B, C = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
SSH = {"SSH_CONNECTION": "10.9.0.7 5000 10.9.0.1 22"}
PEER = "198.51.100.9"


def of(code, host_uses):
    return sorted({use.address for use in host_uses if use.code == code})


def dark(name, **contents):
    """An interface below which sysfs shows nothing."""
    made = upper(name)
    made.update({f"/sys/devices/virtual/net/{name}/{file}": text for file, text in contents.items()})
    return made


def through(folder, *parts, name="tun0", routes=(), **keywords):
    """The NICs that an ssh connection counts for that comes in by the interface `name`."""
    routes = [((name,), "10.9.0.0/24", 254), *routes]
    parts = [nic("eth0", A), nic("eth1", B), nic("eth2", C), *parts]
    addresses = [(name, "10.9.0.1"), *keywords.pop("addresses", ())]
    return of("ssh_nic", routed_uses(folder, *parts, routes=routes, addresses=addresses, environ=SSH, **keywords))


DEFAULT = (("eth0",), "0.0.0.0/0", 254)
TO_PEER = (("eth1",), "198.51.100.0/24", 254)


@pytest.mark.parametrize("name", ["wg0", "tun0", "gre1", "vxlan7", "ppp0", "veth0", "dummy0", "br-int"])
def test_what_nothing_tells_of_leaves_by_the_default_route(folder, name):
    assert through(folder, dark(name), name=name, routes=[DEFAULT]) == [A]


def test_the_detail_says_what_is_not_known(folder):
    host_uses = routed_uses(
        folder, nic("eth0", A), dark("tun0"), routes=[DEFAULT], addresses=[("tun0", "10.9.0.1")], environ=SSH
    )
    assert (
        "ssh_nic",
        A,
        "ssh connection from 10.9.0.7 on tun0, below which no device is seen: perhaps through eth0 (default route)",
    ) in told(host_uses)


def test_the_default_route_of_each_table_may_be_it(folder):
    assert through(folder, dark("tun0"), routes=[DEFAULT, (("eth2",), "0.0.0.0/0", 100)]) == [A, C]


def test_a_default_route_through_a_bridge_leads_to_its_port(folder):
    parts = [upper("br0", "eth2"), nic("eth2", C, **below("eth2", "br0")), dark("tun0")]
    assert through(folder, *parts, routes=[(("br0",), "::/0", 254)]) == [C]


def test_where_the_default_route_is_the_tunnel_itself_any_nic_with_a_link_may_be_it(folder):
    down = nic("eth1", B, operstate="down\n")
    routes = [(("tun0",), "0.0.0.0/0", 254)]
    assert through(folder, down, dark("tun0"), routes=routes) == [A, C]
    assert of("default_route", routed_uses(folder, routes=routes)) == [A, C]


def test_two_tunnels_that_lead_to_each_other_do_not_hang(folder):
    links = {"tun0": Link(ends=(ip_address("10.8.0.1"),)), "tun1": Link(ends=(ip_address("10.9.0.1"),))}
    routes = [(("tun1",), "10.8.0.0/24", 254), DEFAULT]
    assert through(folder, dark("tun0"), dark("tun1"), links=links, routes=routes) == [A]


def test_a_tunnel_whose_other_end_is_known_leaves_by_the_route_there(folder):
    links = {"gre1": Link(ends=(ip_address(PEER),))}
    assert through(folder, dark("gre1"), name="gre1", links=links, routes=[DEFAULT, TO_PEER]) == [B]


def test_a_tunnel_comes_in_at_its_own_end(folder):
    links = {"gre1": Link(ends=(ip_address("192.0.2.1"), ip_address(PEER)))}
    addresses = [("eth2", "192.0.2.1")]
    routes = [DEFAULT, TO_PEER]
    assert through(folder, dark("gre1"), name="gre1", links=links, routes=routes, addresses=addresses) == [B, C]


def test_a_tunnel_that_is_bound_to_an_interface_leaves_by_that(folder):
    assert through(folder, dark("vx0"), name="vx0", links={"vx0": Link("eth2")}, routes=[DEFAULT]) == [C]


def test_link_local_ends_are_on_the_link_that_the_tunnel_is_bound_to(folder):
    links = {"vx0": Link("eth2", ends=(ip_address("fe80::9"),))}
    routes = [DEFAULT, (("eth1",), "fe80::/64", 254), (("eth2",), "fe80::/64", 254)]
    assert through(folder, dark("vx0"), name="vx0", links=links, routes=routes) == [C]


def test_a_tunnel_in_a_tunnel_leads_to_the_nic_below_both(folder):
    links = {"gre1": Link(ends=(ip_address("10.8.0.9"),)), "wg0": Link(ends=(ip_address(PEER),))}
    routes = [DEFAULT, TO_PEER, (("wg0",), "10.8.0.0/24", 254)]
    assert through(folder, dark("gre1"), dark("wg0"), name="gre1", links=links, routes=routes) == [B]


def test_a_veth_leads_to_the_ports_of_the_bridge_at_its_other_end(folder):
    parts = [
        dark("veth0"),
        upper("br0", "veth1", "eth2"),
        {**dark("veth1"), "/sys/devices/virtual/net/veth1/upper_br0": "-> ../br0"},
        nic("eth2", C, **below("eth2", "br0")),
    ]
    links = {"veth0": Link("veth1", paired=True), "veth1": Link("veth0", paired=True)}
    assert through(folder, *parts, name="veth0", links=links, routes=[DEFAULT]) == [C]


def test_a_veth_into_another_namespace_may_leave_by_a_nic_that_is_there(folder):
    elsewhere = [HostUse("other_netns", "0000:04:00.0", "it is away", "/sys/devices/pci0000:00/0000:04:00.0")]
    links = {"veth0": Link(paired=True, abroad=True)}
    assert through(folder, dark("veth0"), name="veth0", links=links, routes=[DEFAULT], elsewhere=elsewhere) == [
        A,
        "0000:04:00.0",
    ]


def test_a_nic_of_another_namespace_may_be_it_where_nothing_here_leads_out(folder):
    elsewhere = [HostUse("other_netns", "0000:04:00.0", "it is away", "/sys/devices/pci0000:00/0000:04:00.0")]
    routes = [(("veth0",), "0.0.0.0/0", 254)]
    host_uses = routed_uses(
        folder,
        dark("veth0"),
        routes=routes,
        addresses=[("veth0", "10.9.0.1")],
        elsewhere=elsewhere,
        environ=SSH,
    )
    assert of("ssh_nic", host_uses) == ["0000:04:00.0"]


def test_ppp_over_ethernet_leads_to_the_interface_that_it_runs_on(folder):
    pppoe = {"/proc/net/pppoe": "Id       Address              Device\n00000001 00:11:22:33:44:55     eth1\n"}
    ppp = dark("ppp0", uevent="DEVTYPE=ppp\nINTERFACE=ppp0\n")
    routes = [(("ppp0",), "0.0.0.0/0", 254)]
    assert through(folder, pppoe, ppp, name="ppp0", routes=routes) == [B]
    assert of("default_route", routed_uses(folder, routes=routes)) == [B]


def test_a_bridge_with_a_nic_of_its_own_is_not_guessed_about(folder):
    parts = [upper("br0", "eth2", "vnet0"), nic("eth2", C, **below("eth2", "br0")), dark("vnet0")]
    assert through(folder, *parts, name="br0", routes=[DEFAULT]) == [C]


def test_somebody_elses_connection_and_the_default_route_are_followed_too(folder):
    host_uses = uses(
        folder,
        nic("eth0", A),
        dark("tun0"),
        routes=route("tun0", "0.0.0.0/0") + route("tun0", "10.9.0.0/24"),
        net__tcp="head\n   0: 0100090A:0016 0700090A:1388 01\n",
        environ={"SSH_CONNECTION": "10.7.0.1 1 10.7.0.2 22"},
    )
    assert {code for code, address, _detail in host_uses if address == A} == {"default_route", "ssh_nic", "mgmt_nic"}


def test_an_address_for_guests_alone_is_no_use_of_a_nic(folder):
    parts = [nic("eth0", A), upper("virbr0", "vnet0"), dark("vnet0"), dark("dummy0")]
    addresses = [("virbr0", "192.168.122.1"), ("dummy0", "10.1.1.1")]
    assert of("ip_configured", routed_uses(folder, *parts, routes=[DEFAULT], addresses=addresses)) == []


@pytest.mark.parametrize(
    ("flags", "links", "expected"),
    [
        ("0x1090", {}, [A]),  # POINTOPOINT, NOARP, MULTICAST
        ("0x1003", {}, []),
        ("0x1003", {"tun0": Link(ends=(ip_address(PEER),))}, [B]),
        ("what", {}, []),
    ],
)
def test_an_address_of_a_tunnel_is_one_of_the_nic_that_carries_it(folder, flags, links, expected):
    parts = [nic("eth0", A), nic("eth1", B), dark("tun0", flags=f"{flags}\n")]
    host_uses = routed_uses(folder, *parts, routes=[DEFAULT, TO_PEER], addresses=[("tun0", "10.9.0.1")], links=links)
    assert of("ip_configured", [use for use in host_uses if "address" in use.detail]) == expected
