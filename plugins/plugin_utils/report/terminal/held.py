# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who holds what, of PCI functions and others."""

from __future__ import annotations

import typing as t

from ..carried import driver
from ..models import Facts
from ..states import HELD, Device, ids, label, state
from ..together import together
from .cells import fit, plain, row, width, wrap

_GONE = ("removed", "moved")
"""The drift of what is not where it was claimed."""
_WIDEST = 20
"""Columns that an address or a node device's name may have."""


_OWNER = 24
"""Columns of an owner's name."""


class _Held(t.NamedTuple):
    """A line of the section."""

    owner: str
    request: str
    address: str
    ids: str
    driver: str
    name: str

    def line(self, columns: int) -> str:
        """`columns` is the width of an address; the name has what others leave."""
        widths = (_OWNER, 16, columns, 9, 14, 31 + 12 - columns)
        return "  " + row(*zip(self, widths))


_TITLE = _Held("OWNER", "REQUEST", "ADDRESS", "IDS", "DRIVER", "NAME")


def held_lines(facts: Facts, known: t.Mapping[str, Device], columns: int) -> list[str]:
    """The section; `known` are the functions by address, `columns` is the width of an address."""
    held = list(_claimed(facts, known))
    if not held:  # claims were not gathered
        holding = [device for device in known.values() if state(device) == HELD]
        held = [_function(device["owner"]["label"], "-", device) for device in holding]
    if not held:
        return []
    columns = max(columns, min(_WIDEST, max(width(plain(one.address)) for one in held)))
    title = f"HELD  {len(held)} device{'' if len(held) == 1 else 's'}"
    return [title, _TITLE.line(columns), *(one.line(columns) for one in held)]


def together_lines(facts: Facts) -> list[str]:
    """What the devices of the section above share, or do not, since their owners asked for it."""
    asked = together(facts)
    if not asked:
        return []
    told = [wrap(plain(one.told), f"  {fit(plain(', '.join(one.owners)), _OWNER)}  ") for one in asked]
    return [
        "TOGETHER  what held devices share, or do not, as their owners asked",
        *(line for one in told for line in one),
    ]


def _claimed(facts: Facts, known: t.Mapping[str, Device]) -> t.Iterator[_Held]:
    gone = {entry.get("address") for entry in facts.get("drift") or () if entry.get("code") in _GONE}
    nodes = {device.get("name"): device for device in facts["devices"] if device.get("capability") != "pci"}
    for claim in facts.get("claims") or ():
        owner = claim["owner"]["label"]
        for holding in claim.get("devices") or ():
            address, request = holding["address"], holding.get("request") or "group mate"
            if address in known:
                yield _function(owner, request, known[address])
            else:
                lacks = "not on the host" if address in gone else "not among these facts"
                yield _Held(owner, request, address, _ids(holding.get("identity") or {}), "-", lacks)
        for holding in claim.get("node_devices") or ():
            name = str(holding.get("name") or holding.get("capability"))
            device = nodes.get(name) or {}
            told = device.get("product_name") or device.get("model") or "USB or SCSI device"
            yield _Held(owner, holding.get("request") or "-", name, _ids(device), driver(device), told)


def _function(owner: str, request: str, device: Device) -> _Held:
    return _Held(owner, request, device["address"], _ids(device), driver(device), label(device))


def _ids(device: Device) -> str:
    return ids(device) if device.get("vendor_id") else "-"
