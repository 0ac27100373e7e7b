# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.programs import Programs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.memory_lock_files import MARK
from ansible_collections.kvm.hostdev.plugins.module_utils._module.boot import own_files
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_initramfs import picture
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_on_tree import ModuleOnTree
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

PATHS = [f"/etc/systemd/system/{service}.service.d/kvm-hostdev.conf" for service in ("libvirtd", "virtqemud")]


@pytest.fixture
def run(folder, monkeypatch, capsys):
    (folder / "etc/systemd/system").mkdir(parents=True)
    monkeypatch.setattr(own_files.os, "geteuid", lambda: 0)
    runner = ModuleOnTree(folder, monkeypatch, capsys)
    return lambda **options: runner.run("memory_lock", **options)


@pytest.mark.parametrize("other", [None, "/etc/systemd/system/libvirtd.service.d/other.conf"])
def test_the_limit_is_set_for_both_daemons_and_taken_back(folder, run, other):
    files(folder, {} if other is None else {other: "[Service]\n"})
    before = picture(folder)
    planned = run(limit="64G", check_mode=True, diff=True)
    assert picture(folder) == before
    done = run(limit="64G", diff=True)
    assert (done["changed"], done["files"], planned["diff"]) == (True, PATHS, done["diff"])
    for path, entry in zip(PATHS, done["diff"]):
        text = f"{MARK}\n[Service]\nLimitMEMLOCK=64G\n"
        assert (folder / path[1:]).read_text() == text
        assert (entry["before_header"], entry["before"], entry["after"]) == (path, "", text)
    again = run(limit="64G")
    assert (again["changed"], again["reload_needed"]) == (False, False)
    assert run()["changed"] is True
    assert "LimitMEMLOCK=infinity\n" in (folder / PATHS[0][1:]).read_text()
    assert run(state="absent", check_mode=True)["changed"] is True
    gone = run(state="absent")
    assert (gone["changed"], gone["files"], picture(folder)) == (True, [], before)
    assert run(state="absent")["changed"] is False


@pytest.mark.parametrize(
    ("service", "target", "needed"),
    [("no", "no", False), ("yes", "no", True), ("yes", "yes", True), ("no", "yes", False)],
)
def test_a_limit_that_systemd_has_not_read_is_told_until_it_has(folder, run, monkeypatch, service, target, needed):
    """As after a play that ended before its reload."""
    (folder / "run/systemd/system").mkdir(parents=True)
    states = {"libvirtd.service": service, "virtqemud.service": "no", "sysinit.target": target}

    def demand(_self, *words, seconds):
        assert (words[:3], seconds) == (("systemctl", "show", "--property=NeedDaemonReload"), 60)
        return "\n".join(f"NeedDaemonReload={states[unit]}\n" for unit in words[3:])

    monkeypatch.setattr(Programs, "has", lambda _self, name: name == "systemctl")
    monkeypatch.setattr(Programs, "demand", demand)
    first, again = run(limit="64G"), run(limit="64G")
    assert (first["changed"], first["reload_needed"]) == (True, True)
    assert (again["changed"], again["reload_needed"]) == (False, needed)


@pytest.mark.parametrize(
    "limit", ["", "0", "64 G", "64GB", "-1", "infinity\nExecStart=/bin/sh", "1\n", "16E", "1" * 400]
)
def test_what_systemd_would_not_take_is_refused(folder, run, limit):
    before = picture(folder)
    error = run(limit=limit)["error"]
    assert (error["code"], error["subject"], picture(folder)) == ("invalid_option", "limit", before)


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_drop_in_of_somebody_else_is_left_alone(folder, run, state):
    files(folder, {PATHS[1]: "[Service]\n"})
    before = picture(folder)
    error = run(state=state)["error"]
    assert (error["code"], error["subject"], picture(folder)) == ("foreign_file", PATHS[1], before)


def test_only_root_may(run, monkeypatch):
    monkeypatch.setattr(own_files.os, "geteuid", lambda: 1000)
    assert run()["error"]["code"] == "not_root"
