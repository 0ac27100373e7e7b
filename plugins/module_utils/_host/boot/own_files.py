# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the host's configuration, each replaced as a whole or removed, or in check mode only said to be.

A file is written beside its place, made durable, and renamed: after a cut at any point the old or the new one is there.
"""

from __future__ import annotations

import contextlib
import os
import stat
import typing as t

if t.TYPE_CHECKING:
    from ..sysfs import Tree

_BESIDE = ".kvm-hostdev"
_LINKS = 16  # more than any host has one after another (MAXSYMLINKS is 40)
_OF_CONTENT = frozenset({"security.ima", "security.evm"})  # what signs a content, and is wrong of another one


class OwnFiles:
    """The files below a tree's root, to be read, replaced and removed; `diff` says what became or would become of each.

    With `check` nothing is written, and what is read is what would be there.
    """

    def __init__(self, tree: Tree, *, check: bool = False) -> None:
        self._tree = tree
        self._check = check
        self._held: dict[str, bytes | None] = {}
        """In check mode: what would be in each file by now."""
        self._first: dict[str, bytes | None] = {}
        """What was in each file before the first change, in the order of these."""
        self._told: set[str] = set()

    @property
    def changed(self) -> list[str]:
        """The files that are no longer as they were, in the order of their first change."""
        return [path for path, data in self._first.items() if data != self.read(path)]

    @property
    def diff(self) -> list[dict[str, str]]:
        """An entry for each changed file, as Ansible's diff has them; one that is not there is empty."""
        return [
            {
                "before_header": path,
                "before": as_shown(self._first[path]),
                "after_header": path,
                "after": as_shown(self.read(path)),
            }
            for path in self.changed
            if path in self._told
        ]

    def read(self, path: str) -> bytes | None:
        """What is in a file; None where there is none. Raises OSError where it can't be read."""
        path = self.resolved(path)
        if path in self._held:
            return self._held[path]
        try:
            with open(self._tree.local(path), "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def distrust(self, path: str) -> str:
        """Why somebody else than root may have had a hand in a file; nothing where nobody may."""
        local = self._tree.local(path)
        for place in (local, os.path.dirname(local)):
            status = os.lstat(place)
            if stat.S_ISLNK(status.st_mode):
                return f"{place} is a symbolic link"
            if status.st_uid not in (0, os.geteuid()):
                return f"{place} belongs to user id {status.st_uid}"
            if status.st_mode & 0o022:
                return f"{place} has mode {stat.S_IMODE(status.st_mode):04o}, so that others may write to it"
        return ""

    def resolved(self, path: str) -> str:
        """Where a path leads whose last part may be a link: the file is replaced, and the link stays."""
        for _link in range(_LINKS):
            target = self._tree.link_target(path)
            if target is None:
                break
            path = os.path.normpath(os.path.join(os.path.dirname(path), target))
        return path

    def write(self, path: str, data: bytes, *, mode: int = 0o644, told: bool = True) -> bool:
        """Have that in a file, and return whether it was not so. Folders on the way are made. Raises OSError.

        One that is there keeps owner, mode and extended attributes (so its SELinux label); `mode` is a new one's.
        `told` says whether it belongs into the diff.
        """
        path = self.resolved(path)
        before = self.read(path)
        if before == data:
            return False
        self._note(path, before, told)
        if self._check:
            self._held[path] = data
        else:
            replace(self._tree.local(path), data, mode)
        return True

    def remove(self, path: str, *, told: bool = True) -> bool:
        """Have no such file, and return whether there was one. Raises OSError."""
        self.tidy(path)
        before = self.read(path)
        if before is None:
            return False
        self._note(path, before, told)
        if self._check:
            self._held[path] = None
            return True
        local = self._tree.local(path)
        os.unlink(local)
        make_durable(os.path.dirname(local))
        return True

    def adopt(self, path: str, made: str) -> None:
        """Put a file that another program has made in the same folder in a file's place. Raises OSError."""
        local, new = self._tree.local(self.resolved(path)), self._tree.local(made)
        handle = os.open(new, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            _keep_attributes(handle, local, 0o644)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.rename(new, local)
        make_durable(os.path.dirname(local))

    def refresh(self, path: str) -> None:
        """Make a file newer than those that were written before it, for programs that go by that. Raises OSError."""
        if not self._check:
            os.utime(self._tree.local(self.resolved(path)))

    def tidy(self, path: str) -> None:
        """Remove what a run that was cut off left beside a file."""
        if not self._check:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                os.unlink(beside(self._tree.local(self.resolved(path))))

    def make_folders(self, path: str) -> None:
        """Make the folders that a file would lie in, for a program that is to make it."""
        if not self._check:
            make_folders(os.path.dirname(self._tree.local(path)))

    def missing_folders(self, path: str) -> list[str]:
        """The folders that writing a file would make, the highest first."""
        missing: list[str] = []
        folder = os.path.dirname(self.resolved(path))
        while folder not in ("", "/") and not os.path.isdir(self._tree.local(folder)):
            missing.insert(0, folder)
            folder = os.path.dirname(folder)
        return missing

    def remove_folder(self, path: str) -> None:
        """Have no such folder, unless there is something in it."""
        if self._check:
            return
        local = self._tree.local(path)
        with contextlib.suppress(OSError):
            os.rmdir(local)
            make_durable(os.path.dirname(local))

    def _note(self, path: str, before: bytes | None, told: bool) -> None:
        self._first.setdefault(path, before)
        if told:
            self._told.add(path)


def replace(local: str, data: bytes, mode: int) -> None:
    """Have that in a file of this machine, as OwnFiles does; one that is a link gives way to it. Raises OSError."""
    make_folders(os.path.dirname(local))
    new = beside(local)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            _keep_attributes(file.fileno(), local, mode)
            os.fsync(file.fileno())
        os.rename(new, local)
    except Exception:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise
    make_durable(os.path.dirname(local))


def as_shown(data: bytes | None) -> str:
    """A file's content in a diff."""
    return "" if data is None else data.decode("utf-8", "replace")


def beside(local: str) -> str:
    """No program that reads a folder's files by their ending (.conf, .cfg) takes it for one of them."""
    folder, name = os.path.split(local)
    return f"{folder}/.{name}{_BESIDE}"


def make_folders(local: str) -> None:
    """Make a folder and those above it, each durably. Raises OSError."""
    if not os.path.isdir(local):
        make_folders(os.path.dirname(local))
        os.mkdir(local, 0o755)
        os.chmod(local, 0o755)  # whatever the umask
        make_durable(os.path.dirname(local))


def _keep_attributes(handle: int, local: str, mode: int) -> None:
    """Give the open file what the one in whose place it comes has; FAT and some network file systems know less."""
    try:
        old = os.stat(local)
    except FileNotFoundError:
        with contextlib.suppress(OSError):
            os.fchmod(handle, mode)
        return
    mine = os.fstat(handle)
    with contextlib.suppress(OSError):
        if (mine.st_uid, mine.st_gid) != (old.st_uid, old.st_gid):
            os.fchown(handle, old.st_uid, old.st_gid)
    with contextlib.suppress(OSError):
        if stat.S_IMODE(mine.st_mode) != stat.S_IMODE(old.st_mode):
            os.fchmod(handle, stat.S_IMODE(old.st_mode))
    with contextlib.suppress(OSError):
        for name in os.listxattr(local):
            if name not in _OF_CONTENT:
                with contextlib.suppress(OSError):
                    os.setxattr(handle, name, os.getxattr(local, name))


def make_durable(folder: str) -> None:
    """Have a rename survive a power cut. FAT has no journal: syncfs, for what it keeps outside of the folder."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
        if os.fstatvfs(handle).f_namemax == _LONGEST_NAME_OF_FAT:
            # Not above: few folders are on FAT.
            import ctypes

            ctypes.CDLL(None, use_errno=True).syncfs(handle)
    finally:
        os.close(handle)


_LONGEST_NAME_OF_FAT = 255 * 6  # FAT_LFN_LEN * NLS_MAX_CHARSET_SIZE, fat_statfs() in fs/fat/inode.c
