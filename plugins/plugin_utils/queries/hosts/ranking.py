# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many devices a claim could take on each of several hosts, by their facts or by the pools of their records."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import few
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import Request
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.allow_list import AllowList

from ..errors import wrong
from ..fitting import Functions, criteria_of, inventory_of, pci_device, read_specs
from ..holding import claimable

if t.TYPE_CHECKING:
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import PciDevice
    from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import DeviceSpec

    from ..facts import Facts

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
