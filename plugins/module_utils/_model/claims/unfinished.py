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


def journal_form(step: forms.Check) -> forms.Check:
    """All fields, that both claims are of one owner, and no more steps were begun than there are; `step` is one's."""
    fields = forms.mapping(
        {
            "operation": forms.one_of("claim", "release"),
            "boot_id": forms.name,
            "steps": forms.listed(step),
            **dict.fromkeys(CLAIMS, Claim.FORM),
            "begun": forms.number(0),
        }
    )

    def check(value: object, path: str) -> None:
        fields(value, path)
        journal = t.cast("dict[str, t.Any]", value)
        if journal["begun"] > len(journal["steps"]):
            raise forms.wrong(f"{path}.begun", journal["begun"], f"at most its {len(journal['steps'])} steps")
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
    """Refuse a journal of devices that others hold, or of a claim that is not on record as it was before."""
    owner = Owner.from_dict(journal["claim_before"]["owner"])
    for key in CLAIMS:
        for name in sorted(devices_of(journal[key])):
            holder = tracker.holder(name)
            if holder is not None and holder.owner.key != owner.key:
                raise forms.DocumentError(
                    f"{path}.{key}", f"found {name}, held by {holder.owner}", "its owner's devices"
                )
    claim = tracker.claim_of(owner)
    held, before = {*claim.holdings, *claim.node_devices}, devices_of(journal["claim_before"])
    if held != before:
        wanted = f"{', '.join(sorted(held)) or 'no device'}, as the claim on record has"
        raise forms.DocumentError(f"{path}.claim_before", f"found {', '.join(sorted(before)) or 'no device'}", wanted)


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
