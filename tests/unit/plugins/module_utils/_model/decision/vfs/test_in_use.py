# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a PF that the host's own network needs may be restarted."""

from __future__ import annotations

import types

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.claims.tracker import Tracker
from ansible_collections.kvm.hostdev.plugins.module_utils._model.decision.vfs.in_use import (
    NEEDS_CARRIER,
    check_not_changing,
    check_pf_may_restart,
)
from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import UNREADABLE
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import HostUse
from ansible_collections.kvm.hostdev.plugins.module_utils._model.snapshot import Snapshot
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device, inventory, pf

PF = types.SimpleNamespace(address="0000:01:00.0")


def restart(*codes, allow=()):
    uses = {PF.address: [HostUse(code, PF.address, "eth0") for code in codes]}
    check_pf_may_restart(types.SimpleNamespace(inventory=types.SimpleNamespace(host_uses=uses)), PF, allow)


@pytest.mark.parametrize("code", NEEDS_CARRIER)
def test_each_use_that_the_option_names_can_be_accepted(code):
    """The interface of this very run too, which a claim may never take: after a restart it is there again."""
    with pytest.raises(HostdevError) as caught:
        restart(code)
    assert caught.value.code == "pf_in_use"
    assert caught.value.remedy.endswith(f"accept that with allow: [{code}]")
    restart(code, allow=[code])


def test_what_is_not_accepted_of_several_is_named():
    with pytest.raises(HostdevError) as caught:
        restart("ssh_nic", "default_route", "ip_configured", allow=["ssh_nic"])
    assert caught.value.found == "default_route: eth0"


def below(port, address, made=device, **fields):
    return made(address, path=f"/sys/devices/pci0000:00/{port}/{address}", **fields)


VF, PORT = "0000:01:10.4", "0000:00:10.0"
LOCKED = "somebody keeps the device's lock in the kernel; process 81 (sh) writes to /sys/devices/x/sriov_numvfs"


@pytest.mark.parametrize(
    ("pf_override", "vf_override", "port", "refused"),
    [
        (UNREADABLE, UNREADABLE, PORT, True),
        (UNREADABLE, "vfio-pci", PORT, False),  # such as while its driver's probe takes its time
        (None, UNREADABLE, PORT, False),
        (UNREADABLE, UNREADABLE, "0000:00:11.0", False),
    ],
)
def test_a_pf_with_a_vf_that_the_kernel_waits_for_is_left_and_all_are_named(pf_override, vf_override, port, refused):
    """The VF has no link to its PF any more, so that it is known by what it has in common with that one."""
    card = below(PORT, "0000:01:00.0", pf, driver_override=pf_override)
    leaving = below(port, VF, driver=None, driver_override=vf_override)
    there = inventory(card, leaving, host_uses=[HostUse("held_by_process", VF, LOCKED)])
    if not refused:
        return check_not_changing(Snapshot(there, Tracker()), card)
    with pytest.raises(HostdevError) as caught:
        check_not_changing(Snapshot(there, Tracker()), card)
    assert (caught.value.code, caught.value.subject) == ("vfs_hang", card.address)
    assert f"waits for {VF} (held_by_process: somebody keeps" in caught.value.found
    assert "process 81 (sh)" in caught.value.found
    return None
