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

from .. import forms
from ..claims.claim import Claim, Owner
from .steps import Step, step_form, step_from_dict


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


def _journal_form(value: object, path: str) -> None:
    """All fields, that both claims and all domains are of one owner, and no more steps were begun than there are."""
    _JOURNAL_FIELDS(value, path)
    journal = t.cast("dict[str, t.Any]", value)
    if journal["begun"] > len(journal["steps"]):
        raise forms.wrong(f"{path}.begun", journal["begun"], f"at most its {len(journal['steps'])} steps")
    before, after = (Owner.from_dict(journal[key]["owner"]) for key in ("claim_before", "claim_after"))
    if before.key != after.key:
        raise forms.DocumentError(f"{path}.claim_after.owner", f"found {after}", f"{before}, as in claim_before")
    for index, step in enumerate(journal["steps"]):
        # What such a step did to a domain would stay: no other domain is looked at to undo or finish it.
        if step.get("uuid", after.id) != after.id:
            raise forms.wrong(f"{path}.steps[{index}].uuid", step["uuid"], f"{after.id}, as in claim_after")


_JOURNAL_FIELDS = forms.mapping(
    {
        "operation": forms.one_of("claim", "release"),
        "boot_id": forms.text,
        "steps": forms.listed(step_form),
        "claim_before": Claim.FORM,
        "claim_after": Claim.FORM,
        "begun": forms.number(0),
    }
)


@dataclass(frozen=True)
class Journal:
    """A plan as written into the record: of its first `begun` steps all but the last are done, that one maybe."""

    plan: Plan
    boot_id: str
    begun: int = 0

    FORM: t.ClassVar[forms.Check] = _journal_form

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
    def from_dict(cls, data: t.Mapping[str, t.Any], path: str = "journal") -> Journal:
        """The journal in a document of its form; `path` is its place there. Raises DocumentError."""
        plan = Plan(
            data["operation"],
            tuple(step_from_dict(step) for step in data["steps"]),
            Claim.from_dict(data["claim_before"], f"{path}.claim_before"),
            Claim.from_dict(data["claim_after"], f"{path}.claim_after"),
        )
        return cls(plan, data["boot_id"], data["begun"])
