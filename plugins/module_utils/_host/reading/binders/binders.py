# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who binds devices at boot, or when a domain starts, beside this collection: asked of all kinds that are known."""

from __future__ import annotations

import typing as t

from ..vf_makers.files import Files
from . import kinds

if t.TYPE_CHECKING:
    from ...._model.binders.fighter import Fighter
    from ...sysfs import Tree

Binders = t.Callable[[Files], t.Iterable["Fighter"]]

KINDS: tuple[Binders, ...] = (
    kinds.driverctl,
    kinds.modprobe,
    kinds.command_line,
    kinds.scripts,
    kinds.mdevctl,
    kinds.networks,
)
"""A new kind is a function in `kinds`, its rules in `_model/binders`, and an entry."""


class Found(t.NamedTuple):
    """All that binds devices; `unread` are the files that could not be looked into, with why."""

    fighters: tuple[Fighter, ...]
    unread: tuple[tuple[str, str], ...]


def read_binders(tree: Tree) -> Found:
    """Read all files that may bind devices. Raises nothing for what is not there, or can't be read."""
    files = Files(tree)
    fighters = tuple(dict.fromkeys(fighter for kind in KINDS for fighter in kind(files)))
    return Found(fighters, tuple(sorted(files.unread.items())))
