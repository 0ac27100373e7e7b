# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of the report on the controller."""

from __future__ import annotations

import os
import sys
import types

import pytest

from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.documents import files, saving
from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.documents.saving import SaveError, save
from ansible_collections.kvm.hostdev.tests.unit.helpers.reported import facts_of

HOSTS = {"kvm1": facts_of("odd-host")}
OTHERS = {"kvm1": facts_of("gpu-host")}


@pytest.fixture
def clock(monkeypatch):
    """The time that it is, in seconds; the page's maker writes it and the hosts."""
    page = types.ModuleType("page")
    page.page = lambda hosts, *, generated: f"{generated}: {sum(len(facts['devices']) for facts in hosts.values())}\n"
    monkeypatch.setitem(sys.modules, f"{saving.__package__.rpartition('.')[0]}.page", page)
    now = [1_000_000_000.5]
    monkeypatch.setattr(saving.time, "time", lambda: now[0])
    return now


def test_a_file_is_written_once_and_readable_by_all(tmp_path):
    path = tmp_path / "out.csv"
    previous = os.umask(0o077)
    try:
        (first,) = save({"csv": str(path)}, HOSTS, check_mode=False)
    finally:
        os.umask(previous)
    inode = path.stat().st_ino
    (second,) = save({"csv": str(path)}, HOSTS, check_mode=False)
    assert (first.changed, second.changed, path.stat().st_ino) == (True, False, inode)
    assert path.stat().st_mode & 0o7777 == 0o644
    assert path.read_text(encoding="utf-8") == first.after
    assert os.listdir(tmp_path) == ["out.csv"]


def test_check_mode_says_the_same_and_writes_nothing(tmp_path):
    path = tmp_path / "out.json"
    (told,) = save({"json": str(path)}, HOSTS, check_mode=True)
    assert told.changed
    assert not path.exists()
    (done,) = save({"json": str(path)}, HOSTS, check_mode=False)
    assert done == told
    path.chmod(0o600)
    (told,) = save({"json": str(path)}, HOSTS, check_mode=True)
    assert told.changed
    assert path.stat().st_mode & 0o7777 == 0o600


def test_the_difference_is_that_of_the_content(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("before\n", encoding="utf-8")
    (done,) = save({"csv": str(path)}, HOSTS, check_mode=False)
    assert done.difference(10**6) == {
        "before_header": str(path),
        "after_header": str(path),
        "before": "before\n",
        "after": path.read_text(encoding="utf-8"),
    }
    assert done.difference(100) == {"dst_larger": 100}


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path):
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    link.symlink_to("target.csv")
    (done,) = save({"csv": str(link)}, HOSTS, check_mode=False)
    assert link.is_symlink()
    assert done.path == str(target)
    assert target.read_text(encoding="utf-8") == done.after


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "out.csv"
    path.write_text("before\n", encoding="utf-8")

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(SaveError, match=r"csv: .*out\.csv: No space left on device"):
        save({"csv": str(path)}, HOSTS, check_mode=False)
    assert path.read_text(encoding="utf-8") == "before\n"
    assert os.listdir(tmp_path) == ["out.csv"]


@pytest.mark.parametrize("check_mode", [False, True])
def test_what_can_not_be_written_is_named(tmp_path, check_mode):
    with pytest.raises(SaveError, match=r"^json: .*missing/out\.json: there is no folder .*/missing$"):
        save({"json": str(tmp_path / "missing/out.json")}, HOSTS, check_mode=check_mode)
    with pytest.raises(SaveError, match=r"csv: .*: wanted a file or nothing"):
        save({"csv": str(tmp_path)}, HOSTS, check_mode=check_mode)
    with pytest.raises(SaveError, match="wanted a file of its own for each"):
        save({"csv": str(tmp_path / "out"), "json": f"{tmp_path}/./out"}, HOSTS, check_mode=check_mode)


@pytest.mark.parametrize("check_mode", [False, True])
def test_what_is_no_file_stays(tmp_path, check_mode):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(SaveError, match="wanted a file or nothing, found something else"):
        save({"json": str(pipe)}, HOSTS, check_mode=check_mode)
    assert pipe.is_fifo()


def test_a_folder_that_can_not_be_written_to_is_named_where_there_is_something_to_write(tmp_path, monkeypatch):
    path = tmp_path / "out.csv"
    save({"csv": str(path)}, HOSTS, check_mode=False)
    monkeypatch.setattr(files.os, "access", lambda _path, _mode: False)
    (same,) = save({"csv": str(path)}, HOSTS, check_mode=True)
    assert not same.changed
    with pytest.raises(SaveError, match=r"out\.csv: no file can be written to the folder"):
        save({"csv": str(path)}, OTHERS, check_mode=True)


def test_a_page_that_differs_only_in_its_time_is_left_alone(tmp_path, clock):
    path = tmp_path / "out.html"
    (first,) = save({"html": str(path)}, HOSTS, check_mode=False)
    assert path.read_text(encoding="utf-8") == "2001-09-09 01:46:40 UTC: 51\n"
    clock[0] += 3600
    (same,) = save({"html": str(path)}, HOSTS, check_mode=False)
    assert (first.changed, same.changed) == (True, False)
    assert path.read_text(encoding="utf-8") == "2001-09-09 01:46:40 UTC: 51\n"
    (other,) = save({"html": str(path)}, OTHERS, check_mode=False)
    assert other.changed
    assert path.read_text(encoding="utf-8").startswith("2001-09-09 02:46:40 UTC: ")
