# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why the IOMMU is off, and the step that leads on from there, which differs from platform to platform."""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from ..sysfs import Tree

_TABLES = "/sys/firmware/acpi/tables"
# What tells the architecture where the kernel's own word for it (from 6.1) is not to be had: the first lines of
# /proc/cpuinfo, and tables that firmware has for one architecture alone (ACPI 6.5, 5.2.6 and its registry).
_CPUS = {"aarch64": "CPU implementer", "riscv64": "isa\t", "s390x": "IBM/S390", "ppc64le": "POWER"}
_TABLES_OF = {"aarch64": {"IORT", "GTDT"}, "riscv64": {"RIMT", "RHCT"}, "x86_64": {"DMAR", "IVRS"}}
# The virtual IOMMU that a guest of the architecture can have (libvirt's formatdomain).
_VIRTUAL = {"aarch64": "<iommu model='smmuv3'/>", "x86_64": "<iommu model='intel'/>"}
_VIRTUAL_ELSEWHERE = "<iommu model='virtio'/>"


def why_off(tree: Tree, release: str) -> str:
    """What keeps the IOMMU off, with what to do about it."""
    tables = set(tree.names(_TABLES))
    # The first processor will do: thousands take their time to be told.
    processor = (tree.data("/proc/cpuinfo", 4096) or b"").decode("utf-8", "replace")
    machine = _machine(tree, tables, processor)
    table = next((name for name in ("DMAR", "IVRS") if name in tables), None)
    if table is not None:
        return _described(tree, table, release)
    if _virtual(tree, tables, processor):
        iommu = _VIRTUAL.get(machine, _VIRTUAL_ELSEWHERE)
        return f"off: this is a virtual machine, and its host gives it no IOMMU; have its domain there get {iommu}"
    return _MISSING.get(machine, _missing_on_x86)(tree, tables)


def _machine(tree: Tree, tables: set[str], processor: str) -> str:
    machine = tree.text("/proc/sys/kernel/arch")
    if machine:
        return machine.replace("arm64", "aarch64")
    for name, mark in _CPUS.items():
        if mark in processor:
            return name
    told = (name for name, own in _TABLES_OF.items() if tables & own)
    # There are no boards of today's x86 with a device tree, and of those that have one most are ARM.
    return next(told, "aarch64" if tree.exists("/proc/device-tree/compatible") else "x86_64")


def _switch(tree: Tree, name: str) -> str | None:
    """The last on or off of a parameter, whose value is a list such as on,sm_on; None without."""
    switch = None
    for parameter in (tree.text("/proc/cmdline") or "").split():
        key, _equals, values = parameter.partition("=")
        if key == name:
            switch = next((value for value in reversed(values.split(",")) if value in ("on", "off")), switch)
    return switch


def _described(tree: Tree, table: str, release: str) -> str:
    """What keeps an IOMMU off that the firmware of an x86 describes (Documentation/admin-guide/kernel-parameters)."""
    own = {"DMAR": "intel_iommu", "IVRS": "amd_iommu"}[table]
    for name in ("iommu", own):
        if _switch(tree, name) == "off":
            return f"off: the kernel's command line has {name}=off; take that away"
    if table == "DMAR" and _switch(tree, own) is None and not _on_by_default(tree, release):
        return "off: the firmware has one (ACPI table DMAR); add intel_iommu=on to the kernel's command line"
    return f"off: the firmware has one (ACPI table {table}), the kernel did not start it; see its boot messages"


def _on_by_default(tree: Tree, release: str) -> bool:
    """Whether the kernel needs no intel_iommu=on; false where its configuration is not there to tell."""
    places = (f"/boot/config-{release}", f"/lib/modules/{release}/config")
    return any(b"\nCONFIG_INTEL_IOMMU_DEFAULT_ON=y" in (tree.data(place) or b"") for place in places)


def _virtual(tree: Tree, tables: set[str], processor: str) -> bool:
    """Whether the host is itself a guest, as systemd-detect-virt would find out without asking the processor."""
    return (
        re.search(r"^flags\s*:.*\bhypervisor\b", processor, re.MULTILINE) is not None
        or "WAET" in tables  # Windows ACPI Emulated Devices Table
        or tree.exists("/sys/hypervisor/type")
        or tree.exists("/proc/device-tree/hypervisor")
        or "linux,dummy-virt" in (tree.text("/proc/device-tree/compatible") or "")
        or tree.text("/sys/class/dmi/id/sys_vendor") == "QEMU"
    )


def _missing_on_x86(_tree: Tree, _tables: set[str]) -> str:
    return (
        "off: the firmware describes no IOMMU (no DMAR or IVRS table in ACPI); "
        "switch on VT-d or AMD-Vi in the firmware's set-up"
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
