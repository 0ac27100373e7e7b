# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""VFs that were made by hand: which are written down, and how."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.made_vfs import MadeVfs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.adoption.adoption import AdoptWish
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.adoption.vfs import adopt_vfs, pfs_to_adopt
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.vfs.decision import Pf
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import HostUse
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.makers.maker import NETWORK_FILE, SCRIPT, VfMaker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.state import PfState
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import inventory, pf, vf

PF, OTHER, VF0, VF1 = "0000:01:00.0", "0000:02:00.0", "0000:01:10.0", "0000:01:10.2"
MAC = "52:54:00:11:22:33"
PRESENT = PfState(
    2,
    True,
    True,
    1500,
    vfs={
        0: {"mac": "00:00:00:00:00:00", "vlan": 0, "qos": 0, "vlan_protocol": "802.1Q", "trust": False},
        1: {"mac": MAC, "vlan": 7, "qos": 0, "vlan_protocol": "802.1Q", "trust": True},
    },
)
MAKER = VfMaker(SCRIPT, "/etc/rc.local", 3, "echo 2 > sriov_numvfs", True, 2)
DEVICES = (pf(PF, VF0, VF1), vf(VF0, PF), vf(VF1, PF), pf(OTHER))


def snapshot(*uses, made=()):
    return Snapshot(inventory(*DEVICES, host_uses=uses), Tracker(made_vfs=made))


def adopted(*uses, present=PRESENT, theirs=None, makers=(), device=DEVICES[0], **wish):
    found = Pf(device, present, 7, theirs or {}, makers)
    return adopt_vfs(snapshot(*uses), AdoptWish(**wish), found)


def test_a_pf_is_adopted_that_has_vfs_and_is_not_on_record():
    made = MadeVfs(PF, DEVICES[0].identity, PfState(2), PfState(0))
    assert [device.address for device in pfs_to_adopt(snapshot())] == [PF]
    assert pfs_to_adopt(snapshot(made=[made])) == []
    # Its entry has the address that it had before the buses were numbered anew.
    assert pfs_to_adopt(snapshot(made=[replace(made, address="0000:07:00.0")])) == []
    # Another card's entry has its address: that has to be settled first.
    assert pfs_to_adopt(snapshot(made=[replace(made, identity={**made.identity, "product_id": "1572"})])) == []


def test_what_is_set_is_wanted_and_all_that_there_is_is_what_was_there():
    made, why = adopted(persist=True)
    assert why == ""
    assert made.original == PRESENT
    settings = {"mac": MAC, "vlan": 7, "qos": 0, "vlan_protocol": "802.1Q", "trust": True}
    assert made.wanted == PfState(2, True, True, None, vfs={1: settings})
    assert (made.address, made.identity, made.persist) == (PF, DEVICES[0].identity, True)


def test_what_libvirt_or_a_claim_set_is_theirs():
    made, _why = adopted(theirs={1: {"mac", "vlan", "qos", "vlan_protocol"}})
    assert made.wanted.vfs == {1: {"trust": True}}
    assert made.original.vfs[1] == {"trust": True}


def spoof_checks(driver, *checks, theirs=None):
    """What is written down of VFs with these spoof checks, and what is said."""
    vfs = {vf: {} if check is None else {"spoof_check": check} for vf, check in enumerate(checks)}
    device = DEVICES[0]._replace(driver=driver)
    made, told = adopted(present=PfState(len(checks), True, True, 1500, vfs=vfs), device=device, theirs=theirs)
    return {vf: settings["spoof_check"] for vf, settings in made.wanted.vfs.items()}, told


def test_a_spoof_check_that_is_not_as_the_driver_makes_vfs_is_written_down():
    assert spoof_checks("igb", True, False) == ({1: False}, "")
    assert spoof_checks("mlx5_core", True, False) == ({0: True}, "")
    assert spoof_checks("igb", True, False, theirs={1: {"spoof_check"}}) == ({}, "")


def test_where_that_is_not_known_it_is_told_unless_vfs_differ():
    assert spoof_checks("bnxt_en", True, False) == ({0: True, 1: False}, "")
    wanted, told = spoof_checks("bnxt_en", False, False)
    assert (wanted, "spoof check" in told, "bnxt_en" in told) == ({}, True, True)
    assert spoof_checks("bnxt_en", None, None) == ({}, "")


@pytest.mark.parametrize(("found", "written"), [(None, None), ("legacy", None), ("switchdev", "switchdev")])
def test_the_mode_of_its_e_switch_is_written_down_unless_it_is_the_one_at_first(found, written):
    made, _told = adopted(present=replace(PRESENT, eswitch=found))
    assert (made.wanted.eswitch, made.original.eswitch) == (written, written)


@pytest.mark.parametrize(
    ("mtu", "class_id", "written"),
    [(1500, "020000", None), (9000, "020000", 9000), (None, "020000", None), (65520, "020700", None)],
)
def test_so_is_its_mtu_where_it_is_of_ethernet(mtu, class_id, written):
    made, _told = adopted(present=replace(PRESENT, mtu=mtu), device=DEVICES[0]._replace(class_id=class_id))
    assert (made.wanted.mtu, made.original.mtu) == (written, mtu)


def test_vfs_of_a_maker_that_is_known_stay_its_own():
    made, why = adopted(makers=[MAKER])
    assert made is None
    assert "2 VFs of 0000:01:00.0 are not adopted: they are made by unit, rule or script /etc/rc.local:3" in why
    assert "take_over: true" in why
    assert adopted(makers=[MAKER], take_over=True)[0] is not None


@pytest.mark.parametrize("maker", [replace(MAKER, certain=False), replace(MAKER, kind=NETWORK_FILE)])
def test_who_may_be_another_cards_or_only_sets_them_is_in_nobodys_way(maker):
    assert adopted(makers=[maker])[0] is not None


def test_vfs_that_the_host_uses_are_left_to_it_while_its_drivers_may_bind_them():
    use = HostUse("ip_configured", VF1, "enp1s0v1 has 192.0.2.1")
    made, why = adopted(use)
    assert made is None
    assert f"the host itself uses {VF1} (ip_configured: enp1s0v1 has 192.0.2.1)" in why
    assert adopted(use, present=replace(PRESENT, autoprobe=False))[0] is not None
    assert adopted(HostUse("ip_configured", PF, "enp1s0 has 192.0.2.1"))[0] is not None
