# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.kinds import make_plan
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.partial import left_with_guest
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.plan import Change
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import WEB, claim, device, domain, holding, inventory

A, B, C = "0000:01:00.0", "0000:02:00.0", "0000:02:00.1"
DEVICES = inventory(*(device(address, driver="vfio-pci") for address in (A, B, C)))
XML = domain_xml(*(hostdev_xml(address, managed=True) for address in (A, B)))
HELD = claim(WEB, holding(A), holding(B), holding(C, None))


def plan(operation="release", after=None):
    after = Claim(WEB) if after is None else after
    return make_plan(Snapshot(DEVICES, Tracker([HELD]), (domain(XML, XML),)), Change(operation, HELD, after))


def eased_at(whole_plan, number):
    """The plan without its step of this number."""
    return left_with_guest(whole_plan, whole_plan.steps[number], DEVICES)


def held(whole_plan):
    return {address: (holding.request, holding.attach) for address, holding in whole_plan.after.holdings.items()}


def test_the_device_stays_held_live_and_goes_no_further_than_out_of_the_definition():
    eased = eased_at(plan(), 0)
    assert [str(step) for step in eased.steps] == [
        f"detach {B}, live of domain web1",
        f"detach {A}, config of domain web1",
        f"detach {B}, config of domain web1",
        f"driver of {B}: vfio-pci -> e1000e",
        f"driver of {C}: vfio-pci -> e1000e",
    ]
    assert held(eased) == {A: ("nic", ("live",))}
    assert eased.after.requests["nic"].count == 1
    assert eased.before == HELD


def test_its_group_mates_stay_bound_with_it():
    eased = eased_at(plan(), 1)
    assert [str(step) for step in eased.steps][-1] == f"driver of {A}: vfio-pci -> e1000e"
    assert held(eased) == {B: ("nic", ("live",)), C: (None, ())}


def test_a_second_one_stays_as_well():
    eased = eased_at(eased_at(plan(), 0), 0)
    assert [str(step) for step in eased.steps] == [
        f"detach {A}, config of domain web1",
        f"detach {B}, config of domain web1",
    ]
    assert eased.after.requests["nic"].count == 2


def test_a_claim_keeps_the_count_that_it_was_asked_for_so_that_the_next_one_gives_back_the_rest():
    smaller = claim(WEB, holding(B), holding(C, None))
    eased = eased_at(plan("claim", smaller), 0)
    assert set(eased.after.holdings) == {A, B, C}
    assert eased.after.requests["nic"].count == 1
