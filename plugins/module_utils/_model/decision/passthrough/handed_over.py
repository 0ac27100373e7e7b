# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A device that goes from one owner to another in one run: the host's driver does not get it on the way.

That driver would make an interface of it, say, which the host's network services take at once. Nor does a VF get back
the settings that its PF had of it, where the next owner asks for others. What undoes the run undoes all of it, so that
no function is left with a driver that no plan knows of.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ...plan.steps import DriverStep, VfSettingsStep, of_kind

if t.TYPE_CHECKING:
    from ...plan.plan import Plan
    from ...plan.steps import Step
    from ...snapshot import Snapshot

    _S = t.TypeVar("_S", DriverStep, VfSettingsStep)


def handed_over(plans: t.Sequence[Plan]) -> list[Plan]:
    """The plans with one step of a kind, or none, where one gives a function back and a later one takes it."""
    made = _joined(plans, DriverStep, _driver_directly)
    return _joined(made, VfSettingsStep, _settings_directly)


def _joined(plans: t.Sequence[Plan], kind: type[_S], directly: t.Callable[[_S, _S], _S | None]) -> list[Plan]:
    given: dict[str, tuple[int, _S]] = {}
    made = list(plans)
    for number, plan in enumerate(plans):
        for step in of_kind(plan.steps, kind):
            if step.address not in plan.after.holdings:
                given[step.address or ""] = number, step
            elif step.address in given:
                giver, first = given.pop(step.address)
                made[giver] = _replaced(made[giver], first, None)
                made[number] = _replaced(made[number], step, directly(first, step))
    return made


def _driver_directly(first: DriverStep, then: DriverStep) -> DriverStep | None:
    return None if then.after == first.before else replace(then, before=first.before)


def _settings_directly(first: VfSettingsStep, then: VfSettingsStep) -> VfSettingsStep | None:
    before, after = {**then.before, **first.before}, {**first.after, **then.after}
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    known = {name: before[name] for name in changed if name in before}
    return replace(then, before=known, after=changed) if changed else None


def _replaced(plan: Plan, step: Step, by: Step | None) -> Plan:
    steps = [by if one is step else one for one in plan.steps]
    return replace(plan, steps=tuple(one for one in steps if one is not None))


def with_settings_after(snapshot: Snapshot, plans: t.Iterable[Plan]) -> Snapshot:
    """The snapshot whose VFs have the settings that these plans give them."""
    settings: dict[str, dict[str, bool]] = {}
    for plan in plans:
        for step in of_kind(plan.steps, VfSettingsStep):
            settings.setdefault(step.address, {}).update(step.after)
    states = {
        address: replace(state, settings={**state.settings, **settings.get(address, {})})
        for address, state in snapshot.vf_states.items()
    }
    return replace(snapshot, vf_states=states)
