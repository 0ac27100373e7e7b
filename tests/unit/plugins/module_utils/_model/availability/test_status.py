# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.status import Statuses
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
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

A, B, C = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
WITH_SERIAL = holding(A, identity=device(A, serial="s1").identity)


def statuses(*devices, claims=(), **uses):
    host = inventory(*devices, **uses)
    return Statuses(host, Tracker(claims))


def test_a_free_device_is_claimable_and_nobody_holds_it():
    free = statuses(device(A))
    assert (free.status(A), free.claimable(A), free.blockers(A), free.holder(A)) == ("available", True, [], None)


def test_a_blocked_device_is_not_claimable():
    assert not statuses(device(A, boot_vga=True)).claimable(A)


def test_a_device_that_needs_consent_is_not_claimable():
    assert not statuses(device(A), device("0000:01:00.1")).claimable(A)


def test_a_held_device_is_not_claimable_and_its_owner_does_not_block_it():
    held = claim(WEB, holding(A))
    here = statuses(device(A, driver="vfio-pci"), claims=[held], domain_uses={A: [use(WEB, live=True)]})
    assert (here.status(A), here.claimable(A), here.blockers(A)) == ("allocated", False, [])
    assert here.holder(A) == held


def test_the_other_function_of_a_claimed_pf_is_not_claimable():
    devices = [pf(A, virtual_functions=("0000:01:10.0",)), vf("0000:01:10.0", A)]
    assert not statuses(*devices, claims=[claim(DPDK, holding(A))]).claimable("0000:01:10.0")


def test_where_a_claims_device_went_is_told_for_that_claim_only():
    mine, theirs = claim(WEB, WITH_SERIAL), claim(DB, holding(C))
    here = statuses(device(B, serial="s1"), claims=[mine, theirs])
    assert here.moved_to(mine, A) == B
    assert here.moved_to(theirs, C) is None
    assert here.moved_to(theirs, A) is None
    assert [(blocker.code, blocker.detail) for blocker in here.blockers(B)] == [
        ("moved", f"domain web1 ({WEB.id}) claimed it at 0000:01:00.0")
    ]


def test_a_pf_whose_held_vf_was_not_made_again_is_not_claimable():
    gone = holding("0000:01:10.0", identity=vf("0000:01:10.0", A).identity)
    here = statuses(pf(A), pf(B, total_vfs=0), claims=[claim(WEB, gone)])
    assert [(reason.code, reason.detail) for reason in here.blockers(A)] == [
        ("pf_has_vfs", f"its VF 0000:01:10.0, which was not made again, is held by {WEB}")
    ]
    assert [here.claimable(address) for address in (A, B)] == [False, True]
