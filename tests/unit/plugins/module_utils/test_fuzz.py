# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A few inputs of each fuzz target, the same ones each time; `./run fuzz` feeds them a million."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.tests.fuzz.target import Target, attempts
from ansible_collections.kvm.hostdev.tests.fuzz.targets import TARGETS

INPUTS = 120


@pytest.mark.filterwarnings("ignore:Possible nested set")  # of regular expressions
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_every_input_is_read_or_refused(target):
    report = attempts(target, INPUTS)
    assert report.wrong == {}
    assert report.inputs == sum(report.ends.values()) == INPUTS


@pytest.mark.parametrize("target", [target for target in TARGETS if target.seeds], ids=lambda target: target.name)
def test_what_a_target_starts_from_is_read(target):
    assert attempts(target, len(target.seeds)).ends["read"] > 0


def test_targets_have_names_of_their_own():
    assert len({target.name for target in TARGETS}) == len(TARGETS)


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (None, "read"),
        (HostdevError("invalid_spec", subject="x", found="y"), "refused"),
        (KeyError("documented"), "refused"),
        (TypeError("a defect"), "wrong"),
        (RecursionError("a defect too"), "wrong"),
    ],
)
def test_an_error_that_is_not_documented_is_wrong(error, end):
    def run(_data):
        if error is not None:
            raise error

    report = attempts(Target("it", run, documented=(KeyError,)), 5)
    assert dict(report.ends) == {end: 5}
    assert len(report.wrong) == (end == "wrong")


def test_a_message_of_two_lines_is_wrong(monkeypatch):
    monkeypatch.setattr(HostdevError, "message", "two\nlines")

    def run(_data):
        raise HostdevError("invalid_spec", subject="x", found="y")

    assert dict(attempts(Target("it", run), 3).ends) == {"refused": 3, "wrong": 3}
