# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.iommu_groups import reserved_memory
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._host.system import System
from ansible_collections.kvm.hostdev.plugins.module_utils._model.guards.group import blockers
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device, pf, vf
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

GROUPS = "/sys/kernel/iommu_groups"
RMRR = "0x00000000791ef000 0x00000000791effff direct\n"
RELAXABLE = "0x0000000000000000 0x0000000000ffffff direct-relaxable\n"
MSI = "0x00000000fee00000 0x00000000feefffff msi\n"
A, PF, VF, OTHER_VF = "0000:04:00.1", "0000:05:00.0", "0000:05:10.0", "0000:06:10.0"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (RMRR + MSI, {4: "0x00000000791ef000-0x00000000791effff"}),
        (
            MSI + RMRR + RMRR.replace("791", "792"),
            {4: "0x00000000791ef000-0x00000000791effff, 0x00000000792ef000-0x00000000792effff"},
        ),
        (RELAXABLE + MSI, {}),
        (MSI.replace("msi", "reserved"), {}),
        ("direct\n", {}),
        ("", {}),
    ],
)
def test_regions_that_must_stay_mapped_are_those_of_type_direct(folder, text, told):
    files(folder, {f"{GROUPS}/4/reserved_regions": text})
    assert reserved_memory(Tree(str(folder)), [device(A), device("0000:07:00.0", iommu_group=None)]) == told


def test_groups_of_vfs_are_asked_only_beside_a_pf_that_has_such_memory(folder):
    asked = []

    class Asked(Tree):
        def data(self, path, limit=1 << 24):
            asked.append(path.split("/")[4])
            return super().data(path, limit)

    devices = [pf(PF, VF), vf(VF, PF, iommu_group=50), pf(A, OTHER_VF), vf(OTHER_VF, A, iommu_group=60)]
    files(folder, {f"{GROUPS}/{group}/reserved_regions": RMRR for group in (5, 50, 60)})
    assert reserved_memory(Asked(str(folder)), devices).keys() == {5, 50}
    assert sorted(asked) == ["4", "5", "50"]


def function(address, group, *, driver=None):
    path = f"/sys/devices/pci0000:00/{address}"
    made = {
        f"{path}/vendor": "0x14e4\n",
        f"{path}/device": "0x1657\n",
        f"{path}/class": "0x020000\n",
        f"{path}/iommu_group": f"-> ../../../kernel/iommu_groups/{group}",
        f"/sys/bus/pci/devices/{address}": f"-> ../../..{path[4:]}",
        f"{GROUPS}/{group}/devices/{address}": "x",
        "/sys/module/vfio_pci/refcnt": "0\n",
    }
    return {**made, f"{path}/driver": f"-> ../../../bus/pci/drivers/{driver}"} if driver else made


def codes(folder, address):
    return [(blocker.code, blocker.detail) for blocker in blockers(System(Tree(str(folder))).inventory(), address)]


def test_a_device_whose_memory_must_stay_mapped_is_given_to_no_guest(folder):
    files(folder, {**function(A, 35), f"{GROUPS}/35/reserved_regions": RMRR, **function(PF, 35), **function(VF, 36)})
    detail = "IOMMU group 35 has reserved memory of type direct at 0x00000000791ef000-0x00000000791effff"
    assert codes(folder, A)[0] == codes(folder, PF)[0] == ("reserved_memory", detail)
    assert codes(folder, VF) == []


def test_a_group_that_vfio_made_isolates_nothing_also_beside_a_true_iommu(folder):
    files(folder, {**function(A, 0, driver="vfio-pci"), f"{GROUPS}/0/name": "vfio-noiommu\n", **function(PF, 1)})
    files(folder, {"/sys/class/iommu/dmar0/x": "", "/sys/class/vfio/noiommu-0/dev": "511:0\n"})
    assert codes(folder, A) == [("no_group", "its group is VFIO's own, without an IOMMU (vfio-noiommu)")]
    assert codes(folder, PF) == []
