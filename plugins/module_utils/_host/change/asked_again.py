# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asking the guards again, right before a device is taken: what was true when it was chosen is history.

A guest may take minutes to let another device go, and a plan may be undone or finished days after it was made.
"""

from __future__ import annotations

import functools
import typing as t

from ..._model.guards.again import check_still_free, check_unused
from ..._model.guards.consent import Consent

if t.TYPE_CHECKING:
    from ..._model.plan.plan import Plan
    from ..._model.plan.steps import Step
    from .host import ChangingHost


class AskedAgain:
    """Asks about the devices of one plan, as they are when it is asked.

    `taking` are those that the plan takes for its owner: of these its asker accepted some blockers. No other device is
    taken from a use, whatever that is.
    """

    def __init__(self, plan: Plan, host: ChangingHost, taking: t.Collection[str] = ()) -> None:
        self._host = host
        self._taking = taking
        owner = plan.after.owner
        self._consent = Consent(allow=plan.allow, owner_uuid=owner.id if owner.kind == "domain" else None)

    def about(self, step: Step) -> t.Callable[[], None]:
        """What asks about a step's device. Raises HostdevError with code device_in_use, and the blockers."""
        return functools.partial(self._check, [step.address] if step.address is not None else [])

    def about_all(self) -> None:
        """Ask about all that was taken: what is bound already is not free by that alone."""
        self._check(self._taking)

    def _check(self, addresses: t.Collection[str]) -> None:
        if not addresses:
            return
        # What a domain runs with is no host driver's: there the host's own uses count, and libvirt may be down.
        inventory = self._host.inventory_of(addresses, ask_libvirt=any(a in self._taking for a in addresses))
        for address in addresses:
            if address not in inventory.devices:
                continue
            if address in self._taking:
                check_still_free(inventory, address, self._consent)
            else:
                check_unused(inventory, address)
