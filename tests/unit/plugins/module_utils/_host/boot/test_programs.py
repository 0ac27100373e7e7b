# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.boot.programs import Programs
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError


@pytest.fixture
def programs():
    return Programs(Tree("/"))


def test_a_program_is_there_where_it_can_be_run(folder):
    (folder / "usr/sbin").mkdir(parents=True)
    (folder / "usr/sbin/update-grub").write_text("#!/bin/sh\n")
    programs = Programs(Tree(str(folder)))
    assert programs.has("update-grub") is False
    (folder / "usr/sbin/update-grub").chmod(0o755)
    assert programs.has("update-grub") is True
    assert programs.has("grubby") is False


def test_what_it_says_and_how_it_ends(programs):
    ended = programs.run("sh", "-c", "echo out; echo err >&2; exit 3")
    assert ended == (3, "out\n", "err\n")
    assert programs.demand("printf", "%s", "a b; c") == "a b; c"


def test_it_has_plain_english_the_hosts_path_and_what_is_added(programs, monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("LD_PRELOAD_OF_OURS", "1")
    out = programs.demand("env", environment={"BOOT_ROOT": "/efi"})
    lines = dict(line.split("=", 1) for line in out.splitlines())
    assert (lines["LC_ALL"], lines["BOOT_ROOT"]) == ("C", "/efi")
    assert lines["PATH"].startswith("/usr/local/sbin:")
    assert "LD_PRELOAD_OF_OURS" not in lines


def test_it_is_asked_nothing(programs):
    assert programs.run("cat").out == ""


def test_the_error_has_its_last_words(programs):
    with pytest.raises(HostdevError) as caught:
        programs.demand("sh", "-c", "for line in 1 2 3 4 5; do echo line $line >&2; done; exit 7")
    error = caught.value
    assert (error.code, error.found) == ("program_failed", "exit status 7: line 3 / line 4 / line 5")
    assert error.subject.startswith("sh -c for line")


def test_one_that_is_not_there_or_never_ends_is_an_error(programs):
    with pytest.raises(HostdevError, match="No such file"):
        programs.run("no-such-program-of-ours")
    before = os.times().elapsed
    with pytest.raises(HostdevError, match=r"has not ended after 0\.05 s"):
        programs.run("sleep", "30", seconds=0.05)
    assert os.times().elapsed - before < 10
