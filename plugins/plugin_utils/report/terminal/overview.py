# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several hosts at a glance: a line for each, and all of them in one line."""

from __future__ import annotations

import typing as t
from types import MappingProxyType

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import few, one_line

from ..kinds import OTHER
from ..models import Facts, Hosts, Totals, free_told, functions, models, short_name, totals
from .cells import WIDTH, plain, row, width

NO_FACTS = "no facts of devices: gather them with kvm.hostdev.pci_facts"
_MODELS = 4


def overview(hosts: Hosts, ages: t.Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """A title and a line for each host, in the order given: what is free, of how many, and which.

    `ages` are told of those whose facts are old, see `ages.ages`.
    """
    columns = min(40, max([4, *(width(plain(name)) for name in hosts)]))
    rest = WIDTH - columns - 33
    lines = [row(("HOST", columns), ("FREE", 11), ("HELD", -5), ("DRIFT", -5), ("WHAT IS FREE", rest))]
    for name, facts in hosts.items():
        if facts is None:
            lines.append(row((name, columns), (NO_FACTS, WIDTH - columns - 2)))
            continue
        sums = totals(facts)
        free = f"{sums.free} of {sums.functions}"
        drift = "-" if sums.drift is None else sums.drift
        which = (f"[{ages[name]} old] " if name in ages else "") + (free_told(facts) or "-")
        lines.append(row((name, columns), (free, 11), (sums.held, -5), (drift, -5), (which, rest)))
    return lines


def overview_summary(hosts: Hosts, ages: t.Mapping[str, str] = MappingProxyType({})) -> str:
    """All hosts in one line, those without facts and those with old ones by name."""
    gathered = {name: facts for name, facts in hosts.items() if facts is not None}
    sums = Totals()
    for facts in gathered.values():
        sums.add(totals(facts))
    missing = [name for name in hosts if name not in gathered]
    without = f"; no facts of {len(missing)}: {few(missing)}" if missing else ""
    old = f"; facts older than an hour of {len(ages)}: {few(list(ages))}" if ages else ""
    return one_line(f"{_hosts(len(hosts))}: {sums.told(_free_on_hosts(gathered))}{without}{old}")


def _free_on_hosts(gathered: t.Mapping[str, Facts]) -> str:
    """The models that people look for, with how many are free on how many hosts."""
    free: dict[str, int] = {}
    on: dict[str, set[str]] = {}
    names: dict[str, str] = {}
    for host, facts in gathered.items():
        for model in models(functions(facts)):
            if model.free and model.kind != OTHER:
                free[model.ids] = free.get(model.ids, 0) + len(model.free)
                on.setdefault(model.ids, set()).add(host)
                names.setdefault(model.ids, short_name(model.sample))
    told = [f"{free[ids]} x {ids}{' ' if names[ids] else ''}{names[ids]} ({_hosts(len(on[ids]))})" for ids in free]
    more = f", and {len(told) - _MODELS} models more" if len(told) > _MODELS else ""
    return ", ".join(told[:_MODELS]) + more


def _hosts(number: int) -> str:
    return "1 host" if number == 1 else f"{number} hosts"
