# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asking the guards again, right before a device is taken: what was true when it was chosen is history.

A guest may take minutes to let another device go, and a plan may be undone or finished days after it was made.
"""

from __future__ import annotations

import functools
import typing as t

from ...._model.errors import HostdevError
from ...._model.guards.again import check_still_free, check_unused
from ...._model.guards.consent import Consent
from ...._model.snapshot import Snapshot

if t.TYPE_CHECKING:
    from ...._model.plan.plan import Plan
    from ...._model.plan.steps import Step
    from ..host import ChangingHost


class AskedAgain:
    """Asks about the devices of one plan, as they are when it is asked.

    `taking` are those that the plan takes for its owner: of these its asker accepted some blockers. No other device is
    taken from a use, whatever that is.
    """

    def __init__(self, plan: Plan, host: ChangingHost, taking: t.Collection[str] = ()) -> None:
        self._host = host
        self._taking = taking
        self._owner = owner = plan.after.owner
        self._consent = Consent(allow=plan.allow, owner_uuid=owner.id if owner.kind == "domain" else None)

    def about(self, step: Step) -> t.Callable[[], None]:
        """What asks about a step's device. Raises HostdevError with code device_in_use, and the blockers."""
        if step.address is None:
            return functools.partial(self._check, [])
        if step.takes_device and not step.changes_driver:
            return functools.partial(self._check_node, step.address)
        return functools.partial(self._check, [step.address])

    def about_all(self) -> None:
        """Ask about all that was taken: what is bound already is not free by that alone."""
        self._check(self._taking)

    def each(self, addresses: t.Collection[str]) -> dict[str, HostdevError | None]:
        """By address why a function that is taken must not be, None where it may; all are asked about at once."""
        inventory = self._host.inventory_of(addresses) if addresses else None
        answers: dict[str, HostdevError | None] = {}
        for address in addresses:
            answers[address] = None
            try:
                if inventory is not None and address in inventory.devices:
                    check_still_free(inventory, address, self._consent)
            except HostdevError as error:
                answers[address] = error
        return answers

    def _check_node(self, name: str) -> None:
        """Of a USB or SCSI device, which is asked about as it enters a domain."""
        from ...._model.claims.tracker import Tracker
        from ...._model.guards.again import check_node_still_free
        from ...._model.guards.usb_scsi import PCI_PARENT
        from ...reading.usb_scsi import read_usb_and_scsi

        node = read_usb_and_scsi(self._host.tree).get(name)
        if node is None:
            return
        inventory = self._host.inventory_of(PCI_PARENT.findall(node.path or ""))
        domains = () if self._host.domains is None else tuple(self._host.domains.running())
        # Without the record: nobody but us changes it meanwhile.
        snapshot = Snapshot(inventory, Tracker(), domains)
        check_node_still_free(snapshot, node, self._owner, self._consent.allow)

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
