# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is decided of a PF, without a host."""

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.vfs.decision import Pf
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.vfs.vfs import decide_vfs
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.state import PfState
from ansible_collections.kvm.hostdev.plugins.module_utils._model.sriov.wish import VfsWish
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import inventory, pf

NVME, NIC = "0000:02:00.0", "0000:03:00.0"


def warnings(present, number, *, class_id="010802", **wish):
    disk = pf(NVME, class_id=class_id, driver="nvme", total_vfs=8)
    decision = decide_vfs(
        Snapshot(inventory(disk), Tracker()),
        VfsWish((), "address", number, take_over=True, **wish),
        Pf(disk, PfState(present, True), 8, {}),
        None,
    )
    return decision.warnings


def test_vfs_of_a_disk_are_of_no_use_before_they_have_resources():
    (told,) = warnings(0, 4)
    assert "nvme virt-mgmt" in told
    (told,) = warnings(0, 4, autoprobe=True)
    assert "in vain" in told
    assert warnings(4, 4) == ()
    assert warnings(0, 4, class_id="020000") == ()


@pytest.mark.parametrize(
    ("driver", "mode", "refused"),
    [("mlx5_core", "legacy", False), ("mlx5_core", "switchdev", True), ("ice", "legacy", True)],
)
def test_what_is_refused_in_switchdev_is_set_before_that_where_the_mode_changes_last(driver, mode, refused):
    """As of VFs that were set by hand before the mode was changed, and are made again when the host starts."""
    nic = pf(NIC, driver=driver, total_vfs=8)
    present = PfState(0, True, True, 1500, mode)
    wish = VfsWish((), "address", 2, vfs={0: {"trust": True}}, eswitch="switchdev")

    def decide():
        return decide_vfs(Snapshot(inventory(nic), Tracker()), wish, Pf(nic, present, 8, {}), None)

    if not refused:
        assert [change.kind for change in decide().changes][-3:] == ["number", "setting", "eswitch"]
        return
    with pytest.raises(HostdevError) as caught:
        decide()
    assert caught.value.code == "vf_setting_failed"
