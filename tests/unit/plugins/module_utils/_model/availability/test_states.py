# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What OpenStack Nova's tracker gets wrong, and ours must not; and what it does not know. The rest is in its cases."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.states import (
    DeviceTracker,
    TransitionError,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.matching import (
    Guest,
    claim_requests,
    supports,
)
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import allow, device, pf, requests, vf

A, B, C, WIDE = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0", "10000:01:00.0"
PF, VF1, VF2 = "0000:06:00.0", "0000:06:10.0", "0000:06:10.2"
SRIOV = (pf(PF, VF1, VF2), vf(VF1, PF), vf(VF2, PF))

ANY = {"name": "any", "specs": [{}]}
A_PF = {"name": "pf", "specs": [{"device_type": "type-PF"}]}
A_VF = {"name": "vf", "specs": [{"device_type": "type-VF"}]}


def books(*devices, specs=({},)):
    tracker = DeviceTracker(allow(*specs))
    tracker.sync(devices)
    return tracker


def claim(tracker, owner, *wanted, **options):
    found = claim_requests(tracker, owner, requests(*wanted), **options)
    return [address for addresses in found.values() for address in addresses]


def states(tracker):
    return {one.address: one.status for one in tracker}


def free(tracker):
    return sorted(tracker.free)


# Defects of Nova's, by their numbers in its list.


def test_w1_a_failed_claim_gives_back_the_pf_of_the_vf_that_it_had_taken():
    tracker = books(*SRIOV)
    with pytest.raises(HostdevError):
        claim(tracker, "vm1", A_VF, {"name": "more", "specs": [{"vendor_id": "ffff"}]})
    assert free(tracker) == [PF, VF1, VF2]
    assert [one.request for one in tracker] == [None, None, None]


def test_w2_a_claim_of_which_a_part_is_refused_leaves_nothing_claimed():
    tracker = books(*SRIOV, device(A))
    claim(tracker, "vm1", A_VF)
    with pytest.raises(HostdevError):
        claim(tracker, "vm2", {"name": "nic", "specs": [{"device_type": "type-PCI"}]}, A_PF)
    assert states(tracker)[A] == "available"
    assert tracker.held_by("vm2") == []


def test_w3_a_freed_vf_that_is_gone_leaves_its_pf_free():
    tracker = books(*SRIOV)
    claim(tracker, "vm1", A_VF)
    assert tracker.sync([SRIOV[0], SRIOV[2]]).leaving == [VF1]
    tracker.release(VF1, "vm1")
    assert free(tracker) == [PF, VF2]


def test_w4_a_pf_and_its_vf_are_not_promised_together():
    assert not supports(books(*SRIOV), requests(A_PF, A_VF))
    assert not supports(books(*SRIOV), requests(A_VF, A_PF))
    assert supports(books(*SRIOV, pf("0000:07:00.0")), requests(A_VF, A_PF))


def test_w5_a_free_device_is_found_as_what_it_became():
    tracker = books(device(A, product_id="1533"))
    assert tracker.sync([device(A, product_id="1572", numa_node=1)]).updated == [A]
    with pytest.raises(HostdevError):
        claim(tracker, "vm1", {"name": "old", "specs": [{"product_id": "1533"}]})
    assert claim(tracker, "vm1", {"name": "new", "specs": [{"product_id": "1572", "numa_node": 1}]}) == [A]


def test_w6_a_second_claim_of_an_owner_adds_to_the_first():
    tracker = books(device(A), device(B))
    claim(tracker, "vm1", ANY)
    claim(tracker, "vm1", {**ANY, "name": "other"})
    assert [(one.address, one.request) for one in tracker.held_by("vm1")] == [(A, "any"), (B, "other")]


def test_w7_a_held_device_that_came_back_stays_when_it_is_freed():
    tracker = books(device(A))
    claim(tracker, "vm1", ANY)
    assert tracker.sync([]).leaving == [A]
    tracker.sync([device(A)])
    tracker.release(A)
    assert free(tracker) == [A]


def test_w8_what_an_owner_does_not_hold_can_not_be_freed_in_its_name():
    tracker = books(device(A))
    claim(tracker, "vm1", ANY)
    with pytest.raises(TransitionError, match="0000:01:00.0 is held by vm1, not by vm2"):
        tracker.release(A, "vm2")
    assert (states(tracker), free(tracker)) == ({A: "claimed"}, [])


# What the host does meanwhile.


def test_a_vf_that_is_made_below_a_held_pf_is_not_free():
    tracker = books(pf(PF))
    claim(tracker, "vm1", A_PF)
    tracker.sync([pf(PF, VF1), vf(VF1, PF)])
    assert states(tracker) == {PF: "claimed", VF1: "unclaimable"}
    tracker.allocate(PF, "vm1")
    assert states(tracker)[VF1] == "unavailable"


def test_a_pf_that_is_permitted_later_is_not_free_while_its_vf_is_held():
    tracker = books(SRIOV[1])
    claim(tracker, "vm1", A_VF)
    tracker.sync(SRIOV)
    assert states(tracker) == {PF: "unclaimable", VF1: "claimed", VF2: "available"}
    tracker.release(VF1)
    assert free(tracker) == [PF, VF1, VF2]


def test_a_held_device_is_what_it_was_until_it_is_freed():
    tracker = books(device(A, product_id="1533"))
    claim(tracker, "vm1", ANY)
    assert tracker.sync([device(A, product_id="1572")]).stale == [A]
    assert tracker[A].device.product_id == "1533"
    tracker.sync([device(A, product_id="1533")])  # it came back as it was
    tracker.release(A)
    assert tracker[A].device.product_id == "1533"


def test_a_held_device_that_is_no_longer_permitted_leaves_when_it_is_freed():
    tracker = DeviceTracker(allow({"product_id": "1572"}))
    tracker.adopt(device(A, product_id="1533"), "vm1", "nic")
    assert tracker.sync([device(A, product_id="1533")]).leaving == [A]
    assert states(tracker) == {A: "claimed"}
    tracker.release(A)
    assert A not in tracker


def test_what_is_permitted_no_more_once_it_changed_is_no_longer_offered():
    tracker = books(device(A, product_id="1533"), specs=[{"product_id": "1533"}])
    assert tracker.sync([device(A, product_id="1572")]).removed == [A]
    assert A not in tracker
    assert tracker.sync([device(A, product_id="1533")]).added == [A]


# The order of choice.


def test_the_lowest_address_comes_first_whatever_the_order_of_freeing():
    tracker = books(device(WIDE), device(C), device(B), device(A))
    assert claim(tracker, "vm1", {**ANY, "count": 4}) == [A, B, C, WIDE]
    for address in (WIDE, B, C, A):
        tracker.release(address)
    assert claim(tracker, "vm2", {**ANY, "count": 2}) == [A, B]


def test_devices_without_tags_come_before_tagged_ones_and_whole_devices_before_vfs():
    specs = [{"address": A, "tags": {"rack": "r1"}}, {}]
    tracker = books(device(A), *SRIOV, device("0000:09:00.0"), specs=specs)
    assert claim(tracker, "vm1", {**ANY, "count": 4}) == ["0000:09:00.0", VF1, VF2, A]


def test_nearer_devices_come_before_all_else():
    tracker = books(device(A, numa_node=1), device(B, numa_node=None), device(C, numa_node=0), *SRIOV)
    guest = Guest(frozenset({0}), {0: 0, 1: 1})
    wanted = {**ANY, "count": 3, "numa_policy": "preferred", "specs": [{"device_type": "type-PCI"}]}
    assert claim(tracker, "vm1", wanted, guest=guest) == [C, B, A]


def test_the_asker_has_the_last_word_and_what_it_refused_stays_free():
    tracker = books(device(A), device(B), device(C))
    assert claim(tracker, "vm1", ANY, admits=lambda one, _request: one.address == B) == [B]
    assert free(tracker) == [A, C]
    assert claim(tracker, "vm2", {**ANY, "count": 2}) == [A, C]


def test_a_spec_of_one_device_among_its_kind_finds_it():
    tracker = books(device(A), device(B, serial="S2"), device(C))
    assert claim(tracker, "vm1", {"name": "disk", "specs": [{"serial": "S2"}]}) == [B]
    assert free(tracker) == [A, C]
