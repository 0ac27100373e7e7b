# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""python3 -m tests.reboots [N] [--seed S]: N reboots with random changes in between, a line for each, and counts."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter

from tests.lab.loaders import PACKAGES
from tests.lab.self_booting import SelfBooting

from . import changes
from .trial import Trial
from .verdict import Verdict


def main() -> int:
    """Do them, and return 1 when one had a fault."""
    parser = argparse.ArgumentParser(prog="./run reboots", description="Reboots with random changes in between.")
    parser.add_argument("number", type=int, nargs="?", default=3, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="of the choice of changes")
    parser.add_argument("--loader", choices=sorted(PACKAGES), default="grub", help="boots by it")
    wanted = parser.parse_args()
    print(f"{wanted.number} reboots by {wanted.loader}, seed {wanted.seed}", flush=True)
    began = time.monotonic()
    with SelfBooting(wanted.loader) as host:
        trial = Trial(host)
        host.switch_iommu_on()
        trial.prepare()
        trial.claim()
        totals = run(trial, wanted.number, random.Random(wanted.seed))
    counts = ", ".join(f"{kind} {totals[kind]}" for kind in Verdict().by_kind())
    print(f"{wanted.number} reboots, seed {wanted.seed}, in {time.monotonic() - began:.0f} s: {counts}")
    return 1 if any(totals.values()) or not wanted.number else 0


def run(trial: Trial, number: int, source: random.Random) -> Counter[str]:
    """Reboot that many times, print a line for each, and return the number of faults by kind."""
    totals: Counter[str] = Counter()
    for turn in range(1, number + 1):
        boot = trial.reboot(changes.choose(source, trial.situation))
        print(f"reboot {turn}: {boot.told()}", flush=True)
        for fault in boot.verdict.faults:
            print(f"  FAULT {fault}", flush=True)
        if boot.verdict.faults:
            for part, said in boot.said.items():
                print("".join(f"  {part}: {line}\n" for line in said.splitlines()), end="", flush=True)
        totals.update({kind: len(faults) for kind, faults in boot.verdict.by_kind().items()})
    return totals


if __name__ == "__main__":
    sys.exit(main())
