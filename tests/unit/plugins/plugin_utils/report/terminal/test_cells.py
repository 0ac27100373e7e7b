# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.plugin_utils.report.terminal import cells


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (None, ""),
        (7, "7"),
        ("A100", "A100"),
        ("a\tb\nc\x1b", "a\\tb\\nc\\x1b"),
        ("\u202eabc", "\\u202eabc"),
        ("e\u0301", "\u00e9"),
        ("x\u0301\u0301\ufe0f", "x"),
        ("\udcff", "\\udcff"),
    ],
)
def test_a_text_is_on_one_line_of_characters_that_have_a_width(text, shown):
    assert cells.plain(text) == shown


def test_a_text_is_as_wide_as_it_looks():
    assert cells.width("A100") == 4
    assert cells.width("\u30aa\u30fcA") == 5


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("abc", 5, "abc  "),
        ("abc", -5, "  abc"),
        ("abcdef", 5, "abc.."),
        ("abcdef", -5, "abc.."),
        ("\u30aa\u30fc\u30c7", 6, "\u30aa\u30fc\u30c7"),
        ("\u30aa\u30fc\u30c7", 5, "\u30aa.. "),
    ],
)
def test_a_cell_has_just_its_columns(text, columns, shown):
    assert cells.fit(text, columns) == shown
    assert cells.width(shown) == abs(columns)


def test_a_row_has_no_spaces_at_its_end():
    assert cells.row(("a", 3), (1, -3), ("", 9)) == "a      1"


def test_a_long_text_goes_on_below_its_beginning():
    lines = cells.wrap("word " * 40, "-> ")
    assert [line[:7] for line in lines] == ["-> word", "   word"]
    assert cells.wrap("word", "-> ") == ["-> word"]
    assert [cells.width(line) for line in cells.wrap("\u30aa" * 100, "  ", 4)] == [118, 88]


def test_items_are_not_broken():
    lines = cells.wrap_items(["1 x 8086:10ca"] * 12, "  ", 4)
    assert [line.count("1 x 8086:10ca") for line in lines] == [7, 5]
    assert max(map(cells.width, cells.wrap_items(["a" * 500, "b"], "  "))) <= cells.WIDTH


@pytest.mark.parametrize(
    ("texts", "columns", "shown"),
    [
        (["aaa", "bbb", "ccc"], 11, "aaa bbb ccc"),
        (["aaa", "bbb", "ccc", "ddd"], 14, "aaa +3 more"),
        (["aaa", "bbb", "ccc", "ddd"], 15, "aaa bbb ccc ddd"),
        (["aaaaaaaa", "bbb"], 11, "a.. +1 more"),
        (["aaaaaaaa"], 5, "aaa.."),
        ([], 5, ""),
    ],
)
def test_texts_that_do_not_fit_are_counted(texts, columns, shown):
    assert cells.some(texts, columns) == shown


def test_texts_on_several_lines_are_all_there_or_counted():
    assert cells.several(["aaa", "bbb", "ccc"], 7, 2) == ["aaa bbb", "ccc"]
    assert cells.several(["aaa", "bbb", "ccc"], 20, 2) == ["aaa bbb ccc"]
    assert cells.several(["aaa"] * 9, 14, 2) == ["aaa aaa aaa", "aaa +5 more"]
    assert cells.several([], 14, 2) == []
