# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the vectors of a folder: one line for each that fails, then totals for each area."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from ansible_collections.kvm.hostdev.tests.unit.conformance.together.checks import verdict
from ansible_collections.kvm.hostdev.tests.unit.conformance.together.vectors import FOLDER, read_vectors

COLUMNS = ("holds", "fails")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run together", description=__doc__)
    parser.add_argument("--cases", type=Path, default=FOLDER, help="a folder with JSON files of vectors")
    parser.add_argument(
        "--hosts", type=Path, help="the folder of recorded hosts; by default `hosts` beside the vectors"
    )
    options = parser.parse_args(arguments)
    totals: dict[str, Counter[str]] = {}
    for vector in read_vectors(options.cases, options.hosts):
        word, why = verdict(vector)
        totals.setdefault(vector["area"], Counter())[word] += 1
        if word == "fails":
            print(f"FAILS {vector['id']} ({vector['area']}): {why}")
    every = sum(totals.values(), Counter())
    print(f"{'area':<30}" + "".join(f"{column:>10}" for column in COLUMNS))
    for area, counts in [*sorted(totals.items()), ("all", every)]:
        print(f"{area:<30}" + "".join(f"{counts[column]:>10}" for column in COLUMNS))
    if not every:
        print(f"no vectors in {options.cases}")
    return 0 if every["holds"] and not every["fails"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
