# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lines of units, rules and scripts that make VFs, and which PF they are about."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.makers.maker import PfNames, Source
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.makers.scripts import (
    script_makers,
    scripts_named,
    unit_maker,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.makers.sriov_operator import (
    kept_maker,
    named_maker,
)

PF = PfNames("0000:01:00.0", ("enp1s0", "lan0"), "igb", ("52:54:00:aa:bb:01",), frozenset({"enp2s0"}))


def made(text):
    return [(maker.line, maker.certain, maker.count) for maker in script_makers(Source("/etc/rc.local", text), PF)]


@pytest.mark.parametrize(
    ("line", "certain", "count"),
    [
        ("ExecStart=/bin/sh -c 'echo 4 > /sys/class/net/enp1s0/device/sriov_numvfs'", True, 4),
        ("echo 4 | tee /sys/bus/pci/devices/0000:01:00.0/sriov_numvfs", True, 4),
        ('echo "8" > "/sys/class/net/lan0/device/sriov_numvfs"', True, 8),
        ("class/net/enp1s0/device/sriov_numvfs = 6", True, 6),
        ("bus/pci/devices/0000:01:00.0/sriov_numvfs=6", True, 6),
        ('ACTION=="add", KERNEL=="enp1s0", ATTR{device/sriov_numvfs}="2"', True, 2),
        ('ACTION=="add", SUBSYSTEM=="net", DRIVERS=="igb", ATTR{device/sriov_numvfs}="2"', False, 2),
        ("w /sys/bus/pci/devices/0000:01:00.0/sriov_numvfs - - - - 3", True, 3),
        ("modprobe igb max_vfs=7", False, 7),
        ("nmcli con mod pf sriov.total-vfs 3", False, 3),
        ("echo $COUNT > /sys/class/net/$PF/device/sriov_numvfs", False, None),
        ("/usr/lib/nvidia/sriov-manage -e ALL", False, None),
        ("/usr/lib/nvidia/sriov-manage -e 0000:01:00.0", True, None),
        ("Description=SR-IOV of enp1s0", True, None),
        ("SRIOV_TOTAL_VFS=4", False, 4),
        ("echo 1 > /sys/class/net/eth7/device/sriov_numvfs", False, 1),
    ],
)
def test_a_line_that_makes_vfs_is_found(line, certain, count):
    assert made(f"#!/bin/sh\n  {line}\n") == [(2, certain, count)]


@pytest.mark.parametrize(
    "line",
    [
        "# echo 4 > /sys/class/net/enp1s0/device/sriov_numvfs",
        "; SR-IOV",
        "echo 4 > /sys/class/net/enp2s0/device/sriov_numvfs",
        "echo 4 > /sys/bus/pci/devices/0000:02:00.0/sriov_numvfs",
        'KERNEL=="enp2s0", ATTR{device/sriov_numvfs}="2"',
        'ATTR{device/sriov_numvfs}=="2", NAME="pf"',
        "ip link set enp1s0 up",
    ],
)
def test_comments_questions_and_what_names_another_card_are_left_out(line):
    assert made(line) == []


def test_an_interface_whose_name_begins_alike_is_another():
    assert made("echo 4 > /sys/class/net/enp1s0f1/device/sriov_numvfs") == [(1, False, 4)]
    assert made("echo 4 > /sys/class/net/enp1s0.7/device/sriov_numvfs # virtual-function") == [(1, True, 4)]


def test_in_interfaces_a_line_is_about_its_stanza():
    text = "iface enp2s0 inet manual\n pre-up echo 2 > /sys/class/net/$IFACE/device/sriov_numvfs\n"
    assert made(text) == []
    assert made(text.replace("enp2s0", "enp1s0").replace("$IFACE", "${IFACE}")) == [(2, True, 2)]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("virtual-functions-enp1s0.service", [(True, None)]),
        ("virtual-functions-enp2s0.service", []),
        ("sriov-enable@0000:01:00.0-4.service", [(True, 4)]),
        ("sriov-enable@0000\\x3a01\\x3a00.0-4-switchdev.service", [(True, 4)]),
        ("sriov-enable@0000:02:00.0-4.service", []),
        ("sriov-enable@.service", []),
        ("nvidia-sriov-manage.service", [(False, None)]),
        ("sshd.service", []),
    ],
)
def test_a_unit_may_be_known_by_its_name(name, found):
    maker = unit_maker(f"/etc/systemd/system/{name}", PF)
    assert [(maker.certain, maker.count) for maker in (maker,) if maker] == found


def test_scripts_that_a_unit_calls_are_named_but_none_of_a_package():
    text = "#ExecStart=/opt/no\nExecStart=/bin/bash /usr/local/sbin/vfs.sh enp1s0\nExecStop=/opt/vf/down\n"
    assert scripts_named(text) == ["/usr/local/sbin/vfs.sh", "/opt/vf/down"]


@pytest.mark.parametrize(("text", "count"), [('{"numVfs": 4}', 4), ("{}", None), ("[1]", None), ("what", None)])
def test_the_operators_record_of_the_pf_is_certain(text, count):
    maker = kept_maker(Source(f"/etc/sriov-operator/pci/{PF.address}", text), PF)
    assert (maker.certain, maker.count) == (True, count)
    assert kept_maker(Source("/etc/sriov-operator/pci/0000:02:00.0", text), PF) is None


@pytest.mark.parametrize(
    ("name", "certain"),
    [
        ("10-nm-disable-0000:01:00.0.rules", [True]),
        ("10-nm-disable-0000:02:00.0.rules", []),
        ("sriov-config-post-network.service", [False]),
        ("70-persistent-net.rules", []),
    ],
)
def test_the_operators_rules_and_units_are_known_by_their_names(name, certain):
    assert [maker.certain for maker in (named_maker(f"/etc/x/{name}", PF),) if maker] == certain
