# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading /sys and /proc below a root folder, which is / on a host and a recorded tree in a test."""

from __future__ import annotations

import contextlib
import os
import stat
import typing as t

from .device_numbers import device_number, recorded_number

if t.TYPE_CHECKING:
    from .device_numbers import DeviceNumber

_READ = os.O_RDONLY | os.O_CLOEXEC


class Tree:
    """Files below `root`, named by their absolute path on the host. Reading never raises for what is not there."""

    def __init__(self, root: str = "/") -> None:
        self._root = os.path.realpath(root)
        self.may_hang = self._root == "/"
        """Whether a file may keep its reader waiting for ever, as the kernel's do and recorded ones do not."""

    def local(self, path: str) -> str:
        """Where the host's path lies in this process's file system."""
        return path if self._root == "/" else self._root + path

    def _host_path(self, local: str) -> str:
        return local if self._root == "/" else local[len(self._root) :]

    def data(self, path: str, limit: int = 1 << 24) -> bytes | None:
        """At most `limit` bytes of a file; None when it is not there or can't be read."""
        return _read(self.local(path), limit)

    def folder(self, path: str) -> Folder:
        """An open folder, for reading many of its files. Raises OSError when it is not there."""
        return Folder(self.local(path))

    def text(self, path: str) -> str | None:
        """A file's text without white space around it; None when it is not there or can't be read."""
        data = self.data(path)
        return None if data is None else as_text(data)

    def lines(self, path: str) -> list[str]:
        """Not by str.splitlines: paths in /proc may hold a form feed or other characters that it splits at."""
        text = self.text(path)
        return text.split("\n") if text else []

    def number(self, path: str) -> int | None:
        """A decimal number in a file, None when there is none."""
        return as_number(self.data(path))

    def names(self, path: str) -> list[str]:
        """The sorted names in a folder, none when there is no folder."""
        try:
            return sorted(os.listdir(self.local(path)))
        except OSError:
            return []

    def any_in(self, path: str) -> bool:
        """Whether a folder is there and has anything in it, however much that is."""
        try:
            with os.scandir(self.local(path)) as entries:
                return next(entries, None) is not None
        except OSError:
            return False

    def exists(self, path: str) -> bool:
        return os.path.exists(self.local(path))

    def is_file(self, path: str) -> bool:
        """Whether there is a plain file at the path."""
        return os.path.isfile(self.local(path))

    def block_number(self, path: str) -> str | None:
        """MAJOR:MINOR of the block device that a node in /dev stands for, whatever its name; None of all else."""
        try:
            status = os.stat(self.local(path))
        except (OSError, ValueError):
            return None
        return f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}" if stat.S_ISBLK(status.st_mode) else None

    def link_target(self, path: str) -> str | None:
        """A link's target as it is written, None when it is no link."""
        try:
            return os.readlink(self.local(path))
        except OSError:
            return None

    def link_name(self, path: str) -> str | None:
        """The last part of a link's target, None when it is no link."""
        target = self.link_target(path)
        return None if target is None else os.path.basename(target)

    def open_device(self, link: str) -> DeviceNumber | None:
        """Which device the file is that a link of /proc/PID/fd or map_files leads to; None of what is no device.

        Raises OSError when that can't be told.
        """
        if self._root == "/":
            return device_number(link)
        target = os.path.join(os.path.dirname(link), os.readlink(self.local(link)))
        below = target.startswith(f"{self._root}/")
        return recorded_number(target if below else self.local(os.path.normpath(target)))

    def node_number(self, path: str) -> DeviceNumber | None:
        """Which device a node in /dev stands for, whatever its name; None of what is none. Raises as `open_device`."""
        return device_number(path) if self._root == "/" else recorded_number(os.path.realpath(self.local(path)))

    def real(self, path: str) -> str:
        """The host's path with all links followed."""
        return self._host_path(os.path.realpath(self.local(path)))


class Folder:
    """An open folder: its files are reached by name, without walking the whole path for each."""

    __slots__ = ("_handle", "names")

    def __init__(self, path: str) -> None:
        self._handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.names = frozenset(os.listdir(self._handle))

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self._handle)

    def data(self, name: str, limit: int = 4096) -> bytes | None:
        """At most `limit` bytes of a file; None when it is not there or can't be read.

        In one read: a file of sysfs is a page at most, and comes whole (Documentation/filesystems/sysfs.rst).
        """
        if name not in self.names:
            return None
        try:
            handle = os.open(name, _READ, dir_fd=self._handle)
        except OSError:
            return None
        try:
            return os.read(handle, limit)
        except OSError:
            return None
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def pieces(self, name: str) -> t.Iterator[t.Callable[[int, int], bytes]]:
        """What reads a file's bytes from a place on, so many of them; fewer or none when they can't be read."""
        try:
            handle = os.open(name, _READ, dir_fd=self._handle)
        except OSError:
            yield lambda _place, _size: b""
            return
        try:
            yield lambda place, size: os.pread(handle, size, place)
        finally:
            os.close(handle)

    def text(self, name: str) -> str | None:
        """A file's text without white space around it; None when it is not there or can't be read."""
        data = self.data(name)
        return None if data is None else as_text(data)

    def number(self, name: str) -> int | None:
        """A decimal number in a file, None when there is none."""
        return as_number(self.data(name))

    def link_name(self, name: str) -> str | None:
        """The last part of a link's target, None when it is no link."""
        if name not in self.names:
            return None
        try:
            return os.readlink(name, dir_fd=self._handle).rpartition("/")[2]
        except OSError:
            return None


def _read(path: str, limit: int) -> bytes | None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        chunks = []
        while limit > 0:
            # Files of /proc/sys refuse a read of megabytes (fs/proc/proc_sysctl.c).
            chunk = os.read(handle, min(limit, 1 << 16))
            if not chunk:
                break
            chunks.append(chunk)
            limit -= len(chunk)
        return b"".join(chunks)
    except OSError:
        return None
    finally:
        os.close(handle)


def as_text(data: bytes) -> str:
    """What a file says, without white space around it."""
    return data.decode("utf-8", "replace").strip("\0 \t\r\n")


def as_number(data: bytes | None) -> int | None:
    """The decimal number that a file says, None when it says none or is not there."""
    if data is None:
        return None
    try:
        return int(as_text(data))
    except ValueError:
        return None


def as_hexadecimal(data: bytes | None, width: int) -> str:
    """The digits of a hexadecimal number in a file, zeros where there is none."""
    try:
        return f"{int(as_text(data or b'0'), 16):0{width}x}"
    except ValueError:
        return "0" * width
