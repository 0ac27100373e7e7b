# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who holds the lock."""

from __future__ import annotations

import fcntl
import json
import os

from ..process import started_at


def lock_holder(path: str) -> str | None:
    """Who holds the lock file now; None when nobody does, or when this user may not look."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return holder(handle, path)
    finally:
        os.close(handle)
    return None


def holder(handle: int, path: str) -> str:
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
