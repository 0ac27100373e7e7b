# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What firmware and kernel have for giving devices to guests: what a platform needs on its command line, and lacks."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from .iommu_arguments import AMD, ARM64, INTEL, OTHER, names_intel_switch, remapping_off_by, switched_off_by

_VENDORS = {"GenuineIntel": INTEL, "AuthenticAMD": AMD, "HygonGenuine": AMD}
_TABLES = {INTEL: "DMAR", AMD: "IVRS", ARM64: "IORT"}
# Of DMAR's flags (Intel VT-d specification 4.1, 8.1), the byte 37 of the table.
_INTERRUPT_REMAPPING, _OPT_IN = 1, 4
_FLAGS = {INTEL: "vmx", AMD: "svm"}
_SETTINGS = {INTEL: "VT-x (Intel Virtualization Technology)", AMD: "SVM (AMD-V)"}
_MODULES = {"vmx": "kvm_intel", "svm": "kvm_amd"}
# One of these drivers has what the platform calls its IOMMU.
_DRIVERS = {
    INTEL: ("CONFIG_INTEL_IOMMU",),
    AMD: ("CONFIG_AMD_IOMMU",),
    ARM64: ("CONFIG_ARM_SMMU_V3", "CONFIG_ARM_SMMU"),
}
DRIVERS = frozenset(name for names in _DRIVERS.values() for name in names)
ON_BY_DEFAULT = "on by default"
"""Stands among a kernel's options where it needs no intel_iommu=on."""


@dataclass(frozen=True)
class Boot:
    """What was read of a host; None stands for what could not be told.

    `configs` are the options that each installed kernel was built with, of DRIVERS and ON_BY_DEFAULT, by release.
    `places` are the files in which words of the command line stand. `reason` is that of pci_facts, why the IOMMU is on
    or off.
    """

    machine: str
    enabled: bool
    reason: str
    release: str = ""
    vendor: str = ""
    virtual: bool = False
    tables: frozenset[str] = frozenset()
    dmar_flags: int | None = None
    words: tuple[str, ...] = ()
    places: t.Mapping[str, t.Sequence[str]] = field(default_factory=dict)
    configs: t.Mapping[str, frozenset[str]] = field(default_factory=dict)
    interrupt_remapping: bool | None = None
    unsafe_interrupts: bool = False
    processor_flag: str | None = None
    kvm: bool = True

    @property
    def platform(self) -> str:
        """By the firmware's table first: a guest may have Intel's IOMMU with a processor of AMD."""
        for platform, table in ((INTEL, "DMAR"), (AMD, "IVRS")):
            if table in self.tables:
                return platform
        if self.machine in ("x86_64", "i686"):
            return _VENDORS.get(self.vendor, OTHER)
        return ARM64 if self.machine == "aarch64" else OTHER

    @property
    def firmware(self) -> dict[str, t.Any]:
        """What the firmware has, as it is returned."""
        table = _TABLES.get(self.platform)
        # A device tree tells of an SMMU in many ways.
        iommu = None if table is None or (self.platform == ARM64 and not self.tables) else table in self.tables
        flags = self.dmar_flags
        return {
            "tables": sorted(self.tables),
            "iommu": iommu,
            "interrupt_remapping": None if flags is None else bool(flags & _INTERRUPT_REMAPPING),
            "opt_in": None if flags is None else bool(flags & _OPT_IN),
        }

    @property
    def contradictions(self) -> list[dict[str, t.Any]]:
        """The words of the command line that keep something off, each with the files where it stands."""
        words = (switched_off_by(self.words, self.platform), remapping_off_by(self.words))
        return [{"argument": word, "files": list(self.places.get(word, ()))} for word in words if word is not None]


def kernel_default(boot: Boot) -> bool | None:
    """Whether the running kernel switches the IOMMU on without an argument."""
    if boot.platform != INTEL:
        return boot.platform in (AMD, ARM64) or None
    config = boot.configs.get(boot.release)
    return None if config is None else ON_BY_DEFAULT in config


def recommended_arguments(boot: Boot, *, identity: bool) -> list[str]:
    """What is to stand on the command line of all installed kernels.

    Never amd_iommu=on, which is no value that the kernel knows. `identity` maps the host's own devices one to one, for
    speed; giving devices to guests does not need it.
    """
    arguments = ["intel_iommu=on"] if _needs_intel_switch(boot) else []
    if identity and boot.platform in (INTEL, AMD):
        arguments.append("iommu=pt")
    elif identity and boot.platform == ARM64:
        arguments.append("iommu.passthrough=1")
    return arguments


def _needs_intel_switch(boot: Boot) -> bool:
    """Not where the kernel does it by itself, by what is seen first and by its configuration after that.

    Where it stands already it stays wanted: a role that took back what it had set would set it anew the next time.
    """
    if boot.platform != INTEL or (boot.virtual and "DMAR" not in boot.tables):
        return False
    if names_intel_switch(boot.words):
        return True
    own = kernel_default(boot)
    if not own:
        # Switched on all the same: by the firmware's opt-in bit, which all kernels heed.
        return not boot.enabled
    return not all(ON_BY_DEFAULT in config for config in boot.configs.values())


def missing(boot: Boot) -> list[str]:
    """A line for each thing that is missing, with what to do about it; none where all is there."""
    lines = (_missing_iommu(boot), _missing_remapping(boot), _missing_virtualization(boot))
    return [line for line in lines if line is not None]


def _missing_iommu(boot: Boot) -> str | None:
    if boot.enabled:
        return None
    off = switched_off_by(boot.words, boot.platform)
    if off is not None and _TABLES[boot.platform] in boot.tables:
        return f"the IOMMU is off: the kernel's command line has {off}{_standing(boot, off)}; take that away"
    config, drivers = boot.configs.get(boot.release), _DRIVERS.get(boot.platform)
    if config is not None and drivers is not None and not config & {*drivers}:
        lacking = " or ".join(drivers)
        return f"the IOMMU is off: the kernel {boot.release} was built without {lacking}; boot one that has it"
    return f"the IOMMU is {boot.reason}"


def _standing(boot: Boot, word: str) -> str:
    files = boot.places.get(word)
    return f" (from {', '.join(files)})" if files else ""


def _missing_remapping(boot: Boot) -> str | None:
    """VFIO gives no device away where a guest could forge the interrupts of others (vfio_iommu_type1.c)."""
    if not boot.enabled or boot.interrupt_remapping is not False or boot.unsafe_interrupts:
        return None
    off = remapping_off_by(boot.words)
    if off is not None:
        remedy = f"the kernel's command line has {off}{_standing(boot, off)}; take that away"
    elif boot.virtual:
        remedy = "have this guest's domain get <driver intremap='on'/> in its <iommu>"
    elif boot.firmware["interrupt_remapping"] is False:
        remedy = "the firmware's table DMAR says that it has none; update it, or switch on x2APIC in its set-up"
    else:
        remedy = "see `dmesg | grep -i remap`"
    return f"interrupt remapping is off, and VFIO gives no device away without it: {remedy}"


def _missing_virtualization(boot: Boot) -> str | None:
    if boot.kvm:
        return None
    if boot.machine != "x86_64":
        return "there is no /dev/kvm; boot the kernel in the mode of a hypervisor (on arm64 EL2), built with CONFIG_KVM"
    if boot.processor_flag is not None:
        return f"there is no /dev/kvm; load its module: modprobe {_MODULES[boot.processor_flag]}"
    # By the processor, not by the IOMMU, which in a guest may be another one's.
    platform = _VENDORS.get(boot.vendor, OTHER)
    flag = _FLAGS.get(platform, "vmx or svm")
    if boot.virtual:
        return f"this guest's processor has no {flag}; have its domain get <cpu mode='host-passthrough'/>"
    setting = _SETTINGS.get(platform, "hardware virtualization")
    return f"the processor shows no {flag}; switch on {setting} in the firmware's set-up"
