# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our choice of a host: python3 -m tests.bench.nova.our_placement HOSTS ROUNDS prints orders and seconds as JSON.

Measured are the engine on pools as they are once facts have been read, which Nova's host states are too, and the whole
filter on what is known of each host as hostvars have it. Both read the requests, and begin anew each time.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.kvm.hostdev.plugins.filter.place import FilterModule
from ansible_collections.kvm.hostdev.plugins.module_utils._model.placement.asked import asked
from ansible_collections.kvm.hostdev.plugins.module_utils._model.placement.placing import NO_FACTS, place
from ansible_collections.kvm.hostdev.plugins.module_utils._model.placement.unserved import Reason
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.constraints import parse_constraints
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import parse_requests

from .fleet import ALIASES, ASKED, GPU, Asked, fleet

# What Nova can't be asked for.
_BELOW_ONE_SWITCH = "a GPU and 2 VFs below one switch"
_FILTER = FilterModule().filters()["place"]
# What the facts tell beside, of a pool of GPUs and of any other.
_OF_GPUS = {"memory": 64 << 30, "link_speed": 16.0, "link_width": 16, "total_vfs": 0, "iommu_group_size": 1}
_OF_OTHERS = {"memory": 32 << 20, "link_speed": 16.0, "link_width": 4, "total_vfs": 0, "iommu_group_size": 1}

Pools = list[dict[str, Any]]


def main() -> None:
    """Measure."""
    hosts, rounds = map(int, sys.argv[1:])
    known = {host: None if free is None else _pools(free) for host, free in fleet(hosts).items()}
    hostvars = {host: {"ansible_facts": _facts(pools)} for host, pools in known.items()}
    read = {host: None if pools is None else _read(pools) for host, pools in known.items()}
    told = {}
    for name, wanted in {**ASKED, _BELOW_ONE_SWITCH: ASKED["a GPU and 2 VFs"]}.items():
        options = _options(wanted)
        if name == _BELOW_ONE_SWITCH:
            options["constraints"] = [{"requests": list(wanted.counts), "match": "pcie_switch"}]
        engine, order = _median(rounds, lambda options=options: _engine(read, options))
        whole, answer = _median(rounds, lambda options=options: _FILTER(hostvars, **options))
        if order != answer["order"]:
            raise SystemExit(f"{name}: the filter orders hosts otherwise than the engine")
        told[name] = {"engine": engine, "filter": whole, "order": order}
    print(json.dumps(told))


def _engine(hosts: Mapping[str, Pools | None], options: Mapping[str, Any]) -> list[str]:
    requests = parse_requests(options["requests"], {})
    constraints = parse_constraints(options.get("constraints"), "constraints")
    without = {host: Reason(NO_FACTS, "") for host, pools in hosts.items() if pools is None}
    wanted = asked(requests, None, constraints, (), options["numa_cells"] or ())
    return list(place(hosts, wanted, refused=without).order)


def _read(pools: Pools) -> Pools:
    """As the filter gives them to the engine."""
    return [{**pool, "pcie_switches": tuple(pool["pcie_switches"])} for pool in pools]


def _options(wanted: Asked) -> dict[str, Any]:
    """As a playbook writes them."""
    policy = {} if wanted.node is None else {"numa_policy": "required"}
    requests = []
    for alias, count in wanted.counts.items():
        vendor, product, _class, kind = ALIASES[alias]
        spec = {"vendor_id": vendor, "product_id": product, "device_type": kind}
        requests.append({"name": alias, "count": count, "specs": [spec], **policy})
    return {"requests": requests, "numa_cells": None if wanted.node is None else [wanted.node]}


def _pools(free: Pools) -> Pools:
    """As pci_facts tells them: those in one place that look the same are one pool, whole devices without address."""
    pools: dict[tuple[Any, ...], dict[str, Any]] = {}
    for entry in free:
        pool = {key: value for key, value in entry.items() if key not in ("address", "count")}
        pool["physical_function"] = entry["address"] if entry["device_type"] == "type-VF" else None
        of_kind = _OF_GPUS if entry["vendor_id"] == GPU[0] else _OF_OTHERS
        same = pools.setdefault((*map(str, pool.values()),), {**pool, **of_kind, "count": 0})
        same["count"] += entry["count"]
    return list(pools.values())


def _facts(pools: Pools | None) -> dict[str, Any]:
    return {} if pools is None else {"hostdev": {"pools": pools}}


def _median(rounds: int, work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds, and what came out."""
    seconds = []
    for _round in range(rounds):
        begun = time.process_time()
        answer = work()
        seconds.append(time.process_time() - begun)
    return statistics.median(seconds), answer


if __name__ == "__main__":
    main()
