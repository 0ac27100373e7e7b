# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a plan goes on whose guest does not do its part: the definition only, after a hard stop, or without the guest."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..guest.domain import CONFIG, LIVE
from ..plan.partial import left_with_guest
from ..requests.wish import DEFINITION, FAIL

if t.TYPE_CHECKING:
    from ..errors import HostdevError
    from ..guest.domain import Domain
    from ..host.inventory import Inventory
    from ..plan.plan import Plan
    from ..plan.steps import Step

# The errors of detaching that are the guest's doing, and not libvirt's.
_STUBBORN = frozenset({"detach_timeout", "guest_paused"})


class Failure(t.NamedTuple):
    """A step of a plan that failed."""

    plan: Plan
    step: Step
    error: HostdevError


class WayOn(t.NamedTuple):
    """The plan to go on with from its step that failed, what is told of it, and whether the domain is stopped first."""

    plan: Plan
    warning: str
    stops: bool = False


def has_way_on(failure: Failure, choice: str) -> bool:
    """Whether there may be one: the guest kept a device, and `choice` (on_detach_timeout) permits more than to fail.

    Or the device was to be attached to a guest that may not run any more.
    """
    plan, step, error = failure
    if step.domain is None or step.uuid is None or step.place != LIVE:
        return False
    if step.attaches:
        return error.code == "attach_failed"
    return error.code in _STUBBORN and choice != FAIL and step.uuid == plan.after.owner.id


def needs_domain(failure: Failure, choice: str) -> bool:
    """Whether `way_on` has to know what became of the domain."""
    return failure.step.attaches or choice != DEFINITION


def way_on(failure: Failure, choice: str, domain: Domain | None, inventory: Inventory) -> WayOn | None:
    """The way on where `has_way_on`, None when the error stands.

    `domain` is the step's as it is now, None when it is gone or not needed; `inventory` is the host's as the plan was
    made. Raises HostdevError when the domain would be lost by a hard stop.
    """
    plan, step, error = failure
    if step.attaches:
        return None if domain is None or domain.active else _without_guest(plan, step, domain)
    if choice == DEFINITION:
        if step.makes_way and plan.operation != "release":
            return None  # its place is for what the claim puts there instead
        told = (
            f"{error.subject}: {error.found}. It leaves the definition only, and stays claimed and bound until "
            f"the domain is shut off and a release runs again"
        )
        return WayOn(left_with_guest(plan, step, inventory), told)
    if domain is None:
        return None
    if domain.config is None:
        raise error.but(
            found=f"{error.found}; the domain is transient, and is not stopped even by force: it would be lost"
        )
    told = (
        f"domain {step.domain} was stopped hard, as on_detach_timeout: force permits, and is shut off now: "
        f"{error.subject}: {error.found}"
    )
    # The same step is done again: of a domain that does not run it has nothing left to take.
    return WayOn(plan, told, stops=True)


def _without_guest(plan: Plan, step: Step, domain: Domain) -> WayOn:
    """Without the live step of a domain that was shut off meanwhile."""
    node = plan.after.node_devices.get(step.address or "")
    defined = domain.config is not None and (
        CONFIG in node.attach if node is not None else step.address in domain.config.assigned
    )
    told = f"domain {step.domain} was shut off meanwhile: {step.address} " + (
        "comes with its next start" if defined else "is claimed and bound, and attached nowhere"
    )
    return WayOn(replace(plan, steps=tuple(other for other in plan.steps if other is not step)), told)
