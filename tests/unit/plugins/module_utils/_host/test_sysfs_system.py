# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.system import System
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.group import blockers
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files


@pytest.fixture
def tree(folder):
    files(
        folder,
        {
            "/sys/a/text": "  4318\n",
            "/sys/a/empty": "",
            "/sys/a/two": "one\ntwo\n",
            "/sys/b": "-> a",
            "/sys/dangling": "-> nowhere",
        },
    )
    (folder / "sys/a/raw").write_bytes(b"\xff\x00\x41")
    return Tree(str(folder))


def test_text_comes_without_the_space_around_it(tree):
    assert (tree.text("/sys/a/text"), tree.text("/sys/a/empty")) == ("4318", "")


def test_what_is_no_utf_8_is_read_all_the_same(tree):
    assert tree.text("/sys/a/raw") == "\ufffd\0A"


def test_data_is_read_up_to_the_limit(tree):
    assert (tree.data("/sys/a/raw"), tree.data("/sys/a/raw", 1)) == (b"\xff\x00A", b"\xff")


def test_files_longer_than_one_read_come_whole(tree, folder):
    (folder / "sys/long").write_bytes(b"x" * 200000)
    assert len(tree.data("/sys/long")) == 200000
    assert len(tree.data("/sys/long", 100000)) == 100000


@pytest.mark.parametrize("path", ["/sys/none", "/sys/a", "/sys/dangling", "/sys/a/text/below"])
def test_what_can_not_be_read_is_none(tree, path):
    assert (tree.data(path), tree.text(path), tree.number(path), tree.lines(path)) == (None, None, None, [])


def test_numbers_lines_and_names(tree):
    assert tree.number("/sys/a/text") == 4318
    assert tree.number("/sys/a/two") is None
    assert tree.lines("/sys/a/two") == ["one", "two"]
    assert tree.names("/sys/a") == ["empty", "raw", "text", "two"]
    assert tree.names("/sys/a/text") == tree.names("/sys/none") == []


def test_whether_there_is_anything_in_a_folder(tree, folder):
    (folder / "sys/bare").mkdir()
    assert [tree.any_in(f"/sys/{name}") for name in ("a", "b", "bare", "none", "a/text", "dangling")] == [
        *(True, True),
        *(False, False, False, False),
    ]


def test_only_a_line_feed_ends_a_line(tree, folder):
    (folder / "sys/paths").write_text("/mnt/form\x0cfeed\x85\u2028x - ext4\n/mnt/b\n", encoding="utf-8")
    assert tree.lines("/sys/paths") == ["/mnt/form\x0cfeed\x85\u2028x - ext4", "/mnt/b"]


def test_links(tree):
    assert tree.link_name("/sys/b") == "a"
    assert tree.link_name("/sys/a") is None
    assert tree.link_name("/sys/none") is None
    assert tree.real("/sys/b/text") == "/sys/a/text"
    assert (tree.exists("/sys/b/text"), tree.exists("/sys/dangling")) == (True, False)


def test_paths_lead_below_the_root_and_on_a_host_nowhere_else(tree, folder):
    assert tree.local("/sys/a") == f"{folder}/sys/a"
    assert Tree().local("/sys/a") == "/sys/a"
    assert Tree().real("/") == "/"


def test_a_root_that_is_a_link_is_followed(folder, tree):
    os.symlink(folder, f"{folder}.link")
    try:
        assert Tree(f"{folder}.link").real("/sys/b") == "/sys/a"
    finally:
        os.unlink(f"{folder}.link")


# The whole inventory of the lab host.


def codes(inventory, address):
    return [(blocker.code, blocker.address) for blocker in blockers(inventory, address)]


def test_what_may_be_given_away_of_the_lab_host(lab):
    inventory = System(lab).inventory()
    assert [address for address in inventory.devices if not codes(inventory, address)] == [
        *("0000:00:04.0", "0000:00:05.0"),
        *("0000:01:10.0", "0000:01:10.2", "0000:01:10.4", "0000:01:10.6"),
        *("0000:02:00.0", "0000:04:00.0", "0000:81:00.0"),
    ]


def test_why_the_rest_of_the_lab_host_may_not(lab):
    inventory = System(lab, environ={"SSH_CONNECTION": "10.0.2.2 42000 10.0.2.15 22"}).inventory()
    wanted = {
        "0000:00:00.0": [("host_bridge", "0000:00:00.0")],
        "0000:00:01.0": [("boot_vga", "0000:00:01.0")],
        "0000:00:02.0": [("root_disk", "0000:00:02.0")],
        "0000:00:03.0": [
            ("default_route", "0000:00:03.0"),
            ("ip_configured", "0000:00:03.0"),
            ("ssh_nic", "0000:00:03.0"),
        ],
        "0000:00:06.0": [("watchdog", "0000:00:06.0")],
        "0000:00:07.0": [("bmc", "0000:00:07.0")],
        "0000:00:10.0": [("not_endpoint", "0000:00:10.0")],
        "0000:00:1f.0": [
            ("isa_smbus", "0000:00:1f.0"),
            ("watchdog", "0000:00:1f.0"),
            ("group_incomplete", "0000:00:1f.2"),
            ("group_blocked", "0000:00:1f.3"),
        ],
        "0000:00:1f.2": [("group_blocked", "0000:00:1f.0"), ("group_blocked", "0000:00:1f.3")],
        "0000:01:00.0": [("pf_has_vfs", "0000:01:00.0")],
        "0000:03:00.0": [("group_incomplete", "0000:03:00.1"), ("group_incomplete", "0000:03:00.2")],
        "0000:05:01.0": [("group_incomplete", "0000:05:02.0")],
    }
    assert {address: codes(inventory, address) for address in wanted} == wanted


def test_giving_away_the_pf_affects_its_vfs_and_all_their_interfaces(lab):
    assert System(lab).inventory().affected("0000:01:00.0") == [
        *("0000:01:10.0", "0000:01:10.2", "0000:01:10.4", "0000:01:10.6"),
        *("net/enp1s0", "net/enp1s0v0", "net/enp1s0v1", "net/enp1s0v2", "net/enp1s0v3"),
    ]
