# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What answers of RTM_GETLINK, RTM_GETNSID and WireGuard's generic netlink tell, made as the kernel makes them."""

from __future__ import annotations

import errno
import os
import socket
import struct
import subprocess
import sys
from ipaddress import ip_address

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host import netlink
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.kernel import foreign_links, wireguard
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.kernel.foreign_links import ForeignLink
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.kernel.network import read_network
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.kernel.routes import netlink_routing
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.routes import Link
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

NAMES = {1: "lo", 2: "eth0", 3: "eth1", 4: "veth0", 5: "veth1"}


def attribute(kind, content):
    return netlink.attribute(kind, content if isinstance(content, bytes) else struct.pack("=i", content))


def link(name, number=9, kind="", data=b"", **attributes):
    """An answer; `link`, `netnsid`, `target`, `bus` and `parent` by their names."""
    kinds = {"link": 5, "netnsid": 37, "xdp": 43, "target": 46, "parent": 56, "bus": 57}
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


@pytest.mark.parametrize(
    ("xdp", "expected"), [(attribute(2, b"\x02"), {"eth1"}), (attribute(2, b"\0"), set()), (b"", set())]
)
def test_an_xdp_program_that_sees_each_packet_first(xdp, expected):
    def dump(kind, _family):
        return [link("eth0", 2), link("eth1", 3, xdp=xdp)] if kind == netlink.RTM_GETLINK else []

    assert netlink_routing(dump, NAMES).programs == expected


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
    """`links` are the answers by ids of namespaces, `hidden` those in a namespace without an id, by a process there.

    There this namespace has the id `home_there`.
    """

    def __init__(self, links, home=7, processes=None, hidden=None, home_there=3):
        self.links, self.home, self.processes, self.hidden = links, home, processes or {}, hidden or {}
        self.home_there = home_there
        self.within = None

    def enter(self, handle):
        number = os.readlink(f"/proc/self/fd/{handle}").partition("net:[")[2].rstrip("]")
        if isinstance(self.hidden[number], OSError):
            raise self.hidden[number]
        self.within = number

    def patient_dump(self, kind, _family, about=b""):
        if self.within is not None:
            assert (kind, about) == (netlink.RTM_GETLINK, b"")
            return self.hidden[self.within]
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
        if self.within is not None:
            assert (code, os.readlink(f"/proc/self/fd/{netlink.signed(number)}")[-7:]) == (3, "net:[1]")
            return [netlink.NAMESPACE.pack(0) + attribute(1, self.home_there)]
        assert code == 2
        process = netlink.signed(number)
        known = self.home if process == os.getpid() else self.processes.get(process, -1)
        return [netlink.NAMESPACE.pack(0) + attribute(1, known)]


class Host(Tree):
    def local(self, path):
        return path if path == "/" else super().local(path)


def foreign(folder, monkeypatch, namespaces):
    contents = {"/proc/self/ns/net": "-> net:[1]", "/proc/self/ns/net:[1]": ""}
    for process in [*namespaces.processes, *namespaces.hidden]:
        contents[f"/proc/{process}/ns/net"] = f"-> net:[{process}]"
        contents[f"/proc/{process}/ns/net:[{process}]"] = ""
        contents[f"/proc/{process}/comm"] = "pause\n"
    files(folder, contents)
    monkeypatch.setattr(netlink, "patient_dump", namespaces.patient_dump)
    monkeypatch.setattr(netlink, "ask", namespaces.ask)
    monkeypatch.setattr(foreign_links, "enter_network", namespaces.enter)
    monkeypatch.setattr(socket, "if_nameindex", lambda: list(NAMES.items()))
    return read_network(Host(str(folder))).foreign


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


def test_what_was_made_right_away_in_a_namespace_without_an_id_here_is_found_there(folder, monkeypatch):
    there = [
        link("lo", 1),
        link("mv0", 2, "macvlan", link=2, netnsid=3),
        link("v7", 3, "vlan", link=2),  # on what is there
        link("mv1", 4, "macvlan", link=3, netnsid=1),  # on what is in a third
        link("eth0", 5, "veth", link=4, netnsid=3),
        link("net1", 6, bus="pci", parent="0000:01:10.0"),
    ]
    other = [link("lo", 1), link("ipvl0", 2, "ipvlan", link=3, netnsid=3)]
    namespaces = Namespaces({}, hidden={"300": there, "301": OSError(errno.EPERM, "no"), "302": other})
    assert foreign(folder, monkeypatch, namespaces) == [
        ForeignLink("mv0", "the network namespace of process 300 (pause)", "", "eth0"),
        ForeignLink("net1", "the network namespace of process 300 (pause)", "/sys/bus/pci/devices/0000:01:10.0", None),
        ForeignLink("ipvl0", "the network namespace of process 302 (pause)", "", "eth1"),
    ]


def test_where_this_namespace_has_no_id_nothing_there_hangs_on_it(folder, monkeypatch):
    there = [link("lo", 1), link("mv1", 4, "macvlan", link=3, netnsid=1), link("v7", 3, "vlan", link=2)]
    namespaces = Namespaces({}, hidden={"300": there}, home_there=-1)
    assert foreign(folder, monkeypatch, namespaces) == []


def test_a_kernel_without_ids_for_namespaces_has_nothing_to_tell(folder, monkeypatch):
    def refuse(*_arguments):
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(netlink, "patient_dump", refuse)
    assert read_network(Host(str(folder))).foreign == []


def test_the_running_kernel_can_be_asked():
    assert isinstance(foreign_links.foreign_links(Tree()), list)


_MADE_RIGHT_AWAY = """
ip link add eth1 type veth peer name eth2 && ip link set eth1 up || exit 77
unshare -n sleep 60 & there=$!
while [ $(readlink /proc/$there/ns/net) = $(readlink /proc/self/ns/net) ]; do sleep 0.01; done
ip link add link eth1 name mv0 netns $there type macvlan mode bridge || { kill $there; exit 77; }
python="$1"; shift
"$python" -c "$1"
kill $there
"""
_SHOW = f"""
from {foreign_links.__name__.rpartition(".usage.")[0]}.sysfs import Tree
from {foreign_links.__name__.rpartition(".")[0]}.network import read_network
print(*((link.name, link.lower) for link in read_network(Tree()).foreign))
"""


def test_a_macvlan_that_was_made_right_away_in_a_namespace_is_found():
    """In namespaces of a user's own, which touch no device."""
    command = ["unshare", "-Urn", "sh", "-c", _MADE_RIGHT_AWAY, "sh", sys.executable, _SHOW]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no namespaces or interfaces can be made here: {done.stderr}")
    assert done.stdout == "('mv0', 'eth1')\n", done.stderr
