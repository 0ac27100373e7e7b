# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why the IOMMU is off, and the step that leads on from there, which differs from platform to platform."""

from __future__ import annotations

import re
import typing as t

from ..._model.boot.iommu_arguments import AMD, INTEL, names_intel_switch, switched_off_by, words_of

if t.TYPE_CHECKING:
    from ..sysfs import Tree

TABLES = "/sys/firmware/acpi/tables"
# The name that a firmware's set-up has for it, by the processor's vendor_id.
_SETTINGS = {"GenuineIntel": "VT-d", "AuthenticAMD": "AMD-Vi (IOMMU)", "HygonGenuine": "AMD-Vi (IOMMU)"}
# Debian's kernel has a choice of its own, which leaves out integrated graphics.
_ON_BY_DEFAULT = re.compile(rb"^CONFIG_INTEL_IOMMU_DEFAULT_ON(_INTGPU_OFF)?=y$", re.MULTILINE)
# What tells the architecture where the kernel's own word for it (from 6.1) is not to be had: the first lines of
# /proc/cpuinfo, and tables that firmware has for one architecture alone (ACPI 6.5, 5.2.6 and its registry).
_CPUS = {"aarch64": "CPU implementer", "riscv64": "isa\t", "s390x": "IBM/S390", "ppc64le": "POWER"}
_TABLES_OF = {"aarch64": {"IORT", "GTDT"}, "riscv64": {"RIMT", "RHCT"}, "x86_64": {"DMAR", "IVRS"}}
# The virtual IOMMU that a guest of the architecture can have (libvirt's formatdomain).
_VIRTUAL = {"aarch64": "<iommu model='smmuv3'/>", "x86_64": "<iommu model='intel'/>"}
_VIRTUAL_ELSEWHERE = "<iommu model='virtio'/>"


def why_off(tree: Tree, release: str) -> str:
    """What keeps the IOMMU off, with what to do about it."""
    tables = set(tree.names(TABLES))
    processor = first_processor(tree)
    machine = machine_of(tree, tables, processor)
    table = next((name for name in ("DMAR", "IVRS") if name in tables), None)
    if table is not None:
        return _described(tree, table, release)
    if is_virtual(tree, tables, processor):
        iommu = _VIRTUAL.get(machine, _VIRTUAL_ELSEWHERE)
        return f"off: this is a virtual machine, and its host gives it no IOMMU; have its domain there get {iommu}"
    missing = _MISSING.get(machine)
    return _missing_on_x86(processor) if missing is None else missing(tree, tables)


def first_processor(tree: Tree) -> str:
    """What the kernel tells of the first processor: thousands take their time to be told."""
    return (tree.data("/proc/cpuinfo", 4096) or b"").decode("utf-8", "replace")


def vendor_of(processor: str) -> str:
    """The vendor_id of an x86, empty without."""
    vendor = re.search(r"^vendor_id\s*:\s*(\S+)", processor, re.MULTILINE)
    return vendor.group(1) if vendor else ""


def machine_of(tree: Tree, tables: t.Collection[str], processor: str) -> str:
    """The architecture, by the kernel's name for it."""
    machine = tree.text("/proc/sys/kernel/arch")
    if machine:
        return machine.replace("arm64", "aarch64")
    for name, mark in _CPUS.items():
        if mark in processor:
            return name
    told = (name for name, own in _TABLES_OF.items() if own & {*tables})
    # There are no boards of today's x86 with a device tree, and of those that have one most are ARM.
    return next(told, "aarch64" if tree.exists("/proc/device-tree/compatible") else "x86_64")


def _described(tree: Tree, table: str, release: str) -> str:
    """What keeps an IOMMU off that the firmware of an x86 describes (Documentation/admin-guide/kernel-parameters)."""
    words = words_of(tree.text("/proc/cmdline") or "")
    off = switched_off_by(words, {"DMAR": INTEL, "IVRS": AMD}[table])
    if off is not None:
        return f"off: the kernel's command line has {off}; take that away"
    if table == "DMAR" and not names_intel_switch(words) and not on_by_default(tree, release):
        return "off: the firmware has one (ACPI table DMAR); add intel_iommu=on to the kernel's command line"
    return f"off: the firmware has one (ACPI table {table}), the kernel did not start it; see its boot messages"


def on_by_default(tree: Tree, release: str) -> bool | None:
    """Whether the kernel needs no intel_iommu=on; None where its configuration is not there to tell."""
    places = (f"/boot/config-{release}", f"/lib/modules/{release}/config")
    data = next((data for data in map(tree.data, places) if data is not None), None)
    return None if data is None else _ON_BY_DEFAULT.search(data) is not None


def is_virtual(tree: Tree, tables: t.Collection[str], processor: str) -> bool:
    """Whether the host is itself a guest, as systemd-detect-virt would find out without asking the processor."""
    return (
        re.search(r"^flags\s*:.*\bhypervisor\b", processor, re.MULTILINE) is not None
        or "WAET" in tables  # Windows ACPI Emulated Devices Table
        or tree.exists("/sys/hypervisor/type")
        or tree.exists("/proc/device-tree/hypervisor")
        or "linux,dummy-virt" in (tree.text("/proc/device-tree/compatible") or "")
        or tree.text("/sys/class/dmi/id/sys_vendor") == "QEMU"
    )


def _missing_on_x86(processor: str) -> str:
    setting = _SETTINGS.get(vendor_of(processor), "VT-d or AMD-Vi")
    return (
        "off: the firmware describes no IOMMU (no DMAR or IVRS table in ACPI); "
        f"switch on {setting} in the firmware's set-up"
    )


def _missing_on_arm(tree: Tree, tables: set[str]) -> str:
    if "IORT" in tables or not tree.exists("/proc/device-tree/compatible"):
        table = "of its ACPI table IORT" if "IORT" in tables else "since it has no ACPI table IORT"
        return (
            f"off: the kernel started no SMMU {table}; switch on the SMMU in the firmware's set-up, and see "
            "`dmesg | grep -i smmu`"
        )
    return (
        "off: the kernel started no SMMU of the device tree; where the board has one for its PCIe, boot with a device "
        "tree that enables it, and see `dmesg | grep -i smmu`"
    )


def _missing_on_riscv(_tree: Tree, tables: set[str]) -> str:
    where = "ACPI table RIMT" if "RIMT" in tables else "device tree, or ACPI table RIMT"
    return (
        f"off: the kernel started no RISC-V IOMMU ({where}); switch it on in the firmware's set-up, and boot a kernel "
        "that knows it (6.13, CONFIG_RISCV_IOMMU)"
    )


def _missing_on_s390(_tree: Tree, _tables: set[str]) -> str:
    return (
        "off: every PCI function of s390x has an IOMMU, and the kernel knows of no function; give the partition one, "
        "and boot without pci=off"
    )


def _missing_on_power(_tree: Tree, _tables: set[str]) -> str:
    return (
        "off: the platform has one, and the kernel lists no groups of it; boot a kernel with CONFIG_SPAPR_TCE_IOMMU, "
        "on the machine itself or in a guest whose PCI devices are passed through"
    )


_MISSING: dict[str, t.Callable[[Tree, set[str]], str]] = {
    "aarch64": _missing_on_arm,
    "riscv64": _missing_on_riscv,
    "s390x": _missing_on_s390,
    "ppc64le": _missing_on_power,
    "ppc64": _missing_on_power,
}
