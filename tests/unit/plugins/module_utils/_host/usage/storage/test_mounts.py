# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mounts of every namespace, and all devices of a file system."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.storage.uses import storage_uses
from ansible_collections.kvm.hostdev.tests.unit.helpers.disks import A, B, disk, mount, process, uses

DISKS = (disk("sda", A, "sda1", number="8:0"), disk("sdb", B, "sdb1", number="8:16"))
ROOT = mount("8:1", "/")
ROOT_USE = ("root_disk", A, "/dev/sda1 is mounted at /")
IN_CONTAINER = ("mounted_fs", B, "/dev/sdb1 is mounted at /data in the mount namespace of process 8200 (postgres)")
NODES = {f"/dev/{name}": "" for name in ("sda", "sda1", "sdb", "sdb1")}


@pytest.mark.parametrize("namespace", [None, "2"])
def test_what_only_a_container_has_mounted_is_a_use_that_names_a_process_of_it(folder, namespace):
    container = process(8200, "postgres", mount("8:17", "/data", source="/dev/other"), namespace)
    assert uses(folder, *DISKS, container, mounts=ROOT) == [ROOT_USE, IN_CONTAINER]


def test_a_containers_root_is_not_the_hosts(folder):
    container = process(8200, "postgres", mount("8:17", "/"), "2")
    assert uses(folder, *DISKS, container, mounts=ROOT)[1:] == [
        ("mounted_fs", B, "/dev/sdb1 is mounted at / in the mount namespace of process 8200 (postgres)")
    ]


def test_a_containers_copies_of_the_hosts_mounts_are_no_news(folder):
    copies = process(8200, "postgres", mount("8:1", "/etc/hosts") + mount("8:17", "/data") + mount("8:17", "/log"), "2")
    again = process(8300, "nginx", mount("8:1", "/etc/hosts") + mount("8:17", "/data"), "3")
    assert uses(folder, *DISKS, copies, again, mounts=ROOT) == [ROOT_USE, IN_CONTAINER]


def test_one_process_is_asked_for_each_namespace(folder):
    others = [process(8201 + number, "worker", mount("8:0", "/x"), "2") for number in range(3)]
    container = process(8200, "postgres", mount("8:17", "/data"), "2")
    assert uses(folder, *DISKS, container, *others, mounts=ROOT) == [ROOT_USE, IN_CONTAINER]


def test_of_a_namespace_whose_first_process_has_just_ended_another_is_asked(folder):
    gone = process(8100, "gone", "", "2")
    assert uses(folder, *DISKS, gone, process(8200, "postgres", mount("8:17", "/data"), "2"), mounts=ROOT) == [
        ROOT_USE,
        IN_CONTAINER,
    ]


def test_the_hosts_own_namespace_is_that_of_the_first_process(folder):
    """Such as after sudo with pam_namespace: this process is in one of its own."""
    first = process(1, "systemd", ROOT, "1")
    here = {"/proc/self/ns/mnt": "-> mnt:[2]"}
    ours = process(77, "python3", mount("8:17", "/"), "2")
    assert uses(folder, *DISKS, first, here, ours, mounts=mount("8:17", "/")) == [
        ROOT_USE,
        ("mounted_fs", B, "/dev/sdb1 is mounted at / in the mount namespace of process 77 (python3)"),
    ]


@pytest.mark.parametrize(
    ("number", "kind", "source", "options"),
    [
        ("8:1", "bcachefs", "/dev/sda1:/dev/sdb1", "rw"),
        ("0:66", "bcachefs", "/dev/sdb1:/dev/sda1", "rw"),
        ("0:66", "bcachefs", "/dev/disk/by-path/pci-0000:00:1f.2-ata-1:/dev/sdb1", "rw"),
        ("8:1", "xfs", "/dev/sda1", "rw,attr2,logdev=/dev/sdb1,noquota"),
        ("8:1", "xfs", "/dev/sda1", "rw,rtdev=/dev/sdb1"),
        ("8:1", "ext4", "/dev/sda1", "rw,journal_path=/dev/disk/by-label/log\\040dev"),
        ("8:1", "ext4", "/dev/sda1", "rw,journal_dev=0x811"),
        ("8:1", "ext4", "/dev/sda1", "rw,journal_dev=2065"),
        ("0:45", "btrfs", "/dev/sda1", "rw,device=/dev/sdb1"),
        ("8:1", "erofs", "/dev/sda1", "ro,device=/gone/dev/sdb1"),
    ],
)
def test_every_device_that_a_mount_names_is_in_use_by_it(folder, number, kind, source, options):
    line = f"28 1 {number} / /srv rw - {kind} {source} {options}\n"
    links = {"/dev/disk/by-path/pci-0000:00:1f.2-ata-1": "-> ../../sda1", "/dev/disk/by-label/log dev": "-> ../../sdb1"}
    found = uses(folder, *DISKS, NODES, links, mounts=line)
    assert {(code, address) for code, address, _detail in found} == {("mounted_fs", A), ("mounted_fs", B)}


def test_the_log_of_the_root_file_system_is_needed_as_that_is(folder):
    line = "28 1 8:1 / / rw - xfs /dev/sda1 rw,logdev=/dev/sdb1\n"
    assert uses(folder, *DISKS, NODES, mounts=line) == [
        ROOT_USE,
        ("root_disk", B, "/dev/sdb1 is the logdev of the file system that is mounted at /"),
    ]


def test_an_option_that_names_no_device_is_none(folder):
    line = "28 1 8:1 / / rw - overlay /dev/sda1 rw,lowerdir=/srv/sdb1,x=sdb1,journal_dev=0xfffffffff,journal_dev=\n"
    assert uses(folder, *DISKS, NODES, {"/srv/sdb1": ""}, mounts=line) == [ROOT_USE]


def test_bcachefs_is_a_use_of_every_disk_that_the_kernel_has_for_it(folder):
    members = {
        "/sys/fs/bcachefs/1234/dev-0/block": "-> ../../../../class/block/sda1",
        "/sys/fs/bcachefs/1234/dev-1/block": "-> ../../../../class/block/sdb1",
        "/sys/fs/bcachefs/1234/internal/x": "",
    }
    assert uses(folder, *DISKS, members, mounts=mount("8:1", "/", "bcachefs", "/dev/sda1")) == [
        ROOT_USE,
        ("root_disk", B, "/dev/sdb1 is mounted at /"),
    ]


UNSEEN = "that is mounted where no process shows it"


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/sys/fs/ext4/sdb1/lifetime_write_kbytes", f"/dev/sdb1 has a file system (ext4) {UNSEEN}"),
        ("/sys/fs/xfs/sdb1/log/log_head_lsn", f"/dev/sdb1 has a file system (xfs) {UNSEEN}"),
        ("/sys/fs/f2fs/sdb1/features", f"/dev/sdb1 has a file system (f2fs) {UNSEEN}"),
        ("/proc/fs/ntfs3/sdb1/volinfo", f"/dev/sdb1 has a file system (ntfs3) {UNSEEN}"),
        ("/sys/fs/btrfs/1234/devices/sdb1", f"/dev/sdb1 belongs to a file system {UNSEEN}"),
        ("/proc/fs/jbd2/sdb1/info", "/dev/sdb1 is the journal of a mounted file system"),
    ],
)
def test_what_the_kernel_has_mounted_counts_though_no_table_of_mounts_shows_it(folder, path, detail):
    """Such as after `umount --lazy`, in a namespace that a file keeps; and ext4 does not tell its journal's device."""
    assert uses(folder, *DISKS, {path: ""}, mounts=ROOT) == [ROOT_USE, ("mounted_fs", B, detail)]


@pytest.mark.parametrize(
    "path",
    [
        "/sys/fs/ext4/sda1/lifetime_write_kbytes",  # which is told already
        "/proc/fs/jbd2/sda1-8/info",  # its own journal
        "/sys/fs/ext4/features/batched_discard",
        "/sys/fs/cgroup/sdb1/cgroup.procs",  # whose names are the users'
        "/sys/fs/bpf/sdb1/x",
    ],
)
def test_what_is_told_already_and_what_names_no_device_adds_nothing(folder, path):
    assert uses(folder, *DISKS, {path: ""}, mounts=ROOT) == [ROOT_USE]


def test_a_tree_without_any_process_but_this_one_is_read(folder):
    assert uses(folder, *DISKS, {"/proc/self/comm": "python3\n"}, mounts=ROOT) == [ROOT_USE]
    assert len(storage_uses(Tree(str(folder)))) == 1
