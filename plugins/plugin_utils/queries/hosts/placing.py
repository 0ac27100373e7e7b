# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which host serves the requests of a claim best, by what is known of each on the controller."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError, few
from ansible_collections.kvm.hostdev.plugins.module_utils._model.nearest import did_you_mean, nearest_first
from ansible_collections.kvm.hostdev.plugins.module_utils._model.placement import placing
from ansible_collections.kvm.hostdev.plugins.module_utils._model.placement.asked import Asked, asked
from ansible_collections.kvm.hostdev.plugins.module_utils._model.placement.counting import STRATEGIES
from ansible_collections.kvm.hostdev.plugins.module_utils._model.placement.unserved import Reason
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.aliases import parse_aliases
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.constraints import (
    check_constraints,
    parse_constraints,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import parse_requests
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import parse_device_specs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.values import numa_node

from ..errors import one_of
from ..holding import free_pools
from ..plain import plain
from .reading import about, facts_of, named, stock_of


@dataclass(frozen=True)
class Wish:
    """What is to be placed, as users write it; what is None was not given."""

    requests: t.Any
    constraints: t.Any = None
    prefer: t.Any = None
    device_spec: t.Any = None
    aliases: t.Any = None
    numa_cells: t.Any = None

    def read(self) -> Asked:
        """Raises HostdevError as the claim does."""
        aliases = parse_aliases([] if self.aliases is None else plain(self.aliases, "aliases"))
        requests = parse_requests(plain(self.requests, "requests"), aliases)
        if not requests:
            raise _invalid("requests", "found none", "one request or more")
        spec = None
        if self.device_spec is not None:
            spec = parse_device_specs(plain(self.device_spec, "device_spec"), "device_spec")
        tags = {tag for entry in spec or () for tag in entry.tags}
        by_name = {request.name: request for request in requests}
        constraints, wishes = (
            parse_constraints(plain(value, name), name, tags)
            for name, value in (("constraints", self.constraints), ("prefer", self.prefer))
        )
        check_constraints(constraints, by_name, "constraints")
        check_constraints(wishes, by_name, "prefer")
        return asked(requests, spec, constraints, wishes, _cells(self.numa_cells))


def _cells(value: t.Any) -> list[int]:
    cells = _listed(value, "numa_cells", "NUMA nodes, such as [0]")
    return [t.cast(int, numa_node(cell, f"numa_cells[{index}]")) for index, cell in enumerate(cells)]


def _listed(value: t.Any, name: str, of_what: str) -> list[t.Any]:
    """A list, empty where none was given."""
    listed = [] if value is None else plain(value, name)
    if not isinstance(listed, list):
        raise _invalid(name, f"found {listed!r}", f"a list of {of_what}")
    return listed


@dataclass(frozen=True)
class Choice:
    """Which hosts there are to choose from, and how: `names` of those to look at, None for all, `owner` who has what
    already, `away` names of hosts and of `groups` that are not to be chosen.
    """

    strategy: str = STRATEGIES[0]
    names: t.Any = None
    owner: t.Any = None
    away: t.Any = None
    groups: t.Any = None


def placed(hosts: t.Any, wish: Wish, choice: Choice) -> dict[str, t.Any]:
    """What the filter `place` returns. Raises HostdevError for what is not written as it must be."""
    wanted = wish.read()
    strategy = one_of(choice.strategy, STRATEGIES, "strategy")
    known = named(hosts, choice.names)
    refused = dict.fromkeys(_away(choice, hosts, known), Reason(placing.ANTI_AFFINITY, "anti_affinity names it"))
    stocks: dict[str, list[dict[str, t.Any]]] = {}
    holders = []
    for name, value in known.items():
        with about(name):
            found = stock_of(value)
            if isinstance(found, str):
                refused.setdefault(name, Reason(placing.NO_FACTS, _unknown(value, found)))
                continue
            if _holds(found, choice.owner):
                holders.append(name)
            stocks[name] = _pools(found)
    if holders:
        elsewhere = Reason(placing.ELSEWHERE, f"{choice.owner} has devices on {few(holders)}")
        for name in known:
            if name not in holders:
                refused.setdefault(name, elsewhere)
    return _told(placing.place(stocks, wanted, strategy, refused, holders), wanted)


def _unknown(value: t.Any, instead: str) -> str:
    """Why nothing is known of a host: what came instead, such as the error of the task that was to gather it."""
    error = value.get("msg") if isinstance(value, t.Mapping) and not instead else None
    there = f": {error}" if error else f", but {instead}" if instead else ""
    return f"neither its devices nor pools are known{there}"


def _pools(stock: t.Any) -> list[dict[str, t.Any]]:
    """The pools of a host, of its devices where it has none."""
    if isinstance(stock, t.Mapping) and "pools" in stock:
        stock = {"pools": stock["pools"]}
    facts = facts_of(stock)
    pools = facts.parts["pools"] if "pools" in facts.parts else free_pools(facts)
    return [{**pool, "pcie_switches": tuple(pool.get("pcie_switches") or ())} for pool in pools]


def _holds(stock: t.Any, owner: t.Any) -> bool:
    """Whether an owner, by its name or UUID, is on record there."""
    claims = stock.get("claims") if isinstance(stock, t.Mapping) and owner is not None else None
    holders = (claim.get("owner") for claim in claims or () if isinstance(claim, t.Mapping))
    names = {str(holder.get(key)) for holder in holders if isinstance(holder, t.Mapping) for key in ("label", "id")}
    return str(owner) in names


def _away(choice: Choice, hosts: t.Mapping[str, t.Any], known: t.Collection[str]) -> list[str]:
    """The hosts that anti_affinity names, each or by a group. Raises HostdevError for what is no host and no group."""
    names = _listed(choice.away, "anti_affinity", "names of hosts and groups")
    groups = {} if choice.groups is None else plain(choice.groups, "groups")
    if not isinstance(groups, dict):
        raise _invalid("groups", f"found {groups!r}", "the hosts of each group, such as groups")
    away: list[str] = []
    there = [*map(str, hosts), *groups]
    for index, name in enumerate(names):
        if name not in there:
            near = few(nearest_first(str(name), there), none="none is known")
            remedy = did_you_mean(str(name), there, "" if groups else "give groups=groups to name groups")
            raise _invalid(
                f"anti_affinity[{index}]", f"found {name!r}", f"the name of a host or group ({near})", remedy
            )
        away += groups.get(name, [name])
    return [name for name in dict.fromkeys(away) if name in known]


def _told(placement: placing.Placement, wanted: Asked) -> dict[str, t.Any]:
    first = next(iter(placement.order), None)
    told = {
        "host": first,
        "order": list(placement.order),
        "not": {name: {"code": reason.code, "msg": reason.message} for name, reason in placement.refused.items()},
        "left_to_claim": list(wanted.left),
        "bounded": list(placement.bounded),
    }
    if first is not None:
        return {**told, "msg": f"{first} serves {few([request.name for request in wanted.requests])} best"}
    return {**told, "code": "no_host", "msg": placing.no_host(wanted, placement).message}


def _invalid(subject: str, found: str, wanted: str, remedy: str = "") -> HostdevError:
    return HostdevError("invalid_option", subject=subject, found=found, wanted=wanted, remedy=remedy)
