# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that are nothing but arguments: /etc/kernel/cmdline, the command line in a unified kernel image."""

from __future__ import annotations

import re

from ..editing import Insertion, Lines

_LINE = re.compile(rb"[^\r\n]+")


class PlainLine:
    """Lines that kernel-install joins, without those that begin with # (90-loaderentry.install, 60-ukify.install).

    proxmox-boot-tool takes the first line alone, whatever it begins with.
    """

    def __init__(self, *, first_only: bool = False) -> None:
        self._first_only = first_only

    def lines(self, data: bytes) -> Lines:
        if self._first_only:
            end = re.search(rb"\r?\n|\Z", data)
            spans = [(0, end.start() if end else len(data))]
        else:
            spans = [match.span() for match in _LINE.finditer(data) if not match.group().startswith(b"#")]
        filled = [span for span in spans if data[span[0] : span[1]].strip(b" \t\0")]
        if filled:
            start, end_of_line = filled[-1]
            at = start + len(data[start:end_of_line].rstrip(b"\0"))
            return Lines(tuple(filled), Insertion(at, glue=True)).until_init(data)
        if self._first_only or not data:
            return Lines((), Insertion(0, glue=False, after=b"" if data else b"\n"))
        before = b"" if data.endswith(b"\n") else b"\n"
        return Lines((), Insertion(len(data), glue=False, before=before, after=b"\n"))

    def finished(self, data: bytes) -> bytes:
        return data
