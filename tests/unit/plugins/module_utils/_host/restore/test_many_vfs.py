# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore of many VFs costs: counted, since a test that takes the time would depend on the machine."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.record.record_file import RecordFile
from ansible_collections.kvm.hostdev.plugins.module_utils._host.system import System
from ansible_collections.kvm.hostdev.tests.unit.helpers import fake_host, rebooted
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_host import IGB_PF, FakeHost
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_ip import FakeIp
from ansible_collections.kvm.hostdev.tests.unit.helpers.fake_kernel import FakeKernel
from ansible_collections.kvm.hostdev.tests.unit.helpers.many_vfs import many_vfs
from ansible_collections.kvm.hostdev.tests.unit.helpers.rebooted import Reboots, restored

COUNTED = {
    "inventories of who uses what": (System, "_inventory"),
    "writes of the record": (RecordFile, "write"),
    "programs started": (FakeIp, "__call__"),
    "settings of a VF": (FakeIp, "_set"),
    "writes to sysfs": (FakeKernel, "__call__"),
    "files opened": (os, "open"),
}


def cost(folder, number, monkeypatch, **settings):
    """What the restore of so many VFs, all claimed, with these settings makes."""
    laid_out = many_vfs(number)
    monkeypatch.setattr(fake_host, "entries", lambda: laid_out)
    monkeypatch.setattr(rebooted, "entries", lambda: laid_out)
    host = FakeHost(folder)
    host.kernel.store(f"/sys/bus/pci/devices/{IGB_PF}/sriov_numvfs", "0")
    host.set_vfs(number, **settings)
    nics = {"name": "nics", "specs": [{"product_id": "10ca"}], "count": number}
    host.claim(nics, owner="dpdk0", attach=(), persist=True)
    Reboots(host).start()
    counts: Counter[str] = Counter()
    with monkeypatch.context() as patch:
        for what, (target, name) in COUNTED.items():
            patch.setattr(target, name, counting(getattr(target, name), counts, what))
        restore = restored(host)
    assert not restore.failed
    vfs = host.system.inventory(()).devices[IGB_PF].virtual_functions
    assert [host.kernel.driver(vf) for vf in vfs] == ["vfio-pci"] * number
    return counts


def counting(do, counts, what):
    def counted(*arguments, **named):
        counts[what] += 1
        return do(*arguments, **named)

    return counted


@pytest.mark.parametrize(("autoprobe", "sysfs"), [(False, 2), (True, 3)])
def test_sixty_four_vfs_cost_no_more_of_what_is_dear_than_four(folder, monkeypatch, autoprobe, sysfs):
    few, many = (cost(folder / str(number), number, monkeypatch, autoprobe=autoprobe) for number in (4, 64))
    for what in ("inventories of who uses what", "writes of the record", "programs started"):
        assert many[what] == few[what] <= 4, what
    assert many["writes to sysfs"] - few["writes to sysfs"] == 60 * sysfs
    assert many["files opened"] - few["files opened"] <= 60 * 120


def test_settings_of_sixty_four_vfs_are_read_together(folder, monkeypatch):
    def with_settings(number):
        vfs = {vf: {"mac": f"52:54:00:aa:00:{vf:02x}", "vlan": 100 + vf, "spoof_check": True} for vf in range(number)}
        return cost(folder / str(number), number, monkeypatch, every={"trust": True}, vfs=vfs)

    few, many = with_settings(4), with_settings(64)
    assert [counts["settings of a VF"] for counts in (few, many)] == [4 * 5, 64 * 5]
    other = [counts["programs started"] - counts["settings of a VF"] for counts in (few, many)]
    assert other[0] == other[1] <= 6
