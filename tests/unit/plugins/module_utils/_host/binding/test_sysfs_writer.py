# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import signal
import time

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding import sysfs_writer
from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.sysfs_writer import SysfsWriter
from ansible_collections.kvm.hostdev.plugins.module_utils._host.record.lock import locked
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError


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
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass  # another test's
    writer("/file", "x", 10)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def _ended(process):
    """Wait until a process that is not our child has ended."""
    end = time.monotonic() + 10
    while os.path.exists(f"/proc/{process}") and _state(process) != "Z":
        assert time.monotonic() < end
        time.sleep(0.01)


def _state(process):
    try:
        return open(f"/proc/{process}/stat").read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def _await_child(process):
    """Wait until a process has a child."""
    end = time.monotonic() + 10
    while str(process) not in map(_parent, filter(str.isdigit, os.listdir("/proc"))):
        assert time.monotonic() < end
        time.sleep(0.001)


def _parent(process):
    try:
        return open(f"/proc/{process}/stat").read().rpartition(")")[2].split()[1]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_a_write_that_blocks_is_left_at_the_deadline_and_its_process_is_named_with_its_state(writer, tmp_path):
    os.mkfifo(tmp_path / "unbind")  # opening it for writing waits for a reader that never comes
    with pytest.raises(TimeoutError) as caught:
        writer("/unbind", "0000:01:00.0", 0.05)
    match = re.fullmatch(r"process (\d+) has been writing to /unbind for 0\.05 s(, in state \w.*)?", str(caught.value))
    assert match is not None
    _ended(match.group(1))


@pytest.fixture
def unkillable(monkeypatch):
    """Writers that no signal ends, as in state D; they end when their fifo is read."""
    monkeypatch.setattr(sysfs_writer.os, "kill", lambda _process, _signal: None)


def test_a_device_that_hangs_is_waited_for_by_what_is_written_to_it_and_by_nothing_else(writer, tmp_path, unkillable):
    os.mkfifo(tmp_path / "unbind")
    (tmp_path / "driver_override").write_text("")
    with pytest.raises(TimeoutError) as caught:
        writer("/unbind", "0000:01:00.0", 0.5)  # enough to come to the fifo on a busy machine
    process = caught.value.args[0].split()[1]
    assert re.search(r", in state S|, in state D", str(caught.value))
    with pytest.raises(TimeoutError, match=f"process {process} is still writing to /unbind after 0.05 s more"):
        writer("/driver_override", "0000:01:00.0", 0.05)
    writer("/driver_override", "0000:02:00.0", 10)
    assert (tmp_path / "driver_override").read_text() == "0000:02:00.0"
    # The kernel comes back after all.
    assert (tmp_path / "unbind").read_text() == "0000:01:00.0"
    writer("/driver_override", "0000:01:00.0", 10)
    assert (tmp_path / "driver_override").read_text().startswith("0000:01:00.0")


def test_a_writer_that_hangs_does_not_keep_the_lock(writer, tmp_path, unkillable):
    os.mkfifo(tmp_path / "unbind")
    with locked(str(tmp_path / "lock"), seconds=0), pytest.raises(TimeoutError):
        writer("/unbind", "0000:01:00.0", 0.05)
    with locked(str(tmp_path / "lock"), seconds=0):
        pass
    assert (tmp_path / "unbind").read_text() == "0000:01:00.0"


def test_a_writer_that_hangs_does_not_keep_the_output_of_its_run_open(writer, tmp_path, unkillable):
    os.mkfifo(tmp_path / "unbind")
    output, stream = os.pipe()
    run = os.fork()
    if run == 0:
        os.dup2(stream, 1)
        os.close(stream)
        with contextlib.suppress(TimeoutError):
            writer("/unbind", "0000:01:00.0", 0.05)
        os._exit(0)
    os.close(stream)
    os.waitpid(run, 0)
    assert select.select([output], [], [], 5)[0], "the process that hangs has the output"
    assert os.read(output, 1) == b""
    assert (tmp_path / "unbind").read_text() == "0000:01:00.0"


def test_a_write_that_is_under_way_keeps_the_lock_when_its_run_is_killed(writer, tmp_path):
    os.mkfifo(tmp_path / "unbind")
    ready_in, ready_out = os.pipe()
    run = os.fork()
    if run == 0:
        with locked(str(tmp_path / "lock"), seconds=0):
            os.write(ready_out, b"x")
            writer("/unbind", "0000:01:00.0", 5)
        os._exit(0)
    os.read(ready_in, 1)
    _await_child(run)
    os.kill(run, signal.SIGKILL)
    os.waitpid(run, 0)
    with pytest.raises(HostdevError) as caught, locked(str(tmp_path / "lock"), seconds=0):
        pass
    assert caught.value.code == "locked"
    assert (tmp_path / "unbind").read_text() == "0000:01:00.0"
    with locked(str(tmp_path / "lock"), seconds=10):
        pass
