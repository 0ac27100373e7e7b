# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.kvm.hostdev.plugins.module_utils._model.boot.platform import (
    ON_BY_DEFAULT,
    Boot,
    kernel_default,
    missing,
    recommended_arguments,
)

DMAR, IVRS, IORT = frozenset({"DMAR"}), frozenset({"IVRS"}), frozenset({"IORT"})
INTEL = {"machine": "x86_64", "vendor": "GenuineIntel", "tables": DMAR}
AMD = {"machine": "x86_64", "vendor": "AuthenticAMD", "tables": IVRS}
ARM64 = {"machine": "aarch64", "tables": IORT}
ON, OFF = frozenset({ON_BY_DEFAULT, "CONFIG_INTEL_IOMMU"}), frozenset({"CONFIG_INTEL_IOMMU"})


def boot(**fields):
    return Boot(**{"enabled": True, "reason": "on: dmar0", "release": "6.12", **fields})


def off(reason="off: because", **fields):
    return boot(**{"enabled": False, "reason": reason, **fields})


@pytest.mark.parametrize(
    ("fields", "platform"),
    [
        (INTEL, "intel"),
        (AMD, "amd"),
        (ARM64, "arm64"),
        ({"machine": "aarch64"}, "arm64"),
        ({"machine": "x86_64", "vendor": "GenuineIntel"}, "intel"),
        ({"machine": "x86_64", "vendor": "HygonGenuine"}, "amd"),
        ({"machine": "x86_64", "vendor": "CentaurHauls", "tables": DMAR}, "intel"),
        ({"machine": "x86_64", "vendor": "CentaurHauls"}, "other"),
        ({"machine": "x86_64", "vendor": "AuthenticAMD", "tables": DMAR}, "intel"),  # QEMU's intel-iommu
        ({"machine": "s390x"}, "other"),
    ],
)
def test_the_platform_is_that_of_the_firmwares_table_else_of_the_processor(fields, platform):
    assert boot(**fields).platform == platform


@pytest.mark.parametrize(
    ("host", "arguments"),
    [
        # the kernel switches it on by itself
        (boot(**INTEL, configs={"6.12": ON}), []),
        (off(**INTEL, configs={"6.12": ON}), []),
        # it needs the argument, and has it or not
        (off(**INTEL, configs={"6.12": OFF}), ["intel_iommu=on"]),
        (off(**INTEL), ["intel_iommu=on"]),
        (boot(**INTEL, configs={"6.12": OFF}, words=("intel_iommu=on",)), ["intel_iommu=on"]),
        # once it stands there it stays wanted, also in the place of an off
        (boot(**INTEL, configs={"6.12": ON}, words=("intel_iommu=on",)), ["intel_iommu=on"]),
        (off(**INTEL, configs={"6.12": ON}, words=("intel_iommu=off",)), ["intel_iommu=on"]),
        # the firmware's opt-in switched it on
        (boot(**INTEL, configs={"6.12": OFF}), []),
        (boot(**INTEL), []),
        # another kernel that is installed needs it
        (boot(**INTEL, configs={"6.12": ON, "6.1": OFF}), ["intel_iommu=on"]),
        (boot(**INTEL, configs={"6.12": ON, "6.13": ON}), []),
        # the firmware's setting is to be switched on first, and one boot is enough
        (off(machine="x86_64", vendor="GenuineIntel"), ["intel_iommu=on"]),
        # a guest without one may get any kind
        (off(machine="x86_64", vendor="GenuineIntel", virtual=True), []),
        (off(**INTEL, virtual=True), ["intel_iommu=on"]),
        (off(**AMD), []),
        (off(**AMD, words=("intel_iommu=off",)), []),
        (off(**ARM64), []),
        (off(machine="riscv64"), []),
    ],
)
def test_intels_switch_is_wanted_where_it_is_needed(host, arguments):
    assert recommended_arguments(host, identity=False) == arguments


@pytest.mark.parametrize(
    ("fields", "arguments"),
    [
        ({**INTEL, "configs": {"6.12": ON}}, ["iommu=pt"]),
        (AMD, ["iommu=pt"]),
        (ARM64, ["iommu.passthrough=1"]),
        ({"machine": "ppc64le"}, []),
    ],
)
def test_identity_has_another_word_on_arm64(fields, arguments):
    assert recommended_arguments(boot(**fields), identity=True) == arguments


@pytest.mark.parametrize(
    ("fields", "default"),
    [
        ({**INTEL, "configs": {"6.12": ON}}, True),
        ({**INTEL, "configs": {"6.12": OFF, "6.13": ON}}, False),
        ({**INTEL, "configs": {"6.13": ON}}, None),
        (AMD, True),
        (ARM64, True),
        ({"machine": "riscv64"}, None),
    ],
)
def test_what_the_kernel_does_without_an_argument(fields, default):
    assert kernel_default(boot(**fields)) is default


PLACES = {"intel_iommu=off": ["/etc/default/grub", "/etc/kernel/cmdline"]}


@pytest.mark.parametrize(
    ("host", "lines"),
    [
        (boot(**INTEL), []),
        (boot(**INTEL, interrupt_remapping=True), []),
        (off(**INTEL), ["the IOMMU is off: because"]),
        (
            off(**INTEL, words=("intel_iommu=off",), places=PLACES),
            [
                "the IOMMU is off: the kernel's command line has intel_iommu=off (from /etc/default/grub, "
                "/etc/kernel/cmdline); take that away"
            ],
        ),
        (
            off(**AMD, words=("iommu=off",)),
            ["the IOMMU is off: the kernel's command line has iommu=off; take that away"],
        ),
        # no table: the firmware comes first
        (off(machine="x86_64", vendor="GenuineIntel", words=("intel_iommu=off",)), ["the IOMMU is off: because"]),
        (
            off(**INTEL, configs={"6.12": frozenset()}),
            ["the IOMMU is off: the kernel 6.12 was built without CONFIG_INTEL_IOMMU; boot one that has it"],
        ),
        (off(**AMD, configs={"6.12": frozenset({"CONFIG_AMD_IOMMU"})}), ["the IOMMU is off: because"]),
        (
            off(**ARM64, configs={"6.12": frozenset({"CONFIG_AMD_IOMMU"})}),
            [
                "the IOMMU is off: the kernel 6.12 was built without CONFIG_ARM_SMMU_V3 or CONFIG_ARM_SMMU; "
                "boot one that has it"
            ],
        ),
        (off(**ARM64, configs={"6.12": frozenset({"CONFIG_ARM_SMMU"})}), ["the IOMMU is off: because"]),
    ],
)
def test_what_is_missing_for_the_iommu_and_what_to_do(host, lines):
    assert missing(host) == lines


REMAPPING = "interrupt remapping is off, and VFIO gives no device away without it: "


@pytest.mark.parametrize(
    ("fields", "remedy"),
    [
        ({"words": ("intremap=off",)}, "the kernel's command line has intremap=off; take that away"),
        ({"virtual": True}, "have this guest's domain get <driver intremap='on'/> in its <iommu>"),
        (
            {"dmar_flags": 2},
            "the firmware's table DMAR says that it has none; update it, or switch on x2APIC in its set-up",
        ),
        ({"dmar_flags": 1}, "see `dmesg | grep -i remap`"),
        ({}, "see `dmesg | grep -i remap`"),
    ],
)
def test_what_is_missing_for_interrupt_remapping(fields, remedy):
    assert missing(boot(**INTEL, interrupt_remapping=False, **fields)) == [REMAPPING + remedy]
    assert missing(boot(**INTEL, interrupt_remapping=False, unsafe_interrupts=True, **fields)) == []
    assert missing(off(**INTEL, interrupt_remapping=False, words=("quiet",))) == ["the IOMMU is off: because"]


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({**INTEL, "processor_flag": "vmx"}, "there is no /dev/kvm; load its module: modprobe kvm_intel"),
        ({**AMD, "processor_flag": "svm"}, "there is no /dev/kvm; load its module: modprobe kvm_amd"),
        (
            INTEL,
            "the processor shows no vmx; switch on VT-x (Intel Virtualization Technology) in the firmware's set-up",
        ),
        (AMD, "the processor shows no svm; switch on SVM (AMD-V) in the firmware's set-up"),
        (
            {"machine": "x86_64", "vendor": "CentaurHauls"},
            "the processor shows no vmx or svm; switch on hardware virtualization in the firmware's set-up",
        ),
        (
            {**INTEL, "vendor": "AuthenticAMD", "virtual": True},
            "this guest's processor has no svm; have its domain get <cpu mode='host-passthrough'/>",
        ),
        (
            ARM64,
            "there is no /dev/kvm; boot the kernel in the mode of a hypervisor (on arm64 EL2), built with CONFIG_KVM",
        ),
    ],
)
def test_what_is_missing_to_run_guests(fields, line):
    assert missing(boot(**fields, kvm=False)) == [line]


def test_what_the_firmware_has():
    assert boot(**INTEL, dmar_flags=5).firmware == {
        "tables": ["DMAR"],
        "iommu": True,
        "interrupt_remapping": True,
        "opt_in": True,
    }
    assert boot(**INTEL, dmar_flags=2).firmware["interrupt_remapping"] is False
    assert boot(**INTEL).firmware["opt_in"] is None
    assert boot(machine="x86_64", vendor="AuthenticAMD").firmware["iommu"] is False
    assert boot(machine="aarch64").firmware["iommu"] is None
    assert boot(machine="s390x").firmware["iommu"] is None
