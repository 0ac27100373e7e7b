# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.tests.unit.helpers.module_on_tree import ModuleOnTree
from ansible_collections.kvm.hostdev.tests.unit.helpers.recorded import files

# QEMU's table: a header of 36 bytes, the width of addresses, and the flags.
DMAR = {"/sys/firmware/acpi/tables/DMAR": "DMAR".ljust(36) + "&" + "\1" + "\0" * 10}
INTEL = {
    **DMAR,
    "/proc/sys/kernel/arch": "x86_64\n",
    "/proc/sys/kernel/osrelease": "6.12.57\n",
    "/proc/cpuinfo": "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu vmx lahf_lm\n",
    "/boot/config-6.12.57": "CONFIG_INTEL_IOMMU=y\nCONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF=y\nCONFIG_AMD_IOMMU=y\n",
    "/dev/kvm": "",
}
ON = {
    "/sys/class/iommu/dmar0/x": "",
    "/sys/kernel/iommu_groups/0/type": "DMA-FQ\n",
    "/sys/kernel/iommu_groups/1/type": "identity\n",
    "/sys/kernel/iommu_groups/2/type": "DMA-FQ\n",
    "/sys/kernel/irq/0/chip_name": "IR-IO-APIC\n",
}


@pytest.fixture
def info(folder, monkeypatch, capsys):
    def run(contents, **options):
        files(folder, contents)
        return ModuleOnTree(folder, monkeypatch, capsys).run("iommu_info", **options)

    return run


def test_a_host_that_has_all(info):
    lockdown = {"/sys/kernel/security/lockdown": "none [integrity] confidentiality\n"}
    result = info({**INTEL, **ON, **lockdown, "/proc/cmdline": "root=/dev/vda2 ro\n"}, identity=True)
    assert {key: value for key, value in result.items() if key != "invocation"} == {
        "changed": False,
        "msg": "intel: the IOMMU is on: dmar0; nothing is missing",
        "platform": "intel",
        "machine": "x86_64",
        "virtual": False,
        "enabled": True,
        "reason": "on: dmar0",
        "firmware": {"tables": ["DMAR"], "iommu": True, "interrupt_remapping": True, "opt_in": False},
        "kernel": {
            "release": "6.12.57",
            "on_by_default": True,
            "arguments": ["root=/dev/vda2", "ro"],
            "contradictions": [],
        },
        "units": ["dmar0"],
        "group_types": {"DMA-FQ": 2, "identity": 1},
        "interrupt_remapping": True,
        "lockdown": "integrity",
        "virtualization": {"flag": "vmx", "kvm": True},
        "recommended_arguments": ["iommu=pt"],
        "missing": [],
    }


@pytest.mark.parametrize(
    ("places", "told"),
    [
        ({}, []),
        ({"/etc/default/grub": 'GRUB_CMDLINE_LINUX="quiet intel_iommu=off"\n'}, ["/etc/default/grub"]),
        ({"/etc/default/grub": "GRUB_CMDLINE_LINUX=intel_iommu=off\n"}, ["/etc/default/grub"]),
        ({"/etc/default/grub": 'GRUB_CMDLINE_LINUX="intel_iommu=off,sm_on"\n'}, []),
        ({"/etc/default/grub": 'GRUB_CMDLINE_LINUX="x.intel_iommu=off"\n'}, []),
        (
            {
                "/etc/default/grub.d/50-cloudimg-settings.cfg": "GRUB_CMDLINE_LINUX_DEFAULT='intel_iommu=off'\n",
                "/etc/default/grub.d/50.cfg.old": "GRUB_CMDLINE_LINUX_DEFAULT='intel_iommu=off'\n",
                "/etc/kernel/cmdline": "root=/dev/vda2 intel_iommu=off",
                "/boot/efi/loader/entries/debian-6.12.conf": "options root=/dev/vda2 intel_iommu=off ro\n",
                "/boot/grub/grub.cfg": "linux /vmlinuz root=/dev/vda2 intel_iommu=off\n",
            },
            [
                "/etc/default/grub.d/50-cloudimg-settings.cfg",
                "/etc/kernel/cmdline",
                "/boot/efi/loader/entries/debian-6.12.conf",
            ],
        ),
        ({"/boot/grub/grub.cfg": "linux /vmlinuz root=/dev/vda2 intel_iommu=off\n"}, ["/boot/grub/grub.cfg"]),
    ],
)
def test_what_keeps_the_iommu_off_is_named_with_its_file(info, places, told):
    result = info({**INTEL, **places, "/proc/cmdline": "root=/dev/vda2 intel_iommu=off\n"})
    assert result["enabled"] is False
    assert result["kernel"]["contradictions"] == [{"argument": "intel_iommu=off", "files": told}]
    assert result["recommended_arguments"] == ["intel_iommu=on"]
    (line,) = result["missing"]
    assert line.startswith("the IOMMU is off: the kernel's command line has intel_iommu=off")
    assert (f" (from {', '.join(told)})" in line) is bool(told)


def test_another_installed_kernel_that_needs_the_argument_counts(info):
    old = {"/lib/modules/6.1.0/config": "CONFIG_INTEL_IOMMU=y\n", "/lib/modules/6.2.0/modules.dep": ""}
    assert info({**INTEL, **ON, **old})["recommended_arguments"] == ["intel_iommu=on"]


def test_a_firmware_without_one_is_told_what_its_setting_is_called(info):
    contents = {path: text for path, text in INTEL.items() if path not in DMAR}
    result = info(contents)
    assert (result["platform"], result["firmware"]["iommu"], result["firmware"]["interrupt_remapping"]) == (
        "intel",
        False,
        None,
    )
    assert result["missing"] == [
        "the IOMMU is off: the firmware describes no IOMMU (no DMAR or IVRS table in ACPI); switch on VT-d in the "
        "firmware's set-up"
    ]


@pytest.mark.parametrize(
    ("chips", "state"),
    [
        ({}, None),
        ({"0": "\n"}, None),
        ({"0": "", "9": "IO-APIC\n", "24": "PCI-MSI\n"}, False),
        ({"0": "IO-APIC\n", "24": "IR-PCI-MSI\n"}, True),
        ({"1": "GICv3\n", "24": "ITS-MSI\n"}, None),
    ],
)
def test_interrupt_remapping_is_told_by_the_chips_of_interrupts(info, chips, state):
    contents = {path: text for path, text in ON.items() if "irq" not in path}
    chips = {f"/sys/kernel/irq/{number}/chip_name": chip for number, chip in chips.items()}
    result = info({**INTEL, **contents, **chips})
    assert result["interrupt_remapping"] is state
    assert bool(result["missing"]) is (state is False)


def test_a_tree_of_which_nothing_is_known(info):
    result = info({})
    assert (result["platform"], result["enabled"], result["lockdown"], result["group_types"]) == (
        "other",
        False,
        None,
        {},
    )
