# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts as Ansible has them of the play's hosts, gathered in this run or cached."""

from __future__ import annotations

import typing as t

from .models import Facts

_NEEDED = frozenset("address vendor_id product_id class header_type claimable owner".split())


def facts_of(variables: t.Mapping[str, t.Any]) -> Facts | None:
    """What a host's variables have as `ansible_facts.hostdev`.

    None where no devices were gathered, or without the fields that tell which are free: nothing is not what there is.
    """
    facts = (variables.get("ansible_facts") or {}).get("hostdev")
    devices = facts.get("devices") if isinstance(facts, t.Mapping) else None
    if not isinstance(devices, t.Sequence) or isinstance(devices, str):
        return None
    functions = (device for device in devices if device.get("capability") == "pci")
    return facts if all(device.keys() >= _NEEDED for device in functions) else None


def facts_of_hosts(hostvars: t.Any, names: t.Iterable[str]) -> dict[str, Facts | None]:
    """`ansible_facts.hostdev` of several hosts, by name, as it lies in Ansible's cache: not to be changed."""
    return {name: facts_of({"ansible_facts": facts}) for name, facts in all_facts_of_hosts(hostvars, names).items()}


def all_facts_of_hosts(hostvars: t.Any, names: t.Iterable[str]) -> dict[str, t.Any]:
    """`ansible_facts` of several hosts, by name, as they lie in Ansible's cache: never change it. None of one without.

    `hostvars` is Ansible's `HostVars`. To look for templates in the facts of a thousand hosts, which hold none, takes
    minutes, and to copy them half a minute (`namespace_facts` in ansible/vars/clean.py). So the cache of facts is read
    itself. Ansible keeps no promise of where that is: where it is not, `raw_get` copies.
    """
    cache = getattr(getattr(hostvars, "_variable_manager", None), "_fact_cache", None)
    if cache is None:
        return {str(name): hostvars.raw_get(name).get("ansible_facts") for name in names}
    return {str(name): _cached(cache, name) for name in names}


def _cached(cache: t.Any, name: str) -> t.Any:
    try:
        return cache.get(name)
    except KeyError:
        return None
