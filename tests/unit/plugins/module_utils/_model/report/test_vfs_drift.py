# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Drift of VFs that were made."""

from __future__ import annotations

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.made_vfs import MadeVfs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.drift import drift
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.state import PfState
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import inventory, pf, vf

PF, OTHER, VF = "0000:01:00.0", "0000:02:00.0", "0000:01:10.0"


def differences(*devices, identity=None, number=1):
    made = MadeVfs(PF, identity or pf(PF).identity, PfState(number), PfState(0))
    tracker = Tracker(made_vfs=[made])
    return [
        (entry["code"], entry["address"], entry["owner"]) for entry in drift(Snapshot(inventory(*devices), tracker))
    ]


def test_as_many_as_were_made_are_no_drift():
    assert differences(pf(PF, VF), vf(VF, PF)) == []


def test_vfs_that_are_gone_are_told_of_their_pf():
    assert differences(pf(PF)) == [("vfs_differ", PF, None)]


def test_a_card_that_was_pulled_out_is_told():
    assert differences() == [("removed", PF, None)]


def test_a_card_of_another_serial_at_the_address_is_another():
    identity = {**pf(PF).identity, "serial": "A1"}
    assert differences(pf(PF, serial="B2"), identity=identity) == [("removed", PF, None)]


def test_a_card_that_moved_is_found_by_its_serial():
    identity = {**pf(PF).identity, "serial": "A1"}
    moved = pf(OTHER, serial="A1", stable_path=pf(PF).stable_path)
    assert differences(moved, identity=identity) == [("moved", PF, None), ("vfs_differ", OTHER, None)]


def test_a_card_that_moved_is_found_though_one_of_its_model_came_to_its_address():
    """Bridges were numbered anew, and cards without a serial have nothing but their paths."""
    assert differences(
        pf(PF, stable_path="0000_00_09.0-00_00.0"), pf(OTHER, VF, stable_path=pf(PF).stable_path), vf(VF, OTHER)
    ) == [("moved", PF, None)]


def test_a_card_that_moved_is_found_by_its_path_where_it_has_no_serial():
    moved = pf(OTHER, VF, stable_path=pf(PF).stable_path)
    assert differences(moved, vf(VF, OTHER)) == [("moved", PF, None)]
