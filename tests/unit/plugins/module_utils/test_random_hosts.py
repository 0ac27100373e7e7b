# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is true of the facts of any host, on random ones; KVM_HOSTDEV_EXAMPLES sets how many, each time others."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import typing as t
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.system import System
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.record.schema import Record
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.filters import Filters
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import parse_device_specs
from ansible_collections.kvm.hostdev.plugins.module_utils._module.gathering import FactsWish, gather
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import DPDK, WEB, claim, holding
from ansible_collections.kvm.hostdev.tests.unit.helpers.random_hosts import Function, RandomHost, hosts
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import expand

_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
_ASKED = os.environ.get("KVM_HOSTDEV_EXAMPLES")

some = settings(
    max_examples=int(_ASKED or 50),
    derandomize=_ASKED is None,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@contextlib.contextmanager
def laid_out(host: RandomHost) -> t.Iterator[Tree]:
    with tempfile.TemporaryDirectory(dir=_MEMORY, prefix="kvm.hostdev-unit-") as folder:
        expand(host.entries, Path(folder))
        yield Tree(folder)


def facts_of(host: RandomHost, record: Record | None = None, **wish: t.Any) -> dict[str, t.Any]:
    with laid_out(host) as tree:
        facts, warnings = gather(System(tree), None, "not there", record or Record(), FactsWish(**wish))
    assert warnings == []
    assert json.loads(json.dumps(facts)) == facts
    return facts


def may_keep_its_driver(function: Function, kernel: tuple[int, int]) -> bool:
    """The kernel's rule for a member of a group that goes to a guest, drivers/iommu/iommu.c and before drivers/vfio."""
    if function.driver in (None, "pci-stub") or function.vfio:
        return True
    return function.driver == "pcieport" if kernel >= (5, 19) else function.header_type != 0


@some
@given(hosts())
def test_facts_of_any_host(host):
    facts = facts_of(host)
    devices = {device["address"]: device for device in facts["devices"]}

    assert [device["address"] for device in facts["devices"]] == [function.address for function in host.present]
    assert {address: device["iommu_group"] for address, device in devices.items()} == {
        function.address: function.group for function in host.present
    }
    assert [device["driver"] for device in facts["devices"]] == [function.driver for function in host.present]

    groups: dict[int, list[Function]] = {}
    for function in host.present:
        if function.group is not None:
            groups.setdefault(function.group, []).append(function)
    assert facts["iommu_groups"] == [
        {
            "id": group,
            "devices": [member.address for member in groups[group]],
            "viable": all(may_keep_its_driver(member, host.kernel) for member in groups[group]),
        }
        for group in sorted(groups)
    ]

    for function in host.present:
        device = devices[function.address]
        assert device["status"] == "available"
        assert device["claimable"] is (device["blockers"] == [])
        if function.header_type or function.group is None or function.virtual_functions:
            assert not device["claimable"], function
        mates = [mate.address for mate in groups.get(function.group, ()) if mate is not function]
        assert set(mates) | {vf for vf in function.virtual_functions if vf != function.address} <= set(
            device["affected"]
        )
        if mates:
            assert not device["claimable"] or all(
                devices[mate]["header_type"] or devices[mate]["class"].startswith(("0600", "0601")) for mate in mates
            )
        assert function.address not in device["affected"]
    assert sum(pool["count"] for pool in facts["pools"]) == sum(device["claimable"] for device in devices.values())

    named = []
    pending = list(facts["tree"])
    while pending:
        node = pending.pop()
        named.append(node["name"])
        pending.extend(node["children"])
    assert sorted(named) == sorted(device["name"] for device in devices.values())


@some
@given(hosts(), st.data())
def test_facts_of_any_host_with_claims(host, data):
    vfs = [vf for function in host.present for vf in function.virtual_functions]
    places = st.sampled_from([*(function.address for function in host.present), *vfs, "0000:ee:00.0"])
    held = data.draw(st.lists(places, max_size=3, unique=True))
    tracker = Tracker(claim(owner, holding(address)) for owner, address in zip((WEB, DPDK), held))

    facts = facts_of(host, Record(tracker))

    for device in facts["devices"]:
        holders = [held_claim.owner.id for held_claim in tracker if device["address"] in held_claim.holdings]
        assert [device["owner"]["id"]] == holders if holders else device["owner"] is None
        assert (device["status"] == "claimed") is bool(holders)
        assert device["claimable"] is (device["status"] == "available" and device["blockers"] == [])
    reported = {difference["address"] for difference in facts["drift"]}
    assert reported >= {address for held_claim in tracker for address in held_claim.holdings} - {
        f.address for f in host.present
    }


@some
@given(hosts(), st.data())
def test_filters_on_any_host(host, data):
    names = [function.address for function in host.present]
    wanted = data.draw(
        st.one_of(
            st.fixed_dictionaries({"affected_by": st.sampled_from([*names, "0000:ee:00.0", "nonsense", ""])}),
            st.fixed_dictionaries(
                {
                    "capability": st.lists(st.sampled_from(("pci", "net", "usb", "virt_functions", "nonsense"))).map(
                        tuple
                    ),
                    "passthrough": st.booleans(),
                    "available": st.booleans(),
                    "specs": st.none() | st.lists(_SPECS).map(lambda specs: parse_device_specs(specs, "specs")),
                }
            ),
        )
    )
    everything = {device["address"]: device for device in facts_of(host)["devices"]}
    unknown = wanted["affected_by"] not in names if "affected_by" in wanted else "nonsense" in wanted["capability"]
    with pytest.raises(HostdevError) if unknown else contextlib.nullcontext():
        devices = facts_of(host, filters=Filters(**wanted))["devices"]
    if unknown:
        return
    functions = [device for device in devices if device["capability"] == "pci"]
    assert all(everything[device["address"]] == device for device in functions)
    if wanted.get("available") and wanted.get("capability") in ((), ("pci",)):
        assert all(device["status"] == "available" for device in functions)


_SPECS = st.fixed_dictionaries(
    {},
    optional={
        "vendor_id": st.sampled_from(("8086", "0000")),
        "class": st.sampled_from(("02", "0604", "000000")),
        "numa_node": st.integers(0, 1),
        "device_type": st.sampled_from(("type-PCI", "type-PF", "type-VF")),
    },
)
