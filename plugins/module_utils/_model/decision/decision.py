# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What comes of a snapshot and a wish."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..relations.told import NOTHING_TOLD, Together

if t.TYPE_CHECKING:
    from ..plan.plan import Change, Plan


class Choice(t.NamedTuple):
    """The first half of a decision: the owner's claim at both ends, and what is to be said of that.

    `complete` is false where a better choice of devices may exist.
    """

    change: Change
    warnings: tuple[str, ...] = ()
    complete: bool = True
    together: Together = NOTHING_TOLD


@dataclass(frozen=True)
class Decision:
    """What is to be done for one owner, and what is to be said of it."""

    plan: Plan
    warnings: tuple[str, ...] = ()
    complete: bool = True
    together: Together = NOTHING_TOLD
