# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks that the kernel itself holds, by whatever lies on them."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.tests.unit.helpers.disks import A, B, disk, mount, uses, virtual
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

PARTITION = f"/sys/devices/pci0000:00/{A}/host0/block/sda/sda1"


@pytest.mark.parametrize(
    ("holder", "code", "detail"),
    [
        (
            virtual("dm-0", "sda1", **{"dm/uuid": "\n", "dm/name": "lin\n"}),
            "kernel_holder",
            "the device mapper holds it for lin",
        ),
        (
            virtual("dm-0", "sda1", **{"dm/uuid": "stratis-1-private-e2-flex-mdv\n", "dm/name": "pool\n"}),
            "kernel_holder",
            "the device mapper holds it for pool (Stratis)",
        ),
        (
            virtual("dm-0", "sda1", **{"dm/uuid": "DMRAID-isw_dfafhagdgg_RAID\n", "dm/name": "isw\n"}),
            "kernel_holder",
            "the device mapper holds it for isw (a RAID of the firmware)",
        ),
        (
            virtual("dm-0", "sda1", **{"dm/uuid": "part1-x\n", "dm/name": "x1\n"}),
            "kernel_holder",
            "the device mapper holds it for x1 (part1)",
        ),
        (
            virtual("dm-0", "sda1", **{"dm/uuid": "LVM-x\n", "dm/name": "vg-cache_cdata\n"}),
            "lvm",
            "logical volume vg-cache_cdata lies on it",
        ),
        (virtual("md127", "sda1", **{"md/level": "container\n"}), "md", "software RAID md127 lies on it"),
        (virtual("bcache0", "sda1"), "kernel_holder", "bcache device bcache0 lies on it"),
        (virtual("drbd0", "sda1"), "kernel_holder", "DRBD volume drbd0 lies on it"),
        (virtual("drbd1000", "sda1"), "kernel_holder", "DRBD volume drbd1000 lies on it"),
        (virtual("newraid_x", "sda1"), "kernel_holder", "the kernel's newraid_x lies on it"),
    ],
)
def test_whatever_lies_on_a_partition_is_a_use_in_the_best_word(folder, holder, code, detail):
    assert uses(folder, disk("sda", A, "sda1"), holder) == [(code, A, detail)]


@pytest.mark.parametrize(
    ("holder", "code", "detail"),
    [
        ("future0", "kernel_holder", "the kernel's future0 lies on it"),
        ("md_home", "md", "software RAID md_home lies on it"),
        ("dm-9", "kernel_holder", "the device mapper holds it for dm-9"),
    ],
)
def test_a_holder_that_is_no_block_device_with_something_below_is_a_use(folder, holder, code, detail):
    held = {f"{PARTITION}/holders/{holder}": "-> ../../../nowhere"}
    assert uses(folder, disk("sda", A, "sda1"), held) == [(code, A, detail)]


def test_links_both_ways_make_one_use(folder):
    held = {f"{PARTITION}/holders/drbd0": "-> ../../../../../../../virtual/block/drbd0"}
    assert uses(folder, disk("sda", A, "sda1"), virtual("drbd0", "sda1"), held) == [
        ("kernel_holder", A, "DRBD volume drbd0 lies on it")
    ]


def test_a_caching_device_that_has_nothing_to_cache_for_is_registered_with_bcache(folder):
    registered = {f"{PARTITION}/bcache/cache_replacement_policy": "lru\n"}
    assert uses(folder, disk("sda", A, "sda1"), registered) == [("kernel_holder", A, "sda1 is registered with bcache")]


def test_a_bcache_device_is_not_registered_on_itself(folder):
    device = virtual("bcache0", "sda1", **{"bcache/state": "clean\n"})
    assert uses(folder, disk("sda", A, "sda1"), device) == [("kernel_holder", A, "bcache device bcache0 lies on it")]


@pytest.mark.parametrize("backing", ["/dev/sda1", "/dev/disk/by-id/x", "/dev/sda1 (deleted)", "/srv/jail/dev/sda1"])
def test_a_loop_device_on_a_disk_is_a_use_and_what_is_on_its_partitions_too(folder, backing):
    loop = virtual("loop0", **{"loop/backing_file": f"{backing}\n", "loop0p1/partition": "1\n"})
    links = {
        "/sys/class/block/loop0p1": "-> ../../devices/virtual/block/loop0/loop0p1",
        "/sys/dev/block/259:7": "-> ../../class/block/loop0p1",
        "/dev/disk/by-id/x": "-> ../../sda1",
        "/dev/sda1": "",
    }
    assert uses(folder, disk("sda", A, "sda1"), loop, links, mounts=mount("259:7", "/srv")) == [
        ("mounted_fs", A, "/dev/loop0p1 is mounted at /srv"),
        ("kernel_holder", A, "loop device loop0 has it open"),
    ]


def test_a_loop_device_on_a_file_is_no_use_of_the_disk_that_is_called_like_it(folder):
    loop = virtual("loop0", **{"loop/backing_file": "/var/lib/sda1\n"})
    assert uses(folder, disk("sda", A, "sda1"), loop, {"/var/lib/sda1": ""}) == []


@pytest.mark.parametrize(
    ("mounts", "used"),
    [
        (mount("259:9", "/"), False),
        (mount("0:30", "/", "btrfs"), False),
        (mount("259:9", "/") + mount("0:50", "/srv/img", "nfs4", "host:/img"), False),
        (mount("259:9", "/") + mount("0:6", "/srv/img/dev", "devtmpfs"), True),
        (mount("259:9", "/srv"), False),
    ],
)
def test_a_loop_device_on_a_file_in_a_folder_called_dev_is_no_use_of_a_disk(folder, mounts, used, monkeypatch):
    loop = virtual("loop0", **{"loop/backing_file": "/srv/img/dev/sda1\n"})
    files(folder, {"/srv/img/dev/sda1": "", "/dev/x": ""})
    looked = []
    plain = Tree.is_file
    monkeypatch.setattr(Tree, "is_file", lambda tree, path: looked.append(path) or plain(tree, path))
    found = uses(folder, disk("sda", A, "sda1"), loop, mounts=mounts)
    assert [code for code, _address, _detail in found] == ["kernel_holder"] * used
    assert not looked or "nfs" not in mounts, "its server may be dead"


def test_swap_in_memory_that_is_written_back_to_a_disk_is_a_use_of_that(folder):
    zram = virtual("zram0", backing_dev="/dev/sda1\n")
    nodes = {"/dev/sda1": "", "/dev/zram0": ""}
    assert uses(folder, disk("sda", A, "sda1"), zram, nodes, swaps="/dev/zram0 partition 1 0 5\n") == [
        ("swap", A, "the host swaps to /dev/zram0"),
        ("kernel_holder", A, "zram0 writes back to it"),
    ]


def test_swap_in_memory_alone_is_no_use(folder):
    assert uses(folder, disk("sda", A), virtual("zram0", backing_dev="none\n")) == []


def test_a_file_system_on_a_raids_partition_is_found_below_it(folder):
    raid = virtual("md0", "sda", "sdb", **{"md/level": "raid1\n", "md0p1/partition": "1\n"})
    links = {
        "/sys/class/block/md0p1": "-> ../../devices/virtual/block/md0/md0p1",
        "/sys/dev/block/259:1": "-> ../../class/block/md0p1",
    }
    found = uses(folder, disk("sda", A), disk("sdb", B), raid, links, mounts=mount("259:1", "/"))
    assert sorted(found) == [
        ("md", A, "software RAID md0 lies on it"),
        ("md", B, "software RAID md0 lies on it"),
        ("root_disk", A, "/dev/md0p1 is mounted at /"),
        ("root_disk", B, "/dev/md0p1 is mounted at /"),
    ]


def test_a_chain_over_raid_and_mapper_is_told_for_every_disk_below(folder):
    chain = (
        virtual("md0", "sda", "sdb", **{"md/level": "raid1\n"}),
        virtual("bcache0", "md0"),
        virtual("dm-0", "bcache0", **{"dm/uuid": "CRYPT-LUKS2-x\n", "dm/name": "c\n"}),
    )
    found = uses(folder, disk("sda", A), disk("sdb", B), *chain)
    assert {(code, address) for code, address, _detail in found} == {
        (code, address) for code in ("md", "kernel_holder") for address in (A, B)
    }
