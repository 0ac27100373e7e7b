# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ip prints of a PF's VFs, as releases of iproute2 and drivers print it."""

from __future__ import annotations

import json

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.kernel_words import errno_in
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.link_settings import (
    LinkSettings,
    in_words,
    parse_link,
)

# igb with two VFs of the four that it has, as iproute2 6.1 prints it.
IGB = """[{"ifindex":2,"ifname":"enp1s0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1500,"qdisc":"mq",
"operstate":"UP","altnames":["enx525400aabb01"],"permaddr":"52:54:00:aa:bb:09","linkmode":"DEFAULT","group":"default","txqlen":1000,"link_type":"ether",
"address":"52:54:00:aa:BB:01","broadcast":"ff:ff:ff:ff:ff:ff","promiscuity":0,"num_tx_queues":8,"vfinfo_list":[
{"vf":0,"link_type":"ether","address":"00:00:00:00:00:00","broadcast":"ff:ff:ff:ff:ff:ff","vlan_list":[{}],
"rate":{"max_tx":0,"min_tx":0},"spoofchk":true,"link_state":"auto","trust":false},
{"vf":3,"link_type":"ether","address":"52:54:00:12:34:56","broadcast":"ff:ff:ff:ff:ff:ff",
"vlan_list":[{"vlan":100,"qos":3,"protocol":"802.1ad"}],"tx_rate":200,"rate":{"max_tx":200,"min_tx":50},
"spoofchk":false,"link_state":"disable","trust":true,"query_rss_en":true}],"parentbus":"pci"}]"""


def link(*vfs, **fields):
    return parse_link(json.dumps([{"ifname": "enp1s0", "flags": [], **fields, "vfinfo_list": list(vfs)}]))


def test_vfs_are_known_by_their_numbers_and_not_by_their_places():
    read = parse_link(IGB)
    assert (read.name, read.names) == ("enp1s0", ("enp1s0", "enx525400aabb01"))
    assert read.macs == ("52:54:00:aa:bb:01", "52:54:00:aa:bb:09")
    assert (read.up, read.mtu, read.truncated) == (True, 1500, False)
    assert read.vfs == {
        0: LinkSettings("00:00:00:00:00:00", 0, 0, "802.1Q", 0, 0, True, False, "auto", None),
        3: LinkSettings("52:54:00:12:34:56", 100, 3, "802.1ad", 50, 200, False, True, "disable", True),
    }


def test_what_a_driver_does_not_tell_is_none():
    assert link({"vf": 1}).vfs == {1: LinkSettings()}
    assert link({"vf": 1, "trust": None, "rate": 0, "link_state": "?"}).vfs == {1: LinkSettings()}


def test_what_old_releases_print_is_read_as_well():
    old = link({"vf": 0, "mac": "52:54:00:12:34:56", "vlan": 7, "qos": 2, "tx_rate": 100}).vfs[0]
    assert (old.mac, old.vlan, old.qos, old.vlan_protocol, old.max_tx_rate) == (
        "52:54:00:12:34:56",
        7,
        2,
        "802.1Q",
        100,
    )


@pytest.mark.parametrize(("flags", "up"), [(["NO-CARRIER", "UP"], True), (["LOWER_UP"], False)])
def test_an_interface_is_up_by_its_flag_whatever_its_cable(flags, up):
    assert link(flags=flags).up is up


def test_interfaces_that_were_not_asked_about_are_empty_and_left_out():
    assert parse_link('[{}, {"ifname": "enp1s0"}, {}]').name == "enp1s0"


def test_a_list_that_was_cut_is_known_by_the_complaint():
    assert parse_link(IGB, "Truncated VF list: enp1s0").truncated


@pytest.mark.parametrize("output", ["", "[]", "[{}]", "null", "what", '["enp1s0"]'])
def test_an_answer_without_an_interface_is_an_error(output):
    with pytest.raises(ValueError, match=r"."):
        parse_link(output)


def test_settings_are_told_in_words():
    wanted = LinkSettings(vlan=100, qos=0, trust=True, spoof_check=False)
    assert in_words(wanted.given()) == "vlan 100, qos 0, spoof_check off, trust on"


@pytest.mark.parametrize(
    ("complaint", "number"),
    [
        ("RTNETLINK answers: Resource temporarily unavailable", 11),
        ("RTNETLINK answers: Device or resource busy", 16),
        ("RTNETLINK answers: Resource busy", 16),  # musl
        ("RTNETLINK answers: Operation not supported", 95),
        ("RTNETLINK answers: Invalid argument", 22),
        ("Dump was interrupted.\nRTNETLINK answers: Operation not permitted", 1),
        ('Error: argument "4096" is wrong: invalid "vlan" value', None),
        ("", None),
    ],
)
def test_the_errno_is_in_the_words(complaint, number):
    assert errno_in(complaint) == number
