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
    python.write_text('#!/bin/sh\ncat\necho "$@"\nexit 3\n')
    python.chmod(0o755)
    program.write_text("")

    def run(*words, without=None):
        if without is not None:
            {"python": python, "program": program}[without].unlink()
        script = tmp_path / "hook"
        script.write_text(hook(str(python)))
        script.chmod(0o755)
        # As libvirt does: nothing but a path (src/util/virhook.c, virHookCall).
        done = subprocess.run(
            [str(script), *words],
            input="<domain/>\n",
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.defpath},
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_before_a_start_the_program_has_the_domain_and_decides(run, tmp_path):
    words = f"-I {tmp_path}/restore.pyz hook web 1 prepare begin -\n"
    assert run("web 1", "prepare", "begin", "-") == (3, f"<domain/>\n{words}", "")


@pytest.mark.parametrize(
    "words", ["prepare end -", "start begin -", "reconnect begin -", "release end -", "", "prepare"]
)
def test_at_all_else_nothing_is_run_and_nothing_refused(run, words):
    assert run("web1", *words.split()) == (0, "", "")


@pytest.mark.parametrize("without", ["python", "program"])
def test_where_something_is_missing_the_start_goes_on_and_the_log_says_so(run, without):
    status, out, err = run("web1", "prepare", "begin", "-", without=without)
    assert (status, out) == (0, "")
    assert err.startswith("kvm.hostdev: the devices of domain web1 were not looked at, as ")
    assert err.count("\n") == 1
