# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Block devices by number and by path."""

from __future__ import annotations

import os
import stat
import types

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host import sysfs
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.storage.block_devices import BlockDevices
from ansible_collections.kvm.hostdev.tests.unit.helpers.disks import A, B, disk, virtual
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files


class Numbered(Tree):
    """A tree in which nodes stand for block devices whose number is not their name's."""

    def block_number(self, path):
        return {"/dev/renamed": "8:16", "/dev/sda": "8:16", "/dev/strange": "99:0"}.get(path)


@pytest.fixture
def blocks(folder):
    files(
        folder,
        {**disk("sda", A, number="8:0"), **disk("sdb", B, number="8:16"), **disk("cciss!c0d0", A), **virtual("dm-0")},
    )
    return BlockDevices(Numbered(str(folder)))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/dev/renamed", "sdb"),
        ("/dev/sda", "sdb"),  # the number counts
        ("/dev/sdb", "sdb"),
        ("/dev/sdb (deleted)", "sdb"),
        ("/run/jail/dev/sdb", "sdb"),
        ("/dev/cciss/c0d0", "cciss!c0d0"),
        ("/dev/dm-0", "dm-0"),
        ("/dev/strange", None),
        ("/dev/gone", None),
        ("/srv/sdb", None),
        ("host:/export/dev/sdb", None),
        ("sdb", None),
        ("", None),
        ("/dev/", None),
    ],
)
def test_a_device_is_known_by_its_nodes_number_else_by_its_name(blocks, path, name):
    assert blocks.named(path) == name


@pytest.mark.parametrize(("number", "name"), [("8:16", "sdb"), ("8:99", None), ("", None), ("..", None)])
def test_a_device_is_known_by_its_number(blocks, number, name):
    assert blocks.numbered(number) == name


@pytest.mark.parametrize(("kind", "number"), [(stat.S_IFBLK, "259:70000"), (stat.S_IFCHR, None), (stat.S_IFREG, None)])
def test_only_a_block_devices_node_has_such_a_number(folder, monkeypatch, kind, number):
    status = types.SimpleNamespace(st_mode=kind | 0o600, st_rdev=os.makedev(259, 70000))
    monkeypatch.setattr(sysfs.os, "stat", lambda _path: status)
    assert Tree(str(folder)).block_number("/dev/x") == number


@pytest.mark.parametrize("path", ["/dev/gone", "/dev/\0"])
def test_what_is_not_there_has_no_number(folder, path):
    assert Tree(str(folder)).block_number(path) is None
