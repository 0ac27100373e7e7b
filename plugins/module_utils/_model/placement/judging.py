# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether and how well a host serves what is asked for, by its pools: the search of a claim, once for equal hosts."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ..host.device import TYPE_PF, TYPE_VF
from ..host.topology import Where
from ..relations.meeting import met
from ..relations.relation import PCIE_ROOT, PCIE_SWITCH, Candidate
from ..relations.values import known_value
from ..requests.numa_policy import numa_tier
from ..selection.search.problem import Problem, Rank, Wanted
from ..selection.search.search import STEPS, BoundedError, possible, search
from .likeness import Alike, Item, told_apart
from .stock import one_of, possible_tags, spec_for
from .unserved import Reason, bounded, shortage, unmet

if t.TYPE_CHECKING:
    from ..host.device import PciDevice
    from ..requests.request import Request
    from .asked import Asked

_Pool = t.Mapping[str, t.Any]
_Key = tuple[t.Hashable, ...]


class Service(t.NamedTuple):
    """How a host serves what is asked for: which alternative each request gets, and how far each wish is met.

    `complete` is false where the search ended at its bound, so that a better way may exist.
    """

    alternatives: tuple[int, ...]
    met: tuple[int, ...]
    complete: bool = True


class Glance(t.NamedTuple):
    """What a host offers: `fitting` free devices fit any of the requests. Hosts that are `alike` serve them alike."""

    fitting: int
    alike: Alike


class _Offer(t.NamedTuple):
    """What a device may serve: its rank for each alternative of each request, and its values of what is related.

    No more than `most` such devices can be needed.
    """

    ranks: tuple[tuple[Rank | None, ...], ...]
    values: tuple[t.Hashable, ...]
    most: int


class Judge:
    """Judges hosts by what is asked for. Hosts that look the same to it are searched once."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._offers: dict[_Key, int | None] = {}
        self._numbers: dict[_Offer, int] = {}
        self._known: list[_Offer] = []
        self._found: dict[t.Hashable, Service | Reason] = {}
        self._ids: dict[tuple[t.Any, t.Any], bool] = {}
        specs = [spec for request in asked.requests for spec in request.specs]
        self._asked_ids = {(spec.vendor_id, spec.product_id) for spec in specs}
        self._by_ids = {(spec.vendor_id, spec.product_id) for spec in specs if spec.device_type is None}
        self._on_nodes = "numa_node" in asked.attributes

    def glance(self, pools: t.Sequence[_Pool]) -> Glance:
        """What a host with these pools has to offer.

        `pcie_switches` of a pool are a tuple, nearest first; `node`, where there is one, is its NUMA node also where
        the kernel does not tell, but the host has only one.
        """
        fields, tree = self._asked.fields, self._asked.tree
        items: dict[Item, int] = {}
        fitting = 0
        # As on a host with one node, of which the kernel often tells no device's.
        one_node = self._on_nodes and all(pool.get("numa_node") is None and "node" not in pool for pool in pools)
        for pool in pools:
            get = pool.get
            ids = (get("vendor_id"), get("product_id"))
            if not (self._ids[ids] if ids in self._ids else self._may_fit(ids)):
                continue
            alone = get("device_type") == TYPE_PF and self._is_alone(ids, pools)
            key = (alone, one_node, *[get(name) for name in fields])
            number = self._offers[key] if key in self._offers else self._add(key, pool)
            if number is None:
                continue
            count = pool["count"]
            fitting += count
            item = Item(number, tuple(_place(pool, attribute) for attribute in tree))
            items[item] = items.get(item, 0) + count
        enough = {item: min(count, self._known[item.kind].most) for item, count in items.items()}
        return Glance(fitting, told_apart(enough))

    def verdict(self, alike: Alike, steps: int = STEPS) -> Service | Reason:
        """How hosts that are alike serve what is asked for, or why not. The search ends after so many steps."""
        found = self._found.get(alike)
        if found is None:
            found = self._found[alike] = self._judge(alike, steps)
        return found

    def _may_fit(self, ids: tuple[t.Any, t.Any]) -> bool:
        """Whether devices with these ids may fit any request: most pools of a host are told apart by that alone."""
        may = any(vendor in (None, ids[0]) and product in (None, ids[1]) for vendor, product in self._asked_ids)
        self._ids[ids] = may
        return may

    def _is_alone(self, ids: tuple[t.Any, t.Any], pools: t.Sequence[_Pool]) -> bool:
        """Whether nothing but PFs has these ids, so that they are enough to ask for one."""
        return ids in self._by_ids and all(
            other.get("device_type") == TYPE_PF
            for other in pools
            if (other.get("vendor_id"), other.get("product_id")) == ids
        )

    def _add(self, key: _Key, pool: _Pool) -> int | None:
        """The number of what the devices of a pool have to offer, None where that is nothing."""
        asked, alone, one_node = self._asked, bool(key[0]), bool(key[1])
        device = one_of(pool)
        tags = possible_tags(pool, device, asked.allow_list)
        ranks = tuple(tuple(self._ranks(request, pool, device, tags, alone)) for request in asked.requests)
        number = None
        if any(rank is not None for alternatives in ranks for rank in alternatives):
            node = 0 if one_node else pool.get("node", device.numa_node)
            where = Where((), None, (), "", node, None)
            values = tuple(known_value(attribute, device, where, tags[0]) for attribute in asked.attributes)
            serves = (any(rank is not None for rank in alternatives) for alternatives in ranks)
            most = sum(request.count for request, does in zip(asked.requests, serves) if does)
            offer = _Offer(ranks, values, most)
            number = self._numbers.setdefault(offer, len(self._known))
            if number == len(self._known):
                self._known.append(offer)
        self._offers[key] = number
        return number

    def _ranks(
        self, request: Request, pool: _Pool, device: PciDevice, tags: t.Sequence[t.Mapping[str, t.Any]], alone: bool
    ) -> t.Iterator[Rank | None]:
        """How the devices of a pool rank for each alternative of a request, with one of the tags that they may have."""
        policy = "preferred" if request.numa_policy == "socket" else request.numa_policy
        tier = numa_tier(policy, self._asked.cells, {}, device.numa_node)
        for one in request.alternatives:
            here = replace(one, specs=tuple(spec_for(pool, spec, alone=alone) for spec in one.specs))
            fitting = [] if tier is None else [len(some) for some in tags if here.fits(device, some)]
            vf = int(device.device_type == TYPE_VF)
            yield Rank(tier=tier or 0, tags=min(fitting), vf=vf) if fitting else None

    def _judge(self, alike: Alike, steps: int) -> Service | Reason:
        """What a search says of hosts with so many of each item."""
        problem = self._problem(alike)
        short = shortage(self._asked, problem)
        if short is not None:
            return short
        try:
            way = search(problem, steps)
        except BoundedError:
            return bounded(self._asked)
        if way is not None:
            reached = tuple(met(wish, problem.sides(wish, way.chosen))[0] for wish in problem.wishes)
            return Service(way.alternatives, reached, way.complete)
        if problem.constraints and possible(replace(problem, constraints=(), wishes=()), steps) is not False:
            return unmet(self._asked, problem)
        return shortage(self._asked, problem, together=True) or bounded(self._asked)

    def _problem(self, alike: Alike) -> Problem:
        """The problem of a search among devices without names."""
        asked = self._asked
        ranks: list[list[dict[str, Rank]]] = [[{} for _one in request.alternatives] for request in asked.requests]
        candidates = {}
        for index, (item, count) in enumerate(alike):
            offer = self._known[item.kind]
            places = dict(zip(asked.tree, item.places))
            values = dict(zip(asked.attributes, offer.values))
            switch, root = places.get(PCIE_SWITCH), places.get(PCIE_ROOT)
            for number in range(count):
                address = f"{index:04x}:{number >> 8:02x}:{number >> 3 & 31:02x}.{number & 7}"
                # As a bridge too: by what is above devices a search tells those of one place from those of another.
                above = () if switch is None else (switch,)
                where = Where(above, root, above, address, None, None)
                candidates[address] = Candidate(address, where, values)
                for mine, its in zip(ranks, offer.ranks):
                    for alternative, rank in zip(mine, its):
                        if rank is not None:
                            alternative[address] = rank
        wanted = tuple(
            Wanted(request.name, "", request.count, tuple(its)) for request, its in zip(asked.requests, ranks)
        )
        return Problem(wanted, candidates, asked.constraints, asked.wishes)


def _place(pool: _Pool, attribute: str) -> str | None:
    """Where the devices of a pool are: below which outermost switch, on which root bus."""
    if attribute == PCIE_ROOT:
        return t.cast("str | None", pool.get("pcie_root"))
    switches = pool.get("pcie_switches")
    return switches[-1] if switches else None
