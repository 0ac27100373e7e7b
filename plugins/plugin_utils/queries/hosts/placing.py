# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which host serves the requests of a claim best, by what is known of each on the controller."""

from __future__ import annotations

import json
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
from ansible_collections.kvm.hostdev.plugins.module_utils._model.texts import read_list
from ansible_collections.kvm.hostdev.plugins.module_utils._model.values import numa_node

from ..errors import one_of
from ..plain import plain
from .reading import held_there, named, pools_of

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import Request


@dataclass(frozen=True)
class Wish:
    """What is to be placed, as users write it; what is None was not given."""

    requests: t.Any
    constraints: t.Any = None
    prefer: t.Any = None
    device_spec: t.Any = None
    aliases: t.Any = None
    numa_cells: t.Any = None

    def read(self, names: t.Sequence[str], hosts: t.Collection[str]) -> dict[str, Asked]:
        """What is asked of each of the hosts in `names`, by the allow list that it has; `hosts` are all that there are.

        Raises HostdevError as the claim does, and for the allow list of no host.
        """
        aliases = parse_aliases([] if self.aliases is None else _read(self.aliases, "aliases"))
        requests = parse_requests(_read(self.requests, "requests"), aliases)
        if not requests:
            raise _invalid("requests", "found none", "one request or more")
        lists = _read(self.device_spec, "device_spec")
        if not isinstance(lists, dict):
            one = self._asked(requests, lists, "device_spec")
            return dict.fromkeys(names, one) or {"": one}
        for name in lists:
            if name not in hosts:
                raise _invalid(
                    f"device_spec.{name}",
                    f"found {name!r}, which is no host",
                    f"a list of device specs for all hosts, or one by each host's name ({few(list(hosts))})",
                    did_you_mean(str(name), list(hosts), "put a single spec into brackets: [{...}]"),
                )
        found: dict[str, Asked] = {}
        made: dict[str, Asked] = {}
        for name in names:
            its = lists.get(name)
            key = json.dumps(its, sort_keys=True)
            if key not in made:
                made[key] = self._asked(requests, its, f"device_spec.{name}")
            found[name] = made[key]
        return found or {"": self._asked(requests, None, "device_spec")}

    def _asked(self, requests: t.Sequence[Request], device_spec: t.Any, path: str) -> Asked:
        spec = None if device_spec is None else parse_device_specs(device_spec, path)
        tags = {tag for entry in spec or () for tag in entry.tags}
        by_name = {request.name: request for request in requests}
        constraints, wishes = (
            parse_constraints(_read(value, name), name, tags)
            for name, value in (("constraints", self.constraints), ("prefer", self.prefer))
        )
        check_constraints(constraints, by_name, "constraints")
        check_constraints(wishes, by_name, "prefer")
        return asked(requests, spec, constraints, wishes, _cells(self.numa_cells))


def _read(value: t.Any, name: str) -> t.Any:
    """As the claim reads the option: a list, which may be a text with JSON."""
    return read_list(plain(value, name), name)


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
    known = named(hosts, choice.names)
    wanted = wish.read(list(known), list(map(str, hosts)))
    strategy = one_of(choice.strategy, STRATEGIES, "strategy")
    refused = dict.fromkeys(_away(choice, hosts, known), Reason(placing.ANTI_AFFINITY, "anti_affinity names it"))
    stocks: dict[str, list[dict[str, t.Any]]] = {}
    holders, unheard = [], []
    for name, value in known.items():
        holds = held_there(value, choice.owner)
        holders += [name] if holds else []
        unheard += [name] if holds is None and choice.owner is not None else []
        try:
            stocks[name] = pools_of(value)
        except HostdevError as error:
            if not holds:
                refused.setdefault(name, Reason(placing.NO_FACTS, error.message.rstrip(".")))
    if holders:
        elsewhere = Reason(placing.ELSEWHERE, f"{choice.owner} has devices on {few(holders)}")
        refused.update((name, elsewhere) for name in known if name not in holders and name not in refused)
    told = _told(placing.place(stocks, wanted, strategy, refused, holders), list(wanted.values()))
    return {**told, "claims_unknown": [] if holders else unheard}


def _away(choice: Choice, hosts: t.Mapping[str, t.Any], known: t.Collection[str]) -> list[str]:
    """The hosts that anti_affinity names, each or by a group. Raises HostdevError for what is no host and no group."""
    away_from = choice.away.split(",") if isinstance(choice.away, str) else choice.away
    names = [str(name).strip() for name in _listed(away_from, "anti_affinity", "names of hosts and groups")]
    groups = {} if choice.groups is None else plain(choice.groups, "groups")
    if not isinstance(groups, dict) or not all(isinstance(members, list) for members in groups.values()):
        raise _invalid("groups", f"found {groups!r}"[:200], "the hosts of each group in a list, such as groups has")
    groups = {name: [str(host) for host in members] for name, members in groups.items()}
    members = {host for of_group in groups.values() for host in of_group}
    there = list(dict.fromkeys([*map(str, hosts), *groups, *members]))
    away: list[str] = []
    for index, name in enumerate(names):
        if name not in there:
            near = few(nearest_first(str(name), there), none="none is known")
            remedy = did_you_mean(str(name), there, "" if groups else "give groups=groups to name groups")
            raise _invalid(
                f"anti_affinity[{index}]", f"found {name!r}", f"the name of a host or group ({near})", remedy
            )
        away += [name, *groups.get(name, ())]
    return [name for name in dict.fromkeys(away) if name in known]


def _told(placement: placing.Placement, wanted: t.Sequence[Asked]) -> dict[str, t.Any]:
    """What is said of a placement; `wanted` is what was asked of each host, the same but for the allow lists."""
    first = next(iter(placement.order), None)
    told = {
        "host": first,
        "order": list(placement.order),
        "not": {name: {"code": reason.code, "msg": reason.message} for name, reason in placement.refused.items()},
        "left_to_claim": list(dict.fromkeys(sentence for one in wanted for sentence in one.left)),
        "bounded": list(placement.bounded),
    }
    if first is not None:
        return {**told, "msg": f"{first} serves {few(wanted[0].names)} best"}
    return {**told, "code": "no_host", "msg": placing.no_host(wanted[0], placement).message}


def _invalid(subject: str, found: str, wanted: str, remedy: str = "") -> HostdevError:
    return HostdevError("invalid_option", subject=subject, found=found, wanted=wanted, remedy=remedy)
