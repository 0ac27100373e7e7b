# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys
import types

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.events.paths import SERVICE_FILE, SETTINGS, TIMER_FILE
from ansible_collections.kvm.hostdev.plugins.module_utils._module.boot import own_files
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_initramfs import picture
from ansible_collections.kvm.hostdev.tests.unit.helpers.module_on_tree import ModuleOnTree

URL = "https://eda.example.org:5000/endpoint"


@pytest.fixture
def run(folder, monkeypatch, capsys):
    for path in ("etc/systemd/system", "run/systemd/system"):
        (folder / path).mkdir(parents=True)
    monkeypatch.setattr(own_files.os, "geteuid", lambda: 0)
    monkeypatch.setitem(sys.modules, "libvirt", types.ModuleType("libvirt"))  # else the host's own Python is taken
    runner = ModuleOnTree(folder, monkeypatch, capsys)
    return lambda **options: runner.run("host_events", **options)


def test_a_host_posts_and_does_not_any_more(folder, run):
    before = picture(folder)
    planned = run(url=URL, host="kvm1", check_mode=True, diff=True)
    assert picture(folder) == before
    done = run(url=URL, host="kvm1", diff=True)
    assert (done["changed"], planned["diff"]) == (True, done["diff"])
    assert done["files"] == [SETTINGS, SERVICE_FILE, TIMER_FILE]
    assert done["msg"] == f"events to {URL} every 300 s written"
    assert run(url=URL, host="kvm1")["changed"] is False
    assert run(url=URL, host="kvm1", every=60, token_file="/etc/token")["changed"] is True
    assert "token_file = /etc/token\n" in (folder / SETTINGS[1:]).read_text()
    gone = run(state="absent")
    assert (gone["changed"], gone["files"], picture(folder)) == (True, [], before)
    assert run(state="absent", url="", host="kvm1")["changed"] is False


def test_a_url_that_is_not_encrypted_is_refused(folder, run):
    before = picture(folder)
    error = run(url="http://eda.example.org/", host="kvm1")["error"]
    assert (error["code"], error["subject"], picture(folder)) == ("invalid_option", "url", before)


def test_only_root_may(run, monkeypatch):
    monkeypatch.setattr(own_files.os, "geteuid", lambda: 1000)
    assert run(state="absent")["error"]["code"] == "not_root"
