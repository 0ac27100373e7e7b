# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A release for several owners that failed for one: what was given back before is taken again, or told."""

from __future__ import annotations

import typing as t

from ..._model.errors import HostdevError
from ..._model.plan.plan import CLAIM, Plan

if t.TYPE_CHECKING:
    from .outcome import Outcome
    from .transaction import Transaction


def told(
    failed: t.Mapping[str, HostdevError], retake: t.Sequence[Plan], outcome: Outcome, transaction: Transaction
) -> HostdevError:
    """The error for the task: the first owner's that failed, with what was given back for others all the same."""
    error = next(iter(failed.values()))
    kept = [plan for plan in outcome.plans if plan.changed]
    for plan in reversed(retake):
        if plan.changed and _taken_again(plan, transaction):
            kept.remove(plan)
    found = [error.found]
    released = [address for plan in kept for address in plan.before.holdings if address not in plan.after.holdings]
    if released:
        found.append(f"{', '.join(released)} of {', '.join(str(plan.after.owner) for plan in kept)} was given back")
    found += [f"so failed {owner}: {other.message}" for owner, other in list(failed.items())[1:]]
    details = {"released": released, "failed": {owner: other.as_result() for owner, other in failed.items()}}
    return error.but(found="; ".join(found), details=details)


def _taken_again(plan: Plan, transaction: Transaction) -> bool:
    """Whether a release could be undone that was done already; where it could not, all is as the release left it."""
    steps = tuple(step.inverse() for step in reversed(plan.steps))
    try:
        transaction.run(Plan(CLAIM, steps, plan.after, plan.before))
    except HostdevError:
        return False
    return True
