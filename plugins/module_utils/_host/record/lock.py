# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock that every change of a host is made under.

The kernel lets a lock go when the last process that has the file open ends. A child that is still writing to sysfs
for a run that was killed keeps it, so that no other run begins under its hands.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shlex
import time
import typing as t

from ..._model.errors import HostdevError
from ..folders import make_folder
from ..process import started_at
from .lock_path import LOCK
from .trusted import UntrustedError, open_trusted, open_trusted_folder

__all__ = ["LOCK", "locked"]

_PAUSE = 0.05


@contextlib.contextmanager
def locked(path: str, *, seconds: float, doing: str = "a change") -> t.Iterator[None]:
    """Hold the lock file for the time of the block; it stays when the block ends, only the lock goes.

    `doing` tells others what it is held for. Raises HostdevError: `locked` with the process that has it,
    `lock_untrusted` where somebody else can have a hand in the file, not_root, lock_failed.
    """
    handle = _acquire(path, time.monotonic() + seconds, seconds)
    try:
        me = os.getpid()
        since = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        text = json.dumps({"pid": me, "started": started_at(me), "since": since, "doing": doing})
        with contextlib.suppress(OSError):  # it helps others, and is no reason to stop when /run is full
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{text}\n".encode("ascii"), 0)
        yield
    finally:
        os.close(handle)


def _acquire(path: str, end: float, seconds: float) -> int:
    while True:
        handle = _open(path)
        try:
            while not _try(handle):
                if time.monotonic() >= end:
                    raise _timeout(handle, path, seconds)
                time.sleep(_PAUSE)
            if _is_at(handle, path):
                return handle
        except OSError as error:
            os.close(handle)
            raise _failed(path, error) from error
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # somebody removed the file meanwhile: whoever comes now locks another one


def _open(path: str) -> int:
    try:
        make_folder(os.path.dirname(path))
        os.close(open_trusted_folder(os.path.dirname(path), sticky=True))
        return open_trusted(path, os.O_RDWR | os.O_CREAT, private=True)
    except UntrustedError as error:
        remove = f"see who made it; once no claim or release runs on the host, remove it: rm {shlex.quote(path)}"
        raise HostdevError(
            "lock_untrusted",
            subject=error.path,
            found=error.found,
            wanted=error.wanted,
            remedy=remove if error.path == path else error.remedy,
        ) from error
    except OSError as error:
        raise _failed(path, error) from error


def _try(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EINTR):
            raise
        return False
    return True


def _is_at(handle: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _failed(path: str, error: OSError) -> HostdevError:
    return HostdevError(
        "not_root" if os.geteuid() else "lock_failed",
        subject=path,
        found=str(error),
        wanted="to lock it",
        remedy="run the task as root (become: true)" if os.geteuid() else "see who made it",
    )


def _timeout(handle: int, path: str, seconds: float) -> HostdevError:
    from .lock_holder import holder

    return HostdevError(
        "locked",
        subject=path,
        found=f"another run holds the lock: {holder(handle, path)}",
        wanted=f"the lock within {seconds:g} s",
        remedy="wait for the other run to end, or see what keeps it",
    )
