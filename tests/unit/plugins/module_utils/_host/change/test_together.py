# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Devices that belong together, from the claim to the next run, to drift and to the reconcile."""

from __future__ import annotations

import json

from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.drift import drift
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.two_domains import refused

NVME, OTHER, VF = "0000:04:00.0", "0000:81:00.0", "0000:01:10.0"
DISKS = {"name": "disks", "specs": [{"address": NVME}, {"address": OTHER}], "count": 2}
DISK = {**DISKS, "name": "disk", "count": 1}
NIC = {"name": "nic", "specs": [{"product_id": "10ca"}]}
BESIDE = {"requests": ["disk", "nic"], "match": "pcie_root"}
APART = {"requests": ["disks"], "distinct": "pcie_root"}


def held(host):
    (claim,) = host.record["claims"]
    return {device["address"]: device["request"] for device in claim["devices"]}


def drift_of(host):
    return drift(Snapshot(host.system.inventory(), host.file.read().tracker))


def broken(host):
    """The host with a constraint on record that its disks do not meet, as after a move of cards."""
    host.claim(DISKS, NIC)
    record = host.record
    record["claims"][0]["constraints"] = [{"requests": ["disks"], "match": "pcie_root"}]
    host.write("/etc/ansible/facts.d/hostdev.fact", json.dumps(record))
    return host


def test_the_disk_beside_the_nic_is_taken_and_stays(lab_host):
    foretold = lab_host.claim(DISK, NIC, constraints=[BESIDE], check_mode=True)
    assert list(foretold.plans[0].after.holdings) == [VF, NVME]
    lab_host.claim(DISK, NIC, constraints=[BESIDE])
    assert held(lab_host) == {VF: "nic", NVME: "disk"}
    assert lab_host.record["claims"][0]["constraints"] == [BESIDE]
    before = lab_host.kept_state()
    again = lab_host.claim(DISK, NIC, constraints=[BESIDE])
    assert (again.changed, again.complete) == (False, True)
    assert lab_host.kept_state() == before
    assert drift_of(lab_host) == []


def test_without_the_constraint_the_disk_alone_on_its_root_is_taken(lab_host):
    lab_host.claim(DISK, NIC)
    assert held(lab_host) == {VF: "nic", OTHER: "disk"}


def test_what_can_not_be_together_changes_nothing(lab_host):
    error = refused(lab_host.claim, DISKS, NIC, constraints=[{**APART, "requests": ["disks", "nic"]}])
    assert (error.code, error.subject) == ("constraint_unmet", "disks, nic")
    assert error.details["constraints"] == [{"requests": ["disks", "nic"], "distinct": "pcie_root"}]
    assert "of 3 pairs of devices at most 2" in error.found
    assert lab_host.kernel.log == []
    assert not (lab_host.root / "etc/ansible").exists()


def test_a_held_disk_that_is_in_the_way_goes_where_it_may(lab_host):
    lab_host.claim(DISK)
    assert held(lab_host) == {OTHER: "disk"}
    error = refused(lab_host.claim, DISK, NIC, constraints=[BESIDE])
    assert (error.code, OTHER in error.subject) == ("held_device_mismatch", True)
    lab_host.claim(DISK, NIC, constraints=[BESIDE], replace_misfits=True)
    assert held(lab_host) == {VF: "nic", NVME: "disk"}
    assert lab_host.kernel.driver(OTHER) == "nvme"


def test_of_fewer_disks_the_one_beside_the_nic_stays(lab_host):
    lab_host.claim(DISKS, NIC)
    lab_host.claim({**DISKS, "count": 1}, NIC, constraints=[{"requests": ["disks", "nic"], "match": "pcie_root"}])
    assert held(lab_host) == {VF: "nic", NVME: "disks"}


def test_a_wish_that_is_met_is_told(lab_host):
    outcome = lab_host.claim(DISK, NIC, prefer=[BESIDE, {"requests": ["disk", "nic"], "match": "socket"}])
    (told,) = outcome.together.values()
    assert held(lab_host) == {VF: "nic", NVME: "disk"}
    assert [(wish["met"], wish["of"]) for wish in told.met] == [(1, 1), (0, 1)]


def test_a_second_choice_is_told(lab_host):
    wanted = {"name": "disk", "first_available": [[{"serial": "gone"}], [{"address": NVME}]]}
    (told,) = lab_host.claim(wanted).together.values()
    assert told.alternative == {"disk": 1}


def test_a_broken_constraint_is_drift_and_fails_the_reconcile_alone(lab_host):
    host = broken(lab_host)
    (entry,) = drift_of(host)
    assert (entry["code"], entry["address"]) == ("constraint_unmet", NVME)
    assert "the devices of disks match in pcie_root" in entry["detail"]
    outcome = host.flow().reconcile()
    assert [(one.address, one.error.code) for one in outcome.failed] == [(NVME, "constraint_unmet")]
    assert held(host) == {VF: "nic", NVME: "disks", OTHER: "disks"}


def test_a_broken_constraint_of_other_requests_keeps_no_claim_from_its_work(lab_host):
    host = broken(lab_host)
    host.claim({**NIC, "count": 2})
    assert sorted(held(host).values()) == ["disks", "disks", "nic", "nic"]
    host.claim(DISKS)  # names all that the constraint is about, and does not repeat it
    assert drift_of(host) == []
