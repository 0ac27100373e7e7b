# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""python3 -m tests.faults [WORD ...]: try all faults of all changes, or of those that have a word, and print counts."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from .changes import CHANGES, Change
from .effects import MODES
from .trial import Report, try_all


def main(words: list[str]) -> int:
    """Try them, and return 1 when one left a host as it must not be, but for changes that are known to."""
    known = {change.name: change.known for change in CHANGES if not words or any(word in change.name for word in words)}
    wanted = list(known)
    if not wanted:
        raise SystemExit(
            f"faults: no change has one of {words}; there are: {', '.join(change.name for change in CHANGES)}"
        )
    begun = time.monotonic()
    total: Counter[str] = Counter()
    wrong: list[str] = []
    defects: list[str] = []
    print(f"{'change':<34} {'effects':>7} {'faults':>7} {'undone':>7} {'done':>7} {'wrong':>6}")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for name, report in zip(wanted, pool.map(_try, wanted), strict=True):
            ends = report.ends
            total.update(report.modes)
            total.update({"undone": ends["undone"], "done": ends["done"], "effects": report.effects})
            if known[name] and report.wrong:
                defects.append(f"{name}, {len(report.wrong)} times: {known[name]}")
            elif known[name]:
                wrong.append(f"{name} is known to go wrong, and does not: {known[name]}")
            else:
                wrong += report.wrong
            print(
                f"{name:<34} {report.effects:>7} {sum(report.modes.values()):>7} {ends['undone']:>7} {ends['done']:>7} "
                f"{len(report.wrong):>6}",
                flush=True,
            )
    faults = sum(total[mode] for mode in MODES)
    print(
        f"\n{total['effects']} effects of {len(wanted)} changes, {faults} faults in {time.monotonic() - begun:.0f} s:"
    )
    print("  " + ", ".join(f"{total[mode]} {mode}" for mode in MODES))
    print(f"  as before the change after {total['undone']}, as asked for after {total['done']}, {len(wrong)} wrong")
    for defect in defects:
        print(f"KNOWN: {defect}")
    for failure in wrong:
        print(f"WRONG: {failure}")
    return 1 if wrong or not faults else 0


def _try(name: str) -> Report:
    change: Change = next(candidate for candidate in CHANGES if candidate.name == name)
    return try_all(change)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
