# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""States of devices and the order of choice; what Nova's tracker gets wrong. More is in its cases."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.address import address_order
from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.states import (
    DeviceStates,
    TransitionError,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.matching import fitting
from ansible_collections.kvm.hostdev.plugins.module_utils._model.selection.nearness import ANYWHERE, Guest
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import PERMIT_ALL, allow, device, host, pf, requests, vf
from ansible_collections.kvm.hostdev.tests.unit.helpers.record_through_runs import RecordThroughRuns

A, B, C, WIDE = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0", "10000:01:00.0"
PF, VF1, VF2 = "0000:06:00.0", "0000:06:10.0", "0000:06:10.2"
# VFs whose PF has given away the number of them: then the PF itself may be claimed.
SRIOV = (pf(PF), vf(VF1, PF), vf(VF2, PF))

ANY = {"name": "any", "specs": [{}]}
A_PF = {"name": "pf", "specs": [{"device_type": "type-PF"}]}
A_VF = {"name": "vf", "specs": [{"device_type": "type-VF"}]}


def runs(*devices, specs=({},)):
    return RecordThroughRuns(host(), allow(*specs), devices)


def claim(through, owner, *wanted, guest=ANYWHERE):
    return through.claim(owner, requests(*wanted), guest)


def states(through):
    statuses = through.statuses()
    return {address: statuses.status(address) for address in through.devices}


def free(through):
    return [address for address, state in sorted(states(through).items()) if state == "available"]


def chosen(devices, wanted, guest=ANYWHERE, specs=({},)):
    """The devices that fit, best first, as many as are wanted."""
    (request,) = requests(wanted)
    fit = fitting(DeviceStates(allow(*specs), devices), request, guest)
    return [address for _rank, _order, address in sorted((rank, address_order(it), it) for it, rank in fit)][
        : request.count
    ]


# Defects of Nova's, by their numbers in its list.


def test_w1_a_failed_claim_gives_back_the_pf_of_the_vf_that_it_had_taken():
    through = runs(*SRIOV)
    with pytest.raises(HostdevError):
        claim(through, "vm1", A_VF, {"name": "more", "specs": [{"vendor_id": "ffff"}]})
    assert free(through) == [PF, VF1, VF2]
    assert through.held() == {}


def test_w2_a_claim_of_which_a_part_is_refused_leaves_nothing_claimed():
    through = runs(*SRIOV, device(A))
    claim(through, "vm1", A_VF)
    with pytest.raises(HostdevError):
        claim(through, "vm2", {"name": "nic", "specs": [{"device_type": "type-PCI"}]}, A_PF)
    assert states(through)[A] == "available"
    assert through.held() == {VF1: "vm1"}


def test_w3_a_freed_vf_that_is_gone_leaves_its_pf_free():
    through = runs(*SRIOV)
    claim(through, "vm1", A_VF)
    del through.devices[VF1]
    assert states(through) == {PF: "available", VF2: "available"}
    through.release("vm1")
    assert free(through) == [PF, VF2]


def test_w4_a_pf_and_its_vf_are_not_promised_together():
    for wanted in ([A_PF, A_VF], [A_VF, A_PF]):
        assert not runs(*SRIOV).supports(requests(*wanted), ANYWHERE)
    assert runs(*SRIOV, pf("0000:07:00.0")).supports(requests(A_VF, A_PF), ANYWHERE)


def test_w5_a_free_device_is_found_as_what_it_became():
    through = runs(device(A, product_id="1533"))
    through.devices[A] = device(A, product_id="1572", numa_node=1)
    with pytest.raises(HostdevError):
        claim(through, "vm1", {"name": "old", "specs": [{"product_id": "1533"}]})
    assert claim(through, "vm1", {"name": "new", "specs": [{"product_id": "1572", "numa_node": 1}]}) == [A]


def test_w6_a_second_claim_of_an_owner_adds_to_the_first():
    through = runs(device(A), device(B))
    claim(through, "vm1", ANY)
    claim(through, "vm1", {**ANY, "name": "other"})
    (owned,) = through.tracker
    assert [(address, held.request) for address, held in owned.holdings.items()] == [(A, "any"), (B, "other")]


def test_w7_a_held_device_that_came_back_stays_when_it_is_freed():
    through = runs(device(A))
    claim(through, "vm1", ANY)
    gone = through.devices.pop(A)
    assert free(through) == []
    through.devices[A] = gone
    assert states(through) == {A: "claimed"}
    through.release("vm1")
    assert free(through) == [A]


def test_w8_what_an_owner_does_not_hold_can_not_be_freed_in_its_name():
    through = runs(device(A))
    claim(through, "vm1", ANY)
    through.release("vm2", [A])
    assert states(through) == {A: "claimed"}


# The states of a PF and its VFs.


def test_a_vf_that_is_made_below_a_held_pf_is_not_free():
    through = runs(pf(PF))
    claim(through, "vm1", A_PF)
    through.devices[VF1] = vf(VF1, PF)
    assert states(through) == {PF: "claimed", VF1: "unclaimable"}
    through.attach("vm1")
    assert states(through) == {PF: "allocated", VF1: "unavailable"}


def test_a_pf_stays_in_use_while_one_of_its_vfs_is_whatever_becomes_of_another():
    through = runs(*SRIOV)
    claim(through, "vm1", A_VF)
    through.attach("vm1")
    claim(through, "vm2", A_VF)
    assert states(through) == {PF: "unavailable", VF1: "allocated", VF2: "claimed"}
    through.release("vm1")
    assert states(through) == {PF: "unclaimable", VF1: "available", VF2: "claimed"}


def test_a_pf_that_is_permitted_later_is_not_free_while_its_vf_is_held():
    through = runs(*SRIOV, specs=[{"device_type": "type-VF"}])
    claim(through, "vm1", A_VF)
    through.allow_list = PERMIT_ALL
    with pytest.raises(HostdevError):
        claim(through, "vm2", A_PF)
    through.release("vm1")
    assert claim(through, "vm2", A_PF) == [PF]


def test_what_is_held_though_it_is_not_permitted_keeps_its_relatives_from_others():
    states_now = DeviceStates(allow({"device_type": "type-VF"}), SRIOV)
    states_now.adopt(SRIOV[0], "vm1")
    assert [states_now[address].status for address in (PF, VF1, VF2)] == ["claimed", "unclaimable", "unclaimable"]
    assert len(states_now.free) == 0


@pytest.mark.parametrize(
    ("held", "wanted", "code"),
    [(PF, VF1, "pf_in_use"), (VF1, PF, "vf_in_use"), (VF1, VF1, "invalid_status")],
)
def test_who_contradicts_what_is_held_already_is_refused_and_changes_nothing(held, wanted, code):
    states_now = DeviceStates(PERMIT_ALL, SRIOV)
    states_now.claim(held, "vm1")
    before = [states_now[function.address].status for function in SRIOV]
    with pytest.raises(TransitionError) as refused:
        states_now.claim(wanted, "vm2")
    assert refused.value.code == code
    assert [states_now[function.address].status for function in SRIOV] == before
    assert states_now[held].owner == "vm1"


# The order of choice.


def test_the_lowest_address_comes_first():
    assert chosen([device(WIDE), device(C), device(B), device(A)], {**ANY, "count": 4}) == [A, B, C, WIDE]


def test_devices_without_tags_come_before_tagged_ones_and_whole_devices_before_vfs():
    specs = [{"address": A, "tags": {"rack": "r1"}}, {}]
    wanted = {**ANY, "count": 4}
    assert chosen([device(A), *SRIOV, device("0000:09:00.0")], wanted, specs=specs) == ["0000:09:00.0", VF1, VF2, A]


def test_nearer_devices_come_before_all_else():
    devices = [device(A, numa_node=1), device(B, numa_node=None), device(C, numa_node=0), *SRIOV]
    wanted = {**ANY, "count": 3, "numa_policy": "preferred", "specs": [{"device_type": "type-PCI"}]}
    assert chosen(devices, wanted, Guest(frozenset({0}), {0: 0, 1: 1})) == [C, B, A]


def test_a_spec_of_one_device_among_its_kind_finds_it():
    devices = [device(A), device(B, serial="S2"), device(C)]
    assert chosen(devices, {"name": "disk", "specs": [{"serial": "S2"}]}) == [B]
