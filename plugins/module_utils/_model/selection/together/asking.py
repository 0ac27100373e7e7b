# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From owners, with what they keep and what is free, to the problem of a search."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import replace

from ...availability.states import DeviceStates, TransitionError
from ...claims.cards.identity import as_claimed
from ...errors import HostdevError
from ...guards.mates import comes_along
from ...host.device import TYPE_VF
from ...host.topology import Topology
from ...relations.relation import IN_TREE, Candidate, Relation
from ...relations.values import known_value
from ...requests.constraints import ATTRIBUTES, MATCH, owner_and_request, reference
from ...requests.numa_policy import numa_tier
from ..group_closure import group_members
from ..matching import fitting
from ..refused.refusals import refusal
from ..search.problem import Problem, Rank, Wanted
from ..serving import is_parting, party

if t.TYPE_CHECKING:
    from ...claims.claim import Owner
    from ...host.device import PciDevice
    from ...host.topology import Where
    from ...requests.constraints import Constraint
    from ...requests.request import Request
    from ...snapshot import Snapshot
    from ..serving import Party

    # The constraints and the wishes of each party.
    Bound = t.Sequence[tuple[t.Sequence[Constraint], t.Sequence[Constraint]]]


class Asking:
    """The problem of some parties, made in parts: what they keep is known at once, what is free is looked up once."""

    def __init__(self, snapshot: Snapshot, parties: t.Sequence[Party], bound: Bound) -> None:
        self._snapshot = snapshot
        self.parties = parties
        self.topology = Topology(snapshot.inventory)
        self.wanted: list[Wanted] = []
        self.requests: list[tuple[Party, Request] | None] = []
        self._index: dict[str, int] = {}
        self._names: list[str] = []
        self._counts: list[int] = []
        self.on_record: set[Relation] = set()
        """What an earlier task asked for, and this one does not repeat."""
        for one in parties:
            for request in one.requests:
                self._want(one, request)
        self.constraints = self._relations(bound, 0)
        self.wishes = self._relations(bound, 1)
        self._attributes = {one.attribute for one in (*self.constraints, *self.wishes)} - {*IN_TREE}
        self._held_by_all = {address for claim in snapshot.tracker for address in claim.holdings}
        self._candidates: dict[str, Candidate] = {}
        for index, wanted in enumerate(self.wanted):
            known = self.requests[index]
            for address in wanted.held:
                self._add(address, None if known is None else known[0])

    def kept(self) -> Problem:
        """The problem of what is held alone."""
        return Problem(tuple(self.wanted), dict(self._candidates), self.constraints, self.wishes)

    def whole(self, freed: Snapshot | None = None) -> Problem:
        """The problem with what is free, too; on the host as it would be by then where devices may be given back."""
        wanted = []
        snapshot = self._snapshot if freed is None else freed
        free = {id(one): _Free(one if freed is None else party(freed, one.asked), snapshot) for one in self.parties}
        for index, one in enumerate(self.wanted):
            known = self.requests[index]
            if known is None:
                wanted.append(one)
                continue
            mine, request = free[id(known[0])], known[1]
            ranks = tuple(
                {**mine.fitting(asked), **held} for held, asked in zip(one.alternatives, request.alternatives)
            )
            for address in {address for alternative in ranks for address in alternative}:
                self._add(address, known[0])
            wanted.append(replace(one, alternatives=ranks))
        return Problem(
            tuple(wanted),
            dict(self._candidates),
            self.constraints,
            self.wishes,
            self._beside(wanted, free.values()),
        )

    def name(self, index: int) -> str:
        """What messages call a request: of several owners OWNER/REQUEST, by the owner's label."""
        return self._names[index]

    # Requests.

    def _want(self, one: Party, request: Request) -> None:
        held = frozenset(one.keeping[request.name])
        chosen = one.chosen
        alternatives = []
        for asked in request.alternatives:
            ranks: dict[str, Rank] = {}
            for address in sorted(held):
                device = as_claimed(chosen.inventory.devices[address], one.claim.holdings[address])
                if asked.wants(device, chosen.allow_list):
                    ranks[address] = _rank(one, request, device)
            alternatives.append(ranks)
        self._index[reference(one.asked.owner.id, request.name)] = len(self.wanted)
        self.requests.append((one, request))
        self._names.append(self._told(one.asked.owner, request.name))
        self._counts.append(request.count)
        self.wanted.append(
            Wanted(
                reference(one.asked.owner.id, request.name),
                one.asked.owner.key,
                request.count,
                tuple(alternatives),
                held,
                frozenset(address for address in held if is_parting(one.claim, address)),
                None if chosen.terms.whole_group else chosen.consent.members,
                may_go=chosen.terms.replace_misfits,
            )
        )

    def _told(self, owner: Owner, request: str) -> str:
        alone = len(self.parties) == 1 and owner.key == self.parties[0].asked.owner.key
        return request if alone else reference(owner.label, request)

    def _relations(self, bound: Bound, which: int) -> tuple[Relation, ...]:
        """Those about any request that is asked for; of one over requests that are not there nothing is known."""
        found: dict[Relation, None] = {}
        for one, of_party in zip(self.parties, bound):
            for constraint in of_party[which]:
                if not _is_known(one, constraint):
                    continue
                places = [self._place(one, name) for name in constraint.requests]
                known = [place for place in places if place is not None]
                if len(known) < len(places) or all(self.wanted[place].fixed for place in known):
                    continue
                if constraint.pair and len({self.wanted[place].count for place in known}) > 1:
                    self._check_pair(constraint, known)
                    continue  # a device of a request that is not asked for is gone
                relation = Relation(tuple(known), constraint.attribute, constraint.relation == MATCH, constraint.pair)
                found[relation] = None
                asked = one.asked.wish.prefer if which else one.asked.wish.constraints
                if constraint not in asked and set(constraint.requests) <= one.claim.requests.keys():
                    self.on_record.add(relation)
        return tuple(found)

    def _check_pair(self, constraint: Constraint, places: t.Sequence[int]) -> None:
        """Refuse a pair over several owners, maybe on record, whose requests ask for different numbers."""
        counts = [self._counts[place] for place in places]
        if len(set(counts)) > 1:
            told = " and ".join(f"{self._names[place]} asks for {count}" for place, count in zip(places, counts))
            raise HostdevError(
                "invalid_constraint",
                subject=constraint.renamed(
                    dict(zip(constraint.requests, (self._names[one] for one in places))).__getitem__
                ).describe(),
                found=told,
                wanted="equal counts, since each device of the one gets its own of the other",
                remedy="ask for as many of both, or leave pair out",
            )

    def _place(self, one: Party, name: str) -> int | None:
        """The place of a request that a constraint names, as REQUEST or OWNER/REQUEST; those on record are added."""
        own = reference(one.asked.owner.id, name)
        if own in self._index:
            return self._index[own]
        if name in self._index:
            return self._index[name]
        claims = {claim.owner.id: claim for claim in self._snapshot.tracker}
        owner, request = one.asked.owner.id, name
        if name not in one.claim.requests:
            split = owner_and_request(name, {owner: claim.requests for owner, claim in claims.items()})
            if split is None or split[1] not in claims[split[0]].requests:
                return None
            owner, request = split
        claim = claims[owner]
        held = [address for address in claim.serving(request) if address in self._snapshot.inventory.devices]
        if not held:
            return None
        key = reference(owner, request)
        self._index[key] = len(self.wanted)
        self.requests.append(None)
        self._names.append(self._told(claim.owner, request))
        self._counts.append(claim.requests[request].count)
        ranks = dict.fromkeys(sorted(held), Rank())
        self.wanted.append(Wanted(key, claim.owner.key, len(held), (ranks,), frozenset(held), fixed=True))
        return self._index[key]

    # Devices.

    def _add(self, address: str, one: Party | None) -> None:
        if address in self._candidates:
            return
        inventory = self._snapshot.inventory
        device, where = inventory.devices[address], self.topology[address]
        others = [mate for mate in inventory.group_mates(address) if comes_along(mate)]
        mates = {mate for mate in group_members(inventory, {address}) if mate not in self._held_by_all}
        values = {attribute: self._value(device, where, one, attribute) for attribute in self._attributes}
        group = device.iommu_group if others else None
        self._candidates[address] = Candidate(address, where, values, device.physical_function, group, frozenset(mates))

    def _value(self, device: PciDevice, where: Where, one: Party | None, attribute: str) -> t.Hashable:
        among = self.parties if one is None else (one,)
        holder = self._snapshot.tracker.holder(device.address)
        held = as_claimed(device, None if holder is None else holder.holdings[device.address])
        tags = (party.chosen.allow_list.tags_of(held) for party in among)
        return known_value(attribute, device, where, next((known for known in tags if known), None))

    def _beside(self, wanted: t.Sequence[Wanted], free: t.Iterable[_Free]) -> dict[str, Where]:
        """Further free devices, as far as it matters whose neighbours are taken: not where all stand together."""
        places = {(one.where.pcie_root, one.where.bridges) for one in self._candidates.values()}
        spare = any(len(alternative) > one.count for one in wanted if not one.fixed for alternative in one.alternatives)
        if len(places) < 2 or not spare:
            return {}
        return {address: self.topology[address] for several in free for address in several.others(self._candidates)}


def _is_known(one: Party, constraint: Constraint) -> bool:
    """Whether it can be looked at: a tag on record is known to tasks alone whose allow list gives it."""
    return constraint.attribute in ATTRIBUTES or constraint.attribute in one.chosen.allow_list.tag_names


class _Free:
    """What is free for one owner: permitted, held by nobody, and refused by no guard."""

    def __init__(self, one: Party, snapshot: Snapshot) -> None:
        self._party = one
        self._refused: dict[str, bool] = {}
        chosen = one.chosen
        self._states = DeviceStates(chosen.allow_list, chosen.inventory.devices.values())
        held = [(address, claim.owner.key) for claim in snapshot.tracker for address in claim.holdings]
        others = [(address, key) for address, key in held if key != chosen.owner.key]
        for address, key in [*others, *((address, chosen.owner.key) for address in chosen.serving)]:
            device = chosen.inventory.devices.get(address)
            if device is not None:
                # A PF and its VF on record together are both refused all the same, see refusals.
                with contextlib.suppress(TransitionError):
                    self._states.adopt(device, key)
        uuid = chosen.consent.owner_uuid
        uses = chosen.inventory.domain_uses
        self._has = {
            address
            for address, of_device in uses.items()
            if any(use.uuid == uuid and use.has_function for use in of_device)
        }

    def fitting(self, request: Request) -> dict[str, Rank]:
        """The free devices that fit a request, with their ranks."""
        return {
            address: rank._replace(own=int(address not in self._has))
            for address, rank in fitting(self._states, request, self._party.chosen.guest)
            if self._may_be_had(address)
        }

    def others(self, known: t.Collection[str]) -> list[str]:
        """All free devices but those that are known."""
        return [address for address in self._states.free if address not in known and self._may_be_had(address)]

    def _may_be_had(self, address: str) -> bool:
        if address not in self._refused:
            self._refused[address] = refusal(self._party.chosen, self._states[address].device) is not None
        return not self._refused[address]


def _rank(one: Party, request: Request, device: PciDevice) -> Rank:
    guest = one.chosen.guest
    tier = numa_tier(request.numa_policy, guest.cells, guest.sockets, device.numa_node)
    tags = one.chosen.allow_list.tags_of(device) or {}
    return Rank(0, tier or 0, len(tags), int(device.device_type == TYPE_VF))
