# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A device that goes from one owner to another in one run: the host's driver does not get it on the way.

That driver would make an interface of it, say, which the host's network services take at once. What undoes the run
undoes all of it, so that no function is left with a driver that no plan knows of.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ...plan.steps import DriverStep, VfSettingsStep, of_kind

if t.TYPE_CHECKING:
    from ...plan.plan import Plan
    from ...plan.steps import Step
    from ...snapshot import Snapshot


def handed_over(plans: t.Sequence[Plan]) -> list[Plan]:
    """The plans with one step of the driver, or none, where one gives a function back and a later one takes it."""
    given: dict[str, tuple[int, DriverStep]] = {}
    made = list(plans)
    for number, plan in enumerate(plans):
        for step in of_kind(plan.steps, DriverStep):
            if step.address not in plan.after.holdings:
                given[step.address] = number, step
            elif step.address in given:
                giver, first = given.pop(step.address)
                made[giver] = _replaced(made[giver], first, None)
                direct = replace(step, before=first.before)
                made[number] = _replaced(made[number], step, None if direct.after == direct.before else direct)
    return made


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
