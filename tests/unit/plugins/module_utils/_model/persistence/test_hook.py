# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""libvirt's hook, run by sh with a program that says what it was given."""

from __future__ import annotations

import os
import subprocess

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence import hook as hook_file
from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence.hook import hook


@pytest.fixture
def run(tmp_path, monkeypatch):
    program, python = tmp_path / "restore.pyz", tmp_path / "py 3's" / "python"
    monkeypatch.setattr(hook_file, "PROGRAM", str(program))
    python.parent.mkdir()
    program.write_text("")

    def run(*words, without=None, status=3, xml="<domain/>"):
        python.write_text(f'#!/bin/sh\ncat\necho "$@"\nexit {status}\n')
        python.chmod(0o755)
        if without is not None:
            {"python": python, "program": program}[without].unlink()
        script = tmp_path / "hook"
        script.write_text(hook(str(python)))
        script.chmod(0o755)
        # As libvirt does: nothing but a path (src/util/virhook.c, virHookCall).
        done = subprocess.run(
            [str(script), *words],
            input=f"{xml}\n",
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.defpath},  # of which it needs cat
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_before_a_start_the_program_has_the_domain_and_decides(run, tmp_path):
    words = f"-I {tmp_path}/restore.pyz hook web 1 prepare begin -\n"
    assert run("web 1", "prepare", "begin", "-") == (1, f"<domain/>\n{words}", "")
    assert run("web 1", "prepare", "begin", "-", status=0) == (0, f"<domain/>\n{words}", "")


@pytest.mark.parametrize(
    "words", ["prepare end -", "start begin -", "reconnect begin -", "release end -", "", "prepare"]
)
def test_at_all_else_nothing_is_run_and_nothing_refused(run, words):
    assert run("web1", *words.split()) == (0, "", "")


@pytest.mark.parametrize("without", ["python", "program", None])
@pytest.mark.parametrize(
    "xml",
    [
        "<domain><devices>\n<hostdev mode='subsystem' type='pci'/>",
        "<domain><interface type='hostdev'/>",
        "<domain><disk type='nvme' device='disk'/>",
    ],
)
def test_where_nobody_can_look_a_domain_with_devices_does_not_start_and_the_log_says_why(run, without, xml):
    status, _out, err = run("web1", "prepare", "begin", "-", without=without, xml=xml, status=127)
    assert status == 1
    assert err.startswith("kvm.hostdev: web1 is not started: its devices can't be looked at (")
    assert err.count("\n") == 1


@pytest.mark.parametrize("without", ["python", "program", None])
def test_where_nobody_can_look_one_without_devices_starts(run, without):
    status, _out, err = run("web1", "prepare", "begin", "-", without=without, status=127)
    assert (status, err) == (0, "")
