# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.host_facts import read_host
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.module_aliases import ModuleAliases
from ansible_collections.kvm.hostdev.plugins.module_utils._host.reading.pci_ids import read_names
from ansible_collections.kvm.hostdev.plugins.module_utils._host.sysfs import Tree
from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.host_facts import HostFacts, NumaNode
from ansible_collections.kvm.hostdev.tests.unit.helpers.made import device
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files


def tree(folder, contents):
    files(folder, contents)
    return Tree(str(folder))


# host


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
    found = read_host(
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
    assert found.numa_nodes == {
        0: NumaNode(frozenset({0, 1}), 0),
        1: NumaNode(frozenset({2, 3}), 1),
        3: NumaNode(frozenset({4}), None),
    }


def test_a_release_of_more_digits_than_python_reads_counts_as_a_new_kernel(folder):
    assert read_host(tree(folder, {"/proc/sys/kernel/osrelease": f"6.{'9' * 5000}\n"})).kernel == (6, 999999999)
    assert read_host(tree(folder, {"/proc/sys/kernel/osrelease": f"{'9' * 5000}.1\n"})).kernel == (99, 0)


def test_a_host_of_which_nothing_is_known_counts_as_a_new_kernel(folder):
    found = read_host(tree(folder, {}))
    assert (found.kernel_release, found.kernel, found.boot_id, found.iommu) == ("", (99, 0), "", False)


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
    found = read_host(tree(folder, contents))
    assert (found.iommu, found.iommu_reason) == (False, reason)


def test_an_iommu_without_units_in_sysfs_is_on_by_its_groups(folder):
    found = read_host(tree(folder, {"/sys/kernel/iommu_groups/0/type": "DMA\n"}))
    assert (found.iommu, found.iommu_reason) == (True, "on: the kernel lists IOMMU groups")


@pytest.mark.parametrize("path", ["/sys/bus/pci/drivers/vfio-pci/bind", "/sys/module/vfio_pci/refcnt"])
def test_vfio_is_present_as_a_driver_or_a_module(folder, path):
    assert read_host(tree(folder, {path: ""})).vfio_present


# names

PCI_IDS = """\
# a comment
1234  Technical Corp.
8086  Intel Corporation
\t10c9  82576 Gigabit Network Connection
\t\t8086 a03c  Gigabit ET Dual Port Server Adapter
\t10d3  82574L Gigabit Network Connection
15b3  Mellanox Technologies
\t10c9  not Intel's

C 02  Network controller
\t00  Ethernet controller
\t\t01  with an interface
C 03  Display controller
"""
CARD = device(
    "0000:01:00.0",
    product_id="10c9",
    subsystem_vendor_id="8086",
    subsystem_product_id="a03c",
)


@pytest.mark.parametrize("place", ["/usr/share/hwdata/pci.ids", "/usr/share/misc/pci.ids", "/usr/share/pci.ids"])
def test_names_come_from_the_hosts_own_file(folder, place):
    names = read_names(tree(folder, {place: PCI_IDS}), [CARD])
    assert names.vendor("8086") == "Intel Corporation"
    assert names.product("8086", "10c9") == "82576 Gigabit Network Connection"
    assert names.subsystem(CARD) == "Gigabit ET Dual Port Server Adapter"
    assert names.pci_class("020000") == "Ethernet controller"


def test_a_class_without_a_subclass_has_its_own_name(folder):
    names = read_names(tree(folder, {"/usr/share/misc/pci.ids": PCI_IDS}), [CARD])
    assert names.pci_class("030200") == "Display controller"
    assert names.pci_class("ff0000") is None


def test_ids_that_no_device_has_are_not_kept(folder):
    names = read_names(tree(folder, {"/usr/share/misc/pci.ids": PCI_IDS}), [CARD])
    assert names.vendor("15b3") is None
    assert names.product("15b3", "10c9") is None
    assert names.product("8086", "10d3") is None


def test_the_subsystems_vendor_is_named_too(folder):
    names = read_names(
        tree(folder, {"/usr/share/misc/pci.ids": PCI_IDS}), [device("0000:01:00.0", subsystem_vendor_id="1234")]
    )
    assert names.vendor("1234") == "Technical Corp."


def test_without_a_file_nothing_has_a_name(folder):
    names = read_names(tree(folder, {}), [CARD])
    assert [names.vendor("8086"), names.product("8086", "10c9"), names.subsystem(CARD), names.pci_class("020000")] == [
        None,
        None,
        None,
        None,
    ]


def test_odd_lines_do_not_end_the_reading(folder):
    text = "\t\n\t\t\n8086\n\t10c9\n\t\t8086\n\t\nC \nC 02\n\t\n"
    names = read_names(tree(folder, {"/usr/share/misc/pci.ids": text}), [CARD])
    assert names.product("8086", "10d3") is None


# VFIO drivers

MLX5 = device("0000:01:00.2", modalias="pci:v000015B3d0000101Esv000015B3sd00000001bc02sc00i00", vendor_id="15b3")
ALIASES = """\
alias pci:v000015B3d*sv*sd*bc02sc00i* mlx5_core
alias pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_other
alias pci:v*d*sv*sd*bc02sc00i00 any_net
alias pci:v00008086d*sv*sd*bc*sc*i* intel
alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci
alias vfio_pci:v000015B3d*sv*sd*bc*sc*i* loose_vfio_pci
alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci
alias usb:v1234p* usb_thing
"""


def aliases(folder, text, place="/lib/modules/6.12/modules.alias"):
    return ModuleAliases(tree(folder, {place: text}), "6.12")


def test_the_variant_driver_with_the_fewest_wildcards_is_taken(folder):
    assert aliases(folder, ALIASES).vfio_driver(MLX5) == "mlx5_vfio_pci"


def test_a_function_that_no_variant_fits_gets_the_generic_driver(folder):
    intel = device("0000:01:00.0", modalias="pci:v00008086d000010CAsv00001AF4sd00001100bc02sc00i00")
    assert aliases(folder, ALIASES).vfio_driver(intel) == "vfio-pci"


@pytest.mark.parametrize("text", ["", "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"])
def test_without_variants_the_driver_is_named_with_a_hyphen(folder, text):
    assert aliases(folder, text).vfio_driver(MLX5) == "vfio-pci"


def test_candidates_are_the_modules_that_fit_without_vfio(folder):
    assert aliases(folder, ALIASES).candidates(MLX5) == ["any_net", "mlx5_core", "mlx5_other"]


def test_modules_below_usr_are_found(folder):
    found = aliases(folder, ALIASES, "/usr/lib/modules/6.12/modules.alias")
    assert found.vfio_driver(MLX5) == "mlx5_vfio_pci"


def test_the_lab_hosts_candidates(lab):
    found = ModuleAliases(lab, "6.12.117+deb13-amd64")
    vf = device("0000:01:10.0", modalias="pci:v00008086d000010CAsv00001AF4sd00001100bc02sc00i00")
    nvme = device("0000:81:00.0", vendor_id="1b36", modalias="pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02")
    assert found.candidates(vf) == ["igbvf"]
    assert found.candidates(nvme) == ["nvme"]
    assert found.vfio_driver(vf) == "vfio-pci"


@pytest.mark.parametrize("line", ["alias", "alias pci:v00008086d*", "alias vfio_pci:v00008086d*", "alias pci:v*d* "])
def test_a_line_of_modules_alias_that_is_cut_off_counts_for_nothing(folder, line):
    found = aliases(folder, f"{line}\n{ALIASES}{line}")
    assert found.candidates(MLX5) == aliases(folder, ALIASES).candidates(MLX5) != []
    assert found.vfio_driver(MLX5) == aliases(folder, ALIASES).vfio_driver(MLX5)
