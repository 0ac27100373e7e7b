# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the controller: written whole or not at all, and only where they differ."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
import typing as t

MODE = 0o644


class Written(t.NamedTuple):
    """A file as it was and as it is, or in check mode would be."""

    path: str
    before: str
    after: str
    changed: bool

    def difference(self, limit: int) -> dict[str, t.Any]:
        """As Ansible shows it; of files with more than `limit` characters only that they are too large for that."""
        if max(len(self.before), len(self.after)) > limit:
            return {"dst_larger": limit}
        return {
            "before_header": self.path,
            "after_header": self.path,
            "before": self.before,
            "after": self.after,
        }


def read(path: str) -> str | None:
    """Its text, None where there is none. Raises OSError."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return None


def written_at(path: str) -> float | None:
    """When the file was last written, in seconds since 1970; None where there is none."""
    try:
        return os.stat(path).st_mtime
    except FileNotFoundError:
        return None


def write(path: str, text: str, *, check_mode: bool, time: float | None = None) -> Written:
    """Have the file hold this text, readable by all; `time` is its time where it is written.

    Raises OSError, in check mode too where the file could not be written.
    """
    path = os.path.realpath(path)
    if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
        # Root would have a file in place of /dev/null, and wait for ever for what a pipe has.
        raise OSError(errno.EINVAL, "wanted a file or nothing, found something else")
    before = read(path)
    same = before == text and os.stat(path).st_mode & 0o7777 == MODE
    if not same:
        _check_folder(os.path.dirname(path))
        if not check_mode:
            _replace(path, text, time)
    return Written(path, before or "", text, not same)


def _check_folder(folder: str) -> None:
    """Refuse one into which no file can be written. Raises OSError."""
    if not os.path.isdir(folder):
        raise OSError(errno.ENOENT, f"there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OSError(errno.EACCES, f"no file can be written to the folder {folder}")


def _replace(path: str, text: str, time: float | None) -> None:
    """Write a file of another name, then give it this one, so that nobody reads a part of it."""
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=f".{os.path.basename(path)}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            os.fchmod(handle, MODE)
            file.write(text)
            file.flush()
            os.fsync(handle)
        if time is not None:
            os.utime(temporary, (time, time))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
