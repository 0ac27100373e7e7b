# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.host_facts import read_host
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.host_facts import HostFacts, NumaNode
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.inventory import Inventory
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Topology
from ansible_collections.kvm.hostdev.tests.unit.helpers import made
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


NODES = "/sys/devices/system/node"


def test_numa_nodes_are_those_that_are_online_each_with_the_socket_of_its_cpus(folder):
    cpus = "/sys/devices/system/cpu"
    host = read_host(
        tree(
            folder,
            {
                f"{NODES}/node0/cpulist": "0-1\n",
                f"{NODES}/node1/cpulist": "2-3\n",
                f"{NODES}/node2/cpulist": "\n",  # memory alone, or its CPUs are switched off
                f"{NODES}/node3/cpulist": "4\n",
                f"{NODES}/online": "0-3\n",
                f"{NODES}/possible": "0-7\n",
                f"{cpus}/cpu0/topology/physical_package_id": "0\n",
                f"{cpus}/cpu2/topology/physical_package_id": "1\n",
                f"{cpus}/cpu4/topology/physical_package_id": "-1\n",
            },
        )
    )
    assert host.numa_nodes == {
        0: NumaNode(frozenset({0, 1}), 0),
        1: NumaNode(frozenset({2, 3}), 1),
        2: NumaNode(frozenset(), None),
        3: NumaNode(frozenset({4}), None),
    }


@pytest.mark.parametrize(
    ("cpus", "online", "known"),
    [
        ({0: "0-3", 8: ""}, "0,8", {0, 8}),  # CXL
        ({0: "0-63", 8: "64-127", 252: "", 255: ""}, "0,8,252,255", {0, 8, 252, 255}),  # POWER9 with GPUs
        ({0: "", 1: "0-3"}, "0-1", {0, 1}),
        ({0: "0-3", 1: "4-7"}, "0", {0}),  # 1 was taken offline
        ({2: "0-3"}, "2", {2}),
        ({0: "0-3", 1: ""}, None, {0, 1}),  # recorded without the list
        ({0: "0-3", 1: ""}, "", {0, 1}),
    ],
)
def test_all_nodes_that_are_online_are_known_also_those_without_cpus_and_with_holes_between(
    folder, cpus, online, known
):
    contents = {f"{NODES}/node{number}/cpulist": f"{several}\n" for number, several in cpus.items()}
    if online is not None:
        contents[f"{NODES}/online"] = f"{online}\n"
    assert read_host(tree(folder, contents)).numa_nodes.keys() == known


@pytest.mark.parametrize(("more", "node"), [({}, 0), ({f"{NODES}/node1/cpulist": "\n"}, None)])
def test_a_device_of_unknown_node_is_on_the_only_one_but_not_on_one_of_two_of_which_the_other_has_no_cpus(
    folder, more, node
):
    host = read_host(tree(folder, {f"{NODES}/node0/cpulist": "0-3\n", **more}))
    lonely = made.device("0000:01:00.0")
    assert Topology(Inventory(host, [lonely]))[lonely.address].numa_node == node


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
            {"/sys/firmware/acpi/tables/DMAR": "", "/proc/cmdline": "root=/dev/sda quiet\n"},
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


DMAR, IVRS = "/sys/firmware/acpi/tables/DMAR", "/sys/firmware/acpi/tables/IVRS"
RELEASE = {"/proc/sys/kernel/osrelease": "6.12.1\n"}
ON = "CONFIG_INTEL_IOMMU=y\nCONFIG_INTEL_IOMMU_DEFAULT_ON=y\n"
MISSING, NOT_STARTED, ADD = "switch on VT-d or AMD-Vi", "the kernel did not start it", "add intel_iommu=on"


@pytest.mark.parametrize(
    ("contents", "told"),
    [
        ({DMAR: "", "/proc/cmdline": "intel_iommu=on,sm_on\n"}, NOT_STARTED),
        ({DMAR: "", "/proc/cmdline": "intel_iommu=sm_on\n"}, ADD),
        (
            {DMAR: "", "/proc/cmdline": "intel_iommu=on intel_iommu=sm_on,off\n"},
            "intel_iommu=sm_on,off; take that away",
        ),
        ({DMAR: "", "/proc/cmdline": "intel_iommu=off intel_iommu=on\n"}, NOT_STARTED),
        ({DMAR: "", "/proc/cmdline": "intel_iommu=on iommu=off\n"}, "has iommu=off; take that away"),
        ({DMAR: "", "/proc/cmdline": "intel-iommu=off\n"}, "intel-iommu=off; take that away"),
        ({DMAR: "", "/proc/cmdline": "iommu=off iommu=pt intel_iommu=on\n"}, "has iommu=off; take that away"),
        ({DMAR: "", "/proc/cmdline": "quiet -- intel_iommu=off iommu=off\n"}, ADD),
        ({DMAR: "", "/proc/cmdline": "amd_iommu=off iommu=pt\n"}, ADD),
        ({DMAR: "", **RELEASE, "/boot/config-6.12.1": ON}, NOT_STARTED),
        ({DMAR: "", **RELEASE, "/lib/modules/6.12.1/config": ON}, NOT_STARTED),
        ({DMAR: "", **RELEASE, "/boot/config-6.12.1": "CONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF=y\n"}, NOT_STARTED),
        ({DMAR: "", **RELEASE, "/boot/config-6.12.1": "CONFIG_INTEL_IOMMU_DEFAULT_OFF=y\n"}, ADD),
        ({DMAR: "", **RELEASE, "/boot/config-6.12.1": "# CONFIG_INTEL_IOMMU_DEFAULT_ON is not set\n"}, ADD),
        ({DMAR: "", **RELEASE, "/boot/config-6.11.0": ON}, ADD),
        ({IVRS: "", "/proc/cmdline": "amd_iommu=off\n"}, "amd_iommu=off; take that away"),
        ({IVRS: "", "/proc/cmdline": "amd_iommu=off amd_iommu=on\n"}, "amd_iommu=off; take that away"),
        ({IVRS: "", "/proc/cmdline": "intel_iommu=off amd_iommu=pgtbl_v2\n"}, NOT_STARTED),
        # firmware comes first
        ({"/proc/cmdline": "iommu=off intel_iommu=on\n"}, MISSING),
        ({"/proc/cpuinfo": "vendor_id\t: GenuineIntel\nflags\t\t: fpu vmx\n"}, "switch on VT-d in"),
        ({"/proc/cpuinfo": "vendor_id\t: AuthenticAMD\nflags\t\t: fpu svm\n"}, "switch on AMD-Vi (IOMMU) in"),
        # ARM
        ({"/proc/sys/kernel/arch": "aarch64\n"}, "switch on the SMMU in the firmware's set-up"),
        ({"/sys/firmware/acpi/tables/IORT": ""}, "SMMU of its ACPI table IORT; switch on the SMMU in the firmware's"),
        ({"/proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x41\n"}, "switch on the SMMU in the firmware's"),
        ({"/proc/device-tree/compatible": "rockchip,rk3588\0"}, "no SMMU of the device tree"),
        # RISC-V, s390x, POWER
        ({"/sys/firmware/acpi/tables/RIMT": ""}, "no RISC-V IOMMU (ACPI table RIMT)"),
        ({"/proc/cpuinfo": "processor\t: 0\nhart\t: 0\nisa\t\t: rv64imafdch\n"}, "no RISC-V IOMMU (device tree"),
        ({"/proc/cpuinfo": "vendor_id       : IBM/S390\n"}, "every PCI function of s390x has an IOMMU"),
        ({"/proc/cpuinfo": "processor\t: 0\ncpu\t\t: POWER9, altivec supported\n"}, "CONFIG_SPAPR_TCE_IOMMU"),
        # guests
        ({"/proc/cpuinfo": "flags\t\t: fpu vme hypervisor lahf_lm\n"}, "<iommu model='intel'/>"),
        ({"/proc/cpuinfo": "flags\t\t: fpu vme\nbugs\t\t: hypervisor\n"}, MISSING),
        ({"/sys/firmware/acpi/tables/WAET": ""}, "<iommu model='intel'/>"),
        ({"/sys/hypervisor/type": "xen\n"}, "this is a virtual machine, and its host gives it no IOMMU"),
        (
            {"/proc/sys/kernel/arch": "aarch64\n", "/proc/device-tree/compatible": "linux,dummy-virt\0"},
            "<iommu model='smmuv3'/>",
        ),
        ({"/sys/class/dmi/id/sys_vendor": "QEMU\n", "/sys/firmware/acpi/tables/RHCT": ""}, "<iommu model='virtio'/>"),
        ({"/sys/class/dmi/id/sys_vendor": "QEMU\n", DMAR: "", "/proc/cmdline": "quiet\n"}, ADD),
    ],
)
def test_the_advice_fits_the_platform(folder, contents, told):
    reason = read_host(tree(folder, contents)).iommu_reason
    assert told in reason
    x86 = ("VT-d", "AMD-Vi", "intel_iommu")
    assert (
        told in (MISSING, ADD)
        or told.startswith(("intel", "switch on VT", "switch on AMD"))
        or not any(word in reason for word in x86)
    )


GROUPS = "/sys/kernel/iommu_groups"


@pytest.mark.parametrize("name", ["", "vfio-noiommu-not\n"])
def test_a_group_that_is_not_vfios_own_has_an_iommu(folder, name):
    contents = {f"{GROUPS}/0/name": "vfio-noiommu\n", f"{GROUPS}/1/{'name' if name else 'type'}": name}
    assert read_host(tree(folder, contents)).iommu


@pytest.mark.parametrize(
    "sign",
    [
        {},
        {"/sys/class/iommu/dmar0/x": "", "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode": "Y\n"},
        {"/sys/class/iommu/dmar0/x": "", "/sys/class/vfio/noiommu-0/dev": "511:0\n"},
    ],
)
def test_groups_that_vfio_made_without_an_iommu_are_none(folder, sign):
    host = read_host(tree(folder, {f"{GROUPS}/{number}/name": "vfio-noiommu\n" for number in (0, 1)} | sign))
    assert (host.iommu, host.iommu_reason[:4]) == (False, "off:")


def test_groups_are_not_asked_for_their_names_where_nothing_speaks_for_it(folder):
    asked = []

    class Asked(Tree):
        def data(self, path, limit=1 << 24):
            asked.append(path)
            return super().data(path, limit)

    files(folder, {"/sys/class/iommu/dmar0/x": "", f"{GROUPS}/0/name": "x", "/sys/class/vfio/12/dev": "511:0\n"})
    assert read_host(Asked(str(folder))).iommu
    assert not any(path.startswith(GROUPS) for path in asked)
