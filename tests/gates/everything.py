# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run sessions in two lanes, whatever fails on the way, and say at the end how each went and where the time went.

Whichever lane is through first helps the other one: the second takes sessions of the first, the last ones first; the
first takes what is left of the session that the second has begun with, where that can be shared.

The output of a session stays together. What the first lane says comes as it is written; what the second lane says comes
between two sessions of the first, once its session has ended, and as it is written when the first lane is through.
"""

from __future__ import annotations

import collections
import os
import queue
import re
import sys
import tempfile
import threading
import time
import typing as t
from pathlib import Path

from tests.gates.echo import echoed, to_stdout
from tests.gates.places import CACHE, CHECKOUT

# What keeps one core busy most of the time and hardly ever a second one, whatever else goes on: the emulated host.
# Its scenarios are taken one by one by whoever is free, see tests/lab/scenarios/conftest.py.
SECOND_LANE = ("lab",)
# What a session is given that has more to do when somebody asks for it.
ARGUMENTS = {"fleet": ["10"]}
SHARED = "KVM_HOSTDEV_LAB_SHARED"
JOINS = "KVM_HOSTDEV_LAB_JOINS"

_CLOSING = re.compile(r"^=+ (.*\b(?:passed|failed|errors?|no tests ran)\b.* in [\d.]+s.*?) =+$")
_SPENT = "time: "
_UNDONE = re.compile(r"^(?:FAILED|ERROR|RERUN) \S+::")
_WIDTH = "300"  # of pytest's lines, which end with the reason
_LAST = 60


class Outcome(t.NamedTuple):
    """How a session went, and what it cost in processor seconds.

    `closings` are pytest's last words, a line for each time that it ran; `spent` what a session said about its time, in
    lines that began with `time: `; `undone` a line for each test that failed or had to be run again, with the reason;
    `last` the last lines of one that failed, since who has no more than the end of a log is to know why.
    """

    name: str
    passed: bool
    seconds: float
    processor: float = 0
    lane: int = 1
    closings: t.Sequence[str] = ()
    spent: t.Sequence[str] = ()
    undone: t.Sequence[str] = ()
    last: t.Sequence[str] = ()


def run_all(names: t.Sequence[str]) -> bool:
    """Run the sessions and print the table; true when all passed."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as shared:
        waiting = collections.deque(name for name in names if name not in SECOND_LANE)
        second = _SecondLane([name for name in names if name in SECOND_LANE], waiting, shared)
        outcomes = []
        while name := second.leave():
            outcomes.append(_run(name, 1, to_stdout))
            second.print_ended()
        outcomes += [_run(name, 1, to_stdout, shared) for name in second.names if name in SECOND_LANE]
        outcomes += second.print_to_the_end()
    return print_table(outcomes, time.monotonic() - started)


def print_table(outcomes: t.Sequence[Outcome], seconds: float | None = None) -> bool:
    """Print how each went and how long it took, all together `seconds` or one after another; true when all passed."""
    total = sum(outcome.seconds for outcome in outcomes) if seconds is None else seconds
    passed = all(outcome.passed for outcome in outcomes)
    everything = Outcome("all", passed, total, sum(outcome.processor for outcome in outcomes), lane=0)
    width = max(len(outcome.name) for outcome in (*outcomes, everything))
    print(f"\n{''.ljust(width)}  result  lane  seconds  processor")
    for outcome in (*outcomes, everything):
        result = "passed" if outcome.passed else "FAILED"
        numbers = f"{outcome.lane or '':>4}  {outcome.seconds:7.1f}  {outcome.processor or 0:9.1f}"
        closing = outcome.closings[-1].strip("= ") if outcome.closings else ""
        print(f"{outcome.name.ljust(width)}  {result}  {numbers}  {closing}".rstrip())
        for line in outcome.spent:
            print(f"    {line}")
    for closing in (line for outcome in outcomes for line in outcome.closings):
        print(closing)
    for undone in (line for outcome in outcomes for line in outcome.undone):
        print(undone)
    for outcome in outcomes:
        if outcome.last:
            print(f"\n--- {outcome.name} ended with ---", *outcome.last, sep="\n")
    sys.stdout.flush()
    return passed


class _SecondLane:
    """Sessions that run one after another in the background; their lines wait until they may be printed.

    Its own come first, then the last ones of those that are `waiting`.
    """

    def __init__(self, names: t.Sequence[str], waiting: collections.deque[str], shared: str) -> None:
        self._own = collections.deque(names)
        self._waiting = waiting
        self._shared = shared
        self._sessions: list[_InBackground] = []
        self._outcomes: list[Outcome] = []
        self._lock = threading.Lock()
        # A daemon: who interrupts the first lane waits for nothing.
        threading.Thread(target=self._run_all, daemon=True).start()

    @property
    def names(self) -> list[str]:
        """The sessions that are not through."""
        with self._lock:
            return [*(session.name for session in self._sessions if not session.ended.is_set()), *self._own]

    def leave(self) -> str | None:
        """Return the first of those that are waiting, which is the caller's then; None when none is left."""
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def print_ended(self) -> None:
        """Print what the sessions said that have ended meanwhile."""
        while self._sessions and self._sessions[0].ended.is_set():
            self._print_first()

    def print_to_the_end(self) -> list[Outcome]:
        """Print what is left as it comes, and return how all went."""
        while self.names or self._sessions:
            if self._sessions:
                self._print_first()
            else:
                time.sleep(0.1)  # between two of its own
        return self._outcomes

    def _run_all(self) -> None:
        while session := self._next():
            session.run()

    def _next(self) -> _InBackground | None:
        with self._lock:
            if not (self._own or self._waiting):
                return None
            name = self._own.popleft() if self._own else self._waiting.pop()
            session = _InBackground(name, self._shared if name in SECOND_LANE else "")
            self._sessions.append(session)
            return session

    def _print_first(self) -> None:
        session = self._sessions.pop(0)
        for line in iter(session.lines.get, None):
            to_stdout(line)
        session.ended.wait()
        assert session.outcome is not None
        self._outcomes.append(session.outcome)


class _InBackground:
    def __init__(self, name: str, shared: str) -> None:
        self.name = name
        self._shared = shared
        self.lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.ended = threading.Event()
        self.outcome: Outcome | None = None

    def run(self) -> None:
        try:
            self.outcome = _run(self.name, 2, self.lines.put, self._shared)
        finally:
            self.outcome = self.outcome or Outcome(self.name, False, 0, lane=2)
            self.lines.put(None)
            self.ended.set()


def _run(name: str, lane: int, write: t.Callable[[str], object], shared: str = "") -> Outcome:
    write(f"\n--- {name} ---\n")
    started = time.monotonic()
    sharing = {SHARED: shared, JOINS: "yes" if shared and lane == 1 else ""}
    command: list[str | Path] = [sys.executable, "-m", "nox", "--envdir", CACHE / "nox", "--session", name]
    command += ["--", *ARGUMENTS.get(name, ())]
    run = echoed(command, CHECKOUT, {**os.environ, "COLUMNS": _WIDTH, **sharing}, write)
    lines = [line.strip() for line in run.lines]
    return Outcome(
        name,
        run.status == 0,
        time.monotonic() - started,
        run.processor,
        lane,
        [line for line in lines if _CLOSING.match(line)],
        [line.removeprefix(_SPENT) for line in lines if line.startswith(_SPENT)],
        [line for line in lines if _UNDONE.match(line)],
        run.lines[-_LAST:] if run.status else (),
    )
