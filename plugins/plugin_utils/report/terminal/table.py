# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts of one host as a table for terminals, of at most `cells.WIDTH` columns: what is free comes first."""

from __future__ import annotations

import typing as t

from ..ages import told as gathered_told
from ..carried import carried, driver, interfaces
from ..kinds import OTHER
from ..models import Facts, Model, functions, model_kind, models, short_name, totals
from ..states import ASIDE, FREE, KEPT, STATES, Device, ids, label, state
from .cells import WIDTH, at_most, fit, plain, row, several, width, wrap, wrap_items
from .held import held_lines, together_lines
from .kept import kept_lines
from .switches import switch_lines


def table(host: str, facts: Facts, note: str = "") -> list[str]:
    """The lines of a host's table; `note` stands in its head."""
    devices = functions(facts)
    known = {device["address"]: device for device in devices}
    columns = max([12, *(len(address) for address in known)])
    sections = [
        _head(host, facts, note),
        _free(devices, known),
        switch_lines(devices, columns),
        held_lines(facts, known, columns),
        together_lines(facts),
        _drift(facts),
        kept_lines(devices, columns),
        _groups(facts, known),
        _vfs(devices, columns),
    ]
    lines: list[str] = []
    for section in sections:
        lines += [*([""] if lines and section else []), *section]
    return lines


def _head(host: str, facts: Facts, note: str) -> list[str]:
    """Host, numbers, when that was, note; kernel, IOMMU, libvirt, claims."""
    there = facts.get("host") or {}
    versions = f"libvirt {there.get('libvirt_version')}" if there.get("libvirt") else "no libvirt"
    if there.get("hypervisor"):
        versions += f" ({there['hypervisor']} {there.get('hypervisor_version', '')}".rstrip() + ")"
    if there.get("libvirt_reason"):
        versions += f" ({there['libvirt_reason']})"
    number = len(facts.get("claims") or ())
    claims = [f"{number} claim{'' if number == 1 else 's'}"] if "claims" in facts else []
    parts = [f"kernel {there.get('kernel')}", f"IOMMU {there.get('iommu_reason')}", versions] if there else []
    told = f"{host}: {totals(facts).told()}; {gathered_told(facts)}" + (f"; {note}" if note else "")
    return [*wrap(plain(told), ""), *wrap(plain("; ".join([*parts, *claims])), "  ")]


_FREE_AT = 74
"""Where the NUMA node of what is free stands."""
_LINES = {"GPU": 4, "accelerator": 4}
"""How many lines addresses on one node may have; with one the first are there, and how many more."""


def _free(devices: t.Sequence[Device], known: t.Mapping[str, Device]) -> list[str]:
    """What may be claimed, by model and NUMA node."""
    free = [model for model in models(devices) if model.free]
    if not free:
        return ["FREE TO CLAIM  nothing"]
    lines = [
        f"FREE TO CLAIM  {sum(len(model.free) for model in free)} of {len(devices)} functions",
        "  " + row(("", 11), ("FREE", 10), ("IDS", 9), ("NAME", 34), ("NODE", -4), ("N", -3), ("ADDRESSES", 35)),
    ]
    before = ""
    for model in free:
        if model.kind != OTHER:
            lines += _free_model(model, "" if model.kind == before else model.kind, known)
            before = model.kind
    others = [f"{len(model.free)} x {plain(model.ids)}" for model in free if model.kind == OTHER]
    if others:
        count = sum(len(model.free) for model in free if model.kind == OTHER)
        start = "  " + fit(OTHER, 11) + f"  {count} of the platform's own: "
        lines += at_most(wrap_items(others, start, 15), 3)
    return lines


def _free_model(model: Model, kind: str, known: t.Mapping[str, Device]) -> list[str]:
    """A line for each NUMA node; count and name stand on the first."""
    name = label(model.sample)
    if model.pf is not None:
        name = f"{_pf_name(model.pf, known)}: {short_name(model.sample) or name}"
    start = "  " + row((kind, 11), (f"{len(model.free)} of {len(model.members)}", 10), (model.ids, 9), (name, 34))
    lines = []
    for number, free in model.free_by_node().items():
        where = row(("-" if number is None else number, -4), (len(free), -3))
        line = f"{fit(start, _FREE_AT)}{where}  "
        places = several([_place(device) for device in free], WIDTH - width(line), _LINES.get(model.kind, 1))
        lines += [line + places[0], *(" " * width(line) + more for more in places[1:])]
        start = ""
    return lines


def _place(device: Device) -> str:
    names = carried(device)
    return plain(f"{device['address']} ({names})" if names else device["address"])


def _pf_name(pf: str, known: t.Mapping[str, Device]) -> str:
    """What a PF is called: its interface, else its address."""
    names = interfaces(known[pf]) if pf in known else []
    return f"VF of {names[0] if names else pf}"


def _drift(facts: Facts) -> list[str]:
    """Differences between record and host, with the commands of what is set aside, a line each."""
    entries = facts.get("drift") or ()
    if not entries:
        return []
    lines = [f"DRIFT  {len(entries)}: `ansible-playbook kvm.hostdev.reconcile --check` says what would mend it"]
    for entry in entries:
        owner = (entry.get("owner") or {}).get("label")
        detail, _found, commands = str(entry.get("detail") or "").partition("by hand: ")
        start = f"{entry.get('code')}: {entry.get('address')}" + (f", {owner}" if owner else "")
        lines += wrap(plain(f"{start}: {detail.rstrip('; ')}"), "  ", 6)
        for command in commands.split(" && ") if commands else ():
            lines += wrap(plain(command), "      $ ", 10)
    return lines


_GROUP_LINES = 8
"""How many lines a group may have: without ACS all of a host may be one."""


def _groups(facts: Facts, known: t.Mapping[str, Device]) -> list[str]:
    """IOMMU groups of several functions that are no bridges; those of the platform's own only by their numbers."""
    lines, own = [], []
    for group in facts.get("iommu_groups") or ():
        members = [known[address] for address in group["devices"] if address in known]
        if len(members) < 2:
            continue
        if all(model_kind(device) == OTHER for device in members):
            own.append(plain(group["id"]))
        else:
            told = wrap_items([plain(_member(device)) for device in members], f"  {plain(group['id']):>5}  ")
            lines += at_most(told, _GROUP_LINES)
    if own:
        lines += at_most(wrap_items(own, f"  {'and ' if lines else ''}of the platform's own: "), 2)
    return ["IOMMU GROUPS OF SEVERAL  their members leave the host together, or none does", *lines] if lines else []


def _member(device: Device) -> str:
    stands = state(device)
    return f"{device['address']} {ids(device)} {driver(device)}" + ("" if stands == KEPT else f" ({stands})")


def _vfs(devices: t.Sequence[Device], columns: int) -> list[str]:
    """The PFs with their VFs in numbers."""
    vfs: dict[str | None, list[Device]] = {}
    for device in devices:
        vfs.setdefault(device.get("physical_function"), []).append(device)
    lines = []
    for pf in devices:
        possible, own = pf.get("total_vfs") or 0, vfs.get(pf["address"], [])
        if not own and not possible:
            continue
        states = [state(device) for device in own]
        words = {FREE: f"free of {len(own)}", ASIDE: "set aside"}
        told = [f"{states.count(name)} {words.get(name, name)}" for name in STATES if name == FREE or name in states]
        made = ", ".join(told) if own else "none made"
        cells = (pf["address"], columns), (", ".join(interfaces(pf)), 15), (ids(pf), 9), (driver(pf), 14)
        lines.append("  " + row(*cells, (f"{made}; up to {possible}", 50)))
    if not lines:
        return []
    return [
        "VIRTUAL FUNCTIONS",
        "  " + row(("PF", columns), ("INTERFACE", 15), ("IDS", 9), ("DRIVER", 14), ("VFS", 50)),
        *lines,
    ]
