# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal: a plan as the record has it while it is carried out."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .. import forms
from ..claims.claim import Claim, Owner
from ..claims.unfinished import CLAIMS, devices_of, journal_form
from ..elements import parse_element
from ..guest.usb_scsi_xml import hostdev_elements
from .partial import plan_without
from .plan import Plan
from .steps import NodeStep, step_form, step_from_dict


def _journal_form(value: object, path: str) -> None:
    """As every journal's, and that each step is about a device or the domain of its plan's owner."""
    _FIELDS(value, path)
    journal = t.cast("dict[str, t.Any]", value)
    _check_steps(journal, path)
    for index, plan in enumerate(journal.get("done", ())):
        _check_steps(plan, f"{path}.done[{index}]")


def _check_steps(journal: dict[str, t.Any], path: str) -> None:
    """What another step did would stay, or be undone to somebody else: nothing else is looked at to undo it."""
    owner = Owner.from_dict(journal["claim_after"]["owner"])
    devices = set().union(*(devices_of(journal[key]) for key in CLAIMS))
    for index, step in enumerate(journal["steps"]):
        if step.get("uuid", owner.id) != owner.id:
            raise forms.wrong(f"{path}.steps[{index}].uuid", step["uuid"], f"{owner.id}, as in claim_after")
        if "address" in step and step["address"] not in devices:
            wanted = f"a device of the claims ({', '.join(sorted(devices)) or 'there is none'})"
            raise forms.wrong(f"{path}.steps[{index}].address", step["address"], wanted)
        if step["kind"] == NodeStep.kind:
            _check_ids(journal, step, f"{path}.steps[{index}]")


def _check_ids(journal: dict[str, t.Any], step: dict[str, t.Any], path: str) -> None:
    """Refuse an element with the ids of another USB device than the claims have: libvirt would find none by it."""
    held = [held for key in CLAIMS for held in journal[key].get("node_devices", ())]
    identity = next(device["identity"] for device in held if device["name"] == step["address"])
    wanted = (identity.get("vendor_id"), identity.get("product_id"))
    end = "before" if step["after"] is None else "after"
    for element in hostdev_elements(parse_element(step[end])):
        if element.ids not in (None, wanted):
            raise forms.wrong(f"{path}.{end}", step[end], f"the ids {wanted[0]}:{wanted[1]}, as the claim has them")


_FIELDS = journal_form(step_form)


@dataclass(frozen=True)
class Journal:
    """A plan as written into the record: of its first `begun` steps all but the last are done, that one maybe.

    `done` are the plans that the same run has carried out before it: all are done, or none. None for a run of one plan.
    """

    plan: Plan
    boot_id: str
    begun: int = 0
    done: tuple[Plan, ...] | None = None

    FORM: t.ClassVar[forms.Check] = _journal_form

    @property
    def owner(self) -> Owner:
        return self.plan.after.owner

    def as_dict(self) -> dict[str, t.Any]:
        return {
            **_plan_dict(self.plan),
            "boot_id": self.boot_id,
            "begun": self.begun,
            **({} if self.done is None else {"done": [_plan_dict(plan) for plan in self.done]}),
        }

    def before_that(self, not_held: t.Collection[str] = ()) -> Journal | None:
        """The journal once its plan is undone: the one that was carried out before it is next, None without one.

        Devices in `not_held` are nobody's any more, whatever the plans say.
        """
        if not self.done:
            return None
        done = tuple(plan_without(plan, not_held) for plan in self.done) if not_held else self.done
        return Journal(done[-1], self.boot_id, len(done[-1].steps), done[:-1])

    @classmethod
    def from_dict(cls, data: t.Mapping[str, t.Any], path: str = "journal") -> Journal:
        """The journal in a document of its form; `path` is its place there. Raises DocumentError."""
        done = None
        if "done" in data:
            done = tuple(_plan(plan, f"{path}.done[{index}]") for index, plan in enumerate(data["done"]))
        return cls(_plan(data, path), data["boot_id"], data["begun"], done)


def _plan_dict(plan: Plan) -> dict[str, t.Any]:
    return {
        "operation": plan.operation,
        "steps": [step.as_dict() for step in plan.steps],
        "claim_before": plan.before.as_dict(),
        "claim_after": plan.after.as_dict(),
    }


def _plan(data: t.Mapping[str, t.Any], path: str) -> Plan:
    return Plan(
        data["operation"],
        tuple(step_from_dict(step) for step in data["steps"]),
        Claim.from_dict(data["claim_before"], f"{path}.claim_before"),
        Claim.from_dict(data["claim_after"], f"{path}.claim_after"),
    )
