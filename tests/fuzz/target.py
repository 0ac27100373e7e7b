# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target, the outcomes that it may have, and attempts to make it have another one."""

from __future__ import annotations

import random
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError

_LONGEST = 400


@dataclass(frozen=True)
class Target:
    """`run` reads one input, and raises HostdevError or one of `documented` for a bad one, and nothing else.

    `seeds` are inputs to start from, `words` what is worth to be put into others, `share` how many of a million
    inputs it gets, in proportion.
    """

    name: str
    run: Callable[[bytes], object]
    seeds: tuple[bytes, ...] = ()
    words: tuple[str, ...] = ()
    documented: tuple[type[Exception], ...] = ()
    share: int = 10


@dataclass
class Report:
    """How many inputs were read, refused or wrong, and the first of each kind that was wrong, with its bytes."""

    inputs: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, bytes] = field(default_factory=dict)


def attempt(target: Target, data: bytes, report: Report) -> None:
    """Give the target one input, and note how it ended."""
    report.inputs += 1
    try:
        target.run(data)
        report.ends["read"] += 1
    except HostdevError as error:
        report.ends["refused"] += 1
        if not error.message.isprintable():
            _note(report, "a message of more than one line, or with control characters", data)
    except target.documented:
        report.ends["refused"] += 1
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if "/module_utils/" in frame.filename] or list(frames)
        place = f"{ours[-1].filename.rpartition('/module_utils/')[2]}:{ours[-1].lineno}"
        _note(
            report, f"{type(error).__name__} at {place}: {str(error)[:120]!a}", data, f"{type(error).__name__} {place}"
        )


def _note(report: Report, what: str, data: bytes, kind: str | None = None) -> None:
    report.ends["wrong"] += 1
    if all((kind or what) not in known for known in report.wrong):
        report.wrong[f"{what} [{kind}]" if kind else what] = data


def attempts(target: Target, inputs: int, seed: int = 1) -> Report:
    """So many inputs, the same ones for a seed: the target's own, then changed ones of these, then any bytes."""
    chance = random.Random(f"{target.name} {seed}")
    report = Report()
    seeds = list(target.seeds)
    for number in range(inputs):
        attempt(target, seeds[number] if number < len(seeds) else _another(chance, seeds, target.words), report)
    return report


def _another(chance: random.Random, seeds: list[bytes], words: tuple[str, ...]) -> bytes:
    if not seeds or chance.random() < 0.3:
        return bytes(chance.choices(range(256), k=chance.randrange(_LONGEST)))
    data = bytearray(chance.choice(seeds))
    for _turn in range(chance.randint(1, 4)):
        place = chance.randrange(len(data) + 1)
        kind = chance.randrange(5)
        if kind == 0:
            data[place : place + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            del data[place : place + chance.randint(1, 20)]
        elif kind == 2:
            other = chance.choice(seeds)
            start = chance.randrange(len(other) + 1)
            data[place:place] = other[start : start + chance.randint(1, 40)]
        elif kind == 3 and words:
            data[place:place] = chance.choice(words).encode("utf-8", "surrogatepass")
        else:
            data[place:place] = data[place : place + 30] * chance.randint(1, 3)
    return bytes(data)
