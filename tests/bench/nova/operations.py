# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured of a tracker, ours or Nova's, with the same code. Python's own library only."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

OPERATIONS = ("first sync", "sync again", "supports", "claim and free one", "20 claims", "20 frees", "one claim of all")
SEVERAL = 20


class Tracker(Protocol):
    """A tracker of one host; a claim is allocated at once, and `free` frees the last."""

    def sync(self) -> None: ...

    def supports(self) -> None: ...

    def claim(self, count: int = 1) -> None: ...

    def free(self) -> None: ...


def run(make: Callable[[], Tracker], vfs: int, wanted: Sequence[str]) -> dict[str, float]:
    """Return the seconds of each operation; short ones are the best of ten."""
    tracker = make()
    seconds: dict[str, float] = {}

    def measure(name: str, work: Callable[[], Any], times: int = 1) -> None:
        if name in wanted:
            seconds[name] = min(_seconds(work) for _time in range(times))

    def claim_and_free() -> None:
        tracker.claim()
        tracker.free()

    def several_claimed() -> None:
        for _vf in range(SEVERAL):
            tracker.claim()

    def several_freed() -> None:
        for _vf in range(SEVERAL):
            tracker.free()

    tracker_first = _seconds(tracker.sync)
    if "first sync" in wanted:
        seconds["first sync"] = tracker_first
    measure("sync again", tracker.sync)
    measure("supports", tracker.supports, 10)
    measure("claim and free one", claim_and_free, 10)
    measure(f"{SEVERAL} claims", several_claimed)
    measure(f"{SEVERAL} frees", several_freed)
    measure("one claim of all", lambda: tracker.claim(vfs))
    return seconds


def _seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
