# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan: ordered steps from what is to what shall be.

A step is a transition of one thing, with the thing's state before and after. That makes its inverse the same step
turned round, the diff a print of both ends, and recovery after a crash a question of driving each thing that was
touched back to its `before`.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..claims.claim import Claim
from .steps import Step, step_from_dict


@dataclass(frozen=True)
class Plan:
    """Everything one run will do: `operation` claim or release, the steps, and the owner's claim at both ends."""

    operation: str
    steps: tuple[Step, ...]
    before: Claim
    after: Claim

    @property
    def changes_record(self) -> bool:
        return self.before.as_dict() != self.after.as_dict()

    @property
    def changed(self) -> bool:
        return bool(self.steps) or self.changes_record


@dataclass(frozen=True)
class Journal:
    """A plan as written into the record: of its first `begun` steps all but the last are done, that one maybe."""

    plan: Plan
    boot_id: str
    begun: int = 0

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "operation": self.plan.operation,
            "boot_id": self.boot_id,
            "steps": [step.as_dict() for step in self.plan.steps],
            "claim_before": self.plan.before.as_dict(),
            "claim_after": self.plan.after.as_dict(),
            "begun": self.begun,
        }

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any]) -> Journal:
        plan = Plan(
            str(data["operation"]),
            tuple(step_from_dict(step) for step in data["steps"]),
            Claim.from_dict(data["claim_before"]),
            Claim.from_dict(data["claim_after"]),
        )
        return cls(plan, str(data["boot_id"]), int(data["begun"]))
