# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much was gathered, in one line."""

from __future__ import annotations

import typing as t

_WORDS = {
    "iommu_groups": ("IOMMU group", "IOMMU groups"),
    "pools": ("pool", "pools"),
    "claims": ("claim", "claims"),
}


def gathered_told(gathered: t.Mapping[str, t.Any]) -> str:
    """The number of PCI functions, of these that may be claimed now, and of what else was asked for."""
    parts = []
    if "devices" in gathered:
        functions = [device for device in gathered["devices"] if device["capability"] == "pci"]
        parts.append(_number(len(functions), "PCI function", "PCI functions"))
        if any("claimable" in function for function in functions):
            parts.append(f"{sum(1 for function in functions if function.get('claimable'))} claimable")
        others = len(gathered["devices"]) - len(functions)
        parts += [_number(others, "other device", "other devices")] if others else []
    parts += [_number(len(gathered[part]), *words) for part, words in _WORDS.items() if part in gathered]
    if "drift" in gathered:
        parts.append(f"{len(gathered['drift'])} of drift" if gathered["drift"] else "no drift")
    return ", ".join(parts) or "facts of the host"


def _number(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
