# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's command line as far as it concerns the IOMMU (Documentation/admin-guide/kernel-parameters.txt)."""

from __future__ import annotations

import typing as t

INTEL, AMD, ARM64, OTHER = "intel", "amd", "arm64", "other"

# What one platform calls its own parameter, where it has one that switches the IOMMU off.
_OWN = {INTEL: "intel_iommu", AMD: "amd_iommu"}


def words_of(line: str) -> tuple[str, ...]:
    """The kernel's own words: what follows a lone -- is for init (kernel/params.c, parse_args)."""
    words = line.split()
    return tuple(words[: words.index("--")] if "--" in words else words)


def switched_off_by(words: t.Iterable[str], platform: str) -> str | None:
    """The word that keeps the IOMMU of a platform off, as it is written; None without.

    Of intel_iommu the last word wins (drivers/iommu/intel/iommu.c, intel_iommu_setup). An iommu=off, which is of x86
    alone, or an amd_iommu=off is taken back by nothing (arch/x86/kernel/pci-dma.c, drivers/iommu/amd/init.c).
    """
    own, off = _OWN.get(platform), None
    for word in words:
        name, values = _parts(word)
        if name == "iommu" and own is not None and "off" in values:
            return word
        if name == own:
            for value in values:
                if value == "off":
                    off = word
                elif value == "on" and platform == INTEL:
                    off = None
    return off


def names_intel_switch(words: t.Iterable[str]) -> bool:
    """Whether intel_iommu is switched on or off by any word."""
    return any(name == "intel_iommu" and {"on", "off"} & {*values} for name, values in map(_parts, words))


def remapping_off_by(words: t.Iterable[str]) -> str | None:
    """The word that keeps interrupt remapping off, or None (drivers/iommu/irq_remapping.c, setup_irqremap)."""
    off = None
    for word in words:
        name, values = _parts(word)
        if name == "nointremap":
            return word
        if name == "intremap":
            for value in values:
                off = word if value == "off" else None if value == "on" else off
    return off


def _parts(word: str) -> tuple[str, list[str]]:
    """A parameter's name, in which - is _ (kernel/params.c, parameq), and its values."""
    name, _equals, values = word.partition("=")
    return name.replace("-", "_"), values.strip('"').split(",")
