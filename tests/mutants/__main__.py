# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""python3 -m tests.mutants [WORD ...] [--sample N | --all]: change rules in small ways, and see that tests fail."""

from __future__ import annotations

import argparse
import sys
import time
import tomllib  # type: ignore[import-not-found]  # mypy takes this for Python 3.10
import typing as t
from collections import Counter
from pathlib import Path

from tests.gates.places import CHECKOUT

from .mutation import Mutation
from .wing import Wing, sampled
from .wings import IN_CHILDREN, WINGS

_WANTED = 90.0
_SAMPLE = 420
_SURVIVORS = Path(__file__).with_name("survivors.toml")


def main(arguments: list[str]) -> int:
    """Try them, and return 1 when in one wing fewer than 90 % are killed, or a listed survivor no longer is one."""
    parser = argparse.ArgumentParser(prog="./run mutants", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="parts of files' paths, such as guards or binder.py")
    parser.add_argument("--sample", type=int, default=_SAMPLE, help=f"how many in all ({_SAMPLE})")
    parser.add_argument("--all", action="store_true", help="every mutant, which takes hours")
    parser.add_argument("--seed", type=int, default=1, help="another one draws other mutants")
    parser.add_argument("--anew", action="store_true", help="also those that were killed in an earlier run")
    asked = parser.parse_args(arguments)
    wings = [name for name in WINGS if not asked.words or _files(name, asked.words)]
    if not wings:
        parser.error(f"no file has one of {asked.words} in its path; the wings are: {', '.join(WINGS)}")
    share = -(-asked.sample // len(wings))
    listed = Listed(tomllib.loads(_SURVIVORS.read_text(encoding="utf-8")).get("survivor", []))
    wrong = [name for name in wings if not _try(name, asked, share, listed)]
    for entry in listed.stale:
        print(f"LISTED, BUT NO SURVIVOR: {entry['file']}, {entry['function']}: {entry['mutation']}")
    if wrong:
        print(f"fewer than {_WANTED:g} % killed in: {', '.join(wrong)}")
    return 1 if wrong or listed.stale else 0


def _files(wing: str, words: t.Sequence[str]) -> list[str]:
    """The files of a wing whose paths have one of the words, or all where there is none."""
    utils = CHECKOUT / "plugins/module_utils"
    files = [str(path.relative_to(utils)) for path in (utils / wing).rglob("*.py")]
    return [file for file in files if not words or any(word in file for word in words)]


class Listed:
    """The survivors on record with their reasons."""

    def __init__(self, entries: list[dict[str, str]]) -> None:
        self._entries = entries
        self._survived: set[int] = set()
        self._killed: set[int] = set()

    def reason(self, mutation: Mutation) -> str | None:
        """Why a survivor is none that a test should kill, None when it is not listed."""
        for number in self._about(mutation):
            self._survived.add(number)
            return self._entries[number]["reason"]
        return None

    def note_killed(self, mutation: Mutation) -> None:
        self._killed.update(self._about(mutation))

    def check(self, mutations: t.Collection[Mutation], file_of: str) -> None:
        """Note what is listed of a wing and is no mutant of it any more."""
        known = {(mutation.file, mutation.function, mutation.told) for mutation in mutations}
        for number, entry in enumerate(self._entries):
            if entry["file"].startswith(file_of) and _place(entry) not in known:
                self._killed.add(number)

    @property
    def stale(self) -> list[dict[str, str]]:
        return [self._entries[number] for number in sorted(self._killed - self._survived)]

    def _about(self, mutation: Mutation) -> list[int]:
        place = (mutation.file, mutation.function, mutation.told)
        return [number for number, entry in enumerate(self._entries) if _place(entry) == place]


def _place(entry: t.Mapping[str, str]) -> tuple[str, str, str]:
    return entry["file"], entry["function"], entry["mutation"]


def _try(name: str, asked: argparse.Namespace, share: int, listed: Listed) -> bool:
    """Try one wing's mutants and print what became of them; whether enough were killed."""
    begun = time.monotonic()
    wing = Wing(name, anew=asked.anew)
    files = _files(name, asked.words)
    mutants = {
        key: mutation
        for key, mutation in wing.mutants.items()
        if mutation.file in files
        and not mutation.meaningless
        and mutation.function not in IN_CHILDREN.get(mutation.file, ())
    }
    drawn = list(mutants) if asked.all else sampled(mutants, share, asked.seed)
    wing.try_all(drawn)
    results = wing.results()
    counts = Counter(results.get(key, "untried") for key in drawn)
    survivors = [mutants[key] for key in drawn if results.get(key) in ("survived", "untested")]
    reasons = [(mutation, listed.reason(mutation)) for mutation in survivors]
    for key in drawn:
        if results.get(key) in ("killed", "timeout"):
            listed.note_killed(mutants[key])
    listed.check(wing.mutants.values(), name)
    killed = counts["killed"] + counts["timeout"]
    score = 100 * killed / len(drawn) if drawn else 100.0
    print(
        f"{name:<18} {len(mutants):>5} mutants, {len(drawn):>4} tried: {killed:>4} killed ({counts['timeout']} by "
        f"time), {len(survivors):>3} survived, score {score:5.1f} %, {time.monotonic() - begun:.0f} s",
        flush=True,
    )
    for mutation, reason in sorted(reasons, key=lambda pair: (pair[0].file, pair[0].function, pair[0].told)):
        print(f"  {'listed' if reason else 'SURVIVED'}: {mutation.file}, {mutation.function}: {mutation.told}")
        if reason:
            print(f"    {reason}")
    if counts["untried"]:
        print(f"  {counts['untried']} came to no end")
    return score >= _WANTED and not counts["untried"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
