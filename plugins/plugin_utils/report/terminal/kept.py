# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stays with the host: functions that do so for the same reasons together, with these and their remedies."""

from __future__ import annotations

import typing as t

from ..carried import carried, driver
from ..kinds import KINDS, OTHER
from ..models import Model, model_kind, models
from ..reasons import Reason, reasons
from ..states import KEPT, Device, ids, label, state
from .cells import WIDTH, at_most, fit, plain, row, some, wrap, wrap_items

_SINGLY = 4
_INDENT = " " * 6


def kept_lines(devices: t.Sequence[Device], columns: int) -> list[str]:
    """The section; `columns` is the width of an address. What is true of all of them is said once at its beginning."""
    kept = {device["address"]: reasons(device) for device in devices if state(device) == KEPT}
    if not kept:
        return []
    common = [reason for reason in next(iter(kept.values())) if all(reason in why for why in kept.values())]
    if len(kept) == 1:
        common = []
    together: dict[tuple[Reason, ...], list[Device]] = {}
    for device in devices:
        if device["address"] in kept:
            why = tuple(reason for reason in kept[device["address"]] if reason not in common)
            together.setdefault(why, []).append(device)
    title = "1 function, with" if len(kept) == 1 else f"{len(kept)} functions, each with"
    lines = [f"STAYS WITH THE HOST  {title} the reason and what to do"]
    if common:
        lines += ["  all of them", *_told(common)]
    for why, which in sorted(together.items(), key=lambda item: (_rank(item[1]), item[1][0]["address"])):
        lines += [*_which(which, columns), *_told(why)]
    return lines


def _told(why: t.Iterable[Reason]) -> list[str]:
    lines = []
    for reason in why:
        detail = f": {reason.detail}" if reason.detail else ""
        lines += wrap(plain(f"{reason.code}{detail}"), _INDENT, len(_INDENT) + 3)
        if reason.remedy:
            lines += wrap(plain(reason.remedy), f"{_INDENT}-> ")
    return lines


def _rank(devices: t.Iterable[Device]) -> int:
    return min(KINDS.index(model_kind(device)) for device in devices)


def _which(devices: t.Sequence[Device], columns: int) -> list[str]:
    """Those that people look for one by one, or where they are many by model; the platform's own all in one."""
    lines: list[str] = []
    own: list[Model] = []
    for model in models(devices):
        if model.kind == OTHER:
            own.append(model)
        elif len(model.members) > _SINGLY:
            lines.append(_many(model, columns))
        else:
            lines += [_one(device, columns) for device in model.members]
    return lines + _own(own, columns)


def _one(device: Device, columns: int) -> str:
    return "  " + row((device["address"], columns), (ids(device), 9), (label(device), 50), (_parts(device), 38))


def _many(model: Model, columns: int) -> str:
    start = "  " + row((f"{len(model.members)} functions", columns), (model.ids, 9), (label(model.sample), 50))
    room = columns + 67
    return fit(start, room) + some([plain(device["address"]) for device in model.members], WIDTH - room)


def _own(counted: t.Sequence[Model], columns: int) -> list[str]:
    """The platform's own: one is shown as any other, of several the addresses and ids."""
    devices = [device for model in counted for device in model.members]
    if len(devices) <= 1:
        return [_one(device, columns) for device in devices]
    if len(devices) <= _SINGLY:
        named = [f"{device['address']} {ids(device)}" for device in devices]
    else:
        named = [f"{len(model.members)} x {model.ids}" for model in counted]
    return at_most(wrap_items([plain(name) for name in named], f"  {len(devices)} of the platform's own: ", 4), 2)


def _parts(device: Device) -> str:
    names = carried(device)
    return f"{driver(device)}: {names}" if names else driver(device)
