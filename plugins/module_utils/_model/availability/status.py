# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The status of each device, of inventory and record together: state, holder, blockers."""

from __future__ import annotations

import contextlib
import functools
import typing as t

from ..claims.cards.identity import held_device, moved_devices, waiting_device
from ..guards.blocker import Blocker
from ..guards.consent import Consent
from ..guards.group import Known, blockers
from ..guards.record import OnRecord, record_blockers
from ..requests.specs.allow_list import AllowList
from .states import AVAILABLE, DeviceStates, TransitionError

if t.TYPE_CHECKING:
    from ..claims.claim import Claim
    from ..claims.tracker import Tracker
    from ..claims.unmade_vf import UnmadeVf
    from ..host.inventory import Inventory


class Statuses:
    """The status of any device of one inventory; what the record says of all is looked up once."""

    def __init__(self, inventory: Inventory, tracker: Tracker) -> None:
        self.inventory = inventory
        self._tracker = tracker
        self._moved = moved_devices(inventory, tracker)
        self._known = Known()
        self._blockers: dict[str, list[Blocker]] = {}
        self._held = {address: claim for claim in tracker for address in [*claim.holdings, *claim.node_devices]}

    def holder(self, address: str) -> Claim | None:
        return self._held.get(address)

    def status(self, address: str) -> str:
        """Nova's word for the device's state, or needs_cleaning."""
        if self._tracker.waiting and waiting_device(self._tracker, self.inventory.devices[address]):
            return "needs_cleaning"
        return self._states[address].status if address in self._states else AVAILABLE

    def claimable(self, address: str) -> bool:
        """Whether anybody could claim the device now, without any consent."""
        return self.status(address) == AVAILABLE and not self.blockers(address)

    def blockers(self, address: str) -> list[Blocker]:
        """Why the device may not be given away; of a held one, why it could not stay where it is."""
        reasons = self._blockers.get(address)
        if reasons is None:
            reasons = self._blockers[address] = self._reasons(address)
        return reasons

    def _reasons(self, address: str) -> list[Blocker]:
        holder, moved = self._held.get(address), self._moved.get(address)
        if holder is None:
            reasons = blockers(self.inventory, address, self._nobody, self._known)
        else:
            reasons = blockers(self.inventory, address, self._consent(holder))
        aside = self._tracker.set_aside[address] if address in self._set_aside else None
        known = OnRecord(holder, moved, aside, self._unmade_vfs.get(address) if holder is None else None)
        return reasons + record_blockers(self.inventory.devices[address], known)

    def moved_to(self, claim: Claim, address: str) -> str | None:
        """Where a device of a claim is now that is no longer at the address it was claimed at."""
        for present, moved in self._moved.items():
            if (moved.owner.key, moved.claimed_at) == (claim.owner.key, address):
                return present
        return None

    @functools.cached_property
    def _states(self) -> DeviceStates:
        """The states, as the record and the domains make them, of what is on record and its PFs and VFs."""
        held = {address for claim in self._tracker for address in claim.holdings}
        devices = self.inventory.devices.values() if held else ()
        pfs = {device.physical_function for device in devices if device.address in held}
        concerned = (
            device
            for device in devices
            if device.address in held or device.address in pfs or device.physical_function in held
        )
        states = DeviceStates(AllowList(None), concerned)
        for claim in self._tracker:
            for address in claim.holdings.keys() & self.inventory.devices.keys():
                in_use = any(use.uuid == claim.owner.id for use in self.inventory.domain_uses.get(address, ()))
                # A record with a PF and its VF contradicts itself; the one that comes first counts.
                with contextlib.suppress(TransitionError):
                    states.adopt(self.inventory.devices[address], claim.owner.key, in_use=in_use)
        return states

    @functools.cached_property
    def _set_aside(self) -> frozenset[str]:
        devices = self.inventory.devices
        if not self._tracker.set_aside:
            return frozenset()
        from ..claims.settled import aside_device

        asides = [address for address in self._tracker.set_aside if address in devices]
        return frozenset(
            address for address in asides if aside_device(self.inventory, self._tracker, address) is not None
        )

    @functools.cached_property
    def _unmade_vfs(self) -> t.Mapping[str, UnmadeVf]:
        held = (holding for claim in self._tracker for holding in claim.holdings.values())
        if all(held_device(self.inventory, holding) is not None for holding in held):
            return {}
        from ..claims.unmade_vf import unmade_vfs

        return unmade_vfs(self.inventory, self._tracker)

    @functools.cached_property
    def _nobody(self) -> Consent:
        return self._consent(None)

    def _consent(self, holder: Claim | None) -> Consent:
        key = holder.owner.key if holder is not None else None
        return Consent(
            owner_uuid=holder.owner.id if holder is not None else None,
            whole_group=holder is not None,
            held_by_others=_Others(self._held, key) if self._held else None,
            set_aside=self._set_aside,
        )


class _Others(t.Mapping[str, str]):
    """Addresses that others than one owner hold, with a label of who does; made without a copy for each device."""

    def __init__(self, held: t.Mapping[str, Claim], key: str | None) -> None:
        self._held, self._key = held, key

    def __getitem__(self, address: str) -> str:
        claim = self._held[address]
        if claim.owner.key == self._key:
            raise KeyError(address)
        return str(claim.owner)

    def __iter__(self) -> t.Iterator[str]:
        return (address for address, claim in self._held.items() if claim.owner.key != self._key)

    def __len__(self) -> int:
        return sum(1 for _address in self)
