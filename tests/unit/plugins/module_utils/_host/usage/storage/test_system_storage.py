# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host runs from."""

from __future__ import annotations

import os

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.storage.system_storage import (
    read_mounts,
    system_storage,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.disks import A, disk, mount
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

MOUNTS = mount("8:1", "/") + mount("0:50", "/mnt/nfs", "nfs4", "host:/x") + mount("0:51", "/srv", "nfs4", "host:/y")


@pytest.fixture
def storage(folder):
    def read(swap):
        swaps = f"Filename\t\t\t\tType\n{swap} file 1 0 -2\n"
        files(folder, {**disk("sda", A, "sda1", "sda2", number="8:0"), "/dev/disk/swap": "-> ../sda2", "/dev/sda2": ""})
        files(folder, {"/proc/self/mountinfo": MOUNTS, "/proc/swaps": swaps})
        tree = Tree(str(folder))
        return system_storage(tree, read_mounts(tree))

    return read


def test_a_file_to_swap_to_is_looked_for_in_the_table_of_mounts_alone(storage, monkeypatch):
    looked = []
    plain = os.lstat
    monkeypatch.setattr(
        os, "lstat", lambda path, *rest, **named: looked.append(str(path)) or plain(path, *rest, **named)
    )
    assert storage("/mnt/nfs/swap").mount_points == {"/", "/mnt/nfs"}
    assert [path for path in looked if "/mnt" in path] == [], "its server may be dead"


def test_the_disk_that_the_host_swaps_to_is_one_that_it_runs_from(storage):
    found = storage("/dev/disk/swap")
    assert {path.rpartition("/")[2] for path in found.blocks} == {"sda", "sda1", "sda2"}
    assert found.mount_points == {"/"}
