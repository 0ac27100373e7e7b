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


VF, PORT = "0000:01:10.4", "0000:00:10.0"
WRITTEN = "the kernel adds or removes it at this moment: process 81 (sh) writes to /sys/devices/x/sriov_numvfs"


def below(port, address, made=device, **fields):
    return made(address, path=f"/sys/devices/pci0000:00/{port}/{address}", **fields)


@pytest.mark.parametrize(
    ("port", "fields", "uses", "refused"),
    [
        (PORT, {}, [HostUse("held_by_process", VF, WRITTEN)], True),
        (PORT, {}, [], False),  # such as in a guest that has both
        (PORT, {"product_id": "10d3"}, [HostUse("held_by_process", VF, WRITTEN)], False),
        (PORT, {"driver": "vfio-pci"}, [HostUse("held_by_process", VF, WRITTEN)], False),
        (PORT, {"physical_function": "0000:01:00.0"}, [HostUse("held_by_process", VF, WRITTEN)], False),
        ("0000:00:11.0", {}, [HostUse("held_by_process", VF, WRITTEN)], False),
    ],
)
def test_a_pf_with_a_vf_that_the_kernel_waits_for_is_left_and_all_are_named(port, fields, uses, refused):
    """The VF has no link to its PF any more, so that it is known by what it has in common with that one."""
    card = below(PORT, "0000:01:00.0", pf, vf_product_id="10ca")
    leaving = below(port, VF, **{"driver": None, "product_id": "10ca", **fields})
    there = inventory(card, leaving, host_uses=uses)
    if not refused:
        return check_not_changing(Snapshot(there, Tracker()), card)
    with pytest.raises(HostdevError) as caught:
        check_not_changing(Snapshot(there, Tracker()), card)
    assert (caught.value.code, caught.value.subject) == ("vfs_hang", card.address)
    assert f"waits for {VF} (held_by_process: {WRITTEN})" in caught.value.found
    return None
