# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a journal tells to whoever knows no plans, and what holds of every journal, whatever steps there are."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .. import forms
from .claim import Claim, Owner

if t.TYPE_CHECKING:
    from .tracker import Tracker

CLAIMS = ("claim_before", "claim_after")
PLAN = ("operation", "steps", *CLAIMS)
"""The keys that a plan has in a journal."""


def journal_form(step: forms.Check) -> forms.Check:
    """All fields, and no more steps were begun than there are; `step` is the form of one.

    `done` has the plans of other owners that the same run has carried out already, the first one first.
    """
    part = plan_form(step)
    fields = forms.mapping(
        {**_plan_fields(step), "boot_id": forms.name, "begun": forms.number(0)}, {"done": forms.listed(part)}
    )

    def check(value: object, path: str) -> None:
        fields(value, path)
        journal = t.cast("dict[str, t.Any]", value)
        if journal["begun"] > len(journal["steps"]):
            raise forms.wrong(f"{path}.begun", journal["begun"], f"at most its {len(journal['steps'])} steps")
        part({key: journal[key] for key in PLAN}, path)

    return check


def _plan_fields(step: forms.Check) -> dict[str, forms.Check]:
    return {
        "operation": forms.one_of("claim", "release"),
        "steps": forms.listed(step),
        **dict.fromkeys(CLAIMS, Claim.FORM),
    }


def plan_form(step: forms.Check) -> forms.Check:
    """All fields of a plan, that both claims are of one owner, and that a release takes nothing."""
    fields = forms.mapping(_plan_fields(step))

    def check(value: object, path: str) -> None:
        fields(value, path)
        journal = t.cast("dict[str, t.Any]", value)
        before, after = (Owner.from_dict(journal[key]["owner"]) for key in CLAIMS)
        if before.key != after.key:
            raise forms.DocumentError(f"{path}.claim_after.owner", f"found {after}", f"{before}, as in claim_before")
        new = devices_of(journal["claim_after"]) - devices_of(journal["claim_before"])
        if journal["operation"] == "release" and new:
            raise forms.wrong(
                f"{path}.operation", "release", f"claim: claim_after has {', '.join(sorted(new))} besides"
            )

    return check


def devices_of(claim: t.Mapping[str, t.Any]) -> set[str]:
    """The addresses and names of all that a claim in a document holds."""
    nodes = (held["name"] for held in claim.get("node_devices", ()))
    return {*(held["address"] for held in claim["devices"]), *nodes}


def check_journal(journal: t.Mapping[str, t.Any], tracker: Tracker, path: str) -> None:
    """Refuse a journal of devices that others hold, or of a claim that is not on record as it was before.

    Each plan that was carried out before it is looked at as if what came after that were undone.
    """
    _check_plan(journal, tracker, path, "claim_before")
    undone = tracker.copy() if journal.get("done") else tracker
    for index, plan in reversed(list(enumerate(journal.get("done", ())))):
        _check_plan(plan, undone, f"{path}.done[{index}]", "claim_after")
        undone.put(Claim.from_dict(plan["claim_before"]))


def _check_plan(journal: t.Mapping[str, t.Any], tracker: Tracker, path: str, on_record: str) -> None:
    owner = Owner.from_dict(journal["claim_before"]["owner"])
    for key in CLAIMS:
        for name in sorted(devices_of(journal[key])):
            holder = tracker.holder(name)
            if holder is not None and holder.owner.key != owner.key:
                raise forms.DocumentError(
                    f"{path}.{key}", f"found {name}, held by {holder.owner}", "its owner's devices"
                )
    claim = tracker.claim_of(owner)
    held, before = {*claim.holdings, *claim.node_devices}, devices_of(journal[on_record])
    if held != before:
        wanted = f"{', '.join(sorted(held)) or 'no device'}, as the claim on record has"
        raise forms.DocumentError(f"{path}.{on_record}", f"found {', '.join(sorted(before)) or 'no device'}", wanted)


def _any_step(value: object, path: str) -> None:
    """A step of whatever kind: its fields are looked at by the run that recovers the journal."""
    forms.text(forms.part(value, "kind", path), forms.below(path, "kind"))


@dataclass(frozen=True)
class UnfinishedRun:
    """What a journal tells to whoever knows no plans: which operation was begun, and for whom."""

    operation: str
    owner: Owner

    FORM: t.ClassVar[forms.Check] = journal_form(_any_step)

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any], path: str = "journal") -> UnfinishedRun:
        """The run of a journal in a document of its form. Raises DocumentError where a claim in it can't be read."""
        after = [Claim.from_dict(data[key], f"{path}.{key}") for key in CLAIMS][1]
        return cls(data["operation"], after.owner)
