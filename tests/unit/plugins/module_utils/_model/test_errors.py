# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError, few, of_all


def test_the_message_holds_all_parts_in_one_line():
    error = HostdevError(
        "c",
        subject="0000:01:00.0",
        found="it is mounted.",
        wanted="a free one",
        remedy="unmount it",
        details={"x": [1]},
    )
    assert str(error) == "0000:01:00.0: it is mounted; wanted: a free one; what to do: unmount it."
    assert error.as_result() == {
        "code": "c",
        "subject": "0000:01:00.0",
        "found": "it is mounted.",
        "wanted": "a free one",
        "remedy": "unmount it",
        "x": [1],
    }


def test_parts_that_are_empty_are_left_out_of_the_message():
    assert HostdevError("c", subject="s", found="f").message == "s: f."


def test_a_name_with_line_breaks_does_not_break_the_line():
    error = HostdevError("invalid_spec", subject="a\nok: [host]", found="b\x1b[2J\u202ec \ud800", remedy="d\r\n")
    assert error.message == "a\\nok: [host]: b\\x1b[2J\\u202ec \\ud800; what to do: d\\r\\n."
    assert error.as_result()["subject"] == "a\nok: [host]"


def test_letters_of_any_language_stay_as_they_are():
    assert HostdevError("x", subject="Büro 東京", found="'\"`$(id)").message == "Büro 東京: '\"`$(id)."


def test_a_copy_has_the_changes_and_the_rest_and_leaves_the_error_as_it_was():
    error = HostdevError("c", subject="s", found="f", wanted="w", remedy="r", details={"x": 1, "y": 2})
    copy = error.but(found="f, and more", details={"y": 3, "z": 4})
    assert copy.as_result() == {
        "code": "c",
        "subject": "s",
        "found": "f, and more",
        "wanted": "w",
        "remedy": "r",
        "x": 1,
        "y": 3,
        "z": 4,
    }
    assert (str(copy), copy.but(code="d").code) == ("s: f, and more; wanted: w; what to do: r.", "d")
    assert (error.found, error.details) == ("f", {"x": 1, "y": 2})


def test_a_part_that_no_error_has_is_a_mistake_of_ours():
    with pytest.raises(TypeError):
        HostdevError("c", subject="s", found="f").but(fuond="g")


def test_one_sentence_is_said_of_all_and_of_many_how_many_more_there_are():
    assert of_all(["a"], "is one", "are many") == ["a is one"]
    assert of_all(["a", "b"], "is one", "are many") == ["a, b are many"]
    assert of_all([*"abcdefg"], "is one", "are many") == ["a, b, c, d, e, and 2 more are many"]
    assert of_all([], "is one", "are many") == []
    assert few([*"abcdefg"], most=4) == "a, b, c, d, and 3 more"
