# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot import own_files
from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.own_files import OwnFiles
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree

CONF = "/etc/thing.d/ours.conf"


@pytest.fixture
def files(folder):
    (folder / "etc").mkdir()
    return OwnFiles(Tree(str(folder)))


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_file_is_written_once_and_removed_once(files, folder):
    assert files.missing_folders(CONF) == ["/etc/thing.d"]
    assert files.write(CONF, b"a\n") is True
    assert files.write(CONF, b"a\n") is False
    assert files.read(CONF) == b"a\n"
    assert files.diff == [{"before_header": CONF, "before": "", "after_header": CONF, "after": "a\n"}]
    assert stat.S_IMODE(os.stat(folder / "etc/thing.d/ours.conf").st_mode) == 0o644
    assert names(folder) == ["etc", "etc/thing.d", "etc/thing.d/ours.conf"]
    assert files.remove(CONF) is True
    assert files.remove(CONF) is False
    assert (files.changed, files.diff) == ([], [])
    files.remove_folder("/etc/thing.d")
    assert names(folder) == ["etc"]


def test_a_folder_with_something_in_it_stays(files, folder):
    files.write(CONF, b"a")
    files.remove_folder("/etc/thing.d")
    assert (folder / "etc/thing.d/ours.conf").read_bytes() == b"a"


def test_check_mode_writes_nothing_and_has_the_same_diff(folder):
    (folder / "etc").mkdir()
    (folder / "etc/gone").write_bytes(b"1")
    (folder / "etc/there").write_bytes(b"2")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    diffs = []
    for check in (True, False):
        files = OwnFiles(Tree(str(folder)), check=check)
        assert files.remove("/etc/gone") is True
        assert files.remove("/etc/gone") is False
        assert files.write("/etc/there", b"3") is True
        assert files.read("/etc/there") == b"3"
        assert files.write(CONF, b"\xff") is True
        files.refresh("/etc/there")
        diffs.append(files.diff)
        if check:
            assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert diffs[0] == diffs[1]
    assert [(entry["before"], entry["after"]) for entry in diffs[0]] == [("1", ""), ("2", "3"), ("", "\ufffd")]


def test_mode_and_extended_attributes_are_kept(files, folder):
    path = folder / "etc/secret"
    path.write_bytes(b"old")
    path.chmod(0o640)
    try:
        os.setxattr(path, "user.label", b"x")
    except OSError:
        labelled = False
    else:
        labelled = True
    files.write("/etc/secret", b"new", mode=0o644)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    if labelled:
        assert os.getxattr(path, "user.label") == b"x"


def test_a_link_stays_and_what_it_leads_to_is_replaced(files, folder):
    (folder / "boot").mkdir()
    (folder / "boot/real").write_bytes(b"old")
    (folder / "etc/link").symlink_to("/boot/real")  # of the host, so below the root
    (folder / "etc/second").symlink_to("link")
    assert files.read("/etc/second") == b"old"
    assert files.write("/etc/second", b"new") is True
    assert (folder / "boot/real").read_bytes() == b"new"
    assert (folder / "etc/link").is_symlink()
    assert files.changed == ["/boot/real"]


class Cut(BaseException):
    """The machine stops."""


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_after_a_cut_the_old_or_the_new_is_there_and_the_next_run_tidies(files, folder, monkeypatch, call):
    (folder / "etc/there").write_bytes(b"old")

    def cut(*_arguments, **_named):
        raise Cut

    with monkeypatch.context() as patched:
        if call == "write":
            patched.setattr(own_files, "_keep_attributes", cut)
        else:
            patched.setattr(own_files.os, call, cut)
        with pytest.raises(Cut):
            files.write("/etc/there", b"new")
    assert (folder / "etc/there").read_bytes() == b"old"
    assert len(names(folder)) == 3
    files.tidy("/etc/there")
    assert names(folder) == ["etc", "etc/there"]


def test_what_a_cut_left_is_written_over(files, folder):
    (folder / "etc/.there.kvm-hostdev").write_bytes(b"half of a fi")
    files.write("/etc/there", b"whole")
    assert names(folder) == ["etc", "etc/there"]
    assert (folder / "etc/there").read_bytes() == b"whole"


def test_a_write_that_fails_leaves_nothing(files, folder, monkeypatch):
    def fail(*_arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(own_files.os, "fsync", fail)
        with pytest.raises(OSError, match="No space"):
            files.write("/etc/there", b"new")
    assert names(folder) == ["etc"]


def test_each_rename_is_made_durable_after_the_file_and_before_the_next_step(files, folder, monkeypatch):
    log = []
    real = {name: getattr(os, name) for name in ("fsync", "rename", "unlink")}
    for name, function in real.items():

        def logged(*arguments, name=name, function=function, **named):
            log.append("fsync folder" if name == "fsync" and stat.S_ISDIR(os.fstat(arguments[0]).st_mode) else name)
            return function(*arguments, **named)

        monkeypatch.setattr(own_files.os, name, logged)
    (folder / "etc/thing.d").mkdir()
    files.write(CONF, b"a")
    files.remove(CONF)
    assert log == ["unlink", "fsync", "rename", "fsync folder", "unlink", "unlink", "fsync folder"]
