# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls in a child that may hang."""

from __future__ import annotations

import errno
import os
import time

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host import process
from ansible_collections.kvm.hostdev.plugins.module_utils._host.process import Apart

LONG = 60.0


def fail(error):
    raise error


def hang():
    time.sleep(LONG)


def handles():
    return sorted(os.listdir("/proc/self/fd"))


def test_answers_come_in_the_order_of_the_calls_whatever_their_size():
    large = bytes(3 << 20)
    answers = Apart(lambda: [1, "a", (b"x", None)], lambda: large, lambda: {2: -1}).answers(LONG)
    assert answers == [[1, "a", (b"x", None)], large, {2: -1}]


@pytest.mark.parametrize("error", [OSError(errno.EPERM, "no"), KeyError("x"), ValueError("y")])
def test_a_call_that_fails_has_no_answer_and_the_next_has(error):
    assert Apart(lambda: fail(error), lambda: 7).answers(LONG) == [None, 7]


def test_after_a_fault_of_ours_nothing_more_is_answered():
    assert Apart(lambda: 1, lambda: fail(AssertionError()), lambda: 3).answers(LONG) == [1, None, None]


def test_a_call_that_hangs_is_left_behind_with_what_was_answered_before():
    before = time.monotonic()
    child = Apart(lambda: "first", hang, lambda: 3)
    assert child.answers(0.5) == ["first", None, None]
    assert child.left_behind
    assert time.monotonic() - before < LONG / 2


def test_the_child_has_nothing_of_ours_and_leaves_nothing_open(capfd):
    ours = handles()
    (theirs,) = Apart(lambda: [os.readlink(f"/proc/self/fd/{number}") for number in (0, 1, 2)]).answers(LONG)
    assert theirs == [os.devnull] * 3
    assert handles() == ours


def test_a_child_that_ended_is_no_zombie():
    (child,) = Apart(os.getpid).answers(LONG)
    with pytest.raises(ChildProcessError):
        os.waitpid(child, os.WNOHANG)


def test_where_there_can_be_no_child_nothing_stays_open(monkeypatch):
    def fork():
        raise OSError(errno.EAGAIN, "no more processes")

    ours = handles()
    monkeypatch.setattr(process.os, "fork", fork)
    with pytest.raises(OSError, match="no more processes"):
        Apart(int)
    assert handles() == ours
