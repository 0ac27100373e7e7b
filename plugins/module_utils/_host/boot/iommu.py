# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading what firmware and kernel have for giving devices to guests."""

from __future__ import annotations

import re
import typing as t
from collections import Counter

from ..._model.boot.iommu_arguments import words_of
from ..._model.boot.platform import DRIVERS, ON_BY_DEFAULT, Boot
from ..reading.host_facts import read_host
from ..reading.iommu_groups import GROUPS, groups_without_iommu
from ..reading.iommu_reason import (
    TABLES,
    first_processor,
    is_virtual,
    machine_of,
    on_by_default,
    vendor_of,
)

if t.TYPE_CHECKING:
    from ..sysfs import Tree

_INTERRUPTS = "/sys/kernel/irq"
# Where the words of a command line stand: files, or folders with the ending of their files.
_PLACES = (
    ("/etc/default/grub", None),
    ("/etc/default/grub.d", ".cfg"),
    ("/etc/kernel/cmdline", None),
    ("/etc/kernel/cmdline.d", ""),
    ("/usr/lib/kernel/cmdline", None),
    *((f"{boot}/loader/entries", ".conf") for boot in ("/boot", "/efi", "/boot/efi")),
)
# What loaders are given is made of the above; they count where nothing else tells.
_GENERATED = (("/boot/grub/grub.cfg", None), ("/boot/grub2/grub.cfg", None))


def read_boot(tree: Tree) -> Boot:
    """What was booted, by firmware, command line and effect."""
    tables = tree.names(TABLES)
    processor = first_processor(tree)
    host = read_host(tree)
    words = words_of(tree.text("/proc/cmdline") or "")
    boot = Boot(
        machine=machine_of(tree, tables, processor),
        enabled=host.iommu is True,
        reason=host.iommu_reason,
        release=host.kernel_release,
        vendor=vendor_of(processor),
        virtual=is_virtual(tree, tables, processor),
        tables=frozenset(tables) & {"DMAR", "IVRS", "IORT"},
        dmar_flags=_dmar_flags(tree),
        words=words,
        configs=dict(_configs(tree, host.kernel_release)),
        interrupt_remapping=_interrupt_remapping(tree),
        unsafe_interrupts=tree.text("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts") == "Y",
        processor_flag=_processor_flag(processor),
        kvm=tree.exists("/dev/kvm"),
    )
    unwanted = [contradiction["argument"] for contradiction in boot.contradictions]
    return Boot(**{**vars(boot), "places": {word: _places(tree, word) for word in unwanted}}) if unwanted else boot


def lockdown(tree: Tree) -> str | None:
    """The kernel's lockdown, the word in brackets of none, integrity and confidentiality (kernel_lockdown(7))."""
    word = re.search(r"\[(\w+)\]", tree.text("/sys/kernel/security/lockdown") or "")
    return word.group(1) if word else None


def group_types(tree: Tree) -> dict[str, int]:
    """How many IOMMU groups have which type of translation, such as DMA-FQ or identity."""
    without = groups_without_iommu(tree)
    types = (tree.text(f"{GROUPS}/{name}/type") or "unknown" for name in tree.names(GROUPS) if name not in without)
    return dict(sorted(Counter(types).items()))


def units(tree: Tree) -> list[str]:
    """The IOMMUs that the kernel started, such as dmar0, ivhd0, smmu3.0x..., or virtio's."""
    return tree.names("/sys/class/iommu")


def _dmar_flags(tree: Tree) -> int | None:
    """The flags of the table DMAR, after its header of 36 bytes and the width of addresses; root may read it."""
    table = tree.data(f"{TABLES}/DMAR", 48)
    return table[37] if table is not None and len(table) > 37 else None


def _configs(tree: Tree, release: str) -> t.Iterator[tuple[str, frozenset[str]]]:
    for name in sorted({release, *tree.names("/lib/modules")} - {""}):
        default = on_by_default(tree, name)
        if default is None:
            continue
        data = tree.data(f"/boot/config-{name}") or tree.data(f"/lib/modules/{name}/config") or b""
        options = {option for option in DRIVERS if re.search(rf"^{option}=[ym]$".encode(), data, re.MULTILINE)}
        yield name, frozenset(options | ({ON_BY_DEFAULT} if default else set()))


def _interrupt_remapping(tree: Tree) -> bool | None:
    """Whether interrupts go through the IOMMU, as the names of their chips tell; the first ones are the I/O APIC's.

    IR-IO-APIC, IR-PCI-MSI and so on in drivers/iommu/intel/irq_remapping.c, drivers/iommu/amd/iommu.c and
    arch/x86/kernel/apic; None where no interrupt has a chip of x86.
    """
    told = None
    for name in sorted(tree.names(_INTERRUPTS), key=lambda name: (len(name), name)):
        chip = tree.text(f"{_INTERRUPTS}/{name}/chip_name") or ""
        if chip.startswith("IR-"):
            return True
        if chip.startswith(("IO-APIC", "PCI-MSI")):
            told = False
    return told


def _processor_flag(processor: str) -> str | None:
    flags = re.search(r"^flags\s*:(.*)$", processor, re.MULTILINE)
    words = flags.group(1).split() if flags else []
    return next((flag for flag in ("vmx", "svm") if flag in words), None)


def _places(tree: Tree, word: str) -> list[str]:
    """The files in which the word stands as a whole."""
    whole = re.compile(rb"(?<![^\s\"'=])" + re.escape(word).encode() + rb"(?![^\s\"'\\])")
    for places in (_PLACES, _GENERATED):
        files = [file for place, ending in places for file in _files(tree, place, ending)]
        found = [file for file in files if whole.search(tree.data(file) or b"")]
        if found:
            return found
    return []


def _files(tree: Tree, place: str, ending: str | None) -> list[str]:
    return [place] if ending is None else [f"{place}/{name}" for name in tree.names(place) if name.endswith(ending)]
