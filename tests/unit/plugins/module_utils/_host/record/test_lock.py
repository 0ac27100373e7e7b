# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.record import lock as lock_module
from ansible_collections.kvm.hostdev.plugins.module_utils._host.record.lock import locked
from ansible_collections.kvm.hostdev.plugins.module_utils._host.record.lock_holder import _command, lock_holder
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError

# Takes the lock as a run does, and holds it, with a child that outlives it where that is told.
HOLD = """
import os, signal, sys
sys.path[:0] = sys.argv[4:]
from ansible_collections.kvm.hostdev.plugins.module_utils._host.record.lock import locked
with locked(sys.argv[1], seconds=0.0, doing=sys.argv[2]):
    child = 0
    if sys.argv[3] == "child":
        child = os.fork()
        if child == 0:
            signal.pause()
    print(child, flush=True)
    signal.pause()
"""


def hold(path, *, doing="claim for web1", child=False):
    arguments = [sys.executable, "-c", HOLD, path, doing, "child" if child else "", *sys.path]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline())


def end(process):
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "run/lock")


def taken(path, seconds=0.0):
    with pytest.raises(HostdevError) as caught, locked(path, seconds=seconds):
        raise AssertionError("the lock was taken")
    return caught.value


def test_a_lock_that_is_held_is_refused_after_the_time_and_its_holder_is_named(path):
    process, _child = hold(path, doing="release for db1")
    try:
        begun = time.monotonic()
        error = taken(path, seconds=0.2)
        assert 0.2 <= time.monotonic() - begun < 5.0
        assert (error.code, error.subject, error.wanted) == ("locked", path, "the lock within 0.2 s")
        start = f"another run holds the lock: process {process.pid} ({sys.executable} -c ?import os, signal, sys"
        assert error.found.startswith(start)
        assert ", release for db1, since 20" in error.found
        assert "ended" not in error.found
        assert lock_holder(path) == error.found.partition(": ")[2]
    finally:
        end(process)
    with locked(path, seconds=0.0):
        pass


def test_a_killed_holder_whose_child_goes_on_still_keeps_others_out_and_both_are_named(path):
    process, child = hold(path, child=True)
    end(process)
    try:
        error = taken(path)
        assert error.found.startswith(f"another run holds the lock: process {process.pid}, claim for web1, since 20")
        assert (
            f"which has ended; what it had begun is still writing to sysfs or waiting: process {child} (" in error.found
        )
    finally:
        os.kill(child, signal.SIGKILL)
    with locked(path, seconds=5.0):  # it is free as soon as the child is gone
        pass


def test_a_process_that_has_the_id_of_the_dead_holder_by_now_is_not_taken_for_it(path):
    process, child = hold(path, child=True)
    end(process)
    try:
        told = json.loads(Path(path).read_text())
        # This process may have been forked for this test, within the same tick as the holder; its parent was not.
        another = os.getppid()
        Path(path).write_text(json.dumps({**told, "pid": another}))
        assert f"process {another}, claim for web1" in taken(path).found
        assert "which has ended" in taken(path).found
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("content", ["", "process 7", "[]", '{"pid": "x"}', "[" * 5000, '{"pid": 1e999}', "\ud800"])
def test_a_holder_that_did_not_say_who_it_is_is_found_by_its_open_file(path, content):
    process, _child = hold(path)
    try:
        Path(path).write_bytes(content.encode("utf-8", "surrogatepass"))
        reason = taken(path).found
        assert reason.startswith("another run holds the lock: a process that did not say who it is, process ")
        assert f"process {process.pid} (" in reason
    finally:
        end(process)


def test_what_a_holder_does_is_told_in_one_line(path):
    process, _child = hold(path, doing="claim for a\nb\x1b[2J")
    try:
        assert "claim for a?b?[2J, since" in taken(path).found
    finally:
        end(process)


def test_a_command_line_in_another_encoding_is_told_all_the_same():
    code = "import signal; print(flush=True); signal.pause()"
    process = subprocess.Popen([sys.executable, "-c", code, b"caf\xe9"], stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        assert _command(process.pid) == f" ({sys.executable} -c {code} caf\ufffd)"
    finally:
        end(process)
    assert _command(process.pid) == ""


def test_a_lock_is_free_after_its_block_also_when_that_failed(path):
    with pytest.raises(ZeroDivisionError), locked(path, seconds=0.0):
        raise ZeroDivisionError
    with locked(path, seconds=0.0):
        pass
    assert lock_holder(path) is None
    assert lock_holder(f"{path} that nobody made") is None


def test_a_lock_is_waited_for(path, monkeypatch):
    first = locked(path, seconds=0.0)
    first.__enter__()
    monkeypatch.setattr(lock_module.time, "sleep", lambda _seconds: first.__exit__(None, None, None))
    with locked(path, seconds=60.0):
        assert json.loads(Path(path).read_text())["pid"] == os.getpid()


def test_a_lock_file_that_was_removed_while_it_was_waited_for_is_no_lock_any_more(path, monkeypatch):
    first = locked(path, seconds=0.0)
    first.__enter__()

    def removed(_seconds):
        os.unlink(path)
        first.__exit__(None, None, None)

    monkeypatch.setattr(lock_module.time, "sleep", removed)
    with locked(path, seconds=60.0):
        assert taken(path).code == "locked"  # what lies at the path is what is held


def test_a_lock_file_that_became_a_link_to_itself_while_it_was_waited_for_is_not_followed(path, monkeypatch):
    first = locked(path, seconds=0.0)
    first.__enter__()

    def linked(_seconds):
        os.rename(path, f"{path}-elsewhere")
        os.symlink(f"{path}-elsewhere", path)
        first.__exit__(None, None, None)

    monkeypatch.setattr(lock_module.time, "sleep", linked)
    error = taken(path, seconds=60.0)
    assert (error.code, error.subject) == ("lock_untrusted", path)


def test_a_file_system_that_can_not_lock_is_told_with_the_path(path, monkeypatch):
    def flock(_handle, _how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock_module.fcntl, "flock", flock)
    before = len(os.listdir("/proc/self/fd"))
    error = taken(path)
    assert (error.subject, error.found) == (path, f"[Errno {errno.ENOLCK}] No locks available")
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_signal_while_the_lock_is_waited_for_is_no_failure(path, monkeypatch):
    plain, failures = lock_module.fcntl.flock, [errno.EINTR, errno.EACCES, errno.EAGAIN]

    def flock(handle, how):
        if failures:
            raise OSError(failures.pop(), "not now")
        plain(handle, how)

    monkeypatch.setattr(lock_module.fcntl, "flock", flock)
    with locked(path, seconds=60.0):
        assert failures == []


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_only_its_owner_can_open_the_lock_file_under_any_umask(path, mask):
    former = os.umask(mask)
    try:
        with locked(path, seconds=0.0):
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    finally:
        os.umask(former)


@pytest.mark.parametrize("mask", [0o000, 0o027, 0o077])
def test_a_folder_that_is_made_for_the_lock_is_open_to_all_under_any_umask(tmp_path, mask):
    former = os.umask(mask)
    try:
        with locked(str(tmp_path / "run/lock/hostdev"), seconds=0.0):
            pass
    finally:
        os.umask(former)
    assert [stat.S_IMODE((tmp_path / folder).stat().st_mode) for folder in ("run", "run/lock")] == [0o755, 0o755]


def test_a_folder_that_is_there_keeps_its_mode(tmp_path):
    (tmp_path / "lock").mkdir(0o700)
    with locked(str(tmp_path / "lock/hostdev"), seconds=0.0):
        assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == 0o700


def _link(path):
    os.symlink("elsewhere", path)


def _hard_link(path):
    path.with_name("elsewhere").write_text("precious")
    path.with_name("elsewhere").chmod(0o600)
    os.link(path.with_name("elsewhere"), path)


def _socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def _file(mode):
    def make(path):
        path.write_text("precious")
        path.chmod(mode)

    return make


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (_link, "it is a symbolic link"),
        (_hard_link, "it has 2 names (hard links)"),
        (os.mkfifo, "it is a named pipe"),
        (_socket, "it is a socket"),
        (_file(0o604), "its mode is 0604"),
        (_file(0o620), "its mode is 0620"),
    ],
)
def test_a_lock_that_somebody_else_can_have_a_hand_in_is_neither_taken_nor_written_to(path, make, found):
    Path(path).parent.mkdir()
    make(Path(path))
    error = taken(path, seconds=60.0)
    assert (error.code, error.subject, error.found) == ("lock_untrusted", path, found)
    assert error.remedy.endswith(f"remove it: rm {path}")
    assert not os.path.islink(path) or not os.path.exists(path)
    assert not Path(path).is_file() or Path(path).read_text() == "precious"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_lock_or_its_folder_of_another_user_is_refused(path):
    with locked(path, seconds=0.0):
        pass
    for place in (path, os.path.dirname(path)):
        os.chown(place, 65534, -1)
        error = taken(path)
        assert (error.code, error.subject, error.found) == ("lock_untrusted", place, "it belongs to user id 65534")
        os.chown(place, 0, -1)


def test_a_folder_in_which_others_can_put_another_lock_in_its_place_is_refused(path):
    Path(path).parent.mkdir()
    os.chmod(Path(path).parent, 0o777)
    error = taken(path)
    assert (error.code, error.subject) == ("lock_untrusted", os.path.dirname(path))
    os.chmod(Path(path).parent, 0o1777)  # as /tmp: what root made there stays
    with locked(path, seconds=0.0):
        pass


def test_a_lock_that_can_not_be_made_says_so(tmp_path, monkeypatch):
    (tmp_path / "run").write_text("")
    for user, code in ((0, "lock_failed"), (1000, "not_root")):
        monkeypatch.setattr(lock_module.os, "geteuid", lambda user=user: user)
        assert taken(str(tmp_path / "run/lock")).code == code
