# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of one host through many runs, each as a module makes it: host read anew, requests selected, claim kept.

Nothing is carried from run to run but the record. Nova's cases, the random histories and the benchmark drive this.
"""

from __future__ import annotations

import typing as t
import uuid
from dataclasses import replace

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Owner
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.claim import asking, choose
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.concerned import concerned
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.release import give_back
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import Domain
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.host_facts import NumaNode
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import DomainUse
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.schema import Record, parse_record
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.wish import ClaimWish, ReleaseWish, Terms
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import PciDevice
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.host_facts import HostFacts
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import Request
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.allow_list import AllowList
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.nearness import Guest


def domain(name: str) -> Owner:
    """The domain of this name, always with the same UUID."""
    return Owner("domain", str(uuid.uuid5(uuid.NAMESPACE_URL, name)), name)


class RecordThroughRuns:
    """`devices` is what the host shows now, `tracker` what the record says, `in_use` what running domains have."""

    def __init__(self, host: HostFacts, allow_list: AllowList, devices: t.Iterable[PciDevice]) -> None:
        self._host = host
        self.allow_list = allow_list
        self.devices = {device.address: device for device in devices}
        self.tracker = Tracker()
        self.in_use: set[str] = set()

    def inventory(self, sockets: t.Mapping[int, int | None] | None = None) -> Inventory:
        """The host as it is read: what is held has a VFIO driver, and is in the XML of a domain that runs.

        `sockets` are those of its NUMA nodes.
        """
        nodes = {number: NumaNode(frozenset({number}), socket) for number, socket in (sockets or {}).items()}
        devices = dict(self.devices)
        uses: dict[str, list[DomainUse]] = {}
        for claim in self.tracker:
            owner = claim.owner
            for address in claim.holdings.keys() & devices.keys():
                devices[address] = devices[address]._replace(vfio=True, driver="vfio-pci")
                if address in self.in_use:
                    uses[address] = [DomainUse(owner.label, owner.id, "hostdev", active=True, config=True, live=True)]
        return Inventory(replace(self._host, numa_nodes=nodes), devices.values(), domain_uses=uses)

    def statuses(self) -> Statuses:
        return Statuses(self.inventory(), self.tracker)

    def chosen(self, owner: str, requests: t.Sequence[Request], guest: Guest) -> Claim:
        """What the owner's claim would be, as check mode has it. Raises HostdevError."""
        wish = ClaimWish(owner, None, tuple(requests), self.allow_list, Terms(), (), numa_cells=guest.cells)
        snapshot = Snapshot(
            self.inventory(guest.sockets), self.tracker, (), Domain(owner, domain(owner).id, None, None)
        )
        return choose(snapshot, asking(snapshot, wish)).change.after

    def claim(self, owner: str, requests: t.Sequence[Request], guest: Guest) -> list[str]:
        """Claim, and keep it on record; addresses that the claim did not have before. Raises HostdevError."""
        before = self.tracker.claim_of(domain(owner)).holdings
        after = self.chosen(owner, requests, guest)
        self.tracker.put(after)
        return [address for address in after.holdings if address not in before]

    def supports(self, requests: t.Sequence[Request], guest: Guest) -> bool:
        """Whether somebody new could have all of the requests."""
        try:
            self.chosen("somebody new", requests, guest)
        except HostdevError:
            return False
        return True

    def attach(self, owner: str) -> None:
        """Let the owner's domain run with all that it holds."""
        self.in_use.update(self.tracker.claim_of(domain(owner)).holdings)

    def release(self, owner: str, addresses: t.Iterable[str] = ()) -> None:
        """Give back what the owner has, or only these of it."""
        snapshot, wish = (
            Snapshot(self.inventory(), self.tracker, ()),
            ReleaseWish(domain=owner, addresses=tuple(addresses)),
        )
        for claim in concerned(snapshot, wish).claims:
            self.tracker.put(give_back(snapshot, wish, claim).change.after)
        self.in_use &= self.held().keys()

    def held(self) -> dict[str, str]:
        """Owners by the addresses that they hold."""
        return {address: claim.owner.label for claim in self.tracker for address in claim.holdings}

    def restart(self) -> None:
        """Let the record go through its document, as between two modules."""
        self.tracker = parse_record(Record(self.tracker).as_bytes()).tracker
