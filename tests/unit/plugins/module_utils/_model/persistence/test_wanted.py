# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a record comes back: claims, their functions, and the VFs that they hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.made_vfs import MadeVfs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Binding
from ansible_collections.kvm.hostdev.plugins.module_utils._model.persistence.wanted import (
    may_be_vf_of,
    persistent,
    persistent_claims,
    persistent_functions,
    persistent_vfs,
    storage_claimed,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.state import PfState
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import DB, VFIO, WEB, claim, device, holding

PF, VF, PORT, NIC = "0000:02:00.0", "0000:02:10.0", "0000:02:00.1", "0000:03:00.0"
PATHS = {
    PF: "0000_00_11.0-00_00.0",
    VF: "0000_00_11.0-00_10.0",
    PORT: "0000_00_11.0-00_00.1",
    NIC: "0000_00_12.0-00_00.0",
}


def identity(address, **fields):
    known = device(address, stable_path=PATHS[address], product_id="10c9").identity
    return {**known, **fields}


def held(address, **fields):
    original = fields.pop("original", Binding("igb", None))
    adopted = fields.pop("adopted", False)
    return holding(address, identity=identity(address, **fields), original=original, adopted=adopted)


def made(persist=False, **fields):
    return MadeVfs(PF, identity(PF, **fields), PfState(4), PfState(0), persist)


def tracker(*claims, vfs=()):
    return Tracker(claims, made_vfs=vfs)


def persisted(*holdings, owner=WEB):
    return replace(claim(owner, *holdings), persist=True)


def test_nothing_comes_back_unless_somebody_said_so():
    still = tracker(claim(WEB, held(NIC)), vfs=[made()])
    assert persistent(still) is False
    assert (persistent_claims(still), persistent_vfs(still), persistent_functions(still)) == ([], [], [])
    assert persistent(tracker(persisted(held(NIC)))) is True
    assert persistent(tracker(vfs=[made(persist=True)])) is True


def test_functions_of_persistent_claims_alone_in_the_order_of_addresses():
    both = tracker(persisted(held(NIC), held(PORT)), claim(DB, held("0000:02:10.0")))
    assert [held.address for held in persistent_functions(both)] == [PORT, NIC]
    assert [claim.owner for claim in persistent_claims(both)] == [WEB]


def test_vfs_come_back_that_a_persistent_claim_holds_and_are_bound_by_who_makes_them():
    holding = held(VF, product_id="10ca")
    assert persistent_vfs(tracker(persisted(holding), vfs=[made()])) == [made()]
    assert persistent_vfs(tracker(claim(WEB, holding), vfs=[made()])) == []
    assert persistent_vfs(tracker(persisted(held(NIC)), vfs=[made()])) == []
    assert persistent_functions(tracker(persisted(holding), vfs=[made()])) == []


@pytest.mark.parametrize(
    ("vf", "fields", "told"),
    [
        (VF, {"product_id": "10ca"}, True),
        (VF, {}, True),  # VFs of some cards have their PF's product id
        (VF, {"product_id": "10ca", "serial": "S1"}, False),
        (VF, {"product_id": "10ca", "vendor_id": "15b3"}, False),
        (VF, {"product_id": "10ca", "class_id": "010802"}, False),
        (NIC, {"product_id": "10ca"}, False),
        (PF, {}, False),
    ],
)
def test_a_vf_is_told_by_what_the_standard_says_of_vfs(vf, fields, told):
    assert may_be_vf_of(made(), held(vf, **fields)) is told


def test_a_pf_does_not_lie_after_the_vfs_of_another():
    before = MadeVfs(PORT, identity(PORT), PfState(4), PfState(0))
    assert may_be_vf_of(before, held(PF)) is False


def test_a_vf_on_a_further_bus_lies_after_its_pf():
    further = held(VF, product_id="10ca", stable_path="0000_00_11.0-01_00.0")
    assert may_be_vf_of(made(), further) is True


def test_a_vf_on_record_with_its_pf_is_a_vf_of_that_alone():
    known = {"vf_number": "0", **{f"pf_{key}": value for key, value in identity(PF, serial="X").items()}}
    holding = held(VF, product_id="10c9", **known)  # as VFs of NVMe disks have their PF's product id
    ours, another = (
        tracker(persisted(holding), vfs=[made(serial="X")]),
        tracker(persisted(holding), vfs=[made(serial="Y")]),
    )
    assert (persistent_vfs(ours), persistent_vfs(another)) == ([made(serial="X")], [])
    assert (
        persistent_functions(ours)
        == persistent_functions(another)
        == persistent_functions(tracker(persisted(holding)))
        == []
    )


def test_the_second_port_of_a_card_is_no_vf_of_the_first():
    numbered = tracker(persisted(held(PORT, pcie_serial="a")), vfs=[made(pcie_serial="a")])
    assert persistent_vfs(numbered) == []
    assert [held.address for held in persistent_functions(numbered)] == [PORT]


def test_what_may_be_a_port_without_a_number_is_kept_from_drivers_as_a_function_is():
    unnumbered = tracker(persisted(held(PORT)), vfs=[made()])
    assert persistent_vfs(unnumbered) == [made()]
    assert [held.address for held in persistent_functions(unnumbered)] == [PORT]


@pytest.mark.parametrize("original", [VFIO, Binding(None, "vfio-pci"), Binding("mlx5_vfio_pci", None)])
def test_what_others_gave_to_vfio_is_left_to_them(original):
    assert persistent_functions(tracker(persisted(held(NIC, adopted=True, original=original)))) == []


def test_what_was_adopted_with_a_driver_of_the_host_is_not_left_to_that():
    adopted = held(NIC, adopted=True)
    assert persistent_functions(tracker(persisted(adopted))) == [adopted]


def test_storage_counts_where_it_comes_back():
    disk = held(NIC, class_id="010802")
    assert storage_claimed(tracker(persisted(disk))) is True
    assert storage_claimed(tracker(claim(WEB, disk))) is False
    assert storage_claimed(tracker(persisted(held(NIC)))) is False


def test_what_was_pinned_to_vfio_and_had_another_driver_is_kept_from_that():
    pinned = held(NIC, original=Binding("igb", "vfio-pci"))
    assert persistent_functions(tracker(persisted(pinned))) == [pinned]
