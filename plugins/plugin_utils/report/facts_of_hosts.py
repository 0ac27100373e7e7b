# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts as Ansible has them of the play's hosts, gathered in this run or cached."""

from __future__ import annotations

import typing as t

from ansible.utils.display import Display

from ansible_collections.kvm.hostdev.plugins.module_utils._model.errors import HostdevError

from ..queries.facts import check_parts
from .models import Facts

_NEEDED = frozenset("address vendor_id product_id class header_type claimable owner".split())


def facts_of(variables: t.Mapping[str, t.Any]) -> Facts | None:
    """What a host's variables have as `ansible_facts.hostdev`.

    None where no devices were gathered, or without the fields that tell which are free: nothing is not what there is.
    Raises HostdevError for facts of which a part is no such thing, such as those of a damaged cache.
    """
    gathered = variables.get("ansible_facts")
    facts = gathered.get("hostdev") if isinstance(gathered, t.Mapping) else None
    if not isinstance(facts, t.Mapping) or not isinstance(facts.get("devices"), list):
        return None
    check_parts(facts)
    return facts if tells_free(facts) else None


def tells_free(facts: Facts) -> bool:
    """Whether devices were gathered with the fields that tell which are free."""
    functions = (device for device in facts.get("devices") or () if device["capability"] == "pci")
    return "devices" in facts and all(device.keys() >= _NEEDED for device in functions)


def facts_of_hosts(hostvars: t.Any, names: t.Iterable[str]) -> dict[str, Facts | None]:
    """`ansible_facts.hostdev` of several hosts, by name, as it lies in Ansible's cache: not to be changed.

    None of a host without, and of one whose facts are damaged, which a warning tells.
    """
    found: dict[str, Facts | None] = {}
    for name, gathered in all_facts_of_hosts(hostvars, names).items():
        try:
            found[name] = facts_of({"ansible_facts": gathered})
        except HostdevError as error:
            Display().warning(f"left out, as without facts: {name}: {error.message}")
            found[name] = None
    return found


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
