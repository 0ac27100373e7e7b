# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""python3 -m tests.fleet [HOSTS]: gather from simulated hosts, place claims on them, and let many claim at once."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from .cache import Cache, community_general
from .claims import CLAIMED, Answer, Claim, Outcome, claims, one_of_each, outcome, outcomes
from .hosts import EVERYWHERE, Host, fleet, lay_out
from .kernel import Kernels
from .runs import Run, Site
from .verdict import HostState, faults, read_state

_CLAIM = str(Path(__file__).parent / "plays/claim.yml")
_SHOWN = 20


class Fleet:
    """Simulated hosts in a folder, with the kernels and the cache that serve them."""

    def __init__(self, hosts: Sequence[Host], folder: Path, kernels: Kernels, site: Site, cache: Cache) -> None:
        self.hosts, self.kernels, self.site, self.cache = hosts, kernels, site, cache
        self._folder = folder
        self.wrong: list[str] = []
        """Tasks that failed and were to succeed."""

    def run(self, *runs: Run) -> list[list[Answer]]:
        """What their tasks returned, run by run; a claim may be refused, all else must succeed."""
        of_runs = self.site.run(*runs)
        self.wrong += [
            f"{answer.task} of {answer.host}: {answer.result.get('msg')}"
            for answers in of_runs
            for answer in answers
            if answer.state != "ok" and answer.task not in CLAIMED
        ]
        return of_runs

    def states(self) -> dict[str, HostState]:
        """All of them as they are now."""
        return {host.name: read_state(self._folder / host.name) for host in self.hosts}

    def breaches(self) -> list[str]:
        """What tasks wanted of the machine that this runs on (interpreter.py)."""
        found = [self._folder / host.name / "breaches" for host in self.hosts]
        return [f"{path.parent.name}: {line}" for path in found if path.exists() for line in path.open()]


def main(words: Sequence[str]) -> int:
    """Return 1 when something was wrong."""
    asked = _parser().parse_args(words)
    hosts = fleet(asked.hosts)
    racks = sorted({host.rack for host in hosts})
    wanted = claims(asked.claims or min(200, 4 * asked.hosts), racks)
    groups = {f"run{number + 1}": wanted[number :: asked.runs] for number in range(asked.runs)}
    with ExitStack() as stack:
        place = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="kvm.hostdev-fleet-", ignore_cleanup_errors=True))
        )
        folder = place / "hosts"
        for host in hosts:
            lay_out(host, folder / host.name)
        kernels = stack.enter_context(Kernels(folder, [host.name for host in hosts]))
        cache = stack.enter_context(Cache(place))
        collections = [os.environ["ANSIBLE_COLLECTIONS_PATH"], community_general()]
        site = Site(place, cache.connection, collections, forks=asked.forks)
        site.inventory(hosts, groups)
        of_all = Fleet(hosts, folder, kernels, site, cache)
        before = of_all.states()
        wrong = _report(of_all)
        told = [*_place(of_all), *_compete(of_all, groups)]
        wrong += [*faults(before, of_all.states(), told), *of_all.wrong, *kernels.wrong, *of_all.breaches()]
    for fault in wrong[:_SHOWN]:
        print(f"WRONG: {fault}")
    if len(wrong) > _SHOWN:
        print(f"and {len(wrong) - _SHOWN} more")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run fleet")
    parser.add_argument("hosts", nargs="?", type=int, default=100, help="how many hosts (100)")
    parser.add_argument("--claims", type=int, help="how many claims (four for each host, at most 200)")
    parser.add_argument("--runs", type=int, default=4, help="how many runs claim at once (4)")
    parser.add_argument("--forks", type=int, default=10, help="forks of each run (10)")
    return parser


def _report(of_all: Fleet) -> list[str]:
    """The report over all hosts; what is wrong with it."""
    begun = time.monotonic()
    (answers,) = of_all.site.run(Run("report", "kvm.hostdev.report", {"hostdev_hosts": EVERYWHERE}))
    gathered = {answer.host for answer in answers if answer.task == "Gather the devices" and answer.state == "ok"}
    shown = {answer.host for answer in answers if answer.task == "Show them" and answer.state == "ok"}
    cached = of_all.cache.hosts()
    wanted = {host.name for host in of_all.hosts if host.reachable}
    print(f"{len(of_all.hosts)} hosts, {len(wanted)} of them reachable: reported in {time.monotonic() - begun:.0f} s")
    return [
        f"{name} {sorted(found)}, not {sorted(wanted)}"
        for name, found in (("gathered from", gathered), ("reported", shown), ("cached", cached))
        if found != wanted
    ]


def _place(of_all: Fleet) -> list[Outcome]:
    """One claim of each kind by the playbook for that, all at once, anywhere; what became of them."""
    begun = time.monotonic()
    wanted = one_of_each(EVERYWHERE)
    told = []
    for claim, answers in zip(wanted, of_all.run(*(_placing(claim) for claim in wanted))):
        told.append(outcome(claim, answers))
        if told[-1].host is None:
            of_all.wrong.append(f"{claim.name}: not placed, though all was free")
    print(f"{len(told)} claims placed by kvm.hostdev.place in {time.monotonic() - begun:.0f} s")
    return told


def _placing(claim: Claim) -> Run:
    variables = {
        "hostdev_hosts": claim.rack,
        "hostdev_owner": claim.name,
        "hostdev_requests": claim.requests,
        "hostdev_constraints": claim.constraints,
        "hostdev_attach": [],
        "hostdev_gather": False,
    }
    return Run(claim.name, "kvm.hostdev.place", variables)


def _compete(of_all: Fleet, groups: dict[str, list[Claim]]) -> list[Outcome]:
    """All claims at once, in several runs; what became of them."""
    begun = time.monotonic()
    of_runs = of_all.run(*(Run(group, _CLAIM, {"fleet_group": group}) for group in groups))
    seconds = time.monotonic() - begun
    wanted = [claim for group in groups.values() for claim in group]
    told = outcomes(wanted, (answer for answers in of_runs for answer in answers))
    _print_totals(told, seconds, len(groups), of_all.kernels.asked)
    return told


def _print_totals(told: Sequence[Outcome], seconds: float, runs: int, asked: int) -> None:
    served = [outcome for outcome in told if outcome.host is not None]
    moved = [outcome for outcome in served if outcome.refusals]
    refused = [outcome for outcome in told if outcome.host is None]
    codes = Counter(code for outcome in told for _host, code in outcome.refusals)
    print(
        f"{len(told)} claims of {runs} runs at once in {seconds:.0f} s: {len(served)} served, {len(moved)} of them on "
        f"another host than the first, {len(refused)} refused\n"
        f"{sum(len(outcome.devices) for outcome in served)} devices held; {asked} writes and modules asked of kernels; "
        f"{sum(codes.values())} times nothing left ({', '.join(f'{code} {count}' for code, count in codes.items())})"
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    sys.exit(main(sys.argv[1:]))
