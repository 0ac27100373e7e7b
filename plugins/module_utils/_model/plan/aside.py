# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Setting a device aside that a plan could neither bring to its end nor back: what goes on record of it."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..claims.set_aside import SetAside
from ..guest.domain import CONFIG
from .plan import RELEASE
from .steps import DriverStep, VfSettingsStep, of_kind

if t.TYPE_CHECKING:
    from ..claims.claim import Holding
    from ..errors import HostdevError
    from .plan import Plan
    from .steps import Step


def set_aside(plan: Plan, address: str, error: HostdevError, since: str) -> SetAside | None:
    """The entry for a function of the plan; None of a device that is none, which needs no driver to be brought back.

    Whatever the plan was for, the way out is the host: out of the domain, and to the driver that it had.
    """
    held = plan.before.holdings.get(address) or plan.after.holdings.get(address)
    if held is None:
        return None
    steps = _to_the_host(plan, address, held)
    if not held.adopted or error.code in _OF_THE_DRIVER:
        steps.append(DriverStep(address, replace(held.original, driver=held.original.driver or "?"), held.original))
    commands = tuple(dict.fromkeys(step.command() for step in steps))
    free = replace(held, request=None, attach=())
    return SetAside(free, plan.after.owner, error.code, error.message, since, commands)


_OF_THE_DRIVER = frozenset({"bind_failed", "unbind_timeout", "driver_missing"})


def _to_the_host(plan: Plan, address: str, held: Holding) -> list[Step]:
    """The steps that take the device out of a domain, or undo what was set for it.

    A definition that had it before the claim gets back what stood there.
    """
    of_address = [step for step in plan.steps if step.address == address]
    concerned = [step for step in of_address if not isinstance(step, (DriverStep, VfSettingsStep))]
    settings = [
        replace(step, before=step.after, after=dict(held.vf_settings))
        for step in of_kind(of_address, VfSettingsStep)
        if held.vf_settings
    ]
    stood = [step for step in concerned if step.place == CONFIG and CONFIG in held.stood_before]
    others = [step for step in concerned if step not in stood]
    if plan.operation != RELEASE:
        stood = [step.inverse() for step in reversed(stood)]
    return [
        *(step.inverse() if step.attaches else step for step in others),
        *stood,
        *settings,
    ]
