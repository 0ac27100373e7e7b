# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is done about a guest that does not let a device go: nothing, the definition only, or a hard stop.

And about one that was to get a device live, and is no longer running.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..._model.guest.domain import CONFIG, LIVE
from ..._model.plan.partial import left_with_guest
from ..._model.requests.wish import DEFINITION, FAIL

if t.TYPE_CHECKING:
    from ..._model.errors import HostdevError
    from ..._model.host.inventory import Inventory
    from ..._model.plan.plan import Plan
    from ..._model.plan.steps import Step
    from ..libvirt.changes import DomainChanges


# The errors of detaching.py that are the guest's doing, and not libvirt's.
_STUBBORN = frozenset({"detach_timeout", "guest_paused"})


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
        if self._domains is None or step.domain is None or step.uuid is None or step.place != LIVE:
            return None
        if step.attaches:
            return self._without_guest(plan, index, step, self._domains) if error.code == "attach_failed" else None
        if error.code not in _STUBBORN or self._choice == FAIL or step.uuid != plan.after.owner.id:
            return None
        if self._choice == DEFINITION:
            if step.makes_way and plan.operation != "release":
                return None  # its place is for what the claim puts there instead
            self.warnings.append(
                f"{error.subject}: {error.found}. It leaves the definition only, and stays claimed and bound until "
                f"the domain is shut off and a release runs again"
            )
            return left_with_guest(plan, step, self._inventory)
        if step.domain in self.stopped:
            return None  # somebody started it again, and its guest is as stubborn
        if self._domains.find(step.uuid).config is None:
            raise error.but(
                found=f"{error.found}; the domain is transient, and is not stopped even by force: it would be lost"
            )
        self._domains.stop(step.uuid)
        self.stopped.append(step.domain)
        self.warnings.append(
            f"domain {step.domain} was stopped hard, as on_detach_timeout: force permits, and is shut off now: "
            f"{error.subject}: {error.found}"
        )
        # The same step is done again: of a domain that does not run it has nothing left to take.
        return plan

    def _without_guest(self, plan: Plan, index: int, step: Step, domains: DomainChanges) -> Plan | None:
        """The plan without a live step of a domain that was shut off meanwhile; None while it runs, or is gone."""
        domain = next((domain for domain in domains.all() if domain.uuid == step.uuid), None)
        if domain is None or domain.active:
            return None
        node = plan.after.node_devices.get(step.address or "")
        defined = domain.config is not None and (
            CONFIG in node.attach if node is not None else step.address in domain.config.assigned
        )
        self.warnings.append(
            f"domain {step.domain} was shut off meanwhile: {step.address} "
            + ("comes with its next start" if defined else "is claimed and bound, and attached nowhere")
        )
        return replace(plan, steps=(*plan.steps[:index], *plan.steps[index + 1 :]))

    def told(self, error: HostdevError) -> HostdevError:
        """The error, with what of this can't be undone."""
        if not self.stopped:
            return error
        return error.but(
            found=f"{error.found}; domain {', '.join(self.stopped)} was stopped hard before that, and is shut off",
            details={"stopped": list(self.stopped)},
        )
