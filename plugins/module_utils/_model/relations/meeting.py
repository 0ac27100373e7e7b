# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which constraints devices meet, and how far they meet wishes."""

from __future__ import annotations

import typing as t

from .shared import holds, pairs_among, pairs_met, value

if t.TYPE_CHECKING:
    from .relation import Candidate, Relation

Sides = t.Sequence[t.Sequence["Candidate"]]
"""The devices of each request that a relation is about."""


def is_met(relation: Relation, devices: Sides) -> bool:
    """Whether a relation holds of all that it is about."""
    values = [[value(one, relation.attribute) for one in side] for side in devices]
    if relation.pair:
        return pairs_met(values[0], values[1], match=relation.match) == len(values[0]) == len(values[1])
    return holds([one for side in values for one in side], match=relation.match)


def met(relation: Relation, devices: Sides) -> tuple[int, int]:
    """For how many pairs of devices a relation holds, and of how many."""
    values = [[value(one, relation.attribute) for one in side] for side in devices]
    if relation.pair:
        return pairs_met(values[0], values[1], match=relation.match), max(map(len, values))
    together = [one for side in values for one in side]
    return pairs_among(together, match=relation.match), len(together) * (len(together) - 1) // 2
