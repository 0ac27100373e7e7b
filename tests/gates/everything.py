# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run sessions one after another, whatever fails on the way, and say at the end how each went and how long it took."""

from __future__ import annotations

import re
import sys
import time
import typing as t

from tests.gates.echo import echoed
from tests.gates.places import CACHE, CHECKOUT

_CLOSING = re.compile(r"^=+ (.*\b(?:passed|failed|errors?|no tests ran)\b.* in [\d.]+s.*?) =+$")


class Outcome(t.NamedTuple):
    """How a session went; `closing` is pytest's last word, if it had one."""

    name: str
    passed: bool
    seconds: float
    closing: str


def run_all(names: t.Sequence[str]) -> bool:
    """Run the sessions and print the table; true when all passed."""
    return print_table([_run(name) for name in names])


def print_table(outcomes: t.Sequence[Outcome]) -> bool:
    """Print how each went and how long it took; true when all passed."""
    width = max(len(outcome.name) for outcome in outcomes)
    print(f"\n{''.ljust(width)}  result  seconds")
    for outcome in outcomes:
        result = "passed" if outcome.passed else "FAILED"
        print(f"{outcome.name.ljust(width)}  {result}  {outcome.seconds:7.1f}  {outcome.closing}".rstrip())
    total = sum(outcome.seconds for outcome in outcomes)
    passed = all(outcome.passed for outcome in outcomes)
    print(f"{'all'.ljust(width)}  {'passed' if passed else 'FAILED'}  {total:7.1f}", flush=True)
    return passed


def _run(name: str) -> Outcome:
    print(f"\n--- {name} ---", flush=True)
    started = time.monotonic()
    status, lines = echoed([sys.executable, "-m", "nox", "--envdir", CACHE / "nox", "--session", name], CHECKOUT)
    closings = [match[1] for match in map(_CLOSING.match, map(str.strip, lines)) if match]
    return Outcome(name, status == 0, time.monotonic() - started, closings[-1] if closings else "")
