# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmarks, as ratios against a peer in one run: python3 -m tests.bench WHAT, see --help."""

from __future__ import annotations

import argparse
import sys

from . import facts, lab, owners, tasks, together
from .nova import place, tracker

SIZES = (100, 1_000, 10_000, 30_000)


def main() -> int:
    """Run the benchmark named."""
    parser = argparse.ArgumentParser(prog="./run bench")
    kinds = parser.add_subparsers(dest="what", required=True)
    on_trees = kinds.add_parser(
        "facts", help="the inventory against lspci, tasks that change nothing, and a no-op module"
    )
    on_trees.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of PCI functions")
    on_trees.add_argument("--rounds", type=int, default=7)
    on_lab = kinds.add_parser("lab", help="pci_facts on the lab host with over 100 VFs, against a no-op module")
    on_lab.add_argument("--rounds", type=int, default=5)
    of_owners = kinds.add_parser("owners", help="all claims of a host in one task that changes nothing, against one")
    of_owners.add_argument("--owners", type=int, default=20)
    of_owners.add_argument("--rounds", type=int, default=7)
    of_choice = kinds.add_parser("together", help="devices that belong together, on a host of 559 functions")
    of_choice.add_argument("--rounds", type=int, default=7)
    against_nova = kinds.add_parser("tracker", help="the tracker against OpenStack Nova's")
    against_nova.add_argument("--sizes", type=int, nargs="+", default=(100, 1_000, 10_000), help="numbers of VFs")
    against_nova.add_argument("--ours-alone", type=int, nargs="*", default=(100_000,), help="sizes without Nova")
    of_hosts = kinds.add_parser(
        "place", help="the best of many hosts for a request, against OpenStack Nova's scheduler"
    )
    of_hosts.add_argument(
        "--hosts", type=int, nargs="+", default=(1_000, 2_000, 5_000, 10_000), help="numbers of hosts"
    )
    of_hosts.add_argument("--rounds", type=int, default=3)
    page = kinds.add_parser("page", help="the picture of many hosts: its size, and seconds in Chromium")
    page.add_argument("--hosts", type=int, default=1_000)
    page.add_argument("--functions", type=int, default=60)
    page.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.what == "page":
        from . import pictures  # the others need no browser's driver

        pictures.run(arguments.hosts, arguments.functions, arguments.rounds)
    elif arguments.what == "facts":
        facts.run(arguments.sizes, arguments.rounds)
        tasks.run(arguments.rounds)
    elif arguments.what == "lab":
        lab.run(arguments.rounds)
    elif arguments.what == "owners":
        owners.run(arguments.owners, arguments.rounds)
    elif arguments.what == "together":
        together.run(arguments.rounds)
    elif arguments.what == "place":
        place.run(arguments.hosts, arguments.rounds)
    else:
        tracker.run(arguments.sizes, arguments.ours_alone)
    return 0


if __name__ == "__main__":
    sys.exit(main())
