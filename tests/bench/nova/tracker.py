# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our tracker against OpenStack Nova's tracker, on the same inventories and operations, in one run."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence

from .operations import OPERATIONS
from .processes import nova_python, novas, ours, shown

# Ours takes seconds at the largest size, where one run tells little; Nova's takes minutes.
ROUNDS = 5


def run(sizes: Sequence[int], ours_alone: Sequence[int]) -> None:
    """Print seconds of both and how many times faster ours is, for each number of VFs; for some sizes ours alone.

    Ours are medians of rounds.
    """
    nova_python()
    print(
        "ours: the path that the modules run, with inventory and states made anew by each operation, and the claim on "
        "record;\nNova's: its tracker, which lives on between operations.\n"
    )
    medians: dict[int, dict[str, float]] = {}
    print(f"{'VFs':>7}  {'operation':<18} {'Nova':>12} {'ours':>12} {'times':>9}")
    for size in [*sizes, *ours_alone]:
        rounds = [ours("our_tracker", size) for _round in range(ROUNDS)]
        medians[size] = {name: statistics.median(seconds[name] for seconds in rounds) for name in OPERATIONS}
        theirs = novas("nova_tracker", size) if size in sizes else {}
        for name in OPERATIONS:
            mine = medians[size][name]
            other = f"{shown(theirs[name]):>12}" if theirs else f"{'':>12}"
            times = f"{theirs[name] / mine:>9.1f}" if theirs else ""
            print(f"{size:>7}  {name:<18} {other} {shown(mine):>12} {times}", flush=True)
    small, large = min(medians), max(sizes)
    operation = "claim and free one"
    growth = medians[large][operation] / medians[small][operation]
    print(f"\nours, {operation}: at {large} {growth:.2f} times its cost at {small}")
    for less, more in itertools.pairwise(sorted(medians)):
        before, whole = (sum(medians[size].values()) for size in (less, more))
        print(f"ours, all operations: at {more} {whole / before:.1f} times the time of {less}")
