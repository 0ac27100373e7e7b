# Copyright (c) 2026, kvm.hostdev contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a way keeps the rules, device by device and pair by pair, without a look at how it was found."""

from __future__ import annotations

import itertools

from ansible_collections.kvm.hostdev.plugins.module_utils._model.host.topology import Topology
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.request import parse_requests
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.allow_list import AllowList
from ansible_collections.kvm.hostdev.plugins.module_utils._model.requests.specs.device_spec import parse_device_specs


def broken(vector, host, selected):
    """The rules that the devices selected for each request of a vector break, as sentences."""
    spec = vector.get("device_spec")
    allow_list = AllowList(None if spec is None else parse_device_specs(spec, "device_spec"))
    for request in parse_requests(vector["requests"], {}):
        chosen = selected.get(request.name, [])
        if len(set(chosen)) != request.count or len(chosen) != request.count:
            yield f"{request.name} has {chosen} instead of {request.count} devices"
        asked = request.resolved(host).alternatives
        if not any(all(one.wants(host.devices[address], allow_list) for address in chosen) for one in asked):
            yield f"{request.name} has {chosen}, which its specs don't fit"
    everything = list(itertools.chain(*selected.values()))
    taken = {address for its in vector.get("held", {}).values() for one in its.values() for address in one}
    for address in set(everything):
        pf = host.devices[address].physical_function
        if everything.count(address) > 1 or pf in everything or address in {*taken, *vector.get("kept", ())}:
            yield f"{address} is had twice, or as a VF beside its PF"
    topology = Topology(host)
    for constraint in vector.get("constraints", ()):
        sides = [
            [_value(host.devices[address], topology[address], allow_list, _attribute(constraint)) for address in chosen]
            for chosen in (selected[name] for name in constraint["requests"])
        ]
        if not _holds(constraint, sides):
            yield f"{constraint} does not hold"


def _attribute(constraint):
    return constraint.get("match", constraint.get("distinct"))


def _value(device, where, allow_list, attribute):
    """What a device has of an attribute as a set: None where that is unknown, empty where it is known to have none."""
    if attribute == "pcie_switch":
        return set(where.pcie_switches)
    found = device.iommu_group if attribute == "iommu_group" else getattr(where, attribute, None)
    if found is None:
        found = (allow_list.tags_of(device) or {}).get(attribute)
    return None if found is None else {found}


def _holds(constraint, sides):
    def related(one, other):
        if one is None or other is None:
            return False
        return bool(one & other) if "match" in constraint else not one & other

    if constraint.get("pair"):
        return _all_paired([[related(one, other) for other in sides[1]] for one in sides[0]])
    return all(related(*pair) for pair in itertools.combinations(itertools.chain(*sides), 2))


def _all_paired(table):
    """Whether each row gets a column of its own that is true: by ways of exchange."""
    row_of = {}

    def find(row, seen):
        for column, fits in enumerate(table[row]):
            if fits and column not in seen:
                seen.add(column)
                if column not in row_of or find(row_of[column], seen):
                    row_of[column] = row
                    return True
        return False

    return all(find(row, set()) for row in range(len(table)))
