# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one task of each module costs: what Ansible ships for it, what the host imports of that, and where time goes."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.one_task import run_task
from ansible_collections.kvm.hostdev.tests.unit.helpers.payload import payload, shipped
from ansible_collections.kvm.hostdev.tests.unit.helpers.still_tasks import STILL_TASKS, still_task

PARTS = ("start", "import", "inventory", "decision")


def run(rounds: int) -> None:
    """Print a line for each task, and one for the whole task of pci_facts beside a no-op module's."""
    print(
        f"\nTasks that change nothing, on the recorded lab host; medians of {rounds} rounds in processor time, without "
        "bytecode as on a host.\nstart: the interpreter and Ansible's part; import: the collection's files and what "
        "they need; decision: all but that and\nthe inventory. A stand-in is asked for libvirt: `import libvirt` comes "
        "on top.\n"
    )
    print(
        f"{'task':<20} {'shipped':>16} {'imported':>16}  " + " ".join(f"{part:>10}" for part in PARTS) + f" {'all':>9}"
    )
    with tempfile.TemporaryDirectory(prefix="kvm.hostdev-bench-") as folder:
        for name in STILL_TASKS:
            _task(name, Path(folder), rounds)
    _whole(rounds)


def _task(name: str, folder: Path, rounds: int) -> None:
    place = folder / name.replace(" ", "-")
    place.mkdir()
    task = still_task(name, FakeHost(place))
    archive = payload(task["module"], place)
    taken: list[dict[str, Any]] = [run_task(str(archive), **task) for _round in range(rounds + 1)][1:]
    if taken[0]["result"].get("changed") is not False:
        raise SystemExit(f"bench: {name}: {taken[0]['result']}")
    sent, imported = shipped(archive), taken[0]["imported"]
    parts = [statistics.median(report["seconds"][part] for report in taken) for part in PARTS]
    print(
        f"{name:<20} {_files(sent):>16} {_files(imported):>16}  "
        + " ".join(f"{part * 1e3:>7.0f} ms" for part in parts)
        + f" {sum(parts) * 1e3:>6.0f} ms",
        flush=True,
    )


def _files(sizes: dict[str, int]) -> str:
    utils = [size for name, size in sizes.items() if size and "module_utils" in name]
    return f"{len(utils)} / {sum(utils) / 1e3:.0f} kB"


def _whole(rounds: int) -> None:
    module = ["ansible", "localhost", "-c", "local", "-m"]
    taken = [
        (
            _seconds([*module, "kvm.hostdev.pci_facts", "-a", "libvirt=none"]),
            _seconds([*module, "ansible.builtin.ping"]),
        )
        for _round in range(rounds + 1)
    ]
    ours, noop = (statistics.median(column) for column in zip(*taken[1:], strict=True))
    print(f"\npci_facts on this machine, end to end: {ours:.2f} s; no-op module: {noop:.2f} s; ratio {ours / noop:.2f}")


def _seconds(command: Sequence[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun
