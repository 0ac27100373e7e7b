# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock that every change of a host is made under, and who holds it.

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
from ..process import started_at
from .trusted import UntrustedError, open_trusted, open_trusted_folder

# Not in /run/lock: on Debian every user may make files there, and so have one under this name first.
LOCK = "/run/kvm.hostdev.lock"

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


def lock_holder(path: str) -> str | None:
    """Who holds the lock file now; None when nobody does, or when this user may not look."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _holder(handle, path)
    finally:
        os.close(handle)
    return None


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
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
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
    return HostdevError(
        "locked",
        subject=path,
        found=f"another run holds the lock: {_holder(handle, path)}",
        wanted=f"the lock within {seconds:g} s",
        remedy="wait for the other run to end, or see what keeps it",
    )


def _holder(handle: int, path: str) -> str:
    """What the holder wrote of itself, held against the processes that there are."""
    try:
        told = json.loads(os.pread(handle, 4096, 0).decode("utf-8"))
        pid, started, what = int(told["pid"]), told["started"], _printable(f"{told['doing']}, since {told['since']}")
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return ", ".join(["a process that did not say who it is", *_others(path, 0)])
    if started is not None and started_at(pid) == started:
        return f"process {pid}{_command(pid)}, {what}"
    # Killed. In state D, in the kernel's hands, its child can't be ended by anybody.
    left = _others(path, pid) or ["one that this user may not see"]
    return (
        f"process {pid}, {what}, which has ended; what it had begun is still writing to sysfs or waiting: "
        + ", ".join(left)
    )


def _others(path: str, but: int) -> list[str]:
    """The processes that have the lock file open, those that only wait for it among them."""
    processes = []
    real = os.path.realpath(path)
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) in (but, os.getpid()):
            continue
        try:
            folder = f"/proc/{name}/fd"
            if any(os.readlink(f"{folder}/{number}") == real for number in os.listdir(folder)):
                processes.append(f"process {name}{_command(int(name))}")
        except OSError:
            continue
    return processes


def _command(pid: int) -> str:
    """A process's command line, in parentheses, or nothing where this user may not see it."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read(4096).decode("utf-8", "replace").split("\0")
    except OSError:
        return ""
    shown = _printable(" ".join(words).strip())
    return f" ({shown})" if shown else ""


def _printable(text: str) -> str:
    """A text of others in one line that is not too long."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:200])
