# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which devices of the facts are free, who holds the others, and pools of the free ones."""

from __future__ import annotations

import typing as t

from ansible_collections.kvm.hostdev.plugins.module_utils._model.availability.pools import pools

from .facts import Device, Facts, is_function, told
from .fitting import Functions, read_some_specs


def claimable(device: Device) -> bool:
    """Whether anybody could claim the function when it was gathered; of what is no PCI function nobody can say so."""
    if not is_function(device):
        return False
    told(device, "claimable")
    return bool(device["claimable"])


def claimed(device: Device, owner: str | None = None) -> bool:
    """Whether an owner on record holds the function, or the owner with this name or UUID does."""
    if not is_function(device):
        return False
    told(device, "owner")
    holder = device["owner"] or {}
    if owner is None:
        return bool(holder)
    is_uuid = holder.get("kind") == "domain" and owner.lower() == holder.get("id")
    return is_uuid or owner in (holder.get("label"), holder.get("id"))


def free(facts: Facts, specs: t.Any = None) -> list[Device]:
    """The functions that could be claimed, of those that fit `specs` unless that is None."""
    fitting = facts.functions if specs is None else Functions(facts).fitting(read_some_specs(specs))
    return [device for device in fitting if claimable(device)]


def free_pools(facts: Facts, specs: t.Any = None) -> list[dict[str, t.Any]]:
    """Those in pools, as in the facts; what was not gathered of where they sit and what they can is not known."""
    functions = Functions(facts)
    chosen = free(facts, specs)
    for device in chosen:
        told(device, "vendor_id", "product_id", "class", "device_type", "numa_node", "physical_function", "children")
    return pools(functions.topology, [device["address"] for device in chosen])
