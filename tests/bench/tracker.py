# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our tracker against OpenStack Nova's tracker, on the same inventories and operations, in one run."""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

from tests.lab import cache

from .operations import OPERATIONS

NOVA = "nova==34.0.0"
# Ours takes seconds at the largest size, where one run tells little; Nova's takes minutes.
ROUNDS = 5
_HERE = Path(__file__).parent


def run(sizes: Sequence[int], ours_alone: Sequence[int]) -> None:
    """Print seconds of both and how many times faster ours is, for each number of VFs; for some sizes ours alone.

    Ours are medians of rounds.
    """
    nova = _nova_python()
    print(
        "ours: the path that the modules run, with inventory and states made anew by each operation, and the claim on "
        "record;\nNova's: its tracker, which lives on between operations.\n"
    )
    ours: dict[int, dict[str, float]] = {}
    print(f"{'VFs':>7}  {'operation':<18} {'Nova':>12} {'ours':>12} {'times':>9}")
    for size in [*sizes, *ours_alone]:
        rounds = [_measured([sys.executable, "-m", "tests.bench.our_tracker", str(size)]) for _round in range(ROUNDS)]
        ours[size] = {name: statistics.median(seconds[name] for seconds in rounds) for name in OPERATIONS}
        theirs = _measured([str(nova), str(_HERE / "nova_tracker.py"), str(size)]) if size in sizes else {}
        for name in OPERATIONS:
            mine = ours[size][name]
            other = f"{_shown(theirs[name]):>12}" if theirs else f"{'':>12}"
            times = f"{theirs[name] / mine:>9.1f}" if theirs else ""
            print(f"{size:>7}  {name:<18} {other} {_shown(mine):>12} {times}", flush=True)
    small, large = min(ours), max(sizes)
    operation = "claim and free one"
    growth = ours[large][operation] / ours[small][operation]
    print(f"\nours, {operation}: at {large} {growth:.2f} times its cost at {small}")
    for less, more in itertools.pairwise(sorted(ours)):
        before, whole = (sum(ours[size].values()) for size in (less, more))
        print(f"ours, all operations: at {more} {whole / before:.1f} times the time of {less}")


def _measured(command: list[str]) -> dict[str, float]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {' '.join(command)} failed\n{done.stderr}")
    seconds: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def _shown(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.1f} us"


def _nova_python() -> Path:
    """Return the Python of a virtual environment with Nova, which is made once."""
    folder = cache.folder() / "venvs" / NOVA.replace("==", "-")
    python = folder / "bin" / "python"
    if not (folder / "done").exists():
        print(f"installing {NOVA} for the comparison", flush=True)
        venv.create(folder, clear=True, with_pip=True)
        with tempfile.TemporaryFile() as log:
            if subprocess.run([python, "-m", "pip", "install", "--quiet", NOVA], stderr=log, check=False).returncode:
                log.seek(0)
                raise SystemExit(f"bench: {NOVA} can't be installed\n{log.read().decode()[-2000:]}")
        (folder / "done").touch()
    return python
