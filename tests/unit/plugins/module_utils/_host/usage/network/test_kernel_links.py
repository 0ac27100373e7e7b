# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What answers of RTM_GETLINK, RTM_GETNSID and WireGuard's generic netlink tell, made as the kernel makes them."""

from __future__ import annotations

import errno
import os
import socket
import struct
from ipaddress import ip_address

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host import netlink
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network import foreign_links, wireguard
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.foreign_links import (
    ForeignLink,
    read_foreign_links,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.kernel_routes import netlink_routing
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.routes import Link
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

NAMES = {1: "lo", 2: "eth0", 3: "eth1", 4: "veth0", 5: "veth1"}


def attribute(kind, content):
    return netlink.attribute(kind, content if isinstance(content, bytes) else struct.pack("=i", content))


def link(name, number=9, kind="", data=b"", **attributes):
    """An answer; `link`, `netnsid`, `target`, `bus` and `parent` by their names."""
    kinds = {"link": 5, "netnsid": 37, "target": 46, "parent": 56, "bus": 57}
    body = netlink.LINK.pack(0, 1, number, 0x1003, 0) + attribute(3, name.encode() + b"\0")
    if kind:
        body += attribute(18 | 0x8000, attribute(1, kind.encode()) + attribute(2 | 0x8000, data))
    return body + b"".join(
        attribute(kinds[key], value.encode() + b"\0" if isinstance(value, str) else value)
        for key, value in attributes.items()
    )


def links(*bodies, endpoints=None):
    def dump(kind, _family):
        return bodies if kind == netlink.RTM_GETLINK else []

    return netlink_routing(dump, NAMES, endpoints).links


def packed(*addresses):
    return [ip_address(address).packed for address in addresses]


V4, V4B, V6 = packed("192.0.2.1", "198.51.100.9", "2001:db8::9")
ENDS = (ip_address("192.0.2.1"), ip_address("198.51.100.9"))


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("ipip", attribute(1, 3) + attribute(2, V4) + attribute(3, V4B), Link("eth1", ends=ENDS)),
        ("sit", attribute(2, V4) + attribute(3, V4B), Link(ends=ENDS)),
        ("ip6tnl", attribute(3, V6), Link(ends=(ip_address("2001:db8::9"),))),
        ("gre", attribute(1, 2) + attribute(6, V4) + attribute(7, V4B), Link("eth0", ends=ENDS)),
        ("ip6gretap", attribute(7, V6), Link(ends=(ip_address("2001:db8::9"),))),
        ("erspan", attribute(7, V4B), Link(ends=ENDS[1:])),
        ("vti", attribute(4, V4) + attribute(5, V4B), Link(ends=ENDS)),
        ("vxlan", attribute(3, 3) + attribute(2, V4B) + attribute(4, V4), Link("eth1", ends=ENDS[::-1])),
        ("vxlan", attribute(16, V6), Link(ends=(ip_address("2001:db8::9"),))),
        ("geneve", attribute(2, V4B), Link(ends=ENDS[1:])),
        ("geneve", attribute(7, V6), Link(ends=(ip_address("2001:db8::9"),))),
        ("xfrm", attribute(1, 2), Link("eth0")),
    ],
)
def test_a_tunnels_ends_and_the_interface_that_it_is_bound_to(kind, data, expected):
    assert links(link("tun7", kind=kind, data=data)) == {"tun7": expected}


@pytest.mark.parametrize(
    "body",
    [
        link("tunl0", kind="ipip", data=attribute(1, 0) + attribute(2, bytes(4)) + attribute(3, bytes(4))),
        link("gre0", kind="gre", data=attribute(7, b"abc")),
        link("br0", kind="bridge", data=attribute(2, V4)),
        link("eth0", 2, link=2),
        link("eth1"),
    ],
)
def test_an_interface_of_which_there_is_nothing_to_tell(body):
    assert links(body) == {}


def test_a_veth_has_its_other_end_and_a_vlan_its_interface():
    assert links(link("veth0", 4, "veth", link=5), link("v7", 8, "vlan", link=2)) == {
        "veth0": Link("veth1", paired=True),
        "v7": Link("eth0"),
    }


def test_the_number_of_an_interface_elsewhere_is_none_of_one_here():
    assert links(link("veth0", 4, "veth", link=2, netnsid=0), link("mv0", 8, "macvlan", link=3, netnsid=1)) == {
        "veth0": Link(paired=True, abroad=True),
        "mv0": Link(abroad=True),
    }


def test_wireguard_is_asked_for_its_peers():
    asked = []

    def endpoints(interface):
        asked.append(interface)
        return [ENDS[1]]

    assert links(link("wg0", kind="wireguard"), link("eth1"), endpoints=endpoints) == {"wg0": Link(ends=ENDS[1:])}
    assert asked == ["wg0"]


class Generic:
    """The kernel's generic netlink with a WireGuard interface."""

    def __init__(self, *peers):
        self.peers = peers

    def ask(self, kind, body, protocol):
        assert (kind, protocol, body[:4]) == (0x10, 16, b"\x03\x01\0\0")
        assert netlink.attributes(body[4:]) == [(2, b"wireguard\0")]
        return [b"\x01\x02\0\0" + attribute(2, b"wireguard\0") + attribute(1, struct.pack("=H", 31))]

    def dump(self, kind, body, protocol):
        assert (kind, protocol, body[:4]) == (31, 16, b"\x00\x01\0\0")
        assert netlink.attributes(body[4:]) == [(2, b"wg0\0")]
        # Peers come in several messages, each of which says again which interface they are of.
        return [
            b"\0\x01\0\0" + attribute(2, b"wg0\0") + attribute(8 | 0x8000, attribute(0x8000, peer))
            for peer in self.peers
        ]


def endpoint(address):
    if ":" in address:
        return struct.pack("=H", 10) + struct.pack(">HI", 51820, 0) + ip_address(address).packed + bytes(4)
    return struct.pack("=H", 2) + struct.pack(">H", 51820) + ip_address(address).packed + bytes(8)


def test_wireguards_peers_have_their_endpoints(monkeypatch):
    key = attribute(1, bytes(32))
    generic = Generic(key + attribute(4, endpoint("198.51.100.9")), key, key + attribute(4, endpoint("2001:db8::9")))
    monkeypatch.setattr(netlink, "ask", generic.ask)
    monkeypatch.setattr(netlink, "dump", generic.dump)
    assert wireguard.endpoints("wg0") == [ip_address("198.51.100.9"), ip_address("2001:db8::9")]


@pytest.mark.parametrize("answer", [[], [b"\x01"], [b"\x01\x02\0\0"], OSError(errno.EPERM, "no")])
def test_a_kernel_that_does_not_tell_of_wireguard_leaves_the_peers_unknown(monkeypatch, answer):
    def ask(*_arguments):
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(netlink, "ask", ask)
    assert wireguard.endpoints("wg0") == []


# Other namespaces: 0 and 2 have interfaces of this host, 7 is this one's id.


class Namespaces:
    def __init__(self, links, home=7, processes=None):
        self.links, self.home, self.processes = links, home, processes or {}

    def patient_dump(self, kind, _family, about=b""):
        if kind == netlink.RTM_GETNSID:
            return [netlink.NAMESPACE.pack(0) + attribute(1, number) for number in self.links]
        ((code, number),) = netlink.attributes(about)
        assert (kind, code) == (netlink.RTM_GETLINK, 46)
        answer = self.links[netlink.signed(number)]
        if isinstance(answer, OSError):
            raise answer
        return answer

    def ask(self, kind, body):
        assert kind == netlink.RTM_GETNSID
        ((code, number),) = netlink.attributes(body[4:])
        assert code == 2
        process = netlink.signed(number)
        known = self.home if process == os.getpid() else self.processes.get(process, -1)
        return [netlink.NAMESPACE.pack(0) + attribute(1, known)]


class Host(Tree):
    def local(self, path):
        return path if path == "/" else super().local(path)


def foreign(folder, monkeypatch, namespaces):
    contents = {"/proc/self/ns/net": "-> net:[1]"}
    for process in namespaces.processes:
        contents[f"/proc/{process}/ns/net"] = f"-> net:[{process}]"
        contents[f"/proc/{process}/comm"] = "pause\n"
    files(folder, contents)
    monkeypatch.setattr(netlink, "patient_dump", namespaces.patient_dump)
    monkeypatch.setattr(netlink, "ask", namespaces.ask)
    monkeypatch.setattr(socket, "if_nameindex", lambda: list(NAMES.items()))
    return read_foreign_links(Host(str(folder)))


def test_interfaces_of_devices_and_on_interfaces_here_are_found_in_other_namespaces(folder, monkeypatch):
    there = [
        link("lo", 1, target=0),
        link("net1", 5, target=0, bus="pci", parent="0000:01:10.0"),
        link("eth0", 6, "veth", link=4, netnsid=7, target=0),
    ]
    # An interface of its own number: of a MACVLAN that is the chance of two namespaces, of a VXLAN it is itself.
    other = [
        link("mv0", 2, "macvlan", link=2, netnsid=7, target=2),
        link("vx0", 3, "vxlan", link=3, netnsid=7, target=2),
        link("mv1", 8, "macvlan", link=2, netnsid=0, target=2),
        link("v5", 9, "vlan", link=2, target=2),
    ]
    namespaces = Namespaces({0: there, 2: other}, processes={300: 0})
    assert foreign(folder, monkeypatch, namespaces) == [
        ForeignLink("net1", "the network namespace of process 300 (pause)", "/sys/bus/pci/devices/0000:01:10.0", None),
        ForeignLink("mv0", "another network namespace", "", "eth0"),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        [link("eth0", 2, bus="pci", parent="0000:01:00.0")],  # of a kernel that does not know the question
        OSError(errno.EPERM, "not permitted"),
        [],
    ],
    ids=str,
)
def test_a_namespace_that_the_kernel_does_not_show_is_left_out(folder, monkeypatch, answer):
    assert foreign(folder, monkeypatch, Namespaces({0: answer})) == []


def test_this_namespace_is_no_other(folder, monkeypatch):
    ours = [link("eth0", 2, target=7, bus="pci", parent="0000:01:00.0")]
    assert foreign(folder, monkeypatch, Namespaces({7: ours})) == []


def test_a_kernel_without_ids_for_namespaces_has_nothing_to_tell(folder, monkeypatch):
    def refuse(*_arguments):
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(netlink, "patient_dump", refuse)
    assert read_foreign_links(Host(str(folder))) == []


def test_the_running_kernel_can_be_asked():
    assert isinstance(foreign_links.read_foreign_links(Tree()), list)
