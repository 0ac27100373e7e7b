# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random hosts and random histories of one: what must be true of record and states after each run."""

from __future__ import annotations

import os
import typing as t

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import Request, parse_requests
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.allow_list import AllowList
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import parse_device_specs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.nearness import Guest
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device, pf, vf
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import host as made_host
from ansible_collections.kvm.hostdev.tests.unit.helpers.record_through_runs import RecordThroughRuns, domain

OWNERS = ("vm1", "vm2", "vm3")
HELD = {"claimed", "allocated"}


def make_host() -> dict[str, t.Any]:
    """Two PFs with VFs, a PF without, and plain devices on two nodes and on none, one in a wide domain."""
    devices = []
    for bus in ("06", "07"):
        vfs = [f"0000:{bus}:10.{function}" for function in (0, 2, 4)]
        devices.append(pf(f"0000:{bus}:00.0", numa_node=int(bus) - 6))
        devices.extend(vf(address, f"0000:{bus}:00.0", numa_node=int(bus) - 6) for address in vfs)
    devices.append(pf("0000:08:00.0", numa_node=None))
    devices.append(device("0000:01:00.0", numa_node=0))
    devices.append(device("0000:02:00.0", numa_node=1))
    devices.append(device("10000:01:00.0", numa_node=None, iommu_group=99))
    return {function.address: function for function in devices}


ADDRESSES = sorted(make_host())

REQUESTS = st.lists(
    st.fixed_dictionaries(
        {
            "specs": st.lists(
                st.sampled_from(
                    [
                        {"vendor_id": "8086"},
                        {"product_id": "10ca"},
                        {"device_type": "type-PF"},
                        {"device_type": "type-VF"},
                        {"device_type": "type-PCI"},
                        {"address": "0000:06:10.2"},
                        {"tags": {"rack": "r1"}},
                    ]
                ),
                min_size=1,
                max_size=2,
            ),
            "count": st.integers(1, 3),
            "numa_policy": st.sampled_from(["legacy", "required", "preferred", "socket"]),
        }
    ),
    min_size=1,
    max_size=3,
)
GUESTS = st.sampled_from(
    [
        Guest(),
        Guest(frozenset({0}), {0: 0, 1: 0}),
        Guest(frozenset({1}), {0: 0, 1: 1}),
        Guest(frozenset({0}), {0: None}),
    ]
)
SPECS = st.sampled_from(
    [
        [{}],
        [{"device_type": "type-VF"}, {"device_type": "type-PCI"}],
        [{"address": "0000:06:00.0", "tags": {"rack": "r1"}}, {"vendor_id": "8086"}],
        [{"vendor_id": "8086", "one_time_use": True, "device_type": "type-PCI"}, {"vendor_id": "8086"}],
    ]
)


def parse(wanted: list[dict[str, t.Any]], run: int) -> tuple[Request, ...]:
    return parse_requests([{"name": f"r{run}.{number}", **request} for number, request in enumerate(wanted)], {})


class History(RuleBasedStateMachine):
    """One host's life through runs of the modules.

    `owned` tells who must hold what, `used` the products of devices for one-time use that wait to be cleaned, both kept
    apart from the record.
    """

    @initialize(specs=SPECS)
    def begin(self, specs: list[dict[str, t.Any]]) -> None:
        allow_list = AllowList(parse_device_specs(specs, "device_spec"))
        self.runs = RecordThroughRuns(made_host(), allow_list, make_host().values())
        self.owned: dict[str, str] = {}
        self.used: dict[str, str] = {}
        self.for_one_use: dict[str, str] = {}
        self.made = 0

    def record(self) -> list[dict[str, t.Any]]:
        return sorted((claim.as_dict() for claim in self.runs.tracker), key=lambda claim: str(claim["owner"]["id"]))

    def states(self) -> dict[str, str]:
        statuses = self.runs.statuses()
        return {address: statuses.status(address) for address in self.runs.devices}

    # What happens.

    @rule(address=st.sampled_from(ADDRESSES))
    def unplug(self, address: str) -> None:
        self.runs.devices.pop(address, None)

    @rule(address=st.sampled_from(ADDRESSES), product=st.sampled_from([None, "1533"]))
    def replug(self, address: str, product: str | None) -> None:
        original = make_host()[address]
        self.runs.devices[address] = original if product is None else original._replace(product_id=product)

    @rule(owner=st.sampled_from(OWNERS), wanted=REQUESTS, guest=GUESTS)
    def claim(self, owner: str, wanted: list[dict[str, t.Any]], guest: Guest) -> None:
        self.made += 1
        requests = parse(wanted, self.made)
        before, states = self.record(), self.states()
        possible = self.runs.supports(requests, guest)
        assert self.record() == before, "a question changed the record"
        if not possible:
            with pytest.raises(HostdevError, match="free of"):
                self.runs.claim(owner, requests, guest)
            assert self.record() == before, "a failed claim changed the record"
            return
        self.runs.claim(owner, requests, guest)
        claim = self.runs.tracker.claim_of(domain(owner))
        taken = [address for request in requests for address in claim.serving(request.name)]
        assert len(set(taken)) == len(taken) == sum(request.count for request in requests)
        assert not set(taken) & self.owned.keys()
        assert {states[address] for address in taken} == {"available"}
        for request in requests:
            for address in claim.serving(request.name):
                device = self.runs.devices[address]
                tags = self.runs.allow_list.tags_of(device)
                assert tags is not None
                assert any(spec.fits_kind(device) and spec.demands(tags) for spec in request.specs)
                asked = {spec.device_type for spec in request.specs}
                assert device.device_type != "type-PF" or "type-PF" in asked
                assert request.numa_policy != "required" or not guest.cells or device.numa_node in guest.cells
        self.owned.update(dict.fromkeys(taken, owner))
        for address in taken:
            device = self.runs.devices[address]
            self.used.pop(address, None)
            if (self.runs.allow_list.tags_of(device) or {}).get("one_time_use") == "true":
                self.for_one_use[address] = device.product_id

    def freed(self, addresses: t.Iterable[str]) -> None:
        for address in list(addresses):
            del self.owned[address]
            if address in self.for_one_use:
                self.used[address] = self.for_one_use.pop(address)

    @rule(owner=st.sampled_from(OWNERS))
    def attach(self, owner: str) -> None:
        self.runs.attach(owner)

    @rule(owner=st.sampled_from(OWNERS))
    def release(self, owner: str) -> None:
        self.runs.release(owner)
        self.freed(address for address, holder in self.owned.items() if holder == owner)

    @rule(address=st.sampled_from(ADDRESSES))
    def clean(self, address: str) -> None:
        self.runs.tracker.waiting.pop(address, None)
        self.used.pop(address, None)

    @rule(owner=st.sampled_from(OWNERS), address=st.sampled_from(ADDRESSES))
    def release_one(self, owner: str, address: str) -> None:
        before = self.record()
        self.runs.release(owner, [address])
        if self.owned.get(address) == owner:
            self.freed([address])
        else:
            assert self.record() == before, "a release of what the owner does not hold changed the record"

    @rule()
    def restart(self) -> None:
        before, states = self.record(), self.states()
        self.runs.restart()
        assert (self.record(), self.states()) == (before, states)

    # What must be true.

    @invariant()
    def owners_are_those_that_were_told(self) -> None:
        assert self.runs.held() == self.owned

    @invariant()
    def a_state_follows_from_who_holds_the_device_or_a_relative(self) -> None:
        states = self.states()
        for address, function in self.runs.devices.items():
            held = {
                states[other.address]
                for other in self.runs.devices.values()
                if address == other.physical_function or other.address == function.physical_function
            } & HELD
            if address in self.owned:
                wanted = "allocated" if address in self.runs.in_use else "claimed"
            elif self.used.get(address) == function.product_id:
                wanted = "needs_cleaning"
            else:
                wanted = "unavailable" if "allocated" in held else "unclaimable" if held else "available"
            assert states[address] == wanted

    @invariant()
    def a_pf_and_its_vf_are_never_both_given(self) -> None:
        for address in self.owned:
            device = self.runs.devices.get(address)
            assert device is None or device.physical_function not in self.owned


def test_the_books_agree_with_themselves_and_with_the_host_whatever_happens() -> None:
    examples = int(os.environ.get("KVM_HOSTDEV_EXAMPLES", "150"))
    random = "KVM_HOSTDEV_EXAMPLES" in os.environ
    run_state_machine_as_test(
        History,
        settings=settings(max_examples=examples, stateful_step_count=30, deadline=None, derandomize=not random),
    )
