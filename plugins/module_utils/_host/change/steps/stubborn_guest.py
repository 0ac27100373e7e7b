# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest that does not let a device go, or is no longer running when it shall get one: looks at it, and stops it."""

from __future__ import annotations

import typing as t

from ...._model.decision.stubborn_guest import Failure, has_way_on, needs_domain, way_on
from ...._model.errors import HostdevError

if t.TYPE_CHECKING:
    from ...._model.guest.domain import Domain
    from ...._model.host.inventory import Inventory
    from ...._model.plan.plan import Plan
    from ...._model.plan.steps import Step
    from ...libvirt.changes import DomainChanges


class StubbornGuest:
    """Eases a plan whose step failed, as far as `choice` permits; `inventory` is the host's as the plan was made.

    `warnings` and `stopped` (names of domains that were stopped hard) tell afterwards what was done.
    """

    def __init__(self, choice: str, domains: DomainChanges | None, inventory: Inventory) -> None:
        self._choice = choice
        self._domains = domains
        self._inventory = inventory
        self.warnings: list[str] = []
        self.stopped: list[str] = []

    def eased(self, plan: Plan, index: int, error: HostdevError) -> Plan | None:
        """The plan to go on with from its step of this number, which failed; None when the error stands.

        Raises HostdevError when the domain can't be stopped, or would be lost by that.
        """
        step = plan.steps[index]
        failure = Failure(plan, step, error)
        if self._domains is None or not has_way_on(failure, self._choice):
            return None
        domain = self._domain(self._domains, step) if needs_domain(failure, self._choice) else None
        way = way_on(failure, self._choice, domain, self._inventory)
        if way is None:
            return None
        if way.stops and step.domain is not None and step.uuid is not None:
            if step.domain in self.stopped:
                return None  # somebody started it again, and its guest is as stubborn
            self._domains.stop(step.uuid)
            self.stopped.append(step.domain)
        self.warnings.append(way.warning)
        return way.plan

    def _domain(self, domains: DomainChanges, step: Step) -> Domain | None:
        """The step's domain as it is now, None when it is gone. No other is read: it may have trouble of its own."""
        try:
            return domains.find(step.uuid or "")
        except HostdevError as error:
            if error.code != "unknown_domain":
                raise
            return None

    def told(self, error: HostdevError) -> HostdevError:
        """The error, with what of this can't be undone."""
        if not self.stopped:
            return error
        return error.but(
            found=f"{error.found}; domain {', '.join(self.stopped)} was stopped hard before that, and is shut off",
            details={"stopped": list(self.stopped)},
        )
