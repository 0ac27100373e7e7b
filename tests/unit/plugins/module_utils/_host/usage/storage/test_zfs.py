# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Members of imported ZFS pools, as far as labels and partitions tell."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.tests.unit.helpers.disks import A, B, disk, uses

DISKS = (disk("sda", A, "sda1", number="8:0"), disk("sdb", B, number="8:16"))
TANK = {"/proc/spl/kstat/zfs/tank/state": "ONLINE\n", "/proc/spl/kstat/zfs/arcstats": "13 1\n"}
TYPE = "6a898cc3-1dd2-11b2-99a6-080020736631"
UNTOLD = "sda1 is made for ZFS and names no pool, as a cache or spare of an imported pool doesn't"


def udev(number="8:1", **known):
    return {f"/run/udev/data/b{number}": "S:x\n" + "".join(f"E:{key}={value}\n" for key, value in known.items())}


def member(pool, **known):
    return udev(ID_FS_TYPE="zfs_member", ID_FS_LABEL=pool, **known)


@pytest.mark.parametrize(
    ("known", "pools", "detail"),
    [
        (member("tank"), TANK, "sda1 is a member of the imported pool tank"),
        (
            member("my_pool"),
            {"/proc/spl/kstat/zfs/my pool/state": "ONLINE\n"},
            "sda1 is a member of the imported pool my_pool",
        ),
        (
            member("my_pool", ID_FS_LABEL_ENC="my\\x20pool"),
            {"/proc/spl/kstat/zfs/my pool/state": "ONLINE\n"},
            "sda1 is a member of the imported pool my pool",
        ),
        (
            member("old", ID_FS_UUID="77"),  # imported under another name
            {**TANK, "/proc/spl/kstat/zfs/tank/guid": "77\n"},
            "sda1 is a member of the imported pool old",
        ),
        (udev(ID_FS_TYPE="zfs_member", ID_FS_UUID_SUB="21"), TANK, UNTOLD),
        (udev(ID_PART_ENTRY_TYPE=TYPE), TANK, UNTOLD),
        (udev(ID_PART_ENTRY_NAME="zfs-0123456789abcdef"), TANK, UNTOLD),
    ],
)
def test_a_member_of_an_imported_pool_is_a_use_and_so_is_what_may_be_one(folder, known, pools, detail):
    assert uses(folder, *DISKS, known, pools) == [("zfs", A, detail)]


def test_a_disk_that_is_a_member_as_a_whole_is_a_use_too(folder):
    known = udev("8:16", ID_FS_TYPE="zfs_member", ID_FS_LABEL="tank")
    assert uses(folder, *DISKS, known, TANK) == [("zfs", B, "sdb is a member of the imported pool tank")]


@pytest.mark.parametrize(
    ("known", "pools"),
    [
        (member("away"), TANK),
        (member("away", ID_FS_UUID="78"), {**TANK, "/proc/spl/kstat/zfs/tank/guid": "77\n"}),
        (udev(ID_FS_TYPE="ext4", ID_PART_ENTRY_TYPE=TYPE), TANK),
        (udev(ID_FS_TYPE="ext4"), TANK),
        (member("tank"), {}),
        (udev(ID_FS_TYPE="zfs_member"), {"/proc/spl/kstat/zfs/arcstats": "13 1\n"}),  # ZFS without any pool
        (member("arcstats"), {"/proc/spl/kstat/zfs/arcstats": "13 1\n"}),
    ],
)
def test_what_is_of_no_imported_pool_is_no_use(folder, known, pools):
    assert uses(folder, *DISKS, known, pools) == []
