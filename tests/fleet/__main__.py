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
from .claims import CLAIMED, Answer, Claim, Outcome, claims, outcomes
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
        wrong = [*_report(of_all), *_claim(of_all, groups), *kernels.wrong, *of_all.breaches()]
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
    answers = of_all.site.run(Run("report", "kvm.hostdev.report", {"hostdev_hosts": EVERYWHERE}))
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


def _claim(of_all: Fleet, groups: dict[str, list[Claim]]) -> list[str]:
    """All claims at once, in several runs; what is wrong after them."""
    before = of_all.states()
    begun = time.monotonic()
    answers = of_all.site.run(*(Run(group, _CLAIM, {"fleet_group": group}) for group in groups))
    seconds = time.monotonic() - begun
    wanted = [claim for group in groups.values() for claim in group]
    wrong = [f"{answer.task} of {answer.host}: {answer.result.get('msg')}" for answer in answers if _is_broken(answer)]
    told = outcomes(wanted, answers)
    _print_totals(told, seconds, len(groups), of_all.kernels.asked)
    return [*wrong, *faults(before, of_all.states(), told)]


def _is_broken(answer: Answer) -> bool:
    """Whether a task failed that is to succeed; of claims the verdict tells."""
    return answer.state != "ok" and answer.task != CLAIMED


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
