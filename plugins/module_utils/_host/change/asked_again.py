# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asking the guards again, right before a device is taken: what was true when it was chosen is history.

A guest may take minutes to let another device go, and a plan may be undone or finished days after it was made.
"""

from __future__ import annotations

import typing as t

from ..._model.guards.again import check_still_free, check_unused
from ..._model.guards.consent import Consent
from ..._model.host.device import host_driven

if t.TYPE_CHECKING:
    from ..._model.host.device import PciDevice
    from ..._model.plan.plan import Plan
    from ..._model.plan.steps import Step
    from .host import ChangingHost


class AskedAgain:
    """Asks about the devices of one plan, as they are when it is asked."""

    def __init__(self, plan: Plan, host: ChangingHost) -> None:
        self._host = host
        self._owner = plan.after.owner
        self._consent = Consent(
            allow=plan.allow,
            owner_uuid=self._owner.id if self._owner.kind == "domain" else None,
        )

    def before_taking(self, addresses: t.Collection[str]) -> None:
        """What a claim takes must still be free, but for what its asker accepted.

        Raises HostdevError with code device_in_use, naming the first that is not, and its blockers.
        """
        inventory = self._host.inventory_of(addresses)
        for address in addresses:
            if address in inventory.devices:
                check_still_free(inventory, address, self._consent)

    def before_giving_back(self, step: Step, device: PciDevice | None) -> None:
        """What goes back to the host must not be in use there already: it came back by itself, say by a reboot.

        Raises HostdevError with code device_in_use, and the blockers.
        """
        if device is None or not host_driven(device) or device.driver == step.after.driver:
            return
        check_unused(self._host.inventory_of([device.address]), device.address)
