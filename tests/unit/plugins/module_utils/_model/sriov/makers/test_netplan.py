# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""VFs in netplan's YAML, with no YAML library at hand."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.makers.maker import PfNames, Source
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.makers.netplan import block_lines, netplan_makers

PF = PfNames("0000:01:00.0", ("enp1s0",), "igb", ("52:54:00:aa:bb:01",))
PLAIN = """network:
  version: 2
  renderer: networkd
  ethernets:
    enp1s0:  # the PF
      dhcp4: true
      addresses: [192.0.2.1/24]
      virtual-function-count: 4
"""


def made(*texts, pf=PF):
    sources = [Source(f"/etc/netplan/{number}.yaml", text) for number, text in enumerate(texts)]
    return [(maker.path, maker.line, maker.text, maker.certain, maker.count) for maker in netplan_makers(sources, pf)]


def matched(conditions):
    block = "".join(f"        {key}: {value}\n" for key, value in conditions.items())
    return made(f"network:\n  ethernets:\n    pf0:\n      match:\n{block}      virtual-function-count: 2\n")


def test_a_number_of_the_interface_is_found_with_its_line():
    assert made(PLAIN) == [("/etc/netplan/0.yaml", 8, "enp1s0: virtual-function-count: 4", True, 4)]


def test_another_interface_is_left_out():
    assert made(PLAIN.replace("enp1s0", "enp2s0")) == []
    assert made(PLAIN, pf=PfNames("0000:01:00.0"))[0][3] is False


@pytest.mark.parametrize(
    ("conditions", "certain"),
    [
        ({"macaddress": '"52:54:00:AA:BB:01"'}, [True]),
        ({"macaddress": "52:54:00:aa:bb:02"}, []),
        ({"name": "enp*"}, [True]),
        ({"name": "enp2*"}, []),
        ({"driver": "igb"}, [True]),
        ({"driver": "ixgbe"}, []),
        ({"driver": "igb", "macaddress": "52:54:00:aa:bb:02"}, []),
        ({"unheard": "of"}, [False]),
    ],
)
def test_an_entry_may_say_what_it_matches(conditions, certain):
    assert [maker[3] for maker in matched(conditions)] == certain


def test_what_an_entry_matches_may_stand_in_another_file():
    match = "network:\n  ethernets:\n    pf0:\n      match: \n        name: enp1s0\n"
    count = "network:\n  ethernets:\n    pf0:\n      virtual-function-count: 2\n"
    assert made(match, count) == [("/etc/netplan/1.yaml", 4, "pf0: virtual-function-count: 2", True, 2)]


def test_entries_that_are_vfs_of_the_pf_make_as_many():
    vfs = "".join(f"    vf{number}:\n      link: enp1s0\n" for number in range(3))
    assert made(f"network:\n  ethernets:\n    enp1s0: \n      mtu: 9000\n{vfs}") == [
        ("/etc/netplan/0.yaml", 6, "vf0: link: enp1s0", True, 3)
    ]


def test_entries_that_are_vfs_of_another_pf_are_not_counted():
    vfs = "    vf0:\n      link: enp1s0\n    vf1:\n      link: enp2s0\n"
    assert made(f"network:\n  ethernets:\n    enp1s0: \n      mtu: 9000\n{vfs}") == [
        ("/etc/netplan/0.yaml", 6, "vf0: link: enp1s0", True, 1)
    ]


def test_a_vlan_on_the_interface_is_no_vf():
    assert made("network:\n  vlans:\n    v7:\n      id: 7\n      link: enp1s0\n") == []


def test_a_mode_of_the_e_switch_is_told():
    text = PLAIN.replace("virtual-function-count: 4", 'embedded-switch-mode: "switchdev"')
    assert made(text) == [("/etc/netplan/0.yaml", 8, "enp1s0: embedded-switch-mode: switchdev", True, None)]


def test_what_is_in_braces_is_told_as_it_stands():
    text = "network: {ethernets: {enp1s0: {virtual-function-count: 4}}}\n# virtual-function-count: 5\n"
    assert made(text) == [("/etc/netplan/0.yaml", 1, text.partition("\n")[0], False, None)]


def test_keys_are_known_by_their_indentation():
    lines = block_lines("a:\n  'b c': 1 # no\n  d:\n   - e: 2\n   f: \"3\"\ng: {h: 4}\n# i: 5\n")
    assert [(".".join(line.keys), line.value, line.number) for line in lines] == [
        ("a", "", 1),
        ("a.b c", "1", 2),
        ("a.d", "", 3),
        ("a.d.f", "3", 5),
        ("g", "{h: 4}", 6),
    ]
