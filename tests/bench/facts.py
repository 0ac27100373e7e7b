# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules read and decide on synthetic hosts, compared with lspci on the same tree."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .claim import DEVICES, DOMAINS, make_claim
from .tree import make_host

# Where files lie in memory the disk has no part in the comparison.
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
_KINDS = ("inventory", "facts", "claim")
_HEADING = """\
Medians of {rounds} rounds by turns, in processor time within the process; ratio: to lspci -Dvmmnnk on the same tree.
What is measured is what the modules run:
  inventory   System.inventory with groups, viability and blockers; with start: and the start of the process
  facts       gather, all that pci_facts returns, with a node device of libvirt for each function
  claim       Flow.claim with its options, of {devices} VFs that one of {domains} running domains has on record already;
              it must change nothing. Kernel and libvirt are the stand-ins of the unit tests.
"""


class _Taken(NamedTuple):
    """What a child process printed, and its processor time in seconds."""

    output: bytes
    seconds: float


def run(sizes: Sequence[int], rounds: int) -> None:
    """Print one line of medians for each number of functions, and how the cost of a function grows with it."""
    if shutil.which("lspci") is None:
        raise SystemExit("bench: lspci is missing: apt-get install pciutils")
    print(_HEADING.format(rounds=rounds, devices=DEVICES, domains=DOMAINS))
    columns = "".join(f"   {kind:>9} {'ratio':>6} {'us each':>8}" for kind in _KINDS)
    print(f"{'functions':>9} {'lspci':>8}{columns}   {'with start':>10} {'libvirt calls':>13} {'MB':>5}")
    costs: dict[int, dict[str, float]] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="kvm.hostdev-bench-", dir=_MEMORY) as folder:
            root = Path(folder, "host")
            make_host(root, size)
            make_claim(root)
            costs[size] = _compare(str(root), size, rounds)
    if len(costs) > 1:
        _growth(costs)


def _compare(root: str, size: int, rounds: int) -> dict[str, float]:
    """Print the line of one host, and return the microseconds for each of its functions."""
    lspci = ["lspci", "-O", f"sysfs.path={root}/sys/bus/pci", "-Dvmmnnk"]
    peer, started = [], []
    seconds: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    told: dict[str, dict[str, Any]] = {}
    for turn in range(rounds + 1):
        peers = _run(lspci).seconds
        taken = {kind: _run([sys.executable, "-m", "tests.bench.measure", kind, root]) for kind in _KINDS}
        told = {kind: json.loads(process.output) for kind, process in taken.items()}
        if told["inventory"]["functions"] != size:
            raise SystemExit(f"bench: {told['inventory']['functions']} functions were found of {size}")
        if turn:  # the first time fills caches
            peer.append(peers)
            started.append(taken["inventory"].seconds)
            for kind in _KINDS:
                seconds[kind].append(told[kind]["seconds"])
    theirs = statistics.median(peer)
    ours = {kind: statistics.median(seconds[kind]) for kind in _KINDS}
    columns = "".join(
        f"   {ours[kind]:>8.3f}s {ours[kind] / theirs:>6.2f} {ours[kind] / size * 1e6:>8.1f}" for kind in _KINDS
    )
    print(
        f"{size:>9} {theirs:>7.3f}s{columns}   {statistics.median(started):>9.3f}s {told['facts']['calls']:>13} "
        f"{told['facts']['bytes'] / 1e6:>5.1f}",
        flush=True,
    )
    return {kind: ours[kind] / size * 1e6 for kind in _KINDS}


def _growth(costs: dict[int, dict[str, float]]) -> None:
    """Print what a function costs on the largest host, as times its cost on the smaller ones."""
    *smaller, large = sorted(costs)
    for size in smaller:
        times = ", ".join(f"{kind} {costs[large][kind] / costs[size][kind]:.2f}" for kind in _KINDS)
        print(f"a function at {large}, in times of one at {size}: {times}")


def _run(command: Sequence[str]) -> _Taken:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"bench: {' '.join(command)} failed")
    return _Taken(output, usage.ru_utime + usage.ru_stime)
