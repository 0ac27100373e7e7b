# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's log, as a file that holds one record here: a pipe gives one more with each read, as /dev/kmsg does."""

from __future__ import annotations

import os

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading import kernel_log
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.kernel_log import lines_about
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree

VF = "0000:01:10.0"
LOG = [
    "6,1,100,-;igbvf 0000:01:10.0: Intel(R) 82576\n SUBSYSTEM=pci\n DEVICE=+pci:0000:01:10.0\n",
    "6,2,200,-;vfio-pci 0000:01:10.2: enabling device\n",
    "3,3,300,-;vfio-pci 0000:01:10.0: first\n",
    BrokenPipeError(),
    "3,4,400,-;vfio-pci 0000:01:10.0: second\n",
    "6,5,500,-;usb 1-1: new device\n DEVICE=0000:01:10.0\n",
    "3,6,600,-;vfio-pci 0000:01:10.0: third; with a semicolon\n",
]


@pytest.fixture
def log(tmp_path, monkeypatch):
    """A kernel's log below the root: a read gives one record, EPIPE for a lost one, and EAGAIN at the end."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/kmsg").write_text("")
    records = list(LOG)

    def read(_handle, size):
        if not records:
            raise BlockingIOError
        record = records.pop(0)
        if isinstance(record, Exception):
            raise record
        return record.encode()[:size]

    monkeypatch.setattr(kernel_log.os, "read", read)
    return Tree(str(tmp_path))


def test_the_last_lines_on_the_function_come_without_what_else_their_records_have(log):
    assert lines_about(log, VF) == [
        "vfio-pci 0000:01:10.0: first",
        "vfio-pci 0000:01:10.0: second",
        "vfio-pci 0000:01:10.0: third; with a semicolon",
    ]


def test_the_log_is_closed_again(log):
    before = os.listdir("/proc/self/fd")
    lines_about(log, VF)
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_without_a_log_that_may_be_read_there_are_no_lines(tmp_path):
    assert lines_about(Tree(str(tmp_path)), VF) == []
