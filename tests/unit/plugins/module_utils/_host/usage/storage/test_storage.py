# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.storage.uses import block_locations, storage_uses
from ansible_collections.kvm.hostdev.tests.unit.helpers.disks import A, B, disk, mount, uses, virtual
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files


def test_the_lab_hosts_root_disk_and_nothing_else(lab):
    assert [(use.code, use.address, use.detail) for use in storage_uses(lab)] == [
        ("root_disk", "0000:00:02.0", "/dev/vda is mounted at /")
    ]


def test_a_mounted_partition_is_a_use_of_its_disks_function(folder):
    parts = disk("sda", A, "sda1"), {"/sys/dev/block/8:1": "-> ../../class/block/sda1"}
    assert uses(folder, *parts, mounts=mount("8:1", "/srv")) == [("mounted_fs", A, "/dev/sda1 is mounted at /srv")]


def test_what_the_system_runs_from_is_the_root_disk(folder):
    host_uses = uses(
        folder,
        disk("sda", A, number="8:0"),
        mounts="".join(mount("8:0", point) for point in ("/", "/boot", "/boot/efi", "/usr", "/var", "/home")),
    )
    assert [code for code, _address, _detail in host_uses] == ["root_disk"] * 5 + ["mounted_fs"]


def test_mount_points_with_white_space_are_told_as_they_are(folder):
    host_uses = uses(folder, disk("sda", A, number="8:0"), mounts=mount("8:0", "/srv/my\\040disk"))
    assert host_uses == [("mounted_fs", A, "/dev/sda is mounted at /srv/my disk")]


def test_mounts_without_a_disk_and_broken_lines_are_passed_over(folder):
    mounts = (
        mount("0:22", "/proc", "proc", "proc") + "29 28 8:0 / /x\n\n30 - \n" + mount("0:50", "/net", "nfs4", "srv:/x")
    )
    assert uses(folder, disk("sda", A, number="8:0"), mounts=mounts) == []


def test_a_mount_with_several_optional_fields_or_none_is_read(folder):
    mounts = mount("8:0", "/a", fields="shared:1 master:2") + mount("8:0", "/b", fields="")
    assert [detail for _c, _a, detail in uses(folder, disk("sda", A, number="8:0"), mounts=mounts)] == [
        "/dev/sda is mounted at /a",
        "/dev/sda is mounted at /b",
    ]


def test_swap_on_a_partition_and_in_a_volume(folder):
    host_uses = uses(
        folder,
        disk("sda", A, "sda2"),
        disk("sdb", B),
        virtual("dm-0", "sdb"),
        {"/dev/sda2": "", "/dev/mapper/swap": "-> ../dm-0", "/dev/dm-0": ""},
        swaps="/dev/sda2 partition 1 0 -2\n/dev/mapper/swap partition 1 0 -3\n/swap.img file 1 0 -4\n",
    )
    assert host_uses == [
        ("swap", A, "the host swaps to /dev/sda2"),
        ("swap", B, "the host swaps to /dev/mapper/swap"),
        ("kernel_holder", B, "the device mapper holds it for dm-0"),
    ]


def test_a_volume_group_is_a_use_of_all_its_disks_mounted_or_not(folder):
    lvm = virtual("dm-0", "sda1", "sdb", **{"dm/uuid": "LVM-abc\n", "dm/name": "vg0-data\n"})
    assert uses(folder, disk("sda", A, "sda1"), disk("sdb", B), lvm) == [
        ("lvm", B, "logical volume vg0-data lies on it"),
        ("lvm", A, "logical volume vg0-data lies on it"),
    ]


def test_a_raid_is_a_use_of_all_its_disks(folder):
    raid = virtual("md127", "sda1", "sdb1", **{"md/level": "raid1\n"})
    assert uses(folder, disk("sda", A, "sda1"), disk("sdb", B, "sdb1"), raid) == [
        ("md", B, "software RAID md127 lies on it"),
        ("md", A, "software RAID md127 lies on it"),
    ]


def test_a_file_system_on_an_encrypted_volume_on_a_raid(folder):
    host_uses = uses(
        folder,
        disk("sda", A, "sda1"),
        virtual("md0", "sda1", **{"md/level": "raid1\n"}),
        virtual("dm-3", "md0", number="253:3", **{"dm/uuid": "CRYPT-LUKS2-x\n", "dm/name": "crypt\n"}),
        mounts=mount("253:3", "/home"),
    )
    assert host_uses == [
        ("mounted_fs", A, "/dev/dm-3 is mounted at /home"),
        ("kernel_holder", A, "the device mapper holds it for crypt (encryption)"),
        ("md", A, "software RAID md0 lies on it"),
    ]


def test_an_open_encrypted_volume_holds_its_disk_with_nothing_mounted(folder):
    crypt = virtual("dm-3", "sda", **{"dm/uuid": "CRYPT-LUKS2-x\n", "dm/name": "crypt\n"})
    held = ("kernel_holder", A, "the device mapper holds it for crypt (encryption)")
    assert uses(folder, disk("sda", A), crypt) == [held]


def test_a_multipath_map_holds_every_disk_that_leads_to_it(folder):
    paths = virtual("dm-1", "sda", "sdb", **{"dm/uuid": "mpath-3600\n", "dm/name": "mpatha\n"})
    host_uses = uses(folder, disk("sda", A), disk("sdb", B), paths)
    assert sorted((code, address) for code, address, _detail in host_uses) == [
        ("kernel_holder", A),
        ("kernel_holder", B),
    ]


def test_btrfs_is_a_use_of_every_disk_that_it_lies_on(folder):
    host_uses = uses(
        folder,
        disk("sda", A),
        disk("sdb", B),
        {
            "/dev/sda": "",
            "/sys/fs/btrfs/features/raid1": "0\n",
            "/sys/fs/btrfs/1234/devices/sda": "-> ../../../../class/block/sda",
            "/sys/fs/btrfs/1234/devices/sdb": "-> ../../../../class/block/sdb",
        },
        mounts=mount("0:45", "/", "btrfs", "/dev/sda"),
    )
    assert host_uses == [("root_disk", A, "/dev/sda is mounted at /"), ("root_disk", B, "/dev/sdb is mounted at /")]


def test_a_mount_without_a_number_of_its_own_is_found_by_its_source(folder):
    host_uses = uses(folder, disk("sda", A), {"/dev/sda": ""}, mounts=mount("0:45", "/srv", "btrfs", "/dev/sda"))
    assert host_uses == [("mounted_fs", A, "/dev/sda is mounted at /srv")]


def test_a_multipath_namespace_is_a_use_of_every_controller_that_leads_to_it(folder):
    subsystem = "/sys/devices/virtual/nvme-subsystem/nvme-subsys0"
    parts = {
        f"{subsystem}/nvme0n1/size": "1\n",
        f"{subsystem}/nvme0": f"-> ../../../pci0000:00/{A}/nvme/nvme0",
        f"{subsystem}/nvme1": f"-> ../../../pci0000:00/{B}/nvme/nvme1",
        f"/sys/devices/pci0000:00/{A}/nvme/nvme0/cntlid": "0\n",
        f"/sys/devices/pci0000:00/{B}/nvme/nvme1/cntlid": "1\n",
        "/sys/class/block/nvme0n1": f"-> ../../..{subsystem}/nvme0n1",
        "/sys/dev/block/259:0": f"-> ../../..{subsystem}/nvme0n1",
    }
    assert uses(folder, parts, mounts=mount("259:0", "/srv")) == [
        ("mounted_fs", A, "/dev/nvme0n1 is mounted at /srv"),
        ("mounted_fs", B, "/dev/nvme0n1 is mounted at /srv"),
    ]


def test_volumes_that_lie_on_each_other_in_a_circle_do_not_hang(folder):
    files(folder, {**virtual("dm-0", "dm-1"), **virtual("dm-1", "dm-0", "sda"), **disk("sda", A)})
    assert block_locations(Tree(str(folder)), "dm-0") == [(f"/sys/devices/pci0000:00/{A}/host0/block/sda", A)]


def test_a_disk_below_bridges_belongs_to_the_function_that_carries_it(folder):
    path = f"/sys/devices/pci0000:00/0000:00:1c.0/{A}/nvme/nvme0/nvme0n1"
    files(folder, {f"{path}/size": "1\n", "/sys/class/block/nvme0n1": f"-> ../../..{path}"})
    assert block_locations(Tree(str(folder)), "nvme0n1") == [(path, A)]


def test_a_use_names_the_path_of_every_disk_and_partition_below(folder):
    on_usb = "/sys/devices/platform/xhci-hcd.0/usb1/1-1/1-1:1.0/host1/target1:0:0/1:0:0:0/block/sdb"
    contents = {
        **disk("sda", A, "sda1", "sda2"),
        f"{on_usb}/size": "1\n",
        "/sys/class/block/sdb": f"-> ../../..{on_usb}",
        **virtual("md0", "sda2", "sdb", **{"md/level": "raid1\n"}),
        **virtual("dm-3", "sda1", "md0", **{"dm/uuid": "LVM-x\n", "dm/name": "vg-a\n"}),
    }
    files(folder, contents)
    on_pci = f"/sys/devices/pci0000:00/{A}/host0/block/sda"
    host_uses = storage_uses(Tree(str(folder)))
    raid = [(f"{on_pci}/sda2", A), (on_usb, "")]
    assert sorted((use.path, use.address) for use in host_uses if use.code == "md") == raid
    volume = [(f"{on_pci}/sda1", A), *raid]
    assert sorted((use.path, use.address) for use in host_uses if use.code == "lvm") == volume


def test_a_use_of_multipath_nvme_names_the_paths_of_its_controllers(folder):
    subsystem = "/sys/devices/virtual/nvme-subsystem/nvme-subsys0"
    controller = f"/sys/devices/pci0000:00/{A}/nvme/nvme0"
    contents = {
        f"{subsystem}/nvme0n1/size": "1\n",
        f"{subsystem}/nvme0": f"-> ../../../pci0000:00/{A}/nvme/nvme0",
        f"{controller}/cntlid": "0\n",
        "/sys/class/block/nvme0n1": f"-> ../../..{subsystem}/nvme0n1",
    }
    files(folder, contents)
    assert block_locations(Tree(str(folder)), "nvme0n1") == [(controller, A)]


def test_a_virtual_disk_with_nothing_below_is_no_use(folder):
    assert uses(folder, virtual("loop3", number="7:3"), mounts=mount("7:3", "/snap/x")) == []


def test_a_host_without_proc_has_no_uses(folder):
    assert storage_uses(Tree(str(folder))) == []
