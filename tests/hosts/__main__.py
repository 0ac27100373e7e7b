# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""python3 -m tests.hosts FOLDER ...: replay the recorded hosts in folders and files, and print a line for each."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

from .finding import recordings
from .replay import Replay, replay

_SHOWN = 10


def main(words: list[str]) -> int:
    """Replay them, and return 1 when one failed or there was none."""
    if not words:
        raise SystemExit("hosts: wanted folders or files with recorded hosts")
    replays: list[Replay] = []
    crashed = 0
    for place in words:
        for found in recordings(Path(place)):
            try:
                one = replay(found)
            except Exception:
                crashed += 1
                print(f"{found.path.name:<36} CRASHED\n{traceback.format_exc()}", flush=True)
                continue
            replays.append(one)
            print(one.line, flush=True)
            for fault in one.faults[:_SHOWN]:
                print(f"  FAILED {fault}")
            if len(one.faults) > _SHOWN:
                print(f"  and {len(one.faults) - _SHOWN} more")
    return _totals(replays, crashed)


def _totals(replays: list[Replay], crashed: int) -> int:
    failed = sum(1 for one in replays if one.faults) + crashed
    held = sum(held.count for one in replays for held in one.held)
    functions = sum(one.functions for one in replays)
    groups = sum(one.groups for one in replays)
    paired, gpus = (sum(one.pairs[index] for one in replays) for index in (0, 1))
    print(
        f"\n{len(replays) + crashed} hosts, {functions} functions, {groups} groups, "
        f"{paired} of {gpus} GPUs with a NIC below one switch; {held} things held, {failed} hosts failed"
    )
    return 1 if failed or not replays else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
