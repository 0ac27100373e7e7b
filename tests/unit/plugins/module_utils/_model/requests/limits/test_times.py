# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times and durations: which spellings are read, what is meant by others, and that texts sort as times do."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.limits.times import (
    duration_meant,
    later,
    moment_meant,
    read_duration,
    read_moment,
)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-12-01T18:00:00+01:00", "2026-12-01T17:00:00Z"),
        ("2026-12-01T18:00:00Z", "2026-12-01T18:00:00Z"),
        ("2026-12-01t18:00z", "2026-12-01T18:00:00Z"),
        # As YAML's own times come out of templates.
        ("2026-12-01 18:00:00+00:00", "2026-12-01T18:00:00Z"),
        ("2026-12-01T18:00:00.250-0530", "2026-12-01T23:30:00Z"),
        ("2024-02-29T23:59:59-00:01", "2024-03-01T00:00:59Z"),
        ("2023-02-29T00:00:00Z", None),
        ("2026-12-01T18:00:00", None),
        ("2026-12-01", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("8h", None),
        ("", None),
    ],
)
def test_a_time_is_read_with_its_offset_alone(text, moment):
    assert read_moment(text) == moment


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90m", 5400), ("8h", 28800), (" 2 d ", 172800), ("1w", 604800)],
)
def test_a_duration_is_a_whole_number_of_a_unit(text, seconds):
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["0h", "-1h", "8", "8H", "1.5h", "100y", "9999999w", ""])
def test_nothing_else_is_a_duration(text):
    assert read_duration(text) is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [("8", "8h"), ("8 hours", "8h"), ("2 Days", "2d"), ("15min", "15m"), ("1 week", "1w"), ("soon", None), ("0", None)],
)
def test_what_is_meant_by_other_spellings_of_a_duration(text, meant):
    assert duration_meant(text) == meant


def test_what_is_meant_by_a_time_without_offset():
    assert moment_meant("2026-12-01") == "2026-12-01T00:00:00+00:00"
    assert moment_meant("2026-12-01 18:00") == "2026-12-01T18:00+00:00"
    assert moment_meant("tomorrow") is None


def test_later_goes_over_the_ends_of_days_and_years():
    assert later("2026-12-31T23:59:59Z", 1) == "2027-01-01T00:00:00Z"
    assert later("2024-02-28T12:00:00Z", 86400) == "2024-02-29T12:00:00Z"
