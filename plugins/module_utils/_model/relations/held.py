# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is to be said of devices that are held together: pairs, how far wishes are met, which constraint is broken."""

from __future__ import annotations

import typing as t

from ..claims.cards.identity import as_claimed
from ..host.topology import Topology
from ..requests.constraints import ATTRIBUTES, MATCH, owner_and_request
from .meeting import is_met, met
from .pairing import paired
from .relation import Candidate, Relation
from .told import Together
from .values import known_value

if t.TYPE_CHECKING:
    from ..claims.claim import Claim
    from ..host.inventory import Inventory
    from ..requests.constraints import Constraint
    from ..requests.specs.allow_list import AllowList


class HeldTogether:
    """Claims on a host, and what holds among their devices. Tags are known while there is an allow list."""

    def __init__(self, inventory: Inventory, claims: t.Iterable[Claim], allow_list: AllowList | None = None) -> None:
        self._inventory = inventory
        self._topology = Topology(inventory)
        self._claims = {claim.owner.id: claim for claim in claims}
        held = {address for claim in self._claims.values() for address in claim.holdings}
        self._allow_list = None if allow_list is None else allow_list.resolved(inventory, held)

    def told(self, claim: Claim) -> Together:
        """What is to be said of a claim's own constraints and wishes, and of its alternatives."""
        own, wishes = ([one for one in kept if set(one.requests) <= claim.requests.keys()] for kept in _of(claim))
        return self._told(claim, own, wishes)._replace(alternative=self._alternatives(claim))

    def told_of_several(self) -> Together:
        """The same of those over several owners, which each of them has on record."""
        found: tuple[dict[Constraint, Claim], ...] = ({}, {})
        for claim in self._claims.values():
            for kept, known in zip(_of(claim), found):
                known.update((one, claim) for one in kept if not set(one.requests) <= claim.requests.keys())
        constraints, wishes = (list(known) for known in found)
        whose = next(iter({**found[0], **found[1]}.values()), None)
        return Together() if whose is None else self._told(whose, constraints, wishes)

    def broken(self, claim: Claim) -> list[tuple[Constraint, list[str]]]:
        """The constraints on record that do not hold, with the addresses that they are about.

        Of those alone that can be looked at: tags are known to tasks with their allow list, not to the record.
        """
        known = [one for one in claim.constraints if one.attribute in ATTRIBUTES or self._allow_list is not None]
        looked = ((one, self._relation(claim, one)) for one in known)
        return [
            (one, [device.address for side in relation[1] for device in side])
            for one, relation in looked
            if relation is not None and not is_met(*relation)
        ]

    def shown(self, claim: Claim, one: Constraint) -> Constraint:
        """A constraint of a claim with owners by their labels."""
        return one.renamed(lambda name: self._label(claim, name))

    def _told(self, claim: Claim, constraints: t.Sequence[Constraint], wishes: t.Sequence[Constraint]) -> Together:
        pairs: list[dict[str, t.Any]] = []
        told: list[dict[str, t.Any]] = []
        for one in (*constraints, *wishes):
            relation = self._relation(claim, one)
            if relation is None:
                continue
            shown = self.shown(claim, one).as_dict()
            if one in wishes:
                number, of = met(*relation)
                told.append({**shown, "met": number, "of": of})
            if one.pair and len(relation[1][0]) == len(relation[1][1]):
                found = paired(relation[0], *relation[1])
                unmet = [[pair.one, pair.other] for pair in found if not pair.holds]
                devices = [[pair.one, pair.other] for pair in found]
                pairs.append({**shown, "devices": devices, **({"unmet": unmet} if unmet else {})})
        return Together(pairs, told)

    def _relation(self, claim: Claim, one: Constraint) -> tuple[Relation, list[list[Candidate]]] | None:
        """The relation with the devices of each request; None where one has none."""
        sides = []
        for name in one.requests:
            owned = self._owned(claim, name)
            if owned is None:
                return None
            sides.append([self._candidate(owned[0], address, one.attribute) for address in owned[1]])
        if not all(sides):
            return None
        return Relation(tuple(range(len(sides))), one.attribute, one.relation == MATCH, one.pair), sides

    def _owned(self, claim: Claim, name: str) -> tuple[Claim, list[str]] | None:
        whose, request = claim, name
        if name not in claim.requests:
            split = owner_and_request(name, {owner: known.requests for owner, known in self._claims.items()})
            if split is None:
                return None
            whose, request = self._claims[split[0]], split[1]
        return whose, [address for address in whose.serving(request) if address in self._inventory.devices]

    def _label(self, claim: Claim, name: str) -> str:
        if name in claim.requests:
            return name
        split = owner_and_request(name, {owner: known.requests for owner, known in self._claims.items()})
        return name if split is None else f"{self._claims[split[0]].owner.label}/{split[1]}"

    def _candidate(self, claim: Claim, address: str, attribute: str) -> Candidate:
        device, where = self._inventory.devices[address], self._topology[address]
        held = as_claimed(device, claim.holdings[address])
        tags = None if self._allow_list is None else self._allow_list.tags_of(held)
        return Candidate(address, where, {attribute: known_value(attribute, device, where, tags)})

    def _alternatives(self, claim: Claim) -> dict[str, int]:
        """Of each request with alternatives the first one that all its devices are of."""
        found = {}
        for name, request in claim.requests.items():
            if not request.first_available:
                continue
            resolved = request.resolved(self._inventory, claim.holdings.keys())
            devices = [
                as_claimed(self._inventory.devices[address], claim.holdings[address])
                for address in claim.serving(name)
                if address in self._inventory.devices
            ]
            for number, one in enumerate(resolved.alternatives):
                if all(one.fits(device, self._tags(device)) for device in devices):
                    found[name] = number
                    break
        return found

    def _tags(self, device: t.Any) -> t.Mapping[str, t.Any]:
        return {} if self._allow_list is None else self._allow_list.tags_of(device) or {}


def _of(claim: Claim) -> tuple[tuple[Constraint, ...], tuple[Constraint, ...]]:
    return claim.constraints, claim.prefer
