# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of several hosts: their facts, or the pools of their records."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError, few
from ansible_collections.kvm.hostdev.plugins.module_utils._model.nearest import did_you_mean

from ..errors import wrong
from ..facts import Facts, check, kind_of, read_facts
from ..holding import free_pools
from ..plain import plain
from ..schema import FACTS


class Hosts(t.NamedTuple):
    """What is known of hosts, by their names: the facts or pools of `known` ones, and what `lacking` ones have instead,
    empty where that is nothing.
    """

    known: dict[str, Facts]
    lacking: dict[str, str]


def read_hosts(hosts: t.Any, names: t.Any = None) -> Hosts:
    """The facts or pools of each host; `names` says of which, without it of all.

    Raises HostdevError for what is no mapping of hosts, for a name that is none of them, and for facts that are none.
    """
    read = Hosts({}, {})
    for name, value in named(hosts, names).items():
        with about(name):
            found = stock_of(value)
            if isinstance(found, str):
                read.lacking[name] = found
            else:
                read.known[name] = facts_of(found)
    return read


def named(hosts: t.Any, names: t.Any = None) -> dict[str, t.Any]:
    """What is known of each host; `names` says of which, without it of all.

    Raises HostdevError for what is no mapping of hosts, and for a name that is none of them.
    """
    if not isinstance(hosts, t.Mapping) or _of_one_host(hosts):
        remedy = "give hostvars, or the facts of each host in a mapping"
        raise wrong("the hosts", f"found {kind_of(hosts)}", "what is known of each host, by its name", remedy)
    chosen = list(hosts) if names is None else plain(names, "hosts")
    if not isinstance(chosen, list):
        raise wrong("hosts", f"found {kind_of(chosen)}", "a list of names", "give groups['GROUP']")
    read = {}
    for name in chosen:
        if isinstance(name, (list, dict)) or name not in hosts:
            remedy = did_you_mean(str(name), list(map(str, hosts)))
            raise wrong("hosts", f"found {name!r}", "names of hosts that something is known of", remedy)
        read[str(name)] = hosts[name]
    return read


@contextlib.contextmanager
def about(host: str) -> t.Iterator[None]:
    """A HostdevError in it says of which host it is."""
    try:
        yield
    except HostdevError as error:
        raise error.but(subject=f"{host}: {error.subject}") from error


def stock_of(value: t.Any) -> t.Any:
    """What of a host tells its devices or pools: facts that were gathered, else local facts of the record, else a list
    of pools; a text that says what there is instead where neither does, empty where that is nothing.
    """
    if value is None:
        return ""
    if isinstance(value, t.Mapping):
        value = value.get("ansible_facts", value)
        local = value.get("ansible_local") if isinstance(value, t.Mapping) else None
        places = (value, _within(value, "hostdev"), _within(local, "hostdev"))
        found = next((place for place in places if _has_stock(place)), None)
        return _instead(places[1] or places[2]) if found is None else found
    return _pools_in(value)


def facts_of(stock: t.Any) -> Facts:
    """The facts in what tells of a host's stock. Raises HostdevError for what is none."""
    if isinstance(stock, t.Mapping) and "devices" in stock:
        return read_facts(stock)
    return Facts({"pools": _checked_pools(_pools_in(stock))}, whole=False)


def _pools_in(stock: t.Any) -> list[dict[str, t.Any]]:
    """Raises HostdevError for what is no list of pools."""
    pools = plain(stock["pools"] if isinstance(stock, t.Mapping) else stock)
    if not isinstance(pools, list) or not all(isinstance(pool, dict) and "count" in pool for pool in pools):
        remedy = "gather devices or pools with kvm.hostdev.pci_facts"
        raise wrong("the facts", f"found {kind_of(pools)}", "those of its devices, or its pools", remedy)
    return pools


def _instead(gathered: t.Any) -> str:
    """What there is of a host in place of its devices and pools."""
    if not gathered:
        return ""
    return f"{few(sorted(map(str, gathered)))} alone" if isinstance(gathered, t.Mapping) else kind_of(gathered)


def _of_one_host(facts: t.Mapping[str, t.Any]) -> bool:
    """Whether they are facts, and no hosts with theirs."""
    return any(key in facts for key in ("ansible_facts", "hostdev", "devices", "pools"))


def _within(value: t.Any, key: str) -> t.Any:
    return value.get(key) if isinstance(value, t.Mapping) else None


def _has_stock(value: t.Any) -> bool:
    return isinstance(value, t.Mapping) and ("devices" in value or "pools" in value)


def _checked_pools(pools: list[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    check({"pools": pools}, FACTS, "the facts")
    for pool in pools:
        if pool["count"] < 0:
            raise wrong("a pool: its count", f"found {pool['count']!r}", "how many devices it has", "gather it again")
    return pools


def pools_of(value: t.Any) -> list[dict[str, t.Any]]:
    """The pools of a host, of its devices where it has none, with the `node` that each is on where facts of the host
    tell its nodes. Raises HostdevError where it tells neither.
    """
    stock = stock_of(value)
    if isinstance(stock, str):
        error = value.get("msg") if isinstance(value, t.Mapping) else None
        found = f"found {stock}" if stock else str(error or "it was not gathered")
        raise wrong("neither its devices nor pools are known", found)
    facts = facts_of({"pools": stock["pools"]} if isinstance(stock, t.Mapping) and "pools" in stock else stock)
    pools = facts.parts["pools"] if "pools" in facts.parts else free_pools(facts)
    nodes = _within(_within(stock, "host"), "numa_nodes")
    only = _within(nodes[0], "id") if isinstance(nodes, list) and len(nodes) == 1 else None
    only = only if isinstance(only, int) else None
    return [{**pool, **_place(pool, nodes, only)} for pool in pools]


def _place(pool: t.Mapping[str, t.Any], nodes: t.Any, only: t.Any) -> dict[str, t.Any]:
    node = pool.get("numa_node")
    on = {"node": only if node is None else node} if isinstance(nodes, list) else {}
    return {"pcie_switches": tuple(pool.get("pcie_switches") or ()), **on}


def held_there(value: t.Any, owner: t.Any) -> bool | None:
    """Whether an owner, by its name or UUID, has a claim on a host; None where its claims are not known."""
    facts = value.get("ansible_facts", value) if isinstance(value, t.Mapping) else None
    places = (facts, _within(facts, "hostdev"), _within(_within(facts, "ansible_local"), "hostdev"))
    told = [claims for claims in (_within(place, "claims") for place in places) if isinstance(claims, list)]
    if not told or owner is None:
        return None
    holders = [_within(claim, "owner") for claims in told for claim in claims]
    names = {str(_within(holder, key)) for holder in holders for key in ("label", "id")}
    return str(owner) in names or str(owner).lower() in names
