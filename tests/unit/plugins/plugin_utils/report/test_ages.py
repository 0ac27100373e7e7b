# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""When facts were gathered, and what is said of old ones."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.ages import UNKNOWN, age, ages, gathered_at, told

SEVEN = 1_795_849_200  # 2026-11-28T07:00:00Z


def facts(at):
    return {"devices": [], "host": {"gathered_at": at}}


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-90_000, ""),  # the host's clock is ahead
        (0, ""),
        (3599, ""),
        (3600, "1 hour"),
        (7300, "2 hours"),
        (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
        (900 * 86_400, "900 days"),
    ],
)
def test_facts_are_old_after_an_hour(seconds, expected):
    assert age(facts("2026-11-28T07:00:00Z"), SEVEN + seconds) == expected


def test_the_time_is_told_in_utc():
    assert told(facts("2026-11-28T07:00:00Z")) == "gathered 2026-11-28 07:00 UTC"
    assert gathered_at(facts("2026-11-28T07:00:00Z")) == "2026-11-28T07:00:00Z"


@pytest.mark.parametrize(
    "at", [None, "", 7, "2026-11-28", "2026-13-28T07:00:00Z", "2026-11-28T07:00:00Z<script>", "\x1b[2J", ["x"]]
)
def test_what_is_no_time_is_unknown(at):
    assert (gathered_at(facts(at)), told(facts(at)), age(facts(at), SEVEN)) == (None, UNKNOWN, "")


@pytest.mark.parametrize("without", [{"devices": []}, {"devices": [], "host": None}, {"host": {"kernel": "6.1"}}])
def test_facts_that_do_not_tell_are_of_an_unknown_time(without):
    assert (gathered_at(without), told(without), age(without, SEVEN)) == (None, UNKNOWN, "")


def test_of_several_hosts_those_with_old_facts_are_named():
    hosts = {"kvm1": facts("2026-11-28T01:59:00Z"), "kvm2": facts("2026-11-28T06:59:00Z"), "kvm3": None, "kvm4": {}}
    assert ages(hosts, SEVEN) == {"kvm1": "5 hours"}
