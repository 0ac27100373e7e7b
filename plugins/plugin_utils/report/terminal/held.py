# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who holds what, of PCI functions and others."""

from __future__ import annotations

import typing as t

from ..carried import driver
from ..claimed import UNKNOWN, Claimed, claimed_of, labels_of, minutes
from ..models import Facts
from ..states import HELD, Device, ids, label, state
from ..together import together
from .cells import WIDTH, fit, plain, row, width, wrap, wrap_items

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
    since: str
    due: str
    name: str


class _Columns:
    """The columns of the section. Those of times are there where they say something; the name has what others leave."""

    def __init__(self, times: t.Collection[Claimed], address: int) -> None:
        """`times` are those of what is held, `address` is the width of an address."""
        since, due = any(one.since for one in times), any(one.until for one in times)
        widths = {"owner": 24, "request": 16, "address": address, "ids": 9}
        if since or due:
            widths.update(owner=18, request=12)
        # Of what is held it is nearly always the same driver.
        times = {**({"since": 16} if since else {}), **({"due": 18} if due else {})}
        widths.update(times if due else {"driver": 14, **times})
        self._widths = {**widths, "name": WIDTH - 4 - sum(widths.values()) - 2 * len(widths)}

    def line(self, held: _Held) -> str:
        return "  " + row(*((getattr(held, name), columns) for name, columns in self._widths.items()))


_TITLE = _Held("OWNER", "REQUEST", "ADDRESS", "IDS", "DRIVER", "SINCE", "DUE BACK", "NAME")
_GIVE_BACK = "`ansible-playbook kvm.hostdev.release -e hostdev_expired=true` gives that back"


def held_lines(facts: Facts, known: t.Mapping[str, Device], columns: int) -> list[str]:
    """The section; `known` are the functions by address, `columns` is the width of an address."""
    held = list(_claimed(facts, known))
    if not held:  # claims were not gathered
        holding = [device for device in known.values() if state(device) == HELD]
        held = [_function(device["owner"]["label"], "-", device) for device in holding]
    if not held:
        return []
    columns = max(columns, min(_WIDEST, max(width(plain(one.address)) for one in held)))
    times = claimed_of(facts)
    held = [_timed(one, times.get(one.address, UNKNOWN)) for one in held]
    late = sum(one.overdue for one in times.values())
    told = f", {late} overdue: {_GIVE_BACK}" if late else ""
    title = f"HELD  {len(held)} device{'' if len(held) == 1 else 's'}{told}"
    table = _Columns(times.values(), columns)
    return [title, *map(table.line, (_TITLE, *held)), *_labels(facts)]


def _labels(facts: Facts) -> list[str]:
    """What is said of claims, of those that have labels."""
    told = [
        plain(f"{claim['owner']['label']} ({', '.join(labels)})")
        for claim in facts.get("claims") or ()
        if (labels := labels_of(claim))
    ]
    return wrap_items(told, "  LABELS: ", 10) if told else []


def _timed(held: _Held, times: Claimed) -> _Held:
    since = "-" if times.since is None else minutes(times.since)
    return held._replace(since=since, due=minutes(times.until) + (" !" if times.overdue else ""))


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
                lacks = "not on the host" if address in gone else "not in these facts"
                yield _Held(owner, request, address, _ids(holding.get("identity") or {}), "-", "-", "-", lacks)
        for holding in claim.get("node_devices") or ():
            name = str(holding.get("name") or holding.get("capability"))
            device = nodes.get(name) or {}
            told = device.get("product_name") or device.get("model") or "USB or SCSI device"
            yield _Held(owner, holding.get("request") or "-", name, _ids(device), driver(device), "-", "-", told)


def _function(owner: str, request: str, device: Device) -> _Held:
    return _Held(owner, request, device["address"], _ids(device), driver(device), "-", "-", label(device))


def _ids(device: Device) -> str:
    return ids(device) if device.get("vendor_id") else "-"
