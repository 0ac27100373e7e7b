# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs that answer, that complain, and that never come back."""

from __future__ import annotations

import re
import time

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.binding.iproute import Answer, Iproute


def ip(folder, script, seconds=10.0):
    program = folder / "ip"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return Iproute("ip", f"{folder}:/usr/bin:/bin", seconds)


def test_what_a_program_says_comes_back_with_its_code(tmp_path):
    run = ip(tmp_path, 'echo "$# $1 $2"; echo "RTNETLINK answers: no" >&2; exit 2')
    assert run(["link", "two words"]) == Answer(2, "2 link two words", "RTNETLINK answers: no")


def test_a_program_speaks_english_and_has_nothing_of_ours(tmp_path, monkeypatch):
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setenv("LC_MESSAGES", "de_DE.UTF-8")
    assert ip(tmp_path, 'echo "$LC_ALL $LANG$LC_MESSAGES"; pwd; cat')([]).output.split() == ["C", "/"]


def test_a_program_that_hangs_is_left_behind_and_named(tmp_path):
    began = time.monotonic()
    with pytest.raises(TimeoutError) as caught:
        ip(tmp_path, "echo begun; exec sleep 60", seconds=0.3)(["link", "show"])
    assert time.monotonic() - began < 5
    assert re.match(r"process \d+, in state \w.* has been running ip link show for 0.3 s$", str(caught.value))


def test_a_program_that_does_not_die_is_not_waited_for(tmp_path):
    """Its descendant keeps its standard streams, as a program in state D would."""
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        ip(tmp_path, "sleep 8 & wait", seconds=0.3)([])
    assert time.monotonic() - began < 5


def test_a_program_that_is_not_there_is_an_error_that_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"no program ip in {tmp_path}"):
        Iproute("ip", str(tmp_path))([])


def test_what_is_no_text_is_read_all_the_same(tmp_path):
    assert ip(tmp_path, r"printf 'a\377'")([]).output == "a\ufffd"
