# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the time of the scenarios goes: what boots the host, runs a playbook or waits for a guest says so here."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

BOOTS, PLAYBOOKS, GUESTS = KINDS = ("boots", "playbooks", "guests")

#: Seconds by kind since the start of this process, and how many tasks the playbooks had.
seconds: dict[str, float] = dict.fromkeys(KINDS, 0.0)
tasks = 0

_lock = threading.Lock()
_within = 0


@contextlib.contextmanager
def spending(kind: str) -> Iterator[None]:
    """Count the time as spent on KIND, unless it lies in a stretch that is counted already, in whatever thread."""
    global _within
    with _lock:
        _within += 1
        outermost = _within == 1
    began = time.monotonic()
    try:
        yield
    finally:
        with _lock:
            _within -= 1
            if outermost:
                seconds[kind] += time.monotonic() - began


def count_tasks(number: int) -> None:
    """Say that a playbook had this number of tasks."""
    global tasks
    with _lock:
        tasks += number
