# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many devices a claim could take on each of several hosts, by their facts or by the pools of their records."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError, few
from ansible_collections.kvm.hostdev.plugins.module_utils._model.nearest import did_you_mean
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import Request
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.allow_list import AllowList

from .errors import wrong
from .facts import Facts, check, kind_of, read_facts
from .fitting import Functions, criteria_of, inventory_of, pci_device, read_specs
from .holding import claimable
from .plain import plain
from .schema import FACTS

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import PciDevice
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import DeviceSpec

HOST, NUMA_NODE = "host", "numa_node"
PLACES = (HOST, NUMA_NODE)
_OF_POOLS = ("vendor_id", "product_id", "class", "device_type", "numa_node")


class Wanted(t.NamedTuple):
    """What is looked for: `request` without any spec is for every device, `permitted` is None without an allow list."""

    request: Request
    permitted: tuple[DeviceSpec, ...] | None

    @property
    def specs(self) -> tuple[DeviceSpec, ...]:
        return (*self.request.specs, *(self.permitted or ()))


class Supply(t.NamedTuple):
    """What a host has of it: how many are free in each place; `not_asked_for` fit and are free, but a claim would take
    them only by another spec; `there` fit, free or not, None where only pools are known.
    """

    places: list[int]
    not_asked_for: int
    there: int | None


def read_wanted(specs: t.Any, count: int, device_spec: t.Any) -> Wanted:
    """Raises HostdevError for specs that can't be read, and for tags that nothing gives to devices."""
    read = read_specs(specs)
    if device_spec is not None:
        return Wanted(Request("wanted", count, read), read_specs(device_spec, "device_spec"))
    for number, spec in enumerate(read):
        if spec.tags:
            tag = next(iter(spec.tags))
            remedy = "give device_spec, the allow list, which gives devices their tags"
            raise wrong(f"specs[{number}].{tag}", "found a tag, which no facts tell", "specs without tags", remedy)
    return Wanted(Request("wanted", count, read), None)


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
    if not isinstance(hosts, t.Mapping) or _of_one_host(hosts):
        remedy = "give hostvars, or the facts of each host in a mapping"
        raise wrong("the hosts", f"found {kind_of(hosts)}", "what is known of each host, by its name", remedy)
    chosen = list(hosts) if names is None else plain(names, "hosts")
    if not isinstance(chosen, list):
        raise wrong("hosts", f"found {kind_of(chosen)}", "a list of names", "give groups['GROUP']")
    read = Hosts({}, {})
    for name in chosen:
        if isinstance(name, (list, dict)) or name not in hosts:
            remedy = did_you_mean(str(name), list(map(str, hosts)))
            raise wrong("hosts", f"found {name!r}", "names of hosts that something is known of", remedy)
        with about(str(name)):
            found = _found_of(hosts[name])
            if isinstance(found, str):
                read.lacking[str(name)] = found
            else:
                read.known[str(name)] = found
    return read


@contextlib.contextmanager
def about(host: str) -> t.Iterator[None]:
    """A HostdevError in it says of which host it is."""
    try:
        yield
    except HostdevError as error:
        raise error.but(subject=f"{host}: {error.subject}") from error


def _found_of(value: t.Any) -> Facts | str:
    """The facts that were gathered, else what local facts have of the record, else what there is instead of both."""
    if value is None:
        return ""
    if isinstance(value, t.Mapping):
        value = value.get("ansible_facts", value)
        local = value.get("ansible_local") if isinstance(value, t.Mapping) else None
        places = (value, _within(value, "hostdev"), _within(local, "hostdev"))
        value = next((place for place in places if _has_stock(place)), None)
        if value is None:
            return _instead(places[1] or places[2])
    if isinstance(value, t.Mapping) and "devices" in value:
        return read_facts(value)
    pools = plain(value["pools"] if isinstance(value, t.Mapping) else value)
    if not isinstance(pools, list) or not all(isinstance(pool, dict) and "count" in pool for pool in pools):
        remedy = "gather devices or pools with kvm.hostdev.pci_facts"
        raise wrong("the facts", f"found {kind_of(pools)}", "those of its devices, or its pools", remedy)
    return Facts({"pools": _checked_pools(pools)}, whole=False)


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
    for pool in pools:
        check(pool, FACTS["pools"][0], "a pool")
    return pools


def supply(facts: Facts, wanted: Wanted, per: str = HOST) -> Supply:
    """How many of the host's free devices a claim with these specs could take."""
    request, allow_list, there = _ready(facts, wanted)
    fitting = [stock for stock in there if _fits(request, allow_list, stock.device)]
    free = [stock for stock in fitting if stock.free]
    taken = [stock for stock in free if not request.specs or request.wants(stock.device, allow_list)]
    number = sum(stock.free for stock in taken)
    places = [number] if per == HOST else _per_node(taken)
    return Supply(
        places, sum(stock.free for stock in free) - number, len(fitting) if "devices" in facts.parts else None
    )


class _Stock(t.NamedTuple):
    """A device or a pool, with how many of it are free."""

    device: PciDevice
    free: int


def _ready(facts: Facts, wanted: Wanted) -> tuple[Request, AllowList, list[_Stock]]:
    """The request and the allow list, ready to be matched, and what the host has."""
    if "devices" not in facts.parts:
        for spec in wanted.specs:
            _check_told_by_pools(spec)
        # A PF that is free has no VFs, see pf_has_vfs.
        pools = facts.parts["pools"]
        kinds = [pci_device(pool)._replace(address=f"pool {number}") for number, pool in enumerate(pools)]
        stocks = [_Stock(kind, int(pool["count"])) for kind, pool in zip(kinds, pools)]
        return wanted.request.resolved(inventory_of(kinds)), AllowList(wanted.permitted), stocks
    functions = Functions(facts)
    functions.resolved(wanted.specs)  # refuses what the facts can't tell
    devices = functions.inventory.devices
    stocks = [_Stock(devices[address], int(claimable(device))) for address, device in functions.facts.items()]
    request = wanted.request.resolved(functions.inventory)
    return request, AllowList(wanted.permitted).resolved(functions.inventory), stocks


def _check_told_by_pools(spec: DeviceSpec) -> None:
    beyond = [criterion for criterion in criteria_of(spec) if criterion not in _OF_POOLS]
    if beyond:
        remedy = "give the facts of the hosts with their devices"
        raise wrong(few(beyond), "found pools alone, which do not tell it", f"some of {', '.join(_OF_POOLS)}", remedy)


def _fits(request: Request, allow_list: AllowList, device: PciDevice) -> bool:
    """Whether the allow list permits the device and one of the specs fits, whatever a claim has to ask for."""
    tags = allow_list.tags_of(device)
    kind = device.device_type
    return tags is not None and (
        not request.specs or any(spec.matches(device) and spec.demands(tags, kind) for spec in request.specs)
    )


def _per_node(taken: t.Sequence[_Stock]) -> list[int]:
    """How many on each NUMA node; those of unknown node are on one where no device has another."""
    nodes: dict[int | None, int] = {}
    for stock in taken:
        nodes[stock.device.numa_node] = nodes.get(stock.device.numa_node, 0) + stock.free
    return list(nodes.values()) if set(nodes) == {None} else [nodes[node] for node in nodes if node is not None]
