# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kernel said of a device (Documentation/ABI/testing/dev-kmsg)."""

from __future__ import annotations

import os
import typing as t

if t.TYPE_CHECKING:
    from ..sysfs import Tree

# The ring buffer of a large host has some ten thousand records; more than that came while it was read.
_RECORDS = 100_000
_RECORD_BYTES = 8192
_LINES = 3


def lines_about(tree: Tree, address: str) -> list[str]:
    """The last lines that name the function, the oldest first; none where this user may not read them."""
    try:
        handle = os.open(tree.local("/dev/kmsg"), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return []
    lines: list[str] = []
    try:
        for _record in range(_RECORDS):
            try:
                record = os.read(handle, _RECORD_BYTES)
            except BrokenPipeError:
                continue  # this one was overwritten before it was read; the next read is of the oldest there is
            if not record:
                break
            # "priority,number,microseconds,flags;text", then properties on lines that begin with a space.
            text = record.decode("utf-8", "replace").partition(";")[2].partition("\n")[0]
            if address in text:
                lines.append(text)
    except OSError:
        pass  # EAGAIN: that was the last one
    finally:
        os.close(handle)
    return lines[-_LINES:]
