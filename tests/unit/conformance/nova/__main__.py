# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the cases of a folder: one line for each that fails, then totals for each area."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from ansible_collections.kvm.hostdev.tests.unit.conformance.nova.cases import FOLDER, read_cases, verdict

COLUMNS = ("holds", "differs", "left out", "fails")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run conformance", description=__doc__)
    parser.add_argument("--cases", type=Path, default=FOLDER, help="a folder with JSON files of cases")
    totals: dict[str, Counter[str]] = {}
    reasons: Counter[str] = Counter()
    for case in read_cases(parser.parse_args(arguments).cases):
        word, why = verdict(case)
        totals.setdefault(case["area"], Counter())[word] += 1
        if word == "fails":
            print(f"FAILS {case['id']} ({case['area']}, {case['level']}): {why}")
        elif word == "differs":
            reasons[why] += 1
    print(f"{'area':<30}" + "".join(f"{column:>10}" for column in COLUMNS))
    for area, counts in [*sorted(totals.items()), ("all", sum(totals.values(), Counter()))]:
        print(f"{area:<30}" + "".join(f"{counts[column]:>10}" for column in COLUMNS))
    for why, number in reasons.items():
        print(f"differs on purpose ({number}): {why}")
    return 1 if any(counts["fails"] for counts in totals.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
