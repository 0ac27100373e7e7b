# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The functions of a host counted by model: how many are free, of how many, on which NUMA nodes."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import one_line

from .kinds import KINDS, OTHER, kind
from .states import ASIDE, FREE, HELD, Device, ids, is_function, state

Facts = t.Mapping[str, t.Any]
"""`ansible_facts.hostdev` of one host, see RETURN of the module pci_facts. Parts may be missing."""
Hosts = t.Mapping[str, "Facts | None"]
"""Facts by name of the host, None for a host without."""


def functions(facts: Facts) -> list[Device]:
    """The PCI functions that could be somebody's, in order of their addresses."""
    return [device for device in facts.get("devices") or () if is_function(device)]


def model_kind(device: Device) -> str:
    """One of `kinds.KINDS`; a VF, which somebody made to give it away, is none of the platform's own."""
    word = kind(device.get("class"))
    return "accelerator" if word == OTHER and device.get("physical_function") else word


def node(device: Device) -> int | None:
    """The NUMA node, None where the host does not tell."""
    number = device.get("numa_node")
    return None if number is None or number < 0 else int(number)


def short_name(device: Device) -> str:
    """The product's name that people use: what pci.ids has in brackets, A100 SXM4 for GA100 [A100 SXM4]; or nothing."""
    name = str(device.get("product_name") or "")
    inner = re.search(r"\[([^]]+)\]\s*$", name)
    return inner.group(1) if inner else name


@dataclass
class Model:
    """Functions with the same ids; VFs are counted for each PF of their own, `pf` is None for others."""

    ids: str
    pf: str | None
    kind: str
    sample: Device
    members: list[Device] = field(default_factory=list)

    @property
    def free(self) -> list[Device]:
        return [device for device in self.members if state(device) == FREE]

    def free_by_node(self) -> dict[int | None, list[Device]]:
        """The free ones by NUMA node, the node that is not known last."""
        nodes: dict[int | None, list[Device]] = {}
        for device in self.free:
            nodes.setdefault(node(device), []).append(device)
        return dict(sorted(nodes.items(), key=lambda item: (item[0] is None, item[0] or 0)))


def models(devices: t.Iterable[Device]) -> list[Model]:
    """The models in the order in which they are shown: by kind, those with most free functions first."""
    counted: dict[tuple[str, str | None], Model] = {}
    for device in devices:
        pf = device.get("physical_function")
        key = (ids(device), pf)
        if key not in counted:
            counted[key] = Model(key[0], pf, model_kind(device), device)
        counted[key].members.append(device)
    return sorted(
        counted.values(), key=lambda model: (KINDS.index(model.kind), -len(model.free), model.ids, model.pf or "")
    )


@dataclass
class Totals:
    """Numbers of functions, and of entries of the drift; None where that was not gathered."""

    functions: int = 0
    free: int = 0
    held: int = 0
    set_aside: int = 0
    drift: int | None = None

    def add(self, other: Totals) -> None:
        """Count the other's as well."""
        self.functions += other.functions
        self.free += other.free
        self.held += other.held
        self.set_aside += other.set_aside
        if other.drift is not None:
            self.drift = (self.drift or 0) + other.drift

    def told(self, free: str = "") -> str:
        """On one line; `free` says which are free."""
        aside = f"; {self.set_aside} set aside" if self.set_aside else ""
        named = f": {free}" if free else ""
        drift = "" if self.drift is None else f"; drift {self.drift}"
        return f"{self.free} of {self.functions} functions free{named}; {self.held} held{aside}{drift}"


def totals(facts: Facts) -> Totals:
    """What there is on one host."""
    states = [state(device) for device in functions(facts)]
    drift = facts.get("drift")
    number = None if drift is None else len(drift)
    return Totals(len(states), states.count(FREE), states.count(HELD), states.count(ASIDE), number)


def summary(facts: Facts) -> str:
    """One line: `3 of 12 functions free: 2 x 10de:20b2 A100 (node 0: 1, node 1: 1), ...; 2 held; drift 0`."""
    return totals(facts).told(free_told(facts))


def free_told(facts: Facts) -> str:
    """What is free on one line, up to four models that people look for and then how many more."""
    free = [model for model in models(functions(facts)) if model.free]
    sought = [model for model in _across_pfs(free) if model.kind != OTHER][:_NAMED]
    named = [one_line(_told(model)) for model in sought]
    rest = sum(len(model.free) for model in free) - sum(len(model.free) for model in sought)
    if rest:
        named.append(f"{rest} more" if named else f"{rest} of the platform's own")
    return ", ".join(named)


_NAMED = 4


def _across_pfs(counted: t.Iterable[Model]) -> list[Model]:
    """VFs of the same ids together, whichever PF they are of."""
    joined: dict[str, Model] = {}
    for model in counted:
        if model.ids in joined:
            joined[model.ids].members.extend(model.members)
        else:
            joined[model.ids] = Model(model.ids, None, model.kind, model.sample, list(model.members))
    return list(joined.values())


def _told(model: Model) -> str:
    nodes = model.free_by_node()
    where = ", ".join(f"node {'unknown' if number is None else number}: {len(on)}" for number, on in nodes.items())
    known = f" ({where})" if any(number is not None for number in nodes) else ""
    name = short_name(model.sample)
    return f"{len(model.free)} x {model.ids}{' ' if name else ''}{name}{known}"
