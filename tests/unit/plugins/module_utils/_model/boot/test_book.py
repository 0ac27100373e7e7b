# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.book import (
    Book,
    FileRecord,
    Version,
    digest,
    parse_book,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.editing import Edit
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError

BOOK = Book(
    "grub",
    ("a=1", "hugepagesz=1G hugepages=4"),
    (
        FileRecord(
            "/x", "cmdline", b"\xff old\r\n", (Version(digest(b"new"), Edit(("a=1",), (("b=off", "b=on"),), b" \xfe")),)
        ),
        FileRecord("/y", "own", None),
    ),
    ("/etc/default/grub.d",),
)


def test_a_book_is_read_as_it_was_written_whatever_bytes_are_in_it():
    assert parse_book(BOOK.as_bytes(), "/book") == BOOK
    assert json.loads(BOOK.as_bytes())["schema"] == 1


def test_what_is_ours_is_known_by_its_content():
    assert BOOK.files[0].is_ours(b"new")
    assert not BOOK.files[0].is_ours(b"\xff old\r\n")
    assert BOOK.file("/y") is BOOK.files[1]
    assert BOOK.file("/z") is None


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(schema=2),
        lambda document: document.pop("files"),
        lambda document: document.update(arguments=[1]),
        lambda document: document["files"][0].update(before=5),
        lambda document: document["files"][0]["versions"][0].update(replaced=[["x"]]),
        lambda document: document["files"][0]["versions"].append("x"),
    ],
)
def test_a_book_that_is_damaged_or_of_a_later_release_is_an_error(change):
    document = json.loads(BOOK.as_bytes())
    change(document)
    with pytest.raises(HostdevError) as caught:
        parse_book(json.dumps(document).encode(), "/book")
    assert (caught.value.code, caught.value.subject) == ("book_unreadable", "/book")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff", b'{"schema": 1}', b"[" * 100000])
def test_what_is_no_book_is_an_error(data):
    with pytest.raises(HostdevError, match="the book that this module wrote"):
        parse_book(data, "/book")
