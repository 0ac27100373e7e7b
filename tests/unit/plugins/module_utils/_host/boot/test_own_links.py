# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot import own_links
from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.own_links import OwnLinks
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree

LINK, TARGET = "/etc/thing.wants/ours.service", "/etc/ours.service"
ENTRY = {"before_header": LINK, "before": "", "after_header": LINK, "after": f"-> {TARGET}\n"}


@pytest.fixture
def links(folder):
    (folder / "etc").mkdir()
    return OwnLinks(Tree(str(folder)))


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_link_is_made_once_and_removed_once(links, folder):
    assert links.make(LINK, TARGET) is True
    assert links.make(LINK, TARGET) is False
    assert os.readlink(folder / LINK[1:]) == TARGET
    assert links.diff == [ENTRY]
    assert names(folder) == ["etc", "etc/thing.wants", "etc/thing.wants/ours.service"]
    assert links.remove(LINK) is True
    assert links.remove(LINK) is False
    assert (links.changed, links.diff) == ([], [])
    assert names(folder) == ["etc", "etc/thing.wants"]


def test_a_link_elsewhere_is_led_here(links, folder):
    (folder / "etc/thing.wants").mkdir()
    (folder / LINK[1:]).symlink_to("/dev/null")
    assert links.make(LINK, TARGET) is True
    assert os.readlink(folder / LINK[1:]) == TARGET
    assert links.diff == [{**ENTRY, "before": "-> /dev/null\n"}]


def test_a_file_is_no_link_to_be_removed(links, folder):
    (folder / "etc/thing.wants").mkdir()
    (folder / LINK[1:]).write_text("1")
    assert links.remove(LINK) is False
    assert (folder / LINK[1:]).read_text() == "1"


def test_check_mode_makes_nothing_and_has_the_same_diff(folder):
    (folder / "etc").mkdir()
    (folder / "etc/gone").symlink_to("/there")
    before, diffs = names(folder), []
    for check in (True, False):
        links = OwnLinks(Tree(str(folder)), check=check)
        assert links.make(LINK, TARGET) is True
        assert links.make(LINK, TARGET) is False
        assert links.remove("/etc/gone") is True
        assert links.remove("/etc/gone") is False
        diffs.append(links.diff)
        assert (names(folder) == before) is check
    assert diffs[0] == diffs[1]
    assert [(entry["before"], entry["after"]) for entry in diffs[0]] == [("", ENTRY["after"]), ("-> /there\n", "")]


def test_what_a_cut_left_is_tidied_and_made_over(links, folder):
    (folder / "etc/.there.kvm-hostdev").symlink_to("/else")
    links.make("/etc/there", TARGET)
    assert names(folder) == ["etc", "etc/there"]
    (folder / "etc/.there.kvm-hostdev").symlink_to("/else")
    links.remove("/etc/there")
    assert names(folder) == ["etc"]


def test_each_step_is_made_durable(links, folder, monkeypatch):
    log = []
    real = {name: getattr(os, name) for name in ("fsync", "rename", "unlink", "symlink")}
    for name, function in real.items():

        def logged(*arguments, name=name, function=function, **named):
            log.append("fsync folder" if name == "fsync" and stat.S_ISDIR(os.fstat(arguments[0]).st_mode) else name)
            return function(*arguments, **named)

        monkeypatch.setattr(own_links.os, name, logged)
    links.make("/etc/ours", TARGET)
    links.remove("/etc/ours")
    made = ["unlink", "symlink", "rename", "fsync folder"]
    assert log == [*made, "unlink", "unlink", "fsync folder"]
