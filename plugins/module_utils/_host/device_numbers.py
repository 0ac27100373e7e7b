# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which device an open file is, by the number that the kernel itself goes by, whatever its node is called and wherever.

By statx with AT_STATX_DONT_SYNC: kind and number of a file never change, so that what the kernel knows already will do,
where stat would ask the server of a network file system and wait for one that is dead (statx(2); fs/nfs/inode.c,
nfs_getattr). No node is opened.
"""

from __future__ import annotations

import functools
import os
import re
import stat
import sys
import typing as t

# include/uapi/linux/stat.h and fcntl.h
_AT_STATX_DONT_SYNC = 0x4000
_STATX_TYPE = 0x1
_SIZE_OF_STATX = 256
_MODE, _RDEV_MAJOR, _RDEV_MINOR = 28, 128, 132
_AT_FDCWD = -100

_STAND_IN = re.compile(rb"(char|block) (\d{1,7}):(\d{1,7})\s*")


class DeviceNumber(t.NamedTuple):
    """`kind` is char or block."""

    kind: str
    major: int
    minor: int

    @property
    def link(self) -> str:
        """The link in sysfs to what has the number, of which some drivers' nodes have none."""
        return f"/sys/dev/{self.kind}/{self.major}:{self.minor}"


def device_number(link: str) -> DeviceNumber | None:
    """Which device the file is that a link of /proc/PID/fd or map_files leads to; None of what is no device.

    Raises OSError when that can't be told.
    """
    statx, buffer = _statx()
    if statx(_AT_FDCWD, os.fsencode(link), _AT_STATX_DONT_SYNC, _STATX_TYPE, buffer) != 0:
        raise OSError(f"statx of {link} failed")
    told = bytes(buffer)
    mode, major, minor = (
        int.from_bytes(told[place : place + size], sys.byteorder)
        for place, size in ((_MODE, 2), (_RDEV_MAJOR, 4), (_RDEV_MINOR, 4))
    )
    return _number(mode, major, minor)


def recorded_number(path: str) -> DeviceNumber:
    """The same of a file of a recorded tree: nodes take root to make, so a text such as `char 240:7` stands for one.

    Raises OSError when it is neither.
    """
    state = os.lstat(path)
    number = _number(state.st_mode, os.major(state.st_rdev), os.minor(state.st_rdev))
    if number is None and stat.S_ISREG(state.st_mode):
        with open(path, "rb") as file:
            told = _STAND_IN.fullmatch(file.read(64))
        if told is not None:
            number = DeviceNumber(told[1].decode(), int(told[2]), int(told[3]))
    if number is None:
        raise OSError(f"{path} stands for no device")
    return number


def _number(mode: int, major: int, minor: int) -> DeviceNumber | None:
    kind = "char" if stat.S_ISCHR(mode) else "block" if stat.S_ISBLK(mode) else None
    return None if kind is None else DeviceNumber(kind, major, minor)


@functools.cache
def _statx() -> tuple[t.Callable[..., int], t.Any]:
    """The C library's function (glibc from 2.28, musl), and room for its answer. Raises OSError without it."""
    # Ansible's own basic.py has it imported already, for SELinux.
    import ctypes

    try:
        return ctypes.CDLL(None, use_errno=True).statx, ctypes.create_string_buffer(_SIZE_OF_STATX)
    except AttributeError as error:
        raise OSError("the C library has no statx") from error
