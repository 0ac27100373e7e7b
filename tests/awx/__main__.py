# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""python3 -m tests.awx [--ways N --first K]: the job templates of kvm.hostdev as AWX runs them, and the guide's form.

The environment that this runs in has the packages of an execution environment. The collection is installed from its
tarball in the folder that KVM_HOSTDEV_INSTALLED names; its own playbooks are the project. Of the ways around the wall
between tenants one of N is tried, from the Kth on.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from . import flow, guide, walls
from .site import Site, site


def main(words: Sequence[str]) -> int:
    """Return 1 when something was wrong."""
    parser = argparse.ArgumentParser(prog="./run awx")
    parser.add_argument("--ways", type=int, default=1, help="try one of so many ways around the wall (1)")
    parser.add_argument("--first", type=int, default=0, help="and this is the first of them, counted from 0")
    asked = parser.parse_args(words)
    share = slice(asked.first, None, asked.ways)
    collections = Path(os.environ["KVM_HOSTDEV_INSTALLED"])
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="kvm.hostdev-awx-", ignore_cleanup_errors=True) as name:
        place = Path(name)
        with site(place, collections / "ansible_collections/kvm/hostdev", collections) as there:
            wrong += _told("facts, place, claim, verify, release", there, flow.faults)
            mark = place / "mark"
            wrong += _told("ways around the wall", there, lambda at: walls.faults(at, mark, share))
            wrong += there.breaches()
    wrong += guide.faults(collections)
    for fault in wrong:
        print(f"WRONG: {fault}")
    return 1 if wrong else 0


def _told(what: str, there: Site, of: Callable[[Site], Iterable[str]]) -> list[str]:
    begun, jobs = time.monotonic(), there.controller.jobs
    found = list(of(there))
    core, number = version("ansible-core"), there.controller.jobs - jobs
    print(f"ansible-core {core}: {what}: {number} jobs in {time.monotonic() - begun:.0f} s, {len(found)} wrong")
    sys.stdout.flush()
    return found


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    sys.exit(main(sys.argv[1:]))
