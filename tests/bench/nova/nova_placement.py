# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenStack Nova's choice of a host: nova_placement.py HOSTS ROUNDS prints orders and seconds by request as JSON.

Runs in Nova's own virtual environment: its host states, its PciPassthroughFilter and its PCIWeigher, as its scheduler
calls them for each instance. Placement has one allocation candidate for each host, and knows of no PCI device.
"""

from __future__ import annotations

import os

os.environ["OS_NOVA_DISABLE_EVENTLET_PATCHING"] = "1"

import json
import logging
import statistics
import sys
import time
import uuid
from typing import Any

from fleet import ALIASES, ASKED, Asked, fleet
from nova import objects
from nova.conf import CONF
from nova.pci import request as pci_request
from nova.scheduler import weights
from nova.scheduler.filters.pci_passthrough_filter import PciPassthroughFilter
from nova.scheduler.host_manager import HostState
from nova.scheduler.weights.pci import PCIWeigher

logging.disable(logging.CRITICAL)

# Of each of the two NUMA nodes of a host; the memory in MiB.
_CPUS, _MEMORY = 32, 256 * 1024
_PAGES = (4, 2048, 1024 * 1024)  # KiB


class Scheduler:
    """The states of the hosts, and what is asked of them."""

    def __init__(self, computes: list[Any]) -> None:
        self.states = []
        for compute in computes:
            state = HostState(compute.host, compute.hypervisor_hostname, str(uuid.uuid4()))
            state.update(compute, {}, [], {})
            self.states.append(state)

    def ready(self) -> None:
        """Give each host its allocation candidate, which a filter takes away where it fails."""
        for state in self.states:
            state.allocation_candidates = [{"allocations": {}, "mappings": {"": [state.uuid]}}]

    def order(self, spec: Any, cells: list[Any]) -> list[str]:
        """The hosts that serve it, best first.

        The filter looks at no NUMA node. With cells of the guest the pools are asked once more, as the
        NUMATopologyFilter does it; what else that does is left out.
        """
        passed = list(PciPassthroughFilter().filter_all(self.states, spec))
        if cells:
            requests = spec.pci_requests.requests
            passed = [state for state in passed if state.pci_stats.support_requests(requests, {}, cells)]
        weighed = weights.HostWeightHandler().get_weighed_objects([PCIWeigher()], passed, spec)
        return [host.obj.host for host in weighed]


def _spec(asked: Asked) -> Any:
    """As the API makes it of a flavor."""
    aliases = {"pci_passthrough:alias": ",".join(f"{alias}:{count}" for alias, count in asked.counts.items())}
    policy = "legacy" if asked.node is None else "required"
    requests = pci_request.get_pci_requests_from_flavor(objects.Flavor(extra_specs=aliases), affinity_policy=policy)
    return objects.RequestSpec(instance_uuid=str(uuid.uuid4()), pci_requests=requests, scheduler_hints={})


def _compute(host: str, free: list[dict[str, Any]] | None, topology: str | None) -> Any:
    """A compute node as the database gives it; one that nothing is known of has not been updated yet."""
    pools = [_pool(entry) for entry in free or ()]
    return objects.ComputeNode(
        uuid=str(uuid.uuid5(uuid.NAMESPACE_DNS, host)),
        host=host,
        hypervisor_hostname=host,
        hypervisor_type="QEMU",
        hypervisor_version=10_000_000,
        vcpus=2 * _CPUS,
        vcpus_used=0,
        memory_mb=2 * _MEMORY,
        memory_mb_used=0,
        free_ram_mb=2 * _MEMORY,
        local_gb=1_000,
        local_gb_used=0,
        free_disk_gb=None if free is None else 1_000,
        disk_available_least=None,
        cpu_info="",
        metrics="[]",
        stats={},
        host_ip="192.0.2.1",
        numa_topology=topology,
        supported_hv_specs=[],
        pci_device_pools=objects.PciDevicePoolList(objects=[objects.PciDevicePool.from_dict(pool) for pool in pools]),
        cpu_allocation_ratio=1.0,
        ram_allocation_ratio=1.0,
        disk_allocation_ratio=1.0,
        updated_at=None,
    )


def _pool(entry: dict[str, Any]) -> dict[str, Any]:
    """As a compute node reports it, see PciDeviceStats._create_pool_keys_from_dev."""
    pool = {key: entry[key] for key in ("vendor_id", "product_id", "numa_node", "count", "address")}
    pool["dev_type"] = entry["device_type"]
    if entry["device_type"] == "type-VF":
        pool["remote_managed"] = "false"
    return pool


def _node(number: int) -> Any:
    """A node of the host as the libvirt driver reports it, with two threads to a core."""
    cpus = set(range(number * _CPUS, (number + 1) * _CPUS))
    return objects.NUMACell(
        id=number,
        cpuset=cpus,
        pcpuset=cpus,
        memory=_MEMORY,
        cpu_usage=0,
        memory_usage=0,
        pinned_cpus=set(),
        siblings=[{cpu, cpu + 1} for cpu in sorted(cpus)[::2]],
        mempages=[objects.NUMAPagesTopology(size_kb=size, total=_MEMORY * 1024 // size, used=0) for size in _PAGES],
        network_metadata=objects.NetworkMetadata(physnets=set(), tunneled=False),
        socket=number,
    )


def main() -> None:
    """Measure, on hosts as libvirt reports them, and on such without a NUMA topology."""
    hosts, rounds = map(int, sys.argv[1:])
    topology = objects.NUMATopology(cells=[_node(0), _node(1)])._to_json()
    told = {name: _measured(fleet(hosts), rounds, text) for name, text in (("as_reported", topology), ("bare", None))}
    print(json.dumps(told))


def _measured(free: dict[str, Any], rounds: int, topology: str | None) -> dict[str, Any]:
    """Processor seconds for the states, and by request with the order that came out."""
    computes = [_compute(host, pools, topology) for host, pools in free.items()]
    begun = time.process_time()
    scheduler = Scheduler(computes)
    states = time.process_time() - begun
    requests = {}
    for name, asked in ASKED.items():
        cells = [] if asked.node is None else [objects.InstanceNUMACell(id=asked.node)]
        seconds = []
        for _round in range(rounds):
            scheduler.ready()
            begun = time.process_time()
            order = scheduler.order(_spec(asked), cells)
            seconds.append(time.process_time() - begun)
        requests[name] = {"seconds": statistics.median(seconds), "order": order}
    return {"states": states, "requests": requests}


CONF([], project="nova", default_config_files=[])
objects.register_all()
CONF.set_override(
    "alias",
    [
        json.dumps({"name": name, "vendor_id": vendor, "product_id": product, "device_type": kind})
        for name, (vendor, product, _class, kind) in ALIASES.items()
    ],
    group="pci",
)
main()
