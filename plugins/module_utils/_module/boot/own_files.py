# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules have in common that keep files of ours in /etc."""

from __future__ import annotations

import os

from ..._model.errors import HostdevError


def check_root() -> None:
    """Raises HostdevError with code not_root."""
    if os.geteuid() != 0:
        raise HostdevError(
            "not_root",
            subject="this task",
            found=f"it runs as user id {os.geteuid()}",
            wanted="root: only root may write to /etc",
            remedy="set become: true",
        )


def unwritable(error: OSError) -> HostdevError:
    """What is said of a file that can't be written."""
    return HostdevError(
        "unwritable",
        subject=str(error.filename or "a file of /etc"),
        found=str(error.strerror or error),
        wanted="a file system that root can write to",
        remedy="free space or make it writable, then run the task again",
    )
