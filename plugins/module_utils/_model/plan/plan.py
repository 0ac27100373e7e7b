# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan: what it is made for, and ordered steps from what is to what shall be.

A step is a transition of one thing, with the thing's state before and after. That makes its inverse the same step
turned round, the diff a print of both ends, and recovery after a crash a question of driving each thing that was
touched back to its `before`.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

if t.TYPE_CHECKING:
    from ..claims.claim import Claim
    from .steps import Step

CLAIM = "claim"
RELEASE = "release"


@dataclass(frozen=True)
class Change:
    """An owner's claim as it is and as it shall be; `operation` is CLAIM or RELEASE.

    `managed` says whether libvirt binds what nobody says it of, `free_root_ports` how many are to be in the domain's
    definition when all is done, None for as many as there are. `allow` are the blocker codes that the asker accepts;
    with `to_host` devices go to the driver that the host would choose instead of the one on record.
    """

    operation: str
    before: Claim
    after: Claim
    managed: bool = True
    free_root_ports: int | None = None
    allow: frozenset[str] = frozenset()
    to_host: bool = False


class Steps(t.NamedTuple):
    """The steps of one kind of devices: `first` those that take devices out of the domain, `then` all others.

    Kinds are nested: what hangs on another kind's device leaves before that and comes after it.
    """

    first: t.Sequence[Step]
    then: t.Sequence[Step]


@dataclass(frozen=True)
class Plan:
    """Everything one run will do: `operation` CLAIM or RELEASE, the steps, and the owner's claim at both ends.

    `allow` are the blocker codes that the asker accepts, also right before a device is taken. An undo accepts none.
    """

    operation: str
    steps: tuple[Step, ...]
    before: Claim
    after: Claim
    allow: frozenset[str] = frozenset()

    def then(self, other: Plan) -> Plan:
        """Both plans of one owner in one, where `other` goes on from where this one ends."""
        return replace(other, steps=(*self.steps, *other.steps), before=self.before)

    @property
    def changes_record(self) -> bool:
        return self.before.as_dict() != self.after.as_dict()

    @property
    def changed(self) -> bool:
        return bool(self.steps) or self.changes_record


def of_each_owner(plans: t.Iterable[Plan]) -> list[Plan]:
    """One plan for each owner, in the order of their first ones."""
    made: dict[str, Plan] = {}
    for plan in plans:
        before = made.get(plan.after.owner.key)
        made[plan.after.owner.key] = plan if before is None else before.then(plan)
    return list(made.values())
