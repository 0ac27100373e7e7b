# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a process is still the one that it was: numbers of processes are used again (proc_pid_stat(5))."""

from __future__ import annotations


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
