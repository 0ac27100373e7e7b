# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders that all may look into, whatever the umask of who makes them."""

from __future__ import annotations

import contextlib
import os

_MODE = 0o755


def make_folder(path: str) -> None:
    """Make the folder, and those above it, where they are not there. Raises OSError.

    One that is there keeps its mode. Of one that is new the mode is set on what was opened, which no link can lead
    elsewhere.
    """
    if os.path.isdir(path):
        return
    above = os.path.dirname(path)
    if above not in ("", path):
        make_folder(above)
    with contextlib.suppress(FileExistsError):  # somebody else made it meanwhile
        os.mkdir(path, _MODE)
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.fchmod(handle, _MODE)
        finally:
            os.close(handle)
