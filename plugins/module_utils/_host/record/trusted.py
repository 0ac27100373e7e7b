# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that root believes: nobody but root and the user who runs this may have made them or be able to change them.

What is looked at is what is open, never a path that could lead elsewhere a moment later.
"""

from __future__ import annotations

import errno
import os
import shlex
import stat

_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)


class UntrustedError(Exception):
    """Somebody else can have had a hand in what is at `path`; the rest is for the error that the user gets."""

    def __init__(self, path: str, found: str, wanted: str, remedy: str = "") -> None:
        self.path = path
        self.found = found
        self.wanted = wanted
        self.remedy = remedy
        super().__init__(f"{path}: {found}")


def open_trusted(path: str, flags: int, *, folder: int | None = None, private: bool = False) -> int:
    """A descriptor of the regular file at a path, which is no link, or by its last part in an open folder.

    `private` asks for a file that only its owner may even read: whoever can open a lock file can hold the lock.
    Raises OSError, UntrustedError.
    """
    name = path if folder is None else os.path.basename(path)
    try:
        # Without O_NONBLOCK a named pipe would be waited at.
        opened = os.open(name, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link, a socket
            kind = _kind(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
            raise UntrustedError(path, f"it is {kind}", "a regular file") from error
        raise
    try:
        status = os.fstat(opened)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not stat.S_ISREG(status.st_mode):
            raise UntrustedError(path, f"it is {_kind(status.st_mode)}", "a regular file")
        _check_owner(status, path)
        if private and status.st_mode & 0o077:
            raise UntrustedError(path, f"its mode is {_mode(status)}", "0600: whoever can open it can hold it")
        if private and status.st_nlink != 1:
            raise UntrustedError(path, f"it has {status.st_nlink} names (hard links)", "one")
        _check_writable(status, path)
    except BaseException:
        os.close(opened)
        raise
    return opened


def open_trusted_folder(path: str, *, sticky: bool = False) -> int:
    """A descriptor of a folder in which nobody else can put a file in another's place.

    `sticky` takes one where others may make files, but not rename or remove those of root. Raises as open_trusted.
    """
    opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        status = os.fstat(opened)
        _check_owner(status, path)
        if not (sticky and status.st_mode & stat.S_ISVTX):
            _check_writable(status, path)
    except BaseException:
        os.close(opened)
        raise
    return opened


def _check_owner(status: os.stat_result, path: str) -> None:
    if status.st_uid not in (0, os.geteuid()):
        remedy = f"see what is in it, then: chown root: {shlex.quote(path)}"
        raise UntrustedError(path, f"it belongs to user id {status.st_uid}", "one of root", remedy)


def _check_writable(status: os.stat_result, path: str) -> None:
    if status.st_mode & 0o022:
        remedy = f"see what is in it, then: chmod go-w {shlex.quote(path)}"
        shown = f"its mode is {_mode(status)}, so that others may write to it"
        raise UntrustedError(path, shown, "what only its owner writes to", remedy)


def _mode(status: os.stat_result) -> str:
    return f"{stat.S_IMODE(status.st_mode):04o}"


def _kind(mode: int) -> str:
    return next((what for test, what in _KINDS if test(mode)), "no regular file")
