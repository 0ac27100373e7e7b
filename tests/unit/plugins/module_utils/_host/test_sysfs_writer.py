# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import re
import signal

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding import SysfsWriter
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree


@pytest.fixture
def writer(tmp_path):
    return SysfsWriter(Tree(str(tmp_path)))


def test_text_arrives_in_the_file_below_the_root(writer, tmp_path):
    (tmp_path / "driver_override").write_text("")
    writer("/driver_override", "vfio-pci", 10)
    assert (tmp_path / "driver_override").read_text() == "vfio-pci"


def test_a_newline_arrives_as_it_is(writer, tmp_path):
    (tmp_path / "driver_override").write_text("")
    writer("/driver_override", "\n", 10)
    assert (tmp_path / "driver_override").read_bytes() == b"\n"


def test_a_file_is_not_made(writer, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        writer("/bind", "0000:01:00.0", 10)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOENT, "/bind")
    assert list(tmp_path.iterdir()) == []


def test_the_errno_of_the_kernel_is_passed_on(writer, tmp_path):
    (tmp_path / "bind").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        writer("/bind", "0000:01:00.0", 10)
    assert caught.value.errno == errno.EISDIR


def test_the_errno_of_a_failed_write_is_passed_on(tmp_path):
    with pytest.raises(OSError, match="No space left on device") as caught:
        SysfsWriter(Tree("/"))("/dev/full", "x", 10)
    assert caught.value.errno == errno.ENOSPC


def test_no_child_stays_behind(writer, tmp_path):
    (tmp_path / "file").write_text("")
    writer("/file", "x", 10)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_write_that_blocks_is_left_at_the_deadline_and_its_process_is_named(writer, tmp_path):
    os.mkfifo(tmp_path / "unbind")  # opening it for writing waits for a reader that never comes
    with pytest.raises(TimeoutError) as caught:
        writer("/unbind", "0000:01:00.0", 0.05)
    match = re.fullmatch(r"process (\d+) has been writing to /unbind for 0\.05 s", str(caught.value))
    assert match is not None
    _child, status = os.waitpid(int(match.group(1)), 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
