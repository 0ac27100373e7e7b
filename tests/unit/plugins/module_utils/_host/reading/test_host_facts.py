# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.host_facts import read_host
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.host_facts import HostFacts, NumaNode
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files


def tree(folder, contents):
    files(folder, contents)
    return Tree(str(folder))


def test_the_lab_host(recordings):
    assert read_host(recordings["lab-trixie"]) == HostFacts(
        kernel_release="6.12.117+deb13-amd64",
        kernel=(6, 12),
        boot_id="35680239-fc5e-4f42-82a9-8064fa01c14d",
        iommu=True,
        iommu_reason="on: dmar0",
        vfio_present=False,
        numa_nodes={0: NumaNode(frozenset({0})), 1: NumaNode(frozenset({1}))},
    )
    assert read_host(recordings["lab-bookworm"]).kernel == (6, 1)


def test_numa_nodes_are_those_with_cpus_each_with_its_socket(folder):
    nodes, cpus = "/sys/devices/system/node", "/sys/devices/system/cpu"
    host = read_host(
        tree(
            folder,
            {
                f"{nodes}/node0/cpulist": "0-1\n",
                f"{nodes}/node1/cpulist": "2-3\n",
                f"{nodes}/node2/cpulist": "\n",  # memory alone
                f"{nodes}/node3/cpulist": "4\n",
                f"{nodes}/online": "0-3\n",
                f"{cpus}/cpu0/topology/physical_package_id": "0\n",
                f"{cpus}/cpu2/topology/physical_package_id": "1\n",
                f"{cpus}/cpu4/topology/physical_package_id": "-1\n",
            },
        )
    )
    assert host.numa_nodes == {
        0: NumaNode(frozenset({0, 1}), 0),
        1: NumaNode(frozenset({2, 3}), 1),
        3: NumaNode(frozenset({4}), None),
    }


def test_a_release_of_more_digits_than_python_reads_counts_as_a_new_kernel(folder):
    assert read_host(tree(folder, {"/proc/sys/kernel/osrelease": f"6.{'9' * 5000}\n"})).kernel == (6, 999999999)
    assert read_host(tree(folder, {"/proc/sys/kernel/osrelease": f"{'9' * 5000}.1\n"})).kernel == (99, 0)


def test_a_host_of_which_nothing_is_known_counts_as_a_new_kernel(folder):
    host = read_host(tree(folder, {}))
    assert (host.kernel_release, host.kernel, host.boot_id, host.iommu) == ("", (99, 0), "", False)


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (
            {},
            "off: the firmware describes no IOMMU (no DMAR or IVRS table in ACPI); switch on VT-d or AMD-Vi in the "
            "firmware's set-up",
        ),
        (
            {"/sys/firmware/acpi/tables/DMAR": "", "/proc/cmdline": "root=/dev/sda quiet intel_iommu=on,sm_on\n"},
            "off: the firmware has one (ACPI table DMAR); add intel_iommu=on to the kernel's command line",
        ),
        (
            {"/sys/firmware/acpi/tables/DMAR": "", "/proc/cmdline": "quiet intel_iommu=on\n"},
            "off: the firmware has one (ACPI table DMAR), the kernel did not start it; see its boot messages",
        ),
        (
            {"/sys/firmware/acpi/tables/IVRS": "", "/proc/cmdline": "quiet\n"},
            "off: the firmware has one (ACPI table IVRS), the kernel did not start it; see its boot messages",
        ),
    ],
)
def test_why_the_iommu_is_off_and_what_to_do(folder, contents, reason):
    host = read_host(tree(folder, contents))
    assert (host.iommu, host.iommu_reason) == (False, reason)


def test_an_iommu_without_units_in_sysfs_is_on_by_its_groups(folder):
    host = read_host(tree(folder, {"/sys/kernel/iommu_groups/0/type": "DMA\n"}))
    assert (host.iommu, host.iommu_reason) == (True, "on: the kernel lists IOMMU groups")


@pytest.mark.parametrize("path", ["/sys/bus/pci/drivers/vfio-pci/bind", "/sys/module/vfio_pci/refcnt"])
def test_vfio_is_present_as_a_driver_or_a_module(folder, path):
    assert read_host(tree(folder, {path: ""})).vfio_present
