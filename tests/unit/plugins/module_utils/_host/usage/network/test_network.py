# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ipaddress
import sys

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.routes import proc_routing
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.uses import network_uses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import HostUse
from ansible_collections.kvm.hostdev.tests.unit.helpers.made_network import (
    TCP,
    address6,
    below,
    digits,
    nic,
    route,
    route6,
    routed_uses,
    told,
    upper,
    uses,
)

A, B, C = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"


def ssh(*arguments, **keywords):
    return [use for use in uses(*arguments, **keywords) if use[0] == "ssh_nic"]


SSH = {"SSH_CONNECTION": "10.0.2.2 42000 10.0.2.15 22"}


def test_the_lab_hosts_management_nic(lab):
    assert told(network_uses(lab, proc_routing(lab), SSH)) == [
        ("default_route", "0000:00:03.0", "default route (0.0.0.0/0) on enp0s3"),
        ("ip_configured", "0000:00:03.0", "IPv4 network 10.0.2.0/24 on enp0s3"),
        ("ip_configured", "0000:00:03.0", "IPv4 network 10.0.2.2/32 on enp0s3"),
        ("ip_configured", "0000:00:03.0", "IPv4 network 10.0.2.3/32 on enp0s3"),
        ("ssh_nic", "0000:00:03.0", "ssh connection from 10.0.2.2 on enp0s3"),
    ]


def test_a_default_route_falls_on_its_interface(folder):
    host_uses = uses(folder, nic("eth0", A), nic("eth1", B), routes=route("eth0", "0.0.0.0/0", "192.0.2.1", "0003"))
    assert host_uses == [("default_route", A, "default route (0.0.0.0/0) on eth0")]


def test_an_ipv6_default_route_falls_on_its_interface(folder):
    assert uses(folder, nic("eth0", A), routes6=route6("eth0", "::/0", "00000003")) == [
        ("default_route", A, "default route (::/0) on eth0")
    ]


def test_routes_that_reject_are_down_or_belong_to_the_loopback_are_none(folder):
    host_uses = uses(
        folder,
        nic("eth0", A),
        routes=route("eth0", "0.0.0.0/0", flags="0201") + route("eth0", "10.0.0.0/8", flags="0000") + "short\n",
        routes6=route6("eth0", "::/0", "00200200") + route6("lo", "::/0") + route6("eth0", "ff00::/8") + "short\n",
    )
    assert host_uses == []


def test_a_network_behind_a_gateway_is_no_address_of_the_host(folder):
    routes = route("eth0", "10.0.0.0/8", "192.0.2.1", "0003") + route("eth0", "192.0.2.0/24")
    assert uses(folder, nic("eth0", A), routes=routes) == [("ip_configured", A, "IPv4 network 192.0.2.0/24 on eth0")]


def test_an_ipv6_address_is_told_and_a_link_local_one_is_not(folder):
    addresses = address6("eth0", "2001:db8::5") + address6("eth0", "fe80::5", "20") + address6("lo", "::1", "10")
    assert uses(folder, nic("eth0", A), addresses6=addresses) == [
        ("ip_configured", A, "IPv6 address 2001:db8::5 on eth0")
    ]


def test_a_bridges_address_and_route_fall_on_its_ports(folder):
    host_uses = uses(
        folder,
        nic("eth0", A, **below("eth0", "br0")),
        nic("eth1", B),
        upper("br0", "eth0", "vnet0"),
        routes=route("br0", "0.0.0.0/0", "192.0.2.1", "0003") + route("br0", "192.0.2.0/24"),
    )
    assert host_uses == [
        ("default_route", A, "default route (0.0.0.0/0) on br0, through eth0"),
        ("ip_configured", A, "IPv4 network 192.0.2.0/24 on br0, through eth0"),
        ("enslaved", A, "port of br0 on eth0"),
    ]


def test_a_vlan_on_a_bond_falls_on_both_of_its_nics(folder):
    host_uses = uses(
        folder,
        nic("eth0", A, **below("eth0", "bond0")),
        nic("eth1", B, **below("eth1", "bond0")),
        upper("bond0", "eth0", "eth1"),
        upper("bond0.7", "bond0"),
        routes=route("bond0.7", "198.51.100.0/24"),
    )
    assert sorted(host_uses) == [
        ("enslaved", A, "port of bond0 on eth0"),
        ("enslaved", B, "port of bond0 on eth1"),
        ("ip_configured", A, "IPv4 network 198.51.100.0/24 on bond0.7, through eth0"),
        ("ip_configured", B, "IPv4 network 198.51.100.0/24 on bond0.7, through eth1"),
    ]


def test_interfaces_above_each_other_in_a_circle_do_not_hang(folder):
    host_uses = uses(
        folder, upper("a", "b", "eth0"), upper("b", "a"), nic("eth0", A), routes=route("a", "198.51.100.0/24")
    )
    assert host_uses == [("ip_configured", A, "IPv4 network 198.51.100.0/24 on a, through eth0")]


def test_an_interface_that_no_device_carries_is_no_use(folder):
    assert uses(folder, upper("tun0"), routes=route("tun0", "198.51.100.0/24")) == []


def test_a_nic_that_only_has_a_link_is_no_use(folder):
    assert uses(folder, nic("eth0", A)) == []


def test_a_default_route_of_another_table_counts_and_the_table_is_named(folder):
    routes = [(("eth0",), "0.0.0.0/0", 254), (("eth1",), "0.0.0.0/0", 100), (("eth1",), "::/0", 101)]
    assert told(routed_uses(folder, nic("eth0", A), nic("eth1", B), routes=routes)) == [
        ("default_route", A, "default route (0.0.0.0/0) on eth0"),
        ("default_route", B, "default route (0.0.0.0/0, table 100) on eth1"),
        ("default_route", B, "default route (::/0, table 101) on eth1"),
    ]


def test_a_multipath_default_route_falls_on_each_of_its_interfaces(folder):
    host_uses = routed_uses(folder, nic("eth0", A), nic("eth1", B), routes=[(("eth0", "eth1"), "0.0.0.0/0", 254)])
    assert [(use.code, use.address) for use in host_uses] == [("default_route", A), ("default_route", B)]


def test_an_address_without_a_route_counts_and_a_link_local_one_does_not(folder):
    addresses = [("eth0", "198.51.100.5"), ("eth1", "fe80::5"), ("eth1", "2001:db8::5")]
    assert told(routed_uses(folder, nic("eth0", A), nic("eth1", B), addresses=addresses)) == [
        ("ip_configured", A, "IPv4 address 198.51.100.5 on eth0"),
        ("ip_configured", B, "IPv6 address 2001:db8::5 on eth1"),
    ]


def test_each_use_has_the_path_of_the_interface_that_carries_it(folder):
    host_uses = routed_uses(
        folder,
        nic("eth0", A, **below("eth0", "br0")),
        upper("br0", "eth0"),
        routes=[(("br0",), "0.0.0.0/0", 254)],
        addresses=[("br0", "10.0.2.15")],
        environ=SSH,
    )
    path = f"/sys/devices/pci0000:00/{A}/net/eth0"
    assert {use.code: use.path for use in host_uses} == dict.fromkeys(
        ["default_route", "ip_configured", "enslaved", "ssh_nic"], path
    )


def test_a_usb_nic_is_of_its_controller_and_one_of_another_bus_of_no_function(folder):
    usb = f"/sys/devices/pci0000:00/{A}/usb1/1-2/1-2:1.0/net/usb0"
    soc = "/sys/devices/platform/soc/1c30000.ethernet/net/end0"
    contents = {
        f"{usb}/operstate": "up\n",
        "/sys/class/net/usb0": f"-> ../../..{usb}",
        f"{soc}/operstate": "up\n",
        "/sys/class/net/end0": f"-> ../../..{soc}",
    }
    assert routed_uses(folder, contents, addresses=[("usb0", "192.0.2.1"), ("end0", "192.0.2.2")]) == [
        HostUse("ip_configured", A, "IPv4 address 192.0.2.1 on usb0", usb),
        HostUse("ip_configured", "", "IPv4 address 192.0.2.2 on end0", soc),
    ]


# This very ssh connection.

ON_A = route("eth0", "10.0.2.0/24")
ON_B = route("eth1", "192.0.2.0/24")


def test_the_connection_is_found_through_the_servers_address(folder):
    assert ssh(folder, nic("eth0", A), nic("eth1", B), routes=ON_A + ON_B, environ=SSH) == [
        ("ssh_nic", A, "ssh connection from 10.0.2.2 on eth0")
    ]


def test_the_way_back_to_the_client_counts_too(folder):
    environ = {"SSH_CONNECTION": "192.0.2.9 42000 10.0.2.15 22"}
    assert ssh(folder, nic("eth0", A), nic("eth1", B), routes=ON_A + ON_B, environ=environ) == [
        ("ssh_nic", A, "ssh connection from 192.0.2.9 on eth0"),
        ("ssh_nic", B, "ssh connection from 192.0.2.9 on eth1"),
    ]


def test_the_narrowest_route_to_the_client_counts(folder):
    routes = (
        route("eth1", "0.0.0.0/0", "192.0.2.1", "0003") + route("eth0", "203.0.113.0/24", "10.0.2.1", "0003") + ON_A
    )
    environ = {"SSH_CONNECTION": "203.0.113.7 1 10.0.2.15 22"}
    assert ssh(folder, nic("eth0", A), nic("eth1", B), routes=routes, environ=environ) == [
        ("ssh_nic", A, "ssh connection from 203.0.113.7 on eth0")
    ]


def test_a_connection_through_a_bridge_falls_on_its_port(folder):
    host_uses = ssh(
        folder,
        nic("eth0", A, **below("eth0", "br0")),
        upper("br0", "eth0"),
        routes=route("br0", "10.0.2.0/24"),
        environ=SSH,
    )
    assert host_uses == [("ssh_nic", A, "ssh connection from 10.0.2.2 on br0, through eth0")]


@pytest.mark.parametrize(
    ("server", "scope", "zone"), [("2001:db8::15", "00", ""), ("fe80::15", "20", "%eth0"), ("fe80::15", "20", "")]
)
def test_an_ipv6_connection_is_found_by_the_servers_address_also_a_link_local_one(folder, server, scope, zone):
    environ = {"SSH_CONNECTION": f"2001:db8:9::2 42000 {server}{zone} 22"}
    addresses = address6("eth0", server, scope) + address6("eth1", "2001:db8::99")
    assert ssh(folder, nic("eth0", A), nic("eth1", B), addresses6=addresses, environ=environ) == [
        ("ssh_nic", A, "ssh connection from 2001:db8:9::2 on eth0")
    ]


def test_an_ipv6_route_leads_back_to_the_client(folder):
    environ = {"SSH_CONNECTION": "2001:db8:9::2 42000 2001:db8::15 22"}
    assert ssh(folder, nic("eth0", A), routes6=route6("eth0", "2001:db8:9::/64"), environ=environ) == [
        ("ssh_nic", A, "ssh connection from 2001:db8:9::2 on eth0")
    ]


def test_an_ipv6_default_route_leads_back_to_the_client(folder):
    environ = {"SSH_CONNECTION": "2001:db8:9::2 42000 2001:db8::15 22"}
    routes = route6("eth0", "::/0", "00000003")
    host_uses = ssh(folder, nic("eth0", A), nic("eth1", B), routes6=routes, routes=ON_B, environ=environ)
    assert host_uses == [("ssh_nic", A, "ssh connection from 2001:db8:9::2 on eth0")]


def test_the_connection_is_found_by_an_address_that_no_route_leads_to(folder):
    host_uses = routed_uses(folder, nic("eth0", A), addresses=[("eth0", "10.0.2.15")], environ=SSH)
    assert ("ssh_nic", A, "ssh connection from 10.0.2.2 on eth0") in told(host_uses)


def ssh_nics(host_uses):
    return [use.address for use in host_uses if use.code == "ssh_nic"]


def test_the_answers_may_leave_by_each_interface_of_a_multipath_route(folder):
    host_uses = routed_uses(
        folder, nic("eth0", A), nic("eth1", B), routes=[(("eth0", "eth1"), "10.0.0.0/16", 254)], environ=SSH
    )
    assert ssh_nics(host_uses) == [A, B]


def test_other_tables_lead_back_to_the_client_only_where_main_does_not(folder):
    own = (("eth1",), "10.0.2.2/32", 100)
    nics = [nic("eth0", A), nic("eth1", B)]
    assert ssh_nics(routed_uses(folder, *nics, routes=[own, (("eth0",), "0.0.0.0/0", 254)], environ=SSH)) == [A]
    assert ssh_nics(routed_uses(folder, routes=[own, (("eth0",), "192.0.2.0/24", 254)], environ=SSH)) == [B]


def test_an_ipv4_address_in_ipv6_clothes_is_ipv4(folder):
    environ = {"SSH_CONNECTION": "::ffff:10.0.2.2 42000 ::ffff:10.0.2.15 22"}
    assert ssh(folder, nic("eth0", A), routes=ON_A, environ=environ) == [
        ("ssh_nic", A, "ssh connection from 10.0.2.2 on eth0")
    ]


def test_after_become_the_connection_is_found_in_the_environment_of_a_process_above(folder):
    host_uses = ssh(
        folder,
        nic("eth0", A),
        routes=ON_A,
        self__status="Name:\tpython3\nPPid:\t300\n",
        **{
            "300__status": "Name:\tsudo\nPPid:\t200\n",
            "300__environ": "SUDO_USER=me\0HOME=/root\0",
            "200__status": "Name:\tsh\nPPid:\t100\n",
            "200__environ": "HOME=/home/me\0SSH_CONNECTION=10.0.2.2 42000 10.0.2.15 22\0",
        },
    )
    assert host_uses == [("ssh_nic", A, "ssh connection from 10.0.2.2 on eth0")]


def test_a_process_without_one_above_looks_for_connections_to_the_ssh_port(folder):
    rows = (
        f"   0: 00000000:0016 00000000:0000 0A\n"
        f"   1: {digits('10.0.2.15')}:0016 {digits('10.0.2.2')}:A404 01 0 0\n"
        f"   2: {digits('192.0.2.15')}:01BB {digits('192.0.2.2')}:A404 01 0 0\n"
        f"   3: {digits('127.0.0.1')}:0016 {digits('127.0.0.1')}:A404 01 0 0\n"
        f"   4: {digits('192.0.2.15')}:0016 {digits('192.0.2.2')}:A404 06 0 0\n"
    )
    host_uses = ssh(
        folder,
        nic("eth0", A),
        nic("eth1", B),
        routes=ON_A + ON_B,
        self__status="PPid:\t1\n",
        net__tcp=TCP + rows,
    )
    assert host_uses == [("ssh_nic", A, "ssh connection from 10.0.2.2 on eth0")]


def test_ipv6_connections_to_the_ssh_port_are_found_too(folder):
    server = "B80D0120" + "00000000" + "00000000" + "15000000"
    client = "B80D0120" + "00000900" + "00000000" + "02000000"
    host_uses = ssh(
        folder,
        nic("eth0", A),
        addresses6=address6("eth0", "2001:db8::15"),
        self__status="PPid:\t1\n",
        net__tcp6=f"{TCP}   0: {server}:0016 {client}:A404 01 0 0\n",
    )
    assert host_uses == [("ssh_nic", A, "ssh connection from 2001:db8:9::2 on eth0")]


def test_the_lab_hosts_connection_is_found_without_any_environment(lab):
    assert [(use.address, use.detail) for use in network_uses(lab, proc_routing(lab), {}) if use.code == "ssh_nic"] == [
        ("0000:00:03.0", "ssh connection from 10.0.2.2 on enp0s3")
    ]


@pytest.mark.parametrize("text", ["", "10.0.2.2", "a b c d", "10.0.2.2 1 host 22"])
def test_a_connection_that_makes_no_sense_is_not_believed(folder, text):
    assert ssh(folder, nic("eth0", A), routes=ON_A, environ={"SSH_CONNECTION": text}) == []


def test_a_run_that_did_not_come_by_ssh_uses_no_nic_for_it(folder):
    assert ssh(folder, nic("eth0", A), routes=ON_A, self__status="PPid:\t1\n") == []


def test_somebody_elses_ssh_connection_makes_a_management_nic(folder):
    ours = f"   0: {digits('10.0.0.1')}:0016 {digits('10.0.0.9')}:C000 01\n"
    other = f"   1: {digits('10.1.0.1')}:0016 {digits('10.1.0.9')}:C001 01\n"
    host_uses = uses(
        folder,
        nic("eth0", A),
        nic("eth1", B),
        routes=route("eth0", "10.0.0.0/24") + route("eth1", "10.1.0.0/24"),
        environ={"SSH_CONNECTION": "10.0.0.9 49152 10.0.0.1 22"},
        net__tcp=TCP + ours + other,
    )
    assert [use for use in host_uses if use[0] in ("ssh_nic", "mgmt_nic")] == [
        ("ssh_nic", A, "ssh connection from 10.0.0.9 on eth0"),
        ("mgmt_nic", B, "ssh connection from 10.1.0.9 on eth1"),
    ]


def test_a_route_through_an_internal_port_of_open_vswitch_may_leave_by_any_port_of_the_switch(folder):
    parts = [
        nic("eth0", A, **below("eth0", "ovs-system")),
        nic("eth1", B, **below("eth1", "ovs-system")),
        nic("eth2", C),
        upper("ovs-system", "eth0", "eth1"),
        upper("br-ex"),
        upper("tap0"),
    ]
    routes = [(("br-ex",), "0.0.0.0/0", 254)]
    host_uses = routed_uses(folder, *parts, routes=routes, addresses=[("tap0", "10.0.0.1")], switch_ports=["br-ex"])
    assert sorted((use.code, use.address) for use in host_uses if use.code != "enslaved") == [
        ("default_route", A),
        ("default_route", B),
    ]


def test_a_client_whose_address_begins_like_ours_is_somebody_else(folder):
    other = f"   0: {digits('10.1.0.1')}:0016 {digits('10.0.0.1')}:C001 01\n"
    host_uses = uses(
        folder,
        nic("eth0", A),
        nic("eth1", B),
        routes=route("eth0", "10.0.0.8/29") + route("eth1", "10.1.0.0/24"),
        environ={"SSH_CONNECTION": "10.0.0.12 49152 10.0.0.9 22"},
        net__tcp=TCP + other,
    )
    assert ("mgmt_nic", B, "ssh connection from 10.0.0.1 on eth1") in host_uses


def big_endian(address):
    return ipaddress.IPv4Address(address).packed.hex().upper()


def test_a_big_endian_host_prints_addresses_the_other_way_round(folder, monkeypatch):
    monkeypatch.setattr(sys, "byteorder", "big")
    row = ["eth0", big_endian("10.0.2.0"), big_endian("0.0.0.0"), "0001", "0", "0", "0", big_endian("255.255.255.0")]
    socket6 = "20010DB8000000000000000000000015:0016 20010DB8000900000000000000000002:A404"
    host_uses = uses(
        folder,
        nic("eth0", A),
        nic("eth1", B),
        routes="\t".join(row) + "\n",
        addresses6=address6("eth1", "2001:db8::15"),
        self__status="PPid:\t1\n",
        net__tcp=f"{TCP}   0: {big_endian('10.0.2.15')}:0016 {big_endian('10.0.2.2')}:A404 01 0 0\n",
        net__tcp6=f"{TCP}   0: {socket6} 01 0 0\n",
    )
    assert host_uses == [
        ("ip_configured", A, "IPv4 network 10.0.2.0/24 on eth0"),
        ("ip_configured", B, "IPv6 address 2001:db8::15 on eth1"),
        ("ssh_nic", A, "ssh connection from 10.0.2.2 on eth0"),
        ("ssh_nic", B, "ssh connection from 2001:db8:9::2 on eth1"),
    ]


# Link-local addresses, which an interface gives itself.


def test_an_ipv4_address_of_zeroconf_is_no_configuration(folder):
    nics = [nic("eth0", A), nic("eth1", B)]
    assert (
        routed_uses(folder, *nics, addresses=[("eth1", "169.254.7.1")], routes=[(("eth1",), "169.254.0.0/16", 254)])
        == []
    )
    assert uses(folder, routes=route("eth1", "169.254.0.0/16")) == []


def test_a_link_local_address_that_a_route_leaves_from_is_one(folder):
    routes = [(("eth1",), "169.254.0.0/16", 254), (("eth1",), "10.0.0.0/8", 100)]
    host_uses = routed_uses(folder, nic("eth0", A), nic("eth1", B), addresses=[("eth1", "169.254.7.1")], routes=routes)
    assert told(host_uses) == [("ip_configured", B, "IPv4 address 169.254.7.1 on eth1")]


def test_a_route_of_ipv6_makes_no_configuration_of_ipv4s_link_local_address(folder):
    routes = [(("eth1",), "2001:db8::/64", 254)]
    host_uses = routed_uses(folder, nic("eth1", B), addresses=[("eth1", "169.254.7.1")], routes=routes)
    assert told(host_uses) == [("ip_configured", B, "route to 2001:db8::/64 on eth1")]


def test_the_ssh_connection_counts_by_a_link_local_address_too(folder):
    environ = {"SSH_CONNECTION": "169.254.9.9 42000 169.254.7.1 22"}
    host_uses = routed_uses(folder, nic("eth1", B), addresses=[("eth1", "169.254.7.1")], environ=environ)
    assert told(host_uses) == [("ssh_nic", B, "ssh connection from 169.254.9.9 on eth1")]
