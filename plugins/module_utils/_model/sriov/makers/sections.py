# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of sections with `key=value` lines, as systemd and NetworkManager read them (systemd.syntax(7))."""

from __future__ import annotations

import typing as t


class Entry(t.NamedTuple):
    """One assignment: `section` counts sections from 0, since several may have one `name`; `line` counts from 1."""

    section: int
    name: str
    key: str
    value: str
    line: int


def entries(text: str) -> list[Entry]:
    """All assignments. Lines of comments, and what is no assignment, are left out; a backslash joins lines."""
    found: list[Entry] = []
    section, name = -1, ""
    for line, content in _joined(text):
        if content.startswith("["):
            section, name = section + 1, content.partition("]")[0][1:].strip()
            continue
        key, equals, value = content.partition("=")
        if equals and section >= 0:
            found.append(Entry(section, name, key.strip(), value.strip(), line))
    return found


def _joined(text: str) -> t.Iterator[tuple[int, str]]:
    parts: list[str] = []
    first = 0
    for number, raw in enumerate(text.split("\n"), 1):
        content = raw.strip()
        if content.startswith(("#", ";")):
            continue
        first = first if parts else number
        if content.endswith("\\"):
            parts.append(content[:-1])
            continue
        content = " ".join([*parts, content]).strip()
        parts = []
        if content:
            yield first, content


def values(found: t.Iterable[Entry], name: str, key: str) -> list[str]:
    """What a key of a section is given; an empty assignment takes back all before it."""
    given: list[str] = []
    for entry in found:
        if (entry.name, entry.key) == (name, key):
            given = [*given, entry.value] if entry.value else []
    return given
