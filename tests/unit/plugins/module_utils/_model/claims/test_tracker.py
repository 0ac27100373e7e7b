# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.claim import Claim, Holding, Owner
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Binding
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import (
    DB,
    DPDK,
    WEB,
    claim,
    device,
    holding,
    inventory,
    pf,
    use,
    vf,
)

PF, VF1, VF2 = "0000:01:00.0", "0000:01:10.0", "0000:01:10.2"
NIC = "0000:03:00.0"


def status(tracker, **uses):
    host = inventory(pf(PF, VF1, VF2), vf(VF1, PF), vf(VF2, PF), device(NIC), domain_uses=uses.get("domain_uses"))
    statuses = Statuses(host, tracker)
    return {address: statuses.status(address) for address in host.devices}


def test_what_nobody_holds_is_available():
    assert status(Tracker()) == {PF: "available", VF1: "available", VF2: "available", NIC: "available"}


def test_a_held_device_is_claimed_and_allocated_once_its_owner_has_it():
    tracker = Tracker([claim(WEB, holding(NIC))])
    assert status(tracker)[NIC] == "claimed"
    assert status(tracker, domain_uses={NIC: [use(WEB)]})[NIC] == "allocated"


def test_another_domains_use_does_not_make_it_allocated():
    tracker = Tracker([claim(WEB, holding(NIC))])
    assert status(tracker, domain_uses={NIC: [use(DB)]})[NIC] == "claimed"


def test_a_claimed_pf_makes_its_vfs_unclaimable_and_an_allocated_one_unavailable():
    tracker = Tracker([claim(WEB, holding(PF))])
    assert status(tracker) == {PF: "claimed", VF1: "unclaimable", VF2: "unclaimable", NIC: "available"}
    assert status(tracker, domain_uses={PF: [use(WEB)]}) == {
        PF: "allocated",
        VF1: "unavailable",
        VF2: "unavailable",
        NIC: "available",
    }


def test_a_claimed_vf_makes_its_pf_unclaimable_and_leaves_the_other_vfs_alone():
    tracker = Tracker([claim(WEB, holding(VF1))])
    assert status(tracker) == {PF: "unclaimable", VF1: "claimed", VF2: "available", NIC: "available"}


def test_one_allocated_vf_makes_its_pf_unavailable():
    tracker = Tracker([claim(WEB, holding(VF1)), claim(DB, holding(VF2))])
    statuses = status(tracker, domain_uses={VF2: [use(DB)]})
    assert statuses == {PF: "unavailable", VF1: "claimed", VF2: "allocated", NIC: "available"}


def test_the_holder_of_a_device_is_found():
    mine, theirs = claim(WEB, holding(NIC)), claim(DPDK, holding(VF1))
    tracker = Tracker([mine, theirs])
    assert tracker.holder(NIC) is mine
    assert tracker.holder(VF1) is theirs
    assert tracker.holder(PF) is None


def test_a_claim_that_is_put_replaces_the_owners_former_one():
    tracker = Tracker([claim(WEB, holding(NIC), holding(VF1))])
    tracker.put(claim(WEB, holding(VF1), holding(VF2)))
    assert tracker.holder(NIC) is None
    assert [list(held_claim.holdings) for held_claim in tracker] == [[VF1, VF2]]
    assert tracker.holder(VF2) is tracker.holder(VF1)


def test_an_empty_claim_is_forgotten():
    tracker = Tracker([claim(WEB, holding(NIC))])
    tracker.put(Claim(WEB))
    assert list(tracker) == []
    assert tracker.holder(NIC) is None


def test_a_claim_with_a_request_that_has_no_device_yet_is_kept():
    tracker = Tracker([claim(WEB, requests={"nic": {"name": "nic", "count": 1, "specs": [{"class": "02"}]}})])
    assert len(list(tracker)) == 1


def test_two_owners_can_not_hold_one_device_and_nothing_is_changed_by_the_attempt():
    mine = claim(WEB, holding(NIC))
    tracker = Tracker([mine, claim(DB, holding(VF1))])
    with pytest.raises(ValueError, match="0000:03:00.0 is held by domain web1"):
        tracker.put(claim(DB, holding(VF2), holding(NIC)))
    assert tracker.holder(NIC) is mine
    assert tracker.holder(VF2) is None
    assert list(tracker.claim_of(DB).holdings) == [VF1]


def test_an_owner_without_a_claim_has_an_empty_one():
    assert Tracker().claim_of(WEB) == Claim(WEB)


def test_a_domain_keeps_its_claim_when_it_is_renamed():
    tracker = Tracker([claim(WEB, holding(NIC))])
    renamed = Owner("domain", WEB.id, "web2")
    assert tracker.claim_of(renamed).owner.label == "web2"
    assert list(tracker.claim_of(renamed).holdings) == [NIC]


def test_a_domain_and_a_free_owner_of_the_same_name_are_two():
    named = Owner("name", WEB.id, WEB.id)
    tracker = Tracker([claim(WEB, holding(NIC))])
    assert tracker.claim_of(named).holdings == {}
    with pytest.raises(ValueError, match="is held by domain web1"):
        tracker.put(claim(named, holding(NIC)))


def test_owners_are_printed_with_what_tells_them_apart():
    assert str(WEB) == "domain web1 (6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02)"
    assert str(DPDK) == "owner dpdk0"


def test_a_claim_survives_the_way_through_json():
    whole = claim(
        WEB,
        Holding(
            VF2,
            "nic",
            {"vendor_id": "8086", "serial": None},
            Binding("igbvf", None),
            attach=("config", "live"),
        ),
        Holding(NIC, None, {"vendor_id": "8086", "serial": "s"}, Binding(None, "pci-stub"), adopted=True),
    )
    assert Claim.from_dict(json.loads(json.dumps(whole.as_dict()))) == whole


def test_the_recorded_form_of_a_claim():
    whole = claim(
        WEB,
        Holding(NIC, None, {"serial": "s"}, Binding("nvme", None)),
        Holding(VF2, "nic", {"serial": None}, Binding("igbvf", None), attach=("config",)),
        requests={"nic": {"name": "nic", "count": 1, "specs": [{"class": "02"}]}},
    )
    assert whole.as_dict() == {
        "owner": {"kind": "domain", "id": "6c1d7d5e-3f38-4a4e-a5fd-6a0f4b0e1c02", "label": "web1"},
        "requests": [{"name": "nic", "count": 1, "specs": [{"class": "02"}]}],
        "devices": [
            {
                "address": "0000:01:10.2",
                "request": "nic",
                "role": "requested",
                "identity": {"serial": None},
                "original": {"driver": "igbvf", "driver_override": None},
                "adopted": False,
                "attach": ["config"],
            },
            {
                "address": "0000:03:00.0",
                "request": None,
                "role": "group_member",
                "identity": {"serial": "s"},
                "original": {"driver": "nvme", "driver_override": None},
                "adopted": False,
                "attach": [],
            },
        ],
    }


def test_devices_that_serve_a_request_are_told_in_address_order():
    held = claim(WEB, holding("10000:01:00.0"), holding("0000:81:00.0"), holding("0000:02:00.0", "other"))
    assert held.serving("nic") == ["0000:81:00.0", "10000:01:00.0"]
