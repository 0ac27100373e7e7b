# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading files that may keep their reader waiting; a fifo without a writer stands for one that does."""

from __future__ import annotations

import os
import signal

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading import bounded
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.bounded import read_bounded
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(bounded, "PATIENCE", 0.1)
    monkeypatch.setattr(bounded, "_GLANCE", 0.05)


def kernel(folder, *, may_hang=True):
    """A tree whose files may keep their reader waiting."""
    tree = Tree(str(folder))
    tree.may_hang = may_hang
    return tree


@pytest.mark.parametrize("may_hang", [True, False])
def test_files_are_read_as_they_are(tmp_path, may_hang):
    for name, data in {"a": b"one\n", "b": b"", "d": b"two\0"}.items():
        (tmp_path / name).write_bytes(data)
    tree = kernel(tmp_path, may_hang=may_hang)
    assert read_bounded(tree, ["/a", "/b", "/c", "/d"]) == ({"/a": b"one\n", "/b": b"", "/c": None, "/d": b"two"}, {})
    assert read_bounded(tree, []) == ({}, {})


def test_the_kernels_files_may_hang_and_no_others():
    assert Tree("/").may_hang
    assert not Tree("/proc").may_hang


@pytest.mark.parametrize("hanging", [{"/a"}, {"/b"}, {"/c"}, {"/a", "/c"}, {"/a", "/b", "/c"}])
def test_a_file_that_hangs_keeps_nobody_from_the_others(tmp_path, hanging):
    for path in ("/a", "/b", "/c"):
        if path in hanging:
            os.mkfifo(f"{tmp_path}{path}")
        else:
            (tmp_path / path[1:]).write_text(path)
    data, hung = read_bounded(kernel(tmp_path), ["/a", "/b", "/c"])
    assert data == {path: path.encode() for path in ("/a", "/b", "/c") if path not in hanging}
    assert set(hung) == hanging


def test_more_than_a_pipe_holds_is_read(tmp_path):
    paths = [f"/{number}" for number in range(50)]
    for path in paths:
        (tmp_path / path[1:]).write_bytes(b"x" * 4000)
    assert set(read_bounded(kernel(tmp_path), paths).data.values()) == {b"x" * 4000}


def test_a_child_that_is_killed_is_no_answer(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("x")
    monkeypatch.setattr(bounded, "_read", lambda _file: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(ChildProcessError):
        read_bounded(kernel(tmp_path), ["/a"])
