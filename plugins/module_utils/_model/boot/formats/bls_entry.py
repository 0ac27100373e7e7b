# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries of the Boot Loader Specification, type 1: loader/entries/*.conf (uapi-group.org/specifications)."""

from __future__ import annotations

import re

from ..editing import Insertion, Lines

_OPTIONS = re.compile(rb"^[ \t]*options(?:[ \t]+([^\r\n]*)|(?=\r?$))", re.MULTILINE)
_KERNEL = re.compile(rb"^[ \t]*linux[ \t]+(\S+)", re.MULTILINE)
# kernel-install puts it last (90-loaderentry.install), so that an entry that it makes anew has ours before it.
_MACHINE_ID = re.compile(rb"[ \t]+systemd\.machine_id=[^ \t]*[ \t]*\Z")
_MACHINE = re.compile(rb"^[ \t]*machine-id[ \t]+(\S+)", re.MULTILINE)
_COUNT = re.compile(r"\+[0-9]+(?:-[0-9]+)?(?=\.conf\Z)")


class BlsEntry:
    """An entry: its lines `options` are joined."""

    def lines(self, data: bytes) -> Lines:
        found = list(_OPTIONS.finditer(data))
        newline = b"\r\n" if b"\r\n" in data else b"\n"
        if not found:
            ended = not data or data.endswith(b"\n")
            before = (b"" if ended else newline) + b"options    "
            return Lines((), Insertion(len(data), glue=False, before=before, after=newline if ended else b""))
        regions = tuple(match.span(1) if match.group(1) is not None else (match.end(), match.end()) for match in found)
        start, end = regions[-1]
        if found[-1].group(1) is None:
            return Lines(regions, Insertion(end, glue=True)).until_init(data)
        own_id = _MACHINE_ID.search(data[start:end])
        at = start + own_id.start() if own_id else end
        return Lines(regions, Insertion(at, glue=at > start)).until_init(data)

    def finished(self, data: bytes) -> bytes:
        return data


def is_of_a_kernel(data: bytes) -> bool:
    """Whether an entry starts a kernel of Linux, and no firmware's menu or other program."""
    return _KERNEL.search(data) is not None


def machine_of(data: bytes) -> str | None:
    """Whose entry it is, where it says so: several systems may share a partition."""
    found = _MACHINE.search(data)
    return None if found is None else found.group(1).decode("ascii", "replace")


def without_count(path: str) -> str:
    """An entry's path whatever the tries that boot counting has in its name: X+2-1.conf is X.conf."""
    return _COUNT.sub("", path)
