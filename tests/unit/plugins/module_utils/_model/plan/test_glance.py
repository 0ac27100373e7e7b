# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a glance tells; that it is never wrong where it says so, tests/unit/conftest.py holds in every test."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guest.domain import Domain, parse_layout
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.vf_state import VfState
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.glance import at_rest
from ansible_collections.kvm.hostdev.plugins.module_utils._model.plan.plan import CLAIM, RELEASE, Change
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.elements import hostdev_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_libvirt import UUID, domain_xml
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import WEB, device, holding, inventory, requests, vf

A, B = "0000:01:00.0", "0000:01:00.1"
PF, VF1, VF2 = "0000:02:00.0", "0000:02:10.0", "0000:02:10.2"
NIC = {"name": "nic", "count": 1, "specs": [{"vendor_id": "8086"}]}


def bound(make, *arguments, **fields):
    return make(*arguments, driver="vfio-pci", **fields)


def rest(*devices, there=None, operation=CLAIM, request=None, after=None, states=None, identity=None, **fields):
    """Whether all is as it shall be for a claim of these devices, of which the domain has those `there`."""
    there = [function.address for function in devices] if there is None else there
    names = {parsed_request.name: parsed_request for parsed_request in requests(request or NIC)}
    held = {
        function.address: replace(holding(function.address, "nic"), identity=identity or function.identity)
        for function in devices
    }
    before = Claim(WEB, names, held)
    layout = parse_layout(domain_xml(*(hostdev_xml(address, managed=True) for address in there)))
    snapshot = Snapshot(
        inventory(*devices), Tracker([before]), (Domain("web1", UUID, layout, layout),), vf_states=states or {}
    )
    return at_rest(snapshot, Change(operation, before, after(before) if after else before, **fields))


def test_bound_devices_that_the_domain_has_are_at_rest():
    assert rest(bound(device, A))
    assert rest(bound(vf, VF1, PF), bound(vf, VF2, PF))


@pytest.mark.parametrize(
    "case",
    [
        {"there": []},
        {"operation": RELEASE},
        {"free_root_ports": 1},
        {"request": {**NIC, "rom": {"bar": False}}},
        {"states": {A: VfState(PF, 0, {})}},
        {"after": lambda claim: Claim(claim.owner)},
    ],
    ids=lambda case: next(iter(case)),
)
def test_what_differs_or_is_asked_for_needs_a_closer_look(case):
    assert not rest(bound(device, A), **case)


def test_so_do_a_device_of_the_host_and_functions_of_one_slot():
    assert not rest(device(A))
    assert not rest(bound(device, A), bound(device, B))


def test_so_does_a_place_with_another_device_in_it():
    assert not rest(bound(device, A), identity={"product_id": "ffff"})
