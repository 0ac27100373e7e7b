# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A release for several owners that failed for one: what was given back before is taken again, or told."""

from __future__ import annotations

import typing as t

from ...._model.errors import HostdevError
from ...._model.plan.plan import CLAIM, Plan

if t.TYPE_CHECKING:
    from ...._model.record.record import Record
    from ..outcome import Outcome
    from ..steps.transaction import Transaction


def told(
    failed: t.Mapping[str, HostdevError],
    retake: t.Sequence[Plan],
    outcome: Outcome,
    record: Record,
    transaction: Transaction,
) -> HostdevError:
    """The error for the task: the first owner's that failed, with what was given back for others all the same."""
    error = next(iter(failed.values()))
    kept = [plan for plan in outcome.plans if plan.changed]
    others = list(failed.values())[1:]
    for plan in reversed([plan for plan in retake if plan.changed]):
        if record.journal is not None:
            break  # the next run settles it first
        trouble = _taken_again(plan, transaction)
        if trouble is None:
            kept.remove(plan)
        else:
            others.append(trouble)
    aside = record.tracker.set_aside.keys()
    released = [address for plan in kept for address in _given_back(plan) if address not in aside]
    owners = ", ".join(dict.fromkeys(str(plan.after.owner) for plan in kept))
    found = [error.found, *([f"{', '.join(released)} of {owners} was given back"] if released else [])]
    found += [other.message for other in others]
    details = {"released": released, "failed": {owner: other.as_result() for owner, other in failed.items()}}
    return error.but(found="; ".join(found), details=details)


def _given_back(plan: Plan) -> list[str]:
    before, after = plan.before, plan.after
    nodes = [name for name in before.node_devices if name not in after.node_devices]
    return [address for address in before.holdings if address not in after.holdings] + nodes


def _taken_again(plan: Plan, transaction: Transaction) -> HostdevError | None:
    """Undo a release that was done already; the error where that can't be, which leaves all as the release did."""
    steps = tuple(step.inverse() for step in reversed(plan.steps))
    try:
        transaction.run(Plan(CLAIM, steps, plan.after, plan.before))
    except HostdevError as error:
        return error
    return None
