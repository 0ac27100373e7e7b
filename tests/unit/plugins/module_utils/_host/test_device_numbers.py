# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.device_numbers import DeviceNumber
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files


def test_an_open_node_has_its_number_and_a_plain_file_none(folder):
    (folder / "plain").write_text("char 1:1\n")
    with open("/dev/null", "rb") as null, open(folder / "plain", "rb") as plain:
        assert Tree("/").open_device(f"/proc/self/fd/{null.fileno()}") == DeviceNumber("char", 1, 3)
        assert Tree("/").open_device(f"/proc/self/fd/{plain.fileno()}") is None


def test_what_is_not_there_can_not_be_told():
    with pytest.raises(OSError, match="/proc/self/fd/none"):
        Tree("/").open_device("/proc/self/fd/none")


def test_a_recorded_tree_never_leads_out_to_this_machine(folder):
    files(folder, {"/proc/7/fd/3": "-> /dev/null"})
    with pytest.raises(FileNotFoundError):
        Tree(str(folder)).open_device("/proc/7/fd/3")


@pytest.mark.parametrize("target", ["/dev/x", "../../../dev/x", "ROOT/dev/x"])
def test_in_a_recorded_tree_a_text_stands_for_a_node(folder, target):
    files(folder, {"/dev/x": "block 259:1048575\n", "/proc/7/fd/3": f"-> {target}".replace("ROOT", str(folder))})
    number = Tree(str(folder)).open_device("/proc/7/fd/3")
    assert number == DeviceNumber("block", 259, 1048575)
    assert number.link == "/sys/dev/block/259:1048575"


@pytest.mark.parametrize("text", ["", "char 1", "tty 1:1\n", "char 1:1 2\n", "x" * 100])
def test_another_text_stands_for_none(folder, text):
    files(folder, {"/dev/x": text, "/proc/7/fd/3": "-> /dev/x"})
    with pytest.raises(OSError, match="stands for no device"):
        Tree(str(folder)).open_device("/proc/7/fd/3")


@pytest.mark.skipif(os.geteuid() != 0, reason="nodes take root to make")
def test_a_node_in_a_recorded_tree_has_its_own_number(folder):
    files(folder, {"/proc/7/fd/3": "-> /dev/x"})
    os.mkdir(folder / "dev")
    try:
        os.mknod(folder / "dev/x", 0o020600, os.makedev(242, 7))
    except PermissionError:
        pytest.skip("no nodes may be made here")
    assert Tree(str(folder)).open_device("/proc/7/fd/3") == DeviceNumber("char", 242, 7)
