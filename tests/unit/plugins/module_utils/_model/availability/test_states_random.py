# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Random hosts and random histories of one: what must be true of the tracker's books after each step."""

from __future__ import annotations

import os
import typing as t

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.states import (
    DeviceTracker,
    TransitionError,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.allow_list import AllowList
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.device_spec import parse_device_specs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import Request, parse_requests
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.matching import (
    Guest,
    claim_requests,
    supports,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device, pf, vf

OWNERS = ("vm1", "vm2", "vm3")
HELD = {"claimed", "allocated"}
BLOCKED = {"unclaimable", "unavailable"}


def make_host() -> dict[str, t.Any]:
    """Two PFs with VFs, a PF without, and plain devices on two nodes and on none, one in a wide domain."""
    found = []
    for bus in ("06", "07"):
        vfs = [f"0000:{bus}:10.{function}" for function in (0, 2, 4)]
        found.append(pf(f"0000:{bus}:00.0", *vfs, numa_node=int(bus) - 6))
        found.extend(vf(one, f"0000:{bus}:00.0", numa_node=int(bus) - 6) for one in vfs)
    found.append(pf("0000:08:00.0", numa_node=None))
    found.append(device("0000:01:00.0", numa_node=0))
    found.append(device("0000:02:00.0", numa_node=1))
    found.append(device("10000:01:00.0", numa_node=None))
    return {one.address: one for one in found}


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


def parse(wanted: list[dict[str, t.Any]]) -> tuple[Request, ...]:
    return parse_requests([{"name": f"r{number}", **one} for number, one in enumerate(wanted)], {})


class History(RuleBasedStateMachine):
    """One host's life. `host` is what is plugged in, `owned` who must hold what, both kept apart from the tracker."""

    @initialize(specs=SPECS)
    def begin(self, specs: list[dict[str, t.Any]]) -> None:
        self.allow_list = AllowList(parse_device_specs(specs, "device_spec"))
        self.host = make_host()
        self.owned: dict[str, str] = {}
        self.tracker = self.new_tracker()

    def new_tracker(self) -> DeviceTracker:
        tracker = DeviceTracker(self.allow_list)
        tracker.sync(self.host.values())
        return tracker

    def snapshot(self) -> dict[str, tuple[t.Any, ...]]:
        found = {
            one.address: (one.status, one.owner, one.request, one.address in self.tracker.free) for one in self.tracker
        }
        assert sum(1 for _address in self.tracker.free) == len(self.tracker.free)
        return found

    # What happens.

    @rule()
    def sync(self) -> None:
        self.tracker.sync(self.host.values())

    @rule(address=st.sampled_from(ADDRESSES))
    def unplug(self, address: str) -> None:
        self.host.pop(address, None)
        self.tracker.sync(self.host.values())

    @rule(address=st.sampled_from(ADDRESSES), product=st.sampled_from([None, "1533"]))
    def replug(self, address: str, product: str | None) -> None:
        found = make_host()[address]
        self.host[address] = found if product is None else found._replace(product_id=product)
        self.tracker.sync(self.host.values())

    @rule(owner=st.sampled_from(OWNERS), wanted=REQUESTS, guest=GUESTS)
    def claim(self, owner: str, wanted: list[dict[str, t.Any]], guest: Guest) -> None:
        requests = parse(wanted)
        before = self.snapshot()
        possible = supports(self.tracker, requests, guest=guest)
        assert self.snapshot() == before, "a question changed the books"
        if not possible:
            with pytest.raises(HostdevError, match="free of"):
                claim_requests(self.tracker, owner, requests, guest=guest)
            assert self.snapshot() == before, "a failed claim changed the books"
            return
        found = claim_requests(self.tracker, owner, requests, guest=guest)
        taken = [address for addresses in found.values() for address in addresses]
        assert len(set(taken)) == len(taken) == sum(request.count for request in requests)
        assert not set(taken) & self.owned.keys()
        for request in requests:
            for address in found[request.name]:
                one = self.tracker[address]
                assert any(spec.fits_kind(one.device) and spec.demands(one.tags) for spec in request.specs)
                asked = {spec.device_type for spec in request.specs}
                assert one.device.device_type != "type-PF" or "type-PF" in asked
                assert request.numa_policy != "required" or not guest.cells or one.device.numa_node in guest.cells
        self.owned.update(dict.fromkeys(taken, owner))

    @rule(owner=st.sampled_from(OWNERS))
    def allocate(self, owner: str) -> None:
        for one in self.tracker.held_by(owner):
            if one.status == "claimed":
                self.tracker.allocate(one.address, owner)

    @rule(owner=st.sampled_from(OWNERS))
    def free(self, owner: str) -> None:
        for one in self.tracker.held_by(owner):
            self.tracker.release(one.address, owner)
        self.owned = {address: holder for address, holder in self.owned.items() if holder != owner}

    @rule(
        address=st.sampled_from(ADDRESSES),
        owner=st.sampled_from(OWNERS),
        what=st.sampled_from(["claim", "allocate", "release", "remove"]),
    )
    def one_device(self, address: str, owner: str, what: str) -> None:
        before = self.snapshot()
        held = self.owned.get(address)
        try:
            if what == "claim":
                self.tracker.claim(address, owner)
            elif what == "allocate":
                self.tracker.allocate(address, owner)
            elif what == "release":
                self.tracker.release(address, owner)
            else:
                self.tracker.remove(address)
        except TransitionError:
            assert self.snapshot() == before, "a refused transition changed the books"
            return
        if what in ("claim", "allocate"):
            assert held in (None, owner)
            self.owned[address] = owner
        elif what == "release":
            assert self.owned.pop(address) == owner
        else:
            assert held is None
            self.tracker.sync(self.host.values())

    @rule()
    def restart(self) -> None:
        old = self.tracker
        self.tracker = DeviceTracker(self.allow_list)
        for one in old:
            if one.owner is not None:
                self.tracker.adopt(one.device, one.owner, one.request, allocated=one.status == "allocated")
        self.tracker.sync(self.host.values())
        for one in old:
            again = self.tracker[one.address]
            assert (again.owner, again.request) == (one.owner, one.request)
            assert (again.status == one.status) or {again.status, one.status} <= BLOCKED
            assert (one.address in self.tracker.free) == (one.address in old.free)

    # What must be true.

    @invariant()
    def owners_are_those_that_were_told(self) -> None:
        assert {one.address: one.owner for one in self.tracker if one.owner is not None} == self.owned
        by_owner = {one.address: owner for owner in self.tracker.owners for one in self.tracker.held_by(owner)}
        assert by_owner == self.owned
        assert all((one.status in HELD) == (one.owner is not None) for one in self.tracker)

    @invariant()
    def a_pf_and_its_vf_are_never_both_given(self) -> None:
        for one in self.tracker:
            above = one.device.physical_function
            if one.status in HELD and above in self.tracker:
                assert self.tracker[above].status in BLOCKED
            if above in self.tracker and self.tracker[above].status in HELD:
                assert one.status in BLOCKED

    @invariant()
    def what_is_available_is_free_in_one_kind(self) -> None:
        kinds = [address for kind in self.tracker.free.kinds for address in kind.free]
        assert len(kinds) == len(set(kinds))
        assert set(kinds) == set(self.tracker.free)
        assert set(kinds) == {one.address for one in self.tracker if one.status == "available"}
        for kind in self.tracker.free.kinds:
            for address in kind.free:
                assert self.tracker[address].device.product_id == kind.sample.product_id

    @invariant()
    def what_nobody_holds_is_blocked_only_by_a_relative(self) -> None:
        for one in self.tracker:
            relatives = [
                other
                for other in self.tracker
                if one.address == other.device.physical_function or other.address == one.device.physical_function
            ]
            in_use = any(other.status in HELD for other in relatives)
            if one.status not in HELD:
                assert (one.status in BLOCKED) == in_use

    @invariant()
    def all_that_is_permitted_is_in_the_books(self) -> None:
        permitted = {address for address, one in self.host.items() if self.allow_list.entry_of(one) is not None}
        assert permitted <= {one.address for one in self.tracker}

    @invariant()
    def free_devices_are_as_the_host_shows_them(self) -> None:
        for one in self.tracker:
            if one.owner is None:
                assert self.host.get(one.address) == one.device


def test_the_books_agree_with_themselves_and_with_the_host_whatever_happens() -> None:
    examples = int(os.environ.get("KVM_HOSTDEV_EXAMPLES", "150"))
    random = "KVM_HOSTDEV_EXAMPLES" in os.environ
    run_state_machine_as_test(
        History,
        settings=settings(max_examples=examples, stateful_step_count=30, deadline=None, derandomize=not random),
    )
