# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is free below the same PCI Express switch, and so reaches the other without the CPU."""

from __future__ import annotations

import typing as t

from ..kinds import OTHER
from ..models import Model, models, node, short_name
from ..states import FREE, Device, state
from .cells import at_most, plain, row, wrap_items


def switch_lines(devices: t.Sequence[Device], columns: int) -> list[str]:
    """A line for each outermost switch with something free that has company; `columns` is the width of an address."""
    below: dict[str, list[Device]] = {}
    for device in devices:
        for switch in (device.get("pcie_switches") or ())[-1:]:
            below.setdefault(switch, []).append(device)
    lines = [line for switch, own in below.items() if _has_company(own) for line in _switch(switch, own, columns)]
    if not lines:
        return []
    head = row(("SWITCH", columns), ("ROOT", 12), ("NODE", -4))
    return ["BELOW ONE SWITCH  these reach each other without the CPU", f"  {head}  FREE", *lines]


def _sought(devices: t.Iterable[Device]) -> list[Model]:
    return [model for model in models(devices) if model.kind != OTHER]


def _has_company(devices: t.Iterable[Device]) -> bool:
    """Whether anything that people look for is free there, and is not alone."""
    sought = [device for model in _sought(devices) for device in model.members]
    return len({device.get("slot") for device in sought}) > 1 and any(state(device) == FREE for device in sought)


def _switch(switch: str, devices: t.Sequence[Device], columns: int) -> list[str]:
    sample = devices[0]
    number = node(sample)
    where = row((switch, columns), (sample.get("pcie_root"), 12), ("-" if number is None else number, -4))
    free = [plain(_told(model)) for model in _sought(devices) if model.free]
    return at_most(wrap_items(free, f"  {where}  "), 2)


def _told(model: Model) -> str:
    return f"{len(model.free)} of {len(model.members)} {model.ids} {short_name(model.sample)}".rstrip()
