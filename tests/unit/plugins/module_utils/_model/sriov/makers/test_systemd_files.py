# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which .link and .network files are for a PF, which of them counts, and what they make."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.makers.maker import PfNames, Source
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.makers.sections import entries, values
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.makers.systemd_files import (
    Unit,
    link_makers,
    network_makers,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.makers.systemd_match import matches

PF = PfNames("0000:01:00.0", ("enp1s0",), "igb", ("52:54:00:aa:bb:01",))


def unit(name, text, *drop_ins):
    path = f"/etc/systemd/network/{name}"
    return Unit(Source(path, text), tuple(Source(f"{path}.d/{n}.conf", more) for n, more in enumerate(drop_ins)))


def made(*units, read=link_makers):
    return [(maker.path, maker.line, maker.text, maker.certain, maker.count) for maker in read(units, PF)]


@pytest.mark.parametrize(
    ("conditions", "match"),
    [
        ("MACAddress=52-54-00-AA-BB-01", True),
        ("MACAddress=52:54:00:aa:bb:02 52:54:00:aa:bb:01", True),
        ("PermanentMACAddress=52:54:00:aa:bb:02", False),
        ("PermanentMACAddress=!52:54:00:aa:bb:02", True),
        ("Path=pci-0000:01:00.0", True),
        ("Path=pci-0000:01:*", True),
        ("Path=platform-40000000.pcie-pci-0000:01:00.0", True),
        ("Path=pci-0000:02:00.0", False),
        ("Path=platform-*", None),
        ("Driver=igb ixgbe", True),
        ("Driver=ix*", False),
        ("Driver=!ix*", True),
        ("Driver=!igb", False),
        ("Driver=!ixgbe igb", False),
        ("OriginalName=*", True),
        ("OriginalName=enp1s0", True),
        ("OriginalName=eth0", None),
        ("OriginalName=wlan*", False),
        ("Name=enp*", True),
        ("Name=enp2s0", False),
        ("Type=ether", True),
        ("Type=wlan", False),
        ("Type=infiniband", None),
        ("Kind=bridge", False),
        ("Kind=!*", True),
        ("Host=web1", None),
        ("Driver=igb\nHost=web1", None),
        ("Host=web1\nDriver=ixgbe", False),
        ("Name=enp2s0\nName=enp1s0", True),
        ("Name=enp1s0\nName=\nName=enp2s0", False),
        ("Name=", False),
        ("", False),
    ],
)
def test_conditions_hold_or_not_or_can_t_be_told(conditions, match):
    assert matches(entries(f"[Match]\n{conditions}"), PF) is match


@pytest.mark.parametrize("key", ["MACAddress", "Name", "Driver"])
def test_what_is_not_known_of_a_pf_can_t_be_told(key):
    assert matches(entries(f"[Match]\n{key}=52:54:00:aa:bb:01"), PfNames("0000:01:00.0")) is None


def test_a_number_that_is_given_is_found_with_its_line():
    link = unit("10-pf.link", "# VFs\n[Match]\nDriver=igb\n\n[Link]\nSR-IOVVirtualFunctions=4\n")
    assert made(link) == [("/etc/systemd/network/10-pf.link", 6, "[Link] SR-IOVVirtualFunctions=4", True, 4)]
    (maker,) = link_makers([link], PF)
    assert str(maker) == "systemd .link file /etc/systemd/network/10-pf.link:6: [Link] SR-IOVVirtualFunctions=4"


def test_sections_make_as_many_vfs_as_they_name():
    text = "[Match]\nDriver=igb\n[SR-IOV]\nVirtualFunction=1\nTrust=yes\n[SR-IOV]\nVirtualFunction=5\n"
    assert made(unit("10-pf.link", text)) == [
        ("/etc/systemd/network/10-pf.link", 4, "[SR-IOV] VirtualFunction=1", True, 6)
    ]


def test_only_the_first_file_that_matches_counts():
    mine = unit("20-pf.link", "[Match]\nDriver=igb\n[Link]\nSR-IOVVirtualFunctions=4\n")
    assert made(unit("10-all.link", "[Match]\nOriginalName=*\n[Link]\nNamePolicy=keep\n"), mine) == []
    assert made(unit("10-wlan.link", "[Match]\nType=wlan\n"), mine)[0][3:] == (True, 4)


def test_behind_a_file_that_perhaps_matches_nothing_is_certain():
    perhaps = unit("10-x.link", "[Match]\nHost=web1\n[Link]\nSR-IOVVirtualFunctions=2\n")
    mine = unit("20-pf.link", "[Match]\nDriver=igb\n[Link]\nSR-IOVVirtualFunctions=4\n")
    assert [maker[3:] for maker in made(perhaps, mine)] == [(False, 2), (False, 4)]


def test_drop_ins_belong_to_their_file():
    link = unit("10-pf.link", "[Match]\nDriver=igb\n", "[Link]\nSR-IOVVirtualFunctions=3\n")
    assert made(link) == [("/etc/systemd/network/10-pf.link.d/0.conf", 2, "[Link] SR-IOVVirtualFunctions=3", True, 3)]


def test_networkd_sets_vfs_and_makes_none():
    network = unit("10-pf.network", "[Match]\nName=enp1s0\n[SR-IOV]\nVirtualFunction=0\nVLANId=7\n")
    assert made(network, read=network_makers) == [
        ("/etc/systemd/network/10-pf.network", 4, "[SR-IOV] VirtualFunction=0", True, None)
    ]


def test_sections_are_read_as_systemd_reads_them():
    found = entries("a=1\n[One]\n; no\n#no\nb = 2 \\\n# in between\n 3\nnothing\n[One]\nb=\nb=4\n")
    assert [(entry.section, entry.key, entry.value, entry.line) for entry in found] == [
        (0, "b", "2  3", 5),
        (1, "b", "", 10),
        (1, "b", "4", 11),
    ]
    assert values(found, "One", "b") == ["4"]
