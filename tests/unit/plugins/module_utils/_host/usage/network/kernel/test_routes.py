# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a kernel 6.18 answered in a network namespace with two interfaces, eth0 and eth1, and rules between tables."""

from __future__ import annotations

import functools
import json
import socket
import struct
import sys
import time
from ipaddress import ip_address, ip_network

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.system import System
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.kernel import network as kernel_network
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.kernel.network import read_network
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.kernel.routes import netlink_routing
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.network.routes import (
    Local,
    Route,
    Routing,
    proc_routing,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import DATA, files

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="the bytes were recorded on a little-endian host")

GETLINK, GETADDR, GETROUTE, GETNSID, GETNEXTHOP = 18, 22, 26, 90, 106
ANY, V4, V6 = socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6
DONE, INTERRUPTED = 3, 0x10
HANGING = 60.0

NAMES = {1: "lo", 2: "eth0", 3: "eth1"}
ROUTES = [
    Route(("eth1",), ip_network("0.0.0.0/0"), 100),
    Route(("eth0",), ip_network("0.0.0.0/0"), 1000),
    Route(("eth0",), ip_network("0.0.0.0/0")),
    Route(("eth0",), ip_network("0.0.0.0/0")),
    Route(("eth0",), ip_network("10.0.2.0/24")),
    Route(("eth0",), ip_network("10.88.0.0/16")),
    Route(("eth0", "eth1"), ip_network("192.0.2.128/25")),
    Route(("eth1",), ip_network("203.0.113.2/32")),
]
ROUTES_V6 = [
    Route(("eth0",), ip_network("::/0"), 200),
    Route(("eth0",), ip_network("2001:db8::/64")),
    Route(("eth1",), ip_network("2001:db8:5::5/128")),
    Route(("eth0", "eth0", "eth1"), ip_network("2001:db8:9::/64")),
    Route(("eth0",), ip_network("fe80::/64")),
    Route(("eth1",), ip_network("fe80::/64")),
]
ADDRESSES = [
    Local("eth0", ip_address("10.0.2.15")),
    Local("eth1", ip_address("198.51.100.5")),
    Local("eth1", ip_address("203.0.113.1")),
]
ADDRESSES_V6 = [Local("eth0", ip_address("2001:db8::15")), Local("eth1", ip_address("2001:db8:5::5"))]


@functools.cache
def recording():
    return json.loads((DATA / "netlink.json").read_text(encoding="utf-8"))


def pieces(name):
    texts = recording()[name] if name in recording() else recording()["dumps"][name]
    return [bytes.fromhex(piece) for piece in texts]


def answers():
    return {
        (GETROUTE, V4): pieces("RTM_GETROUTE AF_INET"),
        (GETROUTE, V6): pieces("RTM_GETROUTE AF_INET6"),
        (GETADDR, V4): pieces("RTM_GETADDR AF_INET"),
        (GETADDR, V6): pieces("RTM_GETADDR AF_INET6"),
        (GETLINK, ANY): [link("eth0") + link("br0", "bridge"), link("br-ex", "openvswitch") + end()],
    }


def attribute(kind, content):
    data = struct.pack("=HH", 4 + len(content), kind) + content
    return data + bytes(-len(data) % 4)


def link(name, kind=None):
    """The answer of RTM_GETLINK for an interface (struct ifinfomsg and its attributes, linux/if_link.h)."""
    body = struct.pack("=BxHiII", 0, 1, 7, 0x1003, 0) + attribute(3, name.encode() + b"\0")
    if kind is not None:
        body += attribute(18, attribute(1, kind.encode()))  # the kernel ends the kind of rtnl_link_ops with no zero
    return struct.pack("=IHHII", 16 + len(body), 16, 2, 1, 0) + body


def end():
    return struct.pack("=IHHIIi", 20, DONE, 2, 1, 0, 0)


class Kernel:
    """Answers each request with its pieces; a list of lists answers the first request with the first, and so on."""

    def __init__(self, monkeypatch, answers):
        self.answers = answers
        self.hangs = False
        monkeypatch.setattr(socket, "socket", self.open)
        monkeypatch.setattr(
            socket, "if_nameindex", lambda: [(int(number), name) for number, name in recording()["interfaces"].items()]
        )

    def open(self, family, _kind, protocol):
        assert (family, protocol) == (16, 0)
        return Channel(self)


class Channel:
    def __init__(self, kernel):
        self.kernel = kernel

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.pieces = None

    def settimeout(self, seconds):
        assert seconds > 0

    def send(self, data):
        length, kind, flags, _sequence, _port, family = struct.unpack_from("=IHHIIB", data)
        assert (length, flags) == (len(data), 0x301)
        # nlmsghdr and ifinfomsg, ifaddrmsg, rtmsg; a kernel that finds other lengths writes so into its log.
        assert length - 16 == {GETLINK: 16, GETADDR: 8, GETROUTE: 12, GETNEXTHOP: 8, GETNSID: 4}[kind]
        if self.kernel.hangs:
            time.sleep(HANGING)
        answer = self.kernel.answers[kind, family]
        self.pieces = list(answer.pop(0) if isinstance(answer[0], list) else answer)

    def recv(self, size):
        piece = self.pieces.pop(0)
        assert len(piece) <= size
        return piece


@pytest.fixture
def host(folder):
    """The tree of the host itself as far as the root is concerned, with a /proc that shows another route."""

    class Host(Tree):
        def local(self, path):
            return path if path == "/" else super().local(path)

    row = "eth7\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    files(folder, {"/proc/net/route": f"Iface\tDestination\n{row}"})
    return Host(str(folder))


def read_routing(tree, seconds=10.0):
    return read_network(tree, seconds).routing


FROM_PROC = Routing([Route(("eth7",), ip_network("0.0.0.0/0"))], [])


def changed(piece, place, value):
    return piece[:place] + value + piece[place + len(value) :]


def test_the_routes_of_all_tables_that_lead_somewhere(host, monkeypatch):
    Kernel(monkeypatch, answers())
    assert read_routing(host).routes == [*ROUTES, *ROUTES_V6]


def test_every_address_also_one_without_a_network_and_the_near_end_of_a_link(host, monkeypatch):
    Kernel(monkeypatch, answers())
    addresses = read_routing(host).addresses
    assert addresses[:3] == ADDRESSES
    assert [address for address in addresses[3:] if not address.address.is_link_local] == ADDRESSES_V6
    assert [address.interface for address in addresses[3:] if address.address.is_link_local] == ["eth0", "eth1"]


def test_the_internal_ports_of_open_vswitch(host, monkeypatch):
    Kernel(monkeypatch, answers())
    assert read_routing(host).switch_ports == {"br-ex"}


def test_an_interface_that_went_meanwhile_is_left_out(host, monkeypatch):
    Kernel(monkeypatch, answers())
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "eth0")])
    routing = read_routing(host)
    assert {name for route in routing.routes for name in route.interfaces} == {"eth0"}
    assert {address.interface for address in routing.addresses} == {"eth0"}
    assert Route(("eth0",), ip_network("192.0.2.128/25")) in routing.routes


def test_what_the_kernel_noted_on_one_destination_is_no_route():
    piece = pieces("RTM_GETROUTE AF_INET")[0]
    body = piece[16 : struct.unpack_from("=I", piece)[0]]

    def dump(kind, family):
        return [body, changed(body, 8, struct.pack("=I", 0x200))] if (kind, family) == (GETROUTE, V4) else []

    assert netlink_routing(dump, {2: "eth0", 3: "eth1"}).routes == ROUTES[:1]


def test_what_follows_an_attribute_of_odd_length_is_found():
    label = struct.pack("=HH5s3x", 9, 3, b"eth0")
    local = struct.pack("=HH", 8, 2) + bytes([10, 0, 2, 15])
    body = struct.pack("=4BI", V4, 24, 0, 0, 2) + label + local

    def dump(kind, family):
        return [body] if (kind, family) == (GETADDR, V4) else []

    assert netlink_routing(dump, {2: "eth0"}).addresses == ADDRESSES[:1]


def test_a_kernel_without_ipv6_answers_with_ipv4_and_nothing_counts_twice(host, monkeypatch):
    without = answers()
    without[GETROUTE, V6], without[GETADDR, V6] = without[GETROUTE, V4], without[GETADDR, V4]
    Kernel(monkeypatch, without)
    assert read_routing(host) == Routing(ROUTES, ADDRESSES, frozenset({"br-ex"}), names=NAMES)


def test_a_table_that_changed_while_it_was_read_is_read_again(host, monkeypatch):
    whole = answers()
    first, *rest = whole[GETROUTE, V4]
    interrupted = [changed(first, 6, struct.pack("=H", INTERRUPTED | 2)), *rest]
    whole[GETROUTE, V4] = [interrupted, interrupted, [first, *rest]]
    Kernel(monkeypatch, whole)
    assert read_routing(host).routes == [*ROUTES, *ROUTES_V6]


def with_bad_end():
    first, end = pieces("RTM_GETROUTE AF_INET")
    return [first, changed(end, 16, struct.pack("=i", -5))]


@pytest.mark.parametrize(
    "routes",
    [
        pytest.param(lambda: pieces("refused"), id="refused"),
        pytest.param(with_bad_end, id="ended by an error"),
        pytest.param(lambda: pieces("nexthop_object"), id="a nexthop object, and no answer about these"),
        pytest.param(
            lambda: [changed(pieces("RTM_GETROUTE AF_INET")[0], 6, struct.pack("=H", INTERRUPTED))],
            id="changes all the time",
        ),
    ],
)
def test_where_the_kernel_has_no_whole_answer_proc_has(host, monkeypatch, routes):
    Kernel(monkeypatch, {**answers(), (GETROUTE, V4): routes()})
    assert read_routing(host) == FROM_PROC


# Object 7 is an interface, 8 leads nowhere, 9 is a group of 7 and 10, and 11 a group of 8.


def next_hop(number, content):
    body = struct.pack("=BBBxI", V4, 0, 4, 0) + attribute(1, struct.pack("=I", number)) + content
    return struct.pack("=IHHII", 16 + len(body), 104, 2, 1, 0) + body


def group(*members):
    return attribute(2, b"".join(struct.pack("=IBBH", member, 0, 0, 0) for member in members))


NEXT_HOPS = [
    next_hop(7, attribute(5, struct.pack("=I", 2)))
    + next_hop(8, attribute(4, b""))
    + next_hop(9, group(7, 10))
    + next_hop(10, attribute(5, struct.pack("=I", 3)))
    + next_hop(11, group(8))
    + end()
]


def routed_by(*objects):
    """Routes that name an object each and no interface, as with nexthop_compat_mode=0."""
    bodies = [
        struct.pack("=8BI", V4, 8, 0, 0, 254, 4, 0, 1, 0)
        + attribute(1, bytes([number, 0, 0, 0]))
        + attribute(30, struct.pack("=I", number))
        for number in objects
    ]
    return [b"".join(struct.pack("=IHHII", 16 + len(body), 24, 2, 1, 0) + body for body in bodies) + end()]


def test_a_route_with_a_nexthop_object_leaves_by_the_interfaces_of_that(host, monkeypatch):
    Kernel(monkeypatch, {**answers(), (GETROUTE, V4): routed_by(7, 8, 9, 11), (GETNEXTHOP, ANY): NEXT_HOPS})
    routing = read_routing(host)
    assert routing.routes == [
        Route(("eth0",), ip_network("7.0.0.0/8")),
        Route(("eth0", "eth1"), ip_network("9.0.0.0/8")),
        *ROUTES_V6,
    ]
    assert routing.switch_ports == {"br-ex"}


def test_a_route_that_names_neither_is_not_understood():
    body = struct.pack("=8BI", V4, 8, 0, 0, 254, 4, 0, 1, 0) + attribute(1, bytes([7, 0, 0, 0]))
    with pytest.raises(LookupError, match="names no interface"):
        netlink_routing(lambda kind, family: [body] if (kind, family) == (GETROUTE, V4) else [], {2: "eth0"})


def test_a_kernel_that_never_answers_is_left_behind_and_proc_answers(host, monkeypatch):
    """As one whose lock for the network a driver never gives back."""
    kernel = Kernel(monkeypatch, answers())
    kernel.hangs = True
    before = time.monotonic()
    assert read_routing(host, 0.3) == FROM_PROC
    assert time.monotonic() - before < HANGING / 2


def test_a_kernel_that_did_not_answer_is_not_asked_again(host, monkeypatch):
    Kernel(monkeypatch, answers()).hangs = True
    monkeypatch.setattr(kernel_network, "PATIENCE", 0.3)
    system = System(host)
    assert list(system.inventory_of([]).host_uses) == []
    monkeypatch.setattr(kernel_network, "Apart", lambda *_calls: pytest.fail("asked again"))
    assert list(system.inventory_of([]).host_uses) == []


@pytest.mark.parametrize("error", [PermissionError(1, "no"), OSError(97, "family not supported")])
def test_where_there_is_no_netlink_proc_answers(host, monkeypatch, error):
    def refuse(*_arguments):
        raise error

    Kernel(monkeypatch, answers())
    monkeypatch.setattr(socket, "socket", refuse)
    assert read_routing(host) == FROM_PROC


def test_below_another_root_the_running_kernel_is_not_asked(host, folder, monkeypatch):
    Kernel(monkeypatch, answers())
    assert read_routing(Tree(str(folder))) == FROM_PROC


def test_the_running_kernel_tells_at_least_what_its_proc_shows():
    from_proc, from_kernel = proc_routing(Tree()), read_routing(Tree())
    assert {route.network for route in from_proc.routes if route.network.version == 4} <= {
        route.network for route in from_kernel.routes
    }
    assert {address for address in from_proc.addresses if address.address.version == 6} <= set(from_kernel.addresses)


@pytest.mark.parametrize(
    "body",
    [
        b"\x02\x00",
        struct.pack("=8BI", 2, 255, 0, 0, 254, 0, 0, 1, 0) + struct.pack("=HHI", 8, 4, 2),
        struct.pack("=8BI", 2, 24, 0, 0, 254, 0, 0, 1, 0) + struct.pack("=HHIHHI", 8, 4, 2, 8, 1, 0xFFFFFFFF),
        struct.pack("=8BI", 2, 24, 0, 0, 254, 0, 0, 1, 0) + struct.pack("=HHH", 6, 4, 2),
    ],
)
def test_what_is_no_message_of_the_kernels_is_not_understood(body):
    with pytest.raises(LookupError, match="can't be understood"):
        netlink_routing(lambda kind, family: [body] if (kind, family) == (GETROUTE, V4) else [], {2: "eth0"})
