# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.cards.identity import moved_devices
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.drift import drift as differences
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import DB, DPDK, WEB, claim, device, holding, inventory

A, B, C = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"


def held(address, **fields):
    return holding(address, identity=device(address, **fields).identity)


def test_a_card_is_found_again_by_its_serial_in_another_slot():
    tracker = Tracker([claim(WEB, held(A, serial="S1"))])
    host = inventory(device(C, serial="S1"), device(B, serial="S2"))
    assert {address: str(moved) for address, moved in moved_devices(host, tracker).items()} == {
        C: f"{WEB} claimed it at {A}"
    }


def test_a_card_without_a_serial_is_found_by_its_path_when_buses_are_numbered_anew():
    tracker = Tracker([claim(WEB, held(A, stable_path="0000_00_01.0-00_00.0"))])
    host = inventory(device(B, stable_path="0000_00_01.0-00_00.0"), device(C, stable_path="0000_00_02.0-00_00.0"))
    assert list(moved_devices(host, tracker)) == [B]


def test_another_card_with_other_ids_in_the_same_slot_is_not_taken_for_it():
    tracker = Tracker([claim(WEB, held(A, stable_path="p"))])
    assert moved_devices(inventory(device(B, product_id="ffff", stable_path="p")), tracker) == {}


def test_a_device_that_is_where_it_was_has_not_moved():
    tracker = Tracker([claim(WEB, held(A, serial="S1"))])
    assert moved_devices(inventory(device(A, serial="S1")), tracker) == {}


def test_what_another_owner_holds_is_never_taken_for_a_lost_device():
    tracker = Tracker([claim(WEB, held(A, serial="S1")), claim(DB, held(C, serial="S1"))])
    assert moved_devices(inventory(device(C, serial="S1")), tracker) == {}


def test_a_moved_device_is_kept_for_its_owner_and_drift_says_where_it_is():
    tracker = Tracker([claim(DPDK, held(A, serial="S1"))])
    host = inventory(device(A, product_id="ffff"), device(C, serial="S1"))
    statuses = Statuses(host, tracker)
    assert [(blocker.code, blocker.address) for blocker in statuses.blockers(C)] == [("moved", C)]
    assert statuses.claimable(C) is False
    assert [(blocker.code, blocker.detail) for blocker in statuses.blockers(A)] == [
        ("identity_changed", "held by owner dpdk0, but product_id is ffff, claimed was 10d3")
    ]
    drift = [
        (difference["code"], difference["address"], difference["detail"])
        for difference in differences(Snapshot(host, tracker))
    ]
    assert drift == [
        ("moved", A, f"the device is at {C} now"),
        ("identity_changed", A, "product_id is ffff, claimed was 10d3"),
    ]


def test_a_mate_of_a_device_that_an_owner_holds_is_blocked_for_others():
    tracker = Tracker([claim(DPDK, holding(A))])
    host = inventory(device(A, driver="vfio-pci"), device(B, iommu_group=1))
    assert [(blocker.code, blocker.detail) for blocker in Statuses(host, tracker).blockers(B)] == [
        ("group_used_by_domain", "held by owner dpdk0")
    ]
