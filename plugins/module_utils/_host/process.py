# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes: whether one is still the one that it was (proc_pid_stat(5)), and children that may hang in the kernel."""

from __future__ import annotations

import contextlib
import os
import signal
import time


def started_at(process: int) -> str | None:
    """A process's start in ticks since boot; None for one that has ended."""
    state = process_stat(process)
    return None if state is None or state[0] in "ZX" else state[19]


def process_stat(process: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on; processes are this machine's, whatever a tree's root."""
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            # The name, in parentheses, may hold anything; the state comes after its end.
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return fields if len(fields) > 19 else None  # none are left of one that ends just now


def keep_open(*handles: int) -> None:
    """Close all else in a child that may hang in the kernel: it must have nothing of ours but these.

    Not even the standard streams: Ansible waits until nobody has the module's output open any more.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    for number in map(int, os.listdir("/proc/self/fd")):
        if number not in (0, 1, 2, *handles):
            with contextlib.suppress(OSError):
                os.close(number)


def reap(child: int, seconds: float, *, kill: bool) -> None:
    """Wait for the end of a child, but not longer than that; `kill` says whether it has to be told to."""
    if kill:
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)
    end, pause = time.monotonic() + seconds, 0.001
    while not os.waitpid(child, os.WNOHANG)[0] and time.monotonic() < end:
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
