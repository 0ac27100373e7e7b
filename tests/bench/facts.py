# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory and all facts of synthetic hosts, compared with lspci on the same tree."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from .tree import make_host

# Where files lie in memory the disk has no part in the comparison.
_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def run(sizes: Sequence[int], rounds: int) -> None:
    """Print one line of medians for each number of functions."""
    if shutil.which("lspci") is None:
        raise SystemExit("bench: lspci is missing: apt-get install pciutils")
    print(
        f"Medians of {rounds} rounds, by turns. inventory: devices, groups, viability and blockers, in process; ratio: "
        "to lspci -Dvmmnnk;\nwith start: the same with the start of the process; facts: all that pci_facts returns, "
        "with a node device of libvirt for each function.\n"
    )
    print(
        f"{'functions':>9} {'inventory':>10} {'lspci':>8} {'ratio':>6} {'us each':>8}   {'with start':>10} {'ratio':>6}"
        f"   {'facts':>8} {'libvirt calls':>13} {'MB':>6}"
    )
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="kvm.hostdev-bench-", dir=_MEMORY) as folder:
            make_host(Path(folder), size)
            _compare(folder, size, rounds)


def _compare(folder: str, size: int, rounds: int) -> None:
    measure = [sys.executable, "-m", "tests.bench.measure"]
    lspci = ["lspci", "-O", f"sysfs.path={folder}/sys/bus/pci", "-Dvmmnnk"]
    inventory, whole, peer = [], [], []
    for turn in range(rounds + 1):
        begun = time.perf_counter()
        told = json.loads(subprocess.run([*measure, "inventory", folder], stdout=subprocess.PIPE, check=True).stdout)
        taken = time.perf_counter() - begun
        if told["functions"] != size:
            raise SystemExit(f"bench: {told['functions']} functions were found of {size}")
        peers = _seconds(lspci)
        if turn:  # the first time fills caches
            inventory.append(told["seconds"])
            whole.append(taken)
            peer.append(peers)
    facts = json.loads(subprocess.run([*measure, "facts", folder], stdout=subprocess.PIPE, check=True).stdout)
    ours, started, theirs = (statistics.median(column) for column in (inventory, whole, peer))
    print(
        f"{size:>9} {ours:>9.3f}s {theirs:>7.3f}s {ours / theirs:>6.2f} {ours / size * 1e6:>8.1f}   "
        f"{started:>9.3f}s {started / theirs:>6.2f}   {facts['seconds']:>7.2f}s {facts['calls']:>13} "
        f"{facts['bytes'] / 1e6:>6.1f}",
        flush=True,
    )


def _seconds(command: Sequence[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun
