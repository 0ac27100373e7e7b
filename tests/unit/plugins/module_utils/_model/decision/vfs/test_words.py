# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.vfs.decision import Pf
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.vfs.vfs import decide_vfs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.vfs.words import told_of
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Child
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.state import PfState
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.wish import VfsWish
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import inventory, pf

NIC = "0000:03:00.0"


def decided(present, made=None, *, interface="enp3s0", **wish):
    children = (Child("net", interface),) if interface else ()
    nic = pf(NIC, driver="mlx5_core", total_vfs=8, children=children)
    options = {"take_over": True, **wish}
    return decide_vfs(
        Snapshot(inventory(nic), Tracker()), VfsWish((), "address", **options), Pf(nic, present, 8, {}), made
    )


def said(present, made=None, **wish):
    return told_of([decided(present, made, **wish)], check_mode=False)


def state(number, **fields):
    return PfState(number, **{"autoprobe": False, "up": True, "mtu": 1500, "eswitch": "legacy", **fields})


@pytest.mark.parametrize(
    ("present", "wish", "line"),
    [
        (state(0), {"number": 4}, "0 to 4 VFs"),
        (state(0), {"number": 1, "autoprobe": True}, "autoprobe on, 0 to 1 VF"),
        (state(4), {"number": 0}, "4 to no VFs"),
        (state(0, up=False), {"number": 2}, "interface up, 0 to 2 VFs"),
        (state(2), {"number": 2, "mtu": 9000}, "2 VFs, as before, MTU 1500 to 9000"),
        (state(2), {"number": 2}, "2 VFs taken over as they are"),
        (state(0), {"number": 2, "eswitch": "switchdev"}, "0 to 2 VFs, e-switch legacy to switchdev"),
        (state(0), {"number": 2, "vfs": {0: {"trust": True}, 1: {"trust": True}}}, "0 to 2 VFs, trust on of VF 0, 1"),
        (
            state(0),
            {"number": 7, "vfs": {vf: {"vlan": 100 + vf} for vf in range(7)}},
            "0 to 7 VFs, vlan of VF 0, 1, 2, 3, and 3 more",
        ),
    ],
)
def test_each_change_has_its_words(present, wish, line):
    assert said(present, **wish) == f"enp3s0 ({NIC}): {line}"


def test_what_is_as_it_shall_be_is_told_so():
    made = decided(state(4), number=4).after
    assert said(state(4), made, number=4) == f"enp3s0 ({NIC}): 4 VFs, as before"
    assert said(state(4), made, number=4, interface="") == f"{NIC}: 4 VFs, as before"
    assert said(state(4), made, number=4, mtu=1500) == f"enp3s0 ({NIC}): 4 VFs noted on record"
    still = decided(state(4), made, number=4)
    assert told_of([still, still], check_mode=False) == "2 physical functions as before"


def test_check_mode_says_that_it_would_change():
    changing = decided(state(0), number=4)
    assert told_of([changing], check_mode=True) == f"enp3s0 ({NIC}) would change: 0 to 4 VFs"


def test_several_pfs_are_told_in_one_line_and_those_without_change_counted():
    still = decided(state(4), decided(state(4), number=4).after, number=4)
    changing = decided(state(0), number=4, interface="a\nb")
    assert told_of([still, changing], check_mode=False) == f"a\\nb ({NIC}): 0 to 4 VFs | 1 physical function as before"
    assert told_of([], check_mode=False) == ""
