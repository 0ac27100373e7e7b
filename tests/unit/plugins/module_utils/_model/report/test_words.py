# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.report.words import gathered_told

FREE = {"capability": "pci", "address": "0000:01:10.0", "claimable": True}
KEPT = {"capability": "pci", "address": "0000:00:02.0", "claimable": False}
BRIDGE, DISK = {"capability": "pci", "address": "0000:00:01.0"}, {"capability": "scsi", "name": "scsi_0_0_0_0"}
NIC = {"capability": "net", "name": "net_eth0", "address": "52:54:00:12:34:56"}


@pytest.mark.parametrize(
    ("gathered", "line"),
    [
        ({"devices": [FREE, KEPT, BRIDGE, DISK]}, "3 PCI functions, 1 claimable, 1 other device"),
        ({"devices": [BRIDGE]}, "1 PCI function"),
        ({"devices": []}, "0 PCI functions"),
        ({"devices": [DISK, NIC]}, "0 PCI functions, 2 other devices"),
        ({"claims": [{}], "drift": [], "pools": [{}, {}], "host": {}}, "2 pools, 1 claim, no drift"),
        ({"iommu_groups": [{}], "drift": [{}, {}]}, "1 IOMMU group, 2 of drift"),
        ({"host": {}}, "facts of the host"),
    ],
)
def test_what_was_gathered_is_counted(gathered, line):
    assert gathered_told(gathered) == line
