# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore tells: lines in the system's journal, and a note for the facts until the next start."""

from __future__ import annotations

import contextlib
import json
import sys
import time
import typing as t

from ..boot.own_files import OwnFiles
from ..reading.restore_note import NOTE

if t.TYPE_CHECKING:
    from ..change.outcome import Failure
    from ..sysfs import Tree

_ERROR, _WARNING, _NOTICE = "<3>", "<4>", "<5>"
"""What systemd takes from the begin of a line (sd-daemon(3))."""


def tell(failed: t.Iterable[Failure], warnings: t.Iterable[str], done: t.Iterable[str]) -> None:
    """A line for each in the journal."""
    lines = [f"{_NOTICE}{line}" for line in done]
    lines += [f"{_WARNING}{line}" for line in warnings]
    lines += [f"{_ERROR}{failure.error.message}" for failure in failed]
    sys.stderr.write("".join(f"{' '.join(line.split())}\n" for line in lines))
    sys.stderr.flush()


def note(tree: Tree, boot_id: str, failed: t.Iterable[Failure]) -> None:
    """Leave what could not be brought back for who reads the facts; without it there is the journal."""
    told = {
        "boot_id": boot_id,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "failed": [failure.as_dict() for failure in failed],
    }
    with contextlib.suppress(OSError):
        OwnFiles(tree).write(NOTE, json.dumps(told, indent=1).encode())
