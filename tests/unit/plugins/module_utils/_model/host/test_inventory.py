# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.device import Child
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.uses import HostUse
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import DB, device, inventory, pf, use, vf


def test_devices_are_in_address_order():
    host = inventory(device("10000:01:00.0"), device("0000:81:00.0"), device("0000:01:00.1"), device("0000:01:00.0"))
    assert list(host.devices) == ["0000:01:00.0", "0000:01:00.1", "0000:81:00.0", "10000:01:00.0"]


def test_groups_hold_their_members_in_address_order():
    host = inventory(
        device("0000:02:00.0", iommu_group=7),
        device("0000:01:00.0", iommu_group=7),
        device("0000:03:00.0", iommu_group=3),
        device("0000:04:00.0", iommu_group=None),
    )
    assert host.groups == {7: ["0000:01:00.0", "0000:02:00.0"], 3: ["0000:03:00.0"]}
    assert [mate.address for mate in host.group_mates("0000:02:00.0")] == ["0000:01:00.0"]
    assert host.group_mates("0000:03:00.0") == []
    assert host.group_mates("0000:04:00.0") == []


def test_descendants_are_found_through_all_bridges():
    host = inventory(
        device("0000:00:01.0", header_type=1),
        device("0000:01:00.0", header_type=1, parent="0000:00:01.0"),
        device("0000:02:01.0", parent="0000:01:00.0"),
        device("0000:02:00.0", parent="0000:01:00.0"),
        device("0000:03:00.0", parent="0000:00:02.0"),
    )
    assert host.descendants("0000:00:01.0") == ["0000:01:00.0", "0000:02:00.0", "0000:02:01.0"]
    assert host.descendants("0000:02:00.0") == []


def test_giving_away_a_pf_affects_its_vfs_and_their_interfaces():
    host = inventory(
        pf("0000:01:00.0", "0000:01:10.0", "0000:01:10.2", children=(Child("net", "eth0"),)),
        vf("0000:01:10.0", "0000:01:00.0", children=(Child("net", "eth1"),)),
        vf("0000:01:10.2", "0000:01:00.0", children=(Child("net", "eth2"),)),
    )
    assert host.affected("0000:01:00.0") == ["0000:01:10.0", "0000:01:10.2", "net/eth0", "net/eth1", "net/eth2"]
    assert host.affected("0000:01:10.2") == ["net/eth2"]


def test_group_mates_and_what_lies_below_are_affected_with_their_children():
    host = inventory(
        device("0000:00:1c.0", header_type=1, iommu_group=5),
        device("0000:03:00.0", iommu_group=5, parent="0000:00:1c.0", children=(Child("block", "sda"),)),
        device("0000:03:00.1", iommu_group=5, parent="0000:00:1c.0"),
        device("0000:04:00.0"),
    )
    assert host.affected("0000:00:1c.0") == ["0000:03:00.0", "0000:03:00.1", "block/sda"]
    assert host.affected("0000:03:00.1") == ["0000:00:1c.0", "0000:03:00.0", "block/sda"]
    assert host.affected("0000:04:00.0") == []


def test_a_bridge_affects_what_lies_below_only_where_groups_do_not_tell_them_apart():
    bridge = device("0000:00:1c.0", header_type=1, iommu_group=5)
    below = device("0000:03:00.0", iommu_group=6, parent="0000:00:1c.0")
    assert inventory(bridge, below).affected("0000:00:1c.0") == []
    bridge = device("0000:00:1c.0", header_type=1, iommu_group=None)
    below = device("0000:03:00.0", iommu_group=None, parent="0000:00:1c.0")
    assert inventory(bridge, below).affected("0000:00:1c.0") == ["0000:03:00.0"]


def test_the_vfs_of_a_group_mate_are_affected():
    host = inventory(pf("0000:01:00.0", "0000:01:10.0"), device("0000:01:00.1"), vf("0000:01:10.0", "0000:01:00.0"))
    assert host.affected("0000:01:00.1") == ["0000:01:00.0", "0000:01:10.0"]


def test_a_vf_that_is_not_on_the_host_yet_is_affected_all_the_same():
    assert inventory(pf("0000:01:00.0", "0000:01:10.0")).affected("0000:01:00.0") == ["0000:01:10.0"]


def test_uses_are_found_at_a_path_and_below_it_and_nowhere_else():
    usb = "/sys/devices/pci0000:00/0000:00:05.0/usb2"
    paths = ["2-1", "2-1/2-1:1.0/host7/block/sdb/sdb1", "2-1.4", "2-10/2-10:1.0", "2-1-x", "2-1/2-1:1.0/net/eth1", "2"]
    uses = [HostUse("swap", "0000:00:05.0", path, f"{usb}/{path}") for path in paths]
    host = inventory(host_uses=[*uses, HostUse("bmc", "0000:00:05.0", "the function itself")])

    def within(path):
        return [use.detail for use in host.host_uses_within(path)]

    assert within(f"{usb}/2-1") == ["2-1", "2-1/2-1:1.0/host7/block/sdb/sdb1", "2-1/2-1:1.0/net/eth1"]
    assert within(f"{usb}/2-10") == ["2-10/2-10:1.0"]
    assert within(f"{usb}/2-1/2-1:1.0/net/eth1") == ["2-1/2-1:1.0/net/eth1"]
    assert within(f"{usb}/2-1/2-1:1.0/net/eth") == within(f"{usb}/3-1") == []
    assert sorted(within(usb)) == sorted(paths)


def test_a_use_on_no_function_is_found_by_its_path_alone():
    disk = HostUse("swap", "", "sda", "/sys/devices/platform/host5/block/sda")
    host = inventory(device("0000:01:00.0"), host_uses=[disk])
    assert host.host_uses == {}
    assert host.host_uses_within("/sys/devices/platform/host5") == [disk]


VMD, PORT, DISK, BESIDE = "0000:00:0e.0", "10000:e0:06.0", "10000:e1:00.0", "10000:e1:00.1"


def vmd(group=None, **uses):
    """Intel's VMD: an endpoint with a PCI segment of its own below it."""
    return inventory(
        device(VMD, class_id="010400", driver="vmd", iommu_group=10),
        device(PORT, header_type=1, parent=VMD, iommu_group=group),
        device(DISK, parent=PORT, iommu_group=group, children=(Child("block", "nvme0n1"),)),
        device(BESIDE, parent=PORT, iommu_group=group),
        device("0000:00:0f.0", iommu_group=11),
        **uses,
    )


@pytest.mark.parametrize("group", [None, 10, 12])
def test_what_is_used_below_an_endpoint_is_used_of_the_endpoint(group):
    own, below = HostUse("held_by_process", VMD, "own"), HostUse("root_disk", DISK, "sda", "/sys/devices/x")
    host = vmd(group, host_uses=[below, own], domain_uses={BESIDE: [use()], VMD: [use(DB)]})
    assert list(host.host_uses[VMD]) == [own, below]
    assert list(host.host_uses[DISK]) == [below]
    assert host.host_uses.keys() == {VMD, DISK}
    assert [(known.domain, known.via) for known in host.domain_uses[VMD]] == [("db1", "hostdev"), ("web1", "below")]
    assert list(host.domain_uses[BESIDE]) == [use()]
    assert host.host_uses_within("/sys/devices/x") == [below]


def test_what_is_used_below_a_bridge_is_not_used_of_the_bridge():
    host = vmd(host_uses=[HostUse("root_disk", DISK, "sda")], domain_uses={DISK: [use()]})
    assert PORT not in host.host_uses
    assert PORT not in host.domain_uses


@pytest.mark.parametrize("group", [None, 10, 12])
def test_giving_away_an_endpoint_affects_what_is_below_it(group):
    assert vmd(group).affected(VMD) == [PORT, DISK, BESIDE, "block/nvme0n1"]
    assert (vmd(group).carried(VMD), vmd(group).carried(PORT)) == ([PORT, DISK, BESIDE], [])


def test_uses_are_kept_by_address_also_for_devices_that_are_gone():
    host = inventory(
        device("0000:01:00.0"),
        host_uses=[HostUse("swap", "0000:01:00.0", "a"), HostUse("lvm", "0000:01:00.0", "b")],
        domain_uses={"0000:99:00.0": [use()]},
    )
    assert [host_use.code for host_use in host.host_uses["0000:01:00.0"]] == ["swap", "lvm"]
    assert [domain_use.domain for domain_use in host.domain_uses["0000:99:00.0"]] == ["web1"]
