# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""GRUB's environment block: grubenv, 1024 bytes of NAME=VALUE lines, filled with # (grub-core/lib/envblk.c)."""

from __future__ import annotations

import re

from ...errors import HostdevError
from ..editing import Insertion, Lines

SIZE = 1024
_OPTIONS = re.compile(rb"^kernelopts=([^\n]*)", re.MULTILINE)


class GrubEnvironment:
    """The variable kernelopts, which entries of RHEL 8 and its like name in place of arguments."""

    def lines(self, data: bytes) -> Lines:
        found = _OPTIONS.search(data)
        if found is None:
            at = len(data.rstrip(b"#"))
            ended = at == 0 or data[at - 1 : at] == b"\n"
            before = b"kernelopts=" if ended else b"\nkernelopts="
            return Lines((), Insertion(at, glue=False, before=before, after=b"\n"))
        start, end = found.span(1)
        return Lines((found.span(1),), Insertion(end, glue=end > start)).until_init(data)

    def finished(self, data: bytes) -> bytes:
        """Raises HostdevError: boot_files, where the block has no room for it."""
        filled = data.rstrip(b"#")
        if len(filled) > SIZE:
            raise HostdevError(
                "boot_files",
                subject="grubenv",
                found=f"its variables would take {len(filled)} bytes",
                wanted=f"no more than the {SIZE} bytes of GRUB's environment block",
                remedy="ask for fewer arguments, or take variables out of it with grub2-editenv",
            )
        return filled.ljust(SIZE, b"#")


def variable(data: bytes | None, name: str) -> str | None:
    """A variable of the block, None where it has none."""
    pattern = rb"^" + re.escape(name.encode("ascii")) + rb"=([^\n]*)"
    found = re.search(pattern, data or b"", re.MULTILINE)
    return None if found is None else found.group(1).decode("utf-8", "replace")
