# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A driver that never lets a device go: a real process that blocks, on a fifo, in place of the kernel's unbind."""

from __future__ import annotations

import os
import time

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding import sysfs_writer
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.binder import Binder
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.sysfs_writer import SysfsWriter
from ansible_collections.kvm.hostdev.plugins.module_utils._host.hung_writes import (
    HungWrite,
    all_hung_writes,
    hung_write_at,
    note_hung_write,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading import bounded
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci.functions import read_device, read_devices
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.usage.processes.hung import hung_uses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError

VF1, VF2, VF3 = "0000:01:10.0", "0000:01:10.2", "0000:01:10.4"
UNBIND = "/sys/bus/pci/drivers/igbvf/unbind"
VFS = {"name": "nic", "count": 2, "specs": [{"product_id": "10ca"}]}


class Hanging:
    """The fake kernel, whose igbvf never lets the first VF go; what is written to that one is really written."""

    def __init__(self, host):
        self._kernel, self._tree = host.kernel, host.tree
        self._writer = SysfsWriter(host.tree)
        self.fifo = host.root / UNBIND[1:]
        self.asked = []

    def __call__(self, path, text, seconds):
        if (path, text) == (UNBIND, VF1) and not self.fifo.exists():
            os.mkfifo(self.fifo)
        if (path, text) == (UNBIND, VF1) or (VF1 in path + text and hung_write_at(self._tree, VF1)):
            self.asked.append(path)
            self._writer(path, text, 0.05)
        else:
            self._kernel(path, text, seconds)

    def come_back(self):
        """Let the blocked process end, and wait for that."""
        process = hung_write_at(self._tree, VF1).process
        assert self.fifo.read_text() == VF1
        end = time.monotonic() + 10
        while hung_write_at(self._tree, VF1) is not None:
            assert time.monotonic() < end, process
            time.sleep(0.01)


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_a_note_can_be_read_by_all_under_any_umask(folder, mask):
    (folder / "run").mkdir(mode=0o755)
    (folder / "proc").symlink_to("/proc")
    former = os.umask(mask)
    try:
        note_hung_write(Tree(str(folder)), VF1, os.getpid(), UNBIND)
    finally:
        os.umask(former)
    notes = folder / "run/kvm.hostdev.hung-writes"
    assert [path.stat().st_mode & 0o777 for path in (notes, notes / VF1)] == [0o755, 0o644]


@pytest.fixture
def host(lab_host, monkeypatch):
    lab_host.kernel.load_module("vfio-pci")
    monkeypatch.setattr(sysfs_writer.os, "kill", lambda _process, _signal: None)  # no signal ends state D
    lab_host.hanging = Hanging(lab_host)
    lab_host.system.binder = Binder(lab_host.tree, lab_host.hanging, lab_host.kernel.load_module)
    yield lab_host
    if hung_write_at(lab_host.tree, VF1) is not None:
        lab_host.hanging.come_back()


def refused(call, *arguments, **keywords):
    with pytest.raises(HostdevError) as caught:
        call(*arguments, **keywords)
    return caught.value


def test_a_device_whose_unbind_never_returns_is_named_with_its_process_and_all_else_is_undone(host):
    failed = refused(host.claim, VFS)
    assert (failed.code, failed.subject, failed.details["set_aside"]) == ("unbind_timeout", VF1, [VF1])
    process = hung_write_at(host.tree, VF1).process
    assert f"process {process} has been writing to {UNBIND} for 0.05 s, in state " in failed.found
    assert failed.details["driver"] == "igbvf"
    assert "reboot" in failed.remedy
    assert host.kernel.driver(VF2) == "igbvf"
    assert host.record["journal"] is None
    assert host.record["claims"] == []
    assert [aside["device"]["address"] for aside in host.record["set_aside"]] == [VF1]


def test_other_devices_are_claimed_and_released_while_one_hangs(host):
    refused(host.claim, VFS)
    assert set(host.claim(VFS, owner="dpdk0").plans[0].after.holdings) == {VF2, VF3}
    assert host.release(owner="dpdk0").changed
    assert host.kernel.driver(VF2) == "igbvf"


def test_the_device_that_hangs_is_refused_at_once_with_its_process(host):
    refused(host.claim, VFS)
    asked = len(host.hanging.asked)
    process = hung_write_at(host.tree, VF1).process
    for owner in (None, "dpdk0"):
        failed = refused(host.claim, {"name": "it", "address": VF1}, owner=owner)
        assert failed.code == "device_blocked"
        assert "set aside since" in failed.message
        assert f"process {process} is still writing to {UNBIND}" in failed.message
    again = refused(host.release, addresses=(VF1,))
    assert f"process {process} is still writing to {UNBIND}" in again.message
    assert [aside["device"]["address"] for aside in host.record["set_aside"]] == [VF1]
    assert host.hanging.asked[asked:] == [f"/sys/bus/pci/devices/{VF1}/driver_override"]


def test_a_device_that_came_back_after_all_is_released_as_any_other(host):
    refused(host.claim, VFS)
    host.hanging.come_back()
    host.hanging.fifo.unlink()
    host.system.binder = Binder(host.tree, host.kernel, host.kernel.load_module)
    host.release(addresses=(VF1,))
    assert "set_aside" not in host.record
    assert host.claim({"name": "it", "address": VF1}, owner="dpdk0").changed


def test_the_override_of_a_function_that_hangs_is_not_read_since_its_reader_would_hang_too(host):
    refused(host.claim, VFS)
    override = host.root / f"sys/bus/pci/devices/{VF1}/driver_override"
    override.unlink()
    os.mkfifo(override)  # whoever opens it waits
    host.tree.may_hang = True
    assert read_device(host.tree, VF1).driver == "igbvf"
    assert VF1 in {device.address for device in read_devices(host.tree)}


def test_a_note_counts_only_for_the_process_that_left_it(tmp_path):
    tree = Tree(str(tmp_path))
    note_hung_write(tree, VF1, os.getpid(), UNBIND)
    assert hung_write_at(tree, VF1) == HungWrite(os.getpid(), UNBIND)
    assert list(all_hung_writes(tree)) == [VF1]
    note = tmp_path / f"run/kvm.hostdev.hung-writes/{VF1}"
    process, _started, path = note.read_text().split()
    note.write_text(f"{process} 1 {path}\n")  # an older one that had the same number
    assert hung_write_at(tree, VF1) is None
    note.write_text("garbage\n")
    assert all_hung_writes(tree) == {}


def test_no_note_is_left_of_a_process_that_has_ended(tmp_path):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    note_hung_write(Tree(str(tmp_path)), VF1, child, UNBIND)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def locked(lab_host, monkeypatch):
    """A host where something unknown keeps the lock of the first VF: whoever reads its override waits for that."""
    monkeypatch.setattr(bounded, "PATIENCE", 0.1)
    monkeypatch.setattr(bounded, "_GLANCE", 0.05)
    waiting = []
    monkeypatch.setattr(bounded, "reap", lambda process, *_rest, **_named: waiting.append(process))  # none ends state D
    lab_host.kernel.load_module("vfio-pci")
    override = lab_host.root / f"sys/bus/pci/devices/{VF1}/driver_override"
    override.unlink()
    os.mkfifo(override)
    lab_host.tree.may_hang = True
    lab_host.waiting = waiting
    yield lab_host
    let_go(override)
    for process in waiting:
        os.waitpid(process, 0)


def let_go(override):
    """Let all who wait for the override have it, and nobody wait any more."""
    if override.is_fifo():
        writer = os.open(override, os.O_RDWR | os.O_NONBLOCK)
        override.unlink()
        override.write_text("(null)\n")
        os.close(writer)


def test_others_are_claimed_and_released_while_somebody_keeps_a_devices_lock(locked):
    assert set(locked.claim(VFS, owner="dpdk0").plans[0].after.holdings) == {VF2, VF3}
    assert locked.release(owner="dpdk0").changed
    failed = refused(locked.claim, {"name": "it", "address": VF1}, owner="dpdk0")
    assert f"held_by_process ({VF1}: somebody keeps the device's lock in the kernel" in failed.message


def test_who_waits_for_a_devices_lock_is_noted_and_nobody_waits_a_second_time(locked):
    assert {device.address: device.driver_override for device in read_devices(locked.tree)}[VF1] == "unreadable"
    (process,) = (note.process for note in all_hung_writes(locked.tree).values())
    waiting = list(locked.waiting)
    device = read_device(locked.tree, VF1)
    assert locked.waiting == waiting
    assert (device.driver, device.driver_override, device.product_id) == ("igbvf", "unreadable", "10ca")
    (use,) = hung_uses(locked.tree, [device])
    assert (use.code, use.address) == ("held_by_process", VF1)
    assert f"; process {process} has been waiting for it since" in use.detail
    with pytest.raises(TimeoutError, match=f"process {process} is still reading /sys/bus/pci/devices/{VF1}/"):
        SysfsWriter(locked.tree)(UNBIND, VF1, 0.05)


def write_of(root, process, path, flags):
    """A process (sh) that has the file open with these flags of open(2)."""
    folder = root / f"proc/{process}"
    (folder / "fd").mkdir(parents=True)
    (folder / "fdinfo").mkdir()
    (folder / "comm").write_text("sh\n")
    os.symlink(path, folder / "fd/1")
    (folder / "fdinfo/1").write_text(f"pos:\t0\nflags:\t{flags:08o}\nmnt_id:\t30\n")


def test_whoever_writes_to_the_pf_of_a_locked_vf_or_to_a_driver_is_named(locked):
    device = read_device(locked.tree, VF1)
    folder = device.path.rpartition("/")[0]
    other = device.path.replace(VF1, "0000:01:00.0").replace("0000:00:10.0", "0000:00:13.0")
    write_of(locked.root, 81, f"{folder}/0000:01:00.0/sriov_numvfs", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    write_of(locked.root, 82, f"{folder}/0000:01:00.0/sriov_numvfs", os.O_RDONLY)
    write_of(locked.root, 83, f"{other}/sriov_numvfs", os.O_WRONLY)
    write_of(locked.root, 84, UNBIND, os.O_RDWR)
    write_of(locked.root, 85, f"{folder}/0000:01:00.0/config", os.O_RDWR)
    (use,) = hung_uses(locked.tree, [device])
    told = [part for part in use.detail.split("; ") if "writes to" in part]
    assert told == [
        f"process 81 (sh) writes to {folder}/0000:01:00.0/sriov_numvfs",
        f"process 84 (sh) writes to {UNBIND}",
    ]


def test_a_device_whose_lock_is_let_go_is_as_any_other(locked):
    assert read_device(locked.tree, VF1).driver_override == "unreadable"
    let_go(locked.root / f"sys/bus/pci/devices/{VF1}/driver_override")
    end = time.monotonic() + 10
    while all_hung_writes(locked.tree):  # that of a child which nobody has waited for does not count
        assert time.monotonic() < end
        time.sleep(0.01)
    assert read_device(locked.tree, VF1).driver_override is None
    assert hung_uses(locked.tree, read_devices(locked.tree)) == []


def test_where_no_note_can_be_left_the_device_is_in_use_all_the_same(locked):
    device = read_device(locked.tree, VF1)
    (locked.root / f"run/kvm.hostdev.hung-writes/{VF1}").unlink()
    assert [use.address for use in hung_uses(locked.tree, [device])] == [VF1]
