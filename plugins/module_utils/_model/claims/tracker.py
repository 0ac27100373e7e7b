# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tracker: who holds which devices for which requests. The one mutable thing of the model."""

from __future__ import annotations

import typing as t
from dataclasses import replace

if t.TYPE_CHECKING:
    from .claim import Claim, Owner, Waiting
    from .made_vfs import MadeVfs
    from .set_aside import SetAside


class Tracker:
    """Claims by owner, indexed by device: each lookup is one step, however many devices a host has.

    `waiting` are the devices that wait to be cleaned, `set_aside` those that could not be settled, by address;
    `made_vfs` the PFs that have VFs of ours, by theirs.
    """

    def __init__(
        self,
        claims: t.Iterable[Claim] = (),
        waiting: t.Iterable[Waiting] = (),
        set_aside: t.Iterable[SetAside] = (),
        made_vfs: t.Iterable[MadeVfs] = (),
    ) -> None:
        self._claims: dict[str, Claim] = {}
        self._holder: dict[str, str] = {}
        self.waiting = {device.address: device for device in waiting}
        self.set_aside = {device.address: device for device in set_aside}
        self.made_vfs = {made.address: made for made in made_vfs}
        for claim in claims:
            self.put(claim)

    def __iter__(self) -> t.Iterator[Claim]:
        return iter(self._claims.values())

    def claim_of(self, owner: Owner) -> Claim:
        """The owner's claim, an empty one if it has none; a domain's present name replaces a recorded one."""
        from .claim import Claim

        return replace(self._claims.get(owner.key, Claim(owner)), owner=owner)

    def relabel(self, names: t.Mapping[str, str]) -> None:
        """Let claims of domains have the names by UUID that these have now; of others the recorded ones stay."""
        for key, claim in self._claims.items():
            name = names.get(claim.owner.id) if claim.owner.kind == "domain" else None
            if name is not None:
                self._claims[key] = replace(claim, owner=replace(claim.owner, label=name))
        for address, aside in self.set_aside.items():
            name = names.get(aside.owner.id) if aside.owner.kind == "domain" else None
            if name is not None:
                self.set_aside[address] = replace(aside, owner=replace(aside.owner, label=name))

    def copy(self) -> Tracker:
        """Another one with the same claims, which goes its own way."""
        return Tracker(self, self.waiting.values(), self.set_aside.values(), self.made_vfs.values())

    def holder(self, address: str) -> Claim | None:
        """The claim that holds the device, a PCI function by its address, a USB or SCSI device by its name."""
        key = self._holder.get(address)
        return None if key is None else self._claims[key]

    def put(self, claim: Claim) -> None:
        """Set an owner's claim as a whole; one without devices and requests is forgotten.

        A one-time-use device that leaves it waits to be cleaned from then on. Raises ValueError when another owner
        holds one of its devices.
        """
        from .claim import Waiting

        key = claim.owner.key
        held_now = [*claim.holdings, *claim.node_devices]
        for address in held_now:
            if self._holder.get(address, key) != key:
                raise ValueError(f"{address} is held by {self._claims[self._holder[address]].owner}")
        old = self._claims.pop(key, None)
        if old is not None:
            for address in [*old.holdings, *old.node_devices]:
                del self._holder[address]
            for address, held in old.holdings.items():
                if held.one_time_use and address not in claim.holdings:
                    self.waiting[address] = Waiting(address, old.owner, held.identity)
        if held_now or claim.requests:
            self._claims[key] = claim
            self._holder.update(dict.fromkeys(held_now, key))
            for address in claim.holdings:
                self.waiting.pop(address, None)  # a release of it was undone
