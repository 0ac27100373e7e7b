# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks are opened exclusively while their function is taken; that the kernel refuses a held one is seen in the lab."""

from __future__ import annotations

import errno
import os
import stat
import time

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding import exclusive
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.exclusive import (
    ExclusiveOpen,
    is_node,
    whole_disks,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

NVME, VF = "0000:04:00.0", "0000:01:10.0"


@pytest.fixture
def host(lab_host, monkeypatch):
    """With a node for the disk, which a plain file stands for; `answers` are what opens of it come to, in order."""
    lab_host.write("/dev/nvme2n1", "")
    lab_host.answers = []
    monkeypatch.setattr(exclusive, "is_node", lambda path, _number: os.path.exists(path))
    plain = os.open

    def opened(path, flags, *rest, **named):
        if str(path).endswith("/dev/nvme2n1") and flags & os.O_EXCL:
            assert not flags & os.O_ACCMODE, "whoever writes is told by udev"
            answer = lab_host.answers.pop(0) if lab_host.answers else 0
            if answer == "hangs":
                time.sleep(60)
            elif answer:
                raise OSError(answer, os.strerror(answer), path)
        return plain(path, flags, *rest, **named)

    monkeypatch.setattr(exclusive.os, "open", opened)
    return lab_host


def opens(host, **options):
    with ExclusiveOpen(host.tree, **options).disks_of(NVME):
        return True


def test_the_disks_of_a_function_are_its_whole_disks_alone(lab_host):
    assert whole_disks(lab_host.tree, NVME) == ["nvme2n1"]
    assert whole_disks(lab_host.tree, VF) == []


def test_a_disk_that_nobody_has_is_open_until_it_is_taken(host):
    assert opens(host)


def test_a_disk_that_somebody_has_is_refused_as_held_by_the_kernel(host):
    host.answers[:] = [errno.EBUSY] * 10
    with pytest.raises(HostdevError) as caught:
        opens(host)
    assert (caught.value.code, caught.value.subject) == ("device_in_use", NVME)
    assert [blocker["code"] for blocker in caught.value.details["blockers"]] == ["kernel_holder"]
    assert "open /dev/nvme2n1 exclusively (EBUSY)" in caught.value.found


def test_who_only_looks_at_it_for_a_moment_is_waited_for(host):
    host.answers[:] = [errno.EBUSY, errno.EBUSY]
    assert opens(host)


@pytest.mark.parametrize("answer", [errno.ENXIO, errno.ENOMEDIUM])
def test_a_disk_without_a_medium_is_nobodys(host, answer):
    host.answers[:] = [answer]
    assert opens(host)


def test_an_open_that_does_not_come_back_is_given_up(host):
    host.answers[:] = ["hangs"]
    begun = time.monotonic()
    with pytest.raises(HostdevError, match="does not come back from opening /dev/nvme2n1"):
        opens(host, seconds=0.2)
    assert time.monotonic() - begun < 30


def test_a_node_that_is_another_devices_tells_nothing(tmp_path):
    path = tmp_path / "nvme0n1"
    path.write_text("")
    assert not is_node(str(path), "259:0")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    assert not is_node("/dev/null", "1:3")


def test_a_function_is_not_taken_while_its_disk_is_held(host):
    host.kernel.load_module("vfio-pci")
    host.system.binder.disks = ExclusiveOpen(host.tree)
    host.answers[:] = [errno.EBUSY] * 10
    before = host.host_state()
    with pytest.raises(HostdevError, match="kernel_holder"):
        host.claim({"name": "disk", "address": NVME})
    assert host.host_state() == before
    host.answers[:] = []
    assert host.claim({"name": "disk", "address": NVME}).changed


@pytest.mark.parametrize("answer", [errno.EPERM, errno.EACCES])
def test_a_disk_that_may_not_be_opened_is_not_known_to_be_nobodys(host, answer):
    host.answers[:] = [answer]
    with pytest.raises(HostdevError, match="this process may not open /dev/nvme2n1, as in a container") as caught:
        opens(host)
    assert "DeviceAllow" in caught.value.remedy


VMD, BELOW_VMD = "0000:00:0e.0", "10000:e1:00.0"
DISK_BELOW = f"/sys/devices/pci0000:00/{VMD}/pci10000:e0/10000:e0:1d.0/{BELOW_VMD}/nvme/nvme0/nvme0n1"


@pytest.mark.parametrize("address", [VMD, BELOW_VMD])
def test_the_disks_below_a_function_are_its_own_too(folder, address):
    files(folder, {f"{DISK_BELOW}/size": "1\n", "/sys/class/block/nvme0n1": f"-> ../..{DISK_BELOW[4:]}"})
    assert whole_disks(Tree(str(folder)), address) == ["nvme0n1"]
    assert whole_disks(Tree(str(folder)), "0000:00:0f.0") == []
